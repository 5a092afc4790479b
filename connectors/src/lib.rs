//! What gengfu writes to and tells: the ledger, checkpoints, the series store, and whoever is to be
//! told outside.
//!
//! - [`ledger`]: the reducer's state at a journal position (SQLite, or memory in tests), its read side
//! - [`checkpoint`]: device state between ledger and journal
//! - [`series`]: points for the plots, one file a day, closed days in columnar blocks
//! - [`attachments`]: files of cases, by their hash
//! - [`delivery`]: the outbox to webhooks, with a record of its own
//! - [`notify`]: people, by robots of their messengers, mail and SMS
//! - [`city`]: the city's case platform, both ways, and CloudEvents
//! - [`files`]: copies and checks any of these SQLite files, without knowing what is in it
//! - [`wal`]: what a clean stop does for all of them
//! - [`live_feed`]: readings and incidents over MQTT for engineers' tools
//!
//! Promises: effects and their position are one transaction; everything here is safe to repeat.
//! Must not know: listeners, codecs, how rules judge.

pub mod attachments;
pub mod checkpoint;
pub mod city;
pub mod delivery;
pub mod files;
pub mod ledger;
pub mod live_feed;
pub mod notify;
pub mod series;
mod sqlite;
pub mod wal;

pub use attachments::Attachments;
pub use checkpoint::{CheckpointStore, DeviceRow, MemoryCheckpoints, SqliteCheckpoints};
pub use delivery::Deliverer;
pub use ledger::{Ledger, LedgerError, LedgerReader, LedgerState, MemoryLedger, SqliteLedger};
pub use live_feed::LiveFeed;
pub use series::{SeriesError, SeriesReader, SeriesStore, SqliteSeries};
