//! Decoding the quarantine again, after a codec was mended or a device's model was put right.

use axum::extract::State;
use axum::{Extension, Json};
use gengfu_model::{Refusal, Seq};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::extract::device_id;
use crate::api::{Body, devices};
use crate::auth::Session;
use crate::error::ApiError;
use crate::quarantine::{self, TriedView, Wanted};
use crate::state::AppState;
use crate::time_text::day;

/// Which messages are decoded again: at most 500 a call, those that still wait.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Redecode {
    /// These records; without them all that still wait.
    #[serde(default)]
    records: Vec<u64>,
    /// Of this device only.
    device: Option<String>,
    /// Of this day only, `YYYY-MM-DD` in the city's time zone.
    day: Option<String>,
}

/// What came of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct RedecodedView {
    /// How many messages could be used.
    decoded: usize,
    /// How many stay in quarantine.
    left: usize,
    /// There are more that wait: call again.
    more: bool,
    /// Message by message, the oldest first.
    items: Vec<TriedView>,
}

/// Journals a request for each message, oldest first, and waits for the verdicts.
pub(crate) async fn redecode(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Body(asked): Body<Redecode>,
) -> Result<Json<RedecodedView>, ApiError> {
    let wanted = wanted(&state, &session, asked).await?;
    let (waiting, more) = state.read(move |ledger| quarantine::find(ledger, &wanted)).await?;
    let mut items = Vec::with_capacity(waiting.len());
    for message in waiting {
        let hidden = match &message.registered {
            Some(device) => !session.sees(&device.district),
            None => !session.districts.is_empty(),
        };
        let verdict = match message.request() {
            _ if hidden => Some(Err(Refusal::new("forbidden", "the device is in another district"))),
            Some(action) => Some(state.gateway.request(session.request(action)).await),
            None => None,
        };
        items.push(message.tried(verdict));
    }
    let decoded = items.iter().filter(|item| item.decoded).count();
    Ok(Json(RedecodedView { decoded, left: items.len() - decoded, more, items }))
}

async fn wanted(state: &AppState, session: &Session, asked: Redecode) -> Result<Wanted, ApiError> {
    let device = match asked.device.as_deref() {
        Some(id) => {
            let id = device_id(id)?;
            devices::visible(state, session, &id).await?;
            Some(id)
        }
        None => None,
    };
    if asked.records.len() > quarantine::MAX_MESSAGES {
        let text = format!("{} records, at most {} a call", asked.records.len(), quarantine::MAX_MESSAGES);
        return Err(ApiError::invalid("records", text));
    }
    let day = asked.day.map(|text| day(&text, state.options.time_zone)).transpose();
    let day = day.map_err(|text| ApiError::invalid("day", text))?;
    Ok(Wanted { day, device, records: asked.records.into_iter().map(Seq).collect() })
}
