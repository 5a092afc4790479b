//! What a CoAP listener has done since the start, as counters that anybody may read.

use std::sync::atomic::{AtomicU64, Ordering};

/// The counters.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Datagrams that came.
    pub datagrams: AtomicU64,
    /// Datagrams that are no CoAP or have no meaning here.
    pub garbage: AtomicU64,
    /// Pings answered.
    pub pings: AtomicU64,
    /// Requests that repeat one seen before, recognised by address, message id and bytes.
    pub duplicates: AtomicU64,
    /// Message ids that a peer used for another request too early.
    pub reused_ids: AtomicU64,
    /// Exchanges forgotten before their time, for room.
    pub forgotten_exchanges: AtomicU64,
    /// Blocks taken that were not the last of their body.
    pub blocks: AtomicU64,
    /// Requests handed to the journal.
    pub submitted: AtomicU64,
    /// Requests answered after they were synced.
    pub durable: AtomicU64,
    /// Of these, the ones that cannot be decoded.
    pub quarantined: AtomicU64,
    /// Requests refused, for any reason.
    pub refused: AtomicU64,
    /// Requests that the journal did not settle in time; they got no answer.
    pub unsettled: AtomicU64,
    /// Answers sent apart from their acknowledgement.
    pub separate: AtomicU64,
    /// Repetitions of such answers.
    pub retransmissions: AtomicU64,
    /// Such answers that the peer never acknowledged.
    pub unacknowledged: AtomicU64,
    /// Errors of the socket.
    pub socket_errors: AtomicU64,
}

impl Metrics {
    /// The counters now, by their names in the metrics.
    #[must_use]
    pub fn snapshot(&self) -> Vec<(&'static str, u64)> {
        let named = [
            ("gengfu_coap_datagrams_total", &self.datagrams),
            ("gengfu_coap_garbage_total", &self.garbage),
            ("gengfu_coap_pings_total", &self.pings),
            ("gengfu_coap_duplicates_total", &self.duplicates),
            ("gengfu_coap_reused_ids_total", &self.reused_ids),
            ("gengfu_coap_forgotten_exchanges_total", &self.forgotten_exchanges),
            ("gengfu_coap_blocks_total", &self.blocks),
            ("gengfu_coap_submitted_total", &self.submitted),
            ("gengfu_coap_durable_total", &self.durable),
            ("gengfu_coap_quarantined_total", &self.quarantined),
            ("gengfu_coap_refused_total", &self.refused),
            ("gengfu_coap_unsettled_total", &self.unsettled),
            ("gengfu_coap_separate_total", &self.separate),
            ("gengfu_coap_retransmissions_total", &self.retransmissions),
            ("gengfu_coap_unacknowledged_total", &self.unacknowledged),
            ("gengfu_coap_socket_errors_total", &self.socket_errors),
        ];
        named.into_iter().map(|(name, counter)| (name, counter.load(Ordering::Relaxed))).collect()
    }
}

/// Adds one.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
