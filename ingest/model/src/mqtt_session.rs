//! What is kept of a device's MQTT session, so that it outlasts the connection and the process.
//!
//! The listener journals a session whole after each change that must not be forgotten, and the ledger keeps
//! the newest of each device: a record says how things stand, not what changed, so it can be applied twice.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{DeviceId, Timestamp};

/// Commands that a session remembers as acknowledged, so that a restart does not send them again.
pub const MAX_ACKNOWLEDGED: usize = crate::command::MAX_OPEN_COMMANDS;

/// The session of a device stands like this now, or is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionChange {
    /// Whose session it is; a device has one at most.
    pub device: DeviceId,
    /// The session; `None` when it is over.
    pub session: Option<MqttSession>,
}

/// A session that is to be kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MqttSession {
    /// The client id that it belongs to.
    pub client_id: Arc<str>,
    /// How long it is kept after the connection has closed, in seconds.
    pub expiry_s: u32,
    /// When the connection closed; `None` while there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Timestamp>,
    /// The QoS granted for the command topic under the device's id (0 or 1); `None`: not subscribed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_id: Option<u8>,
    /// The same under the name `me`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub me: Option<u8>,
    /// Packet ids of QoS 2 messages that are in the journal and not released by PUBREL.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreleased: Vec<u16>,
    /// Commands that were sent and not acknowledged, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent: Vec<SentCommand>,
    /// The last commands that the device acknowledged, oldest first: at most [`MAX_ACKNOWLEDGED`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acknowledged: Vec<Arc<str>>,
}

/// A command on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SentCommand {
    /// The packet id it was sent under.
    pub packet_id: u16,
    /// The command's id.
    pub command: Arc<str>,
}

impl SessionChange {
    /// At most how many bytes it takes as JSON.
    #[must_use]
    pub fn max_bytes(&self) -> usize {
        // Field names, numbers and punctuation; a control character of a text takes six bytes.
        const FIXED: usize = 256;
        let Some(session) = &self.session else { return FIXED + 6 * self.device.as_str().len() };
        let sent: usize = session.sent.iter().map(|sent| 40 + 6 * sent.command.len()).sum();
        let acknowledged: usize = session.acknowledged.iter().map(|id| 3 + 6 * id.len()).sum();
        let ids = 6 * session.unreleased.len();
        FIXED + 6 * (self.device.as_str().len() + session.client_id.len()) + ids + sent + acknowledged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_session_is_larger_than_it_says() {
        let sent =
            (0..16).map(|n| SentCommand { packet_id: u16::MAX - n, command: "\u{1}-18446744073709551615".into() });
        let session = MqttSession {
            client_id: "\u{1}".repeat(256).into(),
            expiry_s: u32::MAX,
            closed: Some(Timestamp(i64::MIN)),
            by_id: Some(1),
            me: Some(1),
            unreleased: (60_000..61_024).collect(),
            sent: sent.collect(),
            acknowledged: vec!["18446744073709551615-4294967295".into(); MAX_ACKNOWLEDGED],
        };
        let device = DeviceId::new("cover-1").unwrap();
        for session in [None, Some(MqttSession::default()), Some(session)] {
            let change = SessionChange { device: device.clone(), session };
            let json = serde_json::to_string(&change).unwrap();
            assert!(json.len() <= change.max_bytes(), "{} > {}", json.len(), change.max_bytes());
            assert_eq!(serde_json::from_str::<SessionChange>(&json).unwrap(), change);
        }
    }
}
