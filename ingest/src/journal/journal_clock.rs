//! The journal's time: wall clock and monotonic clock in, a time that never decreases out.
//!
//! The wall clock is followed as long as it is believable. One that fell behind by more than a
//! moment, or ran more than an hour ahead, is not: time then goes on by the monotonic clock and a
//! fault is raised, since jumping would fire a year of timers or none at all.

use std::time::Instant;

use gengfu_model::Timestamp;
use gengfu_model::time::{HOUR_MS, SECOND_MS};

use crate::clock::ManualClock;

/// A wall clock this far behind is waited for (time stands still); further behind is a fault.
pub const MAX_BEHIND_MS: i64 = SECOND_MS;
/// A wall clock further ahead than this, of what the monotonic clock says, is a fault.
pub const MAX_AHEAD_MS: i64 = HOUR_MS;

/// A clock that only tells how much time has passed, and is never set.
pub trait Monotonic: Send + Sync {
    /// Milliseconds since some fixed moment; never decreases.
    fn elapsed_ms(&self) -> i64;
}

/// The machine's monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemMonotonic(Instant);

impl Default for SystemMonotonic {
    fn default() -> Self {
        SystemMonotonic(Instant::now())
    }
}

impl Monotonic for SystemMonotonic {
    fn elapsed_ms(&self) -> i64 {
        i64::try_from(self.0.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

/// A test that moves its wall clock by hand means that much time to pass.
impl Monotonic for ManualClock {
    fn elapsed_ms(&self) -> i64 {
        crate::clock::Clock::now(self).as_millis()
    }
}

/// What is wrong with the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockFault {
    /// It is behind the journal.
    Behind,
    /// It is too far ahead.
    Ahead,
}

/// The arithmetic of the journal's time. Pure: the caller reads the clocks.
#[derive(Clone, Copy, Debug)]
pub struct JournalClock {
    last: Timestamp,
    last_elapsed_ms: i64,
    fault: Option<ClockFault>,
}

impl JournalClock {
    /// Time goes on from the journal's last record, or from the wall clock if that is later: a gap
    /// before the start is what the `Away` record is for.
    #[must_use]
    pub fn new(last_record: Timestamp, wall: Timestamp, elapsed_ms: i64) -> JournalClock {
        let fault = (last_record.since_ms(wall) > MAX_BEHIND_MS).then_some(ClockFault::Behind);
        JournalClock { last: last_record.max(wall), last_elapsed_ms: elapsed_ms, fault }
    }

    /// The journal's time now.
    pub fn now(&mut self, wall: Timestamp, elapsed_ms: i64) -> Timestamp {
        let passed = elapsed_ms.saturating_sub(self.last_elapsed_ms).max(0);
        let expected = self.last.plus_ms(passed);
        let (now, fault) = if self.last.since_ms(wall) > MAX_BEHIND_MS {
            (expected, Some(ClockFault::Behind))
        } else if wall.since_ms(expected) > MAX_AHEAD_MS {
            (expected, Some(ClockFault::Ahead))
        } else {
            (self.last.max(wall), None)
        };
        self.last = now;
        self.last_elapsed_ms = elapsed_ms.max(self.last_elapsed_ms);
        self.fault = fault;
        now
    }

    /// Why the wall clock is not followed; `None` when it is.
    #[must_use]
    pub fn fault(&self) -> Option<ClockFault> {
        self.fault
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::journal::random_inputs::random;

    const START: Timestamp = Timestamp(1_000_000_000);

    fn at(ms: i64) -> Timestamp {
        START.plus_ms(ms)
    }

    #[test]
    fn the_wall_clock_is_followed() {
        let mut clock = JournalClock::new(START, START, 0);
        assert_eq!(clock.now(at(10), 9), at(10));
        assert_eq!(clock.now(at(HOUR_MS), 20), at(HOUR_MS));
        assert_eq!(clock.fault(), None);
    }

    #[test]
    fn a_small_step_back_stands_still_without_a_fault() {
        let mut clock = JournalClock::new(START, START, 0);
        clock.now(at(5_000), 5_000);
        assert_eq!(clock.now(at(4_500), 5_100), at(5_000));
        assert_eq!(clock.fault(), None);
        assert_eq!(clock.now(at(5_001), 5_600), at(5_001));
    }

    #[test]
    fn a_clock_set_back_is_not_followed_until_it_has_caught_up() {
        let mut clock = JournalClock::new(START, START, 0);
        clock.now(at(5_000), 5_000);
        assert_eq!(clock.now(at(-3_600_000), 6_000), at(6_000));
        assert_eq!(clock.fault(), Some(ClockFault::Behind));
        assert_eq!(clock.now(at(-3_599_000), 7_000), at(7_000));
        assert_eq!(clock.now(at(8_000), 8_000), at(8_000));
        assert_eq!(clock.fault(), None);
    }

    #[test]
    fn a_clock_far_ahead_is_not_followed_and_a_little_ahead_is() {
        let mut clock = JournalClock::new(START, START, 0);
        assert_eq!(clock.now(at(HOUR_MS + 1_001), 1_000), at(1_000));
        assert_eq!(clock.fault(), Some(ClockFault::Ahead));
        assert_eq!(clock.now(at(2_000 + HOUR_MS), 2_000), at(2_000 + HOUR_MS));
        assert_eq!(clock.fault(), None);
        // After a long quiet stretch the monotonic clock vouches for the jump.
        assert_eq!(clock.now(at(50 * HOUR_MS), 49 * HOUR_MS), at(50 * HOUR_MS));
        assert_eq!(clock.fault(), None);
    }

    #[test]
    fn a_start_behind_the_journal_goes_on_from_the_journal() {
        let mut clock = JournalClock::new(at(60_000), START, 0);
        assert_eq!(clock.fault(), Some(ClockFault::Behind));
        assert_eq!(clock.now(at(500), 500), at(60_500));
    }

    proptest! {
        #![proptest_config(random(256))]

        #[test]
        fn time_never_decreases(walls in prop::collection::vec((any::<i32>(), -100_i64..100_000), 1..100)) {
            let mut clock = JournalClock::new(START, START, 0);
            let mut elapsed = 0;
            let mut last = START;
            for (wall, passed) in walls {
                elapsed += passed;
                let now = clock.now(at(i64::from(wall)), elapsed);
                prop_assert!(now >= last);
                prop_assert!(now.since_ms(last) <= HOUR_MS + passed.max(0) + 100_000);
                last = now;
            }
        }
    }
}
