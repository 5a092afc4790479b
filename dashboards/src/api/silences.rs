//! Silences, maintenance windows and permits: what they would hide, asking for one, ending one or all of a work
//! order.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use gengfu_connectors::ledger::SilenceFilter;
use gengfu_model::silence::{Matcher, NewSilence, Silence, SilenceState, Weekly};
use gengfu_model::staff::Action;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::extract::{effect_id, listed, page};
use crate::api::silence_preview::{Wanted, preview};
use crate::api::{Body, Params};
use crate::auth::Session;
use crate::error::ApiError;
use crate::state::AppState;
use crate::time_text::When;
use crate::views::{DoneView, PageView, PreviewView, SilenceView};

/// Which silences.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    state: Option<SilenceState>,
    work_order: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// What a silence covers: everything that is named must fit.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Matches {
    /// The asset's code.
    asset: Option<String>,
    /// The device's id.
    device: Option<String>,
    /// The rule's id.
    rule: Option<String>,
    /// The rule's key.
    key: Option<String>,
    /// The condition, such as `cover_displaced`.
    condition: Option<String>,
    /// The district.
    district: Option<String>,
    /// The grid cell.
    grid: Option<String>,
    /// The electric feeder.
    feeder: Option<String>,
    /// The street-light cabinet.
    cabinet: Option<String>,
    /// The drainage catchment.
    catchment: Option<String>,
    /// The carrier's cell.
    carrier_cell: Option<String>,
}

/// Hours of the week in the city's time.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hours {
    /// Days on which a window begins: 1 is Monday, 7 is Sunday.
    days: Vec<u8>,
    /// Such as `22:00`.
    from: String,
    /// Such as `06:00`; at or before `from`: of the next day.
    to: String,
}

/// A silence to ask for, or to look at beforehand.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSilenceBody {
    /// What it covers.
    matches: Matches,
    /// When it begins; at once if left out.
    #[schema(value_type = Option<String>)]
    from: Option<When>,
    /// When it is over at the latest; this or `minutes`.
    #[schema(value_type = Option<String>)]
    to: Option<When>,
    /// How long it lasts.
    minutes: Option<u32>,
    /// Only in these hours of the week.
    weekly: Option<Hours>,
    /// An asset is covered until what was held back there has cleared: the cover is closed again.
    #[serde(default)]
    until_clear: bool,
    /// The work order or permit that it ends with.
    work_order: Option<String>,
    /// Why, in a few words; not needed for a preview.
    #[serde(default)]
    reason: String,
    /// What else there is to say.
    #[serde(default)]
    comment: String,
}

/// Silences, the newest first.
pub(crate) async fn list(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Params(query): Params<Query>,
) -> Result<Json<PageView<SilenceView>>, ApiError> {
    let filter = SilenceFilter { state: query.state, work_order: query.work_order };
    let page = page(query.limit, query.cursor)?;
    let read = move |ledger: &gengfu_connectors::LedgerReader, page: &_| ledger.silences(&filter, page);
    Ok(Json(listed(&state, &session, page, read, district_of).await?))
}

/// A silence.
pub(crate) async fn one(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
) -> Result<Json<SilenceView>, ApiError> {
    Ok(Json(visible(&state, &session, &id).await?.into()))
}

/// Asks for a silence.
pub(crate) async fn put(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Body(body): Body<NewSilenceBody>,
) -> Result<(StatusCode, Json<SilenceView>), ApiError> {
    let silence = asked(&state, &session, body)?;
    let accepted = state.gateway.request(session.request(Action::PutSilence { silence: Box::new(silence) })).await?;
    let silence = match accepted.id {
        Some(id) => state.read(move |ledger| ledger.silence(id)).await?,
        None => None,
    };
    let silence = silence.ok_or_else(|| ApiError::internal(&"the ledger does not have a silence that was accepted"))?;
    Ok((StatusCode::CREATED, Json(silence.into())))
}

/// What a silence would have hidden.
pub(crate) async fn look_ahead(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Body(body): Body<NewSilenceBody>,
) -> Result<Json<PreviewView>, ApiError> {
    let silence = asked(&state, &session, body)?;
    if silence.matches.is_empty() {
        return Err(ApiError::invalid("matches", "name at least an asset, a device, an area or a rule"));
    }
    let wanted = Wanted {
        matches: silence.matches,
        weekly: silence.weekly,
        zone: state.options.time_zone,
        districts: session.districts.to_vec(),
    };
    Ok(Json(state.read(move |ledger| preview(ledger, &wanted)).await?))
}

/// Ends a silence before its time.
pub(crate) async fn end(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
) -> Result<Json<DoneView>, ApiError> {
    let silence = visible(&state, &session, &id).await?;
    let action = Action::EndSilence { silence: Some(silence.id), work_order: None };
    Ok(Json(state.gateway.request(session.request(action)).await?.into()))
}

/// A work order was closed: its silences end.
pub(crate) async fn close_work_order(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
) -> Result<Json<DoneView>, ApiError> {
    let filter = SilenceFilter { work_order: Some(id.clone()), state: None };
    let page = page(Some(1_000), None)?;
    let found = state.read(move |ledger| ledger.silences(&filter, &page)).await?.items;
    if found.iter().any(|silence| !session.sees(district_of(silence))) {
        return Err(ApiError::forbidden("the work order has silences in districts that this account does not see"));
    }
    let action = Action::EndSilence { silence: None, work_order: Some(Arc::from(id)) };
    Ok(Json(state.gateway.request(session.request(action)).await?.into()))
}

async fn visible(state: &AppState, session: &Session, text: &str) -> Result<Silence, ApiError> {
    let id = effect_id("silence", text)?;
    let silence = state.read(move |ledger| ledger.silence(id)).await?;
    silence.filter(|row| session.sees(district_of(row))).ok_or_else(|| ApiError::not_found("silence", text))
}

fn district_of(silence: &Silence) -> &str {
    silence.asked.matches.district.as_deref().unwrap_or_default()
}

/// The request as the engine takes it. An account that is limited to districts silences within one of them.
fn asked(state: &AppState, session: &Session, body: NewSilenceBody) -> Result<NewSilence, ApiError> {
    let word = |word: Option<String>| word.map(Arc::from);
    let mut matches = Matcher {
        asset: word(body.matches.asset),
        device: word(body.matches.device),
        rule: word(body.matches.rule),
        key: word(body.matches.key),
        condition: word(body.matches.condition),
        district: word(body.matches.district),
        grid: word(body.matches.grid),
        feeder: word(body.matches.feeder),
        cabinet: word(body.matches.cabinet),
        catchment: word(body.matches.catchment),
        carrier_cell: word(body.matches.carrier_cell),
    };
    match (matches.district.as_deref(), session.districts.as_ref()) {
        (_, []) => {}
        (Some(district), own) if own.iter().any(|own| **own == *district) => {}
        (Some(district), _) => {
            return Err(ApiError::forbidden(format!("this account does not see district `{district}`")));
        }
        (None, [only]) => matches.district = Some(only.clone()),
        (None, _) => {
            return Err(ApiError::invalid("matches.district", "an account of several districts must name one"));
        }
    }
    let from = body.from.map(|when| when.0);
    let to = match (body.to, body.minutes) {
        (Some(to), None) => to.0,
        (None, Some(minutes)) => from.unwrap_or_else(|| state.now()).plus_ms(i64::from(minutes) * 60_000),
        // A preview looks back and needs no end.
        (None, None) if body.reason.is_empty() => state.now(),
        _ => return Err(ApiError::invalid("to", "give either `to` or `minutes`")),
    };
    let weekly = body.weekly.map(|hours| {
        Ok::<_, ApiError>(Weekly {
            from_min: minute("weekly.from", &hours.from)?,
            to_min: minute("weekly.to", &hours.to)?,
            days: hours.days,
        })
    });
    Ok(NewSilence {
        matches,
        from,
        to,
        weekly: weekly.transpose()?,
        until_clear: body.until_clear,
        work_order: word(body.work_order),
        reason: Arc::from(body.reason),
        comment: body.comment,
    })
}

/// Minutes after midnight of `HH:MM`; `24:00` is the end of the day.
fn minute(field: &str, text: &str) -> Result<u16, ApiError> {
    let parsed = text.split_once(':').and_then(|(hour, minute)| {
        let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
        (minute < 60 && hour * 60 + minute <= 1_440).then_some(hour * 60 + minute)
    });
    parsed.ok_or_else(|| ApiError::invalid(field, format!("`{text}` is no time of day; write 22:00")))
}
