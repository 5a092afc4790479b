//! A client that speaks bytes: packets are put together by hand, so that broken ones can be sent too.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{soon, token};

/// Anything that a client may run over.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

pub(crate) struct Raw {
    wire: Box<dyn Wire>,
}

impl Raw {
    pub(crate) async fn open(addr: SocketAddr) -> Raw {
        let tcp = soon("a connection", TcpStream::connect(addr)).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        Raw::over(tcp)
    }

    pub(crate) fn over(wire: impl Wire + 'static) -> Raw {
        Raw { wire: Box::new(wire) }
    }

    /// Connects as device `id` with 3.1.1 and a clean session.
    pub(crate) async fn v3(addr: SocketAddr, id: &str) -> Raw {
        let mut raw = Raw::open(addr).await;
        raw.send(&Connect::v3(id).bytes()).await;
        raw.expect(&[0x20, 2, 0, 0]).await;
        raw
    }

    /// Connects as device `id` with MQTT 5 and a clean start.
    pub(crate) async fn v5(addr: SocketAddr, id: &str) -> Raw {
        let mut raw = Raw::open(addr).await;
        raw.send(&Connect::v5(id).bytes()).await;
        let connack = raw.receive().await;
        assert_eq!((connack[0], connack[2], connack[3]), (0x20, 0, 0), "{connack:02x?}");
        raw
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        // The other side may have closed already; what comes back will tell.
        self.wire.write_all(bytes).await.ok();
        self.wire.flush().await.ok();
    }

    /// The next packet, whole.
    pub(crate) async fn receive(&mut self) -> Vec<u8> {
        soon("a packet", self.try_receive()).await.expect("a packet, and not the end")
    }

    async fn try_receive(&mut self) -> Option<Vec<u8>> {
        let mut packet = vec![self.wire.read_u8().await.ok()?];
        let (mut length, mut shift) = (0, 0);
        loop {
            let byte = self.wire.read_u8().await.ok()?;
            packet.push(byte);
            length |= usize::from(byte & 0x7F) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let start = packet.len();
        packet.resize(start + length, 0);
        self.wire.read_exact(&mut packet[start..]).await.ok()?;
        Some(packet)
    }

    pub(crate) async fn expect(&mut self, packet: &[u8]) {
        assert_eq!(self.receive().await, packet);
    }

    /// What has come by now, if anything; for proofs that something is held back.
    pub(crate) async fn poll_now(&mut self) -> Option<u8> {
        let held = std::time::Duration::from_millis(50);
        tokio::time::timeout(held, self.wire.read_u8()).await.ok().and_then(Result::ok)
    }

    /// Nothing more comes, and the connection is closed.
    pub(crate) async fn expect_closed(&mut self) {
        let next = soon("the end of the connection", self.try_receive()).await;
        assert_eq!(next, None, "a packet where the connection should have been closed");
    }

    /// MQTT 5: a DISCONNECT with this reason, then the end.
    pub(crate) async fn expect_disconnect(&mut self, reason: u8) {
        self.expect(&[0xE0, 2, reason, 0]).await;
        self.expect_closed().await;
    }

    /// Sends a PINGREQ and waits for its answer: everything before it has been read by then.
    pub(crate) async fn ping(&mut self) {
        self.send(&[0xC0, 0]).await;
        self.expect(&[0xD0, 0]).await;
    }

    /// Drops the connection without a word.
    pub(crate) fn vanish(self) {}
}

/// A packet from its first byte and its body.
pub(crate) fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    variable_int(&mut bytes, body.len());
    bytes.extend_from_slice(body);
    bytes
}

pub(crate) fn variable_int(bytes: &mut Vec<u8>, mut value: usize) {
    loop {
        let more = value > 127;
        bytes.push((value % 128) as u8 | if more { 0x80 } else { 0 });
        value /= 128;
        if !more {
            return;
        }
    }
}

/// A text or bytes with their length.
pub(crate) fn field(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    let mut field = (bytes.len() as u16).to_be_bytes().to_vec();
    field.extend_from_slice(bytes);
    field
}

/// A list of properties with its length.
pub(crate) fn properties(list: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    variable_int(&mut bytes, list.len());
    bytes.extend_from_slice(list);
    bytes
}

pub(crate) fn user_property(name: &str, value: &str) -> Vec<u8> {
    [vec![0x26], field(name), field(value)].concat()
}

/// Topic, payload, flags (QoS and retain, as they stand in the connect flags), properties.
pub(crate) type Will = (Vec<u8>, Vec<u8>, u8, Vec<u8>);

/// A CONNECT, part by part.
#[derive(Clone)]
pub(crate) struct Connect {
    pub(crate) name: Vec<u8>,
    pub(crate) level: u8,
    pub(crate) clean: bool,
    pub(crate) keep_alive: u16,
    pub(crate) properties: Vec<u8>,
    pub(crate) client_id: Vec<u8>,
    pub(crate) will: Option<Will>,
    pub(crate) user: Option<Vec<u8>>,
    pub(crate) password: Option<Vec<u8>>,
    /// Flags set beyond those that the parts give.
    pub(crate) more_flags: u8,
    pub(crate) trailing: Vec<u8>,
}

impl Connect {
    pub(crate) fn v3(id: &str) -> Connect {
        Connect {
            name: b"MQTT".to_vec(),
            level: 4,
            clean: true,
            keep_alive: 0,
            properties: Vec::new(),
            client_id: format!("client-{id}").into_bytes(),
            will: None,
            user: Some(id.as_bytes().to_vec()),
            password: Some(token(id).into_bytes()),
            more_flags: 0,
            trailing: Vec::new(),
        }
    }

    pub(crate) fn v5(id: &str) -> Connect {
        Connect { level: 5, ..Connect::v3(id) }
    }

    pub(crate) fn resuming(mut self) -> Connect {
        self.clean = false;
        self
    }

    /// MQTT 5: a session expiry, in seconds.
    pub(crate) fn expiry(mut self, seconds: u32) -> Connect {
        self.properties.push(0x11);
        self.properties.extend_from_slice(&seconds.to_be_bytes());
        self
    }

    pub(crate) fn will(mut self, topic: &str, payload: &str) -> Connect {
        self.will = Some((topic.into(), payload.into(), 0, Vec::new()));
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut flags = self.more_flags;
        flags |= if self.clean { 0x02 } else { 0 };
        flags |= self.will.as_ref().map_or(0, |will| 0x04 | will.2);
        flags |= if self.user.is_some() { 0x80 } else { 0 };
        flags |= if self.password.is_some() { 0x40 } else { 0 };
        let mut body = field(&self.name);
        body.extend_from_slice(&[self.level, flags]);
        body.extend_from_slice(&self.keep_alive.to_be_bytes());
        if self.level == 5 {
            body.extend(properties(&self.properties));
        }
        body.extend(field(&self.client_id));
        if let Some((topic, payload, _, list)) = &self.will {
            if self.level == 5 {
                body.extend(properties(list));
            }
            body.extend(field(topic));
            body.extend(field(payload));
        }
        body.extend(self.user.iter().flat_map(field));
        body.extend(self.password.iter().flat_map(field));
        body.extend_from_slice(&self.trailing);
        packet(0x10, &body)
    }
}

/// PUBLISH of 3.1.1; `flags` are those of the fixed header.
pub(crate) fn publish_v3(flags: u8, topic: &str, id: u16, payload: &str) -> Vec<u8> {
    let mut body = field(topic);
    if flags & 0x06 != 0 {
        body.extend_from_slice(&id.to_be_bytes());
    }
    body.extend_from_slice(payload.as_bytes());
    packet(0x30 | flags, &body)
}

/// PUBLISH of MQTT 5 with a list of properties.
pub(crate) fn publish_v5(flags: u8, topic: &str, id: u16, list: &[u8], payload: &str) -> Vec<u8> {
    let mut body = field(topic);
    if flags & 0x06 != 0 {
        body.extend_from_slice(&id.to_be_bytes());
    }
    body.extend(properties(list));
    body.extend_from_slice(payload.as_bytes());
    packet(0x30 | flags, &body)
}

/// SUBSCRIBE; each filter with its options byte.
pub(crate) fn subscribe(version: u8, id: u16, filters: &[(&str, u8)]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    if version == 5 {
        body.push(0);
    }
    for (filter, options) in filters {
        body.extend(field(filter));
        body.push(*options);
    }
    packet(0x82, &body)
}

pub(crate) fn unsubscribe(version: u8, id: u16, filters: &[&str]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    if version == 5 {
        body.push(0);
    }
    body.extend(filters.iter().flat_map(field));
    packet(0xA2, &body)
}

/// QoS bits of the fixed header.
pub(crate) const QOS1: u8 = 0x02;
pub(crate) const QOS2: u8 = 0x04;
pub(crate) const DUP: u8 = 0x08;
pub(crate) const RETAIN: u8 = 0x01;

pub(crate) const TELEMETRY: &str = "v1/devices/a/telemetry";
