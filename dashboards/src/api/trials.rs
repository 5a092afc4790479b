//! Trials of rules: backtests as jobs with progress, their reports, and the shadow.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use gengfu_model::staff::Action;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::api::Body;
use crate::auth::Session;
use crate::error::ApiError;
use crate::gateway::{BacktestAsk, Gateway};
use crate::state::AppState;
use crate::views::{DoneView, TrialView, TrialsView};

/// A backtest to be run.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Backtest {
    /// Name and text of every file of the draft; without it, the pack that is live.
    #[serde(default)]
    files: Option<BTreeMap<String, String>>,
    /// The first moment: RFC 3339, epoch milliseconds, a date, `yesterday`, or `7d` for seven days ago.
    from: String,
    /// The first moment after the stretch; `now` if nothing is said.
    #[serde(default)]
    to: Option<String>,
    /// A parameter to be tried with several values, such as `tilt.threshold=8:16:2`.
    #[serde(default)]
    sweep: Option<String>,
    /// Compare with what was live at each moment, not with the pack that is live now.
    #[serde(default)]
    history: bool,
    /// Examples of each sort of change, at most 100.
    #[serde(default)]
    examples: Option<usize>,
}

/// A draft for the shadow.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shadow {
    /// Name and text of every file of the draft.
    files: BTreeMap<String, String>,
    /// Why: kept with it.
    #[serde(default)]
    reason: String,
}

/// Begins a backtest: its id, by which to ask for progress and result.
pub(crate) async fn begin(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Body(body): Body<Backtest>,
) -> Result<Json<TrialView>, ApiError> {
    let ask = BacktestAsk {
        files: body.files,
        from: body.from,
        to: body.to,
        sweep: body.sweep,
        history: body.history,
        examples: body.examples,
        by: session.user.to_string(),
    };
    blocking(&state, move |gateway| gateway.begin_backtest(ask)).await?.map(TrialView).map(Json).map_err(Into::into)
}

/// Backtests that run or failed, and every report, the newest first.
pub(crate) async fn list(State(state): State<AppState>) -> Result<Json<TrialsView>, ApiError> {
    let items = blocking(&state, |gateway| gateway.trials()).await??;
    Ok(Json(TrialsView { items: items.into_iter().map(TrialView).collect() }))
}

/// A backtest with its progress, or its report.
pub(crate) async fn one(State(state): State<AppState>, Path(id): Path<String>) -> Result<Json<TrialView>, ApiError> {
    let name = id.clone();
    let found = blocking(&state, move |gateway| gateway.trial(&id)).await??;
    found.map(TrialView).map(Json).ok_or_else(|| ApiError::not_found("trial", &name))
}

/// Cancels a backtest that runs.
pub(crate) async fn cancel(State(state): State<AppState>, Path(id): Path<String>) -> Result<Json<DoneView>, ApiError> {
    let name = id.clone();
    let cancelled = blocking(&state, move |gateway| gateway.cancel_trial(&id)).await?;
    if !cancelled {
        return Err(ApiError::not_found("running backtest", &name));
    }
    Ok(Json(gengfu_model::staff::Accepted { rows: 1, ..Default::default() }.into()))
}

/// What the shadow has found by now; `shadow` is `null` if there is none.
pub(crate) async fn shadow(State(state): State<AppState>) -> Result<Json<TrialView>, ApiError> {
    let found = blocking(&state, |gateway| gateway.shadow()).await?;
    Ok(Json(TrialView(json!({ "shadow": found.unwrap_or(Value::Null) }))))
}

/// Puts a draft into the shadow of the live pack.
pub(crate) async fn start_shadow(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Body(body): Body<Shadow>,
) -> Result<Json<DoneView>, ApiError> {
    let action = Action::StartShadow { files: body.files, reason: body.reason };
    Ok(Json(state.gateway.request(session.request(action)).await?.into()))
}

/// Ends the shadow; its last report is kept.
pub(crate) async fn stop_shadow(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
) -> Result<Json<DoneView>, ApiError> {
    Ok(Json(state.gateway.request(session.request(Action::StopShadow)).await?.into()))
}

/// Reports are files: they are read off the async threads.
async fn blocking<T: Send + 'static>(
    state: &AppState,
    ask: impl FnOnce(&dyn Gateway) -> T + Send + 'static,
) -> Result<T, ApiError> {
    let gateway = Arc::clone(&state.gateway);
    tokio::task::spawn_blocking(move || ask(gateway.as_ref())).await.map_err(|error| ApiError::internal(&error))
}
