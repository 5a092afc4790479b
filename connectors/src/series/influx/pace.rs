//! How long to wait before the next try: doubling, and at least what the store asked for.

use std::time::{Duration, Instant};

/// A store that says it is too busy is left alone for this long at least. The version 2 client does
/// not hand out the answer's `Retry-After`; the doubling reaches what it would have said.
const BUSY_WAIT: Duration = Duration::from_secs(5);
/// A store may ask for this much patience at most.
const MOST_ASKED: Duration = Duration::from_secs(600);

/// The waits between failed tries.
#[derive(Debug)]
pub(super) struct Pace {
    first: Duration,
    most: Duration,
    failures: u32,
    not_before: Option<Instant>,
}

impl Pace {
    pub(super) fn new(first: Duration, most: Duration) -> Pace {
        Pace { first, most, failures: 0, not_before: None }
    }

    /// A try succeeded.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
        self.not_before = None;
    }

    /// A try failed at `now`.
    pub(super) fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        let doubled = self.first.saturating_mul(1_u32 << (self.failures - 1).min(20));
        self.not_before = Some(now + doubled.min(self.most));
    }

    /// A try failed at `now` since the store is busy; it may have said for how long.
    pub(super) fn busy(&mut self, now: Instant, asked: Option<Duration>) {
        self.failed(now);
        let asked = asked.map_or(BUSY_WAIT.min(self.most), |asked| asked.min(MOST_ASKED));
        self.not_before = self.not_before.max(Some(now + asked));
    }

    /// How long until the next try.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        self.not_before.map_or(Duration::ZERO, |not_before| not_before.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_the_longest_and_begin_anew_after_a_success() {
        let now = Instant::now();
        let mut pace = Pace::new(Duration::from_millis(500), Duration::from_secs(30));
        assert_eq!(pace.wait(now), Duration::ZERO);
        for wait_ms in [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
            pace.failed(now);
            assert_eq!(pace.wait(now), Duration::from_millis(wait_ms));
        }
        assert_eq!(pace.wait(now + Duration::from_secs(10)), Duration::from_secs(20));
        pace.succeeded();
        pace.failed(now);
        assert_eq!(pace.wait(now), Duration::from_millis(500));
    }

    #[test]
    fn a_busy_store_gets_the_time_that_it_asks_for_within_reason() {
        let now = Instant::now();
        let pace = || Pace::new(Duration::from_millis(500), Duration::from_secs(30));
        let wait = |asked: Option<u64>| {
            let mut pace = pace();
            pace.busy(now, asked.map(Duration::from_secs));
            pace.wait(now)
        };
        assert_eq!(wait(None), BUSY_WAIT);
        assert_eq!(wait(Some(60)), Duration::from_secs(60), "longer than our own longest wait");
        assert_eq!(wait(Some(0)), Duration::from_millis(500), "never shorter than our own");
        assert_eq!(wait(Some(1_000_000)), MOST_ASKED);
    }
}
