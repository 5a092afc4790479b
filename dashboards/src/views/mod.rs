//! The shapes of the API's answers, apart from the stored model, so that disk and HTTP can change apart.
//!
//! Field names are those of the project's interface document; times are [`crate::time_text::Time`].

mod account;
mod attachment;
mod case;
mod command;
mod decision;
mod device;
mod duty;
mod evaluation;
mod finding;
mod incident;
mod message;
mod parameter;
mod profile;
mod rule;
mod rule_evaluation;
mod silence;
mod system;
mod turned_away;
mod user;

pub use account::{RuleAccountView, RuleAccountsView};
pub use attachment::{AttachmentView, AttachmentsView, CaseAttachmentView};
pub use case::{ActionView, CaseEventView, CaseView, CaseWithHistory, DeadlineView, StageDeadlineView};
pub use command::CommandView;
pub use decision::DecisionView;
pub use device::{DeviceDetail, DeviceView, LatestValue, LatestView, SeriesView};
pub use duty::{
    DeliveryView, DutyView, EscalationView, HandOverItemView, HandOverView, NotificationView, NotificationsView,
    OwedView, WatchView,
};
pub use evaluation::{EvaluationRowView, EvaluationView};
pub use finding::FindingView;
pub use incident::{ExplanationChange, ExplanationView, IncidentView};
pub use message::{DispositionView, QuarantineView, SecondTryView};
pub use parameter::{EffectiveView, ParameterView, ParametersView, SettingView};
pub use profile::{ClassView, ProfileCheckView, ProfileMistakeView, ProfileView, SourceView, StandardView};
pub use rule::{CheckView, DiffView, PackView, RuleDetail, RuleView, RulesView, TestView, TrialView, TrialsView};
pub use rule_evaluation::RuleEvaluationView;
pub use silence::{MatcherView, PreviewRow, PreviewView, SilenceView, WeeklyView};
pub use system::{
    AuditView, BalanceView, CatalogueView, DaySheetsView, FieldView, KindView, MessageSheet, StatusView, ValueSheet,
};
pub use turned_away::TurnedAwayView;
pub use user::{LoginView, MeView, UserView};

use gengfu_model::staff::Accepted;
use serde::Serialize;
use utoipa::ToSchema;

/// One page of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PageView<T: ToSchema> {
    /// The things, in the list's order.
    pub items: Vec<T>,
    /// Give it as `cursor` to get the next page; `null` on the last.
    pub cursor: Option<String>,
}

/// What a request of staff did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DoneView {
    /// The case that changed, if it was one.
    pub id: Option<String>,
    /// How many rows were taken.
    pub rows: u32,
    /// Rows that were not.
    pub refused: Vec<RefusedRow>,
}

/// A row that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RefusedRow {
    /// Line of the file, from 1 (the header is 1), where there is a file.
    pub row: Option<u64>,
    /// A word for programs.
    pub code: String,
    /// A sentence for people.
    pub message: String,
    /// The column or field.
    pub field: Option<String>,
    /// What to do.
    pub hint: Option<String>,
}

impl From<Accepted> for DoneView {
    fn from(accepted: Accepted) -> DoneView {
        DoneView {
            id: accepted.id.map(|id| id.to_string()),
            rows: accepted.rows,
            refused: accepted.refused.into_iter().map(RefusedRow::from).collect(),
        }
    }
}

impl From<gengfu_model::Refusal> for RefusedRow {
    fn from(refusal: gengfu_model::Refusal) -> RefusedRow {
        RefusedRow { row: None, code: refusal.code, message: refusal.message, field: refusal.field, hint: refusal.hint }
    }
}

/// The name that serde gives a plain enum of the model (`in_service`, `pending_check`).
pub(crate) fn name_of<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}
