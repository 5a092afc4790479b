//! A quarantined message that is decoded again: what was kept of it, and what came of it.
//!
//! The request that asks for it carries the bytes, so that it is replayed when the archive has
//! forgotten the message. It counts as a message of its own in the journal: the sheets go on adding up,
//! and the first record stays counted as quarantined.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{DeviceId, Envelope, Kind, MessageKey, PayloadFormat, Seq, Timestamp, Transport};

/// How a message came in; kept with its bytes in the quarantine, so that it can be decoded again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The way it came in.
    pub transport: Transport,
    /// What the bytes are.
    pub format: PayloadFormat,
    /// When it came in, by the listener's clock.
    pub received_at: Timestamp,
}

/// A message out of the quarantine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quarantined {
    /// The record that first brought it.
    pub seq: Seq,
    /// Who sent it.
    pub device: DeviceId,
    /// The device's kind in the register now.
    pub kind: Kind,
    /// The device's model in the register now: a wrong model is what most often puts bytes in quarantine.
    pub model: Arc<str>,
    /// How it came in.
    pub source: Source,
    /// The bytes as received.
    #[serde(with = "serde_bytes_text")]
    pub payload: Arc<[u8]>,
}

impl Quarantined {
    /// The message as a codec takes it.
    #[must_use]
    pub fn envelope(&self) -> Envelope {
        Envelope {
            device: self.device.clone(),
            kind: self.kind,
            model: Arc::clone(&self.model),
            transport: self.source.transport,
            format: self.source.format,
            // What was decoded from the quarantine once is not decoded from it a second time.
            key: MessageKey::Explicit(format!("quarantine/{}", self.seq.0).into()),
            received_at: self.source.received_at,
            payload: Arc::clone(&self.payload),
        }
    }
}

/// What came of decoding a quarantined message again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redecoded {
    /// The record that asked for it.
    pub by: Seq,
    /// Journal time of it.
    pub time: Timestamp,
    /// Something of it could be used; `false`: it stays in quarantine.
    pub decoded: bool,
    /// For people: how many values, or why not.
    pub detail: String,
}

/// Bytes as base64 would need a crate that nothing else here does: two hexadecimal digits a byte.
mod serde_bytes_text {
    use std::fmt::Write as _;
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &Arc<[u8]>, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(bytes.len() * 2);
        bytes.iter().for_each(|byte| {
            // Writing to a string cannot fail.
            write!(text, "{byte:02x}").ok();
        });
        serializer.serialize_str(&text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<[u8]>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let byte = |pair: &[u8; 2]| Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8);
        let bytes: Option<Arc<[u8]>> = pairs.iter().map(byte).collect();
        bytes.filter(|_| rest.is_empty()).ok_or_else(|| D::Error::custom("a payload that is no hexadecimal text"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_reads_as_it_was_written() {
        let message = Quarantined {
            seq: Seq(7),
            device: DeviceId::new("bin-1").unwrap(),
            kind: Kind::Bin,
            model: "EM400-MUD".into(),
            source: Source {
                transport: Transport::Mqtt,
                format: PayloadFormat::Bytes,
                received_at: Timestamp(1_800_000_000_000),
            },
            payload: (0..=255_u8).collect(),
        };
        let text = serde_json::to_string(&message).unwrap();
        assert!(text.contains("0001020304"), "{text}");
        assert_eq!(serde_json::from_str::<Quarantined>(&text).unwrap(), message);
        for wrong in ["0", "0g", "é"] {
            let text = text.replace("000102", wrong);
            assert!(serde_json::from_str::<Quarantined>(&text).is_err(), "{wrong}");
        }
    }
}
