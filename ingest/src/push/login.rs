//! Who a request is from, when its path names a device and a token comes with it (HTTP and CoAP).

use std::sync::Arc;

use gengfu_model::{Device, DeviceId};

use crate::{Directory, LoginError};

/// The id that stands for "the device this token belongs to".
pub(crate) const ME: &str = "me";

/// Why a request may not write under its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// Nobody is known by this token, or the device is retired.
    BadCredentials,
    /// The token is this other device's.
    OtherDevice(DeviceId),
}

/// Logs in by the path's device id and the token. That a token is another device's is told only to
/// somebody who holds it, so nobody can probe for ids.
pub(crate) fn login(directory: &Directory, device: &str, token: &[u8]) -> Result<Arc<Device>, Denied> {
    if device == ME {
        return directory.login_by_token(token).map_err(|_| Denied::BadCredentials);
    }
    directory.login(device, token).map_err(|error| match (error, directory.login_by_token(token)) {
        (LoginError::BadCredentials, Ok(owner)) => Denied::OtherDevice(owner.id.clone()),
        _ => Denied::BadCredentials,
    })
}
