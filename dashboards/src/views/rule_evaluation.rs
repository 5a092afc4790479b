//! What a rule makes of a device: the engine's answer, part by part. Times are epoch milliseconds.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One evaluation with everything shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RuleEvaluationView {
    /// The rule's id.
    pub rule: String,
    /// The pack's version.
    pub version: String,
    /// `lowered` or `interpreter`.
    pub tier: String,
    /// The moment, by the journal's time.
    pub now: i64,
    /// What keeps the rule from judging the device at all; empty if nothing does.
    pub kept_from: Vec<String>,
    /// Every key: `key`, `is` (what is remembered), `says` (what the rule says now).
    pub keys: Vec<serde_json::Value>,
    /// Every sub-expression: `line, column, text, value, because` (why it is unknown).
    pub steps: Vec<serde_json::Value>,
    /// Every field that the rule reads: `field, value, event_time, state`.
    pub readings: Vec<serde_json::Value>,
    /// What the rule remembers: `id, holds, due`.
    pub slots: Vec<serde_json::Value>,
    /// How the evaluation failed, if it did: line, column, message.
    pub fault: Option<serde_json::Value>,
    /// Of a moment that is over: the state of before from which it was put together, in words.
    #[serde(default)]
    pub from: Option<String>,
    /// Of a moment that is over: how many messages of the device came between that state and the moment.
    #[serde(default)]
    pub messages: Option<u64>,
}
