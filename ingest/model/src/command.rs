//! Commands to devices: what was asked, by whom, and where it stands.
//!
//! The shape on the wire is [`CommandRow::payload`]: `{"id", "name", "args", "expires"}`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{DeviceId, EffectId, Timestamp};

/// The longest name of a command, in bytes.
pub const MAX_COMMAND_NAME_BYTES: usize = 64;
/// The longest arguments of a command as JSON text, in bytes: what a narrow-band device can take in one message.
pub const MAX_COMMAND_ARGS_BYTES: usize = 4_096;
/// The longest result that is kept of an answer as JSON text, in bytes; of a longer one only its length is told.
pub const MAX_COMMAND_RESULT_BYTES: usize = 4_096;
/// The longest that a command may wait for its answer, in seconds: seven days.
pub const MAX_COMMAND_EXPIRES_S: u32 = 7 * 86_400;
/// How many commands of one device may be open at a time.
pub const MAX_OPEN_COMMANDS: usize = 32;
/// How many commands may be open at a time in all.
pub const MAX_OPEN_COMMANDS_IN_ALL: usize = 10_000;
/// How many commands one device may be given within [`COMMAND_RATE_MS`].
pub const MAX_COMMANDS_A_MINUTE: usize = 30;
/// The window of the rate limit, in milliseconds.
pub const COMMAND_RATE_MS: i64 = 60_000;

/// A JSON object.
pub type JsonObject = serde_json::Map<String, serde_json::Value>;

/// Where a command stands, as the journal knows it. That it was written to a connection or acknowledged
/// by MQTT is a delivery receipt and no state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandState {
    /// Asked for; the device has not answered.
    Queued,
    /// The device answered that it did it.
    Answered,
    /// The device answered that it could not.
    Failed,
    /// No answer by its time.
    Expired,
}

impl CommandState {
    /// Whether an answer may still come.
    #[must_use]
    pub fn is_open(self) -> bool {
        self == CommandState::Queued
    }
}

/// A command to a device with its life.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandRow {
    /// Its id, that of the request's effect: the same however often it is sent.
    pub id: EffectId,
    /// The device that it is for.
    pub device: DeviceId,
    /// What the device is to do, a word of the device's own.
    pub name: Arc<str>,
    /// What it needs for that.
    pub args: JsonObject,
    /// Who asked.
    pub by: Arc<str>,
    /// When it was asked.
    pub created: Timestamp,
    /// It is not sent after this, and an answer after this is not taken.
    pub expires: Timestamp,
    /// Where it stands.
    pub state: CommandState,
    /// When the state last changed.
    pub updated: Timestamp,
    /// What the device answered; `None` before, and where it said nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<serde_json::Value>,
}

/// What the device gets.
#[derive(Serialize)]
struct Payload<'a> {
    id: EffectId,
    name: &'a str,
    args: &'a JsonObject,
    expires: Timestamp,
}

/// What the device answers: `{"id", "ok", "result"}`. More names are allowed.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct CommandReply {
    /// The command's id.
    pub id: EffectId,
    /// Whether the device did it.
    pub ok: bool,
    /// What it says of it.
    #[serde(default)]
    pub result: Option<serde_json::Value>,
}

impl CommandRow {
    /// The command as the device gets it: JSON with `id`, `name`, `args` and `expires` (epoch milliseconds).
    #[must_use]
    pub fn payload(&self) -> Vec<u8> {
        let payload = Payload { id: self.id, name: &self.name, args: &self.args, expires: self.expires };
        // Texts, numbers and an object with text keys: nothing that JSON cannot say.
        serde_json::to_vec(&payload).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seq;

    #[test]
    fn the_device_gets_id_name_args_and_expires() {
        let row = CommandRow {
            id: EffectId { seq: Seq(7), ordinal: 0 },
            device: DeviceId::new("lamp-1").unwrap(),
            name: "dim".into(),
            args: serde_json::from_str(r#"{"pct":40}"#).unwrap(),
            by: "li".into(),
            created: Timestamp(1),
            expires: Timestamp(60_001),
            state: CommandState::Queued,
            updated: Timestamp(1),
            result: None,
        };
        let text = String::from_utf8(row.payload()).unwrap();
        assert_eq!(text, r#"{"id":"7-0","name":"dim","args":{"pct":40},"expires":60001}"#);
    }

    #[test]
    fn a_reply_needs_id_and_ok_and_may_say_more() {
        let read = |text: &str| serde_json::from_str::<CommandReply>(text);
        let reply = read(r#"{"id":"7-0","ok":true,"result":{"dim_pct":40},"ts":5}"#).unwrap();
        assert!(reply.ok && reply.result.is_some());
        assert_eq!(read(r#"{"id":"7-0","ok":false}"#).unwrap().result, None);
        for bad in [r#"{"id":"7-0"}"#, r#"{"ok":true}"#, r#"{"id":7,"ok":true}"#, "[]"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
