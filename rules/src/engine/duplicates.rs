//! Which message was seen before.
//!
//! Scope is the device, memory its last 32 messages within 24 hours. The key is the first that
//! applies: an explicit id; the platform's sequence number; CoAP token, message id and payload; MQTT's
//! DUP flag with the payload of one of the remembered messages; event time and payload.
//!
//! A city keeps these by the million, so an entry has 16 bytes. Keys are told by 64 bits: that one of a device's last
//! 32 messages is taken for a new one by chance has a probability of 32 in 2^64, one reading in some hundred thousand
//! years of 60,000 messages a second. Only a message with MQTT's DUP flag, which its sender says to be a repeat, is
//! told by 32 bits of its payload: where it is none, it is taken for one in one case of 134 million.

use std::collections::VecDeque;

use gengfu_model::time::DAY_MS;
use gengfu_model::{MessageKey, Timestamp};
use serde::{Deserialize, Serialize};

/// How many messages of a device are remembered; also how many it may have unacknowledged.
pub const REMEMBERED: usize = 32;
/// How long a message is remembered, in milliseconds.
pub(super) const REMEMBERED_MS: i64 = DAY_MS;

/// The remembered messages of one device.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub(super) struct Seen {
    /// When the newest of them came.
    newest: Timestamp,
    /// Oldest first.
    entries: VecDeque<Entry>,
    /// The newest event time of those that are told by it: what is newer than that is no repeat of theirs, so most
    /// messages need no look at the entries.
    #[serde(skip)]
    timed_until: Timestamp,
    /// Of so many of the oldest the event time is not known: it is no part of what is stored.
    #[serde(skip)]
    unknown_times: u8,
}

/// As it stands in a row.
#[derive(Deserialize)]
struct Stored {
    newest: Timestamp,
    entries: VecDeque<Entry>,
}

impl From<Stored> for Seen {
    fn from(Stored { newest, entries }: Stored) -> Seen {
        let unknown_times = u8::try_from(entries.len()).unwrap_or(u8::MAX);
        Seen { newest, entries, timed_until: NEVER, unknown_times }
    }
}

impl Default for Seen {
    fn default() -> Seen {
        Seen::from(Stored { newest: Timestamp::default(), entries: VecDeque::new() })
    }
}

/// Before all event times.
const NEVER: Timestamp = Timestamp(i64::MIN);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    key: u64,
    /// Of the payload's hash, half the bits.
    payload: u32,
    /// The low bits of the milliseconds: they come round in 49 days, and no entry is looked at that is older than
    /// twice [`REMEMBERED_MS`].
    at: u32,
}

/// What is known of the times is no part of what is remembered.
impl PartialEq for Seen {
    fn eq(&self, other: &Seen) -> bool {
        self.newest == other.newest && self.entries == other.entries
    }
}

impl Entry {
    fn new(key: u64, payload: u64, at: Timestamp) -> Entry {
        Entry { key, payload: half(payload), at: at.as_millis() as u32 }
    }

    fn is_forgotten(self, now: Timestamp) -> bool {
        i64::from((now.as_millis() as u32).wrapping_sub(self.at)) > REMEMBERED_MS
    }
}

fn half(hash: u64) -> u32 {
    (hash ^ (hash >> 32)) as u32
}

impl Seen {
    /// Reads the keys, for [`Engine::foresee`](super::Engine::foresee).
    pub(super) fn look(&self) -> u64 {
        // Where the times tell, only the place of the oldest is looked at, which the newest takes.
        if self.unknown_times == 0 && self.timed_until > NEVER {
            return self.entries.front().map_or(0, |oldest| oldest.key);
        }
        self.entries.iter().step_by(4).fold(0, |sum, entry| sum ^ entry.key)
    }

    fn drop_oldest(&mut self) {
        self.entries.pop_front();
        self.unknown_times = self.unknown_times.saturating_sub(1);
    }

    /// Whether a message was seen before; if not, it is remembered.
    ///
    /// `explicit` is an id from the payload, `event_time` the message's own time (`None`: it has none,
    /// so that two equal payloads are two readings), `payload` a hash of its bytes.
    pub(super) fn check(
        &mut self,
        key: &MessageKey,
        explicit: Option<&str>,
        event_time: Option<Timestamp>,
        payload: u64,
        now: Timestamp,
    ) -> bool {
        if now.since_ms(self.newest) > REMEMBERED_MS {
            self.entries.clear();
            (self.timed_until, self.unknown_times) = (NEVER, 0);
        }
        while self.entries.front().is_some_and(|oldest| oldest.is_forgotten(now)) {
            self.drop_oldest();
        }
        let mut timed_at = None;
        let mut timed = || {
            timed_at = event_time;
            timed(event_time, payload)
        };
        let digest = match (key, explicit) {
            (MessageKey::Explicit(id), _) => Some(hash_parts(b"id", id.as_bytes())),
            (_, Some(id)) => Some(hash_parts(b"id", id.as_bytes())),
            (MessageKey::PlatformSequence(sequence), None) => Some(hash_parts(b"platform", &sequence.to_le_bytes())),
            (MessageKey::Coap { token, message_id }, None) => {
                let exchange = hash_parts(&message_id.to_le_bytes(), token);
                Some(hash_parts(&exchange.to_le_bytes(), &payload.to_le_bytes()))
            }
            (MessageKey::MqttDup, None) => {
                if self.entries.iter().any(|entry| entry.payload == half(payload)) {
                    return true;
                }
                timed()
            }
            (MessageKey::None, None) => timed(),
        };
        // A message with no key at all is still remembered by its payload, for a later DUP.
        let key = digest.unwrap_or(0);
        let is_newest = self.unknown_times == 0 && timed_at.is_some_and(|time| time > self.timed_until);
        if digest.is_some() && !is_newest && self.entries.iter().any(|entry| entry.key == key) {
            return true;
        }
        if let Some(time) = timed_at {
            self.timed_until = self.timed_until.max(time);
        }
        if self.entries.len() == REMEMBERED {
            self.drop_oldest();
        }
        self.entries.push_back(Entry::new(key, payload, now));
        self.newest = now;
        false
    }
}

fn timed(event_time: Option<Timestamp>, payload: u64) -> Option<u64> {
    event_time.map(|time| hash_parts(&time.as_millis().to_le_bytes(), &payload.to_le_bytes()))
}

/// A 64-bit hash. A device can only confuse its own messages with it, so it need not be keyed; it must be the same in
/// every build, since it stands in checkpoints.
#[must_use]
pub fn hash(bytes: &[u8]) -> u64 {
    hash_from(0xcbf2_9ce4_8422_2325, bytes)
}

fn hash_parts(first: &[u8], second: &[u8]) -> u64 {
    hash_from(hash(first), second)
}

/// Eight bytes at a time, each folded in by one multiplication, as wyhash does. What is left over is filled up with
/// zeros; the length, which comes first, tells them from bytes that are zero.
fn hash_from(state: u64, bytes: &[u8]) -> u64 {
    let words = bytes.chunks_exact(8);
    let mut last = [0; 8];
    last[..words.remainder().len()].copy_from_slice(words.remainder());
    let word = |word: &[u8]| <[u8; 8]>::try_from(word).map_or(0, u64::from_le_bytes);
    let hash = words.fold(fold(state ^ bytes.len() as u64), |hash, eight| fold(hash ^ word(eight)));
    fold(hash ^ u64::from_le_bytes(last))
}

/// The two halves of the product with an odd number (2^64 by the golden ratio), one over the other.
fn fold(x: u64) -> u64 {
    let product = u128::from(x) * 0x9e37_79b9_7f4a_7c15;
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_the_same_in_every_build_and_tells_apart_what_differs_little() {
        assert_eq!(hash(b""), HASH_OF_NOTHING);
        assert_eq!(hash(br#"{"ts":1781798400000,"tilt_deg":1.5}"#), HASH_OF_A_READING);
        let mut seen = std::collections::BTreeSet::new();
        for length in 0..40_usize {
            assert!(seen.insert(hash(&vec![0; length])));
            for place in 0..length {
                for bit in 0..8 {
                    let mut bytes = vec![0; length];
                    bytes[place] = 1 << bit;
                    assert!(seen.insert(hash(&bytes)), "{bytes:?}");
                }
            }
        }
        assert_ne!(hash_parts(b"ab", b"c"), hash_parts(b"a", b"bc"));
    }

    const HASH_OF_NOTHING: u64 = 0x5365_4eaf_febf_f65a;
    const HASH_OF_A_READING: u64 = 0xaac1_fd92_c666_1bd4;
    const NOW: Timestamp = Timestamp(1_000_000);

    #[test]
    fn an_explicit_id_is_a_repeat_whatever_the_bytes_are() {
        let mut seen = Seen::default();
        assert!(!seen.check(&MessageKey::Explicit("a".into()), None, None, 1, NOW));
        assert!(seen.check(&MessageKey::Explicit("a".into()), None, None, 2, NOW));
        assert!(seen.check(&MessageKey::None, Some("a"), None, 3, NOW), "the payload's id is the same key");
        assert!(!seen.check(&MessageKey::Explicit("b".into()), None, None, 1, NOW));
    }

    #[test]
    fn without_an_id_time_and_payload_decide() {
        let mut seen = Seen::default();
        let at = Some(Timestamp(5));
        assert!(!seen.check(&MessageKey::None, None, at, 1, NOW));
        assert!(seen.check(&MessageKey::None, None, at, 1, NOW));
        assert!(!seen.check(&MessageKey::None, None, Some(Timestamp(6)), 1, NOW));
        assert!(!seen.check(&MessageKey::None, None, None, 1, NOW), "no time of its own: a new reading");
        assert!(!seen.check(&MessageKey::None, None, None, 1, NOW));
        assert!(seen.check(&MessageKey::MqttDup, None, None, 1, NOW), "but DUP says that it is the same");
    }

    #[test]
    fn a_dup_flag_on_something_new_is_no_repeat() {
        let mut seen = Seen::default();
        assert!(!seen.check(&MessageKey::MqttDup, None, None, 9, NOW));
        assert!(seen.check(&MessageKey::MqttDup, None, None, 9, NOW));
    }

    #[test]
    fn memory_is_32_messages_and_24_hours() {
        let mut seen = Seen::default();
        let id = |n: u64| MessageKey::PlatformSequence(n);
        for n in 0..33 {
            assert!(!seen.check(&id(n), None, None, n, NOW));
        }
        assert!(seen.check(&id(1), None, None, 1, NOW));
        assert!(!seen.check(&id(0), None, None, 0, NOW), "the 33rd pushed the first out");
        assert!(!seen.check(&id(32), None, None, 32, NOW.plus_ms(REMEMBERED_MS + 1)));
    }

    #[test]
    fn a_message_is_forgotten_after_24_hours_to_the_millisecond_and_stays_so() {
        // Just before the low bits of the time come round, and after it.
        for begin in [NOW, Timestamp((1 << 32) - 5), Timestamp(7 << 32)] {
            let id = |n: u64| MessageKey::PlatformSequence(n);
            let mut seen = Seen::default();
            assert!(!seen.check(&id(1), None, None, 1, begin));
            assert!(!seen.check(&id(2), None, None, 2, begin.plus_ms(REMEMBERED_MS)));
            assert!(seen.check(&id(1), None, None, 1, begin.plus_ms(REMEMBERED_MS)));
            assert!(!seen.check(&id(1), None, None, 1, begin.plus_ms(REMEMBERED_MS + 1)), "it is new again");
            assert!(seen.check(&id(2), None, None, 2, begin.plus_ms(2 * REMEMBERED_MS)));
            // A device that is silent for longer than the low bits take to come round.
            let back = begin.plus_ms((1 << 32) + REMEMBERED_MS);
            assert!(!seen.check(&id(1), None, None, 1, back) && !seen.check(&id(2), None, None, 2, back));
        }
    }

    #[test]
    fn what_comes_out_of_a_row_knows_its_messages_though_not_their_times() {
        let check =
            |seen: &mut Seen, time: i64| seen.check(&MessageKey::None, None, Some(Timestamp(time)), time as u64, NOW);
        let mut seen = Seen::default();
        for time in [5, 3, 9, 7] {
            assert!(!check(&mut seen, time));
        }
        let mut again: Seen = postcard::from_bytes(&postcard::to_allocvec(&seen).unwrap()).unwrap();
        assert_eq!(again, seen);
        for time in [7, 9, 3, 5] {
            assert!(check(&mut seen, time) && check(&mut again, time), "{time}");
        }
        for time in 100..100 + REMEMBERED as i64 - 1 {
            assert!(!check(&mut again, time));
        }
        assert!(check(&mut again, 7) && !check(&mut again, 200));
        assert!(!check(&mut again, 7), "32 have come since");
        assert_eq!(again.unknown_times, 0);
    }

    #[test]
    fn an_entry_is_small() {
        assert_eq!(size_of::<Entry>(), 16);
    }
}
