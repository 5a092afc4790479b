//! A remote time series beside the embedded one: InfluxDB 2 and what speaks its write API
//! (VictoriaMetrics, GreptimeDB, openGemini), and the older `/write` of InfluxDB 1.x.
//!
//! Promises: only what a store can read is sent ([`line`]); only the answer 204 is success; every
//! call has a timeout; a failed write is tried again with growing waits; and what was acknowledged is
//! called confirmed only after the store has been seen alive, on one unbroken connection, for
//! [`InfluxSettings::confirm_after`] (VictoriaMetrics acknowledges some 5 s before it is durable).
//! After a lost connection the caller is told to send again what is not confirmed. Writes may be
//! repeated: the same line twice is the same point (VictoriaMetrics needs
//! `-dedup.minScrapeInterval=1ms` for that, since it keeps both samples otherwise).
//!
//! A kind is a measurement, the device its one tag, the catalogue's names are the fields, times are
//! milliseconds. Left to others: where the points come from, and keeping them until they are
//! confirmed; the journal does that for the gateway, so nothing is held in memory here.

mod feed_record;
pub mod line;
mod pace;
pub mod settings;
mod unconfirmed;
mod wire;
mod witness;
mod writer;

pub use feed_record::{FeedRecord, Gap};
pub use line::{Booleans, LeftOut, LineBuilder, LineOptions, Lines};
pub use settings::{Api, InfluxError, InfluxSettings};
pub use writer::{InfluxWriter, WriteError, Written};
