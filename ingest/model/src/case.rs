//! A case (案卷): work for somebody, with a class, a limit and a history.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Attachment, EffectId, Escalation, Severity, Timestamp};

/// Which clock a limit runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitKind {
    /// A continuous minute, nights, weekends and holidays included: for the stages between people.
    UrgentMinute,
    /// 紧急工作时: a continuous hour, nights, weekends and holidays included.
    UrgentHour,
    /// 工作时: an hour of working time.
    WorkHour,
    /// 工作日: a day of working time (how long that is, is the calendar's business).
    WorkDay,
    /// 自然日: 24 continuous hours.
    NaturalDay,
}

/// A limit and the moment it gives.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deadline {
    /// Which clock.
    pub limit: LimitKind,
    /// How many of the clock's units.
    pub amount: u32,
    /// When the clock started.
    pub started: Timestamp,
    /// When the time is up; moves when the clock was suspended.
    pub due: Timestamp,
}

/// A stage between people that has a limit of its own. Handling has the city table's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// From the report to filing or rejecting it (受理).
    File,
    /// From the order to check on site to its answer (核实).
    Verify,
    /// From filing, or from a department's return, to the dispatch (派遣).
    Dispatch,
    /// From the handling's end to the closing (核查, 结案).
    Check,
}

/// The clock of the stage that a case stands in.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageClock {
    /// Which stage.
    pub stage: Stage,
    /// Its limit and when that is up.
    pub deadline: Deadline,
    /// The limit has passed.
    pub overdue: bool,
}

/// The clocks of a case beside the handling limit's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CaseClocks {
    /// That of the stage it stands in, if the profile gives it a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<StageClock>,
    /// The whole case's: counts from the filing. Dispatch, handling and check, each with its full limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<Deadline>,
    /// The total deadline has passed.
    pub total_overdue: bool,
    /// How many limits of stages have passed.
    pub stages_overdue: u32,
}

/// How far a case has come, and how often it went back: what the evaluation counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Progress {
    /// When it was filed first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filed: Option<Timestamp>,
    /// When it was dispatched last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dispatched: Option<Timestamp>,
    /// When the department took it last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received: Option<Timestamp>,
    /// When the work was reported as done last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handled: Option<Timestamp>,
    /// When the check found it right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checked: Option<Timestamp>,
    /// How often a department sent it back.
    pub returns: u32,
    /// How often the check sent it to rework.
    pub reworks: u32,
    /// How often people reported it after it was open.
    pub reported_again: u32,
    /// It is under supervision (督办).
    pub supervised: bool,
}

/// Where a case stands. The six stages that people see (上报 立案 派遣 处置 核查 结案) are derived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseState {
    /// Reported, waits for the acceptor (上报).
    Reported,
    /// Waits for a check on site before filing (核实).
    PendingVerify,
    /// Not filed (不立案).
    Rejected,
    /// Filed, waits for dispatch (立案).
    Filed,
    /// Sent back by a department, waits for dispatch again (回退).
    Returned,
    /// Dispatched, not yet received by the department (派遣).
    Dispatched,
    /// Being handled (处置).
    Handling,
    /// Suspended: the clock stands still (挂账).
    Suspended,
    /// Handled, waits for the check (核查).
    PendingCheck,
    /// Checked and found right, waits for closing.
    CheckPassed,
    /// Closed (结案).
    Closed,
    /// Closed by a supervisor against the workflow (强制结案).
    ForceClosed,
    /// Cancelled (作废).
    Cancelled,
    /// Folded into another case.
    Merged,
}

impl CaseState {
    /// Whether nothing more can happen to the case.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(
            self,
            CaseState::Rejected | CaseState::Closed | CaseState::ForceClosed | CaseState::Cancelled | CaseState::Merged
        )
    }
}

/// Work for somebody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// Its id: the record that opened it.
    pub id: EffectId,
    /// The number that people use.
    pub number: Arc<str>,
    /// Where the report came from: `iot` for a rule's incident, else a source of the city profile.
    pub source: Arc<str>,
    /// Who reported it, as far as the source says; a rule's id for `iot`.
    #[serde(default)]
    pub reporter: Arc<str>,
    /// Where it stands.
    pub state: CaseState,
    /// The worst of its incidents.
    pub severity: Severity,
    /// The asset.
    pub asset: Arc<str>,
    /// What people call the asset.
    pub asset_name: Arc<str>,
    /// Class of the city's table, such as `01-02`; empty if the profile has no mapping.
    pub class: Arc<str>,
    /// `component` (部件) or `event` (事件).
    pub class_kind: Arc<str>,
    /// The class in words.
    pub class_name: Arc<str>,
    /// Stable id of the city table's row that gave the limit; empty if there is none.
    pub standard: Arc<str>,
    /// The condition that opened it.
    pub condition: Arc<str>,
    /// For people, in Chinese.
    pub text_zh: String,
    /// For people, in English.
    pub text_en: String,
    /// District.
    pub district: Arc<str>,
    /// Grid cell.
    pub grid: Arc<str>,
    /// Department that owns it.
    pub department: Arc<str>,
    /// Latitude in degrees, WGS-84.
    pub latitude: Option<f64>,
    /// Longitude in degrees, WGS-84.
    pub longitude: Option<f64>,
    /// Its incidents, oldest first.
    pub incidents: Vec<EffectId>,
    /// Whether any of its incidents still holds.
    pub condition_holds: bool,
    /// The handling deadline.
    pub deadline: Option<Deadline>,
    /// The deadline has passed.
    pub overdue: bool,
    /// The clocks of the stages and of the whole case.
    #[serde(default)]
    pub clocks: CaseClocks,
    /// How far it has come.
    #[serde(default)]
    pub progress: Progress,
    /// Who acknowledged it.
    pub acknowledged_by: Option<Arc<str>>,
    /// When it was acknowledged.
    pub acknowledged_at: Option<Timestamp>,
    /// Who works on it.
    pub assignee: Option<Arc<str>>,
    /// When it opened.
    pub opened: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
    /// When it reached a final state.
    pub closed: Option<Timestamp>,
    /// On closing: `real`, `false`, `nuisance` or `duplicate`.
    pub feedback: Option<Arc<str>>,
    /// The case that it was folded into.
    pub merged_into: Option<EffectId>,
    /// Who is called about it next, while somebody is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation: Option<Box<Escalation>>,
}

/// One line of a case's history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseEvent {
    /// The case.
    pub case: EffectId,
    /// When.
    pub time: Timestamp,
    /// Who: a staff account, or `system`.
    pub actor: Arc<str>,
    /// What: `opened`, or the action's name.
    pub action: Arc<str>,
    /// The state before.
    pub from: Option<CaseState>,
    /// The state after.
    pub to: CaseState,
    /// What was said with it.
    pub note: String,
    /// The file that came with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachment: Option<Box<Attachment>>,
}

/// What somebody reports who is no sensor: a citizen, an inspector, a superior.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseReport {
    /// A source of the city profile, such as `public` or `collector`.
    pub source: Arc<str>,
    /// Who reports it, as far as it is known.
    #[serde(default)]
    pub reporter: Arc<str>,
    /// Id of a class of the city table, such as `01-02`.
    pub class: Arc<str>,
    /// Id of a row of that class, which gives the limit; none: no limit.
    #[serde(default)]
    pub standard: Option<Arc<str>>,
    /// How bad it is.
    pub severity: Severity,
    /// Code of the asset, if it is known.
    #[serde(default)]
    pub asset: Arc<str>,
    /// What people call the asset or the place.
    #[serde(default)]
    pub asset_name: Arc<str>,
    /// What is wrong, in the reporter's words.
    pub text: String,
    /// District.
    #[serde(default)]
    pub district: Arc<str>,
    /// Grid cell.
    #[serde(default)]
    pub grid: Arc<str>,
    /// Department that owns it, if it is known; else the profile's dispatch table says.
    #[serde(default)]
    pub department: Arc<str>,
    /// Latitude in degrees, WGS-84.
    #[serde(default)]
    pub latitude: Option<f64>,
    /// Longitude in degrees, WGS-84.
    #[serde(default)]
    pub longitude: Option<f64>,
}
