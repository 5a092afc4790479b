//! An acknowledgement means that the message is on disk, and comes in order.

use std::time::Duration;

use gengfu_ingest::mqtt::MqttOptions;

use crate::harness::{Gateway, eventually, options};
use crate::raw::{QOS1, QOS2, Raw, TELEMETRY, publish_v3, publish_v5};

#[tokio::test]
async fn no_acknowledgement_before_the_journal_has_it() {
    let gateway = Gateway::start().await;
    gateway.journal.hold();
    let mut raw = Raw::v3(gateway.addr, "a").await;
    raw.send(&publish_v3(QOS1, TELEMETRY, 1, "1")).await;
    raw.send(&publish_v3(QOS2, TELEMETRY, 2, "2")).await;
    gateway.journal.messages(2).await;
    // Whatever was to come would come before the answer to the ping.
    raw.ping().await;
    gateway.journal.settle(1);
    raw.expect(&[0x40, 2, 0, 1]).await;
    raw.ping().await;
    gateway.journal.settle(1);
    raw.expect(&[0x50, 2, 0, 2]).await;
}

#[tokio::test]
async fn a_refusal_does_not_overtake_an_earlier_message() {
    let gateway = Gateway::start().await;
    gateway.journal.hold();
    let mut raw = Raw::v5(gateway.addr, "a").await;
    raw.send(&publish_v5(QOS1, TELEMETRY, 1, &[], "1")).await;
    raw.send(&publish_v5(QOS1, "v1/devices/b/up", 2, &[], "2")).await;
    raw.send(&publish_v5(QOS2, TELEMETRY, 3, &[], "3")).await;
    gateway.journal.messages(2).await;
    raw.ping().await;
    gateway.journal.settle_all();
    raw.expect(&[0x40, 2, 0, 1]).await;
    raw.expect(&[0x40, 3, 0, 2, 0x87]).await;
    raw.expect(&[0x50, 2, 0, 3]).await;
}

#[tokio::test]
async fn what_is_in_the_buffer_is_handed_over_together() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::v3(gateway.addr, "a").await;
    let burst: Vec<u8> = (1..=20).flat_map(|id| publish_v3(QOS1, TELEMETRY, id, "{}")).collect();
    raw.send(&burst).await;
    for id in 1..=20 {
        raw.expect(&[0x40, 2, 0, id]).await;
    }
    let submissions = gateway.journal.submissions();
    assert_eq!(submissions.iter().sum::<usize>(), 20);
    assert!(submissions.len() <= 3, "{submissions:?}");
}

#[tokio::test]
async fn a_submission_is_bounded() {
    let gateway = Gateway::with(MqttOptions { max_batch: 4, ..options() }).await;
    let mut raw = Raw::v3(gateway.addr, "a").await;
    let burst: Vec<u8> = (1..=10).flat_map(|id| publish_v3(QOS1, TELEMETRY, id, "{}")).collect();
    raw.send(&burst).await;
    for id in 1..=10 {
        raw.expect(&[0x40, 2, 0, id]).await;
    }
    assert!(gateway.journal.submissions().iter().all(|n| *n <= 4));
}

#[tokio::test]
async fn reading_stops_at_32_unacknowledged_messages() {
    let gateway = Gateway::start().await;
    gateway.journal.hold();
    let mut raw = Raw::v3(gateway.addr, "a").await;
    let burst: Vec<u8> = (1..=40).flat_map(|id| publish_v3(QOS1, TELEMETRY, id, "{}")).collect();
    raw.send(&burst).await;
    // The ping stands behind the 33rd message, so it is not read yet.
    raw.send(&[0xC0, 0]).await;
    gateway.journal.messages(32).await;
    gateway.journal.settle(1);
    raw.expect(&[0x40, 2, 0, 1]).await;
    gateway.journal.messages(33).await;
    assert_eq!(gateway.journal.count(), 33);
    gateway.journal.settle_all();
    let mut rest = Vec::new();
    for _ in 0..40 {
        rest.push(raw.receive().await);
    }
    let acks: Vec<u8> = rest.iter().filter(|packet| packet[0] == 0x40).map(|packet| packet[3]).collect();
    assert_eq!(acks, (2..=40).collect::<Vec<u8>>());
    assert!(rest.contains(&vec![0xD0, 0]));
}

#[tokio::test]
async fn messages_of_qos_0_are_bounded_too() {
    let gateway = Gateway::with(MqttOptions { max_unsettled: 10, ..options() }).await;
    gateway.journal.hold();
    let mut raw = Raw::v3(gateway.addr, "a").await;
    let burst: Vec<u8> = (0..30).flat_map(|_| publish_v3(0, TELEMETRY, 0, "{}")).collect();
    raw.send(&burst).await;
    gateway.journal.messages(10).await;
    gateway.journal.settle(5);
    gateway.journal.messages(15).await;
    assert_eq!(gateway.journal.count(), 15);
    gateway.journal.settle_all();
    gateway.journal.messages(30).await;
}

#[tokio::test]
async fn a_full_journal_queue_stops_reading_and_loses_nothing() {
    let gateway = Gateway::with_all(MqttOptions { max_batch: 1, ..options() }, 1, None).await;
    let mut raw = Raw::v3(gateway.addr, "a").await;
    gateway.journal.jam(true);
    let burst: Vec<u8> = (1..=20).flat_map(|id| publish_v3(QOS1, TELEMETRY, id, "{}")).collect();
    raw.send(&burst).await;
    eventually("the queue is full", || gateway.metric("gengfu_mqtt_journal_pauses_total") > 0).await;
    // One in the queue, one waiting for room, perhaps one that the journal had begun to take.
    assert!(gateway.metric("gengfu_mqtt_messages_submitted_total") <= 3);
    gateway.journal.jam(false);
    for id in 1..=20 {
        raw.expect(&[0x40, 2, 0, id]).await;
    }
    assert_eq!(gateway.journal.count(), 20);
}

#[tokio::test]
async fn a_journal_that_stops_acknowledges_nothing_and_ends_connections() {
    let gateway = Gateway::start().await;
    gateway.journal.hold();
    let mut raw = Raw::v5(gateway.addr, "a").await;
    raw.send(&publish_v5(QOS1, TELEMETRY, 1, &[], "{}")).await;
    gateway.journal.messages(1).await;
    gateway.journal.fail();
    raw.expect_disconnect(0x8B).await;
}

#[tokio::test]
async fn acknowledgements_wait_for_a_client_that_does_not_read() {
    let gateway = Gateway::with(MqttOptions { write_timeout: Duration::from_millis(100), ..options() }).await;
    let mut raw = Raw::v3(gateway.addr, "a").await;
    // Answers to pings fill the socket's buffers, as the client takes none of them.
    let pings = [0xC0, 0].repeat(100_000);
    let flood = async {
        loop {
            raw.send(&pings).await;
        }
    };
    tokio::select! {
        () = flood => {}
        () = eventually("the connection is cut", || gateway.commands.connected() == 0 && gateway.metric("gengfu_mqtt_logins_accepted_total") == 1) => {}
    }
}
