//! Slows down who keeps doing what is refused.
//!
//! A source is an address (for logins that fail) or a device (for what it publishes). Behind one
//! address of a carrier there may be thousands of devices, so a bad login never keeps a good one
//! waiting: only the refusal itself is answered late.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gengfu_model::DeviceId;
use tokio::time::Instant;

use super::options::BackoffOptions;

/// Who is slowed down.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    Address(IpAddr),
    Device(DeviceId),
}

/// Counts faults per source.
#[derive(Debug)]
pub(crate) struct Backoff {
    options: BackoffOptions,
    faults: Mutex<HashMap<Source, (u32, Instant)>>,
}

impl Backoff {
    pub(crate) fn new(options: BackoffOptions) -> Backoff {
        Backoff { options, faults: Mutex::default() }
    }

    /// Notes a fault, and says how long its answer (or the next login) is to wait.
    pub(crate) fn fault(&self, source: Source, now: Instant) -> Duration {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        if faults.len() >= self.options.max_sources && !faults.contains_key(&source) {
            self.make_room(&mut faults, now);
        }
        let (count, at) = faults.entry(source).or_insert((0, now));
        if now.saturating_duration_since(*at) > self.options.forget_after {
            *count = 0;
        }
        *count = count.saturating_add(1);
        *at = now;
        self.delay(*count)
    }

    /// How long a login of this source has still to wait for its earlier faults.
    pub(crate) fn remaining(&self, source: &Source, now: Instant) -> Duration {
        let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((count, at)) = faults.get(source) else { return Duration::ZERO };
        self.delay(*count).saturating_sub(now.saturating_duration_since(*at))
    }

    fn delay(&self, count: u32) -> Duration {
        let doublings = count.saturating_sub(1).min(16);
        self.options.first.saturating_mul(1 << doublings).min(self.options.longest)
    }

    fn make_room(&self, faults: &mut HashMap<Source, (u32, Instant)>, now: Instant) {
        faults.retain(|_, (_, at)| now.saturating_duration_since(*at) <= self.options.forget_after);
        if faults.len() >= self.options.max_sources {
            let mut times: Vec<Instant> = faults.values().map(|(_, at)| *at).collect();
            times.sort_unstable();
            let middle = times[times.len() / 2];
            faults.retain(|_, (_, at)| *at > middle);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_are_forgotten() {
        let options = BackoffOptions { longest: Duration::from_millis(300), ..BackoffOptions::default() };
        let (backoff, start) = (Backoff::new(options), Instant::now());
        let source = Source::Address(IpAddr::from([10, 0, 0, 1]));
        let delays: Vec<u128> = (0..4).map(|_| backoff.fault(source.clone(), start).as_millis()).collect();
        assert_eq!(delays, [100, 200, 300, 300]);
        assert_eq!(backoff.remaining(&source, start + Duration::from_millis(100)).as_millis(), 200);
        assert_eq!(backoff.remaining(&Source::Address(IpAddr::from([10, 0, 0, 2])), start), Duration::ZERO);
        let later = start + Duration::from_secs(601);
        assert_eq!(backoff.fault(source, later).as_millis(), 100);
    }

    #[test]
    fn the_table_is_bounded() {
        let options = BackoffOptions { max_sources: 10, ..BackoffOptions::default() };
        let (backoff, start) = (Backoff::new(options), Instant::now());
        for i in 0..100_u8 {
            backoff.fault(Source::Address(IpAddr::from([10, 0, 0, i])), start + Duration::from_millis(u64::from(i)));
        }
        assert!(backoff.faults.lock().unwrap().len() <= 10);
    }
}
