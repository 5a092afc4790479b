//! A histogram of durations with a fixed relative error, for many writers.
//!
//! Each power of two is split into 32 buckets (as HDR histograms do), so a quantile is at most 3.2 %
//! above the truth. Writers only add to atomic counters.

use std::sync::atomic::{AtomicU64, Ordering};

/// Buckets per power of two.
const PER_OCTAVE: u64 = 32;
/// Values of up to 2^40 microseconds (12 days) are told apart; larger ones count as that.
const LARGEST: u64 = 1 << 40;
/// The first 64 values exactly, then 35 octaves.
const BUCKETS: usize = (2 * PER_OCTAVE + 35 * PER_OCTAVE) as usize;

/// Counts durations in microseconds.
#[derive(Debug)]
pub struct Histogram {
    buckets: Vec<AtomicU64>,
    max: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram { buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(), max: AtomicU64::new(0) }
    }
}

impl Histogram {
    /// Counts one duration.
    pub fn record_us(&self, us: u64) {
        self.buckets[bucket(us)].fetch_add(1, Ordering::Relaxed);
        self.max.fetch_max(us, Ordering::Relaxed);
    }

    /// The smallest duration that this share (0 to 1) of all do not exceed, rounded up within its
    /// bucket; 0 if nothing was counted.
    #[must_use]
    pub fn quantile_us(&self, share: f64) -> u64 {
        let counts: Vec<u64> = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        let wanted = ((share * total as f64).ceil() as u64).clamp(1, total.max(1));
        let mut seen = 0;
        for (index, count) in counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return largest_in(index).min(self.max_us());
            }
        }
        0
    }

    /// The longest duration.
    #[must_use]
    pub fn max_us(&self) -> u64 {
        self.max.load(Ordering::Relaxed)
    }
}

fn bucket(us: u64) -> usize {
    let us = us.min(LARGEST - 1);
    if us < 2 * PER_OCTAVE {
        return us as usize;
    }
    // The highest six bits: one for the octave, five for the place within it.
    let shift = u64::from(us.ilog2()) - 5;
    (shift * PER_OCTAVE + (us >> shift)) as usize
}

fn largest_in(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < 2 * PER_OCTAVE {
        return bucket;
    }
    let shift = bucket / PER_OCTAVE - 1;
    ((bucket - shift * PER_OCTAVE + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_a_bucket_that_is_at_most_a_thirtieth_wide() {
        let mut value = 0_u64;
        let mut last = 0;
        while value < LARGEST * 4 {
            let index = bucket(value);
            assert!(index < BUCKETS && index >= last, "{value}");
            if value < LARGEST {
                assert!(largest_in(index) >= value);
                assert!(largest_in(index) as f64 <= value as f64 * 1.033, "{value} {}", largest_in(index));
            }
            last = index;
            value += 1 + value / 50;
        }
    }

    #[test]
    fn quantiles_are_those_of_the_values() {
        let histogram = Histogram::default();
        assert_eq!(histogram.quantile_us(0.5), 0);
        for us in 1..=10_000 {
            histogram.record_us(us);
        }
        for (share, truth) in [(0.5, 5_000.0), (0.99, 9_900.0), (0.001, 10.0)] {
            let found = histogram.quantile_us(share) as f64;
            assert!(found >= truth && found <= truth * 1.033, "{share}: {found}");
        }
        assert_eq!((histogram.quantile_us(1.0), histogram.max_us()), (10_000, 10_000));
    }
}
