//! The people of the bureau by name and role: whom work, a shift or a call can be given to. Whoever is logged in may
//! see them; passwords, sessions and accounts that may not log in are the administrator's (`users.rs`).

use axum::extract::State;
use axum::{Extension, Json};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Session;
use crate::error::ApiError;
use crate::state::AppState;
use crate::views::name_of;

/// People whom work can be given to.
#[derive(Serialize, ToSchema)]
pub(crate) struct PeopleView {
    /// By name.
    items: Vec<PersonView>,
}

/// One of them.
#[derive(Serialize, ToSchema)]
pub(crate) struct PersonView {
    /// Login name.
    name: String,
    /// What the account may do.
    roles: Vec<String>,
    /// Districts that it is limited to; empty: all.
    districts: Vec<String>,
}

/// The accounts that may log in and see a district of whoever asks.
pub(crate) async fn list(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
) -> Result<Json<PeopleView>, ApiError> {
    let users = state.read(|ledger| ledger.users()).await?;
    let near = |districts: &[std::sync::Arc<str>]| {
        session.districts.is_empty() || districts.is_empty() || districts.iter().any(|one| session.sees(one))
    };
    let people = users.into_iter().filter(|user| !user.disabled && near(&user.districts)).map(|user| PersonView {
        name: user.name.to_string(),
        roles: user.roles.iter().map(name_of).collect(),
        districts: user.districts.iter().map(ToString::to_string).collect(),
    });
    Ok(Json(PeopleView { items: people.collect() }))
}
