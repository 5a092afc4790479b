//! The open incidents of one group and condition, so that a storm of ten thousand is counted without looking at
//! ten thousand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gengfu_model::Timestamp;

use super::state::TrackKey;

/// What is open in a group.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Members {
    /// In the order in which they came.
    by_time: BTreeSet<(Timestamp, TrackKey)>,
    /// How many there are on each asset.
    assets: BTreeMap<Arc<str>, u32>,
}

impl Members {
    pub(super) fn insert(&mut self, since: Timestamp, key: &TrackKey) {
        if self.by_time.insert((since, key.clone())) {
            *self.assets.entry(key.asset.clone()).or_default() += 1;
        }
    }

    pub(super) fn remove(&mut self, since: Timestamp, key: &TrackKey) {
        if !self.by_time.remove(&(since, key.clone())) {
            return;
        }
        if let Some(count) = self.assets.get_mut(&key.asset) {
            *count -= 1;
            if *count == 0 {
                self.assets.remove(&key.asset);
            }
        }
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
