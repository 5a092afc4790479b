//! Who a CONNECT is from, and whether it may come in.
//!
//! Identity is the device id that belongs to the credential: a client certificate's common name, or a
//! token. An unknown device, a wrong token and a token too short to stand alone are answered alike; that
//! a device is retired is told only to who has its token.

use std::sync::Arc;

use gengfu_model::{Device, DeviceLife};

use super::options::MqttOptions;
use super::refusal::Refused;
use super::topic;
use super::wire::{self, Connect, Reason, Version, Will};
use crate::admission::{Directory, LoginError, MIN_LONE_TOKEN_BYTES};
use crate::door::Claimed;

/// A refused login, with what each version answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LoginRefusal {
    pub(crate) refused: Refused,
    /// CONNACK return code of 3.1.1.
    pub(crate) code_v3: u8,
    /// CONNACK reason code of MQTT 5.
    pub(crate) reason_v5: Reason,
}

/// CONNACK return codes of 3.1.1.
pub(crate) mod code {
    pub(crate) const VERSION: u8 = 1;
    pub(crate) const CLIENT_ID: u8 = 2;
    pub(crate) const UNAVAILABLE: u8 = 3;
    pub(crate) const CREDENTIALS: u8 = 4;
    pub(crate) const NOT_AUTHORIZED: u8 = 5;
}

const fn refusal(refused: Refused, code_v3: u8, reason_v5: Reason) -> LoginRefusal {
    LoginRefusal { refused, code_v3, reason_v5 }
}

/// As many devices are connected as may be.
pub(crate) const TOO_MANY: LoginRefusal =
    refusal(Refused::TooManyConnections, code::UNAVAILABLE, Reason::QuotaExceeded);
const BAD_CREDENTIALS: LoginRefusal = refusal(Refused::BadCredentials, code::CREDENTIALS, Reason::BadCredentials);
const NO_CREDENTIALS: LoginRefusal = refusal(Refused::NoCredentials, code::NOT_AUTHORIZED, Reason::NotAuthorized);
const RETIRED: LoginRefusal = refusal(Refused::Retired, code::NOT_AUTHORIZED, Reason::NotAuthorized);

/// The client's certificate, as TLS has verified it.
pub(crate) enum Certificate {
    None,
    /// One whose subject has no single readable common name.
    Nameless,
    Named(String),
}

/// Finds the device that a CONNECT is from.
pub(crate) fn authenticate(
    connect: &Connect,
    certificate: &Certificate,
    directory: &Directory,
) -> Result<Arc<Device>, LoginRefusal> {
    if connect.has_auth_method {
        return Err(refusal(Refused::AuthMethod, code::NOT_AUTHORIZED, Reason::BadAuthMethod));
    }
    match certificate {
        Certificate::Named(name) => by_certificate(connect, name, directory),
        Certificate::Nameless => Err(BAD_CREDENTIALS),
        Certificate::None => by_token(connect, directory),
    }
}

fn by_certificate(connect: &Connect, name: &str, directory: &Directory) -> Result<Arc<Device>, LoginRefusal> {
    if !connect.user.is_empty() && connect.user != name {
        return Err(BAD_CREDENTIALS);
    }
    let entry = directory.get(name).ok_or(BAD_CREDENTIALS)?;
    if entry.life == DeviceLife::Retired { Err(RETIRED) } else { Ok(entry) }
}

fn by_token(connect: &Connect, directory: &Directory) -> Result<Arc<Device>, LoginRefusal> {
    if connect.user.is_empty() {
        return Err(NO_CREDENTIALS);
    }
    let login = match &connect.password {
        Some(token) => {
            let login = directory.login(&connect.user, token.as_bytes());
            if login.is_ok() && token.len() < MIN_LONE_TOKEN_BYTES {
                tracing::warn!(device = %connect.user, "mqtt login with a short token: give the device a longer one");
            }
            login
        }
        None => directory.login_by_token(connect.user.as_bytes()),
    };
    login.map_err(|error| match error {
        LoginError::BadCredentials | LoginError::ShortToken => BAD_CREDENTIALS,
        LoginError::Retired => RETIRED,
    })
}

/// What a client that was not let in calls itself, for people: its certificate's name, or its user name, or its
/// client id where there is none or it is a token that stands alone.
pub(crate) fn claimed(connect: &Connect, certificate: &Certificate, directory: &Directory) -> Option<Claimed> {
    if let Certificate::Named(name) = certificate {
        return directory.claimed(name, &[]);
    }
    let Some(password) = &connect.password else {
        return directory.claimed(&connect.client_id, &[connect.user.as_bytes()]);
    };
    let secrets = [password.as_bytes()];
    directory.claimed(&connect.user, &secrets).or_else(|| directory.claimed(&connect.client_id, &secrets))
}

/// Checks what else a CONNECT asks for.
pub(crate) fn check_wishes(connect: &Connect, device: &str, options: &MqttOptions) -> Result<(), LoginRefusal> {
    let nameless = connect.client_id.is_empty() && connect.version == Version::V3 && !connect.clean;
    if nameless || connect.client_id.len() > options.max_client_id_bytes {
        return Err(refusal(Refused::BadClientId, code::CLIENT_ID, Reason::BadClientId));
    }
    // No packet may be larger than the client takes, and CONNACK says what has to be said.
    let assigned = connect.client_id.is_empty().then_some(device);
    if connect.max_packet_bytes.is_some_and(|most| (most as usize) < wire::connack_bytes_at_most(assigned)) {
        return Err(refusal(Refused::TakesTooLittle, code::UNAVAILABLE, Reason::NotAccepted));
    }
    connect.will.as_ref().map_or(Ok(()), |will| check_will(will, connect.version, device))
}

fn check_will(will: &Will, version: Version, device: &str) -> Result<(), LoginRefusal> {
    let bad_will = |reason| Err(refusal(Refused::BadWill, code::NOT_AUTHORIZED, reason));
    if will.retain && version == Version::V5 {
        return bad_will(Reason::RetainNotSupported);
    }
    match topic::publish_format(&will.topic, device) {
        Ok(gengfu_model::PayloadFormat::Event) => Ok(()),
        _ => bad_will(Reason::NotAuthorized),
    }
}
