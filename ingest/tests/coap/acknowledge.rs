//! When a reading is acknowledged, and what repeats and a slow journal come to.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use gengfu_ingest::coap::Options;
use gengfu_model::{MessageKey, PayloadFormat, Timestamp, Transport};

use crate::packets::{ACK, CON, Client, Message, NON, READING, serve, value};
use crate::push_support::{FakeJournal, wait_for};

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
