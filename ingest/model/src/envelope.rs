//! A device's message as it was received: the bytes and who sent them, before any decoding.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{DeviceId, Kind, Timestamp};

/// The way a message came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Transport {
    /// MQTT 3.1.1 or 5.
    Mqtt = 0,
    /// CoAP over UDP.
    Coap = 1,
    /// HTTP from the device itself.
    Http = 2,
    /// Read from a file by the command line or the simulator's archive writer.
    File = 3,
    /// Made up, not received: history for a demonstration, load for a measurement. It can come from a program
    /// that writes an archive only, never through a listener, and is told wherever records are shown.
    Generated = 4,
}

/// What the payload's bytes are; decides the codec together with kind and model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum PayloadFormat {
    /// Telemetry as JSON text (object, array, `{ts, values}`).
    Json = 0,
    /// Telemetry as CBOR with the same shapes as JSON.
    Cbor = 1,
    /// Bytes for the model's own codec (topic `.../up`).
    Bytes = 2,
    /// The device's own notice or its will (topic `.../events`): kept, never decoded into readings.
    Event = 3,
    /// The answer to a command (topic `.../replies`).
    Reply = 4,
}

/// What a repeated message is recognised by. Which variant applies first is fixed by the order here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MessageKey {
    /// An id that the sender gave (`id` in the object, or MQTT 5's user property `message-id`).
    Explicit(Arc<str>),
    /// The sequence number of the platform that pushed the message.
    PlatformSequence(u64),
    /// CoAP: token and message id; the payload's hash is compared as well.
    Coap {
        /// The request's token, 0 to 8 bytes.
        token: Arc<[u8]>,
        /// The request's message id.
        message_id: u16,
    },
    /// MQTT with the DUP flag set: a repeat if the payload equals one of the device's last 32.
    MqttDup,
    /// Nothing of the above: event time and payload hash are compared.
    None,
}

/// A message as received from an authenticated device.
///
/// `kind` and `model` are those of the device's register entry when it was admitted. They travel
/// with the bytes, so decoding needs the envelope alone: decoders are stateless, need no barrier
/// at a change of the register, and a replay decodes what the live run decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope {
    /// Who sent it, by its credential.
    pub device: DeviceId,
    /// The device's kind when it was admitted.
    pub kind: Kind,
    /// The device's model when it was admitted; empty for the generic codec of the kind.
    pub model: Arc<str>,
    /// The way it came in.
    pub transport: Transport,
    /// What the bytes are.
    pub format: PayloadFormat,
    /// What a repeat is recognised by.
    pub key: MessageKey,
    /// The listener's wall clock when the message was complete.
    pub received_at: Timestamp,
    /// The bytes as received.
    pub payload: Arc<[u8]>,
}
