//! The router: every route of the visible list behind its guard, the console's files, and what holds
//! for all requests (limits, security headers, the shape of errors).

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::api::routes;
use crate::assets::{self, ASSETS};
use crate::auth::session::guard;
use crate::error::ApiError;
use crate::state::{ApiState, AppState, Shared};

/// No inline script or style, nothing from elsewhere, no frame around it.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The API, the live stream and the console.
///
/// Serve it with `into_make_service_with_connect_info::<SocketAddr>()`: the source address is needed for
/// the limit on log-in attempts and for `/metrics`.
pub fn router(state: ApiState) -> Router {
    let shared = Shared::new(state);
    let mut router = Router::new();
    for route in routes() {
        let (timeout, body_limit) = if route.upload {
            (shared.options.import_timeout, shared.options.attachment_bytes)
        } else if route.slow {
            (shared.options.import_timeout, shared.options.import_bytes)
        } else {
            (shared.options.request_timeout, shared.options.body_bytes)
        };
        let handler = route
            .handler
            .route_layer(middleware::from_fn_with_state((shared.clone(), route.access), guard))
            .route_layer(middleware::from_fn(move |request: Request, next: Next| limit_time(timeout, request, next)))
            .route_layer(DefaultBodyLimit::max(body_limit));
        router = router.route(route.path, handler);
    }
    for asset in ASSETS {
        router = router.route(asset.path, get(move |headers: HeaderMap| async move { assets::serve(asset, &headers) }));
    }
    router
        .fallback(|| async { ApiError::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path") })
        .method_not_allowed_fallback(|| async {
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this path does not take this method")
        })
        .layer(middleware::from_fn_with_state(shared.clone(), for_all))
        .with_state(shared)
}

async fn limit_time(timeout: std::time::Duration, request: Request, next: Next) -> Response {
    match tokio::time::timeout(timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", "the request took too long")
            .hint("what it asked for may have been done: look before you repeat it")
            .into_response(),
    }
}

async fn for_all(State(shared): State<AppState>, request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    let mut response = match shared.in_flight.clone().try_acquire_owned() {
        Ok(_place) => next.run(request).await,
        Err(_) => ApiError::busy("too many requests at once", 1).into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    if is_api {
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    response
}
