//! Packets made by hand, a client that sends them, and the listener that they go to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use coap_lite::{CoapOption, MessageType, Packet};
use gengfu_ingest::coap::{Listener, Metrics, Options};
use gengfu_ingest::{Intake, ManualClock};
use gengfu_model::Timestamp;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::push_support::{TOKEN, directory};

pub(crate) const READING: &[u8] = br#"{"ts":1700000000000,"tilt_deg":3.5}"#;
pub(crate) const CON: u8 = 0;
pub(crate) const NON: u8 = 1;
pub(crate) const ACK: u8 = 2;
pub(crate) const RST: u8 = 3;
pub(crate) const POST: u8 = 2;
pub(crate) const CONTENT_FORMAT: u16 = 12;
pub(crate) const BLOCK1: u16 = 27;
pub(crate) const SIZE1: u16 = 60;
pub(crate) const REQUEST_TAG: u16 = 292;

/// A message to be sent.
#[derive(Clone)]
pub(crate) struct Message {
    pub(crate) ty: u8,
    pub(crate) code: u8,
    pub(crate) message_id: u16,
    pub(crate) token: Vec<u8>,
    pub(crate) options: Vec<(u16, Vec<u8>)>,
    pub(crate) payload: Vec<u8>,
}

impl Message {
    pub(crate) fn post(message_id: u16, path: &str, query: &str) -> Message {
        let mut options: Vec<_> = path.split('/').map(|segment| (11, segment.as_bytes().to_vec())).collect();
        if !query.is_empty() {
            options.push((15, query.as_bytes().to_vec()));
        }
        Message { ty: CON, code: POST, message_id, token: vec![1, 2], options, payload: READING.to_vec() }
    }

    /// A good request of `cover-1`.
    pub(crate) fn good(message_id: u16) -> Message {
        Message::post(message_id, "v1/devices/cover-1/telemetry", &format!("token={TOKEN}"))
    }

    pub(crate) fn with(mut self, option: u16, value: &[u8]) -> Message {
        self.options.push((option, value.to_vec()));
        self
    }

    pub(crate) fn body(mut self, payload: &[u8]) -> Message {
        self.payload = payload.to_vec();
        self
    }

    pub(crate) fn non(mut self) -> Message {
        self.ty = NON;
        self
    }

    pub(crate) fn block(self, number: u32, more: bool, exponent: u32, payload: &[u8]) -> Message {
        let value = number << 4 | u32::from(more) << 3 | exponent;
        let bytes: Vec<u8> = value.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
        self.with(BLOCK1, &bytes).body(payload)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0x40 | self.ty << 4 | self.token.len() as u8, self.code];
        bytes.extend(self.message_id.to_be_bytes());
        bytes.extend(&self.token);
        let mut options = self.options.clone();
        options.sort_by_key(|(number, _)| *number);
        let mut last = 0;
        for (number, value) in options {
            let (delta, delta_more) = nibble(usize::from(number - last));
            let (length, length_more) = nibble(value.len());
            bytes.push(delta << 4 | length);
            bytes.extend(delta_more);
            bytes.extend(length_more);
            bytes.extend(value);
            last = number;
        }
        if !self.payload.is_empty() {
            bytes.push(0xff);
            bytes.extend(&self.payload);
        }
        bytes
    }
}

pub(crate) fn nibble(number: usize) -> (u8, Vec<u8>) {
    match number {
        0..13 => (number as u8, Vec::new()),
        13..269 => (13, vec![(number - 13) as u8]),
        _ => (14, ((number - 269) as u16).to_be_bytes().to_vec()),
    }
}

pub(crate) struct Gateway {
    pub(crate) addr: SocketAddr,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) cancel: CancellationToken,
    pub(crate) task: JoinHandle<()>,
}

pub(crate) async fn serve(intake: Intake, options: Options) -> Gateway {
    let listener = Listener::bind(options, "127.0.0.1:0".parse().unwrap()).await.unwrap();
    let (addr, metrics, cancel) = (listener.local_addr().unwrap(), listener.metrics(), CancellationToken::new());
    let clock = Arc::new(ManualClock::new(Timestamp(1_700_000_000_000)));
    let task = tokio::spawn(listener.run(intake, directory(), clock, cancel.clone()));
    Gateway { addr, metrics, cancel, task }
}

pub(crate) struct Client(pub(crate) UdpSocket);

/// An answer, with its code as `c.dd`.
pub(crate) struct Answer {
    pub(crate) ty: u8,
    pub(crate) code: String,
    pub(crate) message_id: u16,
    pub(crate) packet: Packet,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.packet.payload).unwrap()
    }

    pub(crate) fn number(&self, option: CoapOption) -> Option<u32> {
        let value = self.packet.get_first_option(option)?;
        Some(value.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }
}

impl Client {
    pub(crate) async fn of(gateway: &Gateway) -> Client {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(gateway.addr).await.unwrap();
        Client(socket)
    }

    pub(crate) async fn send(&self, bytes: &[u8]) {
        self.0.send(bytes).await.unwrap();
    }

    pub(crate) async fn receive(&self) -> Answer {
        let mut buffer = [0; 2_048];
        let received = tokio::time::timeout(Duration::from_secs(10), self.0.recv(&mut buffer)).await;
        let length = received.expect("an answer within 10 s").unwrap();
        let packet = Packet::from_bytes(&buffer[..length]).unwrap();
        let ty = match packet.header.get_type() {
            MessageType::Confirmable => CON,
            MessageType::NonConfirmable => NON,
            MessageType::Acknowledgement => ACK,
            MessageType::Reset => RST,
        };
        Answer { ty, code: packet.header.get_code(), message_id: packet.header.message_id, packet }
    }

    pub(crate) async fn ask(&self, message: &Message) -> Answer {
        self.send(&message.bytes()).await;
        self.receive().await
    }

    /// Asks and expects the answer in the acknowledgement.
    pub(crate) async fn code(&self, message: &Message) -> String {
        let answer = self.ask(message).await;
        assert_eq!((answer.ty, answer.message_id), (ACK, message.message_id));
        assert_eq!(answer.packet.get_token(), message.token);
        answer.code
    }

    /// Sends a ping and expects its reset next: whatever was sent before got no answer.
    pub(crate) async fn expect_nothing_before_a_pong(&self) {
        self.send(&[0x40, 0, 0xfe, 0xdc]).await;
        let answer = self.receive().await;
        assert_eq!((answer.ty, answer.message_id), (RST, 0xfedc), "got {}", answer.code);
    }
}

pub(crate) fn value(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
