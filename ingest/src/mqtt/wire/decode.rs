//! A checked frame becomes a packet: the codec reads the fields, and both versions end up in one shape.

use std::sync::Arc;

use rumqttc::mqttbytes as v3;
use rumqttc::mqttbytes::v4;
use rumqttc::v5::mqttbytes as v5types;
use rumqttc::v5::mqttbytes::v5;

use super::frame::{Frame, PacketKind};
use super::{Connect, Fault, Filter, Incoming, Publish, QoS, Reason, Version, Will, strict};

/// The MQTT 5 user property by which a sender names its message.
const MESSAGE_ID: &str = "message-id";
/// Frames have been measured against the listener's own limit by now.
const NO_LIMIT: u32 = u32::MAX;

/// Why a first packet is not the CONNECT of a session here.
#[derive(Debug)]
pub(crate) struct ConnectFault {
    /// The version to answer in, if one is known.
    pub(crate) answer_in: Option<Version>,
    pub(crate) fault: Fault,
}

/// Reads the first packet of a connection, which must be a CONNECT.
pub(crate) fn decode_connect(frame: Frame) -> Result<Connect, ConnectFault> {
    let silent = |fault| ConnectFault { answer_in: None, fault };
    if frame.kind != PacketKind::Connect {
        return Err(silent(Fault::protocol("the first packet is no CONNECT")));
    }
    let version = read_version(frame.body())?;
    let answered = |fault| ConnectFault { answer_in: Some(version), fault };
    let shape = strict::check_connect(frame.body(), version).map_err(answered)?;
    if !shape.password_is_text {
        // Tokens are texts, so this one cannot be right.
        return Err(answered(Fault { reason: Reason::BadCredentials, what: "password is not UTF-8" }));
    }
    let connect = match version {
        Version::V3 => connect_v3(frame),
        Version::V5 => connect_v5(frame),
    };
    connect.map_err(answered)
}

fn read_version(body: &[u8]) -> Result<Version, ConnectFault> {
    let unsupported = |answer_in| {
        let fault = Fault { reason: Reason::UnsupportedVersion, what: "protocol level is neither 4 nor 5" };
        ConnectFault { answer_in: Some(answer_in), fault }
    };
    match body {
        [0, 4, b'M', b'Q', b'T', b'T', 4, ..] => Ok(Version::V3),
        [0, 4, b'M', b'Q', b'T', b'T', 5, ..] => Ok(Version::V5),
        [0, 4, b'M', b'Q', b'T', b'T', 0..4, ..] | [0, 6, b'M', b'Q', b'I', b's', b'd', b'p', _, ..] => {
            Err(unsupported(Version::V3))
        }
        [0, 4, b'M', b'Q', b'T', b'T', _, ..] => Err(unsupported(Version::V5)),
        _ => Err(ConnectFault { answer_in: None, fault: Fault::malformed("protocol name is not MQTT") }),
    }
}

fn connect_v3(mut frame: Frame) -> Result<Connect, Fault> {
    let Ok(v4::Packet::Connect(connect)) = v4::Packet::read(&mut frame.bytes, NO_LIMIT as usize) else {
        return Err(Fault::malformed("CONNECT"));
    };
    let (user, password) = connect.login.map_or_else(Default::default, |login| (login.username, login.password));
    Ok(Connect {
        version: Version::V3,
        clean: connect.clean_session,
        keep_alive_s: connect.keep_alive,
        client_id: connect.client_id,
        user,
        password: Some(password).filter(|password| !password.is_empty()),
        will: connect.last_will.map(|will| Will {
            topic: will.topic,
            payload: will.message,
            retain: will.retain,
            delay_s: 0,
            message_id: None,
        }),
        session_expiry_s: 0,
        receive_maximum: u16::MAX,
        max_packet_bytes: None,
        has_auth_method: false,
    })
}

fn connect_v5(mut frame: Frame) -> Result<Connect, Fault> {
    let Ok(v5::Packet::Connect(connect, will, login)) = v5::Packet::read(&mut frame.bytes, Some(NO_LIMIT)) else {
        return Err(Fault::malformed("CONNECT"));
    };
    let (user, password) = login.map_or_else(Default::default, |login| (login.username, login.password));
    let properties = connect.properties.unwrap_or_default();
    Ok(Connect {
        version: Version::V5,
        clean: connect.clean_start,
        keep_alive_s: connect.keep_alive,
        client_id: connect.client_id,
        user,
        password: Some(password).filter(|password| !password.is_empty()),
        will: will.map(will_v5).transpose()?,
        session_expiry_s: properties.session_expiry_interval.unwrap_or(0),
        receive_maximum: properties.receive_maximum.unwrap_or(u16::MAX),
        max_packet_bytes: properties.max_packet_size,
        has_auth_method: properties.authentication_method.is_some(),
    })
}

fn will_v5(will: v5::LastWill) -> Result<Will, Fault> {
    let (delay_s, user_properties) =
        will.properties.map_or_else(Default::default, |p| (p.delay_interval.unwrap_or(0), p.user_properties));
    Ok(Will {
        topic: text(&will.topic)?,
        payload: will.message,
        retain: will.retain,
        delay_s,
        message_id: message_id(user_properties),
    })
}

/// Checks and reads any packet after the CONNECT.
pub(crate) fn decode(frame: Frame, version: Version) -> Result<Incoming, Fault> {
    strict::check(&frame, version)?;
    match (frame.kind, version) {
        (PacketKind::PingReq, _) => Ok(Incoming::PingReq),
        (PacketKind::Disconnect, Version::V3) => Ok(Incoming::Disconnect { with_will: false, session_expiry_s: None }),
        (PacketKind::Disconnect, Version::V5) => {
            let (reason, session_expiry_s) = strict::read_disconnect(&frame)?;
            // Only 0x00 takes the will back; 0x04 asks for it, and an error is no normal end.
            Ok(Incoming::Disconnect { with_will: reason != 0, session_expiry_s })
        }
        (_, Version::V3) => decode_v3(frame),
        (_, Version::V5) => decode_v5(frame),
    }
}

fn decode_v3(mut frame: Frame) -> Result<Incoming, Fault> {
    let packet = v4::Packet::read(&mut frame.bytes, NO_LIMIT as usize).map_err(|_| Fault::malformed("packet"))?;
    Ok(match packet {
        v4::Packet::Publish(publish) => Incoming::Publish(Publish {
            dup: publish.dup,
            qos: qos_v3(publish.qos),
            retain: publish.retain,
            packet_id: publish.pkid,
            topic: publish.topic,
            alias: None,
            message_id: None,
            payload: publish.payload,
        }),
        v4::Packet::PubAck(ack) => Incoming::PubAck { packet_id: ack.pkid, reason: 0 },
        v4::Packet::PubRel(release) => Incoming::PubRel { packet_id: release.pkid },
        v4::Packet::Subscribe(subscribe) => Incoming::Subscribe {
            packet_id: subscribe.pkid,
            filters: subscribe.filters.into_iter().map(|f| Filter { path: f.path, qos: qos_v3(f.qos) }).collect(),
        },
        v4::Packet::Unsubscribe(unsubscribe) => {
            Incoming::Unsubscribe { packet_id: unsubscribe.pkid, filters: unsubscribe.topics }
        }
        _ => return Err(Fault::protocol("unexpected packet")),
    })
}

fn decode_v5(mut frame: Frame) -> Result<Incoming, Fault> {
    let packet = v5::Packet::read(&mut frame.bytes, Some(NO_LIMIT)).map_err(|_| Fault::malformed("packet"))?;
    Ok(match packet {
        v5::Packet::Publish(publish) => {
            let (alias, user_properties) =
                publish.properties.map_or_else(Default::default, |p| (p.topic_alias, p.user_properties));
            Incoming::Publish(Publish {
                dup: publish.dup,
                qos: qos_v5(publish.qos),
                retain: publish.retain,
                packet_id: publish.pkid,
                topic: text(&publish.topic)?,
                alias,
                message_id: message_id(user_properties),
                payload: publish.payload,
            })
        }
        v5::Packet::PubAck(ack) => {
            let taken = matches!(ack.reason, v5::PubAckReason::Success | v5::PubAckReason::NoMatchingSubscribers);
            // The codec keeps no number; that it was refused is what counts.
            Incoming::PubAck { packet_id: ack.pkid, reason: if taken { 0 } else { 0x80 } }
        }
        v5::Packet::PubRel(release) => Incoming::PubRel { packet_id: release.pkid },
        v5::Packet::Subscribe(subscribe) => Incoming::Subscribe {
            packet_id: subscribe.pkid,
            filters: subscribe.filters.into_iter().map(|f| Filter { path: f.path, qos: qos_v5(f.qos) }).collect(),
        },
        v5::Packet::Unsubscribe(unsubscribe) => {
            Incoming::Unsubscribe { packet_id: unsubscribe.pkid, filters: unsubscribe.filters }
        }
        _ => return Err(Fault::protocol("unexpected packet")),
    })
}

fn qos_v3(qos: v3::QoS) -> QoS {
    match qos {
        v3::QoS::AtMostOnce => QoS::AtMostOnce,
        v3::QoS::AtLeastOnce => QoS::AtLeastOnce,
        v3::QoS::ExactlyOnce => QoS::ExactlyOnce,
    }
}

fn qos_v5(qos: v5types::QoS) -> QoS {
    match qos {
        v5types::QoS::AtMostOnce => QoS::AtMostOnce,
        v5types::QoS::AtLeastOnce => QoS::AtLeastOnce,
        v5types::QoS::ExactlyOnce => QoS::ExactlyOnce,
    }
}

fn text(bytes: &[u8]) -> Result<String, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::malformed("a text is not UTF-8"))?;
    Ok(text.to_owned())
}

fn message_id(user_properties: Vec<(String, String)>) -> Option<Arc<str>> {
    let mut named = user_properties.into_iter().filter(|(name, id)| name == MESSAGE_ID && !id.is_empty());
    named.next().map(|(_, id)| Arc::from(id))
}
