//! The memory of requests: a repeat within [`EXCHANGE_LIFETIME`] gets the answer of the first one.
//!
//! A request is known by its peer and message id. The bytes must be the same as well: a device that
//! restarts may begin with the same ids again, and its new messages are no repeats.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::time::Instant;

use super::EXCHANGE_LIFETIME;

/// What names a request.
pub(super) type Key = (SocketAddr, u16);

/// What a request is, compared with the memory.
#[derive(Debug, PartialEq)]
pub(super) enum Seen {
    /// New; remembered from now on under this serial number.
    New(u64),
    /// New, though its message id was used for something else not long ago.
    Reused(u64),
    /// A repeat, with what to send for it: the answer, an empty acknowledgement, or nothing yet.
    Duplicate(Option<Arc<[u8]>>),
}

struct Exchange {
    serial: u64,
    fingerprint: u64,
    replay: Option<Arc<[u8]>>,
}

/// The memory, bounded in number and time.
pub(super) struct Exchanges {
    entries: HashMap<Key, Exchange>,
    /// In the order of their coming, with the time of their end.
    order: VecDeque<(Instant, Key, u64)>,
    capacity: usize,
    last_serial: u64,
    hasher: RandomState,
}

impl Exchanges {
    pub(super) fn new(capacity: usize) -> Exchanges {
        let (entries, order) = (HashMap::new(), VecDeque::new());
        Exchanges { entries, order, capacity: capacity.max(1), last_serial: 0, hasher: RandomState::new() }
    }

    /// Looks a datagram up, and remembers it if it is new. The number says how many exchanges had to
    /// be forgotten before their time.
    pub(super) fn look(&mut self, key: Key, datagram: &[u8], now: Instant) -> (Seen, u64) {
        let fingerprint = self.hasher.hash_one(datagram);
        let early = self.make_room(now);
        let is_reuse = match self.entries.get(&key) {
            Some(known) if known.fingerprint == fingerprint => {
                return (Seen::Duplicate(known.replay.clone()), early);
            }
            known => known.is_some(),
        };
        self.last_serial += 1;
        let serial = self.last_serial;
        self.entries.insert(key, Exchange { serial, fingerprint, replay: None });
        self.order.push_back((now + EXCHANGE_LIFETIME, key, serial));
        (if is_reuse { Seen::Reused(serial) } else { Seen::New(serial) }, early)
    }

    /// Keeps what a repeat of this request is to get; `false` if its id is somebody else's by now.
    pub(super) fn keep(&mut self, key: Key, serial: u64, replay: &[u8]) -> bool {
        match self.entries.get_mut(&key).filter(|known| known.serial == serial) {
            Some(known) => {
                known.replay = Some(Arc::from(replay));
                true
            }
            None => false,
        }
    }

    /// Forgets a request, so that a repeat is processed anew.
    pub(super) fn forget(&mut self, key: Key, serial: u64) {
        if self.entries.get(&key).is_some_and(|known| known.serial == serial) {
            self.entries.remove(&key);
        }
    }

    /// How many are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    fn make_room(&mut self, now: Instant) -> u64 {
        let mut early = 0;
        while let Some((end, key, serial)) = self.order.front().copied() {
            let is_over = end <= now;
            if !is_over && self.order.len() < self.capacity {
                break;
            }
            self.order.pop_front();
            // A reused id has a younger exchange by now.
            if self.entries.get(&key).is_some_and(|known| known.serial == serial) {
                self.entries.remove(&key);
                early += u64::from(!is_over);
            }
        }
        early
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(message_id: u16) -> Key {
        (SocketAddr::from(([127, 0, 0, 1], 9)), message_id)
    }

    #[test]
    fn a_repeat_gets_what_was_kept() {
        let mut exchanges = Exchanges::new(10);
        let now = Instant::now();
        let (Seen::New(serial), 0) = exchanges.look(key(1), b"a", now) else { panic!("new") };
        assert_eq!(exchanges.look(key(1), b"a", now).0, Seen::Duplicate(None));
        assert!(exchanges.keep(key(1), serial, b"answer"));
        assert_eq!(exchanges.look(key(1), b"a", now).0, Seen::Duplicate(Some(Arc::from(&b"answer"[..]))));
        assert!(matches!(exchanges.look(key(2), b"a", now).0, Seen::New(_)));
    }

    #[test]
    fn other_bytes_under_the_same_id_are_another_request() {
        let mut exchanges = Exchanges::new(10);
        let now = Instant::now();
        let (Seen::New(first), _) = exchanges.look(key(1), b"a", now) else { panic!("new") };
        let (Seen::Reused(second), _) = exchanges.look(key(1), b"b", now) else { panic!("reused") };
        assert!(!exchanges.keep(key(1), first, b"late"));
        assert!(exchanges.keep(key(1), second, b"right"));
        assert_eq!(exchanges.look(key(1), b"b", now).0, Seen::Duplicate(Some(Arc::from(&b"right"[..]))));
    }

    #[test]
    fn memory_ends_with_the_lifetime_and_with_the_room() {
        let mut exchanges = Exchanges::new(3);
        let now = Instant::now();
        exchanges.look(key(1), b"a", now);
        let later = now + EXCHANGE_LIFETIME;
        assert_eq!(exchanges.look(key(1), b"a", later), (Seen::New(2), 0));
        assert_eq!(exchanges.len(), 1);
        exchanges.look(key(2), b"a", later);
        exchanges.look(key(3), b"a", later);
        let (seen, early) = exchanges.look(key(4), b"a", later);
        assert!(matches!(seen, Seen::New(_)));
        assert_eq!((early, exchanges.len()), (1, 3));
    }
}
