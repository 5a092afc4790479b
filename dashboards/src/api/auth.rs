//! Log in, log out, and who is logged in.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::Body;
use crate::auth::Session;
use crate::auth::session::{COOKIE, source};
use crate::auth::tokens::Claims;
use crate::error::ApiError;
use crate::state::AppState;
use crate::views::{LoginView, MeView};

use axum::extract::FromRequest as _;

/// The longest account name that is looked at, in bytes.
const MAX_NAME_BYTES: usize = 128;

/// What a log-in carries.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    /// The account's name.
    user: String,
    /// Its password.
    password: String,
}

/// Checks a password and opens a session. The answer and its time are the same for an unknown
/// account, a disabled one and a wrong password.
pub(crate) async fn login(State(state): State<AppState>, request: Request) -> Result<Response, ApiError> {
    let source = source(request.extensions());
    let Body(Login { user, password }) = Body::from_request(request, &state).await?;
    let wrong = || {
        ApiError::new(StatusCode::UNAUTHORIZED, "wrong_credentials", "the account or the password is wrong")
            .hint("an administrator can set a new password")
    };
    if user.len() > MAX_NAME_BYTES {
        return Err(wrong());
    }
    let now = state.now();
    state.attempts.begin(source, &user, now).map_err(|seconds| {
        ApiError::too_many("too many attempts to log in", seconds).hint(format!("try again in {seconds} s"))
    })?;
    let name = user.clone();
    let account = state.read(move |ledger| ledger.user(&name)).await?.filter(|account| !account.disabled);
    let hash = account.as_ref().map(|account| account.password_hash.clone());
    let right = state.passwords.verify(password, hash).await?;
    let Some(account) = account.filter(|_| right) else {
        tracing::warn!(?source, "log-in refused");
        return Err(wrong());
    };
    state.attempts.succeeded(source, &user);
    let expires = now.plus_ms(state.options.session_ms);
    let mut nonce = [0_u8; 8];
    getrandom::fill(&mut nonce).map_err(|error| ApiError::internal(&error))?;
    let nonce = u64::from_ne_bytes(nonce);
    let token = state.tokens.issue(&Claims { user: account.name.clone(), epoch: account.epoch, expires, nonce });
    let cookie = cookie(&state, &token, state.options.session_ms / 1_000)?;
    let view = LoginView { token, expires: expires.into() };
    Ok(([(header::SET_COOKIE, cookie)], Json(view)).into_response())
}

/// Ends the session: its token is not taken any more, the cookie is taken away.
pub(crate) async fn logout(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
) -> Result<Response, ApiError> {
    state.revoked.add(Arc::clone(&session.token), session.expires, state.now());
    let cookie = cookie(&state, "", 0)?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

/// Who is logged in.
pub(crate) async fn me(Extension(session): Extension<Session>) -> Json<MeView> {
    Json(MeView {
        name: session.user.to_string(),
        roles: session.roles.iter().map(crate::views::name_of).collect(),
        districts: session.districts.iter().map(ToString::to_string).collect(),
        expires: session.expires.into(),
    })
}

fn cookie(state: &AppState, token: &str, max_age_s: i64) -> Result<HeaderValue, ApiError> {
    let secure = if state.options.secure_cookies { "; Secure" } else { "" };
    let text = format!("{COOKIE}={token}; HttpOnly; SameSite=Strict; Path=/; Max-Age={max_age_s}{secure}");
    HeaderValue::from_str(&text).map_err(|error| ApiError::internal(&error))
}
