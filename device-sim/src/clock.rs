//! The wall clock, read in this one place.
//!
//! Everything else in the simulator takes its time as a number, so that the physics can be tested at
//! any hour.

use std::time::{Duration, UNIX_EPOCH};

/// Milliseconds of the Unix epoch, by the machine's wall clock; 0 before 1970.
#[must_use]
pub fn wall_ms() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "the simulator's one reading of the wall clock")]
    let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
