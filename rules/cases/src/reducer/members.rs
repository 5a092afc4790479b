//! The open incidents of one group and condition, so that a storm of ten thousand is counted without looking at
//! ten thousand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gengfu_model::Timestamp;

use super::place::Place;
use super::state::TrackKey;

fn district_of(place: Option<&Place>) -> Arc<str> {
    place.map_or_else(|| Arc::from(""), |place| place.district().clone())
}

fn take_one(counts: &mut BTreeMap<Arc<str>, u32>, name: &Arc<str>) {
    if let Some(count) = counts.get_mut(name) {
        *count -= 1;
        if *count == 0 {
            counts.remove(name);
        }
    }
}

/// What is open in a group.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Members {
    /// In the order in which they came.
    by_time: BTreeSet<(Timestamp, TrackKey)>,
    /// How many there are on each asset.
    assets: BTreeMap<Arc<str>, u32>,
    /// How many there are in each district; those whose district is not known are under the empty name.
    districts: BTreeMap<Arc<str>, u32>,
}

impl Members {
    pub(super) fn insert(&mut self, since: Timestamp, key: &TrackKey, place: Option<&Place>) {
        if self.by_time.insert((since, key.clone())) {
            *self.assets.entry(key.asset.clone()).or_default() += 1;
            *self.districts.entry(district_of(place)).or_default() += 1;
        }
    }

    /// `place` is the one that it came with.
    pub(super) fn remove(&mut self, since: Timestamp, key: &TrackKey, place: Option<&Place>) {
        if self.by_time.remove(&(since, key.clone())) {
            take_one(&mut self.assets, &key.asset);
            take_one(&mut self.districts, &district_of(place));
        }
    }

    /// The districts with the most members, if they are not in the district `now`: that one stays as long as no other
    /// is ahead by a tenth of all. Members of no known district are counted where the rest is now.
    pub(super) fn most(&self, now: Option<&str>) -> BTreeSet<&str> {
        let known = || self.districts.iter().filter(|(district, _)| !district.is_empty());
        let most = known().map(|(_, count)| *count).max().unwrap_or(0);
        let here = |now: &str| {
            let named = self.districts.get(now).copied().unwrap_or(0);
            named + self.districts.get("").copied().filter(|_| !now.is_empty()).unwrap_or(0)
        };
        let tenth = u32::try_from(self.len() / 10).unwrap_or(u32::MAX);
        let stays = now.map(here).is_some_and(|here| here > 0 && most < here.saturating_add(tenth.max(1)));
        known().filter(|(_, count)| !stays && **count == most).map(|(district, _)| &**district).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_time.is_empty()
    }

    /// How many incidents.
    pub(super) fn len(&self) -> usize {
        self.by_time.len()
    }

    /// How many assets.
    pub(super) fn asset_count(&self) -> usize {
        self.assets.len()
    }

    /// Whether an asset is among them.
    pub(super) fn has_asset(&self, asset: &str) -> bool {
        self.assets.contains_key(asset)
    }

    /// All, the oldest first.
    pub(super) fn keys(&self) -> impl Iterator<Item = &TrackKey> {
        self.by_time.iter().map(|(_, key)| key)
    }

    /// Those that came at or after a moment, the newest first.
    pub(super) fn since(&self, from: Timestamp) -> impl Iterator<Item = &TrackKey> {
        self.by_time.iter().rev().take_while(move |(since, _)| *since >= from).map(|(_, key)| key)
    }
}
