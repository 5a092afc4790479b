//! Rules' groups: devices that their rule counts as members, and the one incident of their group.
//!
//! A member is a verdict of the rule, not an incident: a lamp that has lost its supply counts at once, and has no
//! incident of its own yet, or never. The group's incident is kept among the storms, under the rule's name in the
//! place of a condition, so that members' own incidents stand under it, fold into its case and split off again as
//! those of a storm do (`storm.rs`). When it begins and ends is decided here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gengfu_model::{
    Decision, DecisionKind, Device, DeviceId, DeviceLife, Effect, EffectId, EffectSink, Evidence, Incident,
    IncidentState, Timestamp, Why,
};
use serde::{Deserialize, Serialize};

use super::clearing::unasked;
use super::incident::in_maintenance;
use super::members::Members;
use super::place::Place;
use super::save::json;
use super::state::{StormKey, TrackKey};
use super::storm::{self, Entry};
use super::{At, Reducer, case, decide, silence, standing, storm_over};
use crate::group::{PREFIX, RuleGroup, spoken};

/// Keys of members' rows begin so, then comes the JSON of (device, group's name).
pub(super) const MEMBER_PREFIX: &str = "cases/member/";
/// Keys of rows of where a group's incident stands begin so, then comes the JSON of the [`StormKey`].
pub(super) const PLACE_PREFIX: &str = "cases/group/";
/// The most members that a decision's note names.
const NAMED: usize = 20;

/// A device that its rule counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Member {
    /// Where it counts; `None`: the register names no group of it.
    storm: Option<StormKey>,
    asset: Arc<str>,
    rule: Arc<str>,
    version: Arc<str>,
    /// Since when; what its rule has held against the asset for longer counts from then.
    since: Timestamp,
    /// It is in maintenance, and not counted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    quiet: bool,
}

/// A device and the name of a rule's group.
pub(super) type MemberKey = (DeviceId, Arc<str>);

/// The members of all rules' groups.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Groups {
    /// What the live pack says, told by the caller.
    rules: Told,
    members: BTreeMap<MemberKey, Member>,
    /// Those that count, by group: found from `members`.
    counted: BTreeMap<StormKey, Members>,
    /// Where the open incidents of groups stand.
    places: BTreeMap<StormKey, Place>,
}

/// The pack's, not the reducer's: told again after a restart, so it makes no difference between two reducers.
#[derive(Clone, Debug, Default)]
struct Told(BTreeMap<Arc<str>, RuleGroup>);

impl PartialEq for Told {
    fn eq(&self, _: &Told) -> bool {
        true
    }
}

impl Groups {
    /// The groups of the live pack, by [`RuleGroup::name`].
    pub(super) fn tell(&mut self, rules: BTreeMap<Arc<str>, RuleGroup>) {
        self.rules = Told(rules);
    }

    pub(super) fn keep(&mut self, key: MemberKey, member: Member) {
        if let Some(storm) = member.storm.as_ref().filter(|_| !member.quiet) {
            self.counted.entry(storm.clone()).or_default().insert(member.since, &counted_as(&key, &member));
        }
        self.members.insert(key, member);
    }

    pub(super) fn keep_place(&mut self, storm: StormKey, place: Place) {
        self.places.insert(storm, place);
    }

    fn forget(&mut self, key: &MemberKey) -> Option<Member> {
        let member = self.members.remove(key)?;
        if let Some(storm) = &member.storm
            && let Some(counted) = self.counted.get_mut(storm)
        {
            counted.remove(member.since, &counted_as(key, &member));
            if counted.is_empty() {
                self.counted.remove(storm);
            }
        }
        Some(member)
    }

    fn of_storm(&self, storm: &StormKey) -> Option<&RuleGroup> {
        self.rules.0.get(&storm.condition)
    }

    fn of_device(&self, device: &DeviceId) -> Vec<(MemberKey, Member)> {
        let from = (device.clone(), Arc::from(""));
        let own = self.members.range(from..).take_while(|((id, _), _)| id == device);
        own.map(|(key, member)| (key.clone(), member.clone())).collect()
    }
}

/// How a member stands among those that are counted: one for each device, told apart by assets.
fn counted_as((device, _): &MemberKey, member: &Member) -> TrackKey {
    TrackKey { rule: member.rule.clone(), asset: member.asset.clone(), key: device.as_str().into() }
}

/// Whether a storm is a rule's group.
pub(super) fn is_group(storm: &StormKey) -> bool {
    storm.condition.starts_with(PREFIX)
}

/// The groups in which an incident of that condition and group of assets is the parent, for what it explains.
pub(super) fn parent_with(reducer: &Reducer, wanted: &StormKey) -> Option<EffectId> {
    let rules = reducer.groups.rules.0.iter().filter(|(_, rule)| rule.condition == wanted.condition);
    rules.map(|(name, _)| StormKey { condition: name.clone(), group: wanted.group.clone() }).find_map(|storm| {
        let parent = reducer.storms.get(&storm)?;
        let open = reducer.incidents.get(parent)?;
        (open.silenced_by.is_none() && open.inhibited_by.is_none()).then_some(*parent)
    })
}

/// The group that an incident belongs to by its rule: its asset is a member there.
pub(super) fn storm_of(reducer: &Reducer, device: &Device, incident: &Incident) -> Option<StormKey> {
    let name = RuleGroup::name(incident.kind, &incident.rule);
    let rule = reducer.groups.rules.0.get(&name)?;
    let storm = StormKey { condition: name, group: group_of(rule, device)? };
    reducer.groups.counted.get(&storm)?.has_asset(&incident.asset).then_some(storm)
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
    let Some(group) = reducer.groups.rules.0.get(&key.1).filter(|_| holds) else {
        return leave(reducer, at, &key, evidence, out);
    };
    let storm = group_of(group, device).map(|group| StormKey { condition: key.1.clone(), group });
    let since = held_since(reducer, rule, &device.asset_code).map_or(at.now, |since| since.min(at.now));
    let member = Member {
        storm,
        asset: device.asset_code.clone(),
        rule: rule.clone(),
        version: version.clone(),
        since: reducer.groups.members.get(&key).map_or(since, |member| member.since),
        quiet: in_maintenance(device),
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
    let left = reducer.groups.members.get(&key).and_then(|before| before.storm.clone());
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
    let Some(before) = reducer.groups.members.get(key).cloned() else { return };
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

/// How many assets became members since a moment and still are, counted up to `enough`.
fn since(reducer: &Reducer, storm: &StormKey, from: Timestamp, enough: usize) -> usize {
    let Some(counted) = reducer.groups.counted.get(storm) else { return 0 };
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
fn judge(
    reducer: &mut Reducer,
    at: At,
    device: &Device,
    storm: &StormKey,
    last: &Member,
    evidence: &Evidence,
    out: &mut EffectSink,
) {
    let Some(group) = reducer.groups.of_storm(storm).cloned() else { return };
    let count = reducer.groups.counted.get(storm).map_or(0, Members::asset_count);
    if let Some(parent) = reducer.storms.get(storm).copied() {
        storm::count_to(reducer, at, parent, count, out);
        if reducer.ending.contains_key(storm) {
            thinned(reducer, at, storm, evidence, out);
        }
        return;
    }
    let needs = group.needs(reducer.sizes.of(device.kind, &storm.group)) as usize;
    if since(reducer, storm, at.now.plus_ms(-group.within_ms), needs) < needs {
        return;
    }
    begin(reducer, at, device, storm, (&group, last), count, evidence, out);
}

#[expect(clippy::too_many_arguments, reason = "the parts of one transition, each used once")]
fn begin(
    reducer: &mut Reducer,
    at: At,
    device: &Device,
    storm: &StormKey,
    (group, last): (&RuleGroup, &Member),
    count: usize,
    evidence: &Evidence,
    out: &mut EffectSink,
) {
    let id = out.reserve();
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
        district: device.district.clone(),
        opened: at.now,
        updated: at.now,
        cleared: None,
        cleared_by: None,
        value: Some(storm::count_value(count)),
        late: false,
        reopened: 0,
        text_zh: RuleGroup::fill(&group.text_zh, &spoken(&storm.group).0, count),
        text_en: RuleGroup::fill(&group.text_en, &spoken(&storm.group).1, count),
        parent: None,
        case: None,
        silenced_by: None,
        inhibited_by: None,
    };
    let place = Device { asset_code: storm.group.clone(), name: storm.group.clone(), ..device.clone() };
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

/// The members by their assets, the newest first, as people read them.
fn named(reducer: &Reducer, storm: &StormKey) -> String {
    let Some(counted) = reducer.groups.counted.get(storm) else { return String::new() };
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
    let Some(place) = reducer.groups.places.get(&storm).map(|place| place.device(&parent)) else { return };
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
        Some(place) => reducer.groups.places.insert(storm.clone(), place),
        None => reducer.groups.places.remove(storm),
    };
}

/// A member left, or came while the group's incident wanes: it is over when no more than half of what was needed are
/// left of those that made it.
fn thinned(reducer: &mut Reducer, at: At, storm: &StormKey, evidence: &Evidence, out: &mut EffectSink) {
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
}

/// The register's entry of a device changed: it left its group, went to another, or counts no more.
pub(super) fn register(reducer: &mut Reducer, at: At, device: &Device, out: &mut EffectSink) {
    let evidence = unasked(at, "register");
    for (key, member) in reducer.groups.of_device(&device.id) {
        let Some(group) = reducer.groups.rules.0.get(&key.1).filter(|_| device.life != DeviceLife::Retired) else {
            leave(reducer, at, &key, &evidence, out);
            continue;
        };
        let storm = group_of(group, device).map(|group| StormKey { condition: key.1.clone(), group });
        let quiet = in_maintenance(device);
        let moved = Member { storm, asset: device.asset_code.clone(), quiet, ..member.clone() };
        if moved != member {
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
    let changed = reducer.groups.rules.0 != rules;
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
    for key in reducer.groups.members.keys().cloned().collect::<Vec<_>>() {
        let entry = device(&key.0).filter(|_| reducer.groups.rules.0.contains_key(&key.1));
        match entry {
            None => leave(reducer, at, &key, &evidence, out),
            Some(entry) => {
                let Some(member) = reducer.groups.members.get(&key).cloned() else { continue };
                let Some(group) = reducer.groups.rules.0.get(&key.1) else { continue };
                let storm = group_of(group, &entry).map(|group| StormKey { condition: key.1.clone(), group });
                put(reducer, at, &entry, key, Member { storm, ..member }, &evidence, out);
            }
        }
    }
    let open = reducer.storms.keys().filter(|storm| is_group(storm)).cloned().collect::<Vec<_>>();
    for storm in open {
        thinned(reducer, at, &storm, &evidence, out);
    }
}
