//! The rules that are paused as a whole, and those that should be.

use gengfu_model::staff::Action;

use super::Engine;
use crate::paused::{DEVICES_TO_PAUSE, FAILING_WINDOW_MS, PausedRules};

impl Engine {
    /// The rules that are paused.
    #[must_use]
    pub fn paused(&self) -> &PausedRules {
        &self.ruling.paused
    }

    /// What the gateway should journal, since a rule fails on [`DEVICES_TO_PAUSE`] devices. Decided from
    /// counters that a replay does not have: it is the record that pauses, not this.
    #[must_use]
    pub fn pause_wanted(&self) -> Option<Action> {
        let mut failing = self.ruling.pack.failing().into_iter();
        let (rule, devices, message) = failing.find(|(rule, _, _)| !self.ruling.paused.contains(rule))?;
        let hours = FAILING_WINDOW_MS / gengfu_model::time::HOUR_MS;
        let reason = format!("it failed on {devices} devices within {hours} h (limit {DEVICES_TO_PAUSE}): {message}");
        Some(Action::PauseRule { rule, reason })
    }
}
