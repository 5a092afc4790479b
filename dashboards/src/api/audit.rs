//! Who did what.

use axum::Json;
use axum::extract::State;
use gengfu_connectors::ledger::AuditRow;
use serde::Deserialize;

use crate::api::Params;
use crate::api::extract::{list_error, page};
use crate::error::ApiError;
use crate::state::AppState;
use crate::views::{AuditView, PageView};

/// Which part of the audit.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    limit: Option<usize>,
    cursor: Option<String>,
}

/// The audit, the newest first.
pub(crate) async fn list(
    State(state): State<AppState>,
    Params(query): Params<Query>,
) -> Result<Json<PageView<AuditView>>, ApiError> {
    let page = page(query.limit, query.cursor)?;
    let listed = state.read(move |ledger| Ok(ledger.audit(&page))).await?.map_err(list_error)?;
    Ok(Json(PageView { items: listed.items.into_iter().map(view).collect(), cursor: listed.next }))
}

fn view(row: AuditRow) -> AuditView {
    AuditView {
        id: row.id.to_string(),
        time: row.time.into(),
        user: row.user,
        action: row.action,
        subject: row.subject,
        verdict: row.verdict,
    }
}
