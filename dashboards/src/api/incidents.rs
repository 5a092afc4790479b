//! Incidents and what decided them.

use axum::extract::{Path, State};
use axum::{Extension, Json};
use gengfu_connectors::ledger::IncidentFilter;
use gengfu_model::{Incident, IncidentState};
use serde::Deserialize;

use crate::api::Params;
use crate::api::extract::{district, effect_id, kind, listed, page};
use crate::auth::Session;
use crate::error::ApiError;
use crate::state::AppState;
use crate::time_text::When;
use crate::views::{ExplanationChange, ExplanationView, IncidentView, PageView};

/// Which incidents.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    state: Option<IncidentState>,
    kind: Option<String>,
    rule: Option<String>,
    device: Option<String>,
    key: Option<String>,
    condition: Option<String>,
    parent: Option<String>,
    district: Option<String>,
    from: Option<When>,
    to: Option<When>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// Incidents, the newest first.
pub(crate) async fn list(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Params(query): Params<Query>,
) -> Result<Json<PageView<IncidentView>>, ApiError> {
    let filter = IncidentFilter {
        state: query.state,
        kind: kind(query.kind.as_deref())?,
        rule: query.rule,
        device: query.device,
        key: query.key,
        condition: query.condition,
        parent: query
            .parent
            .map(|id| id.parse().map_err(|text: String| ApiError::invalid("parent", text)))
            .transpose()?,
        district: district(&session, query.district)?,
        from: query.from.map(|when| when.0),
        to: query.to.map(|when| when.0),
    };
    let page = page(query.limit, query.cursor)?;
    let read = move |ledger: &gengfu_connectors::LedgerReader, page: &_| ledger.incidents(&filter, page);
    Ok(Json(listed(&state, &session, page, read, |incident: &Incident| &incident.district).await?))
}

/// An incident.
pub(crate) async fn one(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
) -> Result<Json<IncidentView>, ApiError> {
    Ok(Json(visible(&state, &session, &id).await?.into()))
}

/// What decided an incident, change by change.
pub(crate) async fn explanation(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
) -> Result<Json<ExplanationView>, ApiError> {
    let incident = visible(&state, &session, &id).await?;
    let rows = state.read(move |ledger| ledger.explanations(incident.id)).await?;
    let evidence = rows.iter().map(|(_, _, evidence)| evidence.clone()).collect();
    let replays = state.gateway.replays(incident.rule.to_string(), evidence).await;
    let rows = rows.into_iter().zip(replays);
    Ok(Json(ExplanationView {
        incident: incident.id.to_string(),
        rule: incident.rule.to_string(),
        rule_version: incident.rule_version.to_string(),
        changes: rows
            .map(|((id, change, evidence), replay)| ExplanationChange {
                replay,
                ..ExplanationChange::new(id, &change, evidence)
            })
            .collect(),
    }))
}

async fn visible(state: &AppState, session: &Session, text: &str) -> Result<Incident, ApiError> {
    let id = effect_id("incident", text)?;
    let incident = state.read(move |ledger| ledger.incident(id)).await?;
    incident.filter(|incident| session.sees(&incident.district)).ok_or_else(|| ApiError::not_found("incident", text))
}
