//! What a request may look like, and what is said of one that cannot be taken.

use coap_lite::CoapOption;
use gengfu_ingest::coap::Options;
use gengfu_model::PayloadFormat;

use crate::packets::{BLOCK1, CONTENT_FORMAT, Client, Message, RST, serve, value};
use crate::push_support::{FakeJournal, RETIRED_TOKEN, SHORT_TOKEN, TOILET_TOKEN, TOKEN};

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
