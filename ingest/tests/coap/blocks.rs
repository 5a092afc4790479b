//! Bodies in blocks.

use coap_lite::CoapOption;
use gengfu_ingest::coap::Options;

use crate::packets::{Client, Message, READING, REQUEST_TAG, SIZE1, serve};
use crate::push_support::FakeJournal;

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
