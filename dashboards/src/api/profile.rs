//! The city profile: the one at work, checking one, putting one to work.

use axum::extract::State;
use axum::{Extension, Json};
use gengfu_cases::Profile;
use gengfu_model::staff::Action;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::Body;
use crate::auth::Session;
use crate::error::ApiError;
use crate::state::AppState;
use crate::views::{DoneView, ProfileCheckView, ProfileMistakeView, ProfileView};

/// A profile.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProfileText {
    /// As TOML.
    text: String,
}

/// The profile at work: its classes with their rows, sources of reports, departments.
pub(crate) async fn one(State(state): State<AppState>) -> Result<Json<ProfileView>, ApiError> {
    let text = state.read(|ledger| ledger.profile()).await?;
    let text = text.ok_or_else(|| ApiError::not_found("profile", "at work"))?;
    // It was checked before it was journaled.
    let profile = Profile::parse(&text).map_err(|mistakes| ApiError::internal(&format!("{mistakes:?}")))?;
    Ok(Json(ProfileView::new(&profile, text)))
}

/// Checks a profile and gives every mistake.
pub(crate) async fn check(Body(body): Body<ProfileText>) -> Json<ProfileCheckView> {
    let mistakes = Profile::parse(&body.text).err().unwrap_or_default();
    let mistakes: Vec<ProfileMistakeView> = mistakes.into_iter().map(ProfileMistakeView::from).collect();
    Json(ProfileCheckView { ok: mistakes.is_empty(), mistakes })
}

/// Puts a profile to work. Deadlines that are set already stay.
pub(crate) async fn set(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Body(body): Body<ProfileText>,
) -> Result<Json<DoneView>, ApiError> {
    Ok(Json(state.gateway.request(session.request(Action::SetProfile { text: body.text })).await?.into()))
}
