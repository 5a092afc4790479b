//! The register: list, one, add, change, retire, newest values.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gengfu_connectors::ledger::DeviceFilter;
use gengfu_model::staff::{Accepted, Action};
use gengfu_model::{Device, DeviceId, DeviceLife};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::extract::{device_id, district, kind, listed, page};
use crate::api::{Body, Params};
use crate::auth::Session;
use crate::auth::roles::WRITE_REGISTER;
use crate::error::ApiError;
use crate::register::{Entry, Mistake};
use crate::state::AppState;
use crate::time_text::Time;
use crate::views::{DeviceDetail, DeviceView, DoneView, LatestView, PageView};

/// Which devices.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    kind: Option<String>,
    district: Option<String>,
    life: Option<DeviceLife>,
    text: Option<String>,
    #[serde(default)]
    heard: bool,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// Devices by id.
pub(crate) async fn list(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Params(query): Params<Query>,
) -> Result<Json<PageView<DeviceView>>, ApiError> {
    let filter = DeviceFilter {
        kind: kind(query.kind.as_deref())?,
        district: district(&session, query.district)?,
        life: query.life,
        text: query.text,
    };
    let page = page(query.limit, query.cursor)?;
    let read = move |ledger: &gengfu_connectors::LedgerReader, page: &_| ledger.devices(&filter, page);
    let mut view: PageView<DeviceView> =
        listed(&state, &session, page, read, |device: &Device| &device.district).await?;
    if query.heard {
        for device in &mut view.items {
            let now = state.gateway.device_now(device_id(&device.id)?).await;
            device.heard = now.and_then(|now| now.heard).map(Time);
        }
    }
    Ok(Json(view))
}

/// A device and its newest values.
pub(crate) async fn one(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
) -> Result<Json<DeviceDetail>, ApiError> {
    let id = device_id(&id)?;
    let mut device = DeviceView::from(visible(&state, &session, &id).await?);
    let now = state.gateway.device_now(id.clone()).await;
    device.heard = now.as_ref().and_then(|now| now.heard).map(Time);
    let latest = now.map_or_else(|| LatestView::empty(id.as_str()), LatestView::from);
    Ok(Json(DeviceDetail { device, latest }))
}

/// The newest values of a device.
pub(crate) async fn latest(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
) -> Result<Json<LatestView>, ApiError> {
    let id = device_id(&id)?;
    visible(&state, &session, &id).await?;
    let now = state.gateway.device_now(id.clone()).await;
    Ok(Json(now.map_or_else(|| LatestView::empty(id.as_str()), LatestView::from)))
}

/// Adds a device that is not there yet.
pub(crate) async fn create(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Body(entry): Body<Entry>,
) -> Result<(StatusCode, Json<DeviceView>), ApiError> {
    let gateway = Arc::clone(&state.gateway);
    let device = entry.check(&move |token| gateway.hash_token(token)).map_err(|mistakes| first(&mistakes))?;
    own_district(&session, &device.district)?;
    let view = DeviceView::from(device.clone());
    put(&state, &session, device, false).await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// What is to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    /// Where it stands in its life: `in_service`, `maintenance`, `retired`.
    #[schema(value_type = Option<String>)]
    life: Option<DeviceLife>,
    /// A new token, which it logs in with from now on.
    token: Option<String>,
    /// Make a new token and answer it, this once.
    #[serde(default)]
    new_token: bool,
    /// The whole register entry, as in an import (without token: the credential stays).
    entry: Option<Entry>,
}

/// What changed.
#[derive(Serialize, ToSchema)]
pub(crate) struct Changed {
    /// The token that was made; it is not shown again.
    token: Option<String>,
    /// The device as the register has it now.
    device: DeviceView,
}

/// Sets a device's life, gives it another token, or changes its register entry.
pub(crate) async fn change(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
    Body(change): Body<Change>,
) -> Result<Json<Changed>, ApiError> {
    let id = device_id(&id)?;
    let device = visible(&state, &session, &id).await?;
    let registers = change.token.is_some() || change.new_token || change.entry.is_some();
    if registers && !session.has(WRITE_REGISTER) {
        return Err(ApiError::forbidden("your roles change a device's life, not its register entry"));
    }
    if change.life == Some(DeviceLife::Retired) && !session.has(WRITE_REGISTER) {
        return Err(ApiError::forbidden("your roles do not retire devices"));
    }
    if change.token.is_some() && change.new_token {
        return Err(ApiError::invalid("new_token", "give a token or ask for a new one, not both"));
    }
    if let Some(entry) = change.entry {
        replace(&state, &session, &device, entry).await?;
    }
    let made = change.new_token.then(new_token).transpose()?;
    if let Some(token) = change.token.as_deref().or(made.as_deref()) {
        if token.is_empty() || token.len() > crate::register::MAX_TOKEN_BYTES {
            return Err(ApiError::invalid("token", "a token has 1 to 256 bytes"));
        }
        let token_hash = state.gateway.hash_token(token);
        state.gateway.request(session.request(Action::RotateKey { device: id.clone(), token_hash })).await?;
    }
    if let Some(life) = change.life {
        state.gateway.request(session.request(Action::SetLife { device: id.clone(), life })).await?;
    }
    let device = visible(&state, &session, &id).await?.into();
    Ok(Json(Changed { token: made, device }))
}

/// Takes a device out of use; its history stays.
pub(crate) async fn retire(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
) -> Result<Json<DoneView>, ApiError> {
    let id = device_id(&id)?;
    visible(&state, &session, &id).await?;
    let action = Action::SetLife { device: id, life: DeviceLife::Retired };
    Ok(Json(state.gateway.request(session.request(action)).await?.into()))
}

/// The device of that id, if the account may see it.
pub(crate) async fn visible(state: &AppState, session: &Session, id: &DeviceId) -> Result<Device, ApiError> {
    let wanted = id.clone();
    let device = state.read(move |ledger| ledger.device(&wanted)).await?;
    device.filter(|device| session.sees(&device.district)).ok_or_else(|| ApiError::not_found("device", id.as_str()))
}

/// An account that is limited to districts registers devices in these only.
pub(crate) fn own_district(session: &Session, district: &str) -> Result<(), ApiError> {
    if session.districts.is_empty() || session.districts.iter().any(|own| own.as_ref() == district) {
        return Ok(());
    }
    Err(ApiError::forbidden(format!("this account does not register devices in district `{district}`"))
        .field("district"))
}

async fn replace(state: &AppState, session: &Session, old: &Device, mut entry: Entry) -> Result<(), ApiError> {
    if entry.id.is_empty() {
        entry.id = old.id.to_string();
    }
    if entry.id != old.id.as_str() {
        return Err(ApiError::invalid("entry.id", "a device keeps its id"));
    }
    if !entry.token.is_empty() {
        return Err(ApiError::invalid("entry.token", "give the token beside the entry"));
    }
    let mut device = entry.check(&|_| [0; 32]).map_err(|mistakes| first(&mistakes))?;
    own_district(session, &device.district)?;
    device.token_hash = old.token_hash;
    device.life = old.life;
    put(state, session, device, true).await
}

async fn put(state: &AppState, session: &Session, device: Device, replace: bool) -> Result<(), ApiError> {
    let action = Action::AddDevices { devices: vec![device], replace };
    let accepted: Accepted = state.gateway.request(session.request(action)).await?;
    match accepted.refused.into_iter().next() {
        Some(refusal) => Err(refusal.into()),
        None => Ok(()),
    }
}

fn first(mistakes: &[Mistake]) -> ApiError {
    let Some(mistake) = mistakes.first() else { return ApiError::invalid("", "the entry is not valid") };
    let more = if mistakes.len() > 1 { format!(" (and {} more mistakes)", mistakes.len() - 1) } else { String::new() };
    let error = ApiError::invalid(&mistake.column, format!("{}{more}", mistake.message));
    match &mistake.hint {
        Some(hint) => error.hint(hint.clone()),
        None => error,
    }
}

fn new_token() -> Result<String, ApiError> {
    let mut bytes = [0_u8; 24];
    getrandom::fill(&mut bytes).map_err(|error| ApiError::internal(&error))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
