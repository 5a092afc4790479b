//! Building and reading the few packets that a publishing device needs, in both versions.

use bytes::{Bytes, BytesMut};
use rumqttc::mqttbytes::{self, QoS, v4};
use rumqttc::v5::mqttbytes as mqttbytes5;
use rumqttc::v5::mqttbytes::v5;

use super::Login;

/// The largest packet that a device takes; commands are far smaller.
const MAX_INCOMING_BYTES: usize = 64 * 1024;

/// The version of MQTT that a device speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// MQTT 3.1.1.
    V4,
    /// MQTT 5.
    V5,
}

/// What came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// The server accepted the connection.
    Connected {
        /// MQTT 5: at most so many publishes without acknowledgement.
        receive_maximum: Option<u16>,
    },
    /// A publish is acknowledged.
    Acknowledged {
        /// Its packet id.
        packet_id: u16,
        /// MQTT 5: the server refused it, with this reason; it has taken the responsibility all the same.
        refused: Option<String>,
    },
    /// A message for the device: a command.
    Message {
        /// Packet id to be acknowledged; 0 for QoS 0.
        packet_id: u16,
        /// The bytes.
        payload: Bytes,
    },
    /// Anything that needs no answer.
    Other,
}

/// Why a connection cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The socket failed, or the server closed it.
    #[error("connection: {0}")]
    Io(#[from] std::io::Error),
    /// The server did not accept the login.
    #[error("the server refused the connection: {0}; is the device registered with this token?")]
    Refused(String),
    /// The server sent what is no MQTT, or a packet can not be built.
    #[error("protocol: {0}")]
    Protocol(String),
    /// The server said good-bye.
    #[error("the server disconnected: {0}")]
    Disconnected(String),
    /// No answer in time.
    #[error("no answer within {0} s")]
    Timeout(u64),
}

fn protocol(error: impl std::fmt::Display) -> WireError {
    WireError::Protocol(error.to_string())
}

/// Appends a CONNECT with a clean session: a device's subscription is made anew each time.
pub(super) fn connect(
    version: Version,
    login: &Login<'_>,
    keep_alive_s: u16,
    out: &mut BytesMut,
) -> Result<(), WireError> {
    match version {
        Version::V4 => {
            let mut connect = v4::Connect::new(login.device);
            connect.keep_alive = keep_alive_s;
            connect.clean_session = true;
            connect.set_login(login.device, login.token);
            connect.write(out).map_err(protocol)?;
        }
        Version::V5 => {
            let connect = v5::Connect {
                keep_alive: keep_alive_s,
                client_id: login.device.to_owned(),
                clean_start: true,
                properties: None,
            };
            let credentials = Some(v5::Login::new(login.device, login.token));
            connect.write(&None, &credentials, out).map_err(protocol)?;
        }
    }
    Ok(())
}

/// Appends a SUBSCRIBE to one topic with QoS 1.
pub(super) fn subscribe(version: Version, topic: &str, packet_id: u16, out: &mut BytesMut) -> Result<(), WireError> {
    match version {
        Version::V4 => {
            let mut subscribe = v4::Subscribe::new(topic, QoS::AtLeastOnce);
            subscribe.pkid = packet_id;
            subscribe.write(out).map_err(protocol)?;
        }
        Version::V5 => {
            let filter = v5::Filter::new(topic, mqttbytes5::QoS::AtLeastOnce);
            let mut subscribe = v5::Subscribe::new(filter, None);
            subscribe.pkid = packet_id;
            subscribe.write(out).map_err(protocol)?;
        }
    }
    Ok(())
}

/// A publish of one device, reused from message to message: only id, payload and the mark of a repeat
/// change.
#[derive(Debug)]
pub(super) enum PublishTemplate {
    V4(v4::Publish),
    V5(v5::Publish),
}

impl PublishTemplate {
    pub(super) fn new(version: Version, topic: &str) -> PublishTemplate {
        match version {
            Version::V4 => PublishTemplate::V4(v4::Publish::from_bytes(topic, QoS::AtLeastOnce, Bytes::new())),
            Version::V5 => {
                let publish = v5::Publish::new(topic, mqttbytes5::QoS::AtLeastOnce, Bytes::new(), None);
                PublishTemplate::V5(publish)
            }
        }
    }

    /// Appends the publish. `message_id` becomes MQTT 5's user property; 3.1.1 has no place for it.
    pub(super) fn write(
        &mut self,
        packet_id: u16,
        payload: &Bytes,
        repeat: bool,
        message_id: Option<&str>,
        out: &mut BytesMut,
    ) -> Result<(), WireError> {
        match self {
            PublishTemplate::V4(publish) => {
                publish.pkid = packet_id;
                publish.dup = repeat;
                publish.payload = payload.clone();
                publish.write(out).map_err(protocol)?;
                publish.payload = Bytes::new();
            }
            PublishTemplate::V5(publish) => {
                publish.pkid = packet_id;
                publish.dup = repeat;
                publish.payload = payload.clone();
                publish.properties = message_id.map(|id| v5::PublishProperties {
                    user_properties: vec![("message-id".to_owned(), id.to_owned())],
                    ..v5::PublishProperties::default()
                });
                publish.write(out).map_err(protocol)?;
                publish.payload = Bytes::new();
            }
        }
        Ok(())
    }
}

/// Appends the acknowledgement of a command.
pub(super) fn acknowledge(packet_id: u16, out: &mut BytesMut) {
    // The same four bytes in both versions.
    out.extend_from_slice(&[0x40, 0x02]);
    out.extend_from_slice(&packet_id.to_be_bytes());
}

/// Appends a PINGREQ, the same in both versions.
pub(super) fn ping(out: &mut BytesMut) {
    out.extend_from_slice(&[0xc0, 0x00]);
}

/// Appends a DISCONNECT, in its short form the same in both versions.
pub(super) fn disconnect(out: &mut BytesMut) {
    out.extend_from_slice(&[0xe0, 0x00]);
}

/// Takes one packet from the buffer; `None` if it is not complete yet.
pub(super) fn read(version: Version, buffer: &mut BytesMut) -> Result<Option<Incoming>, WireError> {
    // The acknowledgement's short form is nearly all that ever comes: no codec needed for two bytes.
    if let [0x40, 0x02, high, low, ..] = buffer[..] {
        bytes::Buf::advance(buffer, 4);
        return Ok(Some(Incoming::Acknowledged { packet_id: u16::from_be_bytes([high, low]), refused: None }));
    }
    match version {
        Version::V4 => read_v4(buffer),
        Version::V5 => read_v5(buffer),
    }
}

fn read_v4(buffer: &mut BytesMut) -> Result<Option<Incoming>, WireError> {
    let packet = match v4::Packet::read(buffer, MAX_INCOMING_BYTES) {
        Ok(packet) => packet,
        Err(mqttbytes::Error::InsufficientBytes(_)) => return Ok(None),
        Err(error) => return Err(protocol(error)),
    };
    Ok(Some(match packet {
        v4::Packet::ConnAck(ack) if ack.code == v4::ConnectReturnCode::Success => {
            Incoming::Connected { receive_maximum: None }
        }
        v4::Packet::ConnAck(ack) => return Err(WireError::Refused(format!("{:?}", ack.code))),
        v4::Packet::PubAck(ack) => Incoming::Acknowledged { packet_id: ack.pkid, refused: None },
        v4::Packet::Publish(publish) => Incoming::Message { packet_id: publish.pkid, payload: publish.payload },
        _ => Incoming::Other,
    }))
}

fn read_v5(buffer: &mut BytesMut) -> Result<Option<Incoming>, WireError> {
    // The codec has no reading of the short form, which is a normal good-bye.
    if buffer.starts_with(&[0xe0, 0x00]) {
        return Err(WireError::Disconnected("NormalDisconnection".to_owned()));
    }
    let packet = match v5::Packet::read(buffer, Some(MAX_INCOMING_BYTES as u32)) {
        Ok(packet) => packet,
        Err(mqttbytes5::Error::InsufficientBytes(_)) => return Ok(None),
        Err(error) => return Err(protocol(error)),
    };
    Ok(Some(match packet {
        v5::Packet::ConnAck(ack) if ack.code == v5::ConnectReturnCode::Success => {
            Incoming::Connected { receive_maximum: ack.properties.and_then(|properties| properties.receive_max) }
        }
        v5::Packet::ConnAck(ack) => return Err(WireError::Refused(format!("{:?}", ack.code))),
        v5::Packet::PubAck(ack) => {
            let taken = matches!(ack.reason, v5::PubAckReason::Success | v5::PubAckReason::NoMatchingSubscribers);
            Incoming::Acknowledged { packet_id: ack.pkid, refused: (!taken).then(|| format!("{:?}", ack.reason)) }
        }
        v5::Packet::Publish(publish) => Incoming::Message { packet_id: publish.pkid, payload: publish.payload },
        v5::Packet::Disconnect(bye) => return Err(WireError::Disconnected(format!("{:?}", bye.reason_code))),
        _ => Incoming::Other,
    }))
}
