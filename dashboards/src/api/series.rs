//! The series of one field of a device, raw or in windows.

use axum::extract::{Path, State};
use axum::{Extension, Json};
use gengfu_connectors::series::Bucket;
use gengfu_model::Timestamp;
use gengfu_model::time::DAY_MS;
use serde::Deserialize;
use serde_json::json;

use crate::api::extract::device_id;
use crate::api::{Params, devices};
use crate::auth::Session;
use crate::error::ApiError;
use crate::state::AppState;
use crate::time_text::{Time, When, length_ms};
use crate::views::SeriesView;

/// The most points of one answer.
const MAX_POINTS: usize = 10_000;
/// The most windows of one answer.
const MAX_WINDOWS: i64 = 10_000;
/// The longest stretch of one answer, in milliseconds: 400 days.
const MAX_STRETCH_MS: i64 = 400 * DAY_MS;

/// Which part of which series.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    field: Option<String>,
    from: Option<When>,
    to: Option<When>,
    every: Option<String>,
}

/// The series of one field; without `from` and `to`, of the last 24 hours.
pub(crate) async fn series(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
    Params(query): Params<Query>,
) -> Result<Json<SeriesView>, ApiError> {
    let id = device_id(&id)?;
    let device = devices::visible(&state, &session, &id).await?;
    let kind = device.kind;
    let name = query.field.ok_or_else(|| ApiError::invalid("field", "say which field"))?;
    let field = kind.field(&name).ok_or_else(|| {
        let known = kind.def().fields.iter().map(|def| def.name).collect::<Vec<_>>().join(", ");
        ApiError::invalid("field", format!("a {kind} has no field `{name}`")).hint(format!("it has {known}"))
    })?;
    let (from, to) = stretch(query.from, query.to, state.now())?;
    let Some(every) = query.every else {
        let mut points =
            state.read_series(move |series| series.range(&id, kind, field, from, to, MAX_POINTS + 1)).await?;
        let truncated = points.len() > MAX_POINTS;
        points.truncate(MAX_POINTS);
        let points = points.into_iter().map(|(time, value)| (Time(time), json!(value))).collect();
        return Ok(Json(SeriesView { field: name, points, truncated }));
    };
    let every_ms = length_ms(&every).map_err(|text| ApiError::invalid("every", text))?;
    if to.since_ms(from) / every_ms > MAX_WINDOWS {
        return Err(ApiError::invalid("every", format!("that would be more than {MAX_WINDOWS} windows"))
            .hint("take a longer window or a shorter stretch"));
    }
    let buckets = state.read_series(move |series| series.buckets(&id, kind, field, from, to, every_ms)).await?;
    Ok(Json(SeriesView { field: name, points: buckets.into_iter().map(window).collect(), truncated: false }))
}

fn stretch(from: Option<When>, to: Option<When>, now: Timestamp) -> Result<(Timestamp, Timestamp), ApiError> {
    let to = to.map_or(now, |when| when.0);
    let from = from.map_or(to.plus_ms(-DAY_MS), |when| when.0);
    if from >= to {
        return Err(ApiError::invalid("from", "from is not before to"));
    }
    if to.since_ms(from) > MAX_STRETCH_MS {
        return Err(ApiError::invalid("from", "a series is read over at most 400 days at a time"));
    }
    Ok((from, to))
}

fn window(bucket: Bucket) -> (Time, serde_json::Value) {
    let Bucket { time, min, max, mean, last, count } = bucket;
    (Time(time), json!({ "min": min, "max": max, "mean": mean, "last": last, "count": count }))
}
