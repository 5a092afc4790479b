//! The parts of a packet's body, read strictly: numbers, texts, and the properties of MQTT 5.

use super::{Fault, Reason};

/// Property ids of MQTT 5 that a client may use, each with the packets it may stand in.
pub(super) mod property {
    pub(in crate::mqtt::wire) const PAYLOAD_FORMAT: u8 = 1;
    pub(in crate::mqtt::wire) const MESSAGE_EXPIRY: u8 = 2;
    pub(in crate::mqtt::wire) const CONTENT_TYPE: u8 = 3;
    pub(in crate::mqtt::wire) const RESPONSE_TOPIC: u8 = 8;
    pub(in crate::mqtt::wire) const CORRELATION_DATA: u8 = 9;
    pub(in crate::mqtt::wire) const SUBSCRIPTION_ID: u8 = 11;
    pub(in crate::mqtt::wire) const SESSION_EXPIRY: u8 = 17;
    pub(in crate::mqtt::wire) const AUTH_METHOD: u8 = 21;
    pub(in crate::mqtt::wire) const AUTH_DATA: u8 = 22;
    pub(in crate::mqtt::wire) const REQUEST_PROBLEM: u8 = 23;
    pub(in crate::mqtt::wire) const WILL_DELAY: u8 = 24;
    pub(in crate::mqtt::wire) const REQUEST_RESPONSE: u8 = 25;
    pub(in crate::mqtt::wire) const SERVER_REFERENCE: u8 = 28;
    pub(in crate::mqtt::wire) const REASON_STRING: u8 = 31;
    pub(in crate::mqtt::wire) const RECEIVE_MAXIMUM: u8 = 33;
    pub(in crate::mqtt::wire) const TOPIC_ALIAS_MAXIMUM: u8 = 34;
    pub(in crate::mqtt::wire) const TOPIC_ALIAS: u8 = 35;
    pub(in crate::mqtt::wire) const USER: u8 = 38;
    pub(in crate::mqtt::wire) const MAX_PACKET_SIZE: u8 = 39;

    pub(in crate::mqtt::wire) const IN_CONNECT: &[u8] = &[
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
    pub(in crate::mqtt::wire) const IN_WILL: &[u8] =
        &[WILL_DELAY, PAYLOAD_FORMAT, MESSAGE_EXPIRY, CONTENT_TYPE, RESPONSE_TOPIC, CORRELATION_DATA, USER];
    pub(in crate::mqtt::wire) const IN_PUBLISH: &[u8] =
        &[PAYLOAD_FORMAT, MESSAGE_EXPIRY, TOPIC_ALIAS, RESPONSE_TOPIC, CORRELATION_DATA, USER, CONTENT_TYPE];
    pub(in crate::mqtt::wire) const IN_SUBSCRIBE: &[u8] = &[SUBSCRIPTION_ID, USER];
    pub(in crate::mqtt::wire) const IN_UNSUBSCRIBE: &[u8] = &[USER];
    pub(in crate::mqtt::wire) const IN_ACK: &[u8] = &[REASON_STRING, USER];
    pub(in crate::mqtt::wire) const IN_DISCONNECT: &[u8] = &[SESSION_EXPIRY, REASON_STRING, USER, SERVER_REFERENCE];
}

/// A topic name (not a filter) has at least one character and no wildcards.
pub(super) fn check_topic_name(topic: &str) -> Result<(), Fault> {
    if topic.is_empty() || topic.contains(['+', '#']) {
        return Err(Fault { reason: Reason::TopicNameInvalid, what: "topic name is empty or has wildcards" });
    }
    Ok(())
}

/// Which properties were there.
#[derive(Default)]
pub(super) struct Found {
    seen: u64,
    pub(super) session_expiry_s: Option<u32>,
}

impl Found {
    pub(super) fn has(&self, id: u8) -> bool {
        self.seen & (1 << id) != 0
    }
}

/// The rest of a packet's body.
pub(super) struct Body<'a>(pub(super) &'a [u8]);

impl<'a> Body<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.0.split_at_checked(n).ok_or(Fault::malformed("packet ends too early"))?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Fault> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn u16(&mut self) -> Result<u16, Fault> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn u32(&mut self) -> Result<u32, Fault> {
        let bytes = self.take(4)?;
        Ok(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    pub(super) fn packet_id(&mut self) -> Result<(), Fault> {
        if self.u16()? == 0 { Err(Fault::protocol("packet id 0")) } else { Ok(()) }
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Fault> {
        let length = usize::from(self.u16()?);
        self.take(length)
    }

    pub(super) fn text(&mut self, what: &'static str) -> Result<&'a str, Fault> {
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

    pub(super) fn end(&self) -> Result<(), Fault> {
        if self.0.is_empty() { Ok(()) } else { Err(Fault::malformed("bytes after the end of the packet")) }
    }

    pub(super) fn properties(&mut self, allowed: &[u8]) -> Result<Found, Fault> {
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
