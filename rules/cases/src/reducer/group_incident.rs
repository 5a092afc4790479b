//! The one incident of a rule's group: when it begins, what holds it back, and when it is over.

use std::collections::BTreeSet;

use gengfu_model::{
    Decision, DecisionKind, Device, Effect, EffectId, EffectSink, Evidence, Incident, IncidentState, Timestamp, Why,
};

use super::group::is_group;
use super::group_state::{Member, PLACE_PREFIX};
use super::place::Place;
use super::save::json;
use super::state::StormKey;
use super::{At, Reducer, decide, silence, standing, storm, storm_extent, storm_over};
use crate::group::{RuleGroup, spoken};

/// The most members that a decision's note names.
const NAMED: usize = 20;

/// The groups in which an incident of that condition and group of assets is the parent, for what it explains.
pub(super) fn parent_with(reducer: &Reducer, wanted: &StormKey) -> Option<EffectId> {
    let names = reducer.groups.with_condition(&wanted.condition);
    names.map(|name| StormKey { condition: name.clone(), group: wanted.group.clone() }).find_map(|storm| {
        let parent = reducer.storms.get(&storm)?;
        let open = reducer.incidents.get(parent)?;
        (open.silenced_by.is_none() && open.inhibited_by.is_none()).then_some(*parent)
    })
}

/// How many assets became members since a moment and still are, counted up to `enough`.
fn since(reducer: &Reducer, storm: &StormKey, from: Timestamp, enough: usize) -> usize {
    let Some(counted) = reducer.groups.counted(storm) else { return 0 };
    let mut assets: BTreeSet<&str> = BTreeSet::new();
    for key in counted.since(from) {
        assets.insert(&key.asset);
        if assets.len() >= enough {
            break;
        }
    }
    assets.len()
}

/// Opens the group's incident if there are enough, or counts up the one that is open.
pub(super) fn judge(
    reducer: &mut Reducer,
    at: At,
    device: &Device,
    storm: &StormKey,
    last: &Member,
    evidence: &Evidence,
    out: &mut EffectSink,
) {
    let Some(group) = reducer.groups.of_storm(storm).cloned() else { return };
    if reducer.storms.contains_key(storm) {
        storm_extent::recount(reducer, at, storm, out);
        if reducer.ending.contains_key(storm) {
            thinned(reducer, at, storm, evidence, out);
        }
        return;
    }
    let needs = group.needs(reducer.sizes.of(device.kind, &storm.group)) as usize;
    if since(reducer, storm, at.now.plus_ms(-group.within_ms), needs) < needs {
        return;
    }
    begin(reducer, at, device, storm, (&group, last), evidence, out);
}

fn begin(
    reducer: &mut Reducer,
    at: At,
    device: &Device,
    storm: &StormKey,
    (group, last): (&RuleGroup, &Member),
    evidence: &Evidence,
    out: &mut EffectSink,
) {
    let id = out.reserve();
    let count = storm_extent::count(reducer, storm);
    let place = Device { asset_code: storm.group.clone(), name: storm.group.clone(), ..device.clone() };
    let place = seated(reducer, storm, None, place);
    let mut parent = Incident {
        id,
        rule: last.rule.clone(),
        rule_version: last.version.clone(),
        asset: storm.group.clone(),
        device: device.id.clone(),
        kind: device.kind,
        key: format!("group:{}", group.condition).into(),
        condition: group.condition.clone(),
        severity: group.severity,
        worst: group.severity,
        state: IncidentState::Open,
        district: place.district.clone(),
        opened: at.now,
        updated: at.now,
        cleared: None,
        cleared_by: None,
        value: Some(storm_extent::value(count)),
        late: false,
        reopened: 0,
        text_zh: RuleGroup::fill(&group.text_zh, &spoken(&storm.group).0, count),
        text_en: RuleGroup::fill(&group.text_en, &spoken(&storm.group).1, count),
        parent: None,
        case: None,
        silenced_by: None,
        inhibited_by: None,
    };
    save_place(reducer, storm, Some(Place::of(&place)), out);
    if hold_back(reducer, at, &place, &mut parent, out) {
        reducer.save_storm(storm.clone(), Some(id), out);
        out.push(Effect::Explanation { incident: id, change: "opened", evidence: Box::new(evidence.clone()) });
        tell_held(at, &parent, out);
        reducer.save_incident(parent, out);
        return;
    }
    let members = storm::adopt(reducer, at, id, storm, id, out);
    let worst = members.iter().map(|member| member.severity).max().unwrap_or(parent.severity);
    parent.severity = parent.severity.max(worst);
    parent.worst = parent.severity;
    let why = (DecisionKind::Raised, Why::StormBegan, named(reducer, storm));
    // No member is being put out at this moment.
    let mut none = parent.clone();
    storm::put_parent(reducer, at, &place, parent, storm, (&members, &mut none), why, Some(evidence), out);
}

/// The group's place, in the district where most of its members lie now.
fn seated(reducer: &Reducer, storm: &StormKey, now: Option<&str>, place: Device) -> Device {
    storm_extent::seat(reducer, storm, now).map_or_else(|| place.clone(), |seat| seat.with(&place))
}

/// The members by their assets, the newest first, as people read them.
fn named(reducer: &Reducer, storm: &StormKey) -> String {
    let Some(counted) = reducer.groups.counted(storm) else { return String::new() };
    let assets: BTreeSet<&str> = counted.since(Timestamp::ZERO).take(NAMED).map(|key| &*key.asset).collect();
    let more = counted.asset_count().saturating_sub(assets.len());
    let listed = assets.into_iter().collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{listed} (+{more})") } else { listed }
}

/// Whether a silence covers the group's incident, or an open cause explains it: then it is recorded and calls
/// nobody.
fn hold_back(reducer: &mut Reducer, at: At, place: &Device, parent: &mut Incident, out: &mut EffectSink) -> bool {
    // A silence of one device is not about its group.
    let of_many = |id: &EffectId| reducer.silence(*id).is_some_and(|silence| silence.asked.matches.device.is_none());
    parent.silenced_by = silence::covering(reducer, place, parent).filter(of_many);
    if let Some(silence) = parent.silenced_by {
        silence::count_held(reducer, at, silence, out);
    } else {
        parent.inhibited_by = standing::cause_of(reducer, place, parent, None);
    }
    parent.silenced_by.is_some() || parent.inhibited_by.is_some()
}

fn tell_held(at: At, parent: &Incident, out: &mut EffectSink) {
    let (what, why) = match parent.silenced_by {
        Some(_) => (DecisionKind::Silenced, Why::SilenceCovers),
        None => (DecisionKind::Inhibited, Why::CauseCovers),
    };
    let refs = parent.silenced_by.into_iter().chain(parent.inhibited_by).collect();
    decide::put(Decision { refs, ..Decision::about(parent, at.now, what, why) }, out);
}

/// What held a group's incident back is over: it is raised at once, unless something else holds it back.
pub(super) fn released(reducer: &mut Reducer, at: At, mut parent: Incident, why: Why, out: &mut EffectSink) {
    let storm = reducer.storms.iter().find(|(_, id)| **id == parent.id).map(|(storm, _)| storm.clone());
    let Some(storm) = storm.filter(is_group) else { return };
    let Some(place) = reducer.groups.incident_place(&storm).map(|place| place.device(&parent)) else { return };
    let place = seated(reducer, &storm, None, place);
    parent.updated = at.now;
    if hold_back(reducer, at, &place, &mut parent, out) {
        tell_held(at, &parent, out);
        reducer.save_incident(parent, out);
        return;
    }
    let members = storm::adopt(reducer, at, parent.id, &storm, parent.id, out);
    let why = (DecisionKind::Released, why, named(reducer, &storm));
    let mut none = parent.clone();
    storm::put_parent(reducer, at, &place, parent, &storm, (&members, &mut none), why, None, out);
}

/// Puts out where a group's incident stands; `None`: it is over.
pub(super) fn save_place(reducer: &mut Reducer, storm: &StormKey, place: Option<Place>, out: &mut EffectSink) {
    let key = format!("{PLACE_PREFIX}{}", json(storm));
    out.push(Effect::ReducerState { key, value: place.as_ref().map(json) });
    match place {
        Some(place) => reducer.groups.keep_place(storm.clone(), place),
        None => reducer.groups.forget_place(storm),
    }
}

/// A member left, or came while the group's incident wanes: it is over when no more than half of what was needed are
/// left of those that made it.
pub(super) fn thinned(reducer: &mut Reducer, at: At, storm: &StormKey, evidence: &Evidence, out: &mut EffectSink) {
    let Some(parent) = reducer.storms.get(storm).and_then(|id| reducer.incidents.get(id)) else { return };
    let (opened, kind) = (parent.opened, parent.kind);
    let Some(group) = reducer.groups.of_storm(storm) else { return };
    let enough = group.needs(reducer.sizes.of(kind, &storm.group)) as usize / 2;
    let parent = parent.id;
    if since(reducer, storm, opened.plus_ms(-group.within_ms), enough + 1) <= enough {
        storm_over::wane(reducer, at, storm, parent, evidence, out);
    } else {
        storm_over::save_ending(reducer, storm, None, out);
    }
    storm_extent::recount(reducer, at, storm, out);
}
