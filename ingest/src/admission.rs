//! Who may log in: the directory of devices and the hashes of their tokens.
//!
//! The directory is a view of the register, kept by whoever applies the journal; listeners only read
//! it. A token is never kept: what is compared is its HMAC-SHA-256 under the server's secret, which
//! makes token-only login a plain look-up.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use gengfu_model::{Device, DeviceId, DeviceLife, Kind};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Tokens shorter than this are accepted only together with the device id.
pub const MIN_LONE_TOKEN_BYTES: usize = 16;

/// What a listener needs to know of a device that has logged in.
#[derive(Clone, Debug)]
pub struct LoginEntry {
    /// The device's id.
    pub device: DeviceId,
    /// Its kind.
    pub kind: Kind,
    /// Its model; empty for the generic codec of the kind.
    pub model: Arc<str>,
    /// Where it stands in its life; a retired one is not let in.
    pub life: DeviceLife,
    token_hash: Option<[u8; 32]>,
}

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

#[derive(Default)]
struct Tables {
    devices: HashMap<DeviceId, Arc<LoginEntry>>,
    by_token: HashMap<[u8; 32], DeviceId>,
}

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
    pub fn put(&self, device: &Device) {
        let entry = Arc::new(LoginEntry {
            device: device.id.clone(),
            kind: device.kind,
            model: Arc::clone(&device.model),
            life: device.life,
            token_hash: device.token_hash,
        });
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        let old = tables.devices.insert(device.id.clone(), entry);
        if let Some(hash) = old.and_then(|old| old.token_hash) {
            // Another device may have the same token by now; only this device's entry goes.
            if tables.by_token.get(&hash) == Some(&device.id) {
                tables.by_token.remove(&hash);
            }
        }
        if let Some(hash) = device.token_hash {
            tables.by_token.entry(hash).or_insert_with(|| device.id.clone());
        }
    }

    /// The device's entry, without any check of credentials (for certificates, checked by TLS).
    #[must_use]
    pub fn get(&self, device: &str) -> Option<Arc<LoginEntry>> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner).devices.get(device).cloned()
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
    pub fn login(&self, device: &str, token: &[u8]) -> Result<Arc<LoginEntry>, LoginError> {
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
    pub fn login_by_token(&self, token: &[u8]) -> Result<Arc<LoginEntry>, LoginError> {
        if token.len() < MIN_LONE_TOKEN_BYTES {
            return Err(LoginError::ShortToken);
        }
        let hash = self.hash_token(token);
        let entry = {
            let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
            tables.by_token.get(&hash).and_then(|device| tables.devices.get(device)).cloned()
        };
        admit(entry.ok_or(LoginError::BadCredentials)?)
    }
}

fn admit(entry: Arc<LoginEntry>) -> Result<Arc<LoginEntry>, LoginError> {
    if entry.life == DeviceLife::Retired { Err(LoginError::Retired) } else { Ok(entry) }
}
