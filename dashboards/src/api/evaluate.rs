//! "Why did this not fire": one evaluation of a rule for a device, with everything shown and nothing changed.

use axum::extract::{Path, State};
use axum::{Extension, Json};
use serde::Deserialize;

use crate::api::extract::device_id;
use crate::api::{Params, devices};
use crate::auth::Session;
use crate::error::ApiError;
use crate::state::AppState;
use crate::views::RuleEvaluationView;

/// Which rule.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    rule: Option<String>,
}

/// What a rule makes of a device right now: every sub-expression with its value, and why it is unknown.
pub(crate) async fn evaluate(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
    Params(query): Params<Query>,
) -> Result<Json<RuleEvaluationView>, ApiError> {
    let id = device_id(&id)?;
    devices::visible(&state, &session, &id).await?;
    let rule = query.rule.ok_or_else(|| ApiError::invalid("rule", "name the rule").hint("?rule=manhole-tilt"))?;
    let why = state.gateway.why(id, rule.clone()).await;
    let why = why.ok_or_else(|| ApiError::not_found("rule for this device's kind", &rule))?;
    serde_json::from_value(why).map(Json).map_err(|error| ApiError::internal(&error))
}
