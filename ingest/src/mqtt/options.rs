//! The listener's limits, each with its default. A limit that is reached makes the listener wait or
//! refuse with a reason; nothing that was acknowledged is ever dropped for it.

use std::time::Duration;

/// Limits and times of the MQTT listener.
#[derive(Clone, Debug, PartialEq)]
pub struct MqttOptions {
    /// The largest packet taken, in bytes, fixed header included. Default 256 KiB; a firmware's biggest
    /// backlog message stays far below.
    pub max_packet_bytes: usize,
    /// The largest CONNECT taken, in bytes: what a peer may make us hold before it has logged in. Default 16 KiB.
    pub max_connect_bytes: usize,
    /// How many devices may be connected at once. Default 100,000. Over it: CONNACK 0x97 (MQTT 5) or 3.
    pub max_connections: usize,
    /// How many connections may be between accept and CONNACK at once. Default 512. Over it, accepting
    /// waits; the connect timeout frees the places of silent peers.
    pub max_handshakes: usize,
    /// TLS handshake and CONNECT together must be complete within this. Default 10 s.
    pub connect_timeout: Duration,
    /// A peer that does not take what we have to write for this long is cut off. Default 30 s.
    pub write_timeout: Duration,
    /// Publishes of one device that are not acknowledged yet; then reading stops. Default 32. MQTT 5
    /// clients are told so (Receive Maximum).
    pub max_in_flight: u16,
    /// Messages of QoS 0 of one device that are not in the journal yet; then reading stops. Default 256.
    pub max_unsettled: usize,
    /// Packet ids of QoS 2 that may wait for their PUBREL in an MQTT 3.1.1 session, which knows no Receive
    /// Maximum. Default 1,024; over it the connection is closed.
    pub max_unreleased: usize,
    /// Messages handed to the journal in one go. Default 64.
    pub max_batch: usize,
    /// Bytes read from a socket before they are looked at. Default and most 16 KiB. An idle connection holds none.
    pub read_chunk_bytes: usize,
    /// Bytes waiting to be written to one device; then reading stops. Default 64 KiB.
    pub max_unwritten_bytes: usize,
    /// How fast one device may send.
    pub rate: RateOptions,
    /// Highest topic alias a client may use, 0 for none. Default 16.
    pub topic_alias_maximum: u16,
    /// The longest client id, in bytes. Default 256.
    pub max_client_id_bytes: usize,
    /// How long the session of an MQTT 3.1.1 client that connected with clean session 0 is kept. Default 7 days.
    pub session_expiry_v3: Duration,
    /// The longest session expiry an MQTT 5 client gets. Default 7 days.
    pub max_session_expiry: Duration,
    /// Commands on the way to one device without its acknowledgement. Default 16 (less if an MQTT 5 client says
    /// so by its Receive Maximum).
    pub max_commands_in_flight: u16,
    /// How long a connection waits for the one that it takes over to end, and how long an ending one waits for
    /// its messages to be settled. Default 5 s.
    pub handover_timeout: Duration,
    /// After the last packet to a peer, how long its unread bytes are taken off the socket, so that the reason of
    /// the close reaches it. Default 1 s.
    pub linger: Duration,
    /// How refusals are slowed down.
    pub backoff: BackoffOptions,
}

impl Default for MqttOptions {
    fn default() -> Self {
        let week = Duration::from_secs(7 * 24 * 3600);
        MqttOptions {
            max_packet_bytes: 256 * 1024,
            max_connect_bytes: 16 * 1024,
            max_connections: 100_000,
            max_handshakes: 512,
            connect_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            max_in_flight: 32,
            max_unsettled: 256,
            max_unreleased: 1_024,
            max_batch: 64,
            read_chunk_bytes: 16 * 1024,
            max_unwritten_bytes: 64 * 1024,
            rate: RateOptions::default(),
            topic_alias_maximum: 16,
            max_client_id_bytes: 256,
            session_expiry_v3: week,
            max_session_expiry: week,
            max_commands_in_flight: 16,
            handover_timeout: Duration::from_secs(5),
            linger: Duration::from_secs(1),
            backoff: BackoffOptions::default(),
        }
    }
}

/// The largest packet that MQTT can frame: a remaining length of 268,435,455 and its fixed header.
const MAX_MQTT_PACKET_BYTES: usize = 268_435_455 + 5;

impl MqttOptions {
    /// What is wrong with these options, all of it; empty when a listener can run with them.
    #[must_use]
    pub fn problems(&self) -> Vec<&'static str> {
        let rules = [
            ((2..=MAX_MQTT_PACKET_BYTES).contains(&self.max_packet_bytes), "max_packet_bytes must be 2 to 268435460"),
            (self.max_connect_bytes >= 16, "max_connect_bytes must be at least 16, or no CONNECT fits"),
            (self.max_connections > 0, "max_connections must not be 0"),
            (self.max_handshakes > 0, "max_handshakes must not be 0"),
            (self.max_in_flight > 0, "max_in_flight must not be 0: MQTT 5 forbids it as a Receive Maximum"),
            (self.max_unsettled > 0, "max_unsettled must not be 0"),
            (self.max_batch > 0, "max_batch must not be 0"),
            (self.max_unwritten_bytes > 0, "max_unwritten_bytes must not be 0"),
            (self.rate.messages_per_s > 0.0, "rate.messages_per_s must be above 0"),
            (self.rate.burst >= 1.0, "rate.burst must be at least 1"),
            (self.rate.backlog >= 0.0 && self.rate.backlog_per_s >= 0.0, "rate.backlog must not be negative"),
        ];
        rules.into_iter().filter(|(holds, _)| !holds).map(|(_, problem)| problem).collect()
    }

    /// One and a half keep-alive times, `None` for a client without one.
    pub(crate) fn silence_allowed(keep_alive_s: u16) -> Option<Duration> {
        (keep_alive_s > 0).then(|| Duration::from_millis(u64::from(keep_alive_s) * 1_500))
    }
}

/// How fast one device may send. Over the rate, reading stops; nothing is dropped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateOptions {
    /// Messages a second in the long run. Default 100.
    pub messages_per_s: f64,
    /// Messages that may come at once. Default 200.
    pub burst: f64,
    /// Messages that may come beyond rate and burst after a time off line. Default 10,000.
    pub backlog: f64,
    /// How fast the backlog allowance comes back, in messages a second. Default 10.
    pub backlog_per_s: f64,
}

impl Default for RateOptions {
    fn default() -> Self {
        RateOptions { messages_per_s: 100.0, burst: 200.0, backlog: 10_000.0, backlog_per_s: 10.0 }
    }
}

/// How refusals are slowed down. The n-th fault in a row waits `first * 2^(n-1)`, at most `longest`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BackoffOptions {
    /// Wait after the first fault. Default 100 ms.
    pub first: Duration,
    /// The longest wait. Default 5 s.
    pub longest: Duration,
    /// A source without a fault for this long starts anew. Default 10 minutes.
    pub forget_after: Duration,
    /// Sources remembered. Default 10,000; beyond, the oldest are forgotten.
    pub max_sources: usize,
    /// Refusals that may wait at once; beyond, the peer is cut off without an answer. Default 1,024.
    pub max_waiting: usize,
}

impl Default for BackoffOptions {
    fn default() -> Self {
        BackoffOptions {
            first: Duration::from_millis(100),
            longest: Duration::from_secs(5),
            forget_after: Duration::from_secs(600),
            max_sources: 10_000,
            max_waiting: 1_024,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_problems_are_named_at_once() {
        assert!(MqttOptions::default().problems().is_empty());
        let rate = RateOptions { burst: f64::NAN, ..RateOptions::default() };
        let bad = MqttOptions { max_in_flight: 0, max_batch: 0, rate, ..MqttOptions::default() };
        assert_eq!(bad.problems().len(), 3);
    }
}
