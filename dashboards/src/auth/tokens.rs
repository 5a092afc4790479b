//! Session tokens: stateless and signed, so that nothing is kept on the server for them.
//!
//! A token is `base64url(payload).base64url(HMAC-SHA-256(payload))`; the payload is
//! `1 LF epoch LF expiry in ms LF nonce LF user`; the nonce makes two log-ins of one moment
//! two sessions, so that ending one leaves the other. Who holds the key can make tokens; nobody else can.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gengfu_model::Timestamp;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The longest token that is looked at, in bytes.
pub const MAX_TOKEN_BYTES: usize = 1_024;
/// The fewest bytes that a key may have.
pub const MIN_KEY_BYTES: usize = 32;

/// The server's secret for session tokens. Never printed.
#[derive(Clone)]
pub struct TokenKey(Arc<[u8]>);

/// What a valid token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The account.
    pub user: Arc<str>,
    /// The account's epoch when it logged in.
    pub epoch: u64,
    /// When the session ends.
    pub expires: Timestamp,
    /// Random, so that no two sessions have one token.
    pub nonce: u64,
}

/// A key that is too short to be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session key has {0} bytes, it must have at least {MIN_KEY_BYTES}")]
pub struct KeyTooShort(pub usize);

impl TokenKey {
    /// A key from secret bytes.
    ///
    /// # Errors
    /// [`KeyTooShort`] under [`MIN_KEY_BYTES`] bytes.
    pub fn new(secret: &[u8]) -> Result<TokenKey, KeyTooShort> {
        if secret.len() < MIN_KEY_BYTES {
            return Err(KeyTooShort(secret.len()));
        }
        Ok(TokenKey(Arc::from(secret)))
    }

    /// A token that says `claims`.
    #[must_use]
    pub fn issue(&self, claims: &Claims) -> String {
        let payload = format!("1\n{}\n{}\n{}\n{}", claims.epoch, claims.expires.as_millis(), claims.nonce, claims.user);
        let signature = self.mac(payload.as_bytes()).finalize().into_bytes();
        format!("{}.{}", URL_SAFE_NO_PAD.encode(payload), URL_SAFE_NO_PAD.encode(signature))
    }

    /// What the token says; `None` if it was not signed with this key or is over at `now`.
    #[must_use]
    pub fn verify(&self, token: &str, now: Timestamp) -> Option<Claims> {
        if token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let (payload, signature) = token.split_once('.')?;
        let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        self.mac(&payload).verify_slice(&signature).ok()?;
        let payload = String::from_utf8(payload).ok()?;
        let mut lines = payload.splitn(5, '\n');
        if lines.next()? != "1" {
            return None;
        }
        let epoch = lines.next()?.parse().ok()?;
        let expires = Timestamp(lines.next()?.parse().ok()?);
        let nonce = lines.next()?.parse().ok()?;
        let user = Arc::from(lines.next()?);
        (now < expires).then_some(Claims { user, epoch, expires, nonce })
    }

    fn mac(&self, payload: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        // The label keeps this use of the secret apart from any other use of the same bytes.
        mac.update(b"gengfu session v1\0");
        mac.update(payload);
        mac
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> TokenKey {
        TokenKey::new(&[byte; 32]).unwrap()
    }

    fn claims() -> Claims {
        Claims { user: Arc::from("值班 1\nx"), epoch: 7, expires: Timestamp(1_000), nonce: 5 }
    }

    #[test]
    fn a_token_says_what_was_put_in_until_it_is_over() {
        let token = key(1).issue(&claims());
        assert_eq!(key(1).verify(&token, Timestamp(999)), Some(claims()));
        assert_eq!(key(1).verify(&token, Timestamp(1_000)), None);
    }

    #[test]
    fn another_key_or_a_changed_byte_is_no_token() {
        let token = key(1).issue(&claims());
        assert_eq!(key(2).verify(&token, Timestamp(0)), None);
        for at in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            if changed != token {
                assert_eq!(key(1).verify(&changed, Timestamp(0)), None, "byte {at}");
            }
        }
        for bad in ["", ".", "a.b", "YQ.YQ", &"a".repeat(5_000)] {
            assert_eq!(key(1).verify(bad, Timestamp(0)), None);
        }
    }

    #[test]
    fn a_short_secret_is_refused_and_a_key_is_never_printed() {
        assert_eq!(TokenKey::new(b"short").unwrap_err(), KeyTooShort(5));
        assert_eq!(format!("{:?}", key(1)), "TokenKey(..)");
    }
}
