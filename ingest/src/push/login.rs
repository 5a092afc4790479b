//! Who a request is from, when its path names a device and a token comes with it (HTTP and CoAP).

use std::sync::Arc;

use gengfu_model::Device;

use crate::{Directory, LoginError};

/// The id that stands for "the device this token belongs to".
const ME: &str = "me";

/// Why a request may not write under its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// Nobody is known by this token, or the device is retired.
    BadCredentials,
    /// The token is another device's.
    OtherDevice,
}

/// Logs in by the path's device id and the token. That a token is another device's is told only to
/// somebody who holds it, so nobody can probe for ids.
pub(crate) fn login(directory: &Directory, device: &str, token: &[u8]) -> Result<Arc<Device>, Denied> {
    if device == ME {
        return directory.login_by_token(token).map_err(|_| Denied::BadCredentials);
    }
    match directory.login(device, token) {
        Ok(entry) => Ok(entry),
        Err(LoginError::BadCredentials) if directory.login_by_token(token).is_ok() => Err(Denied::OtherDevice),
        Err(_) => Err(Denied::BadCredentials),
    }
}
