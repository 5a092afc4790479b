//! Exactly once: a message of QoS 2 is journaled once within its session.

use gengfu_ingest::mqtt::MqttOptions;
use gengfu_model::MessageKey;

use crate::harness::{Gateway, options};
use crate::raw::{Connect, DUP, QOS2, Raw, TELEMETRY, packet, publish_v3, publish_v5};

fn release(id: u8) -> Vec<u8> {
    packet(0x62, &[0, id])
}

#[tokio::test]
async fn the_four_packets() {
    let gateway = Gateway::start().await;
    for mut raw in [Raw::v3(gateway.addr, "a").await, Raw::v3(gateway.addr, "b").await] {
        raw.send(&publish_v3(QOS2, "v1/devices/me/up", 9, "{}")).await;
        raw.expect(&[0x50, 2, 0, 9]).await;
        raw.send(&release(9)).await;
        raw.expect(&[0x70, 2, 0, 9]).await;
    }
    assert_eq!(gateway.journal.count(), 2);
}

#[tokio::test]
async fn a_repeat_before_pubrel_is_answered_and_not_journaled() {
    let gateway = Gateway::start().await;
    let v5 = |flags| publish_v5(flags, "v1/devices/me/up", 1, &[], "{}");
    let v3 = |flags| publish_v3(flags, "v1/devices/me/up", 1, "{}");
    let cases = [
        (Raw::v3(gateway.addr, "a").await, v3(QOS2), v3(QOS2 | DUP), 0),
        (Raw::v5(gateway.addr, "b").await, v5(QOS2), v5(QOS2 | DUP), 2),
    ];
    for (mut raw, first, repeat, before) in cases {
        raw.send(&first).await;
        raw.expect(&[0x50, 2, 0, 1]).await;
        raw.send(&repeat).await;
        raw.expect(&[0x50, 2, 0, 1]).await;
        raw.send(&release(1)).await;
        raw.expect(&[0x70, 2, 0, 1]).await;
        assert_eq!(gateway.journal.count(), before + 1);
        // After PUBCOMP the id stands for a new message.
        raw.send(&first).await;
        raw.expect(&[0x50, 2, 0, 1]).await;
        assert_eq!(gateway.journal.count(), before + 2);
    }
}

#[tokio::test]
async fn a_repeat_of_a_message_on_its_way_waits_for_it() {
    let gateway = Gateway::start().await;
    gateway.journal.hold();
    let mut raw = Raw::v3(gateway.addr, "a").await;
    raw.send(&publish_v3(QOS2, TELEMETRY, 1, "{}")).await;
    gateway.journal.messages(1).await;
    raw.send(&publish_v3(QOS2 | DUP, TELEMETRY, 1, "{}")).await;
    raw.ping().await;
    gateway.journal.settle_all();
    raw.expect(&[0x50, 2, 0, 1]).await;
    raw.expect(&[0x50, 2, 0, 1]).await;
    assert_eq!(gateway.journal.count(), 1);
}

#[tokio::test]
async fn a_message_that_has_expired_is_taken_and_answered_to_the_end() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::v5(gateway.addr, "a").await;
    // A reading is history; that its sender thinks it good for 0 or 1 s does not make it less true.
    for (id, seconds) in [(1, 0), (2, 1)] {
        raw.send(&publish_v5(QOS2, TELEMETRY, id, &[0x02, 0, 0, 0, seconds], "{}")).await;
        raw.expect(&[0x50, 2, 0, id as u8]).await;
        gateway.clock.advance(5_000);
        raw.send(&release(id as u8)).await;
        raw.expect(&[0x70, 2, 0, id as u8]).await;
    }
    assert_eq!(gateway.journal.count(), 2);
}

#[tokio::test]
async fn the_session_remembers_ids_over_connections() {
    let gateway = Gateway::start().await;
    let connect = Connect::v3("a").resuming();
    let mut raw = Raw::open(gateway.addr).await;
    raw.send(&connect.bytes()).await;
    raw.expect(&[0x20, 2, 0, 0]).await;
    raw.send(&publish_v3(QOS2, TELEMETRY, 5, "{}")).await;
    raw.expect(&[0x50, 2, 0, 5]).await;
    raw.vanish();
    let mut raw = Raw::open(gateway.addr).await;
    raw.send(&connect.bytes()).await;
    raw.expect(&[0x20, 2, 1, 0]).await;
    raw.send(&publish_v3(QOS2 | DUP, TELEMETRY, 5, "{}")).await;
    raw.expect(&[0x50, 2, 0, 5]).await;
    raw.send(&release(5)).await;
    raw.expect(&[0x70, 2, 0, 5]).await;
    assert_eq!(gateway.journal.count(), 1);
}

#[tokio::test]
async fn a_message_that_becomes_durable_after_its_connection_broke_is_known_when_it_comes_again() {
    let gateway = Gateway::start().await;
    gateway.journal.hold();
    let connect = Connect::v5("a").resuming().expiry(60);
    let mut raw = Raw::open(gateway.addr).await;
    raw.send(&connect.bytes()).await;
    raw.receive().await;
    raw.send(&publish_v5(QOS2, TELEMETRY, 5, &[], "{}")).await;
    gateway.journal.messages(1).await;
    raw.vanish();
    gateway.offline("a").await;
    gateway.journal.settle_all();
    let mut raw = Raw::open(gateway.addr).await;
    raw.send(&connect.bytes()).await;
    assert_eq!(raw.receive().await[2], 1, "the session is present");
    raw.send(&publish_v5(QOS2 | DUP, TELEMETRY, 5, &[], "{}")).await;
    raw.expect(&[0x50, 2, 0, 5]).await;
    assert_eq!(gateway.journal.count(), 1);
}

#[tokio::test]
async fn without_a_session_a_repeat_is_journaled_as_one() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::v3(gateway.addr, "a").await;
    raw.send(&publish_v3(QOS2, TELEMETRY, 5, "{}")).await;
    raw.expect(&[0x50, 2, 0, 5]).await;
    raw.vanish();
    let mut raw = Raw::v3(gateway.addr, "a").await;
    raw.send(&publish_v3(QOS2 | DUP, TELEMETRY, 5, "{}")).await;
    raw.expect(&[0x50, 2, 0, 5]).await;
    assert_eq!(gateway.journal.messages(2).await[1].key, MessageKey::MqttDup);
}

#[tokio::test]
async fn a_release_of_nothing_is_answered() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::v3(gateway.addr, "a").await;
    raw.send(&release(3)).await;
    raw.expect(&[0x70, 2, 0, 3]).await;
    let mut raw = Raw::v5(gateway.addr, "b").await;
    raw.send(&release(3)).await;
    raw.expect(&[0x70, 3, 0, 3, 0x92]).await;
}

#[tokio::test]
async fn a_refused_message_holds_no_id() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::v5(gateway.addr, "a").await;
    raw.send(&publish_v5(QOS2, "v1/devices/b/up", 1, &[], "{}")).await;
    raw.expect(&[0x50, 3, 0, 1, 0x87]).await;
    raw.send(&publish_v5(QOS2, TELEMETRY, 1, &[], "{}")).await;
    raw.expect(&[0x50, 2, 0, 1]).await;
    assert_eq!(gateway.journal.count(), 1);
}

#[tokio::test]
async fn more_than_the_receive_maximum_without_pubrel_ends_the_connection() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::v5(gateway.addr, "a").await;
    for id in 1..=32 {
        raw.send(&publish_v5(QOS2, TELEMETRY, id, &[], "{}")).await;
        raw.expect(&[0x50, 2, 0, id as u8]).await;
    }
    raw.send(&publish_v5(QOS2, TELEMETRY, 33, &[], "{}")).await;
    raw.expect_disconnect(0x93).await;
    assert_eq!(gateway.journal.count(), 32);
}

#[tokio::test]
async fn mqtt_3_sessions_hold_a_bounded_number_of_ids() {
    let gateway = Gateway::with(MqttOptions { max_unreleased: 40, ..options() }).await;
    let mut raw = Raw::v3(gateway.addr, "a").await;
    for id in 1..=40 {
        raw.send(&publish_v3(QOS2, TELEMETRY, id, "{}")).await;
        raw.expect(&[0x50, 2, 0, id as u8]).await;
    }
    raw.send(&publish_v3(QOS2, TELEMETRY, 41, "{}")).await;
    raw.expect_closed().await;
}
