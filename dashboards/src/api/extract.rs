//! Reading a request: query and JSON body with our error shape, ids from the path, pages.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use gengfu_connectors::LedgerError;
use gengfu_connectors::ledger::{Listed, Page};
use gengfu_model::{DeviceId, EffectId, Kind};
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::auth::Session;
use crate::error::ApiError;
use crate::state::AppState;
use crate::views::PageView;

/// The most items of one page.
const MAX_LIMIT: usize = 1_000;
/// Items of a page when the client did not say.
const DEFAULT_LIMIT: usize = 100;
/// Pages that are read for one answer when an account's districts leave pages empty.
const MAX_EMPTY_PAGES: usize = 20;

/// The query string as `T`; unknown names are errors where `T` says so.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<AppState> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &AppState) -> Result<Params<T>, ApiError> {
        match axum::extract::Query::<T>::try_from_uri(&parts.uri) {
            Ok(query) => Ok(Params(query.0)),
            Err(rejection) => {
                let message = rejection.body_text();
                let message = message.rsplit_once("query string: ").map_or(message.as_str(), |(_, reason)| reason);
                // serde_path_to_error puts the parameter's name before a colon.
                let (field, reason) = match message.split_once(": ") {
                    Some((field, reason)) if !field.contains(' ') => (Some(field), reason),
                    _ => (None, message),
                };
                let error = ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", reason);
                Err(match field {
                    Some(field) => error.field(field),
                    None => error,
                })
            }
        }
    }
}

/// The JSON body as `T`; an empty body is read as `{}`.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<AppState> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Body<T>, ApiError> {
        let bytes = bytes(request, state).await?;
        let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        let mut deserializer = serde_json::Deserializer::from_slice(text);
        serde_path_to_error::deserialize(&mut deserializer).map(Body).map_err(|error| {
            let path = error.path().to_string();
            let inner = error.into_inner();
            let status = if inner.is_data() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::BAD_REQUEST };
            let code = if inner.is_data() { "invalid" } else { "malformed" };
            let error = ApiError::new(status, code, format!("the JSON body cannot be read: {inner}"));
            if path == "." { error } else { error.field(path) }
        })
    }
}

/// The whole body within the limit.
pub(crate) async fn bytes(request: Request, state: &AppState) -> Result<Bytes, ApiError> {
    Bytes::from_request(request, state).await.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the request body is larger than the limit")
        } else {
            ApiError::new(StatusCode::BAD_REQUEST, "malformed", "the request body could not be read")
        }
    })
}

/// An effect's id in the path; what is none cannot exist.
pub(crate) fn effect_id(what: &str, text: &str) -> Result<EffectId, ApiError> {
    text.parse().map_err(|_| ApiError::not_found(what, text))
}

/// A device id in the path; what is none cannot exist.
pub(crate) fn device_id(text: &str) -> Result<DeviceId, ApiError> {
    DeviceId::new(text).map_err(|_| ApiError::not_found("device", text))
}

/// A kind's name in a query.
pub(crate) fn kind(name: Option<&str>) -> Result<Option<Kind>, ApiError> {
    let Some(name) = name else { return Ok(None) };
    let kinds = || gengfu_model::catalogue::KINDS.iter().map(|def| def.name).collect::<Vec<_>>().join(", ");
    match Kind::from_name(name) {
        Some(kind) => Ok(Some(kind)),
        None => {
            Err(ApiError::invalid("kind", format!("there is no kind `{name}`")).hint(format!("one of {}", kinds())))
        }
    }
}

/// The page that was asked for.
pub(crate) fn page(limit: Option<usize>, cursor: Option<String>) -> Result<Page, ApiError> {
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(ApiError::invalid("limit", format!("limit is {limit}, it must be 1 to {MAX_LIMIT}")));
    }
    Ok(Page { limit, cursor: cursor.filter(|cursor| !cursor.is_empty()) })
}

/// The district to filter by: the one asked for if the account may see it, or the account's only one.
pub(crate) fn district(session: &Session, asked: Option<String>) -> Result<Option<String>, ApiError> {
    match asked.filter(|district| !district.is_empty()) {
        Some(district) if session.sees(&district) => Ok(Some(district)),
        Some(district) => Err(ApiError::forbidden(format!("this account does not see district `{district}`"))),
        None => Ok(match session.districts.as_ref() {
            [only] => Some(only.to_string()),
            _ => None,
        }),
    }
}

/// Reads a page of what the account may see. An account of several districts may get a page that is
/// shorter than its limit although more follow.
pub(crate) async fn listed<T, V>(
    state: &AppState,
    session: &Session,
    mut page: Page,
    read: impl Fn(&gengfu_connectors::LedgerReader, &Page) -> Result<Listed<T>, LedgerError> + Clone + Send + 'static,
    district_of: impl Fn(&T) -> &str,
) -> Result<PageView<V>, ApiError>
where
    T: Send + 'static,
    V: From<T> + ToSchema,
{
    let mut pages = 0;
    loop {
        let (read, this_page) = (read.clone(), page.clone());
        let listed = state.read(move |ledger| Ok(read(ledger, &this_page))).await?.map_err(list_error)?;
        let items: Vec<V> =
            listed.items.into_iter().filter(|item| session.sees(district_of(item))).map(V::from).collect();
        pages += 1;
        if !items.is_empty() || listed.next.is_none() || pages == MAX_EMPTY_PAGES {
            return Ok(PageView { items, cursor: listed.next });
        }
        page.cursor = listed.next;
    }
}

/// A foreign cursor is the client's mistake; anything else is ours.
pub(crate) fn list_error(error: LedgerError) -> ApiError {
    match error {
        LedgerError::Cursor(_) => ApiError::invalid("cursor", error.to_string()),
        other => other.into(),
    }
}
