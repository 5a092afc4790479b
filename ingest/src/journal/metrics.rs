//! What the journal's threads count, for whoever shows metrics.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use gengfu_model::{Seq, Timestamp};

use super::journal_clock::ClockFault;

/// The journal's counters. Written by its threads, read by anybody.
#[derive(Debug, Default)]
pub struct JournalMetrics {
    commits: AtomicU64,
    messages: AtomicU64,
    controls: AtomicU64,
    too_large: AtomicU64,
    sync_micros: AtomicU64,
    slowest_sync_micros: AtomicU64,
    full: AtomicBool,
    full_times: AtomicU64,
    clock_fault: AtomicU8,
    last_seq: AtomicU64,
    last_time: AtomicI64,
    now: AtomicI64,
    archived: AtomicU64,
    archive_failures: AtomicU64,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricsSnapshot {
    /// Group commits since the start.
    pub commits: u64,
    /// Messages journaled since the start.
    pub messages: u64,
    /// Control records journaled since the start.
    pub controls: u64,
    /// Messages not taken because they are larger than any frame.
    pub too_large: u64,
    /// Time spent in syncs since the start, in microseconds.
    pub sync_micros: u64,
    /// The slowest sync since the start, in microseconds.
    pub slowest_sync_micros: u64,
    /// Whether messages wait because the disk is full.
    pub full: bool,
    /// How often the disk became full since the start.
    pub full_times: u64,
    /// Why the wall clock is not followed; `None` when it is.
    pub clock_fault: Option<ClockFault>,
    /// The last synced record.
    pub last_seq: Seq,
    /// The journal's time of that record.
    pub last_time: Timestamp,
    /// Segments archived since the start.
    pub archived: u64,
    /// Failed tries to archive or to tidy up since the start.
    pub archive_failures: u64,
}

impl JournalMetrics {
    /// The counters now.
    #[must_use]
    pub fn snapshot(&self) -> MetricsSnapshot {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        MetricsSnapshot {
            commits: count(&self.commits),
            messages: count(&self.messages),
            controls: count(&self.controls),
            too_large: count(&self.too_large),
            sync_micros: count(&self.sync_micros),
            slowest_sync_micros: count(&self.slowest_sync_micros),
            full: self.full(),
            full_times: count(&self.full_times),
            clock_fault: self.clock_fault(),
            last_seq: Seq(count(&self.last_seq)),
            last_time: self.last_time(),
            archived: count(&self.archived),
            archive_failures: count(&self.archive_failures),
        }
    }

    pub(super) fn committed(&self, messages: usize, controls: usize, last_seq: Seq, last_time: Timestamp) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.messages.fetch_add(messages as u64, Ordering::Relaxed);
        self.controls.fetch_add(controls as u64, Ordering::Relaxed);
        self.set_last(last_seq, last_time);
    }

    pub(super) fn set_now(&self, now: Timestamp) {
        self.now.store(now.as_millis(), Ordering::Relaxed);
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::Relaxed))
    }

    pub(super) fn set_last(&self, last_seq: Seq, last_time: Timestamp) {
        self.last_seq.store(last_seq.0, Ordering::Relaxed);
        self.last_time.store(last_time.as_millis(), Ordering::Relaxed);
    }

    pub(super) fn synced(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.sync_micros.fetch_add(micros, Ordering::Relaxed);
        self.slowest_sync_micros.fetch_max(micros, Ordering::Relaxed);
    }

    pub(super) fn refused_too_large(&self, bytes: usize, limit: usize) {
        self.too_large.fetch_add(1, Ordering::Relaxed);
        tracing::error!(bytes, limit, "a message is larger than the journal's frames; it was not taken");
    }

    pub(super) fn set_full(&self, full: bool) {
        let before = self.full.swap(full, Ordering::Relaxed);
        match (before, full) {
            (false, true) => {
                self.full_times.fetch_add(1, Ordering::Relaxed);
                tracing::error!("the disk is full: messages wait, control records go on in the reserve");
            }
            (true, false) => tracing::info!("the disk has room again: messages go on"),
            (true, true) | (false, false) => {}
        }
    }

    pub(super) fn full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    pub(super) fn last_time(&self) -> Timestamp {
        Timestamp(self.last_time.load(Ordering::Relaxed))
    }

    pub(super) fn set_clock_fault(&self, fault: Option<ClockFault>) {
        let number = match fault {
            None => 0,
            Some(ClockFault::Behind) => 1,
            Some(ClockFault::Ahead) => 2,
        };
        let before = self.clock_fault.swap(number, Ordering::Relaxed);
        match fault {
            Some(fault) if before != number => {
                tracing::error!(?fault, "the wall clock is not believable: time goes on by the monotonic clock");
            }
            None if before != 0 => tracing::info!("the wall clock is followed again"),
            Some(_) | None => {}
        }
    }

    pub(super) fn clock_fault(&self) -> Option<ClockFault> {
        match self.clock_fault.load(Ordering::Relaxed) {
            1 => Some(ClockFault::Behind),
            2 => Some(ClockFault::Ahead),
            _ => None,
        }
    }

    pub(super) fn archived(&self) {
        self.archived.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn archive_failed(&self, error: &super::JournalError) {
        self.archive_failures.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(%error, "history could not be archived; it is tried again");
    }
}
