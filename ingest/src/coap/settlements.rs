//! The journal's results on their way to the listener's task.

use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use crate::{AckSink, Settled};

/// Collects what the journal has settled. It holds at most one entry for each message under way, and
/// these are bounded by the listener.
#[derive(Default)]
pub(super) struct Settlements {
    settled: Mutex<Vec<(u64, Settled)>>,
    waiting: Notify,
}

impl Settlements {
    /// Waits until there may be something to take.
    pub(super) async fn wait(&self) {
        self.waiting.notified().await;
    }

    /// Takes out what is there, in the order in which it was settled.
    pub(super) fn take(&self) -> Vec<(u64, Settled)> {
        std::mem::take(&mut *self.settled.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl AckSink for Settlements {
    fn settle(&self, ticket: u64, outcome: Settled) {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner).push((ticket, outcome));
    }

    fn wake(&self) {
        self.waiting.notify_one();
    }
}
