//! What rules cost and do: counters beside the pack, which no outcome depends on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::pack::{FaultNote, RuleCounts};

/// The counters of one rule. Relaxed atomics: they are read for people only.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    evaluations: AtomicU64,
    operations: AtomicU64,
    faults: AtomicU64,
    skipped: AtomicU64,
    signals: AtomicU64,
    last_fault: Mutex<Option<FaultNote>>,
}

impl Counters {
    pub(crate) fn evaluated(&self, operations: u32) {
        self.evaluations.fetch_add(1, Ordering::Relaxed);
        self.operations.fetch_add(u64::from(operations), Ordering::Relaxed);
    }

    pub(crate) fn skipped(&self) {
        self.skipped.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn signalled(&self) {
        self.signals.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self, note: FaultNote) {
        self.faults.fetch_add(1, Ordering::Relaxed);
        if let Ok(mut last) = self.last_fault.lock() {
            *last = Some(note);
        }
    }

    pub(crate) fn read(&self, rule: &Arc<str>) -> RuleCounts {
        RuleCounts {
            rule: Arc::clone(rule),
            evaluations: self.evaluations.load(Ordering::Relaxed),
            operations: self.operations.load(Ordering::Relaxed),
            faults: self.faults.load(Ordering::Relaxed),
            skipped: self.skipped.load(Ordering::Relaxed),
            signals: self.signals.load(Ordering::Relaxed),
            last_fault: self.last_fault.lock().ok().and_then(|last| last.clone()),
        }
    }
}
