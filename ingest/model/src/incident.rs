//! An incident: one thing that is wrong with one asset, by one rule and key.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{DeviceId, EffectId, Kind, Timestamp};

/// How bad it is. The order is from the mildest to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth a note.
    Info,
    /// To be planned.
    Minor,
    /// To be handled in working time.
    Major,
    /// Somebody may get hurt: at once.
    Critical,
}

impl Severity {
    /// Every severity, from the mildest to the worst.
    pub const ALL: [Severity; 4] = [Severity::Info, Severity::Minor, Severity::Major, Severity::Critical];

    /// The name used in rules, JSON and topics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Minor => "minor",
            Severity::Major => "major",
            Severity::Critical => "critical",
        }
    }

    /// The severity of that name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Severity> {
        Severity::ALL.into_iter().find(|severity| severity.name() == name)
    }
}

/// Whether the condition still holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentState {
    /// It holds.
    Open,
    /// It does not hold any more.
    Cleared,
}

/// One thing that is wrong: at most one open incident per (rule, asset, key).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Its id: the record that opened it.
    pub id: EffectId,
    /// The rule's id.
    pub rule: Arc<str>,
    /// The pack version (hash) that the rule had when it last judged.
    pub rule_version: Arc<str>,
    /// The asset.
    pub asset: Arc<str>,
    /// The device whose readings decided.
    pub device: DeviceId,
    /// The device's kind.
    pub kind: Kind,
    /// The rule's key.
    pub key: Arc<str>,
    /// What is wrong, in the city's words (such as `cover_displaced`).
    pub condition: Arc<str>,
    /// How bad it is now.
    pub severity: Severity,
    /// The worst it has been.
    pub worst: Severity,
    /// Whether it still holds.
    pub state: IncidentState,
    /// District of the device when it opened.
    pub district: Arc<str>,
    /// When it opened (journal time).
    pub opened: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
    /// When it cleared.
    pub cleared: Option<Timestamp>,
    /// Why it cleared: `clear`, `withdrawn` (its rule or key is gone), `retired` (its device is gone).
    pub cleared_by: Option<Arc<str>>,
    /// The number that the rule gave, if any.
    pub value: Option<f64>,
    /// Opened from a reading that came late.
    pub late: bool,
    /// How often it opened again within its cooldown.
    pub reopened: u32,
    /// For people, in Chinese.
    pub text_zh: String,
    /// For people, in English.
    pub text_en: String,
    /// The incident that it is a member of.
    pub parent: Option<EffectId>,
    /// The case that it belongs to.
    pub case: Option<EffectId>,
    /// The silence that holds it back: recorded, no case, no message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silenced_by: Option<EffectId>,
    /// The incident that explains it and holds it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inhibited_by: Option<EffectId>,
}
