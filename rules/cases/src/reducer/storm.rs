//! Storms: many assets of one group with the same condition become one parent incident with members.
//!
//! A storm opens when enough assets of a group (a feeder, a catchment, so many metres around) opened the
//! condition within the time that the profile says. Its parent incident has the case; members that open while it
//! lasts get neither case nor message of their own (one that gets worse than the storm makes the storm worse),
//! and cases of members that nobody dispatched yet are folded into the parent's, whose message says which
//! messages it replaces. A member whose own case is dispatched stands for itself. How a storm ends is in
//! `storm_over.rs`.

use std::collections::BTreeSet;

use gengfu_model::{
    Decision, DecisionKind, Device, Effect, EffectId, EffectSink, Evidence, Incident, IncidentState, Why,
};

use super::clearing::unasked;
use super::state::{Membership, StormKey, TrackKey};
use super::{
    At, Reducer, case, covering, decide, group, group_incident, notify, radius, storm_extent, storm_fold, storm_over,
    transition,
};
use crate::group::spoken;
use crate::profile::{GroupBy, GroupRule};

/// What becomes of an incident that looks for its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// It stands for itself.
    Alone,
    /// It is a member of a storm, which has the case.
    Member,
    /// With it, that storm began.
    Began(EffectId),
    /// That silence covers it.
    Silenced(EffectId),
    /// That incident explains it.
    Inhibited(EffectId),
}

impl Entry {
    /// Whether it calls nobody, not even through another incident.
    pub(super) fn holds_back(self) -> bool {
        matches!(self, Entry::Silenced(_) | Entry::Inhibited(_))
    }
}

/// The group of a device for a rule: the first of the rule's that it has.
#[derive(Clone)]
enum Group {
    /// The register names it.
    Named(StormKey),
    /// What stands around it, in metres.
    Around { metres: u32, at: (f64, f64) },
}

fn group_for(rule: &GroupRule, device: &Device, incident: &Incident) -> Option<Group> {
    rule.by.iter().find_map(|by| match by {
        GroupBy::Radius(metres) => Some(Group::Around { metres: *metres, at: device.latitude.zip(device.longitude)? }),
        by => {
            let group = case::group_of(by, device)?;
            Some(Group::Named(StormKey { condition: incident.condition.clone(), group }))
        }
    })
}

/// The storm under way that an incident belongs to.
pub(super) fn active(reducer: &Reducer, device: &Device, incident: &Incident) -> Option<(StormKey, EffectId)> {
    if let Some(storm) = group::storm_of(reducer, device, incident) {
        return reducer.storms.get(&storm).map(|parent| (storm, *parent));
    }
    let rule = reducer.profile.groups.get(&incident.condition)?;
    match group_for(rule, device, incident)? {
        Group::Named(key) => reducer.storms.get(&key).map(|parent| (key, *parent)),
        Group::Around { metres, at } => radius::storm_around(reducer, &incident.condition, metres, at),
    }
}

/// The parent incident of a storm by its own condition and group.
pub(super) fn parent_with(reducer: &Reducer, key: &StormKey) -> Option<EffectId> {
    let mut rules = reducer.profile.groups.iter().filter(|(_, rule)| rule.parent_condition == key.condition);
    let by_profile = rules.find_map(|(condition, _)| {
        let storm = StormKey { condition: condition.clone(), group: key.group.clone() };
        reducer.storms.get(&storm).copied()
    });
    by_profile.or_else(|| group_incident::parent_with(reducer, key))
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
    // What a rule groups itself, the profile does not group again.
    if let Some(storm) = group::storm_of(reducer, device, incident) {
        return group::enter(reducer, at, &storm, incident, out);
    }
    let key = TrackKey::of(incident);
    let rule = reducer.profile.groups.get(&incident.condition).cloned();
    let group = rule.as_ref().and_then(|rule| group_for(rule, device, incident));
    let under_way = group.as_ref().and_then(|_| active(reducer, device, incident));
    let bucket = match (group.clone(), &under_way) {
        (_, Some((storm, _))) => Some(storm.clone()),
        (Some(Group::Named(storm)), None) => Some(storm),
        (Some(Group::Around { metres, at }), None) => Some(radius::bucket(&incident.condition, metres, at)),
        (None, None) => None,
    };
    let before = reducer.tracks.get(&key).and_then(|track| track.member.clone());
    if before.as_ref().map(|member| &member.storm) != bucket.as_ref() {
        leave(reducer, at, &key, out);
    }
    // An incident that opens again may still name the storm of last time.
    incident.parent = None;
    let (Some(rule), Some(group), Some(bucket)) = (rule, group, bucket) else { return Entry::Alone };
    if under_way.is_some() && is_dispatched(reducer, incident.case) {
        leave(reducer, at, &key, out);
        return Entry::Alone;
    }
    join(reducer, at, &key, &bucket, out);
    if let Some((storm, parent)) = under_way {
        incident.parent = Some(parent);
        storm_over::grown(reducer, &storm, out);
        storm_extent::recount(reducer, at, &storm, out);
        return Entry::Member;
    }
    let (storm, assets) = match group {
        Group::Named(storm) => {
            let assets = recent_assets(reducer, at, &rule, &storm);
            (storm, assets)
        }
        Group::Around { metres, at: place } => {
            let assets = radius::recent_assets(reducer, at, &rule, &incident.condition, metres, place);
            (radius::storm_key(&incident.condition, metres, place), assets)
        }
    };
    if assets < rule.distinct
        || !enough_share(reducer, &rule, device, &storm, assets)
        || !would_last(reducer, &rule, &storm)
    {
        return Entry::Alone;
    }
    let own = is_dispatched(reducer, incident.case);
    if own {
        forget_membership(reducer, &key, out);
    }
    let parent = begin(reducer, at, device, incident, &rule, &storm, evidence, out);
    if own {
        return Entry::Alone;
    }
    incident.parent = Some(parent);
    Entry::Began(parent)
}

/// Whether more would be left of a storm than end it. What has a dispatched case of its own is a sign of the storm,
/// and no member: with one lamp beside those that somebody is on the way to, nothing is left to put together.
fn would_last(reducer: &Reducer, rule: &GroupRule, storm: &StormKey) -> bool {
    let mut assets: BTreeSet<&str> = BTreeSet::new();
    for key in radius::waiting(reducer, storm) {
        let id = reducer.tracks.get(key).and_then(|track| track.incident);
        if id.and_then(|id| reducer.incidents.get(&id)).is_none_or(|row| !is_dispatched(reducer, row.case)) {
            assets.insert(&key.asset);
        }
        if assets.len() > storm_over::ends_at(rule) {
            return true;
        }
    }
    false
}

pub(super) fn join(reducer: &mut Reducer, at: At, key: &TrackKey, storm: &StormKey, out: &mut EffectSink) {
    if let Some(mut track) = reducer.tracks.get(key).filter(|track| track.member.is_none()).cloned() {
        track.member = Some(Membership { storm: storm.clone(), since: at.now });
        reducer.save_track(key, Some(track), out);
    }
}

/// How many assets of the group opened the condition lately and still have it. More than the rule asks for are
/// counted only where it asks for a share as well.
fn recent_assets(reducer: &Reducer, at: At, rule: &GroupRule, storm: &StormKey) -> u32 {
    let Some(members) = reducer.members_of.get(storm) else { return 0 };
    let enough = if rule.share.is_some() { usize::MAX } else { rule.distinct as usize };
    let mut assets: BTreeSet<&str> = BTreeSet::new();
    for key in members.since(at.now.plus_ms(-rule.within_ms)) {
        assets.insert(&key.asset);
        if assets.len() >= enough {
            break;
        }
    }
    u32::try_from(assets.len()).unwrap_or(u32::MAX)
}

/// Whether so many are enough of the group, if the rule wants a share and the register knows the group.
fn enough_share(reducer: &Reducer, rule: &GroupRule, device: &Device, storm: &StormKey, assets: u32) -> bool {
    let Some(share) = rule.share else { return true };
    let size = reducer.sizes.of(device.kind, &storm.group);
    size.is_none_or(|size| f64::from(assets) >= share * f64::from(size))
}

/// Opens the parent incident and its case, and makes all that hold its members.
#[expect(clippy::too_many_arguments, reason = "the parts of one transition, each used once")]
fn begin(
    reducer: &mut Reducer,
    at: At,
    device: &Device,
    last: &mut Incident,
    rule: &GroupRule,
    storm: &StormKey,
    evidence: &Evidence,
    out: &mut EffectSink,
) -> EffectId {
    let id = out.reserve();
    radius::gather(reducer, storm, out);
    let members = adopt(reducer, at, id, storm, last.id, out);
    let worst = members.iter().map(|member| member.severity).max();
    let severity = worst.into_iter().chain([rule.severity, last.severity]).max().unwrap_or(rule.severity);
    let count = storm_extent::count(reducer, storm);
    let device = storm_extent::seat(reducer, storm, None).map_or_else(|| device.clone(), |seat| seat.with(device));
    let parent = Incident {
        id,
        asset: storm.group.clone(),
        key: format!("group:{}", storm.condition).into(),
        condition: rule.parent_condition.clone(),
        severity,
        worst: severity,
        opened: at.now,
        updated: at.now,
        district: device.district.clone(),
        value: Some(storm_extent::value(count)),
        late: false,
        reopened: 0,
        text_zh: storm_extent::storm_text(&spoken(&storm.group).0, count, &last.text_zh, true),
        text_en: storm_extent::storm_text(&spoken(&storm.group).1, count, &last.text_en, false),
        parent: None,
        case: None,
        silenced_by: None,
        inhibited_by: None,
        ..last.clone()
    };
    let place = Device { asset_code: storm.group.clone(), name: storm.group.clone(), ..device };
    let why = (DecisionKind::Raised, Why::StormBegan, String::new());
    put_parent(reducer, at, &place, parent, storm, (&members, last), why, Some(evidence), out);
    id
}

/// Puts out a parent incident with its case, and folds into that the cases that its members have. `last` is the
/// member that is being put out; `why` is the decision's, with a note.
#[expect(clippy::too_many_arguments, reason = "the parts of one transition, each used once")]
pub(super) fn put_parent(
    reducer: &mut Reducer,
    at: At,
    place: &Device,
    mut parent: Incident,
    storm: &StormKey,
    (members, last): (&[Incident], &mut Incident),
    (what, why, note): (DecisionKind, Why, String),
    evidence: Option<&Evidence>,
    out: &mut EffectSink,
) {
    let id = parent.id;
    let mut placement = case::place(reducer, place, &parent, out);
    parent.case = placement.case();
    let own_cases = members.iter().chain([&*last]).filter_map(|member| member.case).collect();
    let of_storm = |row: &Incident| row.parent == Some(id) || row.id == last.id;
    let foldable = parent.case.map_or_else(Vec::new, |into| storm_fold::foldable(reducer, into, own_cases, &of_storm));
    placement.replaces(foldable.clone());
    reducer.save_storm(storm.clone(), Some(id), out);
    let told = parent.clone();
    reducer.save_incident(parent, out);
    if let Some(evidence) = evidence {
        out.push(Effect::Explanation { incident: id, change: "opened", evidence: Box::new(evidence.clone()) });
    }
    decide::put(Decision { note, ..Decision::about(&told, at.now, what, why) }, out);
    notify::incident(reducer, at, "incident.opened", &told, out);
    transition::settle(reducer, at, Some(place), &told, None, placement, false, out);
    if let Some(into) = told.case {
        storm_fold::fold(reducer, at, &told, into, &foldable, Some(last), Why::StormBegan, out);
    }
    covering::earlier(reducer, at, &told, std::slice::from_ref(&storm.group), Some(last.id), out);
}

/// Makes what is open in the group members of the storm, but for what has a dispatched case of its own.
pub(super) fn adopt(
    reducer: &mut Reducer,
    at: At,
    parent: EffectId,
    storm: &StormKey,
    last: EffectId,
    out: &mut EffectSink,
) -> Vec<Incident> {
    let mut adopted = Vec::new();
    for mut member in open_members(reducer, storm).into_iter().filter(|member| member.id != last) {
        if is_dispatched(reducer, member.case) {
            forget_membership(reducer, &TrackKey::of(&member), out);
            continue;
        }
        member.parent = Some(parent);
        member.updated = at.now;
        decide::because(at, &member, DecisionKind::Grouped, Why::StormMember, parent, out);
        reducer.save_incident(member.clone(), out);
        adopted.push(member);
    }
    adopted
}

/// Whether somebody works on that case already.
pub(super) fn is_dispatched(reducer: &Reducer, case: Option<EffectId>) -> bool {
    let open = case.and_then(|id| reducer.cases.get(&id));
    open.is_some_and(|open| !storm_fold::waits(open.case.state))
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
    if told.silenced_by.is_none() && told.inhibited_by.is_none() {
        notify::incident(reducer, at, "incident.updated", &told, out);
    }
    if let Some(id) = told.case {
        case::refresh(reducer, at, id, Some(&told), false, out);
    }
}

pub(super) fn open_members(reducer: &Reducer, storm: &StormKey) -> Vec<Incident> {
    let keys = reducer.members_of.get(storm).into_iter().flat_map(super::members::Members::keys);
    let ids = keys.filter_map(|key| reducer.tracks.get(key)?.incident);
    let open = ids.filter_map(|id| reducer.incidents.get(&id)).filter(|row| row.state == IncidentState::Open);
    open.cloned().collect()
}

/// An incident is no member any more; the storm ends when few are left.
pub(super) fn leave(reducer: &mut Reducer, at: At, key: &TrackKey, out: &mut EffectSink) {
    if let Some(storm) = forget_membership(reducer, key, out) {
        storm_over::left(reducer, at, &storm, out);
    }
}

pub(super) fn forget_membership(reducer: &mut Reducer, key: &TrackKey, out: &mut EffectSink) -> Option<StormKey> {
    let mut track = reducer.tracks.get(key).cloned()?;
    let Membership { storm, .. } = track.member.take()?;
    reducer.save_track(key, Some(track), out);
    Some(storm)
}

/// A case was dispatched: what it has of a storm's members stands for itself from now on.
pub(super) fn dispatched(reducer: &mut Reducer, at: At, case: EffectId, out: &mut EffectSink) {
    let Some(open) = reducer.cases.get(&case) else { return };
    let members: Vec<Incident> = reducer.members(&open.case).filter(|row| row.parent.is_some()).cloned().collect();
    for mut member in members {
        let parent = member.parent.take().and_then(|id| reducer.incidents.get(&id));
        let Some(parent) = parent.filter(|parent| parent.case != Some(case)).map(|parent| parent.id) else { continue };
        member.updated = at.now;
        decide::because(at, &member, DecisionKind::SplitOff, Why::OwnCaseDispatched, parent, out);
        let key = TrackKey::of(&member);
        reducer.save_incident(member, out);
        leave(reducer, at, &key, out);
    }
}
