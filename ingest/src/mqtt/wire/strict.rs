//! The checks that the codec leaves out: texts, packet ids, flags, properties, and that a packet ends
//! where it says. Each function walks a packet's body once and keeps nothing.

use super::frame::{Frame, PacketKind};
use super::{Fault, Reason, Version};

/// Property ids of MQTT 5 that a client may use, each with the packets it may stand in.
mod property {
    pub(super) const PAYLOAD_FORMAT: u8 = 1;
    pub(super) const MESSAGE_EXPIRY: u8 = 2;
    pub(super) const CONTENT_TYPE: u8 = 3;
    pub(super) const RESPONSE_TOPIC: u8 = 8;
    pub(super) const CORRELATION_DATA: u8 = 9;
    pub(super) const SUBSCRIPTION_ID: u8 = 11;
    pub(super) const SESSION_EXPIRY: u8 = 17;
    pub(super) const AUTH_METHOD: u8 = 21;
    pub(super) const AUTH_DATA: u8 = 22;
    pub(super) const REQUEST_PROBLEM: u8 = 23;
    pub(super) const WILL_DELAY: u8 = 24;
    pub(super) const REQUEST_RESPONSE: u8 = 25;
    pub(super) const SERVER_REFERENCE: u8 = 28;
    pub(super) const REASON_STRING: u8 = 31;
    pub(super) const RECEIVE_MAXIMUM: u8 = 33;
    pub(super) const TOPIC_ALIAS_MAXIMUM: u8 = 34;
    pub(super) const TOPIC_ALIAS: u8 = 35;
    pub(super) const USER: u8 = 38;
    pub(super) const MAX_PACKET_SIZE: u8 = 39;

    pub(super) const IN_CONNECT: &[u8] = &[
        SESSION_EXPIRY,
        RECEIVE_MAXIMUM,
        MAX_PACKET_SIZE,
        TOPIC_ALIAS_MAXIMUM,
        REQUEST_RESPONSE,
        REQUEST_PROBLEM,
        USER,
        AUTH_METHOD,
        AUTH_DATA,
    ];
    pub(super) const IN_WILL: &[u8] =
        &[WILL_DELAY, PAYLOAD_FORMAT, MESSAGE_EXPIRY, CONTENT_TYPE, RESPONSE_TOPIC, CORRELATION_DATA, USER];
    pub(super) const IN_PUBLISH: &[u8] =
        &[PAYLOAD_FORMAT, MESSAGE_EXPIRY, TOPIC_ALIAS, RESPONSE_TOPIC, CORRELATION_DATA, USER, CONTENT_TYPE];
    pub(super) const IN_SUBSCRIBE: &[u8] = &[SUBSCRIPTION_ID, USER];
    pub(super) const IN_UNSUBSCRIBE: &[u8] = &[USER];
    pub(super) const IN_ACK: &[u8] = &[REASON_STRING, USER];
    pub(super) const IN_DISCONNECT: &[u8] = &[SESSION_EXPIRY, REASON_STRING, USER, SERVER_REFERENCE];
}

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

/// A topic name (not a filter) has at least one character and no wildcards.
fn check_topic_name(topic: &str) -> Result<(), Fault> {
    if topic.is_empty() || topic.contains(['+', '#']) {
        return Err(Fault { reason: Reason::TopicNameInvalid, what: "topic name is empty or has wildcards" });
    }
    Ok(())
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

/// Which properties were there.
#[derive(Default)]
struct Found {
    seen: u64,
    session_expiry_s: Option<u32>,
}

impl Found {
    fn has(&self, id: u8) -> bool {
        self.seen & (1 << id) != 0
    }
}

/// The rest of a packet's body.
struct Body<'a>(&'a [u8]);

impl<'a> Body<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.0.split_at_checked(n).ok_or(Fault::malformed("packet ends too early"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn u8(&mut self) -> Result<u8, Fault> {
        Ok(self.take(1)?[0])
    }

    fn u16(&mut self) -> Result<u16, Fault> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn u32(&mut self) -> Result<u32, Fault> {
        let bytes = self.take(4)?;
        Ok(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    fn packet_id(&mut self) -> Result<(), Fault> {
        if self.u16()? == 0 { Err(Fault::protocol("packet id 0")) } else { Ok(()) }
    }

    fn bytes(&mut self) -> Result<&'a [u8], Fault> {
        let length = usize::from(self.u16()?);
        self.take(length)
    }

    fn text(&mut self, what: &'static str) -> Result<&'a str, Fault> {
        let text = std::str::from_utf8(self.bytes()?).map_err(|_| Fault::malformed("a text is not UTF-8"))?;
        if text.contains('\0') { Err(Fault::malformed(what_with_nul(what))) } else { Ok(text) }
    }

    fn variable_int(&mut self) -> Result<usize, Fault> {
        let mut value = 0_usize;
        for i in 0..4 {
            let byte = self.u8()?;
            value |= usize::from(byte & 0x7F) << (7 * i);
            if byte & 0x80 == 0 {
                let shortest = i == 0 || byte != 0;
                return if shortest {
                    Ok(value)
                } else {
                    Err(Fault::malformed("a length is not in its shortest form"))
                };
            }
        }
        Err(Fault::malformed("a length has more than four bytes"))
    }

    fn end(&self) -> Result<(), Fault> {
        if self.0.is_empty() { Ok(()) } else { Err(Fault::malformed("bytes after the end of the packet")) }
    }

    fn properties(&mut self, allowed: &[u8]) -> Result<Found, Fault> {
        let length = self.variable_int()?;
        let mut list = Body(self.take(length)?);
        let mut found = Found::default();
        while !list.0.is_empty() {
            let id = list.u8()?;
            if !allowed.contains(&id) {
                return Err(Fault::malformed("a property that this packet may not have"));
            }
            if id != property::USER && found.has(id) {
                return Err(Fault::protocol("a property stands twice"));
            }
            found.seen |= 1 << id;
            list.property_value(id, &mut found)?;
        }
        if found.has(property::AUTH_DATA) && !found.has(property::AUTH_METHOD) {
            return Err(Fault::protocol("authentication data without a method"));
        }
        Ok(found)
    }

    fn property_value(&mut self, id: u8, found: &mut Found) -> Result<(), Fault> {
        use property::*;
        match id {
            PAYLOAD_FORMAT | REQUEST_PROBLEM | REQUEST_RESPONSE => {
                if self.u8()? > 1 {
                    return Err(Fault::protocol("a property that must be 0 or 1"));
                }
            }
            SESSION_EXPIRY => found.session_expiry_s = Some(self.u32()?),
            MESSAGE_EXPIRY | WILL_DELAY => drop(self.u32()?),
            MAX_PACKET_SIZE => {
                if self.u32()? == 0 {
                    return Err(Fault::protocol("maximum packet size 0"));
                }
            }
            RECEIVE_MAXIMUM => {
                if self.u16()? == 0 {
                    return Err(Fault::protocol("receive maximum 0"));
                }
            }
            TOPIC_ALIAS_MAXIMUM => drop(self.u16()?),
            TOPIC_ALIAS => {
                if self.u16()? == 0 {
                    return Err(Fault { reason: Reason::TopicAliasInvalid, what: "topic alias 0" });
                }
            }
            SUBSCRIPTION_ID => drop(self.variable_int()?),
            CORRELATION_DATA | AUTH_DATA => drop(self.bytes()?),
            RESPONSE_TOPIC => check_topic_name(self.text("response topic")?)?,
            USER => {
                self.text("user property")?;
                self.text("user property")?;
            }
            _ => drop(self.text("property")?),
        }
        Ok(())
    }
}

fn what_with_nul(what: &'static str) -> &'static str {
    match what {
        "topic" => "topic has NUL",
        "client id" => "client id has NUL",
        "user name" => "user name has NUL",
        "topic filter" => "topic filter has NUL",
        _ => "a text has NUL",
    }
}
