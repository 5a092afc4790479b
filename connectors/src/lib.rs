//! What gengfu writes to and tells: the ledger, checkpoints, the series store, and whoever is to be
//! told outside.
//!
//! Promises: effects and their position are one transaction; everything here is safe to repeat.
//! Must not know: listeners, codecs, how rules judge.

pub mod checkpoint;
pub mod ledger;
pub mod series;
mod sqlite;

pub use checkpoint::{CheckpointStore, DeviceRow, MemoryCheckpoints, SqliteCheckpoints};
pub use ledger::{Ledger, LedgerError, LedgerReader, LedgerState, MemoryLedger, SqliteLedger};
pub use series::{SeriesError, SeriesReader, SeriesStore, SqliteSeries};
