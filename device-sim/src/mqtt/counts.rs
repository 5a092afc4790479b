//! What a fleet has done so far, counted where it happens.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// Counters that all devices of a fleet share.
#[derive(Debug, Default)]
pub struct Counts {
    /// Messages that devices made.
    pub made: Counter,
    /// Publishes sent for the first time.
    pub sent: Counter,
    /// Publishes sent again, after a lost connection or on purpose.
    pub resent: Counter,
    /// Messages acknowledged; a repeat on purpose does not count again.
    pub acknowledged: Counter,
    /// Publishes that the server acknowledged with a refusal (MQTT 5).
    pub refused: Counter,
    /// Messages given up: a device's memory was full.
    pub dropped: Counter,
    /// Connections made.
    pub connects: Counter,
    /// Connections that are open now.
    pub connected: Counter,
    /// Attempts to connect that failed.
    pub connect_failures: Counter,
    /// Connections lost.
    pub lost: Counter,
    /// Commands received.
    pub commands: Counter,
}

/// A number that many tasks change.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// One less; only for what is counted as present.
    pub fn subtract(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// The number now.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    /// See [`Counts::made`].
    pub made: u64,
    /// See [`Counts::sent`].
    pub sent: u64,
    /// See [`Counts::resent`].
    pub resent: u64,
    /// See [`Counts::acknowledged`].
    pub acknowledged: u64,
    /// See [`Counts::refused`].
    pub refused: u64,
    /// Messages that were made and never acknowledged: given up, or still waiting.
    pub failed: u64,
    /// See [`Counts::connects`].
    pub connects: u64,
    /// See [`Counts::connected`].
    pub connected: u64,
    /// See [`Counts::connect_failures`].
    pub connect_failures: u64,
    /// See [`Counts::lost`].
    pub lost: u64,
    /// See [`Counts::commands`].
    pub commands: u64,
}

impl Counts {
    /// The counters now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let (made, acknowledged) = (self.made.get(), self.acknowledged.get());
        Snapshot {
            made,
            sent: self.sent.get(),
            resent: self.resent.get(),
            acknowledged,
            refused: self.refused.get(),
            failed: made.saturating_sub(acknowledged),
            connects: self.connects.get(),
            connected: self.connected.get(),
            connect_failures: self.connect_failures.get(),
            lost: self.lost.get(),
            commands: self.commands.get(),
        }
    }
}
