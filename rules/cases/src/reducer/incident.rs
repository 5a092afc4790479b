//! Signals to incidents: opening, updating, clearing, opening again, and who holds them.

use std::sync::Arc;

use gengfu_model::{
    Assertion, Device, DeviceId, DeviceLife, Effect, EffectSink, Evidence, Incident, IncidentState, Signal, Timestamp,
};

use super::state::{Hold, PendingClear, Track, TrackKey};
use super::{At, Reducer, case, notify, timer};

/// What is put out about an incident's transition.
struct Change {
    /// The explanation's word.
    name: &'static str,
    /// The topic for others, if they are to be told.
    topic: Option<&'static str>,
    /// The device is in maintenance: recorded, but no case and no message.
    quiet: bool,
    /// It needs a case even if it had one.
    place: bool,
}

/// A raise with its parts named.
struct Raised {
    hold: Hold,
    late: bool,
    cooldown_ms: i64,
    evidence: Box<Evidence>,
}

pub(super) fn signal(reducer: &mut Reducer, at: At, device: &Device, signal: Signal, out: &mut EffectSink) {
    let Signal { rule, rule_version, key, assertion, evidence } = signal;
    let index = (device.id.clone(), rule.clone(), key.clone());
    if let Some(asset) = reducer.holds.get(&index).filter(|asset| **asset != device.asset_code).cloned() {
        // The sensor was fixed to another asset: what it held there it cannot see any more.
        let old = TrackKey { rule: rule.clone(), asset, key: key.clone() };
        release(reducer, at, &device.id, &old, &Arc::from("retired"), evidence.clone(), out);
    }
    let track = TrackKey { rule, asset: device.asset_code.clone(), key };
    match assertion {
        Assertion::Raise { severity, condition, value, text_zh, text_en, late, cooldown_ms } => {
            let device_id = device.id.clone();
            let hold = Hold { device: device_id, rule_version, severity, condition, value, text_zh, text_en };
            raise(reducer, at, device, &track, Raised { hold, late, cooldown_ms, evidence }, out);
        }
        Assertion::Clear { reason } => release(reducer, at, &device.id, &track, &reason, evidence, out),
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

fn in_maintenance(device: &Device) -> bool {
    device.life == DeviceLife::Maintenance
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
    };
    let track = Track {
        incident: Some(incident.id),
        cooldown_ms,
        quiet: in_maintenance(device),
        opens: opened_again(reducer, at.now, track.map_or_else(Vec::new, |track| track.opens)),
        reopen_until: None,
        forget_at: None,
        pending: None,
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
    let led = Hold::leading(&incident);
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
    if lead.device == device.id {
        track.quiet = in_maintenance(device);
    }
    let quiet = track.quiet;
    reducer.save_track(&key, Some(track), out);
    if lead == led {
        return;
    }
    let worst_before = incident.worst;
    lead.lead(&mut incident);
    incident.updated = at.now;
    let other_condition = incident.condition != led.condition;
    // What staff closed while it still held comes back as a case when it gets worse than it ever was.
    let abandoned = incident.case.is_none_or(|id| !reducer.cases.contains_key(&id));
    let change = Change {
        name: "updated",
        topic: (other_condition || incident.severity != led.severity).then_some("incident.updated"),
        quiet,
        place: other_condition || (abandoned && incident.severity > worst_before),
    };
    put_out(reducer, at, Some(device), incident, change, raised.evidence, out);
}

/// Takes out the worst; of equals, the last.
fn take_worst(holds: &mut Vec<Hold>) -> Option<Hold> {
    let (index, _) = holds.iter().enumerate().max_by_key(|(_, hold)| hold.severity)?;
    Some(holds.remove(index))
}

/// A device lets go of what it holds. What it does not hold stays.
fn release(
    reducer: &mut Reducer,
    at: At,
    device: &DeviceId,
    key: &TrackKey,
    reason: &Arc<str>,
    evidence: Box<Evidence>,
    out: &mut EffectSink,
) {
    let Some(mut track) = reducer.tracks.get(key).cloned() else { return };
    let Some(mut incident) = track.incident.and_then(|id| reducer.incidents.get(&id)).cloned() else { return };
    if incident.state != IncidentState::Open {
        return;
    }
    if let Some(index) = track.others.iter().position(|other| other.device == *device) {
        track.others.remove(index);
        reducer.drop_hold(device, key);
        reducer.save_track(key, Some(track), out);
        return;
    }
    if incident.device != *device {
        return;
    }
    if let Some(lead) = take_worst(&mut track.others) {
        reducer.drop_hold(device, key);
        let led = Hold::leading(&incident);
        let topic = (led.severity != lead.severity || led.condition != lead.condition).then_some("incident.updated");
        let change = Change { name: "updated", topic, quiet: track.quiet, place: false };
        reducer.save_track(key, Some(track), out);
        lead.lead(&mut incident);
        incident.updated = at.now;
        put_out(reducer, at, None, incident, change, evidence, out);
        return;
    }
    if &**reason == "clear" {
        if track.pending.is_some() {
            return;
        }
        if let Some(due) = waits_for_quiet(reducer, at.now, &track) {
            track.pending = Some(PendingClear { due, reason: reason.clone(), evidence: *evidence });
            reducer.save_track(key, Some(track), out);
            return;
        }
    }
    clear_now(reducer, at, key, track, reason.clone(), evidence, out);
}

/// Until when a clear waits, if the incident flaps.
fn waits_for_quiet(reducer: &Reducer, now: Timestamp, track: &Track) -> Option<Timestamp> {
    let flapping = reducer.profile.flapping?;
    let recent = track.opens.iter().filter(|open| now.since_ms(**open) < flapping.within_ms).count();
    let flaps = u32::try_from(recent).unwrap_or(u32::MAX) >= flapping.times;
    flaps.then(|| now.plus_ms(flapping.quiet_ms))
}

/// Clears an open incident, whoever holds it.
pub(super) fn clear_now(
    reducer: &mut Reducer,
    at: At,
    key: &TrackKey,
    mut track: Track,
    reason: Arc<str>,
    evidence: Box<Evidence>,
    out: &mut EffectSink,
) {
    let Some(mut incident) = track.incident.and_then(|id| reducer.incidents.get(&id)).cloned() else { return };
    reducer.drop_hold(&incident.device, key);
    for other in track.others.drain(..) {
        reducer.drop_hold(&other.device, key);
    }
    let comes_back = &*reason == "clear";
    track.pending = None;
    track.reopen_until = (comes_back && track.cooldown_ms > 0).then(|| at.now.plus_ms(track.cooldown_ms));
    let flapping = reducer.profile.flapping.filter(|_| comes_back);
    let counted_until = flapping.zip(track.opens.last()).map(|(flapping, open)| open.plus_ms(flapping.within_ms));
    track.forget_at = track.reopen_until.max(counted_until).filter(|forget| *forget > at.now);
    let gone = track.reopen_until.is_none();
    if gone {
        track.incident = None;
    }
    let quiet = track.quiet;
    let keep = track.forget_at.is_some();
    reducer.save_track(key, keep.then_some(track), out);
    incident.state = IncidentState::Cleared;
    incident.updated = at.now;
    incident.cleared = Some(at.now);
    incident.cleared_by = Some(reason);
    let (id, of_case) = (incident.id, incident.case);
    let change = Change { name: "cleared", topic: Some("incident.cleared"), quiet, place: false };
    put_out(reducer, at, None, incident, change, evidence, out);
    if gone {
        reducer.incidents.remove(&id);
    }
    if let Some(of_case) = of_case {
        case::close_if_gone(reducer, at, of_case, out);
    }
}

/// Puts an incident out with its explanation, its message and what it means for its case.
fn put_out(
    reducer: &mut Reducer,
    at: At,
    device: Option<&Device>,
    mut incident: Incident,
    change: Change,
    evidence: Box<Evidence>,
    out: &mut EffectSink,
) {
    let id = incident.id;
    let old_case = incident.case;
    let placement = match device {
        Some(device) if change.place && !change.quiet => case::place(reducer, device, &incident, out),
        _ => case::Placement::None,
    };
    incident.case = placement.case().or(old_case);
    let told = incident.clone();
    reducer.save_incident(incident, out);
    out.push(Effect::Explanation { incident: id, change: change.name, evidence });
    if let Some(topic) = change.topic.filter(|_| !change.quiet) {
        notify::incident(reducer, at, topic, &told, out);
    }
    settle(reducer, at, device, &told, old_case, placement, change.quiet, out);
}

/// What an incident that was put out means for its cases.
#[expect(clippy::too_many_arguments, reason = "the parts of one transition, each used once")]
fn settle(
    reducer: &mut Reducer,
    at: At,
    device: Option<&Device>,
    incident: &Incident,
    old_case: Option<gengfu_model::EffectId>,
    placement: case::Placement,
    quiet: bool,
    out: &mut EffectSink,
) {
    let stays = placement.case().is_none_or(|case| Some(case) == old_case);
    match (placement, device) {
        (case::Placement::Open(plan), Some(device)) => case::open(reducer, at, device, incident, plan, out),
        (case::Placement::Join(plan), Some(_)) => case::join(reducer, at, incident, &plan, out),
        _ => {
            if let Some(id) = incident.case {
                case::refresh(reducer, at, id, Some(incident), quiet, out);
            }
        }
    }
    if let Some(left) = old_case.filter(|_| !stays) {
        case::refresh(reducer, at, left, None, quiet, out);
        case::close_if_gone(reducer, at, left, out);
    }
}

pub(super) fn withdraw(reducer: &mut Reducer, at: At, declared: &dyn Fn(&str, &str) -> bool, out: &mut EffectSink) {
    let gone = |key: &&TrackKey| !declared(&key.rule, &key.key);
    let keys: Vec<TrackKey> = reducer.tracks.keys().filter(gone).cloned().collect();
    for key in keys {
        clear_unasked(reducer, at, &key, "withdrawn", out);
    }
}

/// Clears what is open by that key, with no rule that says so.
fn clear_unasked(reducer: &mut Reducer, at: At, key: &TrackKey, reason: &str, out: &mut EffectSink) {
    let Some(track) = reducer.tracks.get(key).cloned() else { return };
    let open = |incident: &&Incident| incident.state == IncidentState::Open;
    if track.incident.and_then(|id| reducer.incidents.get(&id)).filter(open).is_some() {
        clear_now(reducer, at, key, track, reason.into(), unasked(at, reason), out);
    }
}

/// Evidence of what no rule decided.
fn unasked(at: At, trigger: &str) -> Box<Evidence> {
    Box::new(Evidence { trigger: trigger.to_owned(), now: at.now, seq: at.seq, ..Evidence::default() })
}

pub(super) fn register(reducer: &mut Reducer, at: At, device: &Device, out: &mut EffectSink) {
    for key in held_by(reducer, &device.id) {
        if device.life == DeviceLife::Retired || key.asset != device.asset_code {
            release(reducer, at, &device.id, &key, &Arc::from("retired"), unasked(at, "retired"), out);
        } else {
            maintenance(reducer, at, device, &key, out);
        }
    }
}

/// What a device holds, in the order of (rule, key).
fn held_by(reducer: &Reducer, device: &DeviceId) -> Vec<TrackKey> {
    let none: Arc<str> = Arc::from("");
    let from = (device.clone(), none.clone(), none);
    let own = reducer.holds.range(from..).take_while(|((holder, ..), _)| holder == device);
    own.map(|((_, rule, key), asset)| TrackKey { rule: rule.clone(), asset: asset.clone(), key: key.clone() }).collect()
}

/// Maintenance of a device that leads an open incident began or ended.
fn maintenance(reducer: &mut Reducer, at: At, device: &Device, key: &TrackKey, out: &mut EffectSink) {
    let Some(mut track) = reducer.tracks.get(key).cloned() else { return };
    let Some(mut incident) = track.incident.and_then(|id| reducer.incidents.get(&id)).cloned() else { return };
    let quiet = in_maintenance(device);
    if incident.device != device.id || track.quiet == quiet {
        return;
    }
    track.quiet = quiet;
    reducer.save_track(key, Some(track), out);
    let has_case = incident.case.is_some_and(|id| reducer.cases.contains_key(&id));
    if quiet || has_case {
        return;
    }
    let old_case = incident.case;
    let placement = case::place(reducer, device, &incident, out);
    incident.case = placement.case().or(old_case);
    incident.updated = at.now;
    let told = incident.clone();
    reducer.save_incident(incident, out);
    notify::incident(reducer, at, "incident.opened", &told, out);
    settle(reducer, at, Some(device), &told, old_case, placement, false, out);
}

pub(super) fn hand_over(reducer: &mut Reducer, at: At, from: &DeviceId, to: &Device, out: &mut EffectSink) {
    if *from == to.id {
        return;
    }
    for key in held_by(reducer, from).into_iter().filter(|key| key.asset == to.asset_code) {
        let Some(mut track) = reducer.tracks.get(&key).cloned() else { continue };
        let Some(mut incident) = track.incident.and_then(|id| reducer.incidents.get(&id)).cloned() else { continue };
        reducer.drop_hold(from, &key);
        reducer.note_hold(&to.id, &key);
        if incident.device == *from {
            // What the new sensor says itself stands behind what it takes over, until its next verdict.
            track.others.retain(|other| other.device != to.id);
            track.quiet = in_maintenance(to);
            incident.device = to.id.clone();
            incident.updated = at.now;
            reducer.save_incident(incident, out);
        } else {
            let speaks = incident.device == to.id || track.others.iter().any(|other| other.device == to.id);
            if speaks {
                track.others.retain(|other| other.device != *from);
            } else if let Some(other) = track.others.iter_mut().find(|other| other.device == *from) {
                other.device = to.id.clone();
            }
        }
        reducer.save_track(&key, Some(track), out);
    }
}
