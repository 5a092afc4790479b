//! Which message was seen before.
//!
//! Scope is the device, memory its last 32 messages within 24 hours. The key is the first that
//! applies: an explicit id; the platform's sequence number; CoAP token, message id and payload; MQTT's
//! DUP flag with the payload of one of the remembered messages; event time and payload.

use std::collections::VecDeque;

use gengfu_model::time::DAY_MS;
use gengfu_model::{MessageKey, Timestamp};
use serde::{Deserialize, Serialize};

/// How many messages of a device are remembered; also how many it may have unacknowledged.
pub const REMEMBERED: usize = 32;
/// How long a message is remembered, in milliseconds.
pub(super) const REMEMBERED_MS: i64 = DAY_MS;

/// The remembered messages of one device, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen(VecDeque<Entry>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    key: u64,
    payload: u64,
    at: Timestamp,
}

impl Seen {
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
        while self.0.front().is_some_and(|oldest| now.since_ms(oldest.at) > REMEMBERED_MS) {
            self.0.pop_front();
        }
        let digest = match (key, explicit) {
            (MessageKey::Explicit(id), _) => Some(hash_parts(b"id", id.as_bytes())),
            (_, Some(id)) => Some(hash_parts(b"id", id.as_bytes())),
            (MessageKey::PlatformSequence(sequence), None) => Some(hash_parts(b"platform", &sequence.to_le_bytes())),
            (MessageKey::Coap { token, message_id }, None) => {
                let exchange = hash_parts(&message_id.to_le_bytes(), token);
                Some(hash_parts(&exchange.to_le_bytes(), &payload.to_le_bytes()))
            }
            (MessageKey::MqttDup, None) => {
                if self.0.iter().any(|entry| entry.payload == payload) {
                    return true;
                }
                timed(event_time, payload)
            }
            (MessageKey::None, None) => timed(event_time, payload),
        };
        // A message with no key at all is still remembered by its payload, for a later DUP.
        let key = digest.unwrap_or(0);
        if digest.is_some() && self.0.iter().any(|entry| entry.key == key) {
            return true;
        }
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(Entry { key, payload, at: now });
        false
    }
}

fn timed(event_time: Option<Timestamp>, payload: u64) -> Option<u64> {
    event_time.map(|time| hash_parts(&time.as_millis().to_le_bytes(), &payload.to_le_bytes()))
}

/// A 64-bit FNV-1a hash. A device can only confuse its own messages with it, so it need not be
/// keyed; it must be the same in every build, since it stands in checkpoints.
#[must_use]
pub fn hash(bytes: &[u8]) -> u64 {
    hash_from(0xcbf2_9ce4_8422_2325, bytes)
}

fn hash_parts(first: &[u8], second: &[u8]) -> u64 {
    hash_from(hash_from(hash(first), &[0xff]), second)
}

fn hash_from(state: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(state, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
