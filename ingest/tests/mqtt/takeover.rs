//! One connection per device, and none that is dead.

use std::time::Duration;

use gengfu_ingest::mqtt::MqttOptions;
use gengfu_model::DeviceId;

use crate::harness::{Gateway, eventually, options};
use crate::raw::{Connect, QOS1, Raw, TELEMETRY, publish_v3};

#[tokio::test]
async fn the_newer_connection_takes_over() {
    let gateway = Gateway::start().await;
    let mut old = Raw::v5(gateway.addr, "a").await;
    let mut other = Raw::v3(gateway.addr, "b").await;
    let mut new = Raw::v3(gateway.addr, "a").await;
    old.expect_disconnect(0x8E).await;
    let mut newest = Raw::v5(gateway.addr, "a").await;
    new.expect_closed().await;
    newest.ping().await;
    other.ping().await;
    assert_eq!(gateway.metric("gengfu_mqtt_connections_taken_over_total"), 2);
    eventually("the old ones are counted out", || gateway.metric("gengfu_mqtt_connections_open") == 2).await;
}

#[tokio::test]
async fn a_device_comes_back_when_the_listener_is_full() {
    let gateway = Gateway::with(MqttOptions { max_connections: 1, ..options() }).await;
    let mut old = Raw::v3(gateway.addr, "a").await;
    let mut new = Raw::v3(gateway.addr, "a").await;
    old.expect_closed().await;
    new.ping().await;
}

#[tokio::test]
async fn messages_of_the_old_connection_are_settled_before_the_new_one_begins() {
    let gateway = Gateway::start().await;
    gateway.journal.hold();
    let mut old = Raw::v3(gateway.addr, "a").await;
    old.send(&publish_v3(QOS1, TELEMETRY, 1, "{}")).await;
    gateway.journal.messages(1).await;
    let mut new = Raw::open(gateway.addr).await;
    new.send(&Connect::v3("a").bytes()).await;
    old.expect_closed().await;
    gateway.journal.settle_all();
    new.expect(&[0x20, 2, 0, 0]).await;
}

#[tokio::test]
async fn an_old_connection_that_cannot_end_does_not_keep_the_device_out() {
    let gateway = Gateway::with(MqttOptions { handover_timeout: Duration::from_millis(50), ..options() }).await;
    gateway.journal.hold();
    let mut old = Raw::v3(gateway.addr, "a").await;
    old.send(&publish_v3(QOS1, TELEMETRY, 1, "{}")).await;
    gateway.journal.messages(1).await;
    let mut new = Raw::v3(gateway.addr, "a").await;
    new.ping().await;
}

#[tokio::test]
async fn staff_can_cut_a_device_off() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::v5(gateway.addr, "a").await;
    gateway.commands.disconnect(&DeviceId::new("a").unwrap());
    raw.expect_disconnect(0x98).await;
    Raw::v5(gateway.addr, "a").await.ping().await;
}

#[tokio::test]
async fn silence_for_one_and_a_half_keep_alive_times_ends_the_connection() {
    let gateway = Gateway::start().await;
    let start = std::time::Instant::now();
    let mut v3 = Raw::open(gateway.addr).await;
    v3.send(&Connect { keep_alive: 1, ..Connect::v3("a") }.bytes()).await;
    v3.expect(&[0x20, 2, 0, 0]).await;
    let mut v5 = Raw::open(gateway.addr).await;
    v5.send(&Connect { keep_alive: 1, ..Connect::v5("b") }.bytes()).await;
    v5.receive().await;
    v3.expect_closed().await;
    v5.expect_disconnect(0x8D).await;
    assert!(start.elapsed() >= Duration::from_millis(1_500), "{:?}", start.elapsed());
    assert_eq!(gateway.metric("gengfu_mqtt_keepalives_missed_total"), 2);
}

#[tokio::test]
async fn any_packet_keeps_a_connection_alive() {
    let gateway = Gateway::start().await;
    let mut pinging = Raw::open(gateway.addr).await;
    pinging.send(&Connect { keep_alive: 1, ..Connect::v3("a") }.bytes()).await;
    pinging.expect(&[0x20, 2, 0, 0]).await;
    let mut silent = Raw::open(gateway.addr).await;
    silent.send(&Connect { keep_alive: 1, ..Connect::v3("b") }.bytes()).await;
    silent.expect(&[0x20, 2, 0, 0]).await;
    let pings = async {
        loop {
            pinging.ping().await;
        }
    };
    // Until the silent one is cut off, the other goes on.
    tokio::select! {
        () = pings => {}
        () = silent.expect_closed() => {}
    }
    assert!(gateway.commands.is_connected(&DeviceId::new("a").unwrap()));
}

#[tokio::test]
async fn while_the_journal_is_behind_a_device_is_not_taken_for_silent() {
    let gateway = Gateway::with(MqttOptions { max_in_flight: 1, ..options() }).await;
    gateway.journal.hold();
    let mut held = Raw::open(gateway.addr).await;
    held.send(&Connect { keep_alive: 1, ..Connect::v3("a") }.bytes()).await;
    held.expect(&[0x20, 2, 0, 0]).await;
    held.send(&[publish_v3(QOS1, TELEMETRY, 1, "{}"), publish_v3(QOS1, TELEMETRY, 2, "{}")].concat()).await;
    gateway.journal.messages(1).await;
    let mut silent = Raw::open(gateway.addr).await;
    silent.send(&Connect { keep_alive: 2, ..Connect::v3("b") }.bytes()).await;
    silent.expect(&[0x20, 2, 0, 0]).await;
    silent.expect_closed().await;
    gateway.journal.settle_all();
    held.expect(&[0x40, 2, 0, 1]).await;
    held.expect(&[0x40, 2, 0, 2]).await;
}
