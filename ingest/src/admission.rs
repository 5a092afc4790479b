//! Who may log in: the directory of devices and the hashes of their tokens.
//!
//! The directory is a view of the register, kept by whoever applies the journal; listeners only read
//! it. A token is never kept: what is compared is its HMAC-SHA-256 under the server's secret, which
//! makes token-only login a plain look-up.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, PoisonError, RwLock};

use gengfu_model::{Device, DeviceId, DeviceLife};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::door::Claimed;

/// Tokens shorter than this are accepted only together with the device id.
pub const MIN_LONE_TOKEN_BYTES: usize = 16;

/// Why a login was refused. Listeners answer all of them alike, so that nobody can probe for ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// No such device, no such token, or the token is not this device's.
    #[error("unknown device or wrong token")]
    BadCredentials,
    /// The device is retired.
    #[error("the device is retired")]
    Retired,
    /// A short token came without the device id.
    #[error("a token under {MIN_LONE_TOKEN_BYTES} characters needs the device id as well")]
    ShortToken,
}

/// The login map. Read by every listener, written by the one that applies register changes.
pub struct Directory {
    key: Hmac<Sha256>,
    tables: RwLock<Tables>,
}

/// The register's own entries, so that a device costs two pointers more here.
#[derive(Default)]
struct Tables {
    devices: HashSet<ById>,
    by_token: HashSet<ByToken>,
}

/// An entry that is found by its device id.
struct ById(Arc<Device>);

impl Borrow<str> for ById {
    fn borrow(&self) -> &str {
        self.0.id.as_str()
    }
}

/// An entry that is found by the hash of its token.
struct ByToken(Arc<Device>);

impl Borrow<[u8]> for ByToken {
    fn borrow(&self) -> &[u8] {
        self.0.token_hash.as_ref().map_or(&[], |hash| hash)
    }
}

/// Equal is, and hashes alike, what is found by the same key.
macro_rules! keyed_by {
    ($entry:ty, $key:ty) => {
        impl PartialEq for $entry {
            fn eq(&self, other: &Self) -> bool {
                Borrow::<$key>::borrow(self) == Borrow::<$key>::borrow(other)
            }
        }

        impl Eq for $entry {}

        impl Hash for $entry {
            fn hash<H: Hasher>(&self, state: &mut H) {
                Borrow::<$key>::borrow(self).hash(state);
            }
        }
    };
}

keyed_by!(ById, str);
keyed_by!(ByToken, [u8]);

impl Directory {
    /// An empty directory; `secret` is the server's secret.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "HMAC takes keys of any length")]
    pub fn new(secret: &[u8]) -> Directory {
        let key = Hmac::new_from_slice(secret).expect("HMAC takes keys of any length");
        Directory { key, tables: RwLock::default() }
    }

    /// The hash of a token, as the register keeps it.
    #[must_use]
    pub fn hash_token(&self, token: &[u8]) -> [u8; 32] {
        let mut mac = self.key.clone();
        mac.update(token);
        mac.finalize().into_bytes().into()
    }

    /// Adds or replaces a device.
    pub fn put(&self, device: &Arc<Device>) {
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        let old = tables.devices.replace(ById(Arc::clone(device)));
        if let Some(hash) = old.and_then(|ById(old)| old.token_hash) {
            // Another device may have the same token by now; only this device's entry goes.
            if tables.by_token.get(&hash[..]).is_some_and(|ByToken(held)| held.id == device.id) {
                tables.by_token.remove(&hash[..]);
            }
        }
        if device.token_hash.is_some() {
            // Keeps the one that is there.
            tables.by_token.insert(ByToken(Arc::clone(device)));
        }
    }

    /// The device's entry, without any check of credentials (for certificates, checked by TLS).
    #[must_use]
    pub fn get(&self, device: &str) -> Option<Arc<Device>> {
        let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        tables.devices.get(device).map(|ById(device)| Arc::clone(device))
    }

    /// A name that a peer gave itself, as people may see it: `None` if it cannot be a device's id, or is a credential:
    /// one of those that came with it, or any device's. A token in the wrong place must not become readable.
    #[must_use]
    pub fn claimed(&self, name: &str, credentials: &[&[u8]]) -> Option<Claimed> {
        let id = DeviceId::new(name).ok()?;
        let hash = self.hash_token(name.as_bytes());
        let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        // An id of the register is no secret, whatever else is sent beside it.
        let registered = tables.devices.contains(name);
        let is_secret = credentials.contains(&name.as_bytes()) || tables.by_token.contains(&hash[..]);
        (registered || !is_secret).then_some(Claimed { name: id, registered })
    }

    /// How many devices there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tables.read().unwrap_or_else(PoisonError::into_inner).devices.len()
    }

    /// Whether there is no device at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Logs a device in by id and token.
    ///
    /// # Errors
    /// [`LoginError`] says why not; do not tell the peer which.
    pub fn login(&self, device: &str, token: &[u8]) -> Result<Arc<Device>, LoginError> {
        let entry = self.get(device).ok_or(LoginError::BadCredentials)?;
        let expected = entry.token_hash.ok_or(LoginError::BadCredentials)?;
        // The comparison is of keyed hashes, so its timing tells nothing about the token.
        if self.hash_token(token) != expected {
            return Err(LoginError::BadCredentials);
        }
        admit(entry)
    }

    /// Logs a device in by its token alone (ThingsBoard's way).
    ///
    /// # Errors
    /// [`LoginError`] says why not; do not tell the peer which.
    pub fn login_by_token(&self, token: &[u8]) -> Result<Arc<Device>, LoginError> {
        if token.len() < MIN_LONE_TOKEN_BYTES {
            return Err(LoginError::ShortToken);
        }
        let hash = self.hash_token(token);
        let entry = {
            let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
            tables.by_token.get(&hash[..]).map(|ByToken(device)| Arc::clone(device))
        };
        admit(entry.ok_or(LoginError::BadCredentials)?)
    }
}

fn admit(entry: Arc<Device>) -> Result<Arc<Device>, LoginError> {
    if entry.life == DeviceLife::Retired { Err(LoginError::Retired) } else { Ok(entry) }
}
