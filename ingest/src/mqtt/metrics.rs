//! Counters of the MQTT listener: plain atomics, read by whoever serves `/metrics`.
//!
//! Names are `gengfu_mqtt_<noun>_<verb>[_<unit>]_total`, gauges without `_total`. Device ids are never
//! labels; refusals per device and reason are in the journal (`Control::Refusals`).

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! metrics {
    ($($(#[$doc:meta])* $field:ident => $name:literal,)*) => {
        /// What the listener counts.
        #[derive(Debug, Default)]
        pub struct MqttMetrics {
            $($(#[$doc])* pub $field: AtomicU64,)*
        }

        impl MqttMetrics {
            /// Every counter's name and value, in a fixed order.
            #[must_use]
            pub fn snapshot(&self) -> Vec<(&'static str, u64)> {
                vec![$(($name, self.$field.load(Ordering::Relaxed)),)*]
            }
        }
    };
}

metrics! {
    /// Sockets accepted.
    connections_accepted => "gengfu_mqtt_connections_accepted_total",
    /// Devices connected now.
    connections_open => "gengfu_mqtt_connections_open",
    /// CONNACKs that let a device in.
    logins_accepted => "gengfu_mqtt_logins_accepted_total",
    /// CONNECTs refused, for any reason.
    logins_refused => "gengfu_mqtt_logins_refused_total",
    /// Peers that sent no complete CONNECT in time.
    handshakes_timed_out => "gengfu_mqtt_handshakes_timed_out_total",
    /// TLS handshakes that failed.
    handshakes_failed => "gengfu_mqtt_handshakes_failed_total",
    /// Connections taken over by a newer one of the same device.
    connections_taken_over => "gengfu_mqtt_connections_taken_over_total",
    /// Connections cut off for want of any packet within one and a half keep-alive times.
    keepalives_missed => "gengfu_mqtt_keepalives_missed_total",
    /// Connections closed for a malformed packet or a breach of the protocol.
    protocol_errors => "gengfu_mqtt_protocol_errors_total",
    /// PUBLISH packets read, refused ones included.
    publishes_received => "gengfu_mqtt_publishes_received_total",
    /// Messages handed to the journal.
    messages_submitted => "gengfu_mqtt_messages_submitted_total",
    /// Messages that the journal has made durable.
    messages_settled => "gengfu_mqtt_messages_settled_total",
    /// Messages refused, for any reason.
    messages_refused => "gengfu_mqtt_messages_refused_total",
    /// PUBLISH packets of QoS 2 that repeat one awaiting its PUBREL.
    publishes_repeated => "gengfu_mqtt_publishes_repeated_total",
    /// Payload bytes handed to the journal.
    payload_bytes => "gengfu_mqtt_payload_submitted_bytes_total",
    /// Times that a device was over its rate and reading stopped.
    rate_pauses => "gengfu_mqtt_rate_pauses_total",
    /// Times that the journal's queue was full and reading stopped.
    journal_pauses => "gengfu_mqtt_journal_pauses_total",
    /// Wills handed to the journal.
    wills_submitted => "gengfu_mqtt_wills_submitted_total",
    /// Records of sessions handed to the journal.
    session_records_submitted => "gengfu_mqtt_session_records_submitted_total",
    /// Commands written to devices, repeats included.
    commands_sent => "gengfu_mqtt_commands_sent_total",
    /// Commands that devices acknowledged.
    commands_acknowledged => "gengfu_mqtt_commands_acknowledged_total",
    /// Connection tasks that panicked.
    tasks_panicked => "gengfu_mqtt_tasks_panicked_total",
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Adds `n`.
pub(crate) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}
