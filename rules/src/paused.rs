//! Rules that are paused as a whole: they judge no device until somebody resumes them.
//!
//! A pause is a request in the journal, by staff or by the gateway itself when a rule fails on many
//! devices, so a replay pauses at the same record. What a paused rule has open stays open; its timers
//! pass by unjudged, and its slots keep what they held.

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_model::Timestamp;
use serde::{Deserialize, Serialize};

/// A rule that fails on so many devices within [`FAILING_WINDOW_MS`] is to be paused.
pub const DEVICES_TO_PAUSE: usize = 20;
/// In milliseconds.
pub const FAILING_WINDOW_MS: i64 = gengfu_model::time::HOUR_MS;

/// Why a rule is paused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Since when, by the journal's time.
    pub since: Timestamp,
    /// Who paused it; `system` for the gateway itself.
    pub by: Arc<str>,
    /// Why.
    pub reason: String,
}

/// The paused rules by id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PausedRules(BTreeMap<Arc<str>, Pause>);

impl PausedRules {
    /// None at all.
    pub(crate) const NONE: &'static PausedRules = &PausedRules(BTreeMap::new());

    /// Pauses a rule; `false` if it was paused already.
    pub(crate) fn pause(&mut self, rule: &Arc<str>, pause: Pause) -> bool {
        if self.0.contains_key(rule) {
            return false;
        }
        self.0.insert(Arc::clone(rule), pause);
        true
    }

    /// Resumes a rule; `false` if it was not paused.
    pub(crate) fn resume(&mut self, rule: &str) -> bool {
        self.0.remove(rule).is_some()
    }

    /// Keeps the pauses of these rules alone.
    pub(crate) fn keep(&mut self, stays: impl Fn(&str) -> bool) {
        self.0.retain(|rule, _| stays(rule));
    }

    /// Whether a rule is paused.
    #[must_use]
    #[inline]
    pub fn contains(&self, rule: &str) -> bool {
        !self.0.is_empty() && self.0.contains_key(rule)
    }

    /// The paused rules in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Pause)> {
        self.0.iter()
    }
}
