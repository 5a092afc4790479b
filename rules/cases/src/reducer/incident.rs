//! Signals to incidents: opening, opening again, updating.

use std::sync::Arc;

use gengfu_model::{
    Assertion, Device, DeviceLife, EffectSink, Evidence, Incident, IncidentState, Signal, Timestamp, Why,
};

use super::clearing::release;
use super::device::{maintenance, note_quiet};
use super::place::Place;
use super::standing::announce;
use super::state::{Hold, Track, TrackKey};
use super::transition::{Change, put_out};
use super::{At, Reducer, group, storm_extent, timer};

/// A raise with its parts named.
struct Raised {
    hold: Hold,
    late: bool,
    cooldown_ms: i64,
    evidence: Box<Evidence>,
}

pub(super) fn signal(reducer: &mut Reducer, at: At, device: &Device, signal: Signal, out: &mut EffectSink) {
    let Signal { rule, rule_version, key, assertion, evidence } = signal;
    if let Assertion::Member { holds } = assertion {
        return group::said(reducer, at, device, (&rule, &rule_version), holds, &evidence, out);
    }
    let index = (device.id.clone(), rule.clone(), key.clone());
    if let Some(asset) = reducer.holds.get(&index).filter(|asset| **asset != device.asset_code).cloned() {
        // The sensor was fixed to another asset: what it held there it cannot see any more.
        let old = TrackKey { rule: rule.clone(), asset, key: key.clone() };
        release(reducer, at, device, &old, &Arc::from("retired"), evidence.clone(), out);
    }
    let track = TrackKey { rule, asset: device.asset_code.clone(), key };
    match assertion {
        Assertion::Raise { severity, condition, value, text_zh, text_en, late, cooldown_ms } => {
            maintenance(reducer, at, device, &track, out);
            let (device_id, quiet, place) =
                (device.id.clone(), in_maintenance(device), Some(Box::new(Place::of(device))));
            let hold =
                Hold { device: device_id, quiet, rule_version, severity, condition, value, text_zh, text_en, place };
            raise(reducer, at, device, &track, Raised { hold, late, cooldown_ms, evidence }, out);
        }
        // The engine's to send: no incident comes of it.
        Assertion::Command { .. } => {}
        Assertion::Clear { reason } => {
            note_quiet(reducer, device, &track, out);
            release(reducer, at, device, &track, &reason, evidence, out);
        }
        Assertion::Member { .. } => {}
    }
}

fn raise(reducer: &mut Reducer, at: At, device: &Device, key: &TrackKey, raised: Raised, out: &mut EffectSink) {
    // A caller that fires timers in time finds nothing to expire here.
    if reducer.tracks.get(key).and_then(Track::due).is_some_and(|due| due <= at.now) {
        timer::expire(reducer, at, key, out);
    }
    let track = reducer.tracks.get(key).cloned();
    let incident = track.as_ref().and_then(|track| reducer.incidents.get(&track.incident?)).cloned();
    match (track, incident) {
        (Some(track), Some(incident)) if incident.state == IncidentState::Open => {
            update(reducer, at, device, track, incident, raised, out);
        }
        (Some(track), Some(incident)) => reopen(reducer, at, device, track, incident, raised, out),
        (track, _) => open(reducer, at, device, key, track, raised, out),
    }
    reducer.note_hold(&device.id, key);
}

fn open(
    reducer: &mut Reducer,
    at: At,
    device: &Device,
    key: &TrackKey,
    track: Option<Track>,
    raised: Raised,
    out: &mut EffectSink,
) {
    let Raised { hold, late, cooldown_ms, evidence } = raised;
    let incident = Incident {
        id: out.reserve(),
        rule: key.rule.clone(),
        rule_version: hold.rule_version,
        asset: key.asset.clone(),
        device: device.id.clone(),
        kind: device.kind,
        key: key.key.clone(),
        condition: hold.condition,
        severity: hold.severity,
        worst: hold.severity,
        state: IncidentState::Open,
        district: device.district.clone(),
        opened: at.now,
        updated: at.now,
        cleared: None,
        cleared_by: None,
        value: hold.value,
        late,
        reopened: 0,
        text_zh: hold.text_zh,
        text_en: hold.text_en,
        parent: None,
        case: None,
        silenced_by: None,
        inhibited_by: None,
    };
    let track = Track {
        incident: Some(incident.id),
        cooldown_ms,
        quiet: in_maintenance(device),
        opens: opened_again(reducer, at.now, track.map_or_else(Vec::new, |track| track.opens)),
        reopen_until: None,
        forget_at: None,
        pending: None,
        member: None,
        place: Some(Box::new(Place::of(device))),
        causes: Vec::new(),
        others: Vec::new(),
    };
    let change = Change { name: "opened", topic: Some("incident.opened"), quiet: track.quiet, place: true };
    reducer.save_track(key, Some(track), out);
    put_out(reducer, at, Some(device), incident, change, evidence, out);
}

fn reopen(
    reducer: &mut Reducer,
    at: At,
    device: &Device,
    mut track: Track,
    mut incident: Incident,
    raised: Raised,
    out: &mut EffectSink,
) {
    let key = TrackKey::of(&incident);
    raised.hold.lead(&mut incident);
    incident.state = IncidentState::Open;
    incident.updated = at.now;
    incident.cleared = None;
    incident.cleared_by = None;
    incident.reopened = incident.reopened.saturating_add(1);
    track.opens = opened_again(reducer, at.now, track.opens);
    track.cooldown_ms = raised.cooldown_ms;
    track.quiet = in_maintenance(device);
    track.reopen_until = None;
    track.forget_at = None;
    track.place = Some(Box::new(Place::of(device)));
    let change = Change { name: "reopened", topic: Some("incident.opened"), quiet: track.quiet, place: true };
    reducer.save_track(&key, Some(track), out);
    put_out(reducer, at, Some(device), incident, change, raised.evidence, out);
}

fn update(
    reducer: &mut Reducer,
    at: At,
    device: &Device,
    mut track: Track,
    mut incident: Incident,
    raised: Raised,
    out: &mut EffectSink,
) {
    let key = TrackKey::of(&incident);
    let was_quiet = track.is_quiet();
    let led = Hold::leading(&incident, &track);
    track.others.retain(|other| other.device != device.id);
    if incident.device != device.id {
        // With a clear pending, the leading device does not hold it any more.
        if track.pending.is_some() {
            reducer.drop_hold(&incident.device, &key);
        } else {
            track.others.push(led.clone());
        }
    }
    track.pending = None;
    track.cooldown_ms = raised.cooldown_ms;
    track.others.push(raised.hold);
    let Some(lead) = take_worst(&mut track.others) else { return };
    track.quiet = lead.quiet;
    // What another device says worse leads on, where that one stands.
    track.place = lead.place.clone().or(track.place);
    let quiet = track.is_quiet();
    let unannounced = was_quiet && !quiet && incident.case.is_none();
    if lead.says_as(&led) {
        let there = track.leader(&incident, device);
        reducer.save_track(&key, Some(track), out);
        storm_extent::stands_elsewhere(reducer, at, &key, out);
        if unannounced {
            announce(reducer, at, &there, incident, Why::MaintenanceOver, out);
        }
        return;
    }
    let worst_before = incident.worst;
    lead.lead(&mut incident);
    let there = track.leader(&incident, device);
    reducer.save_track(&key, Some(track), out);
    storm_extent::stands_elsewhere(reducer, at, &key, out);
    incident.updated = at.now;
    let other_condition = incident.condition != led.condition;
    // What staff closed while it still held comes back as a case when it gets worse than it ever was.
    let abandoned = incident.case.is_none_or(|id| !reducer.cases.contains_key(&id));
    let change = Change {
        name: "updated",
        topic: (other_condition || incident.severity != led.severity).then_some("incident.updated"),
        quiet,
        place: unannounced || other_condition || (abandoned && incident.severity > worst_before),
    };
    put_out(reducer, at, Some(&there), incident, change, raised.evidence, out);
}

/// The openings with one more, cut to what the flapping guard counts.
fn opened_again(reducer: &Reducer, now: Timestamp, mut opens: Vec<Timestamp>) -> Vec<Timestamp> {
    let Some(flapping) = reducer.profile.flapping else { return Vec::new() };
    opens.retain(|open| now.since_ms(*open) < flapping.within_ms);
    opens.push(now);
    let times = usize::try_from(flapping.times).unwrap_or(usize::MAX);
    let surplus = opens.len().saturating_sub(times);
    opens.drain(..surplus);
    opens
}

/// Takes out the worst; of equals, the last.
pub(super) fn take_worst(holds: &mut Vec<Hold>) -> Option<Hold> {
    let (index, _) = holds.iter().enumerate().max_by_key(|(_, hold)| hold.severity)?;
    Some(holds.remove(index))
}

pub(super) fn in_maintenance(device: &Device) -> bool {
    device.life == DeviceLife::Maintenance
}
