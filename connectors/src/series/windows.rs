//! Folds numbers in the order of time into windows.

use gengfu_model::Timestamp;

use super::Bucket;
use super::block::summary::Summary;

/// Windows while they are filled.
#[derive(Debug)]
pub(crate) struct Windows {
    every_ms: i64,
    sum: f64,
    done: Vec<Bucket>,
}

impl Windows {
    /// Windows of `every_ms` (positive), aligned to the epoch.
    pub(crate) fn new(every_ms: i64) -> Windows {
        Windows { every_ms, sum: 0.0, done: Vec::new() }
    }

    /// Adds a number; its time is not before the last one's.
    pub(crate) fn add(&mut self, time: Timestamp, number: f64) {
        let start = Timestamp(time.0.div_euclid(self.every_ms) * self.every_ms);
        match self.done.last_mut() {
            Some(bucket) if bucket.time == start => {
                bucket.min = bucket.min.min(number);
                bucket.max = bucket.max.max(number);
                bucket.last = number;
                bucket.count += 1;
                self.sum += number;
                bucket.mean = self.sum / bucket.count as f64;
            }
            _ => {
                self.sum = number;
                self.done.push(Bucket { time: start, min: number, max: number, mean: number, last: number, count: 1 });
            }
        }
    }

    /// Whether two moments are of one window.
    pub(crate) fn same(every_ms: i64, first: Timestamp, last: Timestamp) -> bool {
        first.0.div_euclid(every_ms) == last.0.div_euclid(every_ms)
    }

    /// Adds many numbers of one window at once; `time` is that of the first.
    pub(crate) fn add_whole(&mut self, time: Timestamp, summary: &Summary) {
        let start = Timestamp(time.0.div_euclid(self.every_ms) * self.every_ms);
        let Summary { count, min, max, sum, last, .. } = *summary;
        match self.done.last_mut() {
            Some(bucket) if bucket.time == start => {
                bucket.min = bucket.min.min(min);
                bucket.max = bucket.max.max(max);
                bucket.last = last;
                bucket.count += count;
                self.sum += sum;
                bucket.mean = self.sum / bucket.count as f64;
            }
            _ => {
                self.sum = sum;
                self.done.push(Bucket { time: start, min, max, mean: sum / count as f64, last, count });
            }
        }
    }

    /// The windows that have a value, in the order of time.
    pub(crate) fn finish(self) -> Vec<Bucket> {
        self.done
    }
}
