//! Where a device may publish, and what becomes of it.

use gengfu_model::{MessageKey, PayloadFormat, Transport};

use crate::harness::{Gateway, T0, options};
use crate::raw::{DUP, QOS1, QOS2, RETAIN, Raw, TELEMETRY, field, publish_v3, publish_v5, user_property};

#[tokio::test]
async fn the_four_topics_give_the_four_formats() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::v3(gateway.addr, "a").await;
    for (id, leaf) in [(1, "telemetry"), (2, "up"), (3, "events"), (4, "replies")] {
        let who = if id % 2 == 0 { "me" } else { "a" };
        raw.send(&publish_v3(QOS1, &format!("v1/devices/{who}/{leaf}"), id, leaf)).await;
        raw.expect(&[0x40, 2, 0, id as u8]).await;
    }
    let messages = gateway.journal.messages(4).await;
    let formats: Vec<PayloadFormat> = messages.iter().map(|message| message.format).collect();
    assert_eq!(formats, [PayloadFormat::Json, PayloadFormat::Bytes, PayloadFormat::Event, PayloadFormat::Reply]);
    let first = &messages[0];
    assert_eq!((first.device.as_str(), &*first.model, first.transport), ("a", "em310", Transport::Mqtt));
    assert_eq!((first.received_at, &*first.payload, &first.key), (T0, &b"telemetry"[..], &MessageKey::None));
}

#[tokio::test]
async fn qos_0_is_journaled_without_an_answer() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::v3(gateway.addr, "a").await;
    raw.send(&publish_v3(0, TELEMETRY, 0, "{}")).await;
    raw.ping().await;
    assert_eq!(gateway.journal.messages(1).await.len(), 1);
}

#[tokio::test]
async fn a_packet_id_is_free_after_puback() {
    let gateway = Gateway::start().await;
    let (mut v3, mut v5) = (Raw::v3(gateway.addr, "a").await, Raw::v5(gateway.addr, "b").await);
    for _ in 0..2 {
        v3.send(&publish_v3(QOS1, "v1/devices/me/up", 1, "{}")).await;
        v3.expect(&[0x40, 2, 0, 1]).await;
        v5.send(&publish_v5(QOS1, "v1/devices/me/up", 1, &[], "{}")).await;
        v5.expect(&[0x40, 2, 0, 1]).await;
    }
    assert_eq!(gateway.journal.count(), 4);
}

#[tokio::test]
async fn an_empty_payload_is_a_message() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::v5(gateway.addr, "a").await;
    raw.send(&publish_v5(QOS1, TELEMETRY, 1, &[], "")).await;
    raw.expect(&[0x40, 2, 0, 1]).await;
    assert!(gateway.journal.messages(1).await[0].payload.is_empty());
}

#[tokio::test]
async fn mqtt_5_refuses_other_topics_in_the_acknowledgement() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::v5(gateway.addr, "a").await;
    raw.send(&publish_v5(QOS1, "v1/devices/b/telemetry", 1, &[], "{}")).await;
    raw.expect(&[0x40, 3, 0, 1, 0x87]).await;
    raw.send(&publish_v5(QOS2, "v1/devices/b/telemetry", 2, &[], "{}")).await;
    raw.expect(&[0x50, 3, 0, 2, 0x87]).await;
    raw.send(&publish_v5(QOS1, "v1/devices/a/commands", 3, &[], "{}")).await;
    raw.expect(&[0x40, 3, 0, 3, 0x90]).await;
    raw.send(&publish_v5(QOS1, "somewhere/else", 4, &[], "{}")).await;
    raw.expect(&[0x40, 3, 0, 4, 0x90]).await;
    raw.send(&publish_v5(QOS1, TELEMETRY, 5, &[], "{}")).await;
    raw.expect(&[0x40, 2, 0, 5]).await;
    assert_eq!(gateway.journal.count(), 1);
    assert_eq!(gateway.metric("gengfu_mqtt_messages_refused_total"), 4);
    let rows = gateway.intake.refusals().take();
    let by_device = rows.iter().filter(|row| row.device.as_ref().is_some_and(|id| id.as_str() == "a"));
    let total: u64 = by_device.map(|row| row.count).sum();
    assert_eq!(total, 4);
}

#[tokio::test]
async fn mqtt_5_ends_the_connection_for_a_refused_message_without_an_acknowledgement() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::v5(gateway.addr, "a").await;
    raw.send(&publish_v5(0, "v1/devices/b/telemetry", 0, &[], "{}")).await;
    raw.expect_disconnect(0x87).await;
    assert_eq!(gateway.refused("not_your_topic"), 1);
}

#[tokio::test]
async fn mqtt_3_ends_the_connection_for_another_topic_and_slows_the_device_down() {
    let mut slow = options();
    slow.backoff.first = std::time::Duration::from_millis(60);
    slow.backoff.longest = std::time::Duration::from_secs(1);
    let gateway = Gateway::with(slow).await;
    let mut last_fault = std::time::Instant::now();
    for (topic, flags) in [("v1/devices/b/telemetry", QOS1), ("no/topic", 0)] {
        let mut raw = Raw::v3(gateway.addr, "a").await;
        last_fault = std::time::Instant::now();
        raw.send(&publish_v3(flags, topic, 1, "{}")).await;
        raw.expect_closed().await;
    }
    Raw::v3(gateway.addr, "a").await;
    // The second fault costs twice the first wait.
    assert!(last_fault.elapsed().as_millis() >= 120, "{:?}", last_fault.elapsed());
    assert_eq!(gateway.journal.count(), 0);
    assert_eq!(gateway.metric("gengfu_mqtt_messages_refused_total"), 2);
}

#[tokio::test]
async fn what_came_before_a_refused_message_is_acknowledged_before_the_connection_ends() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::v3(gateway.addr, "a").await;
    gateway.journal.hold();
    raw.send(&[publish_v3(QOS1, TELEMETRY, 1, "{}"), publish_v3(QOS1, "no/topic", 2, "{}")].concat()).await;
    gateway.journal.messages(1).await;
    gateway.journal.settle(1);
    raw.expect(&[0x40, 2, 0, 1]).await;
    raw.expect_closed().await;
}

#[tokio::test]
async fn retain_is_ignored_by_3_and_refused_by_5() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::v3(gateway.addr, "a").await;
    raw.send(&publish_v3(QOS1 | RETAIN, TELEMETRY, 1, "{}")).await;
    raw.expect(&[0x40, 2, 0, 1]).await;
    let mut raw = Raw::v5(gateway.addr, "b").await;
    raw.send(&publish_v5(QOS1 | RETAIN, "v1/devices/b/up", 1, &[], "{}")).await;
    raw.expect_disconnect(0x9A).await;
}

#[tokio::test]
async fn keys_come_from_the_message_id_or_the_dup_flag() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::v5(gateway.addr, "a").await;
    let named = [user_property("other", "x"), user_property("message-id", "m-1")].concat();
    raw.send(&publish_v5(QOS1, TELEMETRY, 1, &named, "{}")).await;
    raw.send(&publish_v5(QOS1 | DUP, TELEMETRY, 2, &named, "{}")).await;
    raw.send(&publish_v5(QOS1 | DUP, TELEMETRY, 3, &[], "{}")).await;
    raw.send(&publish_v5(QOS1, TELEMETRY, 4, &user_property("message-id", ""), "{}")).await;
    let keys: Vec<MessageKey> = gateway.journal.messages(4).await.into_iter().map(|message| message.key).collect();
    let explicit = MessageKey::Explicit("m-1".into());
    assert_eq!(keys, [explicit.clone(), explicit, MessageKey::MqttDup, MessageKey::None]);
}

#[tokio::test]
async fn a_message_id_that_is_too_long_is_refused() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::v5(gateway.addr, "a").await;
    let long = "x".repeat(gengfu_ingest::mqtt::MAX_MESSAGE_ID_BYTES + 1);
    raw.send(&publish_v5(QOS1, TELEMETRY, 1, &user_property("message-id", &long), "{}")).await;
    raw.expect(&[0x40, 3, 0, 1, 0x97]).await;
    assert_eq!(gateway.refused("message_id_too_long"), 1);
}

#[tokio::test]
async fn topic_aliases_stand_for_their_topic_in_their_connection() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::v5(gateway.addr, "a").await;
    let alias = |n: u8| vec![0x23, 0, n];
    raw.send(&publish_v5(QOS1, "v1/devices/a/up", 1, &alias(16), "1")).await;
    raw.expect(&[0x40, 2, 0, 1]).await;
    raw.send(&publish_v5(QOS1, "", 2, &alias(16), "2")).await;
    raw.expect(&[0x40, 2, 0, 2]).await;
    // A refused topic is what its alias stands for, too; and an alias can be given anew.
    raw.send(&publish_v5(QOS1, "v1/devices/b/up", 3, &alias(16), "3")).await;
    raw.expect(&[0x40, 3, 0, 3, 0x87]).await;
    raw.send(&publish_v5(QOS1, "", 4, &alias(16), "4")).await;
    raw.expect(&[0x40, 3, 0, 4, 0x87]).await;
    assert!(gateway.journal.messages(2).await.iter().all(|message| message.format == PayloadFormat::Bytes));
    let mut raw = Raw::v5(gateway.addr, "a").await;
    raw.send(&publish_v5(QOS1, "", 5, &alias(16), "5")).await;
    raw.expect_disconnect(0x82).await;
}

#[tokio::test]
async fn topic_aliases_out_of_range_end_the_connection() {
    let gateway = Gateway::start().await;
    for alias in [0, 17] {
        let mut raw = Raw::v5(gateway.addr, "a").await;
        raw.send(&publish_v5(QOS1, TELEMETRY, 1, &[0x23, 0, alias], "{}")).await;
        raw.expect_disconnect(0x94).await;
    }
}

#[tokio::test]
async fn other_properties_of_a_publish_are_taken() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::v5(gateway.addr, "a").await;
    let all = [
        vec![0x01, 1],
        vec![0x02, 0, 0, 0, 9],
        [vec![0x03], field("application/json")].concat(),
        [vec![0x08], field("v1/answer")].concat(),
        [vec![0x09], field([0xFF, 0])].concat(),
    ]
    .concat();
    raw.send(&publish_v5(QOS1, TELEMETRY, 1, &all, "{}")).await;
    raw.expect(&[0x40, 2, 0, 1]).await;
}
