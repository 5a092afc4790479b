//! Stores whose disk is full hold messages back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use gengfu_ingest::journal::JournalHandle;

/// Stores behind the journal that wait for room on a full disk. While one does, messages are held back.
#[derive(Debug, Default)]
pub(crate) struct StoresFull {
    pub(crate) ledger: AtomicBool,
    pub(crate) series: AtomicBool,
    /// Held while one of them changes, so that the journal is told in the same order.
    turn: Mutex<()>,
}

#[derive(Clone)]
pub(super) struct NoRoom {
    pub(super) journal: JournalHandle,
    pub(super) stores: Arc<StoresFull>,
}

impl NoRoom {
    /// What one store calls when its disk is full, and when it has room again.
    pub(super) fn setter(self, which: fn(&StoresFull) -> &AtomicBool) -> impl Fn(bool) + Send {
        move |full| {
            let _turn = self.stores.turn.lock().unwrap_or_else(PoisonError::into_inner);
            which(&self.stores).store(full, Ordering::SeqCst);
            let any = self.stores.ledger.load(Ordering::SeqCst) || self.stores.series.load(Ordering::SeqCst);
            self.journal.hold_messages(any);
        }
    }
}
