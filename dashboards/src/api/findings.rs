//! Late findings: what late readings would have raised. They are no incidents, and nobody was called for them.

use axum::extract::State;
use axum::{Extension, Json};
use gengfu_connectors::ledger::FindingFilter;
use gengfu_model::Finding;
use serde::Deserialize;

use crate::api::Params;
use crate::api::extract::{device_id, district, listed, page};
use crate::auth::Session;
use crate::error::ApiError;
use crate::state::AppState;
use crate::time_text::When;
use crate::views::{FindingView, PageView};

/// Which findings.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    device: Option<String>,
    rule: Option<String>,
    district: Option<String>,
    from: Option<When>,
    to: Option<When>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// Late findings, the newest opening first.
pub(crate) async fn list(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Params(query): Params<Query>,
) -> Result<Json<PageView<FindingView>>, ApiError> {
    let filter = FindingFilter {
        device: query.device.map(|device| device_id(&device)).transpose()?,
        rule: query.rule,
        district: district(&session, query.district)?,
        from: query.from.map(|when| when.0),
        to: query.to.map(|when| when.0),
    };
    let page = page(query.limit, query.cursor)?;
    let read = move |ledger: &gengfu_connectors::LedgerReader, page: &_| ledger.findings(&filter, page);
    Ok(Json(listed(&state, &session, page, read, |row: &Finding| &row.district).await?))
}
