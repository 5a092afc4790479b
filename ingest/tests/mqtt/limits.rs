//! Limits: what is over them waits, or is refused with a reason.

use gengfu_ingest::mqtt::{MqttOptions, RateOptions};

use crate::harness::{Gateway, eventually, options};
use crate::raw::{Connect, QOS1, Raw, TELEMETRY, publish_v3, publish_v5};

#[tokio::test]
async fn a_packet_over_the_limit_ends_the_connection() {
    let gateway = Gateway::with(MqttOptions { max_packet_bytes: 1024, ..options() }).await;
    let fits = "x".repeat(1024 - 3 - 2 - TELEMETRY.len() - 2);
    let mut raw = Raw::v3(gateway.addr, "a").await;
    raw.send(&publish_v3(QOS1, TELEMETRY, 1, &fits)).await;
    raw.expect(&[0x40, 2, 0, 1]).await;
    raw.send(&publish_v3(QOS1, TELEMETRY, 2, &format!("{fits}y"))).await;
    raw.expect_closed().await;
    let mut raw = Raw::v5(gateway.addr, "b").await;
    raw.send(&publish_v5(QOS1, "v1/devices/b/up", 1, &[], &"x".repeat(200_000))).await;
    raw.expect_disconnect(0x95).await;
    assert_eq!(gateway.refused("packet_too_large"), 2);
    assert_eq!(gateway.journal.count(), 1);
}

#[tokio::test]
async fn the_size_is_judged_before_the_bytes_come() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::v5(gateway.addr, "a").await;
    raw.send(&[0x30, 0xFF, 0xFF, 0xFF, 0x7F]).await;
    raw.expect_disconnect(0x95).await;
    // A CONNECT has a smaller limit, 16 KiB, since nobody has logged in yet.
    for length in [[0x80, 0x80, 0x01], [0xFF, 0xFF, 0x7F]] {
        let mut raw = Raw::open(gateway.addr).await;
        raw.send(&[&[0x10][..], &length].concat()).await;
        raw.expect_closed().await;
    }
}

#[tokio::test]
async fn over_the_number_of_connections_a_login_is_refused_with_its_reason() {
    let gateway = Gateway::with(MqttOptions { max_connections: 1, ..options() }).await;
    let first = Raw::v3(gateway.addr, "a").await;
    let mut raw = Raw::open(gateway.addr).await;
    raw.send(&Connect::v3("b").bytes()).await;
    raw.expect(&[0x20, 2, 0, 3]).await;
    raw.expect_closed().await;
    let mut raw = Raw::open(gateway.addr).await;
    raw.send(&Connect::v5("b").bytes()).await;
    raw.expect(&[0x20, 3, 0, 0x97, 0]).await;
    assert_eq!(gateway.refused("login_too_many_connections"), 2);
    first.vanish();
    gateway.offline("a").await;
    eventually("the place is free", || gateway.metric("gengfu_mqtt_connections_open") == 0).await;
    Raw::v3(gateway.addr, "b").await;
}

#[tokio::test]
async fn over_the_rate_reading_stops_and_nothing_is_lost() {
    let rate = RateOptions { messages_per_s: 50.0, burst: 5.0, backlog: 0.0, backlog_per_s: 0.0 };
    let gateway = Gateway::with(MqttOptions { rate, ..options() }).await;
    let mut raw = Raw::v3(gateway.addr, "a").await;
    let start = std::time::Instant::now();
    let burst: Vec<u8> = (1..=10).flat_map(|id| publish_v3(QOS1, TELEMETRY, id, "{}")).collect();
    raw.send(&burst).await;
    for id in 1..=10 {
        raw.expect(&[0x40, 2, 0, id]).await;
    }
    // Five at once, five more at 50 a second.
    assert!(start.elapsed().as_millis() >= 90, "{:?}", start.elapsed());
    assert!(gateway.metric("gengfu_mqtt_rate_pauses_total") > 0);
    assert_eq!(gateway.journal.count(), 10);
}

#[tokio::test]
async fn a_backlog_has_an_allowance_of_its_own() {
    let rate = RateOptions { messages_per_s: 0.001, burst: 5.0, backlog: 100.0, backlog_per_s: 0.0 };
    let gateway = Gateway::with(MqttOptions { rate, ..options() }).await;
    let mut raw = Raw::v3(gateway.addr, "a").await;
    let backlog: Vec<u8> = (1..=105).flat_map(|id| publish_v3(QOS1, TELEMETRY, id, "{}")).collect();
    raw.send(&backlog).await;
    for id in 1..=105 {
        raw.expect(&[0x40, 2, 0, id]).await;
    }
    assert_eq!(gateway.metric("gengfu_mqtt_rate_pauses_total"), 0);
}

#[tokio::test]
async fn the_rate_is_kept_over_connections() {
    let rate = RateOptions { messages_per_s: 0.001, burst: 3.0, backlog: 0.0, backlog_per_s: 0.0 };
    let gateway = Gateway::with(MqttOptions { rate, ..options() }).await;
    let mut first = Raw::v3(gateway.addr, "a").await;
    first.send(&publish_v3(0, TELEMETRY, 0, "{}").repeat(3)).await;
    gateway.journal.messages(3).await;
    let mut second = Raw::v3(gateway.addr, "a").await;
    second.send(&publish_v3(0, TELEMETRY, 0, "{}")).await;
    eventually("the device is over its rate", || gateway.metric("gengfu_mqtt_rate_pauses_total") > 0).await;
    assert_eq!(gateway.journal.count(), 3);
}

#[tokio::test]
async fn every_counter_has_a_name_of_the_house() {
    let gateway = Gateway::start().await;
    let all = gateway.metrics.snapshot();
    assert!(all.len() > 15 && all.iter().all(|(name, _)| name.starts_with("gengfu_mqtt_")));
}
