//! The evaluation of a period.

use serde::Serialize;
use utoipa::ToSchema;

use crate::time_text::Time;

/// How the cases and alarms of a period went.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct EvaluationView {
    /// What the lines are about: `department`, `district`, `class`, `rule`.
    pub by: String,
    /// First moment.
    pub from: Time,
    /// First moment after.
    pub to: Time,
    /// The lines, by key.
    pub items: Vec<EvaluationRowView>,
}

/// One line of an evaluation. A case belongs to the period in which it opened; merged cases are not counted.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct EvaluationRowView {
    /// The department, district, class (`E` before events) or rule.
    pub key: String,
    /// The class in words.
    pub name: String,
    /// Cases that opened.
    pub cases: u64,
    /// In no final state.
    pub open: u64,
    /// Closed, by force too.
    pub closed: u64,
    /// Not filed, or cancelled.
    pub not_filed: u64,
    /// The work was reported as done before the handling limit was up.
    pub on_time: u64,
    /// The handling limit passed.
    pub overdue: u64,
    /// Of those that are on time or overdue, 0 to 1.
    pub on_time_share: Option<f64>,
    /// Sent to rework at least once.
    pub rework: u64,
    /// Of the cases, 0 to 1.
    pub rework_share: Option<f64>,
    /// Sent back by a department at least once.
    pub returned: u64,
    /// Under supervision.
    pub supervised: u64,
    /// Said on closing: right.
    pub real: u64,
    /// Said on closing: nothing was wrong.
    pub false_alarms: u64,
    /// Said on closing: right, but of no use.
    pub nuisance: u64,
    /// Said on closing: known already.
    pub duplicates: u64,
    /// False alarms and nuisances of what was said, 0 to 1.
    pub false_share: Option<f64>,
    /// Incidents that opened; by department and class: those of the counted cases.
    pub alarms: u64,
    /// Alarms an hour of the period: somebody is on duty in each.
    pub alarms_per_hour: f64,
    /// From opening to acknowledgement, seconds: median.
    pub acknowledge_median_s: Option<f64>,
    /// From opening to acknowledgement, seconds: nine of ten were quicker.
    pub acknowledge_p90_s: Option<f64>,
    /// From dispatch to the end of the work, seconds: median.
    pub handle_median_s: Option<f64>,
    /// From opening to closing, seconds: median.
    pub close_median_s: Option<f64>,
    /// From opening to closing, seconds: nine of ten were quicker.
    pub close_p90_s: Option<f64>,
}
