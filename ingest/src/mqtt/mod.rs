//! The MQTT listener: 3.1.1 and 5 on one port, plain or TLS.
//!
//! Promises:
//! - a message is acknowledged (PUBACK, PUBREC) only when the journal has it on disk, in the order of
//!   arrival, refusals included;
//! - who a device is follows from its credential alone, and it publishes only as itself: to `telemetry`,
//!   `up`, `events` and `replies` under `v1/devices/{its id, or me}/`, and hears only `commands` there;
//! - when the journal is behind or the device too fast, reading stops; nothing is dropped.
//!
//! It is no broker: nothing goes from one client to another, and nothing is retained. MQTT 5 clients are
//! told so (Retain Available 0; a publish with retain breaks the protocol), 3.1.1 clients have the flag
//! ignored. `CONFORMANCE.md` beside this file lists the standards' statements and their tests.
//!
//! A device has one connection and one session: see [`session`]. Reading order: [`listener`](Listener),
//! `handshake`, `connection`, `packets`, `closing`; `wire` holds the packets themselves.

mod acks;
mod backoff;
mod certificate;
mod closing;
mod commands;
mod connection;
mod handshake;
mod link;
mod listener;
mod login;
mod metrics;
mod options;
mod outgoing;
mod packets;
mod quota;
mod refusal;
pub mod session;
mod stream;
mod topic;
mod wire;

pub use certificate::{TlsError, server_config};
pub use commands::{Accepted, CommandOutcome, CommandReport, Commands, SendError};
pub use listener::Listener;
pub use metrics::MqttMetrics;
pub use options::{BackoffOptions, MqttOptions, RateOptions};
pub use packets::MAX_MESSAGE_ID_BYTES;
pub use refusal::Refused;
pub use session::{Command, CommandQos, MemorySessions, QueueError, SessionStore, Subscription};
pub use topic::CommandTopic;
