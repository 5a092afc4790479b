//! What rules cost and do: counters beside the pack, which no outcome depends on.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde::Serialize;

use crate::paused::{DEVICES_TO_PAUSE, FAILING_WINDOW_MS};

/// What a rule cost and did since the pack was compiled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RuleCounts {
    /// The rule's id.
    pub rule: Arc<str>,
    /// How often it was evaluated.
    pub evaluations: u64,
    /// How many operations that took.
    pub operations: u64,
    /// How many evaluations failed.
    pub faults: u64,
    /// How many evaluations were left out since the device is in quarantine from the rule, or the rule
    /// is paused.
    pub skipped: u64,
    /// Whether the rule is paused.
    pub paused: bool,
    /// How many signals it gave.
    pub signals: u64,
    /// Of how many evaluations the time was taken, by samples.
    pub timed: u64,
    /// What these took, in nanoseconds.
    pub timed_ns: u64,
    /// The newest failure.
    pub last_fault: Option<FaultNote>,
}

/// One failed evaluation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FaultNote {
    /// The device.
    pub device: Arc<str>,
    /// When, in milliseconds of the epoch.
    pub time_ms: i64,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// What went wrong.
    pub message: String,
}

impl RuleCounts {
    /// What has come since an earlier reading of the same counters.
    pub(crate) fn since(&self, earlier: &RuleCounts) -> RuleCounts {
        self.with(earlier, u64::saturating_sub)
    }

    /// What two readings have counted together; `other` is the newer one.
    pub(crate) fn plus(&self, other: &RuleCounts) -> RuleCounts {
        let sum = self.with(other, u64::saturating_add);
        RuleCounts { last_fault: other.last_fault.clone().or(sum.last_fault), ..sum }
    }

    fn with(&self, other: &RuleCounts, both: impl Fn(u64, u64) -> u64) -> RuleCounts {
        RuleCounts {
            rule: Arc::clone(&self.rule),
            evaluations: both(self.evaluations, other.evaluations),
            operations: both(self.operations, other.operations),
            faults: both(self.faults, other.faults),
            skipped: both(self.skipped, other.skipped),
            paused: self.paused,
            signals: both(self.signals, other.signals),
            timed: both(self.timed, other.timed),
            timed_ns: both(self.timed_ns, other.timed_ns),
            last_fault: self.last_fault.clone().filter(|_| both(self.faults, other.faults) > 0),
        }
    }

    /// What one evaluation takes on average, in nanoseconds; `None`: no time was taken yet.
    #[must_use]
    pub fn mean_ns(&self) -> Option<f64> {
        (self.timed > 0).then(|| self.timed_ns as f64 / self.timed as f64)
    }

    /// What all evaluations took, in milliseconds, by the samples' mean.
    #[must_use]
    pub fn cpu_ms(&self) -> Option<f64> {
        self.mean_ns().map(|mean| mean * self.evaluations as f64 / 1e6)
    }
}

/// The counters of one rule. Relaxed atomics: they are read for people only. One thread at a time judges with a pack,
/// so what every evaluation counts is read and written without locking the memory; were there two, a count could be
/// lost, and nothing else.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    evaluations: AtomicU64,
    operations: AtomicU64,
    faults: AtomicU64,
    skipped: AtomicU64,
    signals: AtomicU64,
    /// Evaluations whose time was taken, and what they took in nanoseconds.
    timed: AtomicU64,
    nanoseconds: AtomicU64,
    last_fault: Mutex<Option<FaultNote>>,
    /// Devices that failed lately, with the time of their newest failure; at most [`DEVICES_TO_PAUSE`].
    failing: Mutex<BTreeMap<Arc<str>, i64>>,
    /// So many failed within the window.
    fails_widely: AtomicBool,
    /// Shown, not asked: what is judged is decided by the engine's own list.
    paused: AtomicBool,
}

impl Counters {
    #[inline]
    pub(crate) fn evaluated(&self, operations: u32) {
        let add = |counter: &AtomicU64, n: u64| {
            counter.store(counter.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
        };
        add(&self.evaluations, 1);
        add(&self.operations, u64::from(operations));
    }

    /// Counts anew; who is failing stays known.
    pub(crate) fn reset(&self) {
        let counters = [&self.evaluations, &self.operations, &self.faults, &self.skipped, &self.signals];
        counters.into_iter().chain([&self.timed, &self.nanoseconds]).for_each(|one| one.store(0, Ordering::Relaxed));
    }

    /// The time of one evaluation was taken.
    pub(crate) fn timed(&self, nanoseconds: u64) {
        self.timed.fetch_add(1, Ordering::Relaxed);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    pub(crate) fn skipped(&self) {
        self.skipped.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn signalled(&self) {
        self.signals.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self, note: FaultNote) {
        self.faults.fetch_add(1, Ordering::Relaxed);
        if let Ok(mut failing) = self.failing.lock() {
            failing.insert(Arc::clone(&note.device), note.time_ms);
            if failing.len() >= DEVICES_TO_PAUSE {
                failing.retain(|_, time| note.time_ms - *time < FAILING_WINDOW_MS);
                self.fails_widely.store(failing.len() >= DEVICES_TO_PAUSE, Ordering::Relaxed);
            }
            // Enough to know; more would grow with the city.
            while failing.len() > DEVICES_TO_PAUSE {
                failing.pop_first();
            }
        }
        if let Ok(mut last) = self.last_fault.lock() {
            *last = Some(note);
        }
    }

    /// How many devices failed lately, if they are many, and what the newest failure says.
    pub(crate) fn fails_widely(&self) -> Option<(usize, String)> {
        if !self.fails_widely.load(Ordering::Relaxed) {
            return None;
        }
        let devices = self.failing.lock().map_or(0, |failing| failing.len());
        let last = self.last_fault.lock().ok().and_then(|last| last.clone());
        let message = last.map(|note| format!("{}:{}: {}", note.line, note.column, note.message));
        Some((devices, message.unwrap_or_default()))
    }

    pub(crate) fn forget_failing(&self) {
        self.fails_widely.store(false, Ordering::Relaxed);
        if let Ok(mut failing) = self.failing.lock() {
            failing.clear();
        }
    }

    pub(crate) fn show_paused(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
    }

    pub(crate) fn read(&self, rule: &Arc<str>) -> RuleCounts {
        RuleCounts {
            rule: Arc::clone(rule),
            evaluations: self.evaluations.load(Ordering::Relaxed),
            operations: self.operations.load(Ordering::Relaxed),
            faults: self.faults.load(Ordering::Relaxed),
            skipped: self.skipped.load(Ordering::Relaxed),
            paused: self.paused.load(Ordering::Relaxed),
            signals: self.signals.load(Ordering::Relaxed),
            timed: self.timed.load(Ordering::Relaxed),
            timed_ns: self.nanoseconds.load(Ordering::Relaxed),
            last_fault: self.last_fault.lock().ok().and_then(|last| last.clone()),
        }
    }
}
