//! The acknowledgements that a connection owes, in the order in which its publishes came.
//!
//! A refusal stands in the queue like any other, so it never overtakes the acknowledgement of an earlier
//! message that is still on its way to the disk. Pure.

use std::collections::VecDeque;

use super::wire::{QoS, Reason};

/// One owed acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ack {
    pub(crate) qos: QoS,
    /// 0 for QoS 0.
    pub(crate) packet_id: u16,
    pub(crate) reason: Reason,
    /// The journal's ticket; `None` when nothing was handed over (a refusal, or a repeat of QoS 2).
    ticket: Option<u64>,
}

impl Ack {
    /// Whether a message of the journal stands behind it.
    pub(crate) fn is_journaled(&self) -> bool {
        self.ticket.is_some()
    }
}

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct AckQueue {
    owed: VecDeque<Ack>,
    next_ticket: u64,
    /// How many of `owed` are of QoS 1 or 2.
    with_ack: usize,
}

impl AckQueue {
    /// A message goes to the journal: gives its ticket.
    pub(crate) fn submitted(&mut self, qos: QoS, packet_id: u16) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.push(Ack { qos, packet_id, reason: Reason::Success, ticket: Some(ticket) });
        ticket
    }

    /// A publish is answered without the journal.
    pub(crate) fn answered(&mut self, qos: QoS, packet_id: u16, reason: Reason) {
        self.push(Ack { qos, packet_id, reason, ticket: None });
    }

    fn push(&mut self, ack: Ack) {
        self.with_ack += usize::from(ack.qos != QoS::AtMostOnce);
        self.owed.push_back(ack);
    }

    /// The next acknowledgement that may go out, when tickets below `settled` are durable.
    pub(crate) fn next(&mut self, settled: u64) -> Option<Ack> {
        let ready = self.owed.front().is_some_and(|ack| ack.ticket.is_none_or(|ticket| ticket < settled));
        let ack = if ready { self.owed.pop_front()? } else { return None };
        self.with_ack -= usize::from(ack.qos != QoS::AtMostOnce);
        if self.owed.is_empty() {
            // An idle connection holds no buffer.
            self.owed = VecDeque::new();
        }
        Some(ack)
    }

    /// Publishes of QoS 1 and 2 that are not answered yet.
    pub(crate) fn in_flight(&self) -> usize {
        self.with_ack
    }

    /// All publishes that wait, those of QoS 0 included.
    pub(crate) fn len(&self) -> usize {
        self.owed.len()
    }

    /// Whether a QoS 2 publish with this id waits for its PUBREC.
    pub(crate) fn has_exactly_once(&self, packet_id: u16) -> bool {
        self.owed
            .iter()
            .any(|ack| ack.qos == QoS::ExactlyOnce && ack.packet_id == packet_id && ack.reason == Reason::Success)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_does_not_overtake() {
        let mut queue = AckQueue::default();
        assert_eq!(queue.submitted(QoS::AtLeastOnce, 1), 0);
        queue.answered(QoS::AtLeastOnce, 2, Reason::NotAuthorized);
        assert_eq!(queue.submitted(QoS::AtLeastOnce, 3), 1);
        assert_eq!(queue.in_flight(), 3);
        assert_eq!(queue.next(0), None);
        let ids: Vec<u16> = std::iter::from_fn(|| queue.next(1)).map(|ack| ack.packet_id).collect();
        assert_eq!(ids, [1, 2]);
        assert_eq!(queue.next(2).map(|ack| ack.packet_id), Some(3));
        assert_eq!((queue.in_flight(), queue.len()), (0, 0));
    }
}
