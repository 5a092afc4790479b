//! The answers: 200 with the journal's position, and refusals as `{"error": {..}}`.

use axum::Json;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use gengfu_model::{QuarantineReason, Seq};
use serde::Serialize;

/// The body of a 200.
#[derive(Serialize)]
pub(super) struct Accepted {
    /// Where the message stands in the journal.
    pub(super) seq: Seq,
    /// Why it cannot be decoded; absent when it can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) quarantined: Option<QuarantineReason>,
    /// The same for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
}

/// Why a request was refused: the closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    BadCredentials,
    OtherDevice,
    NotPost,
    BadContentType,
    BadIdempotencyKey,
    TooLarge { max_body_bytes: usize },
    BrokenBody,
    SlowBody,
    Full { retry_after_s: u32 },
    Stopped { retry_after_s: u32 },
}

impl Refused {
    /// The reason as it is counted and as the error's code.
    pub(super) fn code(self) -> &'static str {
        match self {
            Refused::BadCredentials => "bad_credentials",
            Refused::OtherDevice => "other_device",
            Refused::NotPost => "method_not_allowed",
            Refused::BadContentType => "unsupported_content_type",
            Refused::BadIdempotencyKey => "bad_idempotency_key",
            Refused::TooLarge { .. } => "too_large",
            Refused::BrokenBody => "broken_body",
            Refused::SlowBody => "slow_body",
            Refused::Full { .. } => "full",
            Refused::Stopped { .. } => "stopping",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Refused::BadCredentials => StatusCode::UNAUTHORIZED,
            Refused::OtherDevice => StatusCode::FORBIDDEN,
            Refused::NotPost => StatusCode::METHOD_NOT_ALLOWED,
            Refused::BadContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Refused::BadIdempotencyKey | Refused::BrokenBody => StatusCode::BAD_REQUEST,
            Refused::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Refused::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Refused::Full { .. } | Refused::Stopped { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn detail(self) -> Detail {
        let (message, field, hint) = match self {
            Refused::BadCredentials => (
                "unknown device or wrong token".to_owned(),
                Some("Authorization"),
                "send `Authorization: Bearer TOKEN` with the device's own token",
            ),
            Refused::OtherDevice => (
                "the token belongs to another device".to_owned(),
                Some("device_id"),
                "a device writes only under its own id, or under `me`",
            ),
            Refused::NotPost => ("only POST is allowed here".to_owned(), None, "use POST"),
            Refused::BadContentType => (
                "this content type is not taken".to_owned(),
                Some("Content-Type"),
                "use application/json, application/cbor, or application/octet-stream for the model's own codec",
            ),
            Refused::BadIdempotencyKey => (
                "the idempotency key cannot be used".to_owned(),
                Some("Idempotency-Key"),
                "use 1 to 64 visible ASCII characters",
            ),
            Refused::TooLarge { max_body_bytes } => {
                (format!("the body has more than {max_body_bytes} bytes"), None, "send fewer readings at once")
            }
            Refused::BrokenBody => ("the body did not come whole".to_owned(), None, "send it again"),
            Refused::SlowBody => ("the body took too long to come".to_owned(), None, "send it again"),
            Refused::Full { .. } => ("the journal is behind".to_owned(), None, "try again after `Retry-After`"),
            Refused::Stopped { .. } => ("the gateway is stopping".to_owned(), None, "try again after `Retry-After`"),
        };
        Detail { code: self.code(), message, field, hint }
    }
}

#[derive(Serialize)]
struct Body {
    error: Detail,
}

#[derive(Serialize)]
struct Detail {
    code: &'static str,
    message: String,
    field: Option<&'static str>,
    hint: &'static str,
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = (self.status(), Json(Body { error: self.detail() })).into_response();
        match self {
            Refused::Full { retry_after_s } | Refused::Stopped { retry_after_s } => {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after_s));
            }
            Refused::BadCredentials => {
                response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        response
    }
}
