//! A device hears its own command topic, and nothing else.

use gengfu_ingest::mqtt::CommandQos;

use crate::harness::{Gateway, T0, command};
use crate::raw::{Connect, Raw, subscribe, unsubscribe};

#[tokio::test]
async fn only_the_own_command_topic_is_granted() {
    let gateway = Gateway::start().await;
    let filters = [
        ("v1/devices/a/commands", 1),
        ("v1/devices/me/commands", 0),
        ("v1/devices/a/commands", 2),
        ("v1/devices/b/commands", 1),
        ("#", 0),
        ("v1/devices/+/commands", 1),
        ("$share/group/v1/devices/a/commands", 1),
        ("a/#/b", 1),
        ("a+", 1),
        ("$share//v1/devices/a/commands", 1),
        ("$share/group", 1),
        ("$share/a+/v1/devices/a/commands", 1),
    ];
    let mut raw = Raw::v3(gateway.addr, "a").await;
    raw.send(&subscribe(4, 7, &filters)).await;
    raw.expect(&[&[0x90, 14, 0, 7, 1, 0, 1][..], &[0x80; 9]].concat()).await;
    assert_eq!(gateway.refused("subscription"), 9);
    let mut raw = Raw::v5(gateway.addr, "a").await;
    raw.send(&subscribe(5, 7, &filters)).await;
    raw.expect(&[0x90, 15, 0, 7, 0, 1, 0, 1, 0x87, 0x87, 0x87, 0x87, 0x8F, 0x8F, 0x87, 0x87, 0x8F]).await;
}

#[tokio::test]
async fn unsubscribe_says_whether_there_was_a_subscription() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::v5(gateway.addr, "a").await;
    raw.send(&subscribe(5, 1, &[("v1/devices/a/commands", 1)])).await;
    raw.receive().await;
    raw.send(&unsubscribe(5, 2, &["v1/devices/a/commands", "v1/devices/me/commands", "#"])).await;
    raw.expect(&[0xB0, 6, 0, 2, 0, 0, 0x11, 0x11]).await;
    raw.send(&unsubscribe(5, 3, &["v1/devices/a/commands"])).await;
    raw.expect(&[0xB0, 4, 0, 3, 0, 0x11]).await;
    let mut raw = Raw::v3(gateway.addr, "b").await;
    raw.send(&unsubscribe(4, 2, &["anything"])).await;
    raw.expect(&[0xB0, 2, 0, 2]).await;
}

#[tokio::test]
async fn nothing_published_comes_back() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::v3(gateway.addr, "a").await;
    raw.send(&subscribe(4, 1, &[("v1/devices/a/commands", 1)])).await;
    raw.receive().await;
    raw.send(&crate::raw::publish_v3(crate::raw::QOS1, crate::raw::TELEMETRY, 1, "{}")).await;
    raw.expect(&[0x40, 2, 0, 1]).await;
    raw.ping().await;
}

#[tokio::test]
async fn whatever_the_retain_options_nothing_retained_comes() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::v5(gateway.addr, "a").await;
    // Retain handling 0, 1 and 2, each without and with "retain as published".
    for (id, options) in (1..).zip([0x01, 0x09, 0x11, 0x19, 0x21, 0x29]) {
        raw.send(&subscribe(5, id, &[("v1/devices/a/commands", options)])).await;
        raw.expect(&[0x90, 4, 0, id as u8, 0, 1]).await;
        raw.ping().await;
        let name = format!("c{id}");
        gateway.commands.send(command("a", &name, CommandQos::AtLeastOnce), T0).unwrap();
        assert_eq!(raw.receive().await[0], 0x32, "a command is a message of now, not a retained one");
    }
}

#[tokio::test]
async fn an_answer_larger_than_the_client_takes_is_not_sent() {
    let gateway = Gateway::start().await;
    let takes_little = Connect { properties: vec![0x27, 0, 0, 0, 30], ..Connect::v5("a") };
    let names: Vec<String> = (0..26).map(|number| format!("t/{number}")).collect();
    let filters: Vec<(&str, u8)> = names.iter().map(|name| (name.as_str(), 0)).collect();
    let mut raw = Raw::open(gateway.addr).await;
    raw.send(&takes_little.bytes()).await;
    assert_eq!(raw.receive().await[3], 0);
    // SUBACK has five bytes and one for each filter: 25 fit.
    raw.send(&subscribe(5, 1, &filters[..25])).await;
    assert_eq!(raw.receive().await.len(), 30);
    raw.send(&subscribe(5, 2, &filters)).await;
    raw.expect_disconnect(0x95).await;
}

#[tokio::test]
async fn subscription_ids_are_not_available() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::v5(gateway.addr, "a").await;
    let body = [vec![0, 1, 2, 0x0B, 5], crate::raw::field("v1/devices/a/commands"), vec![1]].concat();
    raw.send(&crate::raw::packet(0x82, &body)).await;
    raw.expect_disconnect(0xA1).await;
}
