//! The end of incidents: devices let go, flapping waits for quiet, packs withdraw.

use std::sync::Arc;

use gengfu_model::{Attributes, DecisionKind, Device, EffectSink, Evidence, Incident, IncidentState, Timestamp, Why};

use super::incident::take_worst;
use super::state::{PendingClear, Track, TrackKey};
use super::transition::{Change, put_out};
use super::{At, Reducer, case, decide, silence, standing, storm_extent, storm_over};

/// A device lets go of what it holds. What it does not hold stays.
///
/// `device` may be fixed to another asset by now.
pub(super) fn release(
    reducer: &mut Reducer,
    at: At,
    device: &Device,
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
    if let Some(index) = track.others.iter().position(|other| other.device == device.id) {
        track.others.remove(index);
        reducer.drop_hold(&device.id, key);
        reducer.save_track(key, Some(track), out);
        return;
    }
    if incident.device != device.id {
        return;
    }
    if let Some(lead) = take_worst(&mut track.others) {
        reducer.drop_hold(&device.id, key);
        track.quiet = lead.quiet;
        track.place = lead.place.clone().or(track.place);
        let there = lead.place.clone();
        let other_condition = incident.condition != lead.condition;
        let told = other_condition || incident.severity != lead.severity;
        let place = other_condition || incident.case.is_none();
        let topic = told.then_some("incident.updated");
        let change = Change { name: "updated", topic, quiet: track.is_quiet(), place };
        reducer.save_track(key, Some(track), out);
        storm_extent::stands_elsewhere(reducer, at, key, out);
        lead.lead(&mut incident);
        incident.updated = at.now;
        let there = there.map_or_else(|| standing_at(device, &incident), |place| place.device(&incident));
        put_out(reducer, at, Some(&there), incident, change, evidence, out);
        return;
    }
    if &**reason == "clear" {
        if track.pending.is_some() {
            return;
        }
        if let Some(due) = waits_for_quiet(reducer, at.now, &track) {
            track.pending = Some(PendingClear { due, reason: reason.clone(), evidence: *evidence });
            reducer.save_track(key, Some(track), out);
            decide::about(at, &incident, DecisionKind::FlappingHeld, Why::Flapping, out);
            return;
        }
    }
    clear_now(reducer, at, key, track, reason.clone(), evidence, out);
}

/// The register's entry of a device as far as it tells about the incident's asset. A device that was fixed
/// to another asset still tells the asset's type, and nothing about the place.
fn standing_at(device: &Device, incident: &Incident) -> Device {
    if device.asset_code == incident.asset {
        return device.clone();
    }
    Device {
        asset_code: incident.asset.clone(),
        name: "".into(),
        latitude: None,
        longitude: None,
        district: incident.district.clone(),
        grid: "".into(),
        attributes: Attributes::default(),
        ..device.clone()
    }
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
    let quiet = track.is_quiet();
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
    let keep = track.forget_at.is_some();
    let member = track.member.take();
    track.place = None;
    track.causes.clear();
    reducer.save_track(key, keep.then_some(track), out);
    incident.state = IncidentState::Cleared;
    incident.updated = at.now;
    incident.cleared = Some(at.now);
    incident.cleared_by = Some(reason);
    let (id, of_case) = (incident.id, incident.case);
    let change = Change { name: "cleared", topic: Some("incident.cleared"), quiet, place: false };
    let cleared = incident.clone();
    put_out(reducer, at, None, incident, change, evidence, out);
    if gone {
        reducer.forget_incident(id);
    }
    silence::cleared(reducer, at, &cleared, out);
    if let Some(member) = member {
        storm_over::left(reducer, at, &member.storm, out);
    }
    if let Some(of_case) = of_case {
        case::close_if_gone(reducer, at, of_case, out);
    }
    standing::release(reducer, at, id, Why::CauseOver, out);
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
pub(super) fn unasked(at: At, trigger: &str) -> Box<Evidence> {
    Box::new(Evidence { trigger: trigger.to_owned(), now: at.now, seq: at.seq, ..Evidence::default() })
}
