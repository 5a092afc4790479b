//! One device's connection: login, publishes with packet ids, acknowledgements, keep-alive.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::packets::{self, Incoming, PublishTemplate, Version, WireError};

/// Room for what comes in, unless asked otherwise: dozens of acknowledgements of four bytes.
const INCOMING_BYTES: usize = 256;
/// The most room for what comes in that bursts get.
const MOST_INCOMING_BYTES: usize = 8_192;
/// An outgoing buffer that grew beyond this is given back, unless bursts are expected.
const OUTGOING_KEPT_BYTES: usize = 1_024;

/// Who logs in.
#[derive(Clone, Copy, Debug)]
pub struct Login<'a> {
    /// The device's id: client id and user name.
    pub device: &'a str,
    /// Its token: the password.
    pub token: &'a str,
}

/// A connected device.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    version: Version,
    incoming: BytesMut,
    outgoing: BytesMut,
    publish: PublishTemplate,
    receive_maximum: u16,
    read_bytes: usize,
    kept_bytes: usize,
}

impl Connection {
    /// Connects and logs in; publishes will go to `topic`.
    ///
    /// # Errors
    /// [`WireError`]: not reachable, refused, or no answer within `timeout`.
    pub async fn open(
        broker: SocketAddr,
        version: Version,
        login: Login<'_>,
        topic: &str,
        keep_alive_s: u16,
        timeout: Duration,
    ) -> Result<Connection, WireError> {
        let open = async {
            let stream = TcpStream::connect(broker).await?;
            stream.set_nodelay(true)?;
            let mut connection = Connection {
                stream,
                version,
                incoming: BytesMut::with_capacity(INCOMING_BYTES),
                outgoing: BytesMut::new(),
                publish: PublishTemplate::new(version, topic),
                receive_maximum: u16::MAX,
                read_bytes: INCOMING_BYTES,
                kept_bytes: OUTGOING_KEPT_BYTES,
            };
            packets::connect(version, &login, keep_alive_s, &mut connection.outgoing)?;
            connection.flush().await?;
            match connection.next().await? {
                Incoming::Connected { receive_maximum } => {
                    connection.receive_maximum = receive_maximum.unwrap_or(u16::MAX);
                    Ok(connection)
                }
                other => Err(WireError::Protocol(format!("expected CONNACK, got {other:?}"))),
            }
        };
        match tokio::time::timeout(timeout, open).await {
            Ok(result) => result,
            Err(_) => Err(WireError::Timeout(timeout.as_secs())),
        }
    }

    /// Makes room for bursts of so many publishes and their acknowledgements, and keeps it.
    pub fn expect_bursts_of(&mut self, publishes: u16) {
        self.read_bytes = (usize::from(publishes) * 4).clamp(INCOMING_BYTES, MOST_INCOMING_BYTES);
        self.kept_bytes = usize::MAX;
    }

    /// How many publishes without acknowledgement the server allows.
    #[must_use]
    pub fn receive_maximum(&self) -> u16 {
        self.receive_maximum
    }

    /// Adds a QoS 1 publish to what the next [`Connection::flush`] sends.
    ///
    /// # Errors
    /// [`WireError::Protocol`] if the packet cannot be built (packet id 0, too long).
    pub fn publish(
        &mut self,
        packet_id: u16,
        payload: &Bytes,
        repeat: bool,
        message_id: Option<&str>,
    ) -> Result<(), WireError> {
        self.publish.write(packet_id, payload, repeat, message_id, &mut self.outgoing)
    }

    /// Adds a publish to another topic than the usual one.
    ///
    /// # Errors
    /// [`WireError::Protocol`] if the packet cannot be built.
    pub fn publish_to(&mut self, topic: &str, packet_id: u16, payload: &Bytes) -> Result<(), WireError> {
        PublishTemplate::new(self.version, topic).write(packet_id, payload, false, None, &mut self.outgoing)
    }

    /// Adds a subscription with QoS 1.
    ///
    /// # Errors
    /// [`WireError::Protocol`] if the packet cannot be built.
    pub fn subscribe(&mut self, topic: &str, packet_id: u16) -> Result<(), WireError> {
        packets::subscribe(self.version, topic, packet_id, &mut self.outgoing)
    }

    /// Adds the acknowledgement of a received message; nothing for QoS 0.
    pub fn acknowledge(&mut self, packet_id: u16) {
        if packet_id != 0 {
            packets::acknowledge(packet_id, &mut self.outgoing);
        }
    }

    /// Adds a ping.
    pub fn ping(&mut self) {
        packets::ping(&mut self.outgoing);
    }

    /// Sends what was added.
    ///
    /// # Errors
    /// [`WireError::Io`]; the connection is of no use then.
    pub async fn flush(&mut self) -> Result<(), WireError> {
        if !self.outgoing.is_empty() {
            self.stream.write_all(&self.outgoing).await?;
            if self.outgoing.capacity() > self.kept_bytes {
                self.outgoing = BytesMut::new();
            } else {
                self.outgoing.clear();
            }
        }
        Ok(())
    }

    /// Waits for the next packet. May be dropped while waiting; nothing is lost then.
    ///
    /// # Errors
    /// [`WireError`]: closed, refused, or no MQTT.
    pub async fn next(&mut self) -> Result<Incoming, WireError> {
        loop {
            if let Some(incoming) = self.buffered()? {
                return Ok(incoming);
            }
            self.incoming.reserve(self.read_bytes);
            if self.stream.read_buf(&mut self.incoming).await? == 0 {
                return Err(WireError::Io(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    /// A packet that has already come, without waiting.
    ///
    /// # Errors
    /// [`WireError`]: refused, or no MQTT.
    pub fn buffered(&mut self) -> Result<Option<Incoming>, WireError> {
        if self.incoming.is_empty() { Ok(None) } else { packets::read(self.version, &mut self.incoming) }
    }

    /// Says good-bye and closes. Whatever goes wrong now does not matter any more.
    pub async fn close(mut self) {
        packets::disconnect(&mut self.outgoing);
        if self.flush().await.is_ok() {
            // A failed shutdown means that the server was quicker.
            drop(self.stream.shutdown().await);
        }
    }
}
