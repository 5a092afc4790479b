//! Limits for each sender (address and port): how many datagrams a second, how many under way.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

use tokio::time::Instant;

/// A sender's allowance.
struct Source {
    /// Datagrams that it may still send at once.
    allowance: f64,
    /// When that was true.
    at: Instant,
    /// Its messages that wait for the journal.
    pending: u32,
}

/// All senders that are remembered.
pub(super) struct Sources {
    entries: HashMap<SocketAddr, Source>,
    /// In the order of their coming.
    order: VecDeque<SocketAddr>,
    capacity: usize,
    rate_per_s: f64,
    burst: f64,
    max_pending: u32,
}

impl Sources {
    pub(super) fn new(capacity: usize, rate_per_s: u32, burst: u32, max_pending: u32) -> Sources {
        Sources {
            entries: HashMap::new(),
            order: VecDeque::new(),
            capacity: capacity.max(1),
            rate_per_s: f64::from(rate_per_s),
            burst: f64::from(burst.max(1)),
            max_pending,
        }
    }

    /// Counts a datagram of a sender; `false` if it sends too many.
    pub(super) fn admit(&mut self, peer: SocketAddr, now: Instant) -> bool {
        let (rate_per_s, burst) = (self.rate_per_s, self.burst);
        let source = self.entry(peer, now);
        let passed_s = now.saturating_duration_since(source.at).as_secs_f64();
        source.allowance = (source.allowance + passed_s * rate_per_s).min(burst);
        source.at = now;
        if source.allowance < 1.0 {
            return false;
        }
        source.allowance -= 1.0;
        true
    }

    /// Counts a message that goes to the journal; `false` if too many of the sender's are there.
    pub(super) fn begin(&mut self, peer: SocketAddr, now: Instant) -> bool {
        let max_pending = self.max_pending;
        let source = self.entry(peer, now);
        if source.pending >= max_pending {
            return false;
        }
        source.pending += 1;
        true
    }

    /// A message of the sender is settled.
    pub(super) fn end(&mut self, peer: SocketAddr) {
        if let Some(source) = self.entries.get_mut(&peer) {
            source.pending = source.pending.saturating_sub(1);
        }
    }

    fn entry(&mut self, peer: SocketAddr, now: Instant) -> &mut Source {
        if !self.entries.contains_key(&peer) {
            self.make_room();
            self.order.push_back(peer);
        }
        let burst = self.burst;
        self.entries.entry(peer).or_insert(Source { allowance: burst, at: now, pending: 0 })
    }

    /// Forgets the oldest sender. One with messages under way is forgotten as well when its turn comes
    /// (its count then starts anew): addresses can be forged, so nothing may hold a place for ever.
    fn make_room(&mut self) {
        while self.entries.len() >= self.capacity {
            let Some(oldest) = self.order.pop_front() else { return };
            self.entries.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn peer(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn a_sender_may_burst_and_then_goes_by_its_rate() {
        let mut sources = Sources::new(10, 10, 3, 1);
        let now = Instant::now();
        assert!((0..3).all(|_| sources.admit(peer(1), now)));
        assert!(!sources.admit(peer(1), now));
        assert!(sources.admit(peer(2), now));
        let later = now + Duration::from_millis(100);
        assert!(sources.admit(peer(1), later));
        assert!(!sources.admit(peer(1), later));
    }

    #[test]
    fn messages_under_way_are_bounded_for_each_sender() {
        let mut sources = Sources::new(10, 10, 10, 1);
        let now = Instant::now();
        assert!(sources.begin(peer(1), now));
        assert!(!sources.begin(peer(1), now));
        assert!(sources.begin(peer(2), now));
        sources.end(peer(1));
        assert!(sources.begin(peer(1), now));
    }

    #[test]
    fn the_oldest_sender_makes_room() {
        let mut sources = Sources::new(2, 1, 1, 1);
        let now = Instant::now();
        for port in 1..=3 {
            assert!(sources.admit(peer(port), now));
        }
        assert!(!sources.admit(peer(3), now));
        assert!(sources.admit(peer(1), now));
        assert_eq!(sources.entries.len(), 2);
    }
}
