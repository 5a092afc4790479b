//! Who was refused at the door: which device does not get in, where and why.

use axum::extract::State;
use axum::{Extension, Json};
use gengfu_model::Transport;
use serde::Deserialize;

use crate::api::Params;
use crate::api::extract::page;
use crate::api::messages::one_device;
use crate::auth::Session;
use crate::error::ApiError;
use crate::gateway::{TurnedAwayAsk, TurnedAwayRow};
use crate::state::AppState;
use crate::views::{PageView, TurnedAwayView};

/// Which refusals.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    device: Option<String>,
    listener: Option<Transport>,
    reason: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// Who was refused, the one refused last first.
pub(crate) async fn list(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Params(query): Params<Query>,
) -> Result<Json<PageView<TurnedAwayView>>, ApiError> {
    let page = page(query.limit, query.cursor)?;
    let before = match page.cursor.as_deref().map(str::parse::<u64>) {
        None => u64::MAX,
        Some(Ok(turn)) => turn,
        Some(Err(_)) => return Err(ApiError::invalid("cursor", "the cursor is none of this list's")),
    };
    // A name that is not in the register is of no district: such an account asks for devices that it sees.
    let device = match session.districts.is_empty() {
        true => query.device.filter(|device| !device.is_empty()),
        false => one_device(&state, &session, query.device.as_deref()).await?.map(String::from),
    };
    let rows = state.gateway.turned_away(&TurnedAwayAsk { device, listener: query.listener, reason: query.reason });
    let mut rows: Vec<TurnedAwayRow> = rows.into_iter().filter(|row| row.turn < before).take(page.limit + 1).collect();
    let more = rows.len() > page.limit;
    rows.truncate(page.limit);
    let cursor = rows.last().filter(|_| more).map(|row| row.turn.to_string());
    Ok(Json(PageView { items: rows.into_iter().map(TurnedAwayView::from).collect(), cursor }))
}
