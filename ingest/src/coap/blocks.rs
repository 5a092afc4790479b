//! Bodies that come in blocks (Block1, RFC 7959): put together in order, up to a limit.

use std::collections::HashMap;
use std::net::SocketAddr;

use tokio::time::Instant;

use super::EXCHANGE_LIFETIME;

/// The size exponent that is reserved over UDP.
const RESERVED_EXPONENT: u32 = 7;
/// How many bodies one sender may have in the making.
const MAX_BODIES_PER_SOURCE: usize = 4;

/// The value of a block option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// Which block it is, from 0.
    pub(super) number: u32,
    /// Whether more come.
    pub(super) more: bool,
    /// The size as an exponent: 16 bytes at 0, 1,024 at 6.
    exponent: u32,
}

impl Block {
    /// Reads the option's number; `None` for the reserved size.
    pub(super) fn from_number(number: u32) -> Option<Block> {
        let exponent = number & 7;
        (exponent != RESERVED_EXPONENT).then_some(Block { number: number >> 4, more: number & 8 != 0, exponent })
    }

    /// The option's number.
    pub(super) fn to_number(self) -> u32 {
        self.number << 4 | u32::from(self.more) << 3 | self.exponent
    }

    fn size(self) -> usize {
        16 << self.exponent
    }

    fn offset(self) -> usize {
        self.number as usize * self.size()
    }
}

/// What became of a block.
#[derive(Debug, PartialEq)]
pub(super) enum Taken {
    /// Send the next one.
    Continue,
    /// That was the last one: the whole body.
    Whole(Vec<u8>),
    /// Not the block that was due: the body must be sent again from its start (4.08).
    Incomplete,
    /// The body is longer than the limit (4.13).
    TooLarge,
    /// A block of another length than it says (4.00).
    WrongLength,
    /// There is no room for one more body (5.03).
    NoRoom,
}

/// What tells bodies apart: the peer, and what the request says (see `Request::body_key`).
pub(super) type Key = (SocketAddr, Vec<u8>);

struct Body {
    bytes: Vec<u8>,
    ends: Instant,
}

/// The bodies in the making.
pub(super) struct Bodies {
    entries: HashMap<Key, Body>,
    capacity: usize,
    max_body_bytes: usize,
}

impl Bodies {
    pub(super) fn new(capacity: usize, max_body_bytes: usize) -> Bodies {
        Bodies { entries: HashMap::new(), capacity, max_body_bytes }
    }

    /// Takes a block; `announced_bytes` is what Size1 says of the whole body.
    pub(super) fn take(
        &mut self,
        key: Key,
        block: Block,
        announced_bytes: Option<u32>,
        payload: &[u8],
        now: Instant,
    ) -> Taken {
        let announced = announced_bytes.map_or(0, |bytes| bytes as usize);
        if announced.max(block.offset() + payload.len()) > self.max_body_bytes {
            self.entries.remove(&key);
            return Taken::TooLarge;
        }
        if payload.len() > block.size() || block.more && payload.len() != block.size() {
            return Taken::WrongLength;
        }
        if block.number == 0 {
            // A first block starts the body anew, whatever there was.
            self.entries.remove(&key);
            if !block.more {
                return Taken::Whole(payload.to_vec());
            }
            if !self.has_room(key.0, now) {
                return Taken::NoRoom;
            }
            self.entries.insert(key, Body { bytes: payload.to_vec(), ends: now + EXCHANGE_LIFETIME });
            return Taken::Continue;
        }
        let Some(body) =
            self.entries.get_mut(&key).filter(|body| body.bytes.len() == block.offset() && now < body.ends)
        else {
            self.entries.remove(&key);
            return Taken::Incomplete;
        };
        body.bytes.extend_from_slice(payload);
        body.ends = now + EXCHANGE_LIFETIME;
        if block.more {
            return Taken::Continue;
        }
        self.entries.remove(&key).map_or(Taken::Incomplete, |body| Taken::Whole(body.bytes))
    }

    /// Whether one more body fits; the ones that were given up are dropped when room is short.
    fn has_room(&mut self, peer: SocketAddr, now: Instant) -> bool {
        if self.entries.len() >= self.capacity {
            self.entries.retain(|_, body| now < body.ends);
        }
        let of_this_peer = || self.entries.keys().filter(|(other, _)| *other == peer).count();
        self.entries.len() < self.capacity && of_this_peer() < MAX_BODIES_PER_SOURCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(tag: u8) -> Key {
        (SocketAddr::from(([127, 0, 0, 1], 9)), vec![tag])
    }

    fn block(number: u32, more: bool) -> Block {
        Block { number, more, exponent: 0 }
    }

    #[test]
    fn numbers_read_what_they_write() {
        for number in [0, 0x0e, 0x16, 0xff_ffe8] {
            assert_eq!(Block::from_number(number).map(Block::to_number), Some(number));
        }
        assert_eq!(Block::from_number(0x0f), None);
    }

    #[test]
    fn blocks_in_order_make_the_body() {
        let mut bodies = Bodies::new(10, 100);
        let now = Instant::now();
        assert_eq!(bodies.take(key(1), block(0, true), Some(35), &[1; 16], now), Taken::Continue);
        // Another body of the same peer in between.
        assert_eq!(bodies.take(key(2), block(0, true), None, &[9; 16], now), Taken::Continue);
        assert_eq!(bodies.take(key(1), block(1, true), None, &[2; 16], now), Taken::Continue);
        let whole = [vec![1; 16], vec![2; 16], vec![3; 3]].concat();
        assert_eq!(bodies.take(key(1), block(2, false), None, &[3; 3], now), Taken::Whole(whole));
        assert_eq!(bodies.take(key(3), block(0, false), None, &[3; 3], now), Taken::Whole(vec![3; 3]));
    }

    #[test]
    fn a_block_out_of_order_ends_the_body() {
        let mut bodies = Bodies::new(10, 100);
        let now = Instant::now();
        assert_eq!(bodies.take(key(1), block(1, true), None, &[1; 16], now), Taken::Incomplete);
        assert_eq!(bodies.take(key(1), block(0, true), None, &[1; 16], now), Taken::Continue);
        assert_eq!(bodies.take(key(1), block(2, false), None, &[1; 16], now), Taken::Incomplete);
        assert_eq!(bodies.take(key(1), block(1, false), None, &[1; 16], now), Taken::Incomplete);
        assert_eq!(bodies.take(key(1), block(0, true), None, &[1; 16], now), Taken::Continue);
        let late = now + EXCHANGE_LIFETIME;
        assert_eq!(bodies.take(key(1), block(1, false), None, &[1; 16], late), Taken::Incomplete);
    }

    #[test]
    fn limits_hold() {
        let mut bodies = Bodies::new(MAX_BODIES_PER_SOURCE + 1, 32);
        let now = Instant::now();
        assert_eq!(bodies.take(key(1), block(0, true), Some(33), &[1; 16], now), Taken::TooLarge);
        assert_eq!(bodies.take(key(1), block(0, true), Some(32), &[1; 16], now), Taken::Continue);
        assert_eq!(bodies.take(key(1), block(1, true), None, &[1; 16], now), Taken::Continue);
        assert_eq!(bodies.take(key(1), block(2, false), None, &[1; 1], now), Taken::TooLarge);
        assert_eq!(bodies.take(key(1), block(0, true), None, &[1; 15], now), Taken::WrongLength);
        assert_eq!(bodies.take(key(1), block(0, false), None, &[1; 17], now), Taken::WrongLength);
        for tag in 0..MAX_BODIES_PER_SOURCE as u8 {
            assert_eq!(bodies.take(key(tag), block(0, true), None, &[1; 16], now), Taken::Continue);
        }
        assert_eq!(bodies.take(key(99), block(0, true), None, &[1; 16], now), Taken::NoRoom);
        let other = |port: u16| (SocketAddr::from(([127, 0, 0, 1], port)), Vec::new());
        assert_eq!(bodies.take(other(1), block(0, true), None, &[1; 16], now), Taken::Continue);
        assert_eq!(bodies.take(other(2), block(0, true), None, &[1; 16], now), Taken::NoRoom);
        // Bodies that were given up make room.
        let late = now + EXCHANGE_LIFETIME;
        assert_eq!(bodies.take(other(2), block(0, true), None, &[1; 16], late), Taken::Continue);
    }
}
