//! What feeding the remote series counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use gengfu_connectors::series::influx::{LeftOut, Written};
use gengfu_ingest::journal::SyncedEnd;
use gengfu_model::Seq;

/// The counters, since the start. Written by the feeding thread, read by anybody.
#[derive(Debug)]
pub(super) struct Metrics {
    synced: Arc<SyncedEnd>,
    confirmed: AtomicU64,
    down: AtomicBool,
    points_written: AtomicU64,
    points_left_out: AtomicU64,
    lines_refused: AtomicU64,
    writes_failed: AtomicU64,
    connections_lost: AtomicU64,
    records_missed: AtomicU64,
}

impl Metrics {
    pub(super) fn new(synced: Arc<SyncedEnd>) -> Metrics {
        Metrics {
            synced,
            confirmed: AtomicU64::new(0),
            down: AtomicBool::new(false),
            points_written: AtomicU64::new(0),
            points_left_out: AtomicU64::new(0),
            lines_refused: AtomicU64::new(0),
            writes_failed: AtomicU64::new(0),
            connections_lost: AtomicU64::new(0),
            records_missed: AtomicU64::new(0),
        }
    }

    /// As lines of the gateway's metrics.
    pub(super) fn snapshot(&self) -> Vec<(&'static str, u64)> {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let confirmed = count(&self.confirmed);
        vec![
            ("gengfu_remote_series_confirmed_sequence", confirmed),
            ("gengfu_remote_series_lag_records", self.synced.get().0.saturating_sub(confirmed)),
            ("gengfu_remote_series_down", u64::from(self.down.load(Ordering::Relaxed))),
            ("gengfu_remote_series_points_written_total", count(&self.points_written)),
            ("gengfu_remote_series_points_left_out_total", count(&self.points_left_out)),
            ("gengfu_remote_series_lines_refused_total", count(&self.lines_refused)),
            ("gengfu_remote_series_writes_failed_total", count(&self.writes_failed)),
            ("gengfu_remote_series_connections_lost_total", count(&self.connections_lost)),
            ("gengfu_remote_series_records_missed_total", count(&self.records_missed)),
        ]
    }

    pub(super) fn confirmed(&self, position: Seq) {
        self.confirmed.store(position.0, Ordering::Relaxed);
    }

    /// A batch was acknowledged (and may have to be sent again).
    pub(super) fn written(&self, points: u64, written: &Written, left_out: LeftOut) {
        self.points_written.fetch_add(points, Ordering::Relaxed);
        self.points_left_out.fetch_add(left_out.texts + left_out.unusable, Ordering::Relaxed);
        if written.refused > 0 {
            self.lines_refused.fetch_add(written.refused as u64, Ordering::Relaxed);
            let why = written.why.as_deref().unwrap_or_default();
            tracing::warn!(lines = written.refused, why, "the remote series refuses lines for good");
        }
        if self.down.swap(false, Ordering::Relaxed) {
            tracing::info!("the remote series takes points again");
        }
    }

    /// A try failed; logged once until the store is back.
    pub(super) fn failed(&self, why: &str) {
        self.writes_failed.fetch_add(1, Ordering::Relaxed);
        if self.down.swap(true, Ordering::Relaxed) {
            tracing::debug!(why, "the remote series still takes no points");
        } else {
            tracing::warn!(why, "the remote series takes no points; it is fed from the journal when it is back");
        }
    }

    /// What was not confirmed has to be sent again.
    pub(super) fn lost(&self, why: &str) {
        self.connections_lost.fetch_add(1, Ordering::Relaxed);
        tracing::info!(why, "the remote series is sent again what it had not confirmed");
    }

    /// Records are not kept any more; `new` of them were not noted before.
    pub(super) fn missed(&self, first: Seq, last: Seq, new: u64) {
        self.records_missed.fetch_add(new, Ordering::Relaxed);
        if new > 0 {
            tracing::error!(
                first = first.0,
                last = last.0,
                "the remote series was away for longer than the archive keeps: these records it will never have"
            );
        }
    }
}
