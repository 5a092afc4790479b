//! A late finding: what a device would have raised, had its late readings come in time.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{DeviceId, Evidence, Kind, Severity, Timestamp};

/// The most findings in one record.
pub const MAX_FINDINGS: usize = 200;

/// What a device would have raised. It is told, and is never a live incident: nobody is called for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// The rule's id.
    pub rule: Arc<str>,
    /// The pack that judged.
    pub rule_version: Arc<str>,
    /// The key within the rule.
    pub key: Arc<str>,
    /// The asset.
    pub asset: Arc<str>,
    /// The device whose readings came late.
    pub device: DeviceId,
    /// Its kind.
    pub kind: Kind,
    /// Its district.
    pub district: Arc<str>,
    /// What was wrong.
    pub condition: Arc<str>,
    /// The worst that it was.
    pub severity: Severity,
    /// When it would have opened, by the device's time.
    pub opened: Timestamp,
    /// When it would have cleared, if it would have by the end of what was looked at.
    pub cleared: Option<Timestamp>,
    /// For people, in Chinese.
    pub text_zh: String,
    /// For people, in English.
    pub text_en: String,
    /// What decided.
    pub evidence: Option<Evidence>,
}
