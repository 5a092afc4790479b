//! Pausing a rule as a whole, and letting it judge again.

use std::sync::Arc;

use gengfu_model::Refusal;
use gengfu_model::staff::{Accepted, Action, Verdict};

use super::Engine;
use crate::diagnostic::did_you_mean;
use crate::paused::{DEVICES_TO_PAUSE, FAILING_WINDOW_MS, Pause, PausedRules};

/// The longest reason, in bytes.
const MAX_REASON_BYTES: usize = 400;

impl Engine {
    /// The rules that are paused.
    #[must_use]
    pub fn paused(&self) -> &PausedRules {
        &self.paused
    }

    /// What the gateway should journal, since a rule fails on [`DEVICES_TO_PAUSE`] devices. Decided from
    /// counters that a replay does not have: it is the record that pauses, not this.
    #[must_use]
    pub fn pause_wanted(&self) -> Option<Action> {
        let mut failing = self.pack.failing().into_iter();
        let (rule, devices, message) = failing.find(|(rule, _, _)| !self.paused.contains(rule))?;
        let hours = FAILING_WINDOW_MS / gengfu_model::time::HOUR_MS;
        let reason = format!("it failed on {devices} devices within {hours} h (limit {DEVICES_TO_PAUSE}): {message}");
        Some(Action::PauseRule { rule, reason })
    }

    pub(super) fn pause_rule(&mut self, rule: &Arc<str>, by: &Arc<str>, reason: &str) -> Verdict {
        self.knows_rule(rule)?;
        if reason.is_empty() || reason.len() > MAX_REASON_BYTES {
            let message = format!("the reason has 1 to {MAX_REASON_BYTES} bytes");
            return Err(Refusal::new("invalid", message).field("reason"));
        }
        let pause = Pause { since: self.now, by: Arc::clone(by), reason: reason.to_owned() };
        if !self.paused.pause(rule, pause) {
            return Err(Refusal::new("wrong_state", format!("rule `{rule}` is paused already")));
        }
        self.pack.show_paused(&self.paused);
        Ok(Accepted { rows: 1, ..Accepted::default() })
    }

    pub(super) fn resume_rule(&mut self, rule: &Arc<str>) -> Verdict {
        self.knows_rule(rule)?;
        if !self.paused.resume(rule) {
            return Err(Refusal::new("wrong_state", format!("rule `{rule}` is not paused")));
        }
        self.pack.forget_failing(rule);
        self.pack.show_paused(&self.paused);
        Ok(Accepted { rows: 1, ..Accepted::default() })
    }

    fn knows_rule(&self, rule: &str) -> Result<(), Refusal> {
        let ids = self.pack.rules().iter().map(|info| &*info.id);
        if ids.clone().any(|id| id == rule) {
            return Ok(());
        }
        Err(Refusal::new("not_found", format!("there is no rule `{rule}`")).field("rule").hint(did_you_mean(rule, ids)))
    }
}
