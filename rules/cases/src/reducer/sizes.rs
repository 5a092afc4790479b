//! How many devices of a kind each group of the register has, for rules that ask for a share of it.
//!
//! It is the register's, not the reducer's: whoever owns the register tells of every change, and tells it again
//! after a restart. So two reducers with the same state are equal, whatever they were told.

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_model::{Device, DeviceLife, Kind};

use super::case::group_of;
use crate::profile::GroupBy;

/// The columns of the register that name groups.
const COLUMNS: [GroupBy; 6] =
    [GroupBy::Feeder, GroupBy::Cabinet, GroupBy::Catchment, GroupBy::CarrierCell, GroupBy::Grid, GroupBy::District];

/// Devices in each group.
#[derive(Clone, Debug, Default)]
pub(super) struct Sizes {
    counts: BTreeMap<(Kind, Arc<str>), u32>,
}

impl PartialEq for Sizes {
    fn eq(&self, _: &Sizes) -> bool {
        true
    }
}

impl Sizes {
    /// A register entry came, changed or went.
    pub(super) fn change(&mut self, before: Option<&Device>, after: Option<&Device>) {
        for group in before.into_iter().flat_map(groups) {
            if let Some(count) = self.counts.get_mut(&group) {
                *count -= 1;
                if *count == 0 {
                    self.counts.remove(&group);
                }
            }
        }
        for group in after.into_iter().flat_map(groups) {
            *self.counts.entry(group).or_default() += 1;
        }
    }

    /// How many devices of that kind are in a group; `None` if the register has none.
    pub(super) fn of(&self, kind: Kind, group: &Arc<str>) -> Option<u32> {
        self.counts.get(&(kind, group.clone())).copied()
    }
}

fn groups(device: &Device) -> impl Iterator<Item = (Kind, Arc<str>)> + '_ {
    let used = (device.life != DeviceLife::Retired).then_some(COLUMNS);
    used.into_iter().flatten().filter_map(|by| Some((device.kind, group_of(&by, device)?)))
}
