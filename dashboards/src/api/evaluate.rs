//! "Why did this not fire": one evaluation of a rule for a device, with everything shown and nothing changed.

use axum::extract::{Path, State};
use axum::{Extension, Json};
use serde::Deserialize;

use crate::api::extract::device_id;
use crate::api::{Params, devices};
use crate::auth::Session;
use crate::error::ApiError;
use crate::state::AppState;
use crate::time_text::When;
use crate::views::RuleEvaluationView;

/// Which rule.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    rule: Option<String>,
    at: Option<When>,
}

/// What a rule makes of a device right now, or made of it at a moment that is over: every sub-expression with its
/// value, and why it is unknown.
pub(crate) async fn evaluate(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
    Params(query): Params<Query>,
) -> Result<Json<RuleEvaluationView>, ApiError> {
    let id = device_id(&id)?;
    devices::visible(&state, &session, &id).await?;
    let rule = query.rule.ok_or_else(|| ApiError::invalid("rule", "name the rule").hint("?rule=manhole-tilt"))?;
    let Some(at) = query.at else {
        let why = state.gateway.why(id, rule.clone()).await;
        let why = why.ok_or_else(|| ApiError::not_found("rule for this device's kind", &rule))?;
        return serde_json::from_value(why).map(Json).map_err(|error| ApiError::internal(&error));
    };
    let now = state.gateway.status().time;
    if at.0 > now {
        return Err(ApiError::invalid("at", "this moment is still to come").hint("leave `at` out to look at now"));
    }
    let mut past = state.gateway.why_at(id, rule.clone(), at.0).await?;
    let why = past["why"].take();
    if why.is_null() {
        return Err(ApiError::not_found("rule for this device's kind at that time", &rule));
    }
    let view: RuleEvaluationView = serde_json::from_value(why).map_err(|error| ApiError::internal(&error))?;
    let from = past["from"].as_str().map(str::to_owned);
    Ok(Json(RuleEvaluationView { from, messages: past["messages"].as_u64(), ..view }))
}
