//! The reference: who holds what, by the assertions alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_model::{Device, DeviceId, Severity};

use super::operations::Op;

/// What must be: who holds what, by the assertions alone.
#[derive(Default)]
pub(super) struct Model {
    pub(super) holds: BTreeMap<(Arc<str>, usize), BTreeMap<DeviceId, Severity>>,
}

impl Model {
    fn let_go(&mut self, device: &DeviceId, key: Option<usize>) {
        for ((_, of_key), holders) in &mut self.holds {
            if key.is_none_or(|key| key == *of_key) {
                holders.remove(device);
            }
        }
        self.holds.retain(|_, holders| !holders.is_empty());
    }

    pub(super) fn apply(&mut self, op: &Op, fleet: &[Device]) {
        match op {
            Op::Raise { device, key, severity, .. } => {
                let device = &fleet[*device];
                let holders = self.holds.entry((device.asset_code.clone(), *key)).or_default();
                holders.insert(device.id.clone(), Severity::ALL[*severity]);
            }
            Op::Clear { device, key } => self.let_go(&fleet[*device].id, Some(*key)),
            Op::Retire { device } => self.let_go(&fleet[*device].id, None),
            Op::Move { device, .. } => {
                let Device { id, asset_code, .. } = &fleet[*device];
                for ((asset, _), holders) in &mut self.holds {
                    if asset != asset_code {
                        holders.remove(id);
                    }
                }
                self.holds.retain(|_, holders| !holders.is_empty());
            }
            Op::HandOver { from, to } => self.hand_over(&fleet[*from], &fleet[*to]),
            Op::Withdraw { key } => self.holds.retain(|(_, of_key), _| of_key != key),
            Op::Wait { .. } | Op::Ask { .. } | Op::Maintenance { .. } => {}
            Op::Silence { .. } | Op::EndSilence { .. } => {}
        }
    }

    fn hand_over(&mut self, from: &Device, to: &Device) {
        if from.id == to.id {
            return;
        }
        for ((asset, _), holders) in &mut self.holds {
            if *asset == to.asset_code
                && let Some(severity) = holders.remove(&from.id)
            {
                let stronger = holders.get(&to.id).map_or(severity, |own| severity.max(*own));
                holders.insert(to.id.clone(), stronger);
            }
        }
    }
}
