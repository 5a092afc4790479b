//! The answers that a connection owes, in the order in which the packets came.
//!
//! A refusal stands in the queue like any other, so it never overtakes the acknowledgement of an earlier
//! message that is still on its way to the disk. Pure.

use std::collections::VecDeque;

use bytes::Bytes;

use super::wire::{QoS, Reason};

/// What is owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nothing: a message of QoS 0.
    Nothing,
    /// Nothing: the session's own record.
    Session,
    /// PUBACK.
    PubAck,
    /// PUBREC.
    PubRec,
    /// PUBCOMP.
    PubComp,
    /// A packet that is written already: CONNACK, SUBACK, UNSUBACK.
    Packet(Bytes),
}

impl Answer {
    fn to_publish(qos: QoS) -> Answer {
        match qos {
            QoS::AtMostOnce => Answer::Nothing,
            QoS::AtLeastOnce => Answer::PubAck,
            QoS::ExactlyOnce => Answer::PubRec,
        }
    }

    /// Whether a publish with a packet id waits for it.
    fn ends_a_flight(&self) -> bool {
        matches!(self, Answer::PubAck | Answer::PubRec)
    }
}

/// What an answer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    /// For nothing but those before it.
    Turn,
    /// For a ticket of the journal.
    Ticket(u64),
    /// For the session's next record, which has no ticket yet.
    SessionRecord,
}

/// One owed answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ack {
    pub(crate) answer: Answer,
    /// 0 where there is none.
    pub(crate) packet_id: u16,
    pub(crate) reason: Reason,
    wait: Wait,
}

impl Ack {
    /// Whether it stands for a message that is in the journal.
    pub(crate) fn is_journaled_message(&self) -> bool {
        matches!(self.wait, Wait::Ticket(_)) && matches!(self.answer, Answer::Nothing | Answer::PubAck | Answer::PubRec)
    }
}

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct AckQueue {
    owed: VecDeque<Ack>,
    next_ticket: u64,
    /// How many of `owed` are of publishes with QoS 1 or 2.
    with_ack: usize,
}

impl AckQueue {
    /// A message goes to the journal: gives its ticket.
    pub(crate) fn submitted(&mut self, qos: QoS, packet_id: u16) -> u64 {
        let ticket = self.take_ticket();
        self.push(Answer::to_publish(qos), packet_id, Reason::Success, Wait::Ticket(ticket));
        ticket
    }

    /// A publish is answered without the journal.
    pub(crate) fn answered(&mut self, qos: QoS, packet_id: u16, reason: Reason) {
        self.push(Answer::to_publish(qos), packet_id, reason, Wait::Turn);
    }

    /// A PUBREL of an id that nothing is known of is answered.
    pub(crate) fn not_found(&mut self, packet_id: u16) {
        self.push(Answer::PubComp, packet_id, Reason::PacketIdNotFound, Wait::Turn);
    }

    /// An answer goes out when the session's next record is in the journal.
    pub(crate) fn after_session_record(&mut self, answer: Answer, packet_id: u16) {
        self.push(answer, packet_id, Reason::Success, Wait::SessionRecord);
    }

    /// The session's record goes to the journal: gives its ticket.
    pub(crate) fn session_submitted(&mut self) -> u64 {
        let ticket = self.take_ticket();
        self.resolve(Wait::Ticket(ticket));
        self.push(Answer::Session, 0, Reason::Success, Wait::Ticket(ticket));
        ticket
    }

    /// The session ends with its connection, so no record is needed.
    pub(crate) fn session_needs_no_record(&mut self) {
        self.resolve(Wait::Turn);
    }

    fn resolve(&mut self, wait: Wait) {
        for ack in self.owed.iter_mut().filter(|ack| ack.wait == Wait::SessionRecord) {
            ack.wait = wait;
        }
    }

    fn take_ticket(&mut self) -> u64 {
        self.next_ticket += 1;
        self.next_ticket - 1
    }

    fn push(&mut self, answer: Answer, packet_id: u16, reason: Reason, wait: Wait) {
        self.with_ack += usize::from(answer.ends_a_flight());
        self.owed.push_back(Ack { answer, packet_id, reason, wait });
    }

    /// The next answer that may go out, when tickets below `settled` are durable.
    pub(crate) fn next(&mut self, settled: u64) -> Option<Ack> {
        let ready = match self.owed.front()?.wait {
            Wait::Turn => true,
            Wait::Ticket(ticket) => ticket < settled,
            Wait::SessionRecord => false,
        };
        let ack = if ready { self.owed.pop_front()? } else { return None };
        self.with_ack -= usize::from(ack.answer.ends_a_flight());
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

    /// All that wait, those without an answer included.
    pub(crate) fn len(&self) -> usize {
        self.owed.len()
    }

    /// Whether a QoS 2 message of this id waits for its PUBREL, when all that is owed has gone out; `held` says
    /// whether it does now. An id is free again with its PUBREL: there are clients that do not wait for PUBCOMP.
    pub(crate) fn holds(&self, packet_id: u16, held: bool) -> bool {
        self.changes_of_held().filter(|(id, _)| *id == packet_id).last().map_or(held, |(_, held)| held)
    }

    /// How many releases are on their way to the disk.
    pub(crate) fn releasing(&self) -> usize {
        self.changes_of_held().filter(|(_, held)| !held).count()
    }

    /// The ids that will wait for their PUBREL when all that is owed has gone out; `held` are those that do now.
    pub(crate) fn unreleased(&self, held: &[u16]) -> Vec<u16> {
        let mut ids = held.to_vec();
        for (id, held) in self.changes_of_held() {
            ids.retain(|known| *known != id);
            if held {
                ids.push(id);
            }
        }
        ids
    }

    /// Each PUBREC (`true`) and PUBCOMP (`false`) of success that is owed, in order.
    fn changes_of_held(&self) -> impl Iterator<Item = (u16, bool)> {
        self.owed.iter().filter(|ack| ack.reason == Reason::Success).filter_map(|ack| match ack.answer {
            Answer::PubRec => Some((ack.packet_id, true)),
            Answer::PubComp => Some((ack.packet_id, false)),
            Answer::Nothing | Answer::Session | Answer::PubAck | Answer::Packet(_) => None,
        })
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

    #[test]
    fn an_answer_of_the_session_waits_for_its_record() {
        let mut queue = AckQueue::default();
        queue.after_session_record(Answer::PubComp, 7);
        assert_eq!(queue.submitted(QoS::ExactlyOnce, 8), 0);
        assert_eq!(queue.unreleased(&[7]), [8], "7 will be released and 8 held");
        assert!(!queue.holds(7, true) && queue.holds(8, false) && queue.holds(9, true));
        assert_eq!(queue.next(1), None, "the record has no ticket yet");
        assert_eq!(queue.session_submitted(), 1);
        assert_eq!(queue.next(1), None, "the record is not durable yet");
        let answers: Vec<Answer> = std::iter::from_fn(|| queue.next(2)).map(|ack| ack.answer).collect();
        assert_eq!(answers, [Answer::PubComp, Answer::PubRec, Answer::Session]);
        queue.after_session_record(Answer::PubComp, 9);
        queue.session_needs_no_record();
        assert_eq!(queue.next(2).map(|ack| ack.packet_id), Some(9));
    }
}
