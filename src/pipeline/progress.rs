//! How far the stages have come, for whoever must not overtake them.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use gengfu_model::Seq;

/// Positions that are durable by now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Positions {
    /// The last record that the engine has applied.
    pub applied: Seq,
    /// The last record whose effects are in the ledger.
    pub ledger: Seq,
    /// The last record whose points are in the embedded series.
    pub series: Seq,
    /// The series store waits for room on a full disk.
    pub series_full: bool,
    /// The gateway is stopping: a stage that waits for room gives up, and the next start replays it.
    pub stopping: bool,
    /// A stage has stopped: these positions will not move any more.
    pub closed: bool,
}

/// The positions, shared by the stages.
#[derive(Debug, Default)]
pub struct Progress {
    positions: Mutex<Positions>,
    moved: Condvar,
}

impl Progress {
    /// The positions right now.
    #[must_use]
    pub fn get(&self) -> Positions {
        *self.positions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the positions and wakes whoever waits.
    pub fn update(&self, change: impl FnOnce(&mut Positions)) {
        change(&mut self.positions.lock().unwrap_or_else(PoisonError::into_inner));
        self.moved.notify_all();
    }

    /// Waits until `reached` holds; `false` if the stages stopped before.
    #[must_use]
    pub fn wait_until(&self, reached: impl Fn(&Positions) -> bool) -> bool {
        let mut positions = self.positions.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if reached(&positions) {
                return true;
            }
            if positions.closed {
                return false;
            }
            let waited = self.moved.wait_timeout(positions, Duration::from_secs(1));
            positions = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
