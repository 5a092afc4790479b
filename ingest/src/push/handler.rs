//! One request: who is it, what is it, into the journal, answer.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{ConnectInfo, FromRequest, Path, Request, State as Extract};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use gengfu_model::{Device, DeviceId, Envelope, MessageKey, PayloadFormat, Transport};

use super::answer::{Accepted, Refused};
use super::login::{Denied, login};
use super::{State, count};
use crate::door::{Claimed, TurnedAway};
use crate::intake::SubmitOneError;

/// The header that names a message, so that a repeat is recognised.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The longest idempotency key, in bytes.
const MAX_KEY_BYTES: usize = 64;

/// `POST /v1/devices/{device_id}/telemetry`.
pub(super) async fn telemetry(
    Extract(state): Extract<State>,
    Path(device_id): Path<String>,
    request: Request,
) -> Response {
    let from = source(&request);
    let token = bearer(request.headers());
    let login = token.ok_or(Denied::BadCredentials).and_then(|token| login(&state.directory, &device_id, token));
    let entry = match login {
        Ok(entry) => entry,
        Err(Denied::OtherDevice(owner)) => {
            return refuse(&state, Who { from, ..Who::known(&owner) }, Refused::OtherDevice);
        }
        Err(Denied::BadCredentials) => {
            let claimed = claimed(&state, &device_id, token);
            return refuse(&state, Who { device: None, claimed, from }, Refused::BadCredentials);
        }
    };
    match take(&state, &entry, request).await {
        Ok(accepted) => Json(accepted).into_response(),
        Err(refused) => refuse(&state, Who { from, ..Who::known(&entry.id) }, refused),
    }
}

/// Any other method on the same path.
pub(super) async fn not_post(
    Extract(state): Extract<State>,
    Path(device_id): Path<String>,
    request: Request,
) -> Response {
    let claimed = claimed(&state, &device_id, bearer(request.headers()));
    refuse(&state, Who { device: None, claimed, from: source(&request) }, Refused::NotPost)
}

/// Whose request was refused.
struct Who<'a> {
    device: Option<&'a DeviceId>,
    claimed: Option<Claimed>,
    from: Option<IpAddr>,
}

impl Who<'_> {
    fn known(device: &DeviceId) -> Who<'_> {
        Who { device: Some(device), claimed: None, from: None }
    }
}

fn refuse(state: &State, who: Who<'_>, refused: Refused) -> Response {
    let Who { device, claimed, from } = who;
    let away = TurnedAway::new(Transport::Http, refused.code(), state.clock.now());
    state.intake.refuse(&TurnedAway { device, claimed, from, ..away });
    count(&state.metrics.refused);
    refused.into_response()
}

/// What the path says of the device, for people.
fn claimed(state: &State, device_id: &str, token: Option<&[u8]>) -> Option<Claimed> {
    state.directory.claimed(device_id, token.as_slice())
}

/// The address that a request came from; `None` when the server does not say.
fn source(request: &Request) -> Option<IpAddr> {
    request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical())
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(7)?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"bearer ") && !token.is_empty()).then_some(token)
}

async fn take(state: &State, entry: &Device, request: Request) -> Result<Accepted, Refused> {
    let full = Refused::Full { retry_after_s: state.options.retry_after_s };
    let format = format(request.headers())?;
    let key = message_key(request.headers())?;
    // Held until the answer, since the body is in memory until then.
    let _room = state.room.try_acquire().map_err(|_| full)?;
    let payload = body(state, request).await?;
    let envelope = Envelope {
        device: entry.id.clone(),
        kind: entry.kind,
        model: Arc::clone(&entry.model),
        transport: Transport::Http,
        format,
        key,
        received_at: state.clock.now(),
        payload: Arc::from(&*payload),
    };
    let seq = state.intake.submit_one(envelope.clone()).await.map_err(|error| match error {
        SubmitOneError::Full => full,
        SubmitOneError::Stopped => Refused::Stopped { retry_after_s: state.options.retry_after_s },
    })?;
    count(&state.metrics.durable);
    let undecodable = gengfu_codecs::decode(&envelope).err();
    if undecodable.is_some() {
        count(&state.metrics.quarantined);
    }
    let (quarantined, message) = undecodable.unzip();
    Ok(Accepted { seq, quarantined, message })
}

/// What the body is; without a content type it is JSON, as with the other transports.
fn format(headers: &HeaderMap) -> Result<PayloadFormat, Refused> {
    let Some(content_type) = headers.get(CONTENT_TYPE) else { return Ok(PayloadFormat::Json) };
    let text = content_type.to_str().map_err(|_| Refused::BadContentType)?;
    let essence = text.split(';').next().unwrap_or_default().trim();
    match essence.to_ascii_lowercase().as_str() {
        "application/json" => Ok(PayloadFormat::Json),
        "application/cbor" => Ok(PayloadFormat::Cbor),
        "application/octet-stream" => Ok(PayloadFormat::Bytes),
        _ => Err(Refused::BadContentType),
    }
}

fn message_key(headers: &HeaderMap) -> Result<MessageKey, Refused> {
    let Some(key) = headers.get(IDEMPOTENCY_KEY) else { return Ok(MessageKey::None) };
    let key = key.to_str().map_err(|_| Refused::BadIdempotencyKey)?.trim();
    if key.is_empty() || key.len() > MAX_KEY_BYTES {
        return Err(Refused::BadIdempotencyKey);
    }
    Ok(MessageKey::Explicit(Arc::from(key)))
}

async fn body(state: &State, request: Request) -> Result<Bytes, Refused> {
    let too_large = Refused::TooLarge { max_body_bytes: state.options.max_body_bytes };
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > state.options.max_body_bytes as u64) {
        return Err(too_large);
    }
    let read = tokio::time::timeout(state.options.body_timeout, Bytes::from_request(request, state));
    read.await.map_err(|_| Refused::SlowBody)?.map_err(|error| match error {
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => too_large,
        _ => Refused::BrokenBody,
    })
}
