//! The checks that the codec leaves out: texts, packet ids, flags, properties, and that a packet ends
//! where it says. Each function walks a packet's body once and keeps nothing.

use super::body::{Body, check_topic_name, property};
use super::frame::{Frame, PacketKind};
use super::{Fault, Reason, Version};

/// Checks a packet other than CONNECT.
pub(super) fn check(frame: &Frame, version: Version) -> Result<(), Fault> {
    let mut body = Body(frame.body());
    match frame.kind {
        PacketKind::Connect => return Err(Fault::protocol("a second CONNECT")),
        PacketKind::Publish => return check_publish(&mut body, frame.flags(), version),
        PacketKind::PubAck | PacketKind::PubRel => check_ack(&mut body, version)?,
        PacketKind::Subscribe => check_subscribe(&mut body, version)?,
        PacketKind::Unsubscribe => check_unsubscribe(&mut body, version)?,
        PacketKind::Disconnect if version == Version::V5 => {
            read_disconnect(frame)?;
            return Ok(());
        }
        PacketKind::PingReq | PacketKind::Disconnect => {}
    }
    body.end()
}

/// Checks a CONNECT of 3.1.1 or 5 whose protocol name and level are known to be right. Says whether the
/// password is one that the codec can read.
pub(super) fn check_connect(body: &[u8], version: Version) -> Result<ConnectShape, Fault> {
    let mut body = Body(body);
    body.text("protocol name")?;
    body.u8()?;
    let flags = body.u8()?;
    let (has_will, has_user, has_password) = (flags & 0x04 != 0, flags & 0x80 != 0, flags & 0x40 != 0);
    if flags & 0x01 != 0 {
        return Err(Fault::malformed("reserved connect flag"));
    }
    if flags & 0x18 == 0x18 {
        return Err(Fault::malformed("will QoS 3"));
    }
    if !has_will && flags & 0x38 != 0 {
        return Err(Fault::malformed("will flags without a will"));
    }
    if version == Version::V3 && has_password && !has_user {
        return Err(Fault::malformed("password without a user name"));
    }
    body.u16()?;
    if version == Version::V5 {
        body.properties(property::IN_CONNECT)?;
    }
    body.text("client id")?;
    if has_will {
        if version == Version::V5 {
            body.properties(property::IN_WILL)?;
        }
        check_topic_name(body.text("will topic")?)?;
        body.bytes()?;
    }
    if has_user {
        body.text("user name")?;
    }
    let password_is_text = !has_password || std::str::from_utf8(body.bytes()?).is_ok();
    body.end()?;
    Ok(ConnectShape { password_is_text })
}

/// What the check of a CONNECT found.
pub(super) struct ConnectShape {
    pub(super) password_is_text: bool,
}

fn check_publish(body: &mut Body<'_>, flags: u8, version: Version) -> Result<(), Fault> {
    let qos = (flags >> 1) & 3;
    if qos == 3 {
        return Err(Fault::malformed("QoS 3"));
    }
    if qos == 0 && flags & 0x08 != 0 {
        return Err(Fault::malformed("DUP with QoS 0"));
    }
    let topic = body.text("topic")?;
    if qos > 0 {
        body.packet_id()?;
    }
    let has_alias = version == Version::V5 && body.properties(property::IN_PUBLISH)?.has(property::TOPIC_ALIAS);
    if topic.is_empty() {
        let what = "a topic of no characters";
        return if has_alias {
            Ok(())
        } else if version == Version::V5 {
            Err(Fault::protocol(what))
        } else {
            Err(Fault::malformed(what))
        };
    }
    check_topic_name(topic)
}

fn check_ack(body: &mut Body<'_>, version: Version) -> Result<(), Fault> {
    body.packet_id()?;
    if version == Version::V5 && !body.0.is_empty() {
        body.u8()?;
        if !body.0.is_empty() {
            body.properties(property::IN_ACK)?;
        }
    }
    Ok(())
}

fn check_subscribe(body: &mut Body<'_>, version: Version) -> Result<(), Fault> {
    body.packet_id()?;
    if version == Version::V5 && body.properties(property::IN_SUBSCRIBE)?.has(property::SUBSCRIPTION_ID) {
        let what = "subscription ids are not available here";
        return Err(Fault { reason: Reason::SubscriptionIdsNotSupported, what });
    }
    if body.0.is_empty() {
        return Err(Fault::protocol("SUBSCRIBE without a filter"));
    }
    while !body.0.is_empty() {
        let filter = body.text("topic filter")?;
        let options = body.u8()?;
        let (reserved, no_local) = if version == Version::V5 { (0xC0, options & 0x04 != 0) } else { (0xFC, false) };
        if options & reserved != 0 || options & 3 == 3 || options & 0x30 == 0x30 {
            return Err(Fault::malformed("subscribe options"));
        }
        if filter.is_empty() {
            return Err(Fault::malformed("a topic filter of no characters"));
        }
        if no_local && filter.starts_with("$share/") {
            return Err(Fault::protocol("no local on a shared subscription"));
        }
    }
    Ok(())
}

fn check_unsubscribe(body: &mut Body<'_>, version: Version) -> Result<(), Fault> {
    body.packet_id()?;
    if version == Version::V5 {
        body.properties(property::IN_UNSUBSCRIBE)?;
    }
    if body.0.is_empty() {
        return Err(Fault::protocol("UNSUBSCRIBE without a filter"));
    }
    while !body.0.is_empty() {
        if body.text("topic filter")?.is_empty() {
            return Err(Fault::malformed("a topic filter of no characters"));
        }
    }
    Ok(())
}

/// Reads a DISCONNECT of MQTT 5: its reason code, and the session expiry if it has one.
pub(super) fn read_disconnect(frame: &Frame) -> Result<(u8, Option<u32>), Fault> {
    let mut body = Body(frame.body());
    if body.0.is_empty() {
        return Ok((0, None));
    }
    let reason = body.u8()?;
    // What a client may send (table 3.13 of the standard).
    let from_client = [0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99];
    if !from_client.contains(&reason) {
        return Err(Fault::protocol("a reason code that no client may disconnect with"));
    }
    if body.0.is_empty() {
        return Ok((reason, None));
    }
    let properties = body.properties(property::IN_DISCONNECT)?;
    body.end()?;
    if properties.has(property::SERVER_REFERENCE) {
        return Err(Fault::protocol("server reference from a client"));
    }
    Ok((reason, properties.session_expiry_s))
}
