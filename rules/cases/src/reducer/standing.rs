//! Where an open incident stands: held back by a silence or by what explains it, in a storm, or for itself.
//!
//! An open incident that is not in maintenance is in exactly one of these places, looked for in this order:
//! an active silence, a storm that has begun, an open cause, a storm that begins with it, and else its own case
//! (or none, where the profile wants none). What already has an open case of its own is not taken out of it: a
//! silence only keeps it from calling. When what held it back is over, it is looked at again and raised at once.

use gengfu_model::{DecisionKind, Device, EffectId, EffectSink, Evidence, Incident, IncidentState, Why};

use super::clearing::unasked;
use super::state::{StormKey, TrackKey};
use super::storm::Entry;
use super::transition::settle;
use super::{At, Reducer, case, decide, group, notify, silence, storm};

/// Finds the place of an open incident and notes it on the incident.
pub(super) fn stand(
    reducer: &mut Reducer,
    at: At,
    device: &Device,
    incident: &mut Incident,
    evidence: &Evidence,
    out: &mut EffectSink,
) -> Entry {
    note_causes(reducer, device, incident, out);
    let held = held_back(reducer, at, device, incident, out, true);
    held.unwrap_or_else(|| storm::enter(reducer, at, device, incident, evidence, out))
}

/// As [`stand`], for what leaves a storm: it enters none.
pub(super) fn stand_alone(
    reducer: &mut Reducer,
    at: At,
    device: &Device,
    incident: &mut Incident,
    out: &mut EffectSink,
) -> Entry {
    held_back(reducer, at, device, incident, out, false).unwrap_or(Entry::Alone)
}

fn held_back(
    reducer: &mut Reducer,
    at: At,
    device: &Device,
    incident: &mut Incident,
    out: &mut EffectSink,
    with_storms: bool,
) -> Option<Entry> {
    let before = incident.silenced_by.take();
    incident.inhibited_by = None;
    let has_case = has_open_case(reducer, incident);
    // The case of what explains it is none of its own.
    if has_case && !in_case_of_cause(reducer, device, incident) {
        return None;
    }
    let key = TrackKey::of(incident);
    if let Some(silence) = silence::covering(reducer, device, incident).filter(|_| !has_case) {
        storm::leave(reducer, at, &key, out);
        incident.parent = None;
        incident.silenced_by = Some(silence);
        if before != Some(silence) {
            silence::count_held(reducer, at, silence, out);
        }
        return Some(Entry::Silenced(silence));
    }
    if with_storms && storm::active(reducer, device, incident).is_some() {
        return None;
    }
    cause_of(reducer, device, incident)?;
    storm::leave(reducer, at, &key, out);
    incident.parent = None;
    // Without it, its storm may be over, and may have been the cause.
    let cause = cause_of(reducer, device, incident)?;
    incident.inhibited_by = Some(cause);
    Some(Entry::Inhibited(cause))
}

/// Whether an incident is in a case that is not final.
pub(super) fn has_open_case(reducer: &Reducer, incident: &Incident) -> bool {
    incident.case.is_some_and(|id| reducer.cases.contains_key(&id))
}

/// Whether an incident went into the case of the one that explains it, and is still explained by that one.
fn in_case_of_cause(reducer: &Reducer, device: &Device, incident: &Incident) -> bool {
    let cause = cause_of(reducer, device, incident).and_then(|id| reducer.incidents.get(&id));
    cause.is_some_and(|cause| cause.case == incident.case)
}

/// An open incident that explains this one, by the profile's table.
pub(super) fn cause_of(reducer: &Reducer, device: &Device, incident: &Incident) -> Option<EffectId> {
    let rules = reducer.profile.inhibitions.get(&incident.condition)?;
    rules.iter().find_map(|rule| {
        rule.by.iter().find_map(|by| {
            let group = case::group_of(by, device)?;
            let key = StormKey { condition: rule.cause.clone(), group };
            let by_rule = reducer.causes.get(&key).and_then(|ids| ids.iter().find(|id| **id != incident.id));
            by_rule.copied().or_else(|| storm::parent_with(reducer, &key))
        })
    })
}

/// Notes what an incident explains for others.
fn note_causes(reducer: &mut Reducer, device: &Device, incident: &Incident, out: &mut EffectSink) {
    let key = TrackKey::of(incident);
    let Some(track) = reducer.tracks.get(&key) else { return };
    let rules = reducer.profile.inhibitions.values().flatten().filter(|rule| rule.cause == incident.condition);
    let mut causes: Vec<StormKey> = rules
        .flat_map(|rule| rule.by.iter().filter_map(|by| case::group_of(by, device)))
        .map(|group| StormKey { condition: incident.condition.clone(), group })
        .collect();
    causes.sort_unstable();
    causes.dedup();
    if track.causes != causes {
        let track = super::state::Track { causes, ..track.clone() };
        reducer.save_track(&key, Some(track), out);
    }
}

/// What a silence or a cause held back, and still holds, is looked at again.
pub(super) fn release(reducer: &mut Reducer, at: At, holder: EffectId, why: Why, out: &mut EffectSink) {
    for id in reducer.held_back.get(&holder).cloned().unwrap_or_default() {
        let Some(mut incident) = reducer.incidents.get(&id).cloned() else { continue };
        let Some(track) = reducer.tracks.get(&TrackKey::of(&incident)) else {
            group::released(reducer, at, incident, why, out);
            continue;
        };
        let Some(place) = track.place.as_ref() else { continue };
        let device = place.device(&incident);
        if track.is_quiet() {
            // Its maintenance holds it back from now on.
            incident.silenced_by = None;
            incident.inhibited_by = None;
            incident.updated = at.now;
            decide::about(at, &incident, DecisionKind::HeldByMaintenance, Why::DeviceInMaintenance, out);
            reducer.save_incident(incident, out);
        } else {
            announce(reducer, at, &device, incident, why, out);
        }
    }
}

/// Gives an open incident that called nobody its place, and its messages.
pub(super) fn announce(
    reducer: &mut Reducer,
    at: At,
    device: &Device,
    mut incident: Incident,
    why: Why,
    out: &mut EffectSink,
) {
    debug_assert_eq!(incident.state, IncidentState::Open);
    let entry = stand(reducer, at, device, &mut incident, &unasked(at, why.word()), out);
    tell(reducer, at, device, incident, entry, (DecisionKind::Released, why), out);
}

/// Puts out an incident whose place was found anew: its case and its messages.
pub(super) fn tell(
    reducer: &mut Reducer,
    at: At,
    device: &Device,
    mut incident: Incident,
    entry: Entry,
    (what, why): (DecisionKind, Why),
    out: &mut EffectSink,
) {
    let alone = entry == Entry::Alone;
    let old_case = incident.case;
    let placement = if alone { case::place(reducer, device, &incident, out) } else { case::Placement::None };
    incident.case = placement.case().or(old_case);
    incident.updated = at.now;
    let told = incident.clone();
    reducer.save_incident(incident, out);
    if alone {
        decide::about(at, &told, what, why, out);
        notify::incident(reducer, at, "incident.opened", &told, out);
    } else {
        decide::placed(at, &told, what, entry, &placement, out);
    }
    settle(reducer, at, Some(device), &told, old_case, placement, entry.holds_back(), out);
    if !entry.holds_back() {
        storm::worsen(reducer, at, &told, out);
    }
}
