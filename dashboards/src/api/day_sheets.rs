//! The two sheets (两账) of a day: what was taken in adds up with what became of it, and which devices stand out.

use axum::extract::State;
use axum::{Extension, Json};
use chrono::NaiveDate;
use serde::Deserialize;

use crate::api::{Params, extract};
use crate::auth::Session;
use crate::error::ApiError;
use crate::gateway::DayAsked;
use crate::state::AppState;
use crate::views::DaySheetsView;

/// Whose sheets of which day.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    day: Option<String>,
    kind: Option<String>,
    district: Option<String>,
}

/// The sheets of a day; of today if it is left out.
pub(crate) async fn one(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Params(query): Params<Query>,
) -> Result<Json<DaySheetsView>, ApiError> {
    let day = match &query.day {
        Some(text) => NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .map_err(|_| ApiError::invalid("day", format!("`{text}` is no day")).hint("write it as 2026-11-20"))?,
        None => today(&state)?,
    };
    let districts = match extract::district(&session, query.district)? {
        Some(district) => vec![district],
        None => session.districts.iter().map(ToString::to_string).collect(),
    };
    let kind = extract::kind(query.kind.as_deref())?;
    let sheets = state.gateway.day_sheets(DayAsked { day, kind, districts }).await?;
    Ok(Json(DaySheetsView::new(day, sheets)))
}

/// The day of now in the city's time zone.
fn today(state: &AppState) -> Result<NaiveDate, ApiError> {
    let now = chrono::DateTime::from_timestamp_millis(state.now().as_millis());
    let now = now.ok_or_else(|| ApiError::internal(&"the time is out of range"))?;
    Ok(now.with_timezone(&state.options.time_zone).date_naive())
}
