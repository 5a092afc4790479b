//! Sessions: from a cookie or a bearer token to the account as the ledger has it now.
//!
//! Promises: a token of an older epoch, of a disabled account or of an ended session is no session;
//! a cookie alone never writes (cross-site requests carry cookies, but can neither set
//! `X-Requested-With` nor forge `Origin`).

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Extensions, HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use gengfu_model::staff::{Action, StaffRequest};
use gengfu_model::{Role, Timestamp};

use crate::auth::roles::{self, Access};
use crate::error::ApiError;
use crate::state::{AppState, Shared};

/// The session cookie's name.
pub const COOKIE: &str = "gengfu_session";
/// Logged-out tokens that are remembered until they are over; more end the oldest memory.
pub const MAX_REVOKED: usize = 10_000;

/// Somebody who is logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The account's name.
    pub user: Arc<str>,
    /// Its roles as of this request.
    pub roles: Arc<[Role]>,
    /// The districts that it is limited to; empty: all.
    pub districts: Arc<[Arc<str>]>,
    /// When the session ends.
    pub expires: Timestamp,
    /// The token it came with.
    pub(crate) token: Arc<str>,
}

impl Session {
    /// Whether the account may see things of this district. Things of no district are everybody's.
    #[must_use]
    pub fn sees(&self, district: &str) -> bool {
        self.districts.is_empty() || district.is_empty() || self.districts.iter().any(|own| own.as_ref() == district)
    }

    /// Whether the account has one of these roles.
    #[must_use]
    pub fn has(&self, needed: &[Role]) -> bool {
        roles::any_of(&self.roles, needed)
    }

    /// The staff request of this session.
    pub(crate) fn request(&self, action: Action) -> StaffRequest {
        StaffRequest { user: self.user.clone(), roles: self.roles.to_vec(), action }
    }
}

/// Tokens that were logged out before they were over. Kept in memory: after a restart such a token
/// would work again until its end, which is why a changed password raises the epoch instead.
#[derive(Debug, Default)]
pub(crate) struct Revoked {
    // A plain mutex: held for a few map operations, never across an await.
    tokens: Mutex<HashMap<Arc<str>, Timestamp>>,
}

impl Revoked {
    pub(crate) fn add(&self, token: Arc<str>, expires: Timestamp, now: Timestamp) {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= MAX_REVOKED {
            tokens.retain(|_, expires| *expires > now);
        }
        if tokens.len() < MAX_REVOKED {
            tokens.insert(token, expires);
        } else {
            tracing::warn!(limit = MAX_REVOKED, "too many sessions logged out; this one ends when its time is over");
        }
    }

    fn has(&self, token: &str) -> bool {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).contains_key(token)
    }
}

/// The address that a request came from; `None` when the server does not say.
pub(crate) fn source(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical())
}

/// Lets a request through to a route with `access`, with its [`Session`] attached.
pub(crate) async fn guard(
    State((shared, access)): State<(AppState, Access)>,
    mut request: Request,
    next: Next,
) -> Response {
    let needed = match access {
        Access::Open | Access::Platform => return next.run(request).await,
        Access::Metrics => {
            let open = source(request.extensions()).is_some_and(|ip| shared.options.metrics_open_to.contains(&ip));
            if open {
                return next.run(request).await;
            }
            roles::READ_METRICS
        }
        Access::Login => &[],
        Access::Roles(needed) => needed,
    };
    let carrier = match carrier(request.headers()) {
        Some(carrier) => carrier,
        None => return ApiError::unauthenticated().into_response(),
    };
    if carrier.by_cookie && !may_write(request.method(), request.headers()) {
        return ApiError::forbidden("this request did not come from the console")
            .hint("send the header `X-Requested-With`, or use `Authorization: Bearer TOKEN`")
            .into_response();
    }
    let session = match open(&shared, carrier.token).await {
        Ok(session) => session,
        Err(error) => return error.into_response(),
    };
    if !needed.is_empty() && !session.has(needed) {
        return ApiError::forbidden(format!("this needs one of the roles {}", role_names(needed))).into_response();
    }
    request.extensions_mut().insert(session);
    next.run(request).await
}

/// The session that the token opens now.
pub(crate) async fn open(shared: &Shared, token: &str) -> Result<Session, ApiError> {
    let claims = shared.tokens.verify(token, shared.now()).ok_or_else(ApiError::unauthenticated)?;
    if shared.revoked.has(token) {
        return Err(ApiError::unauthenticated());
    }
    let name = claims.user.clone();
    let user = shared.read(move |ledger| ledger.user(&name)).await?;
    match user {
        Some(user) if !user.disabled && user.epoch == claims.epoch => Ok(Session {
            user: claims.user,
            roles: user.roles.into(),
            districts: user.districts.into(),
            expires: claims.expires,
            token: Arc::from(token),
        }),
        Some(_) | None => Err(ApiError::unauthenticated()),
    }
}

/// The names of roles as JSON and the configuration write them.
pub(crate) fn role_names(roles: &[Role]) -> String {
    let name = |role: &Role| serde_json::to_value(role).ok().and_then(|name| name.as_str().map(str::to_owned));
    roles.iter().filter_map(name).collect::<Vec<_>>().join(", ")
}

struct Carrier<'a> {
    token: &'a str,
    by_cookie: bool,
}

fn carrier(headers: &HeaderMap) -> Option<Carrier<'_>> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then_some(Carrier { token: token.trim(), by_cookie: false });
    }
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, token)| Carrier { token, by_cookie: true })
}

fn may_write(method: &Method, headers: &HeaderMap) -> bool {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) || headers.contains_key("x-requested-with") {
        return true;
    }
    let text = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    match (text(header::ORIGIN), text(header::HOST)) {
        (Some(origin), Some(host)) => {
            let origin_host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            origin_host.is_some_and(|origin_host| origin_host.eq_ignore_ascii_case(host))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (axum::http::HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_bearer_token_comes_before_a_cookie_and_the_cookie_is_found_among_others() {
        let both = headers(&[("authorization", "Bearer abc"), ("cookie", "gengfu_session=xyz")]);
        let found = carrier(&both).unwrap();
        assert_eq!((found.token, found.by_cookie), ("abc", false));
        let cookies = headers(&[("cookie", "a=1; gengfu_session=xyz; b=2")]);
        let found = carrier(&cookies).unwrap();
        assert_eq!((found.token, found.by_cookie), ("xyz", true));
        assert!(carrier(&headers(&[("authorization", "Basic abc"), ("cookie", "gengfu_session=xyz")])).is_none());
        assert!(carrier(&headers(&[("cookie", "other=xyz")])).is_none());
    }

    #[test]
    fn a_cookie_writes_only_with_the_header_or_from_the_same_origin() {
        let cases = [
            (Method::GET, headers(&[]), true),
            (Method::POST, headers(&[]), false),
            (Method::POST, headers(&[("x-requested-with", "console")]), true),
            (Method::POST, headers(&[("origin", "http://gw:8080"), ("host", "gw:8080")]), true),
            (Method::POST, headers(&[("origin", "https://gw"), ("host", "gw")]), true),
            (Method::POST, headers(&[("origin", "http://evil"), ("host", "gw:8080")]), false),
            (Method::DELETE, headers(&[("origin", "null"), ("host", "gw:8080")]), false),
            (Method::POST, headers(&[("origin", "http://gw:8080")]), false),
        ];
        for (method, headers, expected) in cases {
            assert_eq!(may_write(&method, &headers), expected, "{method} {headers:?}");
        }
    }
}
