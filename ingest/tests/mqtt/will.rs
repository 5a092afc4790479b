//! The will of a device that was lost is a message on its events.

use std::time::Duration;

use gengfu_model::{MessageKey, PayloadFormat};

use crate::harness::{Gateway, eventually};
use crate::raw::{Connect, QOS1, RETAIN, Raw, TELEMETRY, packet, publish_v3, user_property};

const EVENTS: &str = "v1/devices/a/events";

async fn connected(gateway: &Gateway, connect: &Connect) -> Raw {
    let mut raw = Raw::open(gateway.addr).await;
    raw.send(&connect.bytes()).await;
    assert_eq!(raw.receive().await[3], 0);
    raw
}

fn delayed(mut connect: Connect, seconds: u32) -> Connect {
    let properties = [vec![0x18], seconds.to_be_bytes().to_vec()].concat();
    connect.will.as_mut().unwrap().3 = properties;
    connect
}

#[tokio::test]
async fn a_lost_device_leaves_its_will() {
    let gateway = Gateway::start().await;
    connected(&gateway, &Connect::v3("a").will(EVENTS, "lost")).await.vanish();
    let will = &gateway.journal.messages(1).await[0];
    assert_eq!((will.device.as_str(), will.format, &*will.payload), ("a", PayloadFormat::Event, &b"lost"[..]));
    let mut connect = Connect::v5("b").will("v1/devices/me/events", "lost too");
    connect.will.as_mut().unwrap().3 = user_property("message-id", "w1");
    connected(&gateway, &connect).await.vanish();
    assert_eq!(gateway.journal.messages(2).await[1].key, MessageKey::Explicit("w1".into()));
}

#[tokio::test]
async fn a_broken_packet_and_a_missed_keep_alive_leave_the_will_too() {
    let gateway = Gateway::start().await;
    let mut raw = connected(&gateway, &Connect::v3("a").will(EVENTS, "broken")).await;
    raw.send(&packet(0xF0, &[])).await;
    raw.expect_closed().await;
    gateway.journal.messages(1).await;
    let silent = Connect { keep_alive: 1, ..Connect::v3("a").will(EVENTS, "silent") };
    let mut raw = connected(&gateway, &silent).await;
    raw.expect_closed().await;
    assert_eq!(&*gateway.journal.messages(2).await[1].payload, b"silent");
}

#[tokio::test]
async fn disconnect_takes_the_will_back() {
    let gateway = Gateway::start().await;
    for connect in [Connect::v3("a"), Connect::v5("a")] {
        let mut raw = connected(&gateway, &connect.will(EVENTS, "never")).await;
        raw.send(&packet(0xE0, &[])).await;
        raw.expect_closed().await;
    }
    let mut raw = connected(&gateway, &Connect::v5("a").will(EVENTS, "never")).await;
    raw.send(&packet(0xE0, &[0])).await;
    raw.expect_closed().await;
    let mut raw = Raw::v3(gateway.addr, "a").await;
    raw.send(&publish_v3(QOS1, TELEMETRY, 1, "{}")).await;
    raw.expect(&[0x40, 2, 0, 1]).await;
    assert_eq!(gateway.journal.count(), 1);
}

#[tokio::test]
async fn disconnect_can_ask_for_the_will() {
    let gateway = Gateway::start().await;
    for reason in [0x04, 0x80] {
        let mut raw = connected(&gateway, &Connect::v5("a").will(EVENTS, "asked for")).await;
        raw.send(&packet(0xE0, &[reason])).await;
        raw.expect_closed().await;
    }
    gateway.journal.messages(2).await;
}

#[tokio::test]
async fn a_take_over_leaves_the_will_of_the_old_connection() {
    let gateway = Gateway::start().await;
    let _old = connected(&gateway, &Connect::v5("a").will(EVENTS, "replaced")).await;
    Raw::v5(gateway.addr, "a").await;
    assert_eq!(&*gateway.journal.messages(1).await[0].payload, b"replaced");
}

#[tokio::test]
async fn a_delayed_will_is_dropped_when_the_session_goes_on() {
    let gateway = Gateway::start().await;
    let keep = Connect::v5("a").resuming().expiry(3600);
    let with_will = delayed(keep.clone().will(EVENTS, "not yet"), 3600);
    connected(&gateway, &with_will).await.vanish();
    gateway.offline("a").await;
    let mut raw = connected(&gateway, &keep).await;
    raw.ping().await;
    gateway.cancel.cancel();
    eventually("the listener has stopped", || gateway.running.is_finished()).await;
    assert_eq!(gateway.journal.count(), 0);
}

#[tokio::test]
async fn a_delayed_will_is_left_when_another_session_begins() {
    let gateway = Gateway::start().await;
    let with_will = delayed(Connect::v5("a").resuming().expiry(3600).will(EVENTS, "ended"), 3600);
    connected(&gateway, &with_will).await.vanish();
    gateway.offline("a").await;
    assert_eq!(gateway.journal.count(), 0);
    Raw::v5(gateway.addr, "a").await;
    gateway.journal.messages(1).await;
}

#[tokio::test]
async fn a_delayed_will_is_left_after_its_delay_or_when_the_session_ends() {
    let gateway = Gateway::start().await;
    let start = std::time::Instant::now();
    let delay = delayed(Connect::v5("a").expiry(3600).will(EVENTS, "delay"), 1);
    connected(&gateway, &delay).await.vanish();
    gateway.journal.messages(1).await;
    assert!(start.elapsed() >= Duration::from_secs(1));
    let expiry = delayed(Connect::v5("b").expiry(0).will("v1/devices/b/events", "expiry"), 3600);
    connected(&gateway, &expiry).await.vanish();
    gateway.journal.messages(2).await;
}

#[tokio::test]
async fn a_will_on_another_topic_is_refused() {
    let gateway = Gateway::start().await;
    for topic in ["v1/devices/b/events", "v1/devices/a/telemetry", "status/a"] {
        let mut raw = Raw::open(gateway.addr).await;
        raw.send(&Connect::v3("a").will(topic, "x").bytes()).await;
        raw.expect(&[0x20, 2, 0, 5]).await;
        let mut raw = Raw::open(gateway.addr).await;
        raw.send(&Connect::v5("a").will(topic, "x").bytes()).await;
        raw.expect(&[0x20, 3, 0, 0x87, 0]).await;
    }
    assert_eq!(gateway.refused("login_bad_will"), 6);
}

#[tokio::test]
async fn a_retained_will_is_refused_by_5_and_taken_by_3() {
    let gateway = Gateway::start().await;
    let retained = |mut connect: Connect| {
        connect.will.as_mut().unwrap().2 = RETAIN << 5;
        connect
    };
    let mut raw = Raw::open(gateway.addr).await;
    raw.send(&retained(Connect::v5("a").will(EVENTS, "x")).bytes()).await;
    raw.expect(&[0x20, 3, 0, 0x9A, 0]).await;
    connected(&gateway, &retained(Connect::v3("a").will(EVENTS, "x"))).await.vanish();
    gateway.journal.messages(1).await;
}
