//! What each rule costs and brings.

use serde::Serialize;
use utoipa::ToSchema;

use crate::time_text::Time;

/// The accounts of the rules.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct RuleAccountsView {
    /// Incidents and cases that opened from then on.
    pub from: Time,
    /// And before then.
    pub to: Time,
    /// The live pack's rules by kind and id, then rules of before that have incidents in the period.
    pub items: Vec<RuleAccountView>,
}

/// One rule. Counts of the engine are since its pack was put to work or the gateway started.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct RuleAccountView {
    /// Its id.
    pub rule: String,
    /// The kind that it judges; `null`: it is in the live pack no more.
    pub kind: Option<String>,
    /// How often it was evaluated.
    pub evaluations: u64,
    /// How many operations that took.
    pub operations: u64,
    /// How many evaluations failed.
    pub faults: u64,
    /// How many were left out: the device is kept from the rule, or the rule is paused.
    pub skipped: u64,
    /// Whether it is paused.
    pub paused: bool,
    /// The processor's time of all evaluations, in milliseconds, reckoned from samples; `null`: none was taken yet.
    pub cpu_ms: Option<f64>,
    /// How many samples that is reckoned from.
    pub cpu_samples: u64,
    /// The memory that it keeps of all devices, in bytes, reckoned from up to 10,000 of them.
    pub state_bytes: Option<u64>,
    /// Incidents that it opened in the period.
    pub incidents: u64,
    /// Cases that its incidents opened in the period; what was folded into another is not counted.
    pub cases: u64,
    /// Of these, those in no final state.
    pub open_cases: u64,
    /// Steps that people took in these cases.
    pub steps: u64,
    /// The time of staff that these steps took, in minutes: each counts from what happened last in the case, 1 to 15.
    pub duty_minutes: f64,
    /// Cases on whose closing somebody said whether the alarm was right.
    pub judged: u64,
    /// Of these, those that were false or of no use.
    pub false_alarms: u64,
    /// Their share; `null`: nobody said anything yet.
    pub false_share: Option<f64>,
}
