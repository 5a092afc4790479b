//! The decision log: what was decided and why, the answer to "why was I not told".

use axum::extract::State;
use axum::{Extension, Json};
use gengfu_connectors::ledger::{DecisionFilter, DecisionRow};
use gengfu_model::DecisionKind;
use serde::Deserialize;

use crate::api::Params;
use crate::api::extract::{device_id, district, listed, page};
use crate::auth::Session;
use crate::error::ApiError;
use crate::state::AppState;
use crate::time_text::When;
use crate::views::{DecisionView, PageView};

/// Which decisions.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    incident: Option<String>,
    case: Option<String>,
    asset: Option<String>,
    device: Option<String>,
    user: Option<String>,
    what: Option<String>,
    district: Option<String>,
    from: Option<When>,
    to: Option<When>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// Decisions, the newest first.
pub(crate) async fn list(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Params(query): Params<Query>,
) -> Result<Json<PageView<DecisionView>>, ApiError> {
    let id = |field: &str, text: Option<String>| {
        let parsed = text.filter(|text| !text.is_empty()).map(|text| text.parse());
        parsed.transpose().map_err(|message: String| ApiError::invalid(field, message))
    };
    let filter = DecisionFilter {
        incident: id("incident", query.incident)?,
        case: id("case", query.case)?,
        asset: query.asset,
        device: query.device.map(|device| device_id(&device)).transpose()?,
        who: query.user,
        what: what(query.what.as_deref())?,
        district: district(&session, query.district)?,
        from: query.from.map(|when| when.0),
        to: query.to.map(|when| when.0),
    };
    let page = page(query.limit, query.cursor)?;
    let read = move |ledger: &gengfu_connectors::LedgerReader, page: &_| ledger.decisions(&filter, page);
    Ok(Json(listed(&state, &session, page, read, |row: &DecisionRow| &row.district).await?))
}

fn what(word: Option<&str>) -> Result<Option<DecisionKind>, ApiError> {
    let Some(word) = word.filter(|word| !word.is_empty()) else { return Ok(None) };
    let known = || DecisionKind::ALL.iter().map(|kind| kind.word()).collect::<Vec<_>>().join(", ");
    match DecisionKind::from_word(word) {
        Some(kind) => Ok(Some(kind)),
        None => Err(ApiError::invalid("what", format!("`{word}` is no decision")).hint(format!("one of {}", known()))),
    }
}
