//! What the words with memory do: `held`, `band`, windows, `changed`, `prev`, `after`.

use gengfu_model::Timestamp;

use super::flapping;
use super::machine::{Machine, Watch};
use super::occasion::Trigger;
use super::scalar::Scalar;
use super::state::{Last, Slot, Stored};
use super::window::aggregate;
use crate::program::{NodeId, WindowFunction};

/// The shortest time that a timer runs: one that is due at once would never let go.
const MIN_TIMER_MS: i64 = 1_000;

impl<'a, W: Watch> Machine<'a, '_, W> {
    /// True once the condition has been true for `wait`. Journal time counts. Unknown keeps what is
    /// remembered, the timer included, and is the answer.
    pub(super) fn held(&mut self, slot: u16, condition: NodeId, wait: NodeId) -> Option<bool> {
        let condition = self.boolean(condition);
        let wait_ms = u32::try_from(self.int(wait)?.max(0)).unwrap_or(u32::MAX);
        let now = self.on.cx.now;
        if !condition? {
            if matches!(self.slot(slot), Slot::Held { .. }) {
                self.write(slot, Slot::Empty);
            }
            return Some(false);
        }
        let (over, slot_now) = holds(self.slot(slot), now, wait_ms);
        self.write(slot, slot_now);
        Some(over)
    }

    /// True from `trip` on, false from `reset` on; as before in between.
    pub(super) fn band(&mut self, slot: u16, x: NodeId, limits: NodeId) -> Option<bool> {
        let (a, b) = self.pair(limits)?;
        let x = self.float(x);
        let (trip, reset) = (self.float(a), self.float(b));
        self.within(slot, x?, trip?, reset?)
    }

    /// The same for numbers that are known.
    #[inline]
    pub(super) fn within(&mut self, slot: u16, x: f64, trip: f64, reset: f64) -> Option<bool> {
        let (was, is) = banded(self.slot(slot), x, trip, reset);
        if let Some(on) = is.filter(|_| is != was) {
            self.write(slot, Slot::Band(on));
        }
        is
    }

    /// The condition became true often enough within a time; over event time, like the windows.
    pub(super) fn flapping(&mut self, slot: u16, condition: NodeId, limits: NodeId) -> Option<bool> {
        let (a, b) = self.pair(limits)?;
        let condition = self.boolean(condition);
        let (times, span) = (self.int(a), self.int(b));
        let (times, span) = (times?, span?.max(1));
        let end = self.window_end();
        let start = end.plus_ms(-span);
        if let (Some(condition), Some(time), false) = (condition, self.brings_sample(slot), W::REPLAY)
            && let Some(edge) = flapping::edge(self.slot(slot), condition, time)
        {
            self.take_sample(slot, time, edge, start);
        }
        flapping::judge(self.slot(slot), start, end, times)
    }

    pub(super) fn after(&mut self, slot: u16, wait: NodeId) {
        let Some(wait) = self.int(wait) else { return };
        if *self.slot(slot) == Slot::Empty {
            self.write(slot, Slot::Timer(self.on.cx.now.plus_ms(wait.max(MIN_TIMER_MS))));
        }
    }

    /// The event time of a reading that brings this slot a sample.
    pub(super) fn brings_sample(&self, slot: u16) -> Option<Timestamp> {
        let reads = self.rule.slots.get(usize::from(slot))?.reads;
        match self.on.trigger {
            Trigger::Reading { event_time, carried } if carried & reads != 0 => Some(event_time),
            Trigger::Reading { .. } | Trigger::Timer | Trigger::Silent => None,
        }
    }

    pub(super) fn window_end(&self) -> Timestamp {
        match self.on.trigger {
            Trigger::Reading { event_time, .. } => event_time,
            Trigger::Timer | Trigger::Silent => self.on.cx.now,
        }
    }

    /// A window over event time; it ends with the reading, or at `now` for a timer.
    pub(super) fn window(&mut self, f: WindowFunction, slot: u16, x: NodeId, span: NodeId) -> Option<f64> {
        let x = match self.scalar(x) {
            Scalar::Bool(v) => Some(if v { 1.0 } else { 0.0 }),
            Scalar::Int(v) => Some(v as f64),
            Scalar::Float(v) => Some(v).filter(|v| v.is_finite()),
            Scalar::Unknown | Scalar::Text(_) => None,
        };
        let span = self.int(span)?.max(1);
        let end = self.window_end();
        let start = end.plus_ms(-span);
        if let (Some(x), Some(time), false) = (x, self.brings_sample(slot), W::REPLAY) {
            self.take_sample(slot, time, x, start);
        }
        let Slot::Window(window) = self.slot(slot) else {
            return matches!(f, WindowFunction::Count | WindowFunction::CountTrue).then_some(0.0);
        };
        let value = aggregate(f, window, start, end, span);
        self.operations += u32::try_from(window.samples.len()).unwrap_or(u32::MAX);
        value.filter(|v| v.is_finite())
    }

    fn take_sample(&mut self, slot: u16, time: Timestamp, x: f64, start: Timestamp) {
        let can_fail = self.rule.can_fail;
        let Some(place) = self.slots.get_mut(usize::from(slot)) else { return };
        if can_fail {
            // Only a rule that can fail pays for a copy of its windows.
            self.before.push((slot, place.clone()));
        }
        if !matches!(place, Slot::Window(_)) {
            *place = Slot::Window(Box::default());
        }
        if let Slot::Window(window) = place {
            window.take(time, x, start);
        }
    }

    /// The two newest samples, after taking the one that this reading brings.
    fn last_two(&mut self, slot: u16, x: NodeId) -> (Last, bool) {
        let x = stored(self.scalar(x));
        let known = match self.slot(slot) {
            Slot::Last(last) => **last,
            _ => Last::default(),
        };
        let brought = self.brings_sample(slot).is_some() && x != Stored::Unknown;
        if !brought || W::REPLAY {
            return (known, brought);
        }
        let last = Last { previous: known.newest, newest: x };
        let can_fail = self.rule.can_fail;
        if let Some(place) = self.slots.get_mut(usize::from(slot)) {
            if can_fail {
                self.before.push((slot, place.clone()));
            }
            match place {
                Slot::Last(old) => **old = last,
                other => *other = Slot::Last(Box::new(last)),
            }
        }
        (last, true)
    }

    pub(super) fn changed(&mut self, slot: u16, x: NodeId) -> Option<bool> {
        let (last, brought) = self.last_two(slot, x);
        if !brought {
            return Some(false);
        }
        (last.previous != Stored::Unknown).then_some(last.previous != last.newest)
    }

    pub(super) fn previous(&mut self, slot: u16, x: NodeId) -> Scalar<'a> {
        match self.last_two(slot, x).0.previous {
            Stored::Bool(v) => Scalar::Bool(v),
            Stored::Int(v) => Scalar::Int(v),
            Stored::Float(v) => Scalar::Float(v),
            Stored::Unknown | Stored::Text(_) => Scalar::Unknown,
        }
    }
}

/// Whether a condition that is true has been so for long enough, and its slot from then on.
pub(super) fn holds(slot: &Slot, now: Timestamp, wait_ms: u32) -> (bool, Slot) {
    let (since, fired) = match slot {
        // Judged at its due, the timer is spent; a longer wait arms it again.
        Slot::Held { since, wait_ms: old, pending } => (*since, !pending && *old == wait_ms),
        _ => (now, false),
    };
    let over = now.since_ms(since) >= i64::from(wait_ms);
    (over, Slot::Held { since, wait_ms, pending: !over && !fired })
}

/// Whether a band was tripped, and whether it is with this number: on from `trip`, off from `reset`, and in between as
/// it was.
#[inline]
pub(super) fn banded(slot: &Slot, x: f64, trip: f64, reset: f64) -> (Option<bool>, Option<bool>) {
    let was = match slot {
        Slot::Band(tripped) => Some(*tripped),
        _ => None,
    };
    let (on, off) = if trip >= reset { (x >= trip, x <= reset) } else { (x <= trip, x >= reset) };
    (was, if on || off { Some(on) } else { was })
}

pub(super) fn stored(value: Scalar<'_>) -> Stored {
    match value {
        Scalar::Unknown => Stored::Unknown,
        Scalar::Bool(v) => Stored::Bool(v),
        Scalar::Int(v) => Stored::Int(v),
        // A number that is none is no sample, as in windows; nor could it be stored with an explanation.
        Scalar::Float(v) if !v.is_finite() => Stored::Unknown,
        Scalar::Float(v) => Stored::Float(v),
        // FNV-1a: the same on every machine and in every version.
        Scalar::Text(v) => Stored::Text(
            v.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, b| (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)),
        ),
    }
}
