//! Duty: rosters, escalation chains, contacts, hand-over. The engine judges who may change what.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use gengfu_model::duty::{Contact, DutyAction, EscalationChain, HandOverItem, Roster};
use gengfu_model::staff::Action;
use gengfu_model::{EffectId, Role};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::{Body, Params};
use crate::auth::Session;
use crate::error::ApiError;
use crate::state::AppState;
use crate::views::{DoneView, DutyView, HandOverView};

/// Which district.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct District {
    #[serde(default)]
    district: String,
}

/// The rosters.
#[derive(Serialize, ToSchema)]
pub(crate) struct RostersView {
    /// By district.
    #[schema(value_type = Vec<Object>)]
    items: Vec<Roster>,
}

/// Duty everywhere.
#[derive(Serialize, ToSchema)]
pub(crate) struct WatchesView {
    /// Of every roster that the account sees, by district.
    items: Vec<DutyView>,
}

/// A roster to set: district, shifts and overrides.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRoster {
    /// `district`, `shifts` (`name`, `from`, `to`, `days`, `officers`, `leaders`), `overrides`.
    #[schema(value_type = Object)]
    roster: Roster,
}

/// The escalation chains in force.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChainsView {
    /// In the order in which they are looked at.
    #[schema(value_type = Vec<Object>)]
    chains: Vec<EscalationChain>,
    /// Nobody set any: these are the usual ones.
    usual: bool,
}

/// The escalation chains to set; none: the usual ones.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewChains {
    /// `name`, `severity_from`, `conditions`, `districts`, `steps` (`after_min`, `level`, `to`), `repeat_min`,
    /// `repeats`, `progress_min`.
    #[schema(value_type = Vec<Object>)]
    chains: Vec<EscalationChain>,
}

/// A shift's hand-over.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewHandOver {
    /// The roster's district; empty for the one of all others.
    #[serde(default)]
    district: String,
    /// What the next one must know.
    note: String,
    /// Remarks on single cases: `case` and `remark`. Every open case is added.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    items: Vec<HandOverItem>,
}

/// Hand-overs of a district.
#[derive(Serialize, ToSchema)]
pub(crate) struct HandOversView {
    /// The newest first, at most 50.
    items: Vec<HandOverView>,
}

/// How an account is reached.
#[derive(Serialize, ToSchema)]
pub(crate) struct ContactView {
    /// `user`, `language`, `channels` (`channel`, `address`), `quiet` (`from`, `to`, `below`); `null`: not set.
    #[schema(value_type = Option<Object>)]
    contact: Option<Contact>,
    /// The channels that the gateway has beside the console.
    channels: Vec<String>,
}

/// How an account is to be reached.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewContact {
    /// `zh` or `en`.
    #[serde(default)]
    #[schema(value_type = String)]
    language: gengfu_model::duty::Language,
    /// `channel` and `address` of each.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    channels: Vec<gengfu_model::duty::ContactChannel>,
    /// `from`, `to`, and `below`: what is less bad waits.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    quiet: Vec<gengfu_model::duty::QuietHours>,
}

/// Who is on duty now and next.
pub(crate) async fn now(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Params(asked): Params<District>,
) -> Result<Json<DutyView>, ApiError> {
    let district = seen(&session, asked.district)?;
    let duty = state.gateway.duty_now(district.clone()).await;
    let duty = duty.ok_or_else(|| ApiError::not_found("roster for district", &district))?;
    Ok(Json(DutyView::new(district, duty)))
}

/// Who is on duty now and next, of every roster.
pub(crate) async fn watches(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
) -> Result<Json<WatchesView>, ApiError> {
    let mut items = Vec::new();
    for roster in state.gateway.rosters().await {
        let district = roster.district.to_string();
        if session.sees(&district)
            && let Some(duty) = state.gateway.duty_now(district.clone()).await
        {
            items.push(DutyView::new(district, duty));
        }
    }
    Ok(Json(WatchesView { items }))
}

/// Every roster.
pub(crate) async fn rosters(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
) -> Result<Json<RostersView>, ApiError> {
    let mut items = state.gateway.rosters().await;
    items.retain(|roster| session.sees(&roster.district));
    Ok(Json(RostersView { items }))
}

/// Sets a roster.
pub(crate) async fn put_roster(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Body(new): Body<NewRoster>,
) -> Result<Json<DoneView>, ApiError> {
    seen(&session, new.roster.district.to_string())?;
    ask(&state, &session, DutyAction::PutRoster { roster: new.roster }).await
}

/// The escalation chains.
pub(crate) async fn chains(State(state): State<AppState>) -> Result<Json<ChainsView>, ApiError> {
    let (chains, usual) = state.gateway.chains().await;
    Ok(Json(ChainsView { chains, usual }))
}

/// Sets the escalation chains.
pub(crate) async fn put_chains(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Body(new): Body<NewChains>,
) -> Result<Json<DoneView>, ApiError> {
    ask(&state, &session, DutyAction::PutEscalation { chains: new.chains }).await
}

/// Hands a shift over.
pub(crate) async fn hand_over(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Body(new): Body<NewHandOver>,
) -> Result<Json<DoneView>, ApiError> {
    let district = Arc::from(seen(&session, new.district)?);
    ask(&state, &session, DutyAction::HandOver { district, note: new.note, items: new.items }).await
}

/// The hand-overs of a district.
pub(crate) async fn hand_overs(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Params(asked): Params<District>,
) -> Result<Json<HandOversView>, ApiError> {
    let district = seen(&session, asked.district)?;
    let notes = state.gateway.duty_now(district).await.map(|duty| duty.notes).unwrap_or_default();
    Ok(Json(HandOversView { items: notes.into_iter().rev().map(HandOverView::from).collect() }))
}

/// How an account is reached: the own, or anybody's for leaders.
pub(crate) async fn contact(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Path(name): Path<String>,
) -> Result<Json<ContactView>, ApiError> {
    may_see(&session, &name)?;
    let contact = state.gateway.contact(name).await;
    Ok(Json(ContactView { contact, channels: state.gateway.channels() }))
}

/// Sets how an account is reached.
pub(crate) async fn put_contact(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Path(name): Path<String>,
    Body(new): Body<NewContact>,
) -> Result<Json<DoneView>, ApiError> {
    let known = state.gateway.channels();
    if let Some(stranger) = new.channels.iter().find(|channel| !known.iter().any(|name| **name == *channel.channel)) {
        let message = format!("the gateway has no channel `{}`", stranger.channel);
        let hint =
            if known.is_empty() { "none is configured".to_owned() } else { format!("one of {}", known.join(", ")) };
        return Err(ApiError::invalid("channels", message).hint(hint));
    }
    let contact = Contact { user: name.into(), language: new.language, channels: new.channels, quiet: new.quiet };
    ask(&state, &session, DutyAction::PutContact { contact }).await
}

/// Sends a test by every channel of an account.
pub(crate) async fn test_contact(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Path(name): Path<String>,
) -> Result<Json<DoneView>, ApiError> {
    ask(&state, &session, DutyAction::TestContact { user: name.into() }).await
}

/// Asks the engine.
pub(super) async fn ask(state: &AppState, session: &Session, ask: DutyAction) -> Result<Json<DoneView>, ApiError> {
    let accepted = state.gateway.request(session.request(Action::Duty { ask })).await?;
    Ok(Json(accepted.into()))
}

/// Notifications of others are for leaders.
pub(super) fn may_see(session: &Session, user: &str) -> Result<(), ApiError> {
    if *session.user == *user || session.has(&[Role::ShiftLeader, Role::Administrator]) {
        return Ok(());
    }
    Err(ApiError::forbidden(format!("only `{user}` and shift leaders may see that")))
}

fn seen(session: &Session, district: String) -> Result<String, ApiError> {
    if session.sees(&district) {
        return Ok(district);
    }
    Err(ApiError::forbidden(format!("this account does not see district `{district}`")))
}

/// Up to which notification has been read; the id is part of an order.
pub(super) fn is_read(id: EffectId, up_to: Option<EffectId>) -> bool {
    up_to.is_some_and(|up_to| id <= up_to)
}
