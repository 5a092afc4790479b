//! Cases and their history.

use axum::extract::{Path, State};
use axum::{Extension, Json};
use gengfu_connectors::ledger::CaseFilter;
use gengfu_model::{Case, CaseState};
use serde::Deserialize;

use crate::api::extract::{district, effect_id, listed, page};
use crate::api::{Params, case_steps};
use crate::auth::Session;
use crate::error::ApiError;
use crate::state::AppState;
use crate::time_text::When;
use crate::views::{CaseEventView, CaseView, CaseWithHistory, PageView};

/// Which cases.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    open: Option<bool>,
    state: Option<CaseState>,
    class: Option<String>,
    asset: Option<String>,
    assignee: Option<String>,
    overdue: Option<bool>,
    district: Option<String>,
    from: Option<When>,
    to: Option<When>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// Cases, the newest first.
pub(crate) async fn list(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Params(query): Params<Query>,
) -> Result<Json<PageView<CaseView>>, ApiError> {
    let filter = CaseFilter {
        open: query.open,
        state: query.state,
        class: query.class,
        asset: query.asset,
        assignee: query.assignee,
        overdue: query.overdue,
        district: district(&session, query.district)?,
        from: query.from.map(|when| when.0),
        to: query.to.map(|when| when.0),
    };
    let page = page(query.limit, query.cursor)?;
    let read = move |ledger: &gengfu_connectors::LedgerReader, page: &_| ledger.cases(&filter, page);
    Ok(Json(listed(&state, &session, page, read, |case: &Case| &case.district).await?))
}

/// A case, its history, and what the asking account may do with it.
pub(crate) async fn one(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
) -> Result<Json<CaseWithHistory>, ApiError> {
    let case = visible(&state, &session, &id).await?;
    let id = case.id;
    let history = state.read(move |ledger| ledger.case_events(id)).await?;
    Ok(Json(CaseWithHistory {
        actions: case_steps::actions(&case, &session.roles),
        case: case.into(),
        history: history.into_iter().map(CaseEventView::from).collect(),
    }))
}

/// The case of that id, if the account may see it.
pub(crate) async fn visible(state: &AppState, session: &Session, text: &str) -> Result<Case, ApiError> {
    let id = effect_id("case", text)?;
    let case = state.read(move |ledger| ledger.case(id)).await?;
    case.filter(|case| session.sees(&case.district)).ok_or_else(|| ApiError::not_found("case", text))
}
