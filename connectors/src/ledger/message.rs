//! How long the ledger lists what became of single messages: dispositions, and each device's counts of a day.

use chrono::{Days, NaiveDate};
use gengfu_model::time::DAY_MS;

/// What became of messages is forgotten when it is older than this, counted back from the newest, unless told
/// otherwise: the archive's 35 days, since further back there is no message to look at.
pub const MESSAGES_KEPT_MS: i64 = 35 * DAY_MS;

/// The first day that is kept, when the newest one is `newest`; both as `YYYY-MM-DD`.
pub(crate) fn first_day(newest: &str, kept_ms: i64) -> Option<String> {
    let newest: NaiveDate = newest.parse().ok()?;
    let days = u64::try_from(kept_ms / DAY_MS).ok()?;
    Some(newest.checked_sub_days(Days::new(days))?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_back_over_months() {
        assert_eq!(first_day("2026-03-02", 2 * DAY_MS).as_deref(), Some("2026-02-28"));
        assert_eq!(first_day("2026-03-02", DAY_MS - 1).as_deref(), Some("2026-03-02"));
        assert_eq!(first_day("no day", DAY_MS), None);
    }
}
