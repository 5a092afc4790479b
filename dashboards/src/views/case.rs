//! Cases and their history.

use gengfu_model::{Case, CaseEvent, CaseState, Deadline, StageClock};
use serde::Serialize;
use utoipa::ToSchema;

use crate::time_text::Time;
use crate::views::{AttachmentView, EscalationView, name_of};

/// Work for somebody.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct CaseView {
    /// Its id, `SEQUENCE-ORDINAL`.
    pub id: String,
    /// The number that people use.
    pub number: String,
    /// Where the report came from: `iot` for a rule's incident, else a source of the city profile.
    pub source: String,
    /// Who reported it; a rule's id for `iot`.
    pub reporter: String,
    /// Where it stands (fine).
    pub state: String,
    /// Where it stands for people: `report`, `file`, `dispatch`, `handle`, `check`, `close`.
    pub stage: String,
    /// Nothing more can happen to it.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// `info`, `minor`, `major`, `critical`: the worst of its incidents.
    pub severity: String,
    /// The city's code of the asset.
    pub asset: String,
    /// What people call the asset.
    pub asset_name: String,
    /// Class of the city's table.
    pub class: String,
    /// `component` or `event`.
    pub class_kind: String,
    /// The class in words.
    pub class_name: String,
    /// The city table's row that gave the limit.
    pub standard: String,
    /// The condition that opened it.
    pub condition: String,
    /// For people, in Chinese.
    pub text_zh: String,
    /// For people, in English.
    pub text_en: String,
    /// District.
    pub district: String,
    /// Grid cell.
    pub grid: String,
    /// Department that owns it.
    pub department: String,
    /// Degrees, WGS-84.
    pub latitude: Option<f64>,
    /// Degrees, WGS-84.
    pub longitude: Option<f64>,
    /// Its incidents, oldest first.
    pub incidents: Vec<String>,
    /// Whether any of its incidents still holds.
    pub condition_holds: bool,
    /// The handling deadline.
    pub deadline: Option<DeadlineView>,
    /// The deadline has passed.
    pub overdue: bool,
    /// The limit of the stage that it stands in: `file`, `verify`, `dispatch`, `check`.
    pub stage_deadline: Option<StageDeadlineView>,
    /// The whole case's deadline, counted from the filing.
    pub total_deadline: Option<DeadlineView>,
    /// The total deadline has passed.
    pub total_overdue: bool,
    /// How many limits of stages have passed.
    pub stages_overdue: u32,
    /// When it was filed first.
    pub filed_at: Option<Time>,
    /// When it was dispatched last.
    pub dispatched_at: Option<Time>,
    /// When the department took it last.
    pub received_at: Option<Time>,
    /// When the work was reported as done last.
    pub handled_at: Option<Time>,
    /// When the check found it right.
    pub checked_at: Option<Time>,
    /// How often a department sent it back.
    pub returns: u32,
    /// How often the check sent it to rework.
    pub reworks: u32,
    /// How often people reported it while it was open.
    pub reported_again: u32,
    /// It is under supervision.
    pub supervised: bool,
    /// Who acknowledged it.
    pub acknowledged_by: Option<String>,
    /// When it was acknowledged.
    pub acknowledged_at: Option<Time>,
    /// Who works on it.
    pub assignee: Option<String>,
    /// When it opened.
    pub opened: Time,
    /// When it last changed.
    pub updated: Time,
    /// When it reached a final state.
    pub closed: Option<Time>,
    /// `real`, `false`, `nuisance` or `duplicate`.
    pub feedback: Option<String>,
    /// The case that it was folded into.
    pub merged_into: Option<String>,
    /// Who is called about it next.
    pub escalation: Option<EscalationView>,
}

/// A limit and the moment it gives.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct DeadlineView {
    /// `urgent_minute`, `urgent_hour`, `work_hour`, `work_day`, `natural_day`.
    pub limit: String,
    /// How many of the clock's units.
    pub amount: u32,
    /// When the clock started.
    pub started: Time,
    /// When the time is up.
    pub due: Time,
}

/// The limit of a stage.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct StageDeadlineView {
    /// `file`, `verify`, `dispatch`, `check`.
    pub stage: String,
    /// Its limit and when that is up.
    pub deadline: DeadlineView,
    /// It has passed.
    pub overdue: bool,
}

/// One line of a case's history.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct CaseEventView {
    /// When.
    pub time: Time,
    /// Who: a staff account, or `system`.
    pub actor: String,
    /// What: `opened`, or the step's name.
    pub action: String,
    /// The state before.
    pub from: Option<String>,
    /// The state after.
    pub to: String,
    /// What was said with it.
    pub note: String,
    /// The file that came with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachment: Option<AttachmentView>,
}

/// A case, its history, and what the asking account may do with it now.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct CaseWithHistory {
    /// The case.
    #[serde(flatten)]
    pub case: CaseView,
    /// Its history, oldest first.
    pub history: Vec<CaseEventView>,
    /// The steps that this account may take in this state.
    pub actions: Vec<ActionView>,
}

/// A step that may be taken now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ActionView {
    /// The step's name: the last part of its path.
    pub step: &'static str,
    /// Its note must say why.
    pub needs_note: bool,
}

/// Which of the six stages a state belongs to.
fn stage(state: CaseState) -> &'static str {
    match state {
        CaseState::Reported | CaseState::PendingVerify => "report",
        CaseState::Filed => "file",
        CaseState::Returned | CaseState::Dispatched => "dispatch",
        CaseState::Handling | CaseState::Suspended => "handle",
        CaseState::PendingCheck | CaseState::CheckPassed => "check",
        CaseState::Rejected | CaseState::Closed | CaseState::ForceClosed | CaseState::Cancelled | CaseState::Merged => {
            "close"
        }
    }
}

impl From<Case> for CaseView {
    fn from(case: Case) -> CaseView {
        CaseView {
            id: case.id.to_string(),
            number: case.number.to_string(),
            source: case.source.to_string(),
            reporter: case.reporter.to_string(),
            state: name_of(&case.state),
            stage: stage(case.state).to_owned(),
            is_final: case.state.is_final(),
            severity: case.severity.name().to_owned(),
            asset: case.asset.to_string(),
            asset_name: case.asset_name.to_string(),
            class: case.class.to_string(),
            class_kind: case.class_kind.to_string(),
            class_name: case.class_name.to_string(),
            standard: case.standard.to_string(),
            condition: case.condition.to_string(),
            text_zh: case.text_zh,
            text_en: case.text_en,
            district: case.district.to_string(),
            grid: case.grid.to_string(),
            department: case.department.to_string(),
            latitude: case.latitude,
            longitude: case.longitude,
            incidents: case.incidents.iter().map(ToString::to_string).collect(),
            condition_holds: case.condition_holds,
            deadline: case.deadline.map(DeadlineView::from),
            overdue: case.overdue,
            stage_deadline: case.clocks.stage.map(StageDeadlineView::from),
            total_deadline: case.clocks.total.map(DeadlineView::from),
            total_overdue: case.clocks.total_overdue,
            stages_overdue: case.clocks.stages_overdue,
            filed_at: case.progress.filed.map(Time),
            dispatched_at: case.progress.dispatched.map(Time),
            received_at: case.progress.received.map(Time),
            handled_at: case.progress.handled.map(Time),
            checked_at: case.progress.checked.map(Time),
            returns: case.progress.returns,
            reworks: case.progress.reworks,
            reported_again: case.progress.reported_again,
            supervised: case.progress.supervised,
            acknowledged_by: case.acknowledged_by.map(|user| user.to_string()),
            acknowledged_at: case.acknowledged_at.map(Time),
            assignee: case.assignee.map(|user| user.to_string()),
            opened: case.opened.into(),
            updated: case.updated.into(),
            closed: case.closed.map(Time),
            feedback: case.feedback.map(|feedback| feedback.to_string()),
            merged_into: case.merged_into.map(|id| id.to_string()),
            escalation: case.escalation.map(|escalation| EscalationView::from(*escalation)),
        }
    }
}

impl From<Deadline> for DeadlineView {
    fn from(deadline: Deadline) -> DeadlineView {
        DeadlineView {
            limit: name_of(&deadline.limit),
            amount: deadline.amount,
            started: deadline.started.into(),
            due: deadline.due.into(),
        }
    }
}

impl From<StageClock> for StageDeadlineView {
    fn from(clock: StageClock) -> StageDeadlineView {
        StageDeadlineView { stage: name_of(&clock.stage), deadline: clock.deadline.into(), overdue: clock.overdue }
    }
}

impl From<CaseEvent> for CaseEventView {
    fn from(event: CaseEvent) -> CaseEventView {
        CaseEventView {
            time: event.time.into(),
            actor: event.actor.to_string(),
            action: event.action.to_string(),
            from: event.from.map(|state| name_of(&state)),
            to: name_of(&event.to),
            attachment: event.attachment.map(|file| AttachmentView::of(event.case, *file)),
            note: event.note,
        }
    }
}
