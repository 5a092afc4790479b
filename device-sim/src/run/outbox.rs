//! What a device has said and the server has not acknowledged yet.

use std::collections::VecDeque;

use bytes::Bytes;

/// Messages that a device keeps without network; the oldest goes first, as in its ring buffer.
const MAX_MESSAGES: usize = 512;

/// One message of a device.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// Number within the device's run, from 1.
    pub(super) number: u64,
    pub(super) payload: Bytes,
    /// Its packet id on this connection; 0: not sent on it.
    packet_id: u16,
    sends: u32,
    acknowledged: bool,
    /// To be sent once more after its acknowledgement: a device that does not trust it.
    again: bool,
}

/// The messages of one device, oldest first.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    messages: VecDeque<Message>,
    last_packet_id: u16,
    in_flight: usize,
}

impl Outbox {
    /// Adds a message; whether an older one had to go for it.
    pub(super) fn push(&mut self, number: u64, payload: Bytes, again: bool) -> bool {
        let full = self.messages.len() >= MAX_MESSAGES;
        if full && let Some(gone) = self.messages.pop_front() {
            self.in_flight -= usize::from(gone.packet_id != 0);
        }
        self.messages.push_back(Message { number, payload, packet_id: 0, sends: 0, acknowledged: false, again });
        full
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// A packet id that no message in flight has.
    pub(super) fn packet_id(&mut self) -> u16 {
        loop {
            self.last_packet_id = self.last_packet_id.checked_add(1).unwrap_or(1);
            if self.messages.iter().all(|message| message.packet_id != self.last_packet_id) {
                return self.last_packet_id;
            }
        }
    }

    /// The next message to be sent, if fewer than `window` are in flight, with its packet id and
    /// whether it was sent before.
    pub(super) fn next_to_send(&mut self, window: usize) -> Option<(&Message, u16, bool)> {
        if self.in_flight >= window || self.in_flight == self.messages.len() {
            return None;
        }
        let packet_id = self.packet_id();
        let message = self.messages.iter_mut().find(|message| message.packet_id == 0)?;
        message.packet_id = packet_id;
        message.sends += 1;
        self.in_flight += 1;
        Some((message, packet_id, message.sends > 1))
    }

    /// Takes an acknowledgement; whether it is a message's first.
    pub(super) fn acknowledged(&mut self, packet_id: u16) -> bool {
        let Some(index) = self.messages.iter().position(|message| message.packet_id == packet_id) else {
            return false;
        };
        self.in_flight -= 1;
        let message = &mut self.messages[index];
        let first = !message.acknowledged;
        if message.again {
            (message.again, message.acknowledged, message.packet_id) = (false, true, 0);
        } else {
            self.messages.remove(index);
        }
        first
    }

    /// The connection is gone: what was in flight has to be sent again.
    pub(super) fn connection_lost(&mut self) {
        self.in_flight = 0;
        for message in &mut self.messages {
            message.packet_id = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbox(messages: u64) -> Outbox {
        let mut outbox = Outbox::default();
        for number in 1..=messages {
            assert!(!outbox.push(number, Bytes::new(), false));
        }
        outbox
    }

    #[test]
    fn what_is_in_flight_is_sent_again_after_a_lost_connection_and_marked() {
        let mut outbox = outbox(3);
        let (first, packet_id, repeat) = outbox.next_to_send(2).unwrap();
        assert_eq!((first.number, packet_id, repeat), (1, 1, false));
        assert!(outbox.next_to_send(2).is_some());
        assert!(outbox.next_to_send(2).is_none(), "the window is full");
        assert!(outbox.acknowledged(2), "in any order");
        assert!(!outbox.acknowledged(2), "only once");
        outbox.connection_lost();
        let (first, _, repeat) = outbox.next_to_send(2).unwrap();
        assert_eq!((first.number, repeat), (1, true));
        let (third, _, repeat) = outbox.next_to_send(2).unwrap();
        assert_eq!((third.number, repeat), (3, false));
    }

    #[test]
    fn a_repeat_on_purpose_is_acknowledged_once() {
        let mut outbox = Outbox::default();
        outbox.push(1, Bytes::new(), true);
        let id = outbox.next_to_send(9).unwrap().1;
        assert!(outbox.acknowledged(id));
        let (_, id, repeat) = outbox.next_to_send(9).unwrap();
        assert!(repeat);
        assert!(!outbox.acknowledged(id));
        assert!(outbox.is_empty());
    }

    #[test]
    fn a_full_memory_forgets_the_oldest() {
        let mut outbox = outbox(MAX_MESSAGES as u64);
        assert!(outbox.push(9_999, Bytes::new(), false));
        assert_eq!(outbox.next_to_send(1).unwrap().0.number, 2);
    }
}
