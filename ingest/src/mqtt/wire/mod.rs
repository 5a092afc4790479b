//! Packets of MQTT 3.1.1 and 5 on the wire, as this listener takes and gives them.
//!
//! The fields are read and written by the `mqttbytes` codecs of `rumqttc`. The codec was made for a
//! client and is lenient or wrong in places that matter to a server, so every packet passes an
//! allow-list and [`strict`] before the codec sees it:
//! - it reads packet types that a client may not send, and ignores the flags of the fixed header;
//! - it ignores the reserved connect flag, a password without a user name (3.1.1), bytes after the
//!   payload, NUL in texts, wildcards in a publish's topic, DUP with QoS 0, packet id 0 in most packets,
//!   reserved bits of subscribe options, and an UNSUBSCRIBE without filters;
//! - it lets properties run over their length and takes doubled ones and values that are not allowed;
//! - it leaves the topics of MQTT 5 as unchecked bytes;
//! - it fails on an MQTT 5 DISCONNECT without properties, and writes one with a wrong length, so that
//!   packet is read and written here; it fails on a password that is not UTF-8.

mod body;
mod decode;
mod encode;
mod frame;
mod strict;

use std::sync::Arc;

use bytes::Bytes;

pub(crate) use decode::{ConnectFault, decode, decode_connect};
pub(crate) use encode::{
    CONNACK_REFUSAL_BYTES, ConnAckV5, OutPublish, connack_bytes_at_most, connack_v3, connack_v5, disconnect_v5,
    pingresp, puback, pubcomp, publish, pubrec, suback, unsuback,
};
pub(crate) use frame::{PacketKind, peek_frame, take_frame};

/// The version that a CONNECT asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V3,
    V5,
}

/// MQTT 5 reason codes that this listener sends; 3.1.1 has none but in CONNACK and SUBACK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Reason {
    Success = 0x00,
    Malformed = 0x81,
    ProtocolError = 0x82,
    /// Right by the standard, and not accepted here.
    NotAccepted = 0x83,
    UnsupportedVersion = 0x84,
    BadClientId = 0x85,
    BadCredentials = 0x86,
    NotAuthorized = 0x87,
    ShuttingDown = 0x8B,
    BadAuthMethod = 0x8C,
    KeepAliveTimeout = 0x8D,
    TakenOver = 0x8E,
    TopicFilterInvalid = 0x8F,
    TopicNameInvalid = 0x90,
    PacketIdNotFound = 0x92,
    ReceiveMaximumExceeded = 0x93,
    TopicAliasInvalid = 0x94,
    PacketTooLarge = 0x95,
    QuotaExceeded = 0x97,
    Administrative = 0x98,
    RetainNotSupported = 0x9A,
    SubscriptionIdsNotSupported = 0xA1,
}

/// A packet that breaks the protocol: the connection ends with this reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} (reason {reason:?})")]
pub(crate) struct Fault {
    pub(crate) reason: Reason,
    pub(crate) what: &'static str,
}

impl Fault {
    pub(crate) const fn malformed(what: &'static str) -> Fault {
        Fault { reason: Reason::Malformed, what }
    }

    pub(crate) const fn protocol(what: &'static str) -> Fault {
        Fault { reason: Reason::ProtocolError, what }
    }
}

/// Quality of service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
#[expect(clippy::enum_variant_names, reason = "the names of the standard")]
pub(crate) enum QoS {
    /// At most once.
    AtMostOnce = 0,
    /// At least once.
    AtLeastOnce = 1,
    /// Exactly once.
    ExactlyOnce = 2,
}

/// A CONNECT, of either version. It holds a credential, so it cannot be printed.
pub(crate) struct Connect {
    pub(crate) version: Version,
    /// Clean session (3.1.1) or clean start (5).
    pub(crate) clean: bool,
    /// Seconds; 0: none.
    pub(crate) keep_alive_s: u16,
    pub(crate) client_id: String,
    /// Empty when there is none.
    pub(crate) user: String,
    /// `None` when there is none; an empty one counts as none.
    pub(crate) password: Option<String>,
    pub(crate) will: Option<Will>,
    /// Seconds; MQTT 5 only.
    pub(crate) session_expiry_s: u32,
    /// How many commands of QoS 1 the client takes at once.
    pub(crate) receive_maximum: u16,
    /// The largest packet that the client takes; `None`: any.
    pub(crate) max_packet_bytes: Option<u32>,
    /// The client wants another way of authentication than by name and password.
    pub(crate) has_auth_method: bool,
}

/// What a client wants said when it is lost.
#[derive(Clone, Debug)]
pub(crate) struct Will {
    pub(crate) topic: String,
    pub(crate) payload: Bytes,
    pub(crate) retain: bool,
    pub(crate) delay_s: u32,
    pub(crate) message_id: Option<Arc<str>>,
}

/// A PUBLISH, of either version.
#[derive(Clone, Debug)]
pub(crate) struct Publish {
    pub(crate) dup: bool,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) packet_id: u16,
    /// Empty when an alias stands for it.
    pub(crate) topic: String,
    pub(crate) alias: Option<u16>,
    /// The user property `message-id`.
    pub(crate) message_id: Option<Arc<str>>,
    pub(crate) payload: Bytes,
}

/// One filter of a SUBSCRIBE.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub(crate) path: String,
    pub(crate) qos: QoS,
}

/// What a client may send after its CONNECT.
#[derive(Clone, Debug)]
pub(crate) enum Incoming {
    Publish(Publish),
    /// The answer to a command; `reason` under 0x80 is success.
    PubAck {
        packet_id: u16,
        reason: u8,
    },
    PubRel {
        packet_id: u16,
    },
    Subscribe {
        packet_id: u16,
        filters: Vec<Filter>,
    },
    Unsubscribe {
        packet_id: u16,
        filters: Vec<String>,
    },
    PingReq,
    Disconnect {
        /// Reason code 0x04, "disconnect with will message".
        with_will: bool,
        session_expiry_s: Option<u32>,
    },
}
