//! The wire: MQTT 3.1.1 and 5 as thousands of small devices speak it.
//!
//! Packets are built and read with rumqttc's codecs; the connection around them is ours, since one
//! rumqttc event loop per device costs more memory and time than the device itself, and forgets what
//! was not acknowledged when the session is new. A connection here is a socket and two small buffers.

mod backoff;
mod connection;
mod counts;
mod packets;

pub use backoff::Backoff;
pub use connection::{Connection, Login};
pub use counts::{Counts, Snapshot};
pub use packets::{Incoming, Version, WireError};
