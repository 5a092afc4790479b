//! What a request wants and whether it may: path, method, credentials, format.

use std::sync::Arc;

use coap_lite::{CoapOption, ResponseType};
use gengfu_model::{Device, DeviceId, PayloadFormat};

use super::message::{BadOption, Request};
use super::reply::Answer;
use crate::Directory;
use crate::door::Claimed;
use crate::push::login::{Denied, login};

/// The content formats that telemetry may have (RFC 7252, 12.3).
const FORMATS: [(u32, PayloadFormat); 3] =
    [(50, PayloadFormat::Json), (60, PayloadFormat::Cbor), (42, PayloadFormat::Bytes)];
/// The query's part that carries the token.
const TOKEN_QUERY: &str = "token=";

/// A request that may be taken.
#[derive(Debug)]
pub(super) struct Admitted {
    /// Who it is from.
    pub(super) entry: Arc<Device>,
    /// What its body is.
    pub(super) format: PayloadFormat,
    /// The code of its answer when it is durable.
    pub(super) success: ResponseType,
}

/// Why a request was refused: the closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    BadOption(BadOption),
    BadRequest(&'static str),
    NotFound,
    NotPost,
    BadCredentials,
    OtherDevice,
    BadFormat,
    Incomplete,
    TooLarge { max_body_bytes: usize },
    TooFast { retry_after_s: u32 },
    Full { retry_after_s: u32 },
    Stopped { retry_after_s: u32 },
}

impl Refused {
    /// The reason as it is counted.
    pub(super) fn code(self) -> &'static str {
        match self {
            Refused::BadOption(_) => "bad_option",
            Refused::BadRequest(_) => "bad_request",
            Refused::NotFound => "not_found",
            Refused::NotPost => "method_not_allowed",
            Refused::BadCredentials => "bad_credentials",
            Refused::OtherDevice => "other_device",
            Refused::BadFormat => "unsupported_content_type",
            Refused::Incomplete => "incomplete",
            Refused::TooLarge { .. } => "too_large",
            Refused::TooFast { .. } => "too_fast",
            Refused::Full { .. } => "full",
            Refused::Stopped { .. } => "stopping",
        }
    }

    /// What the peer is told.
    pub(super) fn answer(self) -> Answer {
        let (code, text) = match self {
            Refused::BadOption(BadOption::Critical(number)) => {
                return Answer::new(ResponseType::BadOption, &format!("option {number}"));
            }
            Refused::BadOption(BadOption::Proxy) => (ResponseType::ProxyingNotSupported, "no proxy"),
            Refused::BadRequest(text) => (ResponseType::BadRequest, text),
            Refused::NotFound => (ResponseType::NotFound, "use /v1/devices/{device_id}/telemetry"),
            Refused::NotPost => (ResponseType::MethodNotAllowed, "use POST"),
            Refused::BadCredentials => (ResponseType::Unauthorized, "unknown device or wrong token"),
            Refused::OtherDevice => (ResponseType::Forbidden, "the token belongs to another device"),
            Refused::BadFormat => (ResponseType::UnsupportedContentFormat, "use 50 (json), 60 (cbor) or 42 (bytes)"),
            Refused::Incomplete => (ResponseType::RequestEntityIncomplete, "not the block that was due"),
            Refused::TooLarge { .. } => (ResponseType::RequestEntityTooLarge, "body too long"),
            Refused::TooFast { .. } => (ResponseType::TooManyRequests, "too many messages"),
            Refused::Full { .. } => (ResponseType::ServiceUnavailable, "the journal is behind"),
            Refused::Stopped { .. } => (ResponseType::ServiceUnavailable, "the gateway is stopping"),
        };
        let mut answer = Answer::new(code, text);
        match self {
            Refused::TooLarge { max_body_bytes } => answer.size1 = u32::try_from(max_body_bytes).ok(),
            Refused::TooFast { retry_after_s }
            | Refused::Full { retry_after_s }
            | Refused::Stopped { retry_after_s } => answer.max_age_s = Some(retry_after_s),
            _ => {}
        }
        answer
    }
}

/// Checks a request, without its payload; a refusal says whose it was, where that is known.
pub(super) fn admit(directory: &Directory, request: &Request) -> Result<Admitted, (Refused, Option<DeviceId>)> {
    let unknown = |refused| (refused, None);
    request.check_options().map_err(|bad| unknown(Refused::BadOption(bad)))?;
    let path = request.path().ok_or(unknown(Refused::BadRequest("the path is no UTF-8")))?;
    let (login, success) = match path[..] {
        ["v1", "devices", device, "telemetry"] => (Login::Device(device), ResponseType::Changed),
        ["api", "v1", token, "telemetry"] => (Login::Token(token), ResponseType::Created),
        _ => return Err(unknown(Refused::NotFound)),
    };
    if !request.is_post {
        return Err(unknown(Refused::NotPost));
    }
    let entry = log_in(directory, request, login)?;
    let known = |refused| (refused, Some(entry.id.clone()));
    let format = format(request).map_err(known)?;
    Ok(Admitted { entry, format, success })
}

/// How a path says who it is.
enum Login<'p> {
    Device(&'p str),
    Token(&'p str),
}

fn log_in(
    directory: &Directory,
    request: &Request,
    how: Login<'_>,
) -> Result<Arc<Device>, (Refused, Option<DeviceId>)> {
    match how {
        Login::Token(token) => directory.login_by_token(token.as_bytes()).map_err(|_| (Refused::BadCredentials, None)),
        Login::Device(device) => {
            let query = request.query().ok_or((Refused::BadRequest("the query is no UTF-8"), None))?;
            let token = token(&query).ok_or((Refused::BadCredentials, None))?;
            login(directory, device, token.as_bytes()).map_err(|denied| match denied {
                Denied::BadCredentials => (Refused::BadCredentials, None),
                Denied::OtherDevice(owner) => (Refused::OtherDevice, Some(owner)),
            })
        }
    }
}

fn token<'q>(query: &[&'q str]) -> Option<&'q str> {
    query.iter().find_map(|part| part.strip_prefix(TOKEN_QUERY))
}

/// What the path says of the device, for people. A path that carries a token says nothing else.
pub(super) fn claimed(directory: &Directory, request: &Request) -> Option<Claimed> {
    let path = request.path()?;
    let ["v1", "devices", device, ..] = path[..] else { return None };
    let query = request.query().unwrap_or_default();
    let credentials: Vec<&[u8]> = token(&query).map(str::as_bytes).into_iter().collect();
    directory.claimed(device, &credentials)
}

fn format(request: &Request) -> Result<PayloadFormat, Refused> {
    match request.number(CoapOption::ContentFormat) {
        Ok(None) => Ok(PayloadFormat::Json),
        Ok(Some(number)) => {
            FORMATS.iter().find(|(known, _)| *known == number).map(|(_, format)| *format).ok_or(Refused::BadFormat)
        }
        Err(()) => Err(Refused::BadFormat),
    }
}
