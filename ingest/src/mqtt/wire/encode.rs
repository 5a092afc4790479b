//! The packets that this listener sends. The codec writes them, but for those that it gets wrong.

use bytes::{BufMut, Bytes, BytesMut};
use rumqttc::mqttbytes::v4;
use rumqttc::v5::mqttbytes as v5types;
use rumqttc::v5::mqttbytes::v5;

use super::{QoS, Reason, Version};

/// CONNACK of 3.1.1.
pub(crate) fn connack_v3(out: &mut BytesMut, session_present: bool, code: u8) {
    out.put_slice(&[0x20, 2, u8::from(session_present), code]);
}

/// What a CONNACK of MQTT 5 says beside its reason.
#[derive(Debug, Default)]
pub(crate) struct ConnAckV5 {
    pub(crate) session_present: bool,
    pub(crate) receive_maximum: u16,
    pub(crate) max_packet_bytes: u32,
    pub(crate) topic_alias_maximum: u16,
    /// Said only when it is not what the client asked for.
    pub(crate) session_expiry_s: Option<u32>,
    pub(crate) assigned_client_id: Option<String>,
}

/// The size of a CONNACK of MQTT 5 that refuses.
pub(crate) const CONNACK_REFUSAL_BYTES: usize = 5;

/// The most bytes that a CONNACK of MQTT 5 takes which accepts, with the id that a client without one gets.
pub(crate) fn connack_bytes_at_most(assigned_client_id: Option<&str>) -> usize {
    // Two lengths of up to two bytes, flags, reason; then session expiry, receive maximum, retain, packet size,
    // aliases, subscription ids.
    let fixed = 1 + 2 + 2 + 2 + (5 + 3 + 2 + 5 + 3 + 2);
    fixed + assigned_client_id.map_or(0, |id| 3 + id.len())
}

/// CONNACK of MQTT 5; without `accepted` it is a refusal.
pub(crate) fn connack_v5(out: &mut BytesMut, reason: Reason, accepted: Option<ConnAckV5>) {
    let Some(accepted) = accepted else {
        let refusal: [u8; CONNACK_REFUSAL_BYTES] = [0x20, 3, 0, reason as u8, 0];
        out.put_slice(&refusal);
        return;
    };
    let connack = v5::ConnAck {
        session_present: accepted.session_present,
        code: v5::ConnectReturnCode::Success,
        properties: Some(v5::ConnAckProperties {
            session_expiry_interval: accepted.session_expiry_s,
            receive_max: Some(accepted.receive_maximum),
            max_qos: None,
            // Nothing is routed to anybody, so nothing can be retained for anybody.
            retain_available: Some(0),
            max_packet_size: Some(accepted.max_packet_bytes),
            assigned_client_identifier: accepted.assigned_client_id,
            topic_alias_max: Some(accepted.topic_alias_maximum),
            reason_string: None,
            user_properties: Vec::new(),
            wildcard_subscription_available: None,
            subscription_identifiers_available: Some(0),
            shared_subscription_available: None,
            server_keep_alive: None,
            response_information: None,
            server_reference: None,
            authentication_method: None,
            authentication_data: None,
        }),
    };
    written(connack.write(out).is_ok());
}

/// PUBACK. 3.1.1 knows no reason: what it cannot say is never asked for.
pub(crate) fn puback(out: &mut BytesMut, version: Version, packet_id: u16, reason: Reason) {
    acknowledgement(out, 0x40, version, packet_id, reason);
}

/// PUBREC.
pub(crate) fn pubrec(out: &mut BytesMut, version: Version, packet_id: u16, reason: Reason) {
    acknowledgement(out, 0x50, version, packet_id, reason);
}

/// PUBCOMP.
pub(crate) fn pubcomp(out: &mut BytesMut, version: Version, packet_id: u16, reason: Reason) {
    acknowledgement(out, 0x70, version, packet_id, reason);
}

// Four bytes, or five with a reason; the codec has three structures and three reason enums for it.
fn acknowledgement(out: &mut BytesMut, first: u8, version: Version, packet_id: u16, reason: Reason) {
    let [high, low] = packet_id.to_be_bytes();
    if version == Version::V5 && reason != Reason::Success {
        out.put_slice(&[first, 3, high, low, reason as u8]);
    } else {
        out.put_slice(&[first, 2, high, low]);
    }
}

/// SUBACK: per filter the QoS that is granted, or why not.
pub(crate) fn suback(out: &mut BytesMut, version: Version, packet_id: u16, results: &[Result<QoS, Reason>]) {
    let ok = match version {
        Version::V3 => {
            let code = |result: &Result<QoS, Reason>| match result {
                Ok(QoS::AtMostOnce) => v4::SubscribeReasonCode::Success(rumqttc::mqttbytes::QoS::AtMostOnce),
                Ok(_) => v4::SubscribeReasonCode::Success(rumqttc::mqttbytes::QoS::AtLeastOnce),
                Err(_) => v4::SubscribeReasonCode::Failure,
            };
            v4::SubAck::new(packet_id, results.iter().map(code).collect()).write(out).is_ok()
        }
        Version::V5 => {
            let code = |result: &Result<QoS, Reason>| match result {
                Ok(QoS::AtMostOnce) => v5::SubscribeReasonCode::Success(v5types::QoS::AtMostOnce),
                Ok(_) => v5::SubscribeReasonCode::Success(v5types::QoS::AtLeastOnce),
                Err(Reason::TopicFilterInvalid) => v5::SubscribeReasonCode::TopicFilterInvalid,
                Err(_) => v5::SubscribeReasonCode::NotAuthorized,
            };
            let return_codes = results.iter().map(code).collect();
            v5::SubAck { pkid: packet_id, return_codes, properties: None }.write(out).is_ok()
        }
    };
    written(ok);
}

/// UNSUBACK: per filter whether there was a subscription (MQTT 5 only).
pub(crate) fn unsuback(out: &mut BytesMut, version: Version, packet_id: u16, existed: &[bool]) {
    let ok = match version {
        Version::V3 => v4::UnsubAck::new(packet_id).write(out).is_ok(),
        Version::V5 => {
            let reason = |existed: &bool| match existed {
                true => v5::UnsubAckReason::Success,
                false => v5::UnsubAckReason::NoSubscriptionExisted,
            };
            let reasons = existed.iter().map(reason).collect();
            v5::UnsubAck { pkid: packet_id, reasons, properties: None }.write(out).is_ok()
        }
    };
    written(ok);
}

/// PINGRESP.
pub(crate) fn pingresp(out: &mut BytesMut) {
    out.put_slice(&[0xD0, 0]);
}

/// DISCONNECT of MQTT 5; 3.1.1 servers close without a word.
pub(crate) fn disconnect_v5(out: &mut BytesMut, reason: Reason) {
    out.put_slice(&[0xE0, 2, reason as u8, 0]);
}

/// A message to a device.
#[derive(Debug)]
pub(crate) struct OutPublish {
    pub(crate) topic: String,
    /// `None`: QoS 0.
    pub(crate) packet_id: Option<u16>,
    pub(crate) dup: bool,
    /// Seconds; MQTT 5 only.
    pub(crate) expires_in_s: Option<u32>,
    pub(crate) payload: Bytes,
}

/// PUBLISH. Writes nothing and says `false` when the packet would be larger than `max_bytes`.
pub(crate) fn publish(out: &mut BytesMut, version: Version, message: OutPublish, max_bytes: Option<u32>) -> bool {
    let pkid = message.packet_id.unwrap_or(0);
    match version {
        Version::V3 => {
            let qos =
                if pkid == 0 { rumqttc::mqttbytes::QoS::AtMostOnce } else { rumqttc::mqttbytes::QoS::AtLeastOnce };
            let mut packet = v4::Publish::from_bytes(message.topic, qos, message.payload);
            (packet.pkid, packet.dup) = (pkid, message.dup);
            written(packet.write(out).is_ok());
            true
        }
        Version::V5 => {
            let qos = if pkid == 0 { v5types::QoS::AtMostOnce } else { v5types::QoS::AtLeastOnce };
            let properties = message.expires_in_s.map(|seconds| v5::PublishProperties {
                message_expiry_interval: Some(seconds),
                ..v5::PublishProperties::default()
            });
            let mut packet = v5::Publish::new(message.topic, qos, message.payload, properties);
            (packet.pkid, packet.dup) = (pkid, message.dup);
            if max_bytes.is_some_and(|max| packet.size() > max as usize) {
                return false;
            }
            written(packet.write(out).is_ok());
            true
        }
    }
}

// The codec's writers fail only for bodies of over 256 MB, which no packet of ours has.
fn written(ok: bool) {
    debug_assert!(ok, "the codec refused to write a packet of ours");
}
