//! What is journaled when the gateway starts: that nobody kept time for a while, and that it started.

use gengfu_model::record::OutcomeConfig;
use gengfu_model::time::DAY_MS;
use gengfu_model::{Control, Record, Timestamp};

use super::error::JournalError;
use super::log::Log;

/// A wall clock further ahead of the journal than this is taken for a mistake.
pub const MAX_AWAY_MS: i64 = 400 * DAY_MS;

/// Why the wall clock is not believed at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClockError {
    /// The clock is behind the journal's last record.
    #[error(
        "the clock is {behind_ms} ms behind the journal's last record; set the clock, or start with --accept-clock to \
         go on from the journal's time"
    )]
    Behind {
        /// How far, in milliseconds.
        behind_ms: i64,
    },
    /// The clock is more than 400 days ahead of the journal's last record.
    #[error(
        "the clock is {ahead_days} days ahead of the journal's last record; set the clock, or start with \
         --accept-clock if the gateway really was away that long"
    )]
    Ahead {
        /// How far, in days.
        ahead_days: i64,
    },
}

/// The control records of a start, each with its stamp, in the order in which they are appended.
///
/// The first is `Away`, stamped with the moment from which nobody kept time, unless the journal is
/// new; the last is `Started`. A journal ahead of an accepted clock goes on from its own time.
///
/// # Errors
/// [`ClockError`] when the clock is behind the journal or over 400 days ahead, and not accepted.
pub fn start_records(
    last_time: Option<Timestamp>,
    wall: Timestamp,
    accept_clock: bool,
    version: &str,
    config: OutcomeConfig,
) -> Result<Vec<(Timestamp, Control)>, ClockError> {
    let started = Control::Started { version: version.to_owned(), config };
    let Some(from) = last_time else {
        return Ok(vec![(wall, started)]);
    };
    let away_ms = wall.since_ms(from);
    if away_ms < 0 && !accept_clock {
        return Err(ClockError::Behind { behind_ms: -away_ms });
    }
    if away_ms > MAX_AWAY_MS && !accept_clock {
        return Err(ClockError::Ahead { ahead_days: away_ms / DAY_MS });
    }
    let to = wall.max(from);
    Ok(vec![(from, Control::Away { from, to }), (to, started)])
}

/// Appends the records of a start, each with its own stamp, and syncs them. A recovery that reads up
/// to the log's end then meets them in order.
///
/// # Errors
/// As [`Log::append_control`] and [`Log::sync`].
pub fn append_start(log: &mut Log, records: Vec<(Timestamp, Control)>) -> Result<Vec<Record>, JournalError> {
    let mut appended = Vec::with_capacity(records.len());
    for (time, control) in records {
        appended.extend(log.append_control(vec![control], time)?);
    }
    log.sync()?;
    Ok(appended)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_start(last: Option<i64>, wall: i64, accept: bool) -> Result<Vec<(Timestamp, Control)>, ClockError> {
        start_records(last.map(Timestamp), Timestamp(wall), accept, "1", OutcomeConfig::default())
    }

    fn away(from: i64, to: i64) -> (Timestamp, Control) {
        (Timestamp(from), Control::Away { from: Timestamp(from), to: Timestamp(to) })
    }

    #[test]
    fn a_new_journal_begins_with_started() {
        let records = at_start(None, 500, false).unwrap();
        assert!(matches!(records.as_slice(), [(Timestamp(500), Control::Started { .. })]));
    }

    #[test]
    fn away_comes_first_and_is_stamped_with_the_last_known_moment() {
        let records = at_start(Some(100), 5_000, false).unwrap();
        assert_eq!(records[0], away(100, 5_000));
        assert!(matches!(records[1], (Timestamp(5_000), Control::Started { .. })));
        assert_eq!(at_start(Some(100), 100, false).unwrap()[0], away(100, 100));
    }

    #[test]
    fn a_clock_behind_needs_to_be_accepted_and_time_still_does_not_go_back() {
        let error = at_start(Some(5_000), 4_999, false).unwrap_err();
        assert_eq!(error, ClockError::Behind { behind_ms: 1 });
        assert!(error.to_string().contains("--accept-clock"));
        let records = at_start(Some(5_000), 4_000, true).unwrap();
        assert_eq!(records[0], away(5_000, 5_000));
        assert_eq!(records[1].0, Timestamp(5_000));
    }

    #[test]
    fn a_clock_over_400_days_ahead_needs_to_be_accepted() {
        assert!(at_start(Some(0), MAX_AWAY_MS, false).is_ok());
        let error = at_start(Some(0), MAX_AWAY_MS + DAY_MS, false).unwrap_err();
        assert_eq!(error, ClockError::Ahead { ahead_days: 401 });
        assert!(error.to_string().contains("--accept-clock"));
        assert_eq!(at_start(Some(0), MAX_AWAY_MS + 1, true).unwrap()[0], away(0, MAX_AWAY_MS + 1));
    }
}
