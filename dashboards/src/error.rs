//! The one shape of an error that the API answers: `{"error":{"code","message","field","hint"}}`, with the list
//! `against` where something is blocked.
//!
//! Promises: what a person did wrong is said with place and hint; what went wrong inside is logged
//! once, here, and answered with a fixed text.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use gengfu_connectors::{LedgerError, SeriesError};
use gengfu_model::Refusal;
use serde::Serialize;
use utoipa::ToSchema;

/// What a client sees of anything that went wrong inside the gateway.
pub const INTERNAL_TEXT: &str = "something went wrong inside the gateway; its log says what";

/// An answer that is not a success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    status: StatusCode,
    code: Box<str>,
    message: String,
    field: Option<String>,
    hint: Option<String>,
    against: Box<[String]>,
    retry_after_s: Option<u32>,
}

/// The body of every answer that is not a success.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong: a word for programs, a sentence for people, the place, and what to do.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ErrorDetail {
    /// A word for programs, such as `forbidden`, `not_found`, `wrong_state`, `invalid`.
    pub code: String,
    /// A sentence for people.
    pub message: String,
    /// The field or row that is wrong.
    pub field: Option<String>,
    /// What to do.
    pub hint: Option<String>,
    /// With `blocked`: what stands against it, one by one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub against: Vec<String>,
}

impl ApiError {
    /// An error with a status and code of the caller's choice.
    #[must_use]
    pub fn new(status: StatusCode, code: &str, message: impl Into<String>) -> ApiError {
        ApiError {
            status,
            code: code.into(),
            message: message.into(),
            field: None,
            hint: None,
            against: Box::default(),
            retry_after_s: None,
        }
    }

    /// 404: there is no such thing (or the account may not know of it).
    #[must_use]
    pub fn not_found(what: &str, id: &str) -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, "not_found", format!("there is no {what} `{id}`"))
    }

    /// 422: a field has a value that cannot be.
    #[must_use]
    pub fn invalid(field: &str, message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", message).field(field)
    }

    /// 401: nobody is logged in.
    #[must_use]
    pub fn unauthenticated() -> ApiError {
        ApiError::new(StatusCode::UNAUTHORIZED, "unauthenticated", "this needs a login")
            .hint("POST /api/v1/login, then send the cookie or `Authorization: Bearer TOKEN`")
    }

    /// 403: the account has none of the roles that this needs.
    #[must_use]
    pub fn forbidden(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// 503: too much at once; the same request may be sent again.
    #[must_use]
    pub fn busy(message: impl Into<String>, retry_after_s: u64) -> ApiError {
        let mut error = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message);
        error.retry_after_s = Some(u32::try_from(retry_after_s).unwrap_or(u32::MAX));
        error
    }

    /// 429: too many attempts; `retry_after_s` says when the next may be made.
    #[must_use]
    pub fn too_many(message: impl Into<String>, retry_after_s: u64) -> ApiError {
        let mut error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_many", message);
        error.retry_after_s = Some(u32::try_from(retry_after_s).unwrap_or(u32::MAX));
        error
    }

    /// 500: `detail` goes to the log, a fixed text to the client.
    #[must_use]
    pub fn internal(detail: &dyn std::fmt::Display) -> ApiError {
        tracing::error!(error = %detail, "request failed inside the gateway");
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", INTERNAL_TEXT)
    }

    /// The same error that names the field.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> ApiError {
        self.field = Some(field.into());
        self
    }

    /// The same error that says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> ApiError {
        self.hint = Some(hint.into());
        self
    }

    /// 409: something stands against it, and it could be forced.
    #[must_use]
    pub fn blocked(message: impl Into<String>, against: Vec<String>) -> ApiError {
        ApiError { against: against.into(), ..ApiError::new(StatusCode::CONFLICT, "blocked", message) }
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

/// The HTTP status of a refusal's code. A code that is not in the list is a request that cannot be
/// carried out as it stands: 422.
#[must_use]
pub fn status_of(code: &str) -> StatusCode {
    match code {
        "unauthenticated" => StatusCode::UNAUTHORIZED,
        "forbidden" => StatusCode::FORBIDDEN,
        "not_found" => StatusCode::NOT_FOUND,
        "wrong_state" | "exists" | "conflict" | "condition_holds" | "blocked" => StatusCode::CONFLICT,
        "too_large" => StatusCode::PAYLOAD_TOO_LARGE,
        "too_many" => StatusCode::TOO_MANY_REQUESTS,
        "busy" | "full" | "unavailable" | "stopping" => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> ApiError {
        ApiError {
            status: status_of(&refusal.code),
            code: refusal.code.into(),
            message: refusal.message,
            field: refusal.field,
            hint: refusal.hint,
            against: Box::default(),
            retry_after_s: None,
        }
    }
}

impl From<LedgerError> for ApiError {
    fn from(error: LedgerError) -> ApiError {
        match error {
            LedgerError::Behind => ApiError::busy("the ledger has not caught up with the engine", 1),
            other => ApiError::internal(&other),
        }
    }
}

impl From<SeriesError> for ApiError {
    fn from(error: SeriesError) -> ApiError {
        ApiError::internal(&error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let ApiError { status, code, message, field, hint, against, .. } = self;
        let detail = ErrorDetail { code: code.into(), message, field, hint, against: against.into() };
        let mut response = (status, axum::Json(ErrorBody { error: detail })).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
