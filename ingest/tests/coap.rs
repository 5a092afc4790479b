//! What a device that speaks CoAP can rely on, over real UDP, with packets made by hand.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod push_support;

use std::collections::HashSet;
use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use coap_lite::{CoapOption, MessageType, Packet};
use gengfu_ingest::coap::{Listener, Metrics, Options};
use gengfu_ingest::{Intake, ManualClock};
use gengfu_model::{MessageKey, PayloadFormat, Timestamp, Transport};
use push_support::{FakeJournal, RETIRED_TOKEN, SHORT_TOKEN, TOILET_TOKEN, TOKEN, directory, wait_for};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const READING: &[u8] = br#"{"ts":1700000000000,"tilt_deg":3.5}"#;
const CON: u8 = 0;
const NON: u8 = 1;
const ACK: u8 = 2;
const RST: u8 = 3;
const POST: u8 = 2;
const CONTENT_FORMAT: u16 = 12;
const BLOCK1: u16 = 27;
const SIZE1: u16 = 60;
const REQUEST_TAG: u16 = 292;

/// A message to be sent.
#[derive(Clone)]
struct Message {
    ty: u8,
    code: u8,
    message_id: u16,
    token: Vec<u8>,
    options: Vec<(u16, Vec<u8>)>,
    payload: Vec<u8>,
}

impl Message {
    fn post(message_id: u16, path: &str, query: &str) -> Message {
        let mut options: Vec<_> = path.split('/').map(|segment| (11, segment.as_bytes().to_vec())).collect();
        if !query.is_empty() {
            options.push((15, query.as_bytes().to_vec()));
        }
        Message { ty: CON, code: POST, message_id, token: vec![1, 2], options, payload: READING.to_vec() }
    }

    /// A good request of `cover-1`.
    fn good(message_id: u16) -> Message {
        Message::post(message_id, "v1/devices/cover-1/telemetry", &format!("token={TOKEN}"))
    }

    fn with(mut self, option: u16, value: &[u8]) -> Message {
        self.options.push((option, value.to_vec()));
        self
    }

    fn body(mut self, payload: &[u8]) -> Message {
        self.payload = payload.to_vec();
        self
    }

    fn non(mut self) -> Message {
        self.ty = NON;
        self
    }

    fn block(self, number: u32, more: bool, exponent: u32, payload: &[u8]) -> Message {
        let value = number << 4 | u32::from(more) << 3 | exponent;
        let bytes: Vec<u8> = value.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
        self.with(BLOCK1, &bytes).body(payload)
    }

    fn bytes(&self) -> Vec<u8> {
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

fn nibble(number: usize) -> (u8, Vec<u8>) {
    match number {
        0..13 => (number as u8, Vec::new()),
        13..269 => (13, vec![(number - 13) as u8]),
        _ => (14, ((number - 269) as u16).to_be_bytes().to_vec()),
    }
}

struct Gateway {
    addr: SocketAddr,
    metrics: Arc<Metrics>,
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

async fn serve(intake: Intake, options: Options) -> Gateway {
    let listener = Listener::bind(options, "127.0.0.1:0".parse().unwrap()).await.unwrap();
    let (addr, metrics, cancel) = (listener.local_addr().unwrap(), listener.metrics(), CancellationToken::new());
    let clock = Arc::new(ManualClock::new(Timestamp(1_700_000_000_000)));
    let task = tokio::spawn(listener.run(intake, directory(), clock, cancel.clone()));
    Gateway { addr, metrics, cancel, task }
}

struct Client(UdpSocket);

/// An answer, with its code as `c.dd`.
struct Answer {
    ty: u8,
    code: String,
    message_id: u16,
    packet: Packet,
}

impl Answer {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.packet.payload).unwrap()
    }

    fn number(&self, option: CoapOption) -> Option<u32> {
        let value = self.packet.get_first_option(option)?;
        Some(value.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }
}

impl Client {
    async fn of(gateway: &Gateway) -> Client {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(gateway.addr).await.unwrap();
        Client(socket)
    }

    async fn send(&self, bytes: &[u8]) {
        self.0.send(bytes).await.unwrap();
    }

    async fn receive(&self) -> Answer {
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

    async fn ask(&self, message: &Message) -> Answer {
        self.send(&message.bytes()).await;
        self.receive().await
    }

    /// Asks and expects the answer in the acknowledgement.
    async fn code(&self, message: &Message) -> String {
        let answer = self.ask(message).await;
        assert_eq!((answer.ty, answer.message_id), (ACK, message.message_id));
        assert_eq!(answer.packet.get_token(), message.token);
        answer.code
    }

    /// Sends a ping and expects its reset next: whatever was sent before got no answer.
    async fn expect_nothing_before_a_pong(&self) {
        self.send(&[0x40, 0, 0xfe, 0xdc]).await;
        let answer = self.receive().await;
        assert_eq!((answer.ty, answer.message_id), (RST, 0xfedc), "got {}", answer.code);
    }
}

fn value(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[tokio::test]
async fn a_confirmable_reading_is_acknowledged_after_the_journal() {
    let journal = FakeJournal::start(16);
    let gateway = serve(journal.intake.clone(), Options::default()).await;
    let client = Client::of(&gateway).await;
    journal.hold();
    client.send(&Message::good(7).bytes()).await;
    journal.takes(1).await;
    // A journal that stands still does not stop the socket, and nothing is acknowledged.
    client.expect_nothing_before_a_pong().await;
    journal.release();
    let answer = client.receive().await;
    assert_eq!((answer.ty, answer.code.as_str(), answer.message_id), (ACK, "2.04", 7));
    assert_eq!((answer.packet.get_token(), answer.text()), (&[1, 2][..], ""));

    let messages = journal.messages();
    let message = &messages[0];
    assert_eq!((message.device.as_str(), message.transport), ("cover-1", Transport::Coap));
    assert_eq!((message.format, message.received_at), (PayloadFormat::Json, Timestamp(1_700_000_000_000)));
    assert_eq!(message.key, MessageKey::Coap { token: Arc::from(&[1, 2][..]), message_id: 7 });
    assert_eq!(&*message.payload, READING);
    assert!(journal.refusals().is_empty());
}

#[tokio::test]
async fn paths_and_formats_are_understood() {
    let journal = FakeJournal::start(16);
    let gateway = serve(journal.intake.clone(), Options::default()).await;
    let client = Client::of(&gateway).await;
    let toilet = |id: u16| Message::post(id, "v1/devices/me/telemetry", &format!("token={TOILET_TOKEN}"));
    assert_eq!(client.code(&Message::post(1, &format!("api/v1/{TOKEN}/telemetry"), "")).await, "2.01");
    assert_eq!(client.code(&toilet(2).with(CONTENT_FORMAT, &[60]).body(b"\xa1\x67nh3_ppm\x01")).await, "2.04");
    assert_eq!(client.code(&toilet(3).with(CONTENT_FORMAT, &[50]).body(b"{\"sos\":1}")).await, "2.04");
    assert_eq!(client.code(&toilet(4).with(CONTENT_FORMAT, &[42]).body(&[1, 0x75, 100])).await, "2.04");
    let short = Message::post(5, "v1/devices/short-1/telemetry", &format!("token={SHORT_TOKEN}"));
    assert_eq!(client.code(&short).await, "2.04");
    let seen: Vec<_> = journal.messages().iter().map(|m| (m.device.as_str().to_owned(), m.format)).collect();
    let expected = [
        ("cover-1", PayloadFormat::Json),
        ("toilet-1", PayloadFormat::Cbor),
        ("toilet-1", PayloadFormat::Json),
        ("toilet-1", PayloadFormat::Bytes),
        ("short-1", PayloadFormat::Json),
    ];
    assert_eq!(seen, expected.map(|(device, format)| (device.to_owned(), format)));
}

#[tokio::test]
async fn a_non_confirmable_reading_is_answered_without_acknowledgement() {
    let journal = FakeJournal::start(16);
    let gateway = serve(journal.intake.clone(), Options::default()).await;
    let client = Client::of(&gateway).await;
    let message = Message::good(1).non();
    let answer = client.ask(&message).await;
    assert_eq!((answer.ty, answer.code.as_str()), (NON, "2.04"));
    assert_eq!(answer.packet.get_token(), [1, 2]);
    // A repeat is silently ignored.
    client.send(&message.bytes()).await;
    client.expect_nothing_before_a_pong().await;
    assert_eq!(journal.messages().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_decoded_is_kept_and_said() {
    let journal = FakeJournal::start(16);
    let gateway = serve(journal.intake.clone(), Options::default()).await;
    let client = Client::of(&gateway).await;
    for (id, body, reason) in
        [(1, &b"{\"tilt"[..], "malformed"), (2, b"", "malformed"), (3, b"{\"x\":1}", "nothing_known")]
    {
        let answer = client.ask(&Message::good(id).body(body)).await;
        assert_eq!((answer.code.as_str(), answer.number(CoapOption::ContentFormat)), ("2.04", Some(50)));
        let said: serde_json::Value = serde_json::from_str(answer.text()).unwrap();
        assert_eq!(said["quarantined"], reason);
    }
    assert_eq!(journal.messages().len(), 3);
    assert_eq!(value(&gateway.metrics.quarantined), 3);
}

#[tokio::test]
async fn refusals_say_why_and_are_counted() {
    let journal = FakeJournal::start(16);
    let gateway = serve(journal.intake.clone(), Options::default()).await;
    let client = Client::of(&gateway).await;
    let path = "v1/devices/cover-1/telemetry";
    let token = |token: &str| format!("token={token}");
    let method = |code: u8| Message { code, ..Message::good(0) };
    let table = [
        (Message::post(0, path, ""), "4.01", "bad_credentials"),
        (Message::post(0, path, &token("wrong-token-of-some-length")), "4.01", "bad_credentials"),
        (Message::post(0, "v1/devices/me/telemetry", &token(SHORT_TOKEN)), "4.01", "bad_credentials"),
        (Message::post(0, "v1/devices/old-1/telemetry", &token(RETIRED_TOKEN)), "4.01", "bad_credentials"),
        (Message::post(0, "api/v1/wrong-token-of-some-length/telemetry", ""), "4.01", "bad_credentials"),
        (Message::post(0, path, &token(TOILET_TOKEN)), "4.03", "other_device"),
        (Message::post(0, "v1/devices/nobody/telemetry", &token(TOKEN)), "4.03", "other_device"),
        (Message::post(0, "v1/devices/cover-1", &token(TOKEN)), "4.04", "not_found"),
        (Message::post(0, "", ""), "4.04", "not_found"),
        (method(1), "4.05", "method_not_allowed"),
        (method(3), "4.05", "method_not_allowed"),
        (method(0x1f), "4.05", "method_not_allowed"),
        (Message::good(0).with(CONTENT_FORMAT, &[]), "4.15", "unsupported_content_type"),
        (Message::good(0).with(CONTENT_FORMAT, &[0xff, 0xff]), "4.15", "unsupported_content_type"),
        (Message::good(0).with(65_001, b"x"), "4.02", "bad_option"),
        (Message::good(0).with(1, b"etag"), "4.02", "bad_option"),
        (Message::good(0).with(BLOCK1, &[1, 2, 3, 4]), "4.02", "bad_option"),
        (Message::good(0).with(35, b"coap://x"), "5.05", "bad_option"),
        (Message::good(0).with(BLOCK1, &[0x0f]), "4.00", "bad_request"),
        (Message::good(0).with(11, &[0xff]), "4.00", "bad_request"),
    ];
    let count = table.len();
    for (id, (message, code, reason)) in table.into_iter().enumerate() {
        let message = Message { message_id: id as u16, ..message };
        assert_eq!(client.code(&message).await, code, "{:?}", message.options);
        assert_eq!(journal.refusals(), [(reason.to_owned(), 1)], "{:?}", message.options);
    }
    assert_eq!(value(&gateway.metrics.refused), count as u64);
    // Elective options that nobody knows do no harm.
    assert_eq!(client.code(&Message::good(100).with(65_000, b"x")).await, "2.04");
    // A critical one in a message that wants no acknowledgement is reset.
    let answer = client.ask(&Message::good(101).with(65_001, b"x").non()).await;
    assert_eq!((answer.ty, answer.message_id), (RST, 101));
    assert_eq!(journal.messages().len(), 1);
}

#[tokio::test]
async fn empty_and_broken_messages_follow_the_rules() {
    let journal = FakeJournal::start(16);
    let gateway = serve(journal.intake.clone(), Options::default()).await;
    let client = Client::of(&gateway).await;
    client.expect_nothing_before_a_pong().await;
    // Of another version, cut short, an acknowledgement or a reset of nothing, an answer to nothing.
    for silent in [
        &[0x80, 2, 0, 1][..],
        &[0x40, 2],
        &[0x60, 0, 0, 1],
        &[0x70, 0, 0, 1],
        &[0x60, 0x45, 0, 1],
        &[0x50, 2, 0, 1, 0xff],
    ] {
        client.send(silent).await;
        client.expect_nothing_before_a_pong().await;
    }
    // A token of 15 bytes, an option that runs over the end, a marker without payload, an answer.
    for broken in [&[0x4f, 2, 0, 1][..], &[0x40, 2, 0, 1, 0xb9, b'x'], &[0x40, 2, 0, 1, 0xff], &[0x40, 0x45, 0, 1]] {
        client.send(broken).await;
        let answer = client.receive().await;
        assert_eq!((answer.ty, answer.message_id, answer.code.as_str()), (RST, 1, "0.00"), "{broken:?}");
    }
    assert!(journal.messages().is_empty());
}

#[tokio::test]
async fn a_repeat_gets_the_same_answer_and_reaches_nobody() {
    let journal = FakeJournal::start(16);
    let gateway = serve(journal.intake.clone(), Options::default()).await;
    let client = Client::of(&gateway).await;
    let message = Message::good(1).body(b"{\"x\":1}");
    let first = client.ask(&message).await;
    let second = client.ask(&message).await;
    assert_eq!(first.packet, second.packet);
    // The same id from another port is another message.
    let other = Client::of(&gateway).await;
    other.ask(&message).await;
    // The same id with other bytes is one, too: the device has restarted.
    assert_eq!(client.code(&Message::good(1)).await, "2.04");
    assert_eq!(client.code(&Message { token: vec![9], ..Message::good(1) }).await, "2.04");
    assert_eq!(journal.messages().len(), 4);
    assert_eq!((value(&gateway.metrics.duplicates), value(&gateway.metrics.reused_ids)), (1, 2));
}

#[tokio::test]
async fn of_two_thousand_messages_sent_twice_each_is_journaled_once() {
    const COUNT: u16 = 2_000;
    const AT_ONCE: u16 = 40;
    let journal = FakeJournal::start(64);
    let gateway = serve(journal.intake.clone(), Options::default()).await;
    let client = Client::of(&gateway).await;
    let message = |id: u16| Message::good(id).body(format!("{{\"tilt_deg\":{}}}", f64::from(id) / 100.0).as_bytes());
    for first in (0..COUNT).step_by(usize::from(AT_ONCE)) {
        let ids = || first..first + AT_ONCE;
        // The repeats come in another order, before and after the first answers.
        for id in ids() {
            client.send(&message(id).bytes()).await;
        }
        for id in ids().rev() {
            client.send(&message(id).bytes()).await;
        }
        let mut open: HashSet<u16> = ids().collect();
        while !open.is_empty() {
            let answer = client.receive().await;
            assert_eq!((answer.ty, answer.code.as_str()), (ACK, "2.04"));
            open.remove(&answer.message_id);
        }
    }
    let keys: HashSet<_> = journal.messages().into_iter().map(|message| message.key).collect();
    assert_eq!((keys.len(), journal.messages().len()), (usize::from(COUNT), usize::from(COUNT)));
    wait_for("every repeat", || value(&gateway.metrics.duplicates) == u64::from(COUNT)).await;
}

#[tokio::test]
async fn when_the_journal_takes_long_the_answer_comes_apart_until_it_is_acknowledged() {
    let journal = FakeJournal::start(16);
    let (separate_after, ack_timeout) = (Duration::from_millis(20), Duration::from_millis(30));
    let options = Options { separate_after, ack_timeout, ..Options::default() };
    let gateway = serve(journal.intake.clone(), options).await;
    let client = Client::of(&gateway).await;
    journal.hold();
    let empty = client.ask(&Message::good(1)).await;
    assert_eq!((empty.ty, empty.code.as_str(), empty.message_id), (ACK, "0.00", 1));
    assert!(empty.packet.get_token().is_empty());
    // A repeat gets the empty acknowledgement again.
    let again = client.ask(&Message::good(1)).await;
    assert_eq!(again.packet, empty.packet);
    journal.release();
    let answer = client.receive().await;
    assert_eq!((answer.ty, answer.code.as_str()), (CON, "2.04"));
    assert_eq!(answer.packet.get_token(), [1, 2]);
    let repeated = client.receive().await;
    assert_eq!(repeated.packet, answer.packet);
    let mut acknowledgement = vec![0x60, 0];
    acknowledgement.extend(answer.message_id.to_be_bytes());
    client.send(&acknowledgement).await;
    client.send(&acknowledgement).await;
    assert_eq!((journal.messages().len(), value(&gateway.metrics.separate)), (1, 1));

    // One that is never acknowledged is given up.
    journal.hold();
    client.ask(&Message::good(2)).await;
    journal.release();
    wait_for("the end of the repetitions", || value(&gateway.metrics.unacknowledged) == 1).await;
    assert_eq!(value(&gateway.metrics.separate), 2);
}

#[tokio::test]
async fn bodies_in_blocks_are_put_together() {
    let journal = FakeJournal::start(16);
    let gateway = serve(journal.intake.clone(), Options::default()).await;
    let client = Client::of(&gateway).await;
    let body = format!("{{\"tilt_deg\":1{}}}", " ".repeat(90)).into_bytes();
    let blocks: Vec<_> = body.chunks(32).collect();
    let block = |id: u16, number: usize, tag: &[u8]| {
        let more = number + 1 < blocks.len();
        Message::good(id).with(REQUEST_TAG, tag).block(number as u32, more, 1, blocks[number])
    };
    // Two bodies of the same device at once, kept apart by their tags; one block is repeated.
    for number in 0..blocks.len() - 1 {
        for (id, tag) in [(number as u16, b"a"), (100 + number as u16, b"b")] {
            let message = block(id, number, tag);
            let answer = client.ask(&message).await;
            assert_eq!(answer.code, "2.31");
            assert_eq!(answer.number(CoapOption::Block1), Some((number as u32) << 4 | 8 | 1));
            assert_eq!(client.ask(&message).await.packet, answer.packet);
        }
    }
    assert!(journal.messages().is_empty());
    let last = blocks.len() - 1;
    for (id, tag) in [(50, b"a"), (150, b"b")] {
        let answer = client.ask(&block(id, last, tag)).await;
        assert_eq!((answer.code.as_str(), answer.number(CoapOption::Block1)), ("2.04", Some((last as u32) << 4 | 1)));
    }
    assert!(journal.messages().iter().all(|message| *message.payload == *body));
    assert_eq!(journal.messages().len(), 2);
    // A body of one block only.
    assert_eq!(client.code(&Message::good(60).block(0, false, 2, READING)).await, "2.04");
    assert_eq!(&*journal.messages()[2].payload, READING);
}

#[tokio::test]
async fn blocks_out_of_order_or_too_many_are_refused() {
    let journal = FakeJournal::start(16);
    let options = Options { max_body_bytes: 64, ..Options::default() };
    let gateway = serve(journal.intake.clone(), options).await;
    let client = Client::of(&gateway).await;
    let block = |id: u16, number: u32, more: bool| Message::good(id).block(number, more, 0, &[b' '; 16]);
    assert_eq!(client.code(&block(1, 1, true)).await, "4.08");
    assert_eq!(client.code(&block(2, 0, true)).await, "2.31");
    assert_eq!(client.code(&block(3, 2, true)).await, "4.08");
    assert_eq!(client.code(&block(4, 1, false)).await, "4.08");
    // A block of another length than it says.
    assert_eq!(client.code(&Message::good(5).block(0, true, 0, &[b' '; 15])).await, "4.00");
    // Too long: by what it says, by what came, in one datagram.
    for (id, number) in (10..).zip(0..4) {
        assert_eq!(client.code(&block(id, number, true)).await, "2.31");
    }
    for message in [block(20, 4, false), block(21, 0, true).with(SIZE1, &[65]), Message::good(22).body(&[b' '; 65])] {
        let answer = client.ask(&message).await;
        assert_eq!((answer.code.as_str(), answer.number(CoapOption::Size1)), ("4.13", Some(64)));
    }
    // Who may not write may not fill the memory either.
    let stranger = Message::post(30, "v1/devices/cover-1/telemetry", "token=wrong-token-of-some-length");
    assert_eq!(client.code(&stranger.block(0, true, 0, &[b' '; 16])).await, "4.01");
    assert!(journal.messages().is_empty());
}

#[tokio::test]
async fn when_the_journal_is_full_or_gone_it_says_when_to_try_again() {
    let journal = FakeJournal::start(1);
    let gateway = serve(journal.intake.clone(), Options::default()).await;
    let client = Client::of(&gateway).await;
    journal.hold();
    client.send(&Message::good(1).bytes()).await;
    journal.takes(1).await;
    client.send(&Message::good(2).bytes()).await;
    let refused = client.ask(&Message::good(3)).await;
    assert_eq!((refused.code.as_str(), refused.message_id), ("5.03", 3));
    assert_eq!(refused.number(CoapOption::MaxAge), Some(5));
    assert_eq!(journal.refusals(), [("full".to_owned(), 1)]);
    journal.release();
    assert_eq!((client.receive().await.message_id, client.receive().await.message_id), (1, 2));
    // The refused one comes again under a new id.
    assert_eq!(client.code(&Message::good(4)).await, "2.04");
    assert_eq!(journal.messages().len(), 3);
    let intake = journal.stop().await;
    let refused = client.ask(&Message::good(5)).await;
    assert_eq!((refused.code.as_str(), refused.number(CoapOption::MaxAge)), ("5.03", Some(5)));
    assert_eq!(intake.refusals().take()[0].reason, "stopping");
}

#[tokio::test]
async fn each_source_has_its_limits() {
    let journal = FakeJournal::start(16);
    let options = Options { source_burst: 3, source_rate_per_s: 0, max_pending_per_source: 2, ..Options::default() };
    let gateway = serve(journal.intake.clone(), options).await;
    let client = Client::of(&gateway).await;
    journal.hold();
    for id in 1..=2 {
        client.send(&Message::good(id).bytes()).await;
    }
    assert_eq!(client.code(&Message::good(3)).await, "5.03");
    let too_fast = client.ask(&Message::good(4)).await;
    assert_eq!((too_fast.code.as_str(), too_fast.number(CoapOption::MaxAge)), ("4.29", Some(1)));
    // Others are not affected.
    let other = Client::of(&gateway).await;
    other.send(&Message::good(1).bytes()).await;
    wait_for("three messages on their way", || value(&gateway.metrics.submitted) == 3).await;
    journal.release();
    assert_eq!(other.receive().await.code, "2.04");
}

#[tokio::test]
async fn a_message_that_the_journal_never_settles_is_given_up_and_may_come_again() {
    let journal = FakeJournal::start(16);
    let settle_timeout = Duration::from_millis(30);
    let gateway = serve(journal.intake.clone(), Options { settle_timeout, ..Options::default() }).await;
    let client = Client::of(&gateway).await;
    journal.hold();
    client.send(&Message::good(1).bytes()).await;
    wait_for("the end of its time", || value(&gateway.metrics.unsettled) == 1).await;
    journal.release();
    assert_eq!(client.code(&Message::good(1)).await, "2.04");
}

#[tokio::test]
async fn garbage_does_not_disturb_it() {
    let journal = FakeJournal::start(16);
    let gateway = serve(journal.intake.clone(), Options::default()).await;
    let noise = Client::of(&gateway).await;
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..20_000_u32 {
        let mut bytes = Vec::new();
        for _ in 0..8 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.extend(state.to_le_bytes());
        }
        bytes.truncate((state % 64) as usize);
        // Datagrams that do not fit the socket's buffers are lost, which is as good.
        noise.0.try_send(&bytes).ok();
        if round % 64 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let client = Client::of(&gateway).await;
    assert_eq!(client.code(&Message::good(1)).await, "2.04");
    assert!(value(&gateway.metrics.garbage) > 0);
    assert_eq!(journal.messages().len(), 1);
}

#[tokio::test]
async fn when_told_to_stop_it_answers_what_is_under_way_first() {
    let journal = FakeJournal::start(16);
    let gateway = serve(journal.intake.clone(), Options::default()).await;
    let client = Client::of(&gateway).await;
    journal.hold();
    client.send(&Message::good(1).bytes()).await;
    journal.takes(1).await;
    gateway.cancel.cancel();
    journal.release();
    assert_eq!(client.receive().await.code, "2.04");
    tokio::time::timeout(Duration::from_secs(10), gateway.task).await.unwrap().unwrap();
}

/// Runs libcoap's client and gives what it printed. `-B` among the arguments bounds its time.
async fn libcoap(arguments: &[&str], stdin: &[u8]) -> String {
    let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let stdin = stdin.to_vec();
    // On a thread of its own, so that the gateway in this runtime can answer it.
    tokio::task::spawn_blocking(move || run_libcoap(&arguments, &stdin)).await.unwrap()
}

fn run_libcoap(arguments: &[String], stdin: &[u8]) -> String {
    for name in ["coap-client-notls", "coap-client"] {
        let mut command = Command::new(name);
        let child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let Ok(mut child) = child else { continue };
        child.stdin.take().unwrap().write_all(stdin).unwrap();
        let output = child.wait_with_output().unwrap();
        return [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    }
    panic!("libcoap's client is missing: install the Debian package libcoap3-bin");
}

#[tokio::test]
async fn libcoaps_client_is_understood() {
    let journal = FakeJournal::start(16);
    let gateway = serve(journal.intake.clone(), Options::default()).await;
    let uri = format!("coap://{}/v1/devices/cover-1/telemetry?token={TOKEN}", gateway.addr);
    let post = ["-m", "post", "-t", "json", "-B", "10", "-f", "-"];
    let printed = libcoap(&[&post[..], &[&uri]].concat(), READING).await;
    assert_eq!((printed.as_str(), journal.messages().len()), ("", 1));
    // Non-confirmable, and by ThingsBoard's path.
    let things_board = format!("coap://{}/api/v1/{TOKEN}/telemetry", gateway.addr);
    libcoap(&[&post[..], &["-N", &things_board]].concat(), READING).await;
    assert!(journal.messages().iter().all(|message| *message.payload == *READING));
    assert_eq!(journal.messages().len(), 2);
    // Block-wise, in its own block size and in small ones.
    let elements: Vec<_> = (0..500).map(|n| format!("{{\"tilt_deg\":{n:.1}}}")).collect();
    let large = format!("[{}]", elements.join(","));
    libcoap(&[&post[..], &[&uri]].concat(), large.as_bytes()).await;
    // The size is its choice, 1,024 bytes at most.
    assert!(value(&gateway.metrics.blocks) >= large.len() as u64 / 1_024);
    libcoap(&[&post[..], &["-b", "128", &uri]].concat(), large.as_bytes()).await;
    let messages = journal.messages();
    assert_eq!(messages.len(), 4);
    assert!(messages[2..].iter().all(|message| *message.payload == *large.as_bytes()));
    // What it is told when it may not.
    let wrong = format!("coap://{}/v1/devices/cover-1/telemetry?token=wrong-token-of-some-length", gateway.addr);
    let printed = libcoap(&[&post[..], &[&wrong]].concat(), READING).await;
    assert!(printed.contains("4.01"), "{printed}");
}
