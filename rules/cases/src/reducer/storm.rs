//! Storms: many assets of one group with the same condition become one parent incident with members.
//!
//! A storm opens when enough assets of a group (a feeder, a cabinet, a catchment) opened the condition within
//! the time that the profile says. Its parent incident has the case; members that open while it lasts get
//! neither case nor message of their own (one that gets worse than the storm makes the storm worse), and cases of members that nobody dispatched yet are folded into the
//! parent's. The storm ends when no more than half of that number still hold; what is left then joins the
//! parent's case, so that nothing is lost.

use std::collections::BTreeSet;
use std::sync::Arc;

use gengfu_model::{
    CaseEvent, CaseState, Decision, DecisionKind, Device, Effect, EffectId, EffectSink, Evidence, Incident,
    IncidentState, Why,
};

use super::clearing::unasked;
use super::state::{Membership, StormKey, TrackKey};
use super::{At, Reducer, case, decide, merge, notify, transition};
use crate::profile::GroupRule;

/// What becomes of an incident that opens in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// It stands for itself.
    Alone,
    /// It is a member of that storm, which has the case.
    Member,
    /// With it, that storm began.
    Began(EffectId),
}

/// Counts an open incident in its group; opens a storm if there are enough.
pub(super) fn enter(
    reducer: &mut Reducer,
    at: At,
    device: &Device,
    incident: &mut Incident,
    evidence: &Evidence,
    out: &mut EffectSink,
) -> Entry {
    let key = TrackKey::of(incident);
    let rule = reducer.profile.groups.get(&incident.condition).cloned();
    let group = rule.as_ref().and_then(|rule| case::group_of(&rule.by, device));
    let storm = group.map(|group| StormKey { condition: incident.condition.clone(), group });
    let before = reducer.tracks.get(&key).and_then(|track| track.member.clone());
    if before.as_ref().map(|member| &member.storm) != storm.as_ref() {
        leave(reducer, at, &key, out);
    }
    // An incident that opens again may still name the storm of last time.
    incident.parent = None;
    let (Some(rule), Some(storm)) = (rule, storm) else { return Entry::Alone };
    if let Some(mut track) = reducer.tracks.get(&key).filter(|track| track.member.is_none()).cloned() {
        track.member = Some(Membership { storm: storm.clone(), since: at.now });
        reducer.save_track(&key, Some(track), out);
    }
    if let Some(parent) = reducer.storms.get(&storm) {
        incident.parent = Some(*parent);
        return Entry::Member;
    }
    if recent_assets(reducer, at, &rule, &storm) < rule.distinct {
        return Entry::Alone;
    }
    let parent = begin(reducer, at, device, incident, &rule, &storm, evidence, out);
    incident.parent = Some(parent);
    Entry::Began(parent)
}

/// How many assets of the group opened the condition lately and still have it.
fn recent_assets(reducer: &Reducer, at: At, rule: &GroupRule, storm: &StormKey) -> u32 {
    let members = reducer.members_of.get(storm).into_iter().flatten();
    let recent = members.filter(|key| {
        let member = reducer.tracks.get(key).and_then(|track| track.member.as_ref());
        member.is_some_and(|member| at.now.since_ms(member.since) <= rule.within_ms)
    });
    let assets: BTreeSet<&str> = recent.map(|key| &*key.asset).collect();
    u32::try_from(assets.len()).unwrap_or(u32::MAX)
}

/// Opens the parent incident and its case, and makes all that hold its members.
#[expect(clippy::too_many_arguments, reason = "the parts of one transition, each used once")]
fn begin(
    reducer: &mut Reducer,
    at: At,
    device: &Device,
    last: &Incident,
    rule: &GroupRule,
    storm: &StormKey,
    evidence: &Evidence,
    out: &mut EffectSink,
) -> EffectId {
    let id = out.reserve();
    let worst = open_members(reducer, storm).iter().map(|member| member.severity).max();
    let severity = worst.into_iter().chain([rule.severity, last.severity]).max().unwrap_or(rule.severity);
    let count = reducer.members_of.get(storm).map_or(0, BTreeSet::len);
    let mut parent = Incident {
        id,
        asset: storm.group.clone(),
        key: format!("group:{}", storm.condition).into(),
        condition: rule.parent_condition.clone(),
        severity,
        worst: severity,
        opened: at.now,
        updated: at.now,
        value: None,
        late: false,
        reopened: 0,
        text_zh: format!("{}（{count}）：{}", storm.group, last.text_zh),
        text_en: format!("{} ({count}): {}", storm.group, last.text_en),
        parent: None,
        case: None,
        ..last.clone()
    };
    let place = Device { asset_code: storm.group.clone(), name: storm.group.clone(), ..device.clone() };
    let placement = case::place(reducer, &place, &parent, out);
    parent.case = placement.case();
    reducer.save_storm(storm.clone(), Some(id), out);
    let told = parent.clone();
    reducer.save_incident(parent, out);
    out.push(Effect::Explanation { incident: id, change: "opened", evidence: Box::new(evidence.clone()) });
    decide::about(at, &told, DecisionKind::Raised, Why::StormBegan, out);
    notify::incident(reducer, at, "incident.opened", &told, out);
    transition::settle(reducer, at, Some(&place), &told, None, placement, false, out);
    for mut member in open_members(reducer, storm).into_iter().filter(|member| member.id != last.id) {
        member.parent = Some(id);
        member.updated = at.now;
        decide::because(at, &member, DecisionKind::Grouped, Why::StormMember, id, out);
        reducer.save_incident(member, out);
    }
    id
}

/// A member got worse than its storm: so does the storm, since the member itself calls nobody.
pub(super) fn worsen(reducer: &mut Reducer, at: At, member: &Incident, out: &mut EffectSink) {
    let parent = member.parent.and_then(|id| reducer.incidents.get(&id));
    let worse = |parent: &&Incident| member.state == IncidentState::Open && member.severity > parent.severity;
    let Some(mut parent) = parent.filter(worse).cloned() else { return };
    parent.severity = member.severity;
    parent.worst = parent.worst.max(member.severity);
    parent.updated = at.now;
    let told = parent.clone();
    reducer.save_incident(parent, out);
    out.push(Effect::Explanation { incident: told.id, change: "updated", evidence: unasked(at, "group") });
    decide::because(at, &told, DecisionKind::Updated, Why::SeverityUp, member.id, out);
    notify::incident(reducer, at, "incident.updated", &told, out);
    if let Some(id) = told.case {
        case::refresh(reducer, at, id, Some(&told), false, out);
    }
}

fn open_members(reducer: &Reducer, storm: &StormKey) -> Vec<Incident> {
    let keys = reducer.members_of.get(storm).into_iter().flatten();
    let ids = keys.filter_map(|key| reducer.tracks.get(key)?.incident);
    let open = ids.filter_map(|id| reducer.incidents.get(&id)).filter(|row| row.state == IncidentState::Open);
    open.cloned().collect()
}

/// Folds the cases of members into the parent's, if nobody dispatched them and nothing else holds in them.
pub(super) fn fold_cases(reducer: &mut Reducer, at: At, parent: EffectId, out: &mut EffectSink) {
    let Some(into) = reducer.incidents.get(&parent).and_then(|parent| parent.case) else { return };
    let members = reducer.incidents.values().filter(|incident| incident.parent == Some(parent));
    let cases: BTreeSet<EffectId> = members.filter_map(|member| member.case).filter(|case| *case != into).collect();
    for id in cases {
        let Some(folded) = reducer.cases.get(&id).cloned() else { continue };
        let waits = matches!(
            folded.case.state,
            CaseState::Reported | CaseState::PendingVerify | CaseState::Filed | CaseState::Returned
        );
        let of_storm = reducer
            .members(&folded.case)
            .all(|incident| incident.state == IncidentState::Cleared || incident.parent == Some(parent));
        let Some(stays) = reducer.cases.get(&into).filter(|_| waits && of_storm).cloned() else { continue };
        if merge::fits(&stays, &folded).is_err() {
            continue;
        }
        let event = CaseEvent {
            case: id,
            time: at.now,
            actor: case::SYSTEM.into(),
            action: "merge".into(),
            from: Some(folded.case.state),
            to: CaseState::Merged,
            note: into.to_string(),
        };
        let about = reducer.incidents.get(&parent).map(|parent| {
            let decision = Decision::about(parent, at.now, DecisionKind::Folded, Why::StormBegan).because_of(into);
            Decision { case: Some(id), asset: folded.case.asset.clone(), device: None, ..decision }
        });
        merge::fold(reducer, at, folded, stays, event, out);
        if let Some(about) = about {
            decide::put(about, out);
        }
    }
}

/// An incident is no member any more; the storm ends when few are left.
pub(super) fn leave(reducer: &mut Reducer, at: At, key: &TrackKey, out: &mut EffectSink) {
    let Some(mut track) = reducer.tracks.get(key).cloned() else { return };
    let Some(Membership { storm, .. }) = track.member.take() else { return };
    reducer.save_track(key, Some(track), out);
    left(reducer, at, &storm, out);
}

/// Looks at a storm after a member left it.
pub(super) fn left(reducer: &mut Reducer, at: At, storm: &StormKey, out: &mut EffectSink) {
    let Some(parent) = reducer.storms.get(storm).copied() else { return };
    let rest = open_members(reducer, storm);
    let assets: BTreeSet<&str> = rest.iter().map(|member| &*member.asset).collect();
    let enough = reducer.profile.groups.get(&storm.condition).map_or(u32::MAX, |rule| rule.distinct / 2);
    if u32::try_from(assets.len()).unwrap_or(u32::MAX) <= enough {
        end(reducer, at, storm, parent, rest, out);
    }
}

fn end(reducer: &mut Reducer, at: At, storm: &StormKey, parent: EffectId, rest: Vec<Incident>, out: &mut EffectSink) {
    reducer.save_storm(storm.clone(), None, out);
    let Some(mut parent) = reducer.incidents.get(&parent).cloned() else { return };
    let of_case = parent.case.filter(|id| reducer.cases.contains_key(id));
    for mut member in rest {
        member.parent = None;
        member.updated = at.now;
        if member.case.is_none_or(|own| !reducer.cases.contains_key(&own)) {
            // If staff ended the storm's case, they judged its members with it.
            member.case = parent.case.or(member.case);
        }
        let told = member.clone();
        reducer.save_incident(member, out);
        decide::because(at, &told, DecisionKind::SplitOff, Why::StormOver, parent.id, out);
        if let Some(of_case) = told.case.filter(|case| Some(*case) == of_case) {
            case::take_in(reducer, at, of_case, &told, out);
        }
    }
    parent.state = IncidentState::Cleared;
    parent.updated = at.now;
    parent.cleared = Some(at.now);
    parent.cleared_by = Some(Arc::from("clear"));
    let told = parent.clone();
    reducer.save_incident(parent, out);
    out.push(Effect::Explanation { incident: told.id, change: "cleared", evidence: unasked(at, "group") });
    decide::about(at, &told, DecisionKind::Cleared, Why::StormOver, out);
    notify::incident(reducer, at, "incident.cleared", &told, out);
    if let Some(of_case) = of_case {
        case::refresh(reducer, at, of_case, None, false, out);
    }
    reducer.incidents.remove(&told.id);
    if let Some(of_case) = of_case {
        case::close_if_gone(reducer, at, of_case, out);
    }
}
