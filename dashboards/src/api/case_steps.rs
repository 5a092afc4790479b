//! The steps of a case: from path and JSON body to the engine's [`CaseStep`].
//!
//! Who may do what in which state is the one list of the cases crate; here it only tells the console
//! what to show. The engine judges.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use gengfu_cases::transitions::TRANSITIONS;
use gengfu_model::staff::{Action, CaseStep};
use gengfu_model::{Case, Refusal, Role};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::extract::effect_id;
use crate::api::{Body, cases};
use crate::auth::Session;
use crate::error::ApiError;
use crate::state::AppState;
use crate::views::{ActionView, DoneView};

/// The longest note that is journaled, in bytes: the reducer's own limit.
pub(crate) const MAX_NOTE_BYTES: usize = 2_000;

/// What a step carries; which fields a step takes is said with each.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StepBody {
    /// Said with the step; some steps need it as the reason.
    note: String,
    /// `assign`: the account that works on it.
    to: Option<String>,
    /// `dispatch`: the department; the case's own if left out.
    department: Option<String>,
    /// `close`: `real`, `false`, `nuisance` or `duplicate`.
    feedback: Option<String>,
    /// `merge`: the id of the case that stays.
    into: Option<String>,
    /// `acknowledge`: the minutes within which it gets on its way; the chain's if left out.
    within_min: Option<u32>,
}

/// Takes a step of a case.
pub(crate) async fn take(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Path((id, step)): Path<(String, String)>,
    Body(body): Body<StepBody>,
) -> Result<Json<DoneView>, ApiError> {
    let case = cases::visible(&state, &session, &id).await?;
    let note = body.note.clone();
    if note.len() > MAX_NOTE_BYTES {
        return Err(ApiError::invalid("note", format!("a note has at most {MAX_NOTE_BYTES} bytes")));
    }
    let (case_id, is_final) = (case.id, case.state.is_final());
    let step = case_step(&step, body, &case)?;
    if let CaseStep::Merge { into } = &step {
        cases::visible(&state, &session, &into.to_string()).await?;
    }
    match state.gateway.request(session.request(Action::Case { case: case_id, step, note })).await {
        Ok(accepted) => Ok(Json(accepted.into())),
        // The engine forgets final cases; whoever asks here sees the case all the same.
        Err(refusal) if is_final && refusal.code == "not_found" => {
            let message = format!("the case `{case_id}` is in a final state and takes no more steps");
            Err(Refusal::new("wrong_state", message).into())
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// The steps that these roles may take now, in the order of the list.
pub(crate) fn actions(case: &Case, roles: &[Role]) -> Vec<ActionView> {
    TRANSITIONS
        .iter()
        .filter(|line| line.from.contains(&case.state) && roles.iter().any(|role| line.roles.contains(role)))
        .map(|line| ActionView { step: line.step, needs_note: line.needs_reason })
        .collect()
}

fn case_step(name: &str, body: StepBody, case: &Case) -> Result<CaseStep, ApiError> {
    let needed = |field: &str, value: Option<String>| {
        value
            .filter(|value| !value.trim().is_empty())
            .ok_or_else(|| ApiError::invalid(field, format!("the step `{name}` needs `{field}`")))
    };
    let takes: &[&str] = match name {
        "assign" => &["to"],
        "dispatch" => &["department"],
        "close" => &["feedback"],
        "merge" => &["into"],
        "acknowledge" => &["within_min"],
        _ => &[],
    };
    let given = [
        ("to", body.to.is_some()),
        ("department", body.department.is_some()),
        ("feedback", body.feedback.is_some()),
        ("into", body.into.is_some()),
        ("within_min", body.within_min.is_some()),
    ];
    if let Some((field, _)) = given.iter().find(|(field, is_given)| *is_given && !takes.contains(field)) {
        return Err(ApiError::invalid(field, format!("the step `{name}` takes no `{field}`")));
    }
    Ok(match name {
        "acknowledge" => match body.within_min {
            Some(within_min) => CaseStep::TakeOver { within_min },
            None => CaseStep::Acknowledge,
        },
        "assign" => CaseStep::Assign { to: Arc::from(needed("to", body.to)?) },
        "verify" => CaseStep::Verify,
        "file" => CaseStep::File,
        "reject" => CaseStep::Reject,
        "dispatch" => {
            let own = (!case.department.is_empty()).then(|| case.department.to_string());
            CaseStep::Dispatch { department: Arc::from(needed("department", body.department.or(own))?) }
        }
        "receive" => CaseStep::Receive,
        "return" => CaseStep::Return,
        "handle" => CaseStep::Handle,
        "suspend" => CaseStep::Suspend,
        "resume" => CaseStep::Resume,
        "check" => CaseStep::Check,
        "rework" => CaseStep::Rework,
        "close" => CaseStep::Close { feedback: body.feedback.map(Arc::from) },
        "force_close" => CaseStep::ForceClose,
        "cancel" => CaseStep::Cancel,
        "supervise" => CaseStep::Supervise,
        "comment" => CaseStep::Comment,
        "attach" => {
            let hint = format!("POST the file's bytes to /api/v1/cases/{}/attachments", case.id);
            return Err(ApiError::invalid("step", "a file comes with its bytes").hint(hint));
        }
        "merge" => CaseStep::Merge { into: effect_id("case", &needed("into", body.into)?)? },
        _ => return Err(ApiError::not_found("step of a case called", name)),
    })
}
