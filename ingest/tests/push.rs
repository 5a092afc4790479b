//! What a device that pushes by HTTP can rely on, over a real socket.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod push_support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gengfu_ingest::push::{Options, State, router};
use gengfu_ingest::{Intake, ManualClock};
use gengfu_model::{MessageKey, PayloadFormat, Timestamp, Transport};
use push_support::{FakeJournal, RETIRED_TOKEN, SHORT_TOKEN, TOILET_TOKEN, TOKEN, directory, wait_for};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const PATH: &str = "/v1/devices/cover-1/telemetry";
const READING: &str = r#"{"ts":1700000000000,"tilt_deg":3.5}"#;

struct Server {
    addr: SocketAddr,
    state: State,
}

async fn serve(intake: Intake, options: Options) -> Server {
    let clock = Arc::new(ManualClock::new(Timestamp(1_700_000_000_000)));
    let state = State::new(options, intake, directory(), clock);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let app = router(state.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    Server { addr, state }
}

struct Answer {
    status: u16,
    head: String,
    body: Value,
}

impl Server {
    /// Sends one request as it stands and reads the answer to its end.
    async fn raw(&self, request: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_ascii_lowercase(), body: serde_json::from_str(body).unwrap_or_default() }
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = format!("POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n").into_bytes();
        for (name, value) in headers {
            request.extend(format!("{name}: {value}\r\n").bytes());
        }
        request.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
        request.extend(body);
        self.raw(&request).await
    }

    async fn push(&self, token: &str, body: &str) -> Answer {
        self.post(PATH, &[("Authorization", &format!("Bearer {token}"))], body.as_bytes()).await
    }
}

#[tokio::test]
async fn a_reading_is_answered_200_after_the_journal() {
    let journal = FakeJournal::start(16);
    let server = serve(journal.intake.clone(), Options::default()).await;
    journal.hold();
    let (answer, ()) = tokio::join!(server.push(TOKEN, READING), async {
        assert!(journal.messages().is_empty());
        journal.release();
    });
    assert_eq!((answer.status, &answer.body), (200, &serde_json::json!({"seq": 1})));
    let message = &journal.messages()[0];
    assert_eq!((message.device.as_str(), message.transport), ("cover-1", Transport::Http));
    assert_eq!((message.format, &message.key), (PayloadFormat::Json, &MessageKey::None));
    assert_eq!(message.received_at, Timestamp(1_700_000_000_000));
    assert_eq!(&*message.payload, READING.as_bytes());
    assert!(journal.refusals().is_empty());
}

#[tokio::test]
async fn formats_the_key_and_me_are_understood() {
    let journal = FakeJournal::start(16);
    let server = serve(journal.intake.clone(), Options::default()).await;
    let bearer = format!("bearer {TOILET_TOKEN}");
    let me = "/v1/devices/me/telemetry";
    let cbor = b"\xa1\x67nh3_ppm\x01";
    let headers =
        [("Authorization", bearer.as_str()), ("Content-Type", "application/cbor"), ("Idempotency-Key", "k-1")];
    assert_eq!(server.post(me, &headers, cbor).await.body, serde_json::json!({"seq": 1}));
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "Application/JSON; charset=utf-8")];
    assert_eq!(server.post(me, &headers, br#"{"nh3_ppm":1}"#).await.body, serde_json::json!({"seq": 2}));
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/octet-stream")];
    assert_eq!(server.post(me, &headers, &[0x01, 0x75, 0x64]).await.body, serde_json::json!({"seq": 3}));
    let messages = journal.messages();
    assert_eq!(messages[0].key, MessageKey::Explicit(Arc::from("k-1")));
    let formats: Vec<_> = messages.iter().map(|message| message.format).collect();
    assert_eq!(formats, [PayloadFormat::Cbor, PayloadFormat::Json, PayloadFormat::Bytes]);
    assert!(messages.iter().all(|message| message.device.as_str() == "toilet-1" && &*message.model == "GS301"));
}

#[tokio::test]
async fn what_cannot_be_decoded_is_kept_and_said() {
    let journal = FakeJournal::start(16);
    let server = serve(journal.intake.clone(), Options::default()).await;
    for (body, reason) in [("{\"tilt_deg\":", "malformed"), ("", "malformed"), ("{\"x\":1}", "nothing_known")] {
        let answer = server.push(TOKEN, body).await;
        assert_eq!((answer.status, &answer.body["quarantined"]), (200, &Value::from(reason)), "{body}");
        assert!(answer.body["seq"].is_u64() && answer.body["message"].is_string());
    }
    assert_eq!(journal.messages().len(), 3);
}

#[tokio::test]
async fn only_the_devices_own_token_opens_its_path() {
    let journal = FakeJournal::start(16);
    let server = serve(journal.intake.clone(), Options::default()).await;
    for (path, token, status, code) in [
        (PATH, "wrong-token-of-some-length", 401, "bad_credentials"),
        (PATH, "", 401, "bad_credentials"),
        (PATH, TOILET_TOKEN, 403, "other_device"),
        ("/v1/devices/nobody/telemetry", TOKEN, 403, "other_device"),
        ("/v1/devices/nobody/telemetry", "wrong-token-of-some-length", 401, "bad_credentials"),
        ("/v1/devices/old-1/telemetry", RETIRED_TOKEN, 401, "bad_credentials"),
        ("/v1/devices/me/telemetry", RETIRED_TOKEN, 401, "bad_credentials"),
        ("/v1/devices/me/telemetry", SHORT_TOKEN, 401, "bad_credentials"),
    ] {
        let answer = server.post(path, &[("Authorization", &format!("Bearer {token}"))], READING.as_bytes()).await;
        assert_eq!((answer.status, &answer.body["error"]["code"]), (status, &Value::from(code)), "{path} {token}");
        let error = answer.body["error"].as_object().unwrap();
        assert!(["code", "message", "field", "hint"].iter().all(|name| error.contains_key(*name)), "{error:?}");
        assert_eq!(journal.refusals(), [(code.to_owned(), 1)], "{path} {token}");
    }
    assert_eq!(server.post(PATH, &[], READING.as_bytes()).await.status, 401);
    assert_eq!(server.post(PATH, &[("Authorization", "Basic eDp5")], READING.as_bytes()).await.status, 401);
    let short = server.post("/v1/devices/short-1/telemetry", &[("Authorization", "Bearer short")], READING.as_bytes());
    assert_eq!(short.await.status, 200);
    assert_eq!(journal.messages().len(), 1);
}

#[tokio::test]
async fn a_wrong_method_type_key_or_size_is_refused() {
    let journal = FakeJournal::start(16);
    let options = Options { max_body_bytes: 100, ..Options::default() };
    let server = serve(journal.intake.clone(), options).await;
    let bearer = format!("Bearer {TOKEN}");
    let auth = ("Authorization", bearer.as_str());
    let answer = server.post(PATH, &[auth, ("Content-Type", "text/xml")], b"<a/>").await;
    assert_eq!((answer.status, &answer.body["error"]["field"]), (415, &Value::from("Content-Type")));
    let long_key = "k".repeat(65);
    let answer = server.post(PATH, &[auth, ("Idempotency-Key", &long_key)], READING.as_bytes()).await;
    assert_eq!((answer.status, &answer.body["error"]["field"]), (400, &Value::from("Idempotency-Key")));
    assert_eq!(server.push(TOKEN, &"x".repeat(101)).await.status, 413);
    // The same without an announced length.
    let chunked = format!(
        "POST {PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {bearer}\r\nTransfer-Encoding: chunked\r\n\r\n80\r\n{}\r\n0\r\n\r\n",
        "x".repeat(128)
    );
    assert_eq!(server.raw(chunked.as_bytes()).await.status, 413);
    let get = format!("GET {PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let answer = server.raw(get.as_bytes()).await;
    assert_eq!((answer.status, &answer.body["error"]["code"]), (405, &Value::from("method_not_allowed")));
    assert!(journal.messages().is_empty());
    let counted: u64 = journal.refusals().iter().map(|(_, count)| count).sum();
    assert_eq!(counted, 5);
    assert_eq!(server.state.metrics().refused.load(std::sync::atomic::Ordering::Relaxed), 5);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let journal = FakeJournal::start(16);
    let options = Options { body_timeout: Duration::from_millis(30), ..Options::default() };
    let server = serve(journal.intake.clone(), options).await;
    let request = format!(
        "POST {PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 10\r\n\r\n{{"
    );
    assert_eq!(server.raw(request.as_bytes()).await.status, 408);
}

#[tokio::test]
async fn when_the_journal_is_behind_or_gone_it_says_503_and_when_to_try_again() {
    let journal = FakeJournal::start(1);
    let server = Arc::new(serve(journal.intake.clone(), Options::default()).await);
    journal.hold();
    let push = || {
        let server = Arc::clone(&server);
        tokio::spawn(async move { server.push(TOKEN, READING).await.status })
    };
    let in_hand = push();
    journal.takes(1).await;
    // There is room for one more in its queue; whatever comes beyond is refused.
    let in_queue = push();
    let mut refused = 0;
    while refused < 2 {
        let answer = tokio::time::timeout(Duration::from_millis(200), server.push(TOKEN, READING)).await;
        let Ok(answer) = answer else { continue };
        assert_eq!((answer.status, &answer.body["error"]["code"]), (503, &Value::from("full")));
        assert!(answer.head.contains("retry-after: 5"), "{}", answer.head);
        refused += 1;
    }
    journal.release();
    assert_eq!(in_hand.await.unwrap(), 200);
    // The loop above may have filled the queue first.
    assert!(matches!(in_queue.await.unwrap(), 200 | 503));
    wait_for("both places in the journal", || journal.messages().len() >= 2).await;

    let intake = journal.stop().await;
    let server = serve(intake, Options::default()).await;
    let answer = server.push(TOKEN, READING).await;
    assert_eq!((answer.status, &answer.body["error"]["code"]), (503, &Value::from("stopping")));
    assert!(answer.head.contains("retry-after: 5"));
}

#[tokio::test]
async fn requests_under_way_are_bounded() {
    let journal = FakeJournal::start(16);
    let options = Options { max_requests: 1, ..Options::default() };
    let server = Arc::new(serve(journal.intake.clone(), options).await);
    journal.hold();
    let first = tokio::spawn({
        let server = Arc::clone(&server);
        async move { server.push(TOKEN, READING).await.status }
    });
    journal.takes(1).await;
    assert_eq!(server.push(TOKEN, READING).await.status, 503);
    journal.release();
    assert_eq!(first.await.unwrap(), 200);
    assert_eq!(server.push(TOKEN, READING).await.status, 200);
}
