//! The groups of the live pack's rules, as the reducer counts them.

use std::sync::Arc;

use gengfu_cases::At;
use gengfu_model::DeviceId;

use super::{Engine, Output};

impl Engine {
    /// Tells the reducer what the live pack groups. Below the ledger's position it is told alone: what came of it is
    /// in the ledger.
    pub(super) fn regroup(&mut self, at: At, out: &mut Output) {
        let rules = self.pack.groups();
        if !self.is_live(at.seq) {
            return self.reducer.tell_groups(rules);
        }
        let (index, devices) = (&self.index, &self.devices);
        let find = |id: &DeviceId| Some(Arc::clone(&devices.get(*index.get(id)? as usize)?.device));
        self.reducer.regroup(at, rules, &find, &mut out.effects);
    }
}
