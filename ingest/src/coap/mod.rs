//! CoAP over UDP (RFC 7252, block-wise by RFC 7959): telemetry from devices that sleep.
//!
//! `coap-lite` reads and writes packets; everything that makes messages reliable is here:
//! - `message`: what a datagram is, checked more strictly than the codec does;
//! - `exchanges`: repeated datagrams get the answer of the first one, and reach nobody else;
//! - `blocks`: bodies that come in blocks; `sources`: limits for each sender;
//! - `request`: path, credentials and format; `reply`: answers as bytes; `separate`: answers that came
//!   too late to travel in the acknowledgement, sent until the peer has acknowledged them;
//! - `endpoint`: all of it together, without a socket or a clock of its own.
//!
//! Promises: 2.04 (2.01 for ThingsBoard's path) goes out only after the message is in the journal and
//! synced. A slow journal does not stop the socket: one task owns all state and never waits for
//! anything but the socket, the journal's results and the next due moment. Every table has a bound.
//!
//! Resources: POST `/v1/devices/{device_id}/telemetry?token=TOKEN` (`me` for the token's own device) and
//! POST `/api/v1/{token}/telemetry`. Content formats: JSON (50, and when there is none), CBOR (60),
//! bytes for the model's codec (42). What cannot be decoded is kept, and the answer carries
//! `{"quarantined": reason, "message": text}`.

mod blocks;
mod endpoint;
mod exchanges;
mod listener;
mod message;
mod metrics;
mod reply;
mod request;
mod separate;
mod settlements;
mod sources;

use std::time::Duration;

pub use listener::Listener;
pub use metrics::Metrics;

/// How long the peer may repeat a message, and may not use its id for another (RFC 7252, 4.8.2).
pub const EXCHANGE_LIFETIME: Duration = Duration::from_secs(247);

/// The limits and delays of a CoAP listener.
#[derive(Clone, Debug)]
pub struct Options {
    /// The longest body, in one datagram or put together from blocks; longer ones are answered 4.13.
    pub max_body_bytes: usize,
    /// How many messages may wait for the journal; more are answered 5.03.
    pub max_pending: usize,
    /// How many of them may be from one source (address and port).
    pub max_pending_per_source: u32,
    /// How many datagrams a second one source may send for long; more are answered 4.29.
    pub source_rate_per_s: u32,
    /// How many datagrams one source may send at once.
    pub source_burst: u32,
    /// How many sources are remembered; beyond that the oldest is forgotten.
    pub max_sources: usize,
    /// How many message ids are remembered for [`EXCHANGE_LIFETIME`]; beyond that the oldest is forgotten.
    pub max_exchanges: usize,
    /// How many bodies may be put together at once; more are answered 5.03.
    pub max_block_bodies: usize,
    /// After how long a confirmable request gets an empty acknowledgement and its answer apart.
    pub separate_after: Duration,
    /// How long the peer may take to acknowledge a separate answer; doubles with each repetition.
    pub ack_timeout: Duration,
    /// How often a separate answer is repeated.
    pub max_retransmit: u32,
    /// After how long a message that the journal did not settle gets no answer any more.
    pub settle_timeout: Duration,
    /// What Max-Age says with a 5.03, in seconds.
    pub retry_after_s: u32,
    /// How long to wait for the journal when the listener is told to stop.
    pub drain: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            max_body_bytes: 64 * 1024,
            max_pending: 8_192,
            max_pending_per_source: 512,
            source_rate_per_s: 2_000,
            source_burst: 4_000,
            max_sources: 65_536,
            max_exchanges: 262_144,
            max_block_bodies: 1_024,
            separate_after: Duration::from_secs(1),
            ack_timeout: Duration::from_secs(2),
            max_retransmit: 4,
            settle_timeout: Duration::from_secs(93),
            retry_after_s: 5,
            drain: Duration::from_secs(5),
        }
    }
}
