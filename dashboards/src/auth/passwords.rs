//! Passwords: argon2id hashes in PHC format, verified off the async threads and never many at once.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::error::ApiError;

/// The fewest characters of a new password.
pub const MIN_CHARACTERS: usize = 10;
/// The longest password that is looked at, in bytes.
pub const MAX_BYTES: usize = 256;
/// Verifications at the same time: each takes 19 MiB and a core for some 30 ms.
pub const CONCURRENT: usize = 2;
/// How long a log-in waits for its turn.
const WAIT: Duration = Duration::from_secs(5);

/// Why a password could not be hashed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too easy to guess.
    #[error("a password has at least {MIN_CHARACTERS} characters")]
    TooShort,
    /// Nobody types that.
    #[error("a password has at most {MAX_BYTES} bytes")]
    TooLong,
    /// The system gave no randomness, or argon2 failed.
    #[error("password could not be hashed: {0}")]
    Hash(String),
}

/// OWASP's recommendation for argon2id: 19 MiB, two passes, one lane.
fn hasher() -> Argon2<'static> {
    let params = Params::new(19 * 1_024, 2, 1, None).expect("constant parameters are within argon2's limits");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Hashes a new password. Takes some 30 ms of a core: not for an async thread.
///
/// # Errors
/// [`PasswordError`] says what is wrong with the password.
pub fn hash(password: &str) -> Result<String, PasswordError> {
    if password.chars().count() < MIN_CHARACTERS {
        return Err(PasswordError::TooShort);
    }
    if password.len() > MAX_BYTES {
        return Err(PasswordError::TooLong);
    }
    let mut salt = [0_u8; 16];
    getrandom::fill(&mut salt).map_err(|error| PasswordError::Hash(error.to_string()))?;
    let salt = SaltString::encode_b64(&salt).map_err(|error| PasswordError::Hash(error.to_string()))?;
    hasher()
        .hash_password(password.as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|error| PasswordError::Hash(error.to_string()))
}

/// The hash of a random password that nobody knows: verified for unknown accounts, so that the answer
/// takes as long. Made with the same parameters as [`hasher`]'s.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$YayxqcKbap5dT6pxR74Rew$RgqULPH7Gy3shKo9JRrOiVyRHwqrxXYxqvjVRJinn3k";

/// Verifies passwords with bounded concurrency.
#[derive(Clone, Debug)]
pub struct Passwords {
    turns: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Passwords {
        Passwords { turns: Arc::new(Semaphore::new(CONCURRENT)) }
    }
}

impl Passwords {
    /// Whether `password` is the one behind `hash`. With no hash (an unknown or disabled account) it
    /// takes as long and says no.
    ///
    /// # Errors
    /// 503 when too many log in at once.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, ApiError> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| DECOY.to_owned());
        let matches = self.with_turn(move || matches_hash(&password, &hash)).await?;
        Ok(matches && known)
    }

    /// Hashes a new password in its turn.
    ///
    /// # Errors
    /// 422 for a password that is too short or long, 503 when too many log in at once.
    pub async fn hash(&self, password: String) -> Result<String, ApiError> {
        self.with_turn(move || hash(&password)).await?.map_err(|error| match error {
            PasswordError::TooShort | PasswordError::TooLong => ApiError::invalid("password", error.to_string()),
            PasswordError::Hash(_) => ApiError::internal(&error),
        })
    }

    async fn with_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
        let turn = match tokio::time::timeout(WAIT, self.turns.clone().acquire_owned()).await {
            Ok(Ok(turn)) => turn,
            Ok(Err(closed)) => return Err(ApiError::internal(&closed)),
            Err(_) => return Err(ApiError::busy("too many people log in at once", 5)),
        };
        tokio::task::spawn_blocking(move || {
            let result = work();
            drop(turn);
            result
        })
        .await
        .map_err(|error| ApiError::internal(&error))
    }
}

fn matches_hash(password: &str, hash: &str) -> bool {
    if password.len() > MAX_BYTES {
        return false;
    }
    PasswordHash::new(hash).is_ok_and(|hash| hasher().verify_password(password.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_decoy_takes_as_long_as_a_real_hash() {
        let decoy = PasswordHash::new(DECOY).unwrap();
        let real = hash("correct horse battery").unwrap();
        let real = PasswordHash::new(&real).unwrap();
        assert_eq!((decoy.algorithm, decoy.version, &decoy.params), (real.algorithm, real.version, &real.params));
        assert_eq!(decoy.hash.unwrap().len(), real.hash.unwrap().len());
    }

    #[test]
    fn a_hash_takes_its_own_password_only() {
        let hashed = hash("correct horse battery").unwrap();
        assert!(hashed.starts_with("$argon2id$"));
        assert!(matches_hash("correct horse battery", &hashed));
        assert!(!matches_hash("correct horse batterx", &hashed));
        assert!(!matches_hash("correct horse battery", "not a hash"));
        assert_eq!(hash("short").unwrap_err(), PasswordError::TooShort);
        assert_eq!(hash(&"x".repeat(300)).unwrap_err(), PasswordError::TooLong);
    }
}
