//! What is kept of rules' groups: who counts, where, and where the groups' open incidents stand.

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_model::{DeviceId, Timestamp};
use serde::{Deserialize, Serialize};

use super::members::Members;
use super::place::Place;
use super::state::{StormKey, TrackKey};
use crate::group::RuleGroup;

/// Keys of members' rows begin so, then comes the JSON of (device, group's name).
pub(super) const MEMBER_PREFIX: &str = "cases/member/";
/// Keys of rows of where a group's incident stands begin so, then comes the JSON of the [`StormKey`].
pub(super) const PLACE_PREFIX: &str = "cases/group/";
/// A device that its rule counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Member {
    /// Where it counts; `None`: the register names no group of it.
    pub(super) storm: Option<StormKey>,
    pub(super) asset: Arc<str>,
    pub(super) rule: Arc<str>,
    pub(super) version: Arc<str>,
    /// Since when; what its rule has held against the asset for longer counts from then.
    pub(super) since: Timestamp,
    /// It is in maintenance, and not counted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) quiet: bool,
    /// Where it stands, by the register; `None` in rows of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) place: Option<Box<Place>>,
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
            self.counted.entry(storm.clone()).or_default().insert(
                member.since,
                &counted_as(&key, &member),
                member.place.as_deref(),
            );
        }
        self.members.insert(key, member);
    }

    pub(super) fn keep_place(&mut self, storm: StormKey, place: Place) {
        self.places.insert(storm, place);
    }

    pub(super) fn forget(&mut self, key: &MemberKey) -> Option<Member> {
        let member = self.members.remove(key)?;
        if let Some(storm) = &member.storm
            && let Some(counted) = self.counted.get_mut(storm)
        {
            counted.remove(member.since, &counted_as(key, &member), member.place.as_deref());
            if counted.is_empty() {
                self.counted.remove(storm);
            }
        }
        Some(member)
    }

    /// Whether another pack would change anything.
    pub(super) fn differ(&self, rules: &BTreeMap<Arc<str>, RuleGroup>) -> bool {
        self.rules.0 != *rules
    }

    /// The group of that name in the live pack.
    pub(super) fn rule(&self, name: &Arc<str>) -> Option<&RuleGroup> {
        self.rules.0.get(name)
    }

    /// The groups whose incident has that condition: their names.
    pub(super) fn with_condition<'a>(&'a self, condition: &'a Arc<str>) -> impl Iterator<Item = &'a Arc<str>> {
        self.rules.0.iter().filter(move |(_, rule)| rule.condition == *condition).map(|(name, _)| name)
    }

    pub(super) fn member(&self, key: &MemberKey) -> Option<&Member> {
        self.members.get(key)
    }

    pub(super) fn member_keys(&self) -> impl Iterator<Item = &MemberKey> {
        self.members.keys()
    }

    /// The members of a group that count.
    pub(super) fn counted(&self, storm: &StormKey) -> Option<&Members> {
        self.counted.get(storm)
    }

    /// Where a member stands.
    pub(super) fn place(&self, key: &MemberKey) -> Option<&Place> {
        self.members.get(key)?.place.as_deref()
    }

    /// Where the open incident of a group stood when it began.
    pub(super) fn incident_place(&self, storm: &StormKey) -> Option<&Place> {
        self.places.get(storm)
    }

    pub(super) fn forget_place(&mut self, storm: &StormKey) {
        self.places.remove(storm);
    }

    pub(super) fn of_storm(&self, storm: &StormKey) -> Option<&RuleGroup> {
        self.rule(&storm.condition)
    }

    pub(super) fn of_device(&self, device: &DeviceId) -> Vec<(MemberKey, Member)> {
        let from = (device.clone(), Arc::from(""));
        let own = self.members.range(from..).take_while(|((id, _), _)| id == device);
        own.map(|(key, member)| (key.clone(), member.clone())).collect()
    }
}

/// How a member stands among those that are counted: one for each device, told apart by assets.
fn counted_as((device, _): &MemberKey, member: &Member) -> TrackKey {
    TrackKey { rule: member.rule.clone(), asset: member.asset.clone(), key: device.as_str().into() }
}
