//! Keeps to what a vendor takes within a time, so that it does not lock the robot out.

use std::collections::VecDeque;

use gengfu_model::Timestamp;

/// At most `most` sendings within `within_ms`.
#[derive(Debug)]
pub(super) struct Pace {
    most: usize,
    within_ms: i64,
    sent: VecDeque<Timestamp>,
}

impl Pace {
    pub(super) fn new(most: usize, within_ms: i64) -> Pace {
        Pace { most, within_ms, sent: VecDeque::with_capacity(most) }
    }

    /// Counts a sending now, or says when there is room for it.
    pub(super) fn take(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        // A clock that was put back must not close the channel for the time it was put back by.
        while self.sent.front().is_some_and(|first| !(0..self.within_ms).contains(&now.since_ms(*first))) {
            self.sent.pop_front();
        }
        match self.sent.front() {
            Some(first) if self.sent.len() >= self.most => Err(first.plus_ms(self.within_ms)),
            _ => {
                self.sent.push_back(now);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_minute_has_more_than_so_many() {
        let mut pace = Pace::new(20, 60_000);
        let mut taken: Vec<Timestamp> = Vec::new();
        let mut now = Timestamp(1_000_000);
        for _ in 0..100 {
            match pace.take(now) {
                Ok(()) => taken.push(now),
                Err(until) => {
                    assert!(until > now);
                    now = until;
                    continue;
                }
            }
            now = now.plus_ms(700);
        }
        for (index, first) in taken.iter().enumerate() {
            let within = taken[index..].iter().filter(|other| other.since_ms(*first) < 60_000).count();
            assert!(within <= 20, "{within}");
        }
        assert!(taken.len() > 60, "{}", taken.len());
    }

    #[test]
    fn a_clock_put_back_does_not_close_it() {
        let mut pace = Pace::new(1, 60_000);
        assert_eq!(pace.take(Timestamp(10_000_000)), Ok(()));
        assert_eq!(pace.take(Timestamp(5_000)), Ok(()));
    }
}
