//! Where an open incident stands: held back by a silence or by what explains it, in a storm, or for itself.
//!
//! An open incident that is not in maintenance is in exactly one of these places, looked for in this order:
//! an active silence, a storm that has begun, an open cause, a storm that begins with it, and else its own case
//! (or none, where the profile wants none). What already has an open case of its own is not taken out of it: a
//! silence only keeps it from calling. When what held it back is over, it is looked at again: something else may hold
//! it back from then on, and if nothing does, it is raised at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_model::{DecisionKind, Device, EffectId, EffectSink, Evidence, Incident, IncidentState, Why};

use super::clearing::unasked;
use super::state::{StormKey, TrackKey};
use super::storm::Entry;
use super::transition::{self, settle};
use super::{At, Reducer, case, decide, group_incident, notify, silence, storm};

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
    let lodged = lodges(reducer, incident);
    incident.inhibited_by = None;
    if !lodged && has_open_case(reducer, incident) {
        return None;
    }
    let lodging = incident.case.take_if(|_| lodged);
    let key = TrackKey::of(incident);
    if let Some(silence) = silence::covering(reducer, device, incident) {
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
    cause_of(reducer, device, incident, None)?;
    storm::leave(reducer, at, &key, out);
    incident.parent = None;
    // Without it, its storm may be over, and may have been the cause. The one whose case it is in stays its cause.
    let cause = cause_of(reducer, device, incident, lodging)?;
    incident.inhibited_by = Some(cause);
    if lodging.is_some() && reducer.incidents.get(&cause).is_some_and(|cause| cause.case == lodging) {
        incident.case = lodging;
    }
    Some(Entry::Inhibited(cause))
}

/// Whether the open case of an incident is that of the cause that held it back last, and none of its own.
pub(super) fn lodges(reducer: &Reducer, incident: &Incident) -> bool {
    incident.inhibited_by.is_some() && has_open_case(reducer, incident)
}

/// A cause went out of a case: what lodged there with it goes out as well, and is held back all the same.
pub(super) fn unlodge(reducer: &mut Reducer, at: At, cause: EffectId, left: EffectId, out: &mut EffectSink) {
    let held = reducer.held_back.get(&cause).into_iter().flatten().filter_map(|id| reducer.incidents.get(id));
    let lodgers: Vec<Incident> = held.filter(|row| row.case == Some(left)).cloned().collect();
    for lodger in lodgers.into_iter().filter(|row| row.inhibited_by == Some(cause)) {
        reducer.save_incident(Incident { case: None, updated: at.now, ..lodger }, out);
    }
}

/// Whether an incident is in a case that is not final.
pub(super) fn has_open_case(reducer: &Reducer, incident: &Incident) -> bool {
    incident.case.is_some_and(|id| reducer.cases.contains_key(&id))
}

/// An open incident that explains this one, by the profile's table: the one with the case `lodging`, or else the
/// first of the table.
pub(super) fn cause_of(
    reducer: &Reducer,
    device: &Device,
    incident: &Incident,
    lodging: Option<EffectId>,
) -> Option<EffectId> {
    let rules = reducer.profile.inhibitions.get(&incident.condition)?;
    let keys = rules.iter().flat_map(|rule| {
        let groups = rule.by.iter().filter_map(|by| case::group_of(by, device));
        groups.map(|group| StormKey { condition: rule.cause.clone(), group })
    });
    let mut first = None;
    for key in keys {
        let by_rule = reducer.causes.get(&key).into_iter().flatten().copied().filter(|id| *id != incident.id);
        for cause in by_rule.chain(storm::parent_with(reducer, &key)) {
            first = first.or(Some(cause));
            let with_it = |id| reducer.incidents.get(&cause).is_some_and(|cause| cause.case == Some(id));
            if lodging.is_none_or(with_it) {
                return Some(cause);
            }
        }
    }
    first
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

/// What a silence or a cause held back, and still holds, is looked at again: what may explain others before those.
pub(super) fn release(reducer: &mut Reducer, at: At, holder: EffectId, why: Why, out: &mut EffectSink) {
    for id in causes_first(reducer, holder) {
        let Some(mut incident) = reducer.incidents.get(&id).cloned() else { continue };
        let Some(track) = reducer.tracks.get(&TrackKey::of(&incident)) else {
            group_incident::released(reducer, at, incident, why, out);
            continue;
        };
        let Some(place) = track.place.as_ref() else { continue };
        let device = place.device(&incident);
        if track.is_quiet() {
            // Its maintenance holds it back from now on.
            let lodged = lodges(reducer, &incident);
            let left = incident.case.take_if(|_| lodged);
            incident.silenced_by = None;
            incident.inhibited_by = None;
            incident.updated = at.now;
            decide::about(at, &incident, DecisionKind::HeldByMaintenance, Why::DeviceInMaintenance, out);
            reducer.save_incident(incident, out);
            if let Some(left) = left {
                transition::leave_case(reducer, at, left, true, out);
            }
        } else {
            announce(reducer, at, &device, incident, why, out);
        }
    }
}

/// What somebody holds back, in the order in which the table says that one explains another; the oldest first.
fn causes_first(reducer: &Reducer, holder: EffectId) -> Vec<EffectId> {
    let Some(held) = reducer.held_back.get(&holder) else { return Vec::new() };
    let incidents = held.iter().filter_map(|id| reducer.incidents.get(id));
    let mut depth: BTreeMap<&Arc<str>, usize> = incidents.map(|incident| (&incident.condition, 0)).collect();
    // As many rounds as conditions: enough for any chain, and an end for a circle.
    for _ in 1..depth.len() {
        let before = depth.clone();
        for (condition, own) in &mut depth {
            let causes = reducer.profile.inhibitions.get(*condition).into_iter().flatten();
            *own = causes.filter_map(|rule| before.get(&rule.cause)).map(|depth| depth + 1).max().unwrap_or(0);
        }
    }
    let rank = |id: &EffectId| reducer.incidents.get(id).and_then(|incident| depth.get(&incident.condition));
    let mut ids: Vec<EffectId> = held.iter().copied().collect();
    ids.sort_by_key(rank);
    ids
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
    let old_case = incident.case;
    let entry = stand(reducer, at, device, &mut incident, &unasked(at, why.word()), out);
    tell(reducer, at, device, incident, (entry, old_case), (DecisionKind::Released, why), out);
}

/// Puts out an incident whose place was found anew: its case and its messages. `old_case` is where it was before.
pub(super) fn tell(
    reducer: &mut Reducer,
    at: At,
    device: &Device,
    mut incident: Incident,
    (entry, old_case): (Entry, Option<EffectId>),
    (what, why): (DecisionKind, Why),
    out: &mut EffectSink,
) {
    let alone = entry == Entry::Alone;
    let placement = if alone { case::place(reducer, device, &incident, out) } else { case::Placement::None };
    incident.case = placement.case().or(incident.case);
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
