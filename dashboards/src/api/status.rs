//! Health, metrics, status, the two sheets, and how much is open.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::Params;
use crate::api::devices;
use crate::api::extract::device_id;
use crate::auth::Session;
use crate::error::ApiError;
use crate::state::AppState;
use crate::views::{BalanceView, StatusView};

/// The process is alive.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// The gateway takes messages.
pub(crate) async fn readyz(State(state): State<AppState>) -> Response {
    if state.gateway.status().ready {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response()
    }
}

/// Metrics in Prometheus' text format.
pub(crate) async fn metrics(State(state): State<AppState>) -> Response {
    let gateway = std::sync::Arc::clone(&state.gateway);
    // Some of them are read from the ledger, which blocks.
    match tokio::task::spawn_blocking(move || gateway.metrics()).await {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// How the gateway is doing.
pub(crate) async fn status(State(state): State<AppState>) -> Json<StatusView> {
    let streams = state.options.streams.saturating_sub(state.streams.available_permits());
    Json(StatusView::new(state.gateway.status(), state.now(), streams, state.options.time_zone))
}

/// Whose sheets.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BalanceQuery {
    device: Option<String>,
}

/// The two sheets of all devices, or of one.
pub(crate) async fn balance(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Params(query): Params<BalanceQuery>,
) -> Result<Json<BalanceView>, ApiError> {
    let device = match query.device.as_deref() {
        Some(id) => {
            let id = device_id(id)?;
            devices::visible(&state, &session, &id).await?;
            Some(id)
        }
        None => None,
    };
    let balance = state.gateway.balance(device.clone()).await;
    Ok(Json(BalanceView::new(device.map(|device| device.to_string()), &balance)))
}

/// How much is open.
#[derive(Serialize, ToSchema)]
pub(crate) struct OverviewView {
    /// Open incidents by severity.
    open_incidents: BTreeMap<&'static str, u64>,
    /// Cases in no final state.
    open_cases: u64,
    /// Of these, those whose deadline has passed.
    overdue_cases: u64,
}

/// How much is open, over all districts.
pub(crate) async fn overview(State(state): State<AppState>) -> Result<Json<OverviewView>, ApiError> {
    let counts = state.read(|ledger| ledger.counts()).await?;
    let by_severity = counts.open_incidents_by_severity;
    Ok(Json(OverviewView {
        open_incidents: by_severity.into_iter().map(|(severity, count)| (severity.name(), count)).collect(),
        open_cases: counts.open_cases,
        overdue_cases: counts.overdue_cases,
    }))
}
