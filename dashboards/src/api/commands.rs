//! Commands to a device: send one, see what became of them.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use gengfu_model::command::JsonObject;
use gengfu_model::staff::Action;
use gengfu_model::{CommandRow, EffectId};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::devices::visible;
use crate::api::extract::{device_id, list_error, page};
use crate::api::{Body, Params};
use crate::auth::Session;
use crate::error::ApiError;
use crate::state::AppState;
use crate::views::{CommandView, PageView};

/// How long a device may take when the client did not say, in seconds.
const DEFAULT_EXPIRES_S: u32 = 3_600;

/// A command to send.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewCommand {
    /// What the device is to do, a word of its own: 1 to 64 bytes.
    name: String,
    /// What it needs for that, at most 4,096 bytes.
    #[serde(default)]
    #[schema(value_type = Object)]
    args: JsonObject,
    /// How long it may take to answer, 1 s to seven days; an hour if left out.
    expires_s: Option<u32>,
}

/// Which part of the list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    limit: Option<usize>,
    cursor: Option<String>,
}

/// Sends a command; answers when it is in the ledger, not when the device has it.
pub(crate) async fn send(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
    Body(command): Body<NewCommand>,
) -> Result<(StatusCode, Json<CommandView>), ApiError> {
    let device = device_id(&id)?;
    visible(&state, &session, &device).await?;
    let action = Action::SendCommand {
        device,
        name: Arc::from(command.name),
        args: command.args,
        expires_s: command.expires_s.unwrap_or(DEFAULT_EXPIRES_S),
    };
    let accepted = state.gateway.request(session.request(action)).await?;
    let row = match accepted.id {
        Some(id) => state.read(move |ledger| ledger.command(id)).await?,
        None => None,
    };
    let row = row.ok_or_else(|| ApiError::internal(&"the ledger does not have a command that was accepted"))?;
    Ok((StatusCode::CREATED, Json(view(&state, row))))
}

/// A device's commands, the newest first.
pub(crate) async fn list(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
    Params(query): Params<Query>,
) -> Result<Json<PageView<CommandView>>, ApiError> {
    let device = device_id(&id)?;
    visible(&state, &session, &device).await?;
    let page = page(query.limit, query.cursor)?;
    let listed = state.read(move |ledger| Ok(ledger.commands(&device, &page))).await?.map_err(list_error)?;
    let items = listed.items.into_iter().map(|row| view(&state, row)).collect();
    Ok(Json(PageView { items, cursor: listed.next }))
}

/// A command of a device.
pub(crate) async fn one(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Path((id, command)): Path<(String, String)>,
) -> Result<Json<CommandView>, ApiError> {
    let device = device_id(&id)?;
    visible(&state, &session, &device).await?;
    let wanted: EffectId = command.parse().map_err(|_| ApiError::not_found("command", &command))?;
    let row = state.read(move |ledger| ledger.command(wanted)).await?;
    let row = row.filter(|row| row.device == device).ok_or_else(|| ApiError::not_found("command", &command))?;
    Ok(Json(view(&state, row)))
}

fn view(state: &AppState, row: CommandRow) -> CommandView {
    let delivery = state.gateway.command_delivery(row.id);
    CommandView::new(row, delivery)
}
