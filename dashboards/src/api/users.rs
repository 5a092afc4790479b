//! Staff accounts. Every change raises the account's epoch where it must end the account's sessions.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use gengfu_model::staff::{Action, User};
use gengfu_model::{Refusal, Role};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::Body;
use crate::auth::Session;
use crate::error::ApiError;
use crate::state::AppState;
use crate::views::UserView;

/// The longest account name, in characters.
const MAX_NAME_CHARS: usize = 64;
/// Names that the gateway itself uses in the audit and in histories.
const RESERVED: [&str; 2] = ["local", "system"];

/// Every staff account.
#[derive(Serialize, ToSchema)]
pub(crate) struct UsersView {
    /// By name.
    items: Vec<UserView>,
}

/// A new account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUser {
    /// Login name.
    name: String,
    /// At least 10 characters.
    password: String,
    /// What the account may do.
    #[schema(value_type = Vec<String>)]
    roles: Vec<Role>,
    /// Districts that it is limited to; empty: all.
    #[serde(default)]
    districts: Vec<String>,
}

/// What is to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserChange {
    /// What the account may do.
    #[schema(value_type = Option<Vec<String>>)]
    roles: Option<Vec<Role>>,
    /// Districts that it is limited to; empty: all.
    districts: Option<Vec<String>>,
    /// The account may not log in.
    disabled: Option<bool>,
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPassword {
    /// At least 10 characters.
    password: String,
}

/// Staff accounts by name.
pub(crate) async fn list(State(state): State<AppState>) -> Result<Json<UsersView>, ApiError> {
    let users = state.read(|ledger| ledger.users()).await?;
    Ok(Json(UsersView { items: users.into_iter().map(UserView::from).collect() }))
}

/// Adds an account that is not there yet.
pub(crate) async fn add(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Body(new): Body<NewUser>,
) -> Result<(StatusCode, Json<UserView>), ApiError> {
    check_name(&new.name)?;
    check_roles(&new.roles)?;
    if find(&state, &new.name).await?.is_some() {
        return Err(Refusal::new("exists", format!("there is an account `{}` already", new.name)).field("name").into());
    }
    let user = User {
        name: Arc::from(new.name),
        password_hash: state.passwords.hash(new.password).await?,
        roles: new.roles,
        districts: new.districts.into_iter().map(Arc::from).collect(),
        epoch: 1,
        disabled: false,
    };
    Ok((StatusCode::CREATED, Json(put(&state, &session, user).await?)))
}

/// Changes an account's roles, districts, or whether it may log in; its sessions end.
pub(crate) async fn change(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Path(name): Path<String>,
    Body(change): Body<UserChange>,
) -> Result<Json<UserView>, ApiError> {
    let mut user = existing(&state, &name).await?;
    if let Some(roles) = change.roles {
        check_roles(&roles)?;
        user.roles = roles;
    }
    if let Some(districts) = change.districts {
        user.districts = districts.into_iter().map(Arc::from).collect();
    }
    if let Some(disabled) = change.disabled {
        user.disabled = disabled;
    }
    if user.name == session.user && (user.disabled || !user.roles.contains(&Role::Administrator)) {
        return Err(Refusal::new("wrong_state", "this would lock you out of managing accounts")
            .hint("let another administrator do it")
            .into());
    }
    user.epoch += 1;
    Ok(Json(put(&state, &session, user).await?))
}

/// Sets an account's password; its sessions end.
pub(crate) async fn set_password(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Path(name): Path<String>,
    Body(new): Body<NewPassword>,
) -> Result<StatusCode, ApiError> {
    let mut user = existing(&state, &name).await?;
    user.password_hash = state.passwords.hash(new.password).await?;
    user.epoch += 1;
    put(&state, &session, user).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn find(state: &AppState, name: &str) -> Result<Option<User>, ApiError> {
    let name = name.to_owned();
    state.read(move |ledger| ledger.user(&name)).await
}

async fn existing(state: &AppState, name: &str) -> Result<User, ApiError> {
    find(state, name).await?.ok_or_else(|| ApiError::not_found("account", name))
}

async fn put(state: &AppState, session: &Session, user: User) -> Result<UserView, ApiError> {
    let view = UserView::from(user.clone());
    state.gateway.request(session.request(Action::PutUser { user })).await?;
    Ok(view)
}

fn check_name(name: &str) -> Result<(), ApiError> {
    let good = |c: char| c.is_alphanumeric() || "._-".contains(c);
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS || !name.chars().all(good) {
        return Err(
            ApiError::invalid("name", format!("`{name}` is no account name")).hint("1 to 64 letters, digits and . _ -")
        );
    }
    if RESERVED.contains(&name) {
        return Err(ApiError::invalid("name", format!("`{name}` is used by the gateway itself")));
    }
    Ok(())
}

fn check_roles(roles: &[Role]) -> Result<(), ApiError> {
    if roles.is_empty() {
        return Err(ApiError::invalid("roles", "an account has at least one role"));
    }
    Ok(())
}
