//! What became of messages that were not simply stored: dispositions, and the quarantine with its bytes.

use axum::extract::State;
use axum::{Extension, Json};
use gengfu_connectors::ledger::DispositionFilter;
use gengfu_model::{DeviceId, Disposition, DispositionKind};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::extract::{device_id, list_error, page};
use crate::api::{Params, devices};
use crate::auth::Session;
use crate::error::ApiError;
use crate::state::AppState;
use crate::time_text::day;
use crate::views::{DispositionView, PageView, QuarantineView};

/// Which dispositions.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    day: Option<String>,
    device: Option<String>,
    disposition: Option<DispositionKind>,
    #[serde(skip)]
    waits: bool,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// Which part of the quarantine.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuarantineQuery {
    day: Option<String>,
    device: Option<String>,
    waits: Option<bool>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// What was not simply stored, the newest first.
pub(crate) async fn dispositions(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Params(query): Params<Query>,
) -> Result<Json<PageView<DispositionView>>, ApiError> {
    list(&state, &session, query).await
}

/// What cannot be decoded, with its bytes, the newest first.
pub(crate) async fn quarantine(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Params(query): Params<QuarantineQuery>,
) -> Result<Json<PageView<QuarantineView>>, ApiError> {
    let QuarantineQuery { day, device, waits, limit, cursor } = query;
    let waits = waits.unwrap_or(false);
    let disposition = Some(DispositionKind::Quarantined);
    list(&state, &session, Query { day, device, disposition, waits, limit, cursor }).await
}

async fn list<V: From<Disposition> + ToSchema>(
    state: &AppState,
    session: &Session,
    query: Query,
) -> Result<Json<PageView<V>>, ApiError> {
    let device = one_device(state, session, query.device.as_deref()).await?;
    let zone = state.options.time_zone;
    let day = query.day.map(|text| day(&text, zone)).transpose().map_err(|text| ApiError::invalid("day", text))?;
    let filter = DispositionFilter { day, device, kind: query.disposition, waits: query.waits, record: None };
    let page = page(query.limit, query.cursor)?;
    let listed = state.read(move |ledger| Ok(ledger.dispositions(&filter, &page))).await?.map_err(list_error)?;
    Ok(Json(PageView { items: listed.items.into_iter().map(V::from).collect(), cursor: listed.next }))
}

/// The device that a list is about. Its rows say the device but not its district, so that an account which is limited to
/// districts asks device by device.
pub(crate) async fn one_device(
    state: &AppState,
    session: &Session,
    asked: Option<&str>,
) -> Result<Option<DeviceId>, ApiError> {
    match asked {
        Some(id) => {
            let id = device_id(id)?;
            devices::visible(state, session, &id).await?;
            Ok(Some(id))
        }
        None if !session.districts.is_empty() => {
            Err(ApiError::invalid("device", "an account limited to districts must name a device"))
        }
        None => Ok(None),
    }
}
