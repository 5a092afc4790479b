//! How far the stages have come, for whoever must not overtake them.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gengfu_model::Seq;

/// Whoever waits looks again after this long, moved or not.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Positions that are durable by now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Positions {
    /// The last record that the engine has applied.
    pub applied: Seq,
    /// The last record whose effects the ledger's thread was given: at this one, `ledger` has all there is.
    pub handed: Seq,
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
        self.wait(None, reached)
    }

    /// Waits until `reached` holds, but no longer than `most`; `false` if it did not come to that.
    #[must_use]
    pub fn wait_at_most(&self, most: Duration, reached: impl Fn(&Positions) -> bool) -> bool {
        self.wait(Some(Instant::now() + most), reached)
    }

    fn wait(&self, until: Option<Instant>, reached: impl Fn(&Positions) -> bool) -> bool {
        let mut positions = self.positions.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if reached(&positions) {
                return true;
            }
            let left = until.map_or(LOOK_AGAIN, |until| until.saturating_duration_since(Instant::now()));
            if positions.closed || left.is_zero() {
                return false;
            }
            let waited = self.moved.wait_timeout(positions, left.min(LOOK_AGAIN));
            positions = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
