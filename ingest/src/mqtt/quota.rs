//! How fast one device may send: a token bucket, and beside it an allowance for a backlog.
//!
//! A device that was off line sends what it has kept in one go; that must not look like a flood, and
//! must not be possible all the time. The allowance pays for what the bucket does not, and comes
//! back slowly. Pure: time is passed in.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gengfu_model::DeviceId;
use tokio::time::Instant;

use super::options::RateOptions;

/// Devices off line whose quota is remembered before full ones are swept out.
const SWEEP_AT: usize = 10_000;

/// What one device may still send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quota {
    tokens: f64,
    backlog: f64,
    at: Instant,
}

impl Quota {
    pub(crate) fn full(rate: &RateOptions, now: Instant) -> Quota {
        Quota { tokens: rate.burst, backlog: rate.backlog, at: now }
    }

    fn refill(&mut self, rate: &RateOptions, now: Instant) {
        let seconds = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + seconds * rate.messages_per_s).min(rate.burst);
        self.backlog = (self.backlog + seconds * rate.backlog_per_s).min(rate.backlog);
        self.at = now;
    }

    /// Takes one message's worth, or says how long to wait for it.
    pub(crate) fn take(&mut self, rate: &RateOptions, now: Instant) -> Result<(), Duration> {
        self.refill(rate, now);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        if self.backlog >= 1.0 {
            self.backlog -= 1.0;
            return Ok(());
        }
        // At least a millisecond, which is what the timer can tell apart.
        let missing_s = (1.0 - self.tokens) / rate.messages_per_s.max(0.001);
        Err(Duration::from_secs_f64(missing_s.clamp(0.001, 3600.0)))
    }

    fn is_full(&mut self, rate: &RateOptions, now: Instant) -> bool {
        self.refill(rate, now);
        self.tokens >= rate.burst && self.backlog >= rate.backlog
    }
}

/// The quotas of devices that are off line, so that a reconnect does not fill them.
#[derive(Debug, Default)]
pub(crate) struct Quotas(Mutex<HashMap<DeviceId, Quota>>);

impl Quotas {
    pub(crate) fn take(&self, device: &DeviceId, rate: &RateOptions, now: Instant) -> Quota {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(device);
        kept.unwrap_or_else(|| Quota::full(rate, now))
    }

    pub(crate) fn keep(&self, device: &DeviceId, mut quota: Quota, rate: &RateOptions, now: Instant) {
        if quota.is_full(rate, now) {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= SWEEP_AT {
            kept.retain(|_, quota| !quota.is_full(rate, now));
        }
        kept.insert(device.clone(), quota);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burst_then_backlog_then_the_rate() {
        let rate = RateOptions { messages_per_s: 10.0, burst: 2.0, backlog: 3.0, backlog_per_s: 0.0 };
        let start = Instant::now();
        let mut quota = Quota::full(&rate, start);
        for _ in 0..5 {
            assert!(quota.take(&rate, start).is_ok());
        }
        let wait = quota.take(&rate, start).unwrap_err();
        assert!((wait.as_secs_f64() - 0.1).abs() < 1e-6, "{wait:?}");
        assert!(quota.take(&rate, start + Duration::from_millis(101)).is_ok());
        assert!(quota.take(&rate, start + Duration::from_millis(102)).is_err());
    }

    #[test]
    fn a_reconnect_does_not_fill_the_quota() {
        let rate = RateOptions { messages_per_s: 1.0, burst: 1.0, backlog: 0.0, backlog_per_s: 0.0 };
        let (start, quotas, device) = (Instant::now(), Quotas::default(), DeviceId::new("a").unwrap());
        let mut quota = quotas.take(&device, &rate, start);
        assert!(quota.take(&rate, start).is_ok());
        quotas.keep(&device, quota, &rate, start);
        assert!(quotas.take(&device, &rate, start).take(&rate, start).is_err());
    }
}
