//! Answers that travel in messages of their own, repeated until the peer acknowledges them.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

/// One answer that waits for its acknowledgement.
struct Waiting {
    bytes: Vec<u8>,
    due: Instant,
    serial: u64,
    timeout: Duration,
    sent: u32,
}

/// What to do about an answer that is due.
pub(super) enum Due {
    /// Send it again.
    Again(SocketAddr, Vec<u8>),
    /// The peer did not acknowledge any of the repetitions.
    GivenUp,
}

/// All answers that wait for their acknowledgement; bounded by the messages under way, since an
/// answer beyond `capacity` is sent once and not waited for.
pub(super) struct Separate {
    waiting: HashMap<(SocketAddr, u16), Waiting>,
    due: BTreeMap<(Instant, u64), (SocketAddr, u16)>,
    capacity: usize,
    ack_timeout: Duration,
    max_retransmit: u32,
    last_serial: u64,
    next_id: u16,
}

impl Separate {
    /// `first_id` should be random (RFC 7252, 4.4).
    pub(super) fn new(capacity: usize, ack_timeout: Duration, max_retransmit: u32, first_id: u16) -> Separate {
        Separate {
            waiting: HashMap::new(),
            due: BTreeMap::new(),
            capacity,
            ack_timeout,
            max_retransmit,
            last_serial: 0,
            next_id: first_id,
        }
    }

    /// A message id of ours that this peer does not wait to acknowledge already.
    pub(super) fn message_id(&mut self, peer: SocketAddr) -> u16 {
        for _ in 0..=u16::MAX {
            self.next_id = self.next_id.wrapping_add(1);
            if !self.waiting.contains_key(&(peer, self.next_id)) {
                break;
            }
        }
        self.next_id
    }

    /// Waits for the acknowledgement of an answer that is sent now.
    pub(super) fn wait(&mut self, peer: SocketAddr, message_id: u16, bytes: Vec<u8>, now: Instant) {
        if self.waiting.len() >= self.capacity {
            return;
        }
        self.last_serial += 1;
        // The standard spreads the first repetition over half the timeout, so that answers which
        // collided do not collide again; our consecutive ids serve for that.
        let spread = self.ack_timeout.mul_f64(f64::from(message_id % 128) / 256.0);
        let timeout = self.ack_timeout + spread;
        let waiting = Waiting { bytes, due: now + timeout, serial: self.last_serial, timeout, sent: 0 };
        self.due.insert((waiting.due, waiting.serial), (peer, message_id));
        self.waiting.insert((peer, message_id), waiting);
    }

    /// The peer has acknowledged (or reset) a message of ours.
    pub(super) fn close(&mut self, peer: SocketAddr, message_id: u16) {
        if let Some(waiting) = self.waiting.remove(&(peer, message_id)) {
            self.due.remove(&(waiting.due, waiting.serial));
        }
    }

    /// When there is something to do.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first_key_value().map(|((due, _), _)| *due)
    }

    /// The next answer that is due, if any.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Due> {
        let (&(due, serial), &key) = self.due.first_key_value().filter(|((due, _), _)| *due <= now)?;
        self.due.remove(&(due, serial));
        let waiting = self.waiting.get_mut(&key)?;
        if waiting.sent >= self.max_retransmit {
            self.waiting.remove(&key);
            return Some(Due::GivenUp);
        }
        waiting.sent += 1;
        waiting.timeout *= 2;
        waiting.due = now + waiting.timeout;
        self.due.insert((waiting.due, serial), key);
        Some(Due::Again(key.0, waiting.bytes.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(2);

    #[test]
    fn an_answer_is_repeated_ever_more_slowly_and_given_up() {
        let mut separate = Separate::new(10, TIMEOUT, 2, 0);
        let peer = SocketAddr::from(([127, 0, 0, 1], 9));
        let start = Instant::now();
        let id = separate.message_id(peer);
        separate.wait(peer, id, vec![7], start);
        let mut waits = Vec::new();
        let mut now = start;
        loop {
            let due = separate.next_due().unwrap();
            waits.push(due - now);
            now = due;
            assert!(separate.pop_due(now - Duration::from_millis(1)).is_none());
            match separate.pop_due(now).unwrap() {
                Due::Again(to, bytes) => assert_eq!((to, bytes), (peer, vec![7])),
                Due::GivenUp => break,
            }
        }
        assert!(waits[0] >= TIMEOUT && waits[0] < TIMEOUT + TIMEOUT / 2, "{waits:?}");
        assert_eq!((waits.len(), waits[1], waits[2]), (3, waits[0] * 2, waits[0] * 4));
        assert!(separate.next_due().is_none());
    }

    #[test]
    fn an_acknowledged_answer_is_not_repeated() {
        let mut separate = Separate::new(1, TIMEOUT, 2, u16::MAX - 1);
        let peer = SocketAddr::from(([127, 0, 0, 1], 9));
        let now = Instant::now();
        let id = separate.message_id(peer);
        separate.wait(peer, id, vec![7], now);
        assert_eq!(separate.message_id(peer), 0);
        // Beyond the capacity nothing is waited for.
        separate.wait(peer, 0, vec![8], now);
        separate.close(peer, 0);
        assert!(separate.next_due().is_some());
        separate.close(peer, id);
        assert!(separate.next_due().is_none());
    }
}
