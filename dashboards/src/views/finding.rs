//! A late finding.

use gengfu_model::Finding;
use serde::Serialize;
use utoipa::ToSchema;

use crate::time_text::Time;

/// What a device would have raised, had its late readings come in time.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct FindingView {
    /// Always `late`: found afterwards, never a live incident.
    pub detected: &'static str,
    /// The rule's id.
    pub rule: String,
    /// The pack that judged.
    pub rule_version: String,
    /// The key within the rule.
    pub key: String,
    /// The asset.
    pub asset: String,
    /// The device whose readings came late.
    pub device: String,
    /// Its kind.
    pub kind: &'static str,
    /// Its district.
    pub district: String,
    /// What was wrong.
    pub condition: String,
    /// The worst that it was.
    pub severity: &'static str,
    /// When it would have opened.
    pub opened: Time,
    /// When it would have cleared.
    pub cleared: Option<Time>,
    /// For people, in Chinese.
    pub text_zh: String,
    /// For people, in English.
    pub text_en: String,
    /// What decided: file, line, source, the readings and the value of each sub-expression.
    pub explanation: Option<serde_json::Value>,
}

impl From<Finding> for FindingView {
    fn from(finding: Finding) -> FindingView {
        FindingView {
            detected: "late",
            rule: finding.rule.to_string(),
            rule_version: finding.rule_version.to_string(),
            key: finding.key.to_string(),
            asset: finding.asset.to_string(),
            device: finding.device.to_string(),
            kind: finding.kind.name(),
            district: finding.district.to_string(),
            condition: finding.condition.to_string(),
            severity: finding.severity.name(),
            opened: finding.opened.into(),
            cleared: finding.cleared.map(Time::from),
            text_zh: finding.text_zh,
            text_en: finding.text_en,
            explanation: finding.evidence.and_then(|evidence| serde_json::to_value(evidence).ok()),
        }
    }
}
