//! The limit on log-in attempts, per source address and account name.
//!
//! From one source an account has few wrong attempts; over all sources it has many, so that nobody can
//! lock a colleague out from elsewhere, and guessing from many machines stays slow all the same.
//!
//! A fixed window per key; an attempt is counted before the password is looked at, so that many at
//! once cannot slip through. The table is bounded: when it is full of live windows, new sources are
//! refused until one ends, since only an attack fills it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use gengfu_model::Timestamp;
use gengfu_model::time::MINUTE_MS;

/// How long a window is.
pub const WINDOW_MS: i64 = 5 * MINUTE_MS;
/// Failed attempts of one source in a window. An office shares one address.
pub const PER_SOURCE: u32 = 30;
/// Failed attempts of one source on one account name in a window.
pub const PER_SOURCE_AND_USER: u32 = 10;
/// Failed attempts on one account name in a window, from wherever they come.
pub const PER_USER: u32 = 100;
/// Windows that are remembered.
pub const MAX_WINDOWS: usize = 20_000;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// An IPv4 address, or the first 64 bits of an IPv6 address (one subscriber has all of it).
    Source([u8; 8]),
    SourceAndUser([u8; 8], String),
    User(String),
}

#[derive(Clone, Copy, Debug)]
struct Window {
    ends: Timestamp,
    attempts: u32,
}

/// Counts log-in attempts.
#[derive(Debug, Default)]
pub struct Attempts {
    // A plain mutex: held for a few map operations, never across an await.
    windows: Mutex<HashMap<Key, Window>>,
}

impl Attempts {
    /// Counts an attempt at `now`; the error says after how many seconds the next is looked at.
    ///
    /// # Errors
    /// The seconds to wait, when the source or the account has no attempt left.
    pub fn begin(&self, source: Option<IpAddr>, user: &str, now: Timestamp) -> Result<(), u64> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= MAX_WINDOWS {
            windows.retain(|_, window| window.ends > now);
        }
        let full = windows.len() >= MAX_WINDOWS;
        let keys = keys(source, user);
        for (key, limit) in &keys {
            match windows.get(key) {
                Some(window) if window.ends > now && window.attempts >= *limit => {
                    return Err(seconds(window.ends.since_ms(now)));
                }
                None if full => return Err(seconds(WINDOW_MS)),
                Some(_) | None => {}
            }
        }
        for (key, _) in keys {
            let window = windows.entry(key).or_insert(Window { ends: now.plus_ms(WINDOW_MS), attempts: 0 });
            if window.ends <= now {
                *window = Window { ends: now.plus_ms(WINDOW_MS), attempts: 0 };
            }
            window.attempts += 1;
        }
        Ok(())
    }

    /// Gives the attempt back after a right password: only wrong ones count.
    pub fn succeeded(&self, source: Option<IpAddr>, user: &str) {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, _) in keys(source, user) {
            if let Some(window) = windows.get_mut(&key) {
                window.attempts = window.attempts.saturating_sub(1);
            }
        }
    }
}

fn keys(source: Option<IpAddr>, user: &str) -> Vec<(Key, u32)> {
    let mut keys = vec![(Key::User(user.to_owned()), PER_USER)];
    if let Some(source) = source {
        let mut prefix = [0; 8];
        match source.to_canonical() {
            IpAddr::V4(v4) => prefix[..4].copy_from_slice(&v4.octets()),
            IpAddr::V6(v6) => prefix.copy_from_slice(&v6.octets()[..8]),
        }
        keys.push((Key::SourceAndUser(prefix, user.to_owned()), PER_SOURCE_AND_USER));
        keys.push((Key::Source(prefix), PER_SOURCE));
    }
    keys
}

fn seconds(ms: i64) -> u64 {
    u64::try_from(ms.max(0)).unwrap_or(0).div_ceil(1_000).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([10, 0, 0, last]))
    }

    #[test]
    fn one_source_has_few_wrong_attempts_on_an_account_and_locks_nobody_else_out() {
        let attempts = Attempts::default();
        for _ in 0..PER_SOURCE_AND_USER {
            assert_eq!(attempts.begin(ip(1), "wang", Timestamp(0)), Ok(()));
        }
        assert_eq!(attempts.begin(ip(1), "wang", Timestamp(1_000)), Err(299));
        assert_eq!(attempts.begin(ip(1), "li", Timestamp(1_000)), Ok(()));
        assert_eq!(attempts.begin(ip(2), "wang", Timestamp(1_000)), Ok(()));
        assert_eq!(attempts.begin(ip(1), "wang", Timestamp(WINDOW_MS)), Ok(()));
    }

    #[test]
    fn an_account_has_so_many_wrong_attempts_over_all_sources() {
        let attempts = Attempts::default();
        for n in 0..PER_USER {
            assert_eq!(attempts.begin(ip(u8::try_from(n).unwrap()), "wang", Timestamp(0)), Ok(()));
        }
        assert!(attempts.begin(ip(200), "wang", Timestamp(0)).is_err());
    }

    #[test]
    fn a_source_has_so_many_wrong_attempts_on_whatever_accounts() {
        let attempts = Attempts::default();
        for n in 0..PER_SOURCE {
            assert_eq!(attempts.begin(ip(1), &format!("user{n}"), Timestamp(0)), Ok(()));
        }
        assert!(attempts.begin(ip(1), "fresh", Timestamp(0)).is_err());
        assert_eq!(attempts.begin(ip(2), "fresh", Timestamp(0)), Ok(()));
    }

    #[test]
    fn a_right_password_does_not_count() {
        let attempts = Attempts::default();
        for _ in 0..100 {
            assert_eq!(attempts.begin(ip(1), "wang", Timestamp(0)), Ok(()));
            attempts.succeeded(ip(1), "wang");
        }
    }

    #[test]
    fn the_table_is_bounded() {
        let attempts = Attempts::default();
        for n in 0..MAX_WINDOWS {
            assert_eq!(attempts.begin(None, &n.to_string(), Timestamp(0)), Ok(()));
        }
        assert!(attempts.begin(None, "one more", Timestamp(1)).is_err());
        assert_eq!(attempts.begin(None, "one more", Timestamp(WINDOW_MS)), Ok(()));
    }
}
