//! The limits and times of the journal's writer.

use std::sync::Arc;
use std::time::Duration;

use super::journal_clock::{Monotonic, SystemMonotonic};

/// How the writer works. The defaults are those of the design.
#[derive(Clone)]
pub struct WriterOptions {
    /// A commit takes no further submission once it has this many messages; default 10,000.
    pub max_commit_messages: usize,
    /// A commit takes no further submission once it has this many bytes; default 4 MiB.
    pub max_commit_bytes: usize,
    /// Small commits that come close upon each other are this far apart; default 1 ms.
    pub commit_gap: Duration,
    /// How many control records may wait; default 256.
    pub control_capacity: usize,
    /// A record is written at least this often, a tick if need be; default 10 s of the journal's time.
    pub idle_tick_ms: i64,
    /// Ticks for timers are at least this far apart; default 1 s of the journal's time.
    pub min_tick_ms: i64,
    /// Refusal counters become a record this often; default 1 s of the journal's time.
    pub refusals_every_ms: i64,
    /// The longest sleep before the clock is looked at again; default 100 ms.
    pub max_sleep: Duration,
    /// The first wait before room is looked for again on a full disk; doubles up to `max_room_wait`.
    /// Default 50 ms.
    pub room_wait: Duration,
    /// The longest such wait; default 2 s.
    pub max_room_wait: Duration,
    /// The clock that vouches for the wall clock.
    pub monotonic: Arc<dyn Monotonic>,
}

impl Default for WriterOptions {
    fn default() -> Self {
        WriterOptions {
            max_commit_messages: 10_000,
            max_commit_bytes: 4 << 20,
            commit_gap: Duration::from_millis(1),
            control_capacity: 256,
            idle_tick_ms: 10_000,
            min_tick_ms: 1_000,
            refusals_every_ms: 1_000,
            max_sleep: Duration::from_millis(100),
            room_wait: Duration::from_millis(50),
            max_room_wait: Duration::from_secs(2),
            monotonic: Arc::new(SystemMonotonic::default()),
        }
    }
}
