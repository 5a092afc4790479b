//! The end of storms and of rules' groups.
//!
//! A storm is over when no more than half of the assets are left that it needs. Some always lag behind: the water
//! has gone and their sensor reports in five minutes. So from then on the storm goes on for the time that the profile
//! says (`outlast`), with what is left; when nothing is, it ends, and when it grows again it goes on as before. What
//! still holds at the end of that time outlives its storm: it splits off and gets a case of its own, unless staff
//! ended the storm's case: then they judged its members with it.

use std::sync::Arc;

use gengfu_model::{DecisionKind, Effect, EffectId, EffectSink, Evidence, Incident, IncidentState, Timestamp, Why};

use super::clearing::unasked;
use super::save::json;
use super::state::{ENDING_PREFIX, StormKey, TrackKey};
use super::timer::Timer;
use super::{At, Reducer, case, decide, group, group_incident, notify, radius, standing, storm, storm_extent};
use crate::profile::GroupRule;

/// Looks at a storm after a member left it.
pub(super) fn left(reducer: &mut Reducer, at: At, storm: &StormKey, out: &mut EffectSink) {
    let Some(parent) = reducer.storms.get(storm).copied() else { return };
    // A rule's group ends by its members' verdicts, and not by their incidents, but for those that it waits for.
    let over = if group::is_group(storm) { reducer.ending.contains_key(storm) } else { is_small(reducer, storm) };
    if over {
        wane(reducer, at, storm, parent, &unasked(at, "group"), out);
    }
    storm_extent::recount(reducer, at, storm, out);
}

/// Whether no more are left of a storm of the profile than end it.
fn is_small(reducer: &Reducer, storm: &StormKey) -> bool {
    let assets = reducer.members_of.get(storm).map_or(0, super::members::Members::asset_count);
    reducer.profile.groups.get(&storm.condition).is_none_or(|rule| assets <= ends_at(rule))
}

/// With so many assets, a storm of the profile is over.
pub(super) fn ends_at(rule: &GroupRule) -> usize {
    rule.distinct as usize / 2
}

/// Too few are left: the storm ends, at once if no incident is left in it, and else when it had its time.
pub(super) fn wane(
    reducer: &mut Reducer,
    at: At,
    storm: &StormKey,
    parent: EffectId,
    evidence: &Evidence,
    out: &mut EffectSink,
) {
    if reducer.profile.outlast_ms == 0 || storm::open_members(reducer, storm).is_empty() {
        end(reducer, at, storm, parent, ("clear", evidence), out);
    } else if !reducer.ending.contains_key(storm) {
        let ends = at.now.plus_ms(reducer.profile.outlast_ms);
        save_ending(reducer, storm, Some(ends), out);
    }
}

/// A storm got a member: with more than end it, it does not end.
pub(super) fn grown(reducer: &mut Reducer, storm: &StormKey, out: &mut EffectSink) {
    if reducer.ending.contains_key(storm) && !group::is_group(storm) && !is_small(reducer, storm) {
        save_ending(reducer, storm, None, out);
    }
}

/// What is left of a storm had its time.
pub(super) fn due(reducer: &mut Reducer, at: At, storm: &StormKey, out: &mut EffectSink) {
    if let Some(parent) = reducer.storms.get(storm).copied() {
        end(reducer, at, storm, parent, ("clear", &unasked(at, "group")), out);
    }
}

/// Puts out when a storm ends, and keeps it; `None`: it does not, or is over.
pub(super) fn save_ending(reducer: &mut Reducer, storm: &StormKey, ends: Option<Timestamp>, out: &mut EffectSink) {
    let before = reducer.ending.remove(storm);
    if let Some(before) = before {
        reducer.timers.remove(&(before, Timer::StormOver(storm.clone())));
    }
    if before != ends {
        let key = format!("{ENDING_PREFIX}{}", json(storm));
        out.push(Effect::ReducerState { key, value: ends.as_ref().map(json) });
    }
    if let Some(ends) = ends {
        keep_ending(reducer, storm.clone(), ends);
    }
}

/// Keeps when a storm ends, with its timer.
pub(super) fn keep_ending(reducer: &mut Reducer, storm: StormKey, ends: Timestamp) {
    reducer.timers.insert((ends, Timer::StormOver(storm.clone())));
    reducer.ending.insert(storm, ends);
}

/// Ends a storm with its reason and evidence: what is left splits off.
pub(super) fn end(
    reducer: &mut Reducer,
    at: At,
    storm: &StormKey,
    parent: EffectId,
    (reason, evidence): (&str, &Evidence),
    out: &mut EffectSink,
) {
    let rest = storm::open_members(reducer, storm);
    save_ending(reducer, storm, None, out);
    reducer.save_storm(storm.clone(), None, out);
    if group::is_group(storm) {
        group_incident::save_place(reducer, storm, None, out);
    }
    let Some(mut parent) = reducer.incidents.get(&parent).cloned() else { return };
    let of_case = parent.case.filter(|id| reducer.cases.contains_key(id));
    parent.state = IncidentState::Cleared;
    parent.updated = at.now;
    parent.cleared = Some(at.now);
    parent.cleared_by = Some(Arc::from(reason));
    storm_extent::sum_up(reducer, storm, &mut parent, out);
    let told = parent.clone();
    reducer.save_incident(parent, out);
    out.push(Effect::Explanation { incident: told.id, change: "cleared", evidence: Box::new(evidence.clone()) });
    let why = if reason == "withdrawn" { Why::RuleWithdrawn } else { Why::StormOver };
    decide::about(at, &told, DecisionKind::Cleared, why, out);
    if told.silenced_by.is_none() && told.inhibited_by.is_none() {
        notify::incident(reducer, at, "incident.cleared", &told, out);
    }
    for member in rest {
        let judged = told.case.filter(|_| of_case.is_none());
        split_off(reducer, at, member, &told, judged, out);
    }
    if let Some(of_case) = of_case {
        case::refresh(reducer, at, of_case, None, false, out);
    }
    reducer.forget_incident(told.id);
    if let Some(of_case) = of_case {
        case::close_if_gone(reducer, at, of_case, out);
    }
    standing::release(reducer, at, told.id, Why::CauseOver, out);
}

/// A member outlives its storm: it stands for itself, in a case of its own.
fn split_off(
    reducer: &mut Reducer,
    at: At,
    mut member: Incident,
    parent: &Incident,
    judged: Option<EffectId>,
    out: &mut EffectSink,
) {
    member.parent = None;
    member.updated = at.now;
    let key = TrackKey::of(&member);
    if radius::is_radius(reducer.tracks.get(&key).and_then(|track| track.member.as_ref())) {
        // The storm's circle is no group of the register: it counts again when it opens again.
        storm::forget_membership(reducer, &key, out);
    }
    if let Some(left) = member.case.filter(|_| member.case == parent.case && judged.is_none()) {
        standing::unlodge(reducer, at, member.id, left, out);
        member.case = None;
    }
    let place = reducer.tracks.get(&key).and_then(|track| track.place.as_ref());
    let device = place.map(|place| place.device(&member));
    let own = standing::has_open_case(reducer, &member);
    match device.filter(|_| judged.is_none() && !own) {
        Some(device) => {
            let old_case = member.case;
            let entry = standing::stand_alone(reducer, at, &device, &mut member, out);
            standing::tell(
                reducer,
                at,
                &device,
                member,
                (entry, old_case),
                (DecisionKind::SplitOff, Why::StormOver),
                out,
            );
        }
        None => {
            if !own {
                member.case = judged.or(member.case);
            }
            decide::because(at, &member, DecisionKind::SplitOff, Why::StormOver, parent.id, out);
            reducer.save_incident(member, out);
        }
    }
}
