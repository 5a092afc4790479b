//! Samples over event time, and what is said of them.

use std::collections::VecDeque;

use gengfu_model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::program::WindowFunction;

/// The most samples that one window keeps; the oldest goes first.
pub const MAX_WINDOW_SAMPLES: usize = 128;

/// A number and its event time.
pub(crate) type Sample = (Timestamp, f64);

/// Samples in the order of event time.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Window {
    pub(crate) samples: VecDeque<Sample>,
    /// Found once, and kept up to date while samples come and go: looking at all of them for each reading would cost
    /// more than all else that a rule does.
    #[serde(skip)]
    known: Known,
}

/// What is known of a window's samples.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// How many are true; [`UNCOUNTED`] if nobody asked yet.
    trues: u8,
    /// Whether the largest was asked for, not the smallest. A window is asked for one of them only.
    is_largest: bool,
    /// Samples until then were not looked at for it.
    after: Timestamp,
    /// The smallest or largest after that; if it is not after that, none is known.
    extreme: Sample,
}

/// More than a window can have.
const UNCOUNTED: u8 = u8::MAX;
const _: () = assert!(MAX_WINDOW_SAMPLES < UNCOUNTED as usize);

impl Default for Known {
    fn default() -> Known {
        Known { trues: UNCOUNTED, is_largest: false, after: Timestamp(i64::MAX), extreme: (Timestamp(i64::MIN), 0.0) }
    }
}

impl Known {
    fn comes(&mut self, (time, value): Sample) {
        if self.trues != UNCOUNTED {
            self.trues += u8::from(value != 0.0);
        }
        let is_beaten = if self.is_largest { value >= self.extreme.1 } else { value <= self.extreme.1 };
        if time > self.after && is_beaten {
            self.extreme = (time, value);
        }
    }

    fn goes(&mut self, (time, value): Sample) {
        if self.trues != UNCOUNTED {
            self.trues -= u8::from(value != 0.0);
        }
        if time == self.extreme.0 {
            *self = Known { trues: self.trues, ..Known::default() };
        }
    }
}

/// What is known of the samples is no part of what is remembered.
impl PartialEq for Window {
    fn eq(&self, other: &Window) -> bool {
        self.samples == other.samples
    }
}

impl Window {
    pub(crate) fn new(samples: VecDeque<Sample>) -> Window {
        Window { samples, known: Known::default() }
    }

    /// Takes a sample. One of the same event time replaces the old one. Drops what is older than the
    /// newest sample at or before `start`, and the oldest above [`MAX_WINDOW_SAMPLES`].
    pub(crate) fn take(&mut self, time: Timestamp, value: f64, start: Timestamp) {
        // Of two zeros none is the smaller: kept alike, it does not matter which is found.
        let value = value + 0.0;
        // Room is made before it is needed: growing for one sample too many would double the memory.
        let is_full = self.samples.len() >= MAX_WINDOW_SAMPLES;
        if self.samples.back().is_none_or(|(newest, _)| *newest < time) {
            if is_full {
                self.drop_oldest();
            }
            self.samples.push_back((time, value));
        } else {
            let place = self.samples.partition_point(|(t, _)| *t < time);
            match (self.samples.get_mut(place), place) {
                (Some(sample), _) if sample.0 == time => self.known.goes(std::mem::replace(sample, (time, value))),
                (_, 0) if is_full => return,
                (_, 1..) if is_full => {
                    self.drop_oldest();
                    self.samples.insert(place - 1, (time, value));
                }
                _ => self.samples.insert(place, (time, value)),
            }
        }
        self.known.comes((time, value));
        while self.samples.get(1).is_some_and(|(t, _)| *t <= start) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.samples.pop_front() {
            self.known.goes(oldest);
        }
    }

    /// What [`aggregate`] says, by what is known if possible.
    pub(crate) fn aggregate(&mut self, f: WindowFunction, start: Timestamp, end: Timestamp, span: i64) -> Option<f64> {
        let is_whole = self.samples.back().is_none_or(|(newest, _)| *newest <= end);
        match f {
            WindowFunction::CountTrue if is_whole => Some(self.trues_after(start).into()),
            WindowFunction::Min | WindowFunction::Max if is_whole => {
                self.extreme_after(start, f == WindowFunction::Max)
            }
            _ => aggregate(f, self, start, end, span),
        }
    }

    fn trues_after(&mut self, start: Timestamp) -> u8 {
        let is_true = |(_, value): &&Sample| *value != 0.0;
        if self.known.trues == UNCOUNTED {
            self.known.trues = self.samples.iter().filter(is_true).count() as u8;
        }
        let before = self.samples.iter().take_while(|(time, _)| *time <= start).filter(is_true).count();
        self.known.trues - before as u8
    }

    fn extreme_after(&mut self, start: Timestamp, is_largest: bool) -> Option<f64> {
        let known = self.known;
        if known.is_largest == is_largest && known.after <= start && known.extreme.0 > start {
            return Some(known.extreme.1);
        }
        let extreme = extreme(self.between(start, Timestamp(i64::MAX)), is_largest)?;
        self.known = Known { is_largest, after: start, extreme, ..known };
        Some(extreme.1)
    }

    /// How many samples are not after `time`. Mostly all or none, which is looked at first.
    fn until(&self, time: Timestamp) -> usize {
        if self.samples.back().is_none_or(|(newest, _)| *newest <= time) {
            return self.samples.len();
        }
        if self.samples.front().is_some_and(|(oldest, _)| *oldest > time) {
            return 0;
        }
        self.samples.partition_point(|(t, _)| *t <= time)
    }

    /// The samples after `start` and not after `end`, in two parts, as they lie in memory.
    fn between(&self, start: Timestamp, end: Timestamp) -> [&[Sample]; 2] {
        let (from, to) = (self.until(start), self.until(end));
        let (first, second) = self.samples.as_slices();
        let part = |part: &'_ [Sample], before: usize| {
            let place = |place: usize| place.saturating_sub(before).min(part.len());
            place(from.min(to))..place(to)
        };
        [&first[part(first, 0)], &second[part(second, first.len())]]
    }

    /// The newest sample that is not after `end`.
    fn newest_until(&self, end: Timestamp) -> Option<Sample> {
        self.samples.get(self.until(end).checked_sub(1)?).copied()
    }

    /// The oldest sample after `start`.
    fn oldest_after(&self, start: Timestamp) -> Option<Sample> {
        self.samples.get(self.until(start)).copied()
    }
}

/// The newest of the smallest or of the largest samples.
fn extreme(parts: [&[Sample]; 2], is_largest: bool) -> Option<Sample> {
    let is_preferred = |old: f64, new: f64| if is_largest { new >= old } else { new <= old };
    let all = parts[0].iter().chain(parts[1]).copied();
    all.reduce(|best, sample| if is_preferred(best.1, sample.1) { sample } else { best })
}

/// What a window's function says of the samples after `start` and not after `end`.
pub(super) fn aggregate(
    f: WindowFunction,
    window: &Window,
    start: Timestamp,
    end: Timestamp,
    span: i64,
) -> Option<f64> {
    let parts = window.between(start, end);
    let inside = parts[0].iter().chain(parts[1]).map(|(_, v)| *v);
    match f {
        WindowFunction::Count => Some((parts[0].len() + parts[1].len()) as f64),
        WindowFunction::CountTrue => Some(inside.fold(0.0, |sum, v| sum + v)),
        WindowFunction::Sum => inside.reduce(|a, b| a + b),
        WindowFunction::Avg => {
            let (sum, count) = inside.fold((0.0, 0_u32), |(sum, count), v| (sum + v, count + 1));
            (count > 0).then(|| sum / f64::from(count))
        }
        WindowFunction::Min | WindowFunction::Max => extreme(parts, f == WindowFunction::Max).map(|(_, value)| value),
        WindowFunction::Rate => {
            let (first, last) = ends(window, start, end, span)?;
            Some((last.1 - first.1) / last.0.since_ms(first.0) as f64 * span as f64)
        }
        WindowFunction::Slope => slope(window, start, end, span),
    }
}

/// The first and last sample, if they span half of the window or more. The first is the newest at or
/// before the start, unless that is older than another whole span.
fn ends(window: &Window, start: Timestamp, end: Timestamp, span: i64) -> Option<(Sample, Sample)> {
    let oldest = start.plus_ms(-span);
    let last = window.newest_until(end)?;
    let first = window.oldest_after(oldest)?;
    (last.0.since_ms(first.0).saturating_mul(2) >= span).then_some((first, last))
}

/// Least squares over the samples, in units per span.
fn slope(window: &Window, start: Timestamp, end: Timestamp, span: i64) -> Option<f64> {
    let (first, _) = ends(window, start, end, span)?;
    let parts = window.between(first.0.plus_ms(-1), end);
    let points = parts[0].iter().chain(parts[1]).map(|(t, v)| (t.since_ms(first.0) as f64 / span as f64, *v));
    let (mut n, mut sum_t, mut sum_v) = (0.0, 0.0, 0.0);
    for (t, v) in points.clone() {
        n += 1.0;
        sum_t += t;
        sum_v += v;
    }
    let (mean_t, mean_v) = (sum_t / n, sum_v / n);
    let (mut over, mut under) = (0.0, 0.0);
    for (t, v) in points {
        over += (t - mean_t) * (v - mean_v);
        under += (t - mean_t) * (t - mean_t);
    }
    (under > 0.0).then(|| over / under)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_window_is_ordered_bounded_and_keeps_one_sample_before_its_start() {
        let mut window = Window::default();
        for t in [10, 30, 20, 30] {
            window.take(Timestamp(t), t as f64, Timestamp(0));
        }
        assert_eq!(window.samples, [(Timestamp(10), 10.0), (Timestamp(20), 20.0), (Timestamp(30), 30.0)]);
        window.take(Timestamp(40), 40.0, Timestamp(25));
        assert_eq!(window.samples.front(), Some(&(Timestamp(20), 20.0)));
        for t in 100..400 {
            window.take(Timestamp(t), 0.0, Timestamp(0));
        }
        assert_eq!(window.samples.len(), MAX_WINDOW_SAMPLES);
        assert_eq!(window.samples.capacity(), MAX_WINDOW_SAMPLES);
        // Out of order into a full one: what is older than its oldest has no place, anything else takes the oldest's.
        let oldest = window.samples[0].0;
        window.take(oldest.plus_ms(-1), 5.0, Timestamp(0));
        assert_eq!(window.samples[0], (oldest, 0.0));
        window.take(Timestamp(399), 7.0, Timestamp(0));
        assert_eq!(window.samples.back(), Some(&(Timestamp(399), 7.0)));
        window.samples.iter_mut().for_each(|sample| sample.0 = Timestamp(2 * sample.0.0));
        window.take(Timestamp(2 * oldest.0 + 1), 5.0, Timestamp(0));
        assert_eq!(window.samples[0], (Timestamp(2 * oldest.0 + 1), 5.0));
        assert_eq!((window.samples.len(), window.samples.capacity()), (MAX_WINDOW_SAMPLES, MAX_WINDOW_SAMPLES));
    }

    proptest! {
        #[test]
        fn what_is_known_of_the_samples_is_what_looking_at_all_finds(
            f in proptest::sample::select(vec![WindowFunction::Min, WindowFunction::Max, WindowFunction::CountTrue]),
            steps in proptest::collection::vec((0_i64..40, 0_usize..6, 0_i64..30, any::<bool>()), 1..400),
        ) {
            let (mut window, mut now) = (Window::default(), 1_000);
            for (back, value, span, comes) in steps {
                // Mostly in order; some are late, and some come at a time that has its sample.
                now += i64::from(back < 30);
                let time = Timestamp(now - (back - 30).max(0));
                let (start, span) = (time.plus_ms(-10 * span), 10 * span);
                let value = match f {
                    WindowFunction::CountTrue => f64::from(u8::from(value > 3)),
                    _ => [-2.0, -1.0, -0.0, 0.0, 1.0, 2.0][value],
                };
                if comes {
                    window.take(time, value, start);
                }
                let all = aggregate(f, &window, start, time, span);
                prop_assert_eq!(window.aggregate(f, start, time, span).map(f64::to_bits), all.map(f64::to_bits));
            }
        }
    }
}
