//! Rules' groups: devices that their rule counts as members, and the one incident of their group.
//!
//! A member is a verdict of the rule, not an incident: a lamp that has lost its supply counts at once, and has no
//! incident of its own yet, or never. The group's incident is kept among the storms, under the rule's name in the
//! place of a condition, so that members' own incidents stand under it, fold into its case and split off again as
//! those of a storm do (`storm.rs`). When it begins and ends is decided in `group_incident.rs`; who counts, here.

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_model::{
    DecisionKind, Device, DeviceId, DeviceLife, Effect, EffectSink, Evidence, Incident, IncidentState, Timestamp, Why,
};

use super::clearing::unasked;
use super::group_incident::{judge, thinned};
use super::group_state::{MEMBER_PREFIX, Member, MemberKey};
use super::incident::in_maintenance;
use super::place::Place;
use super::save::json;
use super::state::{StormKey, TrackKey};
use super::storm::{self, Entry};
use super::{At, Reducer, case, decide, standing, storm_extent, storm_over};
use crate::group::{PREFIX, RuleGroup};

/// Whether a storm is a rule's group.
pub(super) fn is_group(storm: &StormKey) -> bool {
    storm.condition.starts_with(PREFIX)
}

/// The group that an incident belongs to by its rule: its asset is a member there.
pub(super) fn storm_of(reducer: &Reducer, device: &Device, incident: &Incident) -> Option<StormKey> {
    let name = RuleGroup::name(incident.kind, &incident.rule);
    let rule = reducer.groups.rule(&name)?;
    let storm = StormKey { condition: name, group: group_of(rule, device)? };
    reducer.groups.counted(&storm)?.has_asset(&incident.asset).then_some(storm)
}

fn group_of(rule: &RuleGroup, device: &Device) -> Option<Arc<str>> {
    rule.by.iter().find_map(|by| case::group_of(by, device))
}

/// A member's own incident looks for its place.
pub(super) fn enter(
    reducer: &mut Reducer,
    at: At,
    storm: &StormKey,
    incident: &mut Incident,
    out: &mut EffectSink,
) -> Entry {
    let key = TrackKey::of(incident);
    let before = reducer.tracks.get(&key).and_then(|track| track.member.as_ref());
    if before.is_some_and(|member| member.storm != *storm) {
        storm::leave(reducer, at, &key, out);
    }
    incident.parent = None;
    let under_way = reducer.storms.get(storm).copied();
    if under_way.is_some() && storm::is_dispatched(reducer, incident.case) {
        storm::leave(reducer, at, &key, out);
        return Entry::Alone;
    }
    storm::join(reducer, at, &key, storm, out);
    incident.parent = under_way;
    under_way.map_or(Entry::Alone, |_| Entry::Member)
}

/// A rule says that a device counts, or does not any more.
pub(super) fn said(
    reducer: &mut Reducer,
    at: At,
    device: &Device,
    (rule, version): (&Arc<str>, &Arc<str>),
    holds: bool,
    evidence: &Evidence,
    out: &mut EffectSink,
) {
    let name = RuleGroup::name(device.kind, rule);
    let key = (device.id.clone(), name);
    let Some(group) = reducer.groups.rule(&key.1).filter(|_| holds) else {
        return leave(reducer, at, &key, evidence, out);
    };
    let storm = group_of(group, device).map(|group| StormKey { condition: key.1.clone(), group });
    let since = held_since(reducer, rule, &device.asset_code).map_or(at.now, |since| since.min(at.now));
    let member = Member {
        storm,
        asset: device.asset_code.clone(),
        rule: rule.clone(),
        version: version.clone(),
        since: reducer.groups.member(&key).map_or(since, |member| member.since),
        quiet: in_maintenance(device),
        place: Some(Box::new(Place::of(device))),
    };
    put(reducer, at, device, key, member, evidence, out);
}

/// Since when the rule has held something against the asset, if it does.
fn held_since(reducer: &Reducer, rule: &Arc<str>, asset: &Arc<str>) -> Option<Timestamp> {
    own(reducer, rule, asset).into_iter().map(|incident| incident.opened).min()
}

/// The open incidents of an asset by a rule.
fn own<'a>(reducer: &'a Reducer, rule: &Arc<str>, asset: &Arc<str>) -> Vec<&'a Incident> {
    let from = TrackKey { rule: rule.clone(), asset: asset.clone(), key: Arc::from("") };
    let tracks = reducer.tracks.range(from..).take_while(|(key, _)| key.rule == *rule && key.asset == *asset);
    let incidents = tracks.filter_map(|(_, track)| reducer.incidents.get(&track.incident?));
    incidents.filter(|incident| incident.state == IncidentState::Open).collect()
}

/// Puts a member into its group, and looks at the group.
fn put(
    reducer: &mut Reducer,
    at: At,
    device: &Device,
    key: MemberKey,
    member: Member,
    evidence: &Evidence,
    out: &mut EffectSink,
) {
    let left = reducer.groups.member(&key).and_then(|before| before.storm.clone());
    save(reducer, &key, Some(member.clone()), out);
    if let Some(left) = left.filter(|left| member.quiet || Some(left) != member.storm.as_ref()) {
        thinned(reducer, at, &left, evidence, out);
    }
    let Some(storm) = member.storm.as_ref().filter(|_| !member.quiet) else { return };
    take_in(reducer, at, storm, &member, out);
    judge(reducer, at, device, storm, &member, evidence, out);
}

/// What the rule holds against a new member stands in its group from now on.
fn take_in(reducer: &mut Reducer, at: At, storm: &StormKey, member: &Member, out: &mut EffectSink) {
    let parent = reducer.storms.get(storm).copied();
    let open: Vec<Incident> = own(reducer, &member.rule, &member.asset).into_iter().cloned().collect();
    for mut incident in open {
        let key = TrackKey::of(&incident);
        let alone = !storm::is_dispatched(reducer, incident.case)
            && incident.silenced_by.is_none()
            && incident.inhibited_by.is_none();
        if !alone || reducer.tracks.get(&key).is_none_or(|track| track.is_quiet()) {
            continue;
        }
        storm::leave(reducer, at, &key, out);
        storm::join(reducer, at, &key, storm, out);
        // With a case of its own it was told of already, and goes on in it.
        if let Some(parent) = parent.filter(|_| !standing::has_open_case(reducer, &incident)) {
            incident.parent = Some(parent);
            incident.updated = at.now;
            decide::because(at, &incident, DecisionKind::Grouped, Why::StormMember, parent, out);
            reducer.save_incident(incident, out);
        }
    }
}

fn leave(reducer: &mut Reducer, at: At, key: &MemberKey, evidence: &Evidence, out: &mut EffectSink) {
    let Some(before) = reducer.groups.member(key).cloned() else { return };
    save(reducer, key, None, out);
    if let Some(storm) = before.storm {
        thinned(reducer, at, &storm, evidence, out);
    }
}

/// Puts a member out if it changed, and keeps it; `None` forgets it.
fn save(reducer: &mut Reducer, key: &MemberKey, member: Option<Member>, out: &mut EffectSink) {
    let before = reducer.groups.forget(key);
    if before != member {
        let row = format!("{MEMBER_PREFIX}{}", json(key));
        out.push(Effect::ReducerState { key: row, value: member.as_ref().map(json) });
    }
    if let Some(member) = member {
        reducer.groups.keep(key.clone(), member);
    }
}

/// The register's entry of a device changed: it left its group, went to another, or counts no more.
pub(super) fn register(reducer: &mut Reducer, at: At, device: &Device, out: &mut EffectSink) {
    let evidence = unasked(at, "register");
    for (key, member) in reducer.groups.of_device(&device.id) {
        let Some(group) = reducer.groups.rule(&key.1).filter(|_| device.life != DeviceLife::Retired) else {
            leave(reducer, at, &key, &evidence, out);
            continue;
        };
        let storm = group_of(group, device).map(|group| StormKey { condition: key.1.clone(), group });
        let (quiet, place) = (in_maintenance(device), Some(Box::new(Place::of(device))));
        let moved = Member { storm, asset: device.asset_code.clone(), quiet, place, ..member.clone() };
        let stays = (&moved.storm, &moved.asset, quiet) == (&member.storm, &member.asset, member.quiet);
        if stays {
            save(reducer, &key, Some(moved), out);
            if let Some(storm) = member.storm {
                storm_extent::recount(reducer, at, &storm, out);
            }
        } else {
            put(reducer, at, device, key, moved, &evidence, out);
        }
    }
}

/// Another pack is live. Groups that it does not have are withdrawn; members of the others are counted as it says.
/// `device` finds the register's entry.
pub(super) fn regroup(
    reducer: &mut Reducer,
    at: At,
    rules: BTreeMap<Arc<str>, RuleGroup>,
    device: &dyn Fn(&DeviceId) -> Option<Arc<Device>>,
    out: &mut EffectSink,
) {
    let changed = reducer.groups.differ(&rules);
    reducer.groups.tell(rules);
    if !changed {
        return;
    }
    let evidence = unasked(at, "withdrawn");
    let gone = |storm: &&StormKey| is_group(storm) && reducer.groups.of_storm(storm).is_none();
    for storm in reducer.storms.keys().filter(gone).cloned().collect::<Vec<_>>() {
        if let Some(parent) = reducer.storms.get(&storm).copied() {
            storm_over::end(reducer, at, &storm, parent, ("withdrawn", &evidence), out);
        }
    }
    for key in reducer.groups.member_keys().cloned().collect::<Vec<_>>() {
        let entry = device(&key.0).filter(|_| reducer.groups.rule(&key.1).is_some());
        match entry {
            None => leave(reducer, at, &key, &evidence, out),
            Some(entry) => {
                let Some(member) = reducer.groups.member(&key).cloned() else { continue };
                let Some(group) = reducer.groups.rule(&key.1) else { continue };
                let storm = group_of(group, &entry).map(|group| StormKey { condition: key.1.clone(), group });
                let place = Some(Box::new(Place::of(&entry)));
                put(reducer, at, &entry, key, Member { storm, place, ..member }, &evidence, out);
            }
        }
    }
    let open = reducer.storms.keys().filter(|storm| is_group(storm)).cloned().collect::<Vec<_>>();
    for storm in open {
        thinned(reducer, at, &storm, &evidence, out);
    }
}
