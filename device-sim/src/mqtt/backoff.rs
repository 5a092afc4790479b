//! How long to wait before the next attempt to connect.

use std::time::Duration;

use crate::rng::Rng;

/// The first wait, and the longest, in milliseconds.
const FIRST_MS: u64 = 500;
const LONGEST_MS: u64 = 60_000;

/// A doubling wait with jitter, so that a fleet that lost its server does not come back as one.
#[derive(Clone, Debug)]
pub struct Backoff {
    next_ms: u64,
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff { next_ms: FIRST_MS }
    }
}

impl Backoff {
    /// The wait after one more failure: between half and the whole of a doubling step.
    pub fn after_failure(&mut self, rng: &mut Rng) -> Duration {
        let step = self.next_ms;
        self.next_ms = (step * 2).min(LONGEST_MS);
        Duration::from_millis(step / 2 + rng.below(step / 2 + 1))
    }

    /// Begins anew after a success.
    pub fn succeeded(&mut self) {
        self.next_ms = FIRST_MS;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_a_minute_and_start_anew() {
        let (mut backoff, mut rng) = (Backoff::default(), Rng::new(1));
        let mut longest = Duration::ZERO;
        for step in [500, 1_000, 2_000, 4_000] {
            let wait = backoff.after_failure(&mut rng);
            assert!((step / 2..=step).contains(&(wait.as_millis() as u64)));
        }
        for _ in 0..100 {
            longest = longest.max(backoff.after_failure(&mut rng));
        }
        assert!(longest <= Duration::from_millis(LONGEST_MS) && longest > Duration::from_secs(40));
        backoff.succeeded();
        assert!(backoff.after_failure(&mut rng) <= Duration::from_millis(FIRST_MS));
    }
}
