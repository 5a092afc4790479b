//! What is said with a rule pack: why it was published and what it had passed; and the draft in the shadow.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{EffectId, Timestamp};

/// The longest reason, in bytes.
pub const MAX_REASON_BYTES: usize = 1_000;

/// What is said with the publication of a pack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PackNote {
    /// Why it was published.
    pub reason: String,
    /// What its tests said, in words; empty: none were run.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tests: String,
    /// The backtest or shadow that it was published after: the report's id and its summary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trial: Option<TrialNote>,
    /// What stood against it, when it was published nevertheless.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub forced: Vec<String>,
    /// When it is to be rolled back by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<RollbackLimits>,
}

/// The trial that a pack was published after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialNote {
    /// The report's id.
    pub id: String,
    /// What it found, in a line.
    pub summary: String,
}

/// When a pack is to be rolled back by itself: in the first hours after its publication, above one of the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollbackLimits {
    /// More incidents than this opened within an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incidents_per_hour: Option<u32>,
    /// More evaluations than this failed since the process took the pack up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub faults: Option<u64>,
    /// For so many hours; 1 to 720.
    pub hours: u32,
}

impl RollbackLimits {
    /// What is wrong with the limits, in a sentence.
    #[must_use]
    pub fn mistake(&self) -> Option<&'static str> {
        if self.incidents_per_hour.is_none() && self.faults.is_none() {
            return Some("limits for a roll-back name incidents per hour, failed evaluations, or both");
        }
        (!(1..=720).contains(&self.hours)).then_some("limits for a roll-back hold for 1 to 720 hours")
    }
}

/// The draft that runs in the shadow of the live pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowRow {
    /// The record that put it there.
    pub id: EffectId,
    /// Its hash.
    pub version: Arc<str>,
    /// Its files.
    pub files: Arc<BTreeMap<String, String>>,
    /// Who put it there.
    pub by: Arc<str>,
    /// Why.
    pub reason: String,
    /// When, in journal time.
    pub time: Timestamp,
}
