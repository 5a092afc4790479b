//! How closely small commits may follow each other.
//!
//! At a few thousand messages a second each would be a commit of its own: a sync and the waking of every stage for
//! one message. So after a small commit that came close upon another, the writer lets others come for a moment. A
//! message that comes alone is not held up, and large commits make room for themselves.

use std::time::{Duration, Instant};

/// A commit of fewer records is small.
const SMALL: usize = 32;

/// The pace of commits.
pub(super) struct Pace {
    gap: Duration,
    last: Option<Instant>,
}

impl Pace {
    /// Small commits are `gap` apart when they come close upon each other.
    pub(super) fn new(gap: Duration) -> Pace {
        Pace { gap, last: None }
    }

    /// A commit of `records` was made at `now`: how long others are to be let come before the next one.
    pub(super) fn after(&mut self, records: usize, now: Instant) -> Duration {
        let close = self.last.replace(now).is_some_and(|last| now.duration_since(last) < self.gap * 2);
        if close && records < SMALL { self.gap } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_small_commits_close_upon_each_other_are_held_apart() {
        let (gap, start) = (Duration::from_millis(1), Instant::now());
        let mut pace = Pace::new(gap);
        let mut after = |records, ms| pace.after(records, start + Duration::from_millis(ms));
        assert_eq!(after(1, 0), Duration::ZERO, "alone");
        assert_eq!(after(1, 1), gap, "close upon the first");
        assert_eq!(after(SMALL, 2), Duration::ZERO, "large");
        assert_eq!(after(1, 9), Duration::ZERO, "alone again");
        assert_eq!(Pace::new(Duration::ZERO).after(1, start), Duration::ZERO);
    }
}
