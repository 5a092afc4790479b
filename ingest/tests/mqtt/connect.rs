//! Who is let in, and with which words the others are turned away.

use gengfu_ingest::mqtt::MqttOptions;
use gengfu_model::DeviceLife;

use crate::harness::{Gateway, device, options, token};
use crate::raw::{Connect, QOS1, Raw, TELEMETRY, packet, publish_v3, publish_v5, user_property};

async fn answer(gateway: &Gateway, connect: &Connect) -> Vec<u8> {
    let mut raw = Raw::open(gateway.addr).await;
    raw.send(&connect.bytes()).await;
    let answer = raw.receive().await;
    if answer[3] != 0 {
        raw.expect_closed().await;
    }
    answer
}

#[tokio::test]
async fn device_id_and_token_let_in() {
    let gateway = Gateway::start().await;
    assert_eq!(answer(&gateway, &Connect::v3("a")).await, [0x20, 2, 0, 0]);
    assert_eq!(answer(&gateway, &Connect::v5("b")).await[..4], [0x20, 18, 0, 0]);
}

#[tokio::test]
async fn token_alone_lets_in_and_decides_who_it_is() {
    let gateway = Gateway::start().await;
    let connect = Connect { user: Some(token("a").into_bytes()), password: None, ..Connect::v3("x") };
    let mut raw = Raw::open(gateway.addr).await;
    raw.send(&connect.bytes()).await;
    raw.expect(&[0x20, 2, 0, 0]).await;
    raw.send(&publish_v3(QOS1, "v1/devices/me/telemetry", 1, "{}")).await;
    raw.expect(&[0x40, 2, 0, 1]).await;
    assert_eq!(gateway.journal.messages(1).await[0].device.as_str(), "a");
}

#[tokio::test]
async fn an_empty_password_counts_as_none() {
    let gateway = Gateway::start().await;
    let alone = Connect { user: Some(token("a").into_bytes()), password: Some(Vec::new()), ..Connect::v3("x") };
    assert_eq!(answer(&gateway, &alone).await[3], 0);
}

#[tokio::test]
async fn wrong_credentials_are_refused_alike() {
    let gateway = Gateway::start().await;
    let wrong_token = |connect: Connect| Connect { password: Some(b"wrong".to_vec()), ..connect };
    let unknown = |connect: Connect| Connect { user: Some(b"nobody".to_vec()), ..connect };
    let short = |connect: Connect| Connect { user: Some(b"short".to_vec()), password: None, ..connect };
    let binary = |connect: Connect| Connect { password: Some(vec![0xFF, 0xFE]), ..connect };
    for change in [&wrong_token as &dyn Fn(Connect) -> Connect, &unknown, &short, &binary] {
        assert_eq!(answer(&gateway, &change(Connect::v3("a"))).await, [0x20, 2, 0, 4]);
        assert_eq!(answer(&gateway, &change(Connect::v5("a"))).await, [0x20, 3, 0, 0x86, 0]);
    }
    assert_eq!(gateway.refused("login_bad_credentials"), 8);
}

#[tokio::test]
async fn no_user_name_is_not_authorised() {
    let gateway = Gateway::start().await;
    let nobody = |connect: Connect| Connect { user: None, password: None, ..connect };
    assert_eq!(answer(&gateway, &nobody(Connect::v3("a"))).await, [0x20, 2, 0, 5]);
    assert_eq!(answer(&gateway, &nobody(Connect::v5("a"))).await, [0x20, 3, 0, 0x87, 0]);
    let empty = Connect { user: Some(Vec::new()), ..Connect::v3("a") };
    assert_eq!(answer(&gateway, &empty).await, [0x20, 2, 0, 5]);
    assert_eq!(gateway.refused("login_no_credentials"), 3);
}

#[tokio::test]
async fn a_retired_device_is_not_authorised() {
    let gateway = Gateway::start().await;
    assert_eq!(answer(&gateway, &Connect::v3("gone")).await, [0x20, 2, 0, 5]);
    assert_eq!(answer(&gateway, &Connect::v5("gone")).await, [0x20, 3, 0, 0x87, 0]);
    assert_eq!(gateway.refused("device_retired"), 2);
}

#[tokio::test]
async fn repeated_refusals_are_answered_later_and_later() {
    let mut slow = options();
    slow.backoff.first = std::time::Duration::from_millis(40);
    slow.backoff.longest = std::time::Duration::from_secs(1);
    let gateway = Gateway::with(slow).await;
    let wrong = Connect { password: Some(b"wrong".to_vec()), ..Connect::v3("a") };
    let mut waits = Vec::new();
    for _ in 0..3 {
        let start = std::time::Instant::now();
        answer(&gateway, &wrong).await;
        waits.push(start.elapsed().as_millis());
    }
    assert!(waits[0] >= 40 && waits[1] >= 80 && waits[2] >= 160, "{waits:?}");
    // A good login from the same address does not pay for it.
    assert_eq!(answer(&gateway, &Connect::v3("a")).await[3], 0);
}

#[tokio::test]
async fn other_protocol_versions_are_refused() {
    let gateway = Gateway::start().await;
    let old = Connect { name: b"MQIsdp".to_vec(), level: 3, ..Connect::v3("a") };
    assert_eq!(answer(&gateway, &old).await, [0x20, 2, 0, 1]);
    assert_eq!(answer(&gateway, &Connect { level: 3, ..Connect::v3("a") }).await, [0x20, 2, 0, 1]);
    assert_eq!(answer(&gateway, &Connect { level: 6, ..Connect::v3("a") }).await, [0x20, 3, 0, 0x84, 0]);
    let mut raw = Raw::open(gateway.addr).await;
    raw.send(&Connect { name: b"HTTP".to_vec(), ..Connect::v3("a") }.bytes()).await;
    raw.expect_closed().await;
}

#[tokio::test]
async fn connack_says_what_the_server_can() {
    let gateway = Gateway::start().await;
    let connack = answer(&gateway, &Connect::v5("a")).await;
    let expected = [
        &[0x20, 18, 0, 0, 15][..],
        &[0x21, 0, 32],      // receive maximum
        &[0x25, 0],          // no retained messages
        &[0x27, 0, 4, 0, 0], // packets up to 256 KiB
        &[0x22, 0, 16],      // topic aliases
        &[0x29, 0],          // no subscription ids
    ]
    .concat();
    assert_eq!(connack, expected);
}

#[tokio::test]
async fn a_client_without_an_id_gets_one() {
    let gateway = Gateway::start().await;
    let nameless = |connect: Connect| Connect { client_id: Vec::new(), ..connect };
    assert_eq!(answer(&gateway, &nameless(Connect::v3("a"))).await, [0x20, 2, 0, 0]);
    let connack = answer(&gateway, &nameless(Connect::v5("a"))).await;
    assert!(connack.windows(4).any(|window| window == [0x12, 0, 1, b'a']), "{connack:02x?}");
}

#[tokio::test]
async fn client_ids_that_are_not_allowed_are_refused() {
    let gateway = Gateway::start().await;
    let nameless = Connect { client_id: Vec::new(), ..Connect::v3("a").resuming() };
    assert_eq!(answer(&gateway, &nameless).await, [0x20, 2, 0, 2]);
    let long = |connect: Connect| Connect { client_id: vec![b'x'; 257], ..connect };
    assert_eq!(answer(&gateway, &long(Connect::v3("a"))).await, [0x20, 2, 0, 2]);
    assert_eq!(answer(&gateway, &long(Connect::v5("a"))).await, [0x20, 3, 0, 0x85, 0]);
    let allowed = Connect { client_id: b"0123456789abcdefghiXYZ/".to_vec(), ..Connect::v3("a") };
    assert_eq!(answer(&gateway, &allowed).await[3], 0);
}

#[tokio::test]
async fn other_ways_of_authentication_are_refused() {
    let gateway = Gateway::start().await;
    let mut connect = Connect::v5("a");
    connect.properties = [vec![0x15], crate::raw::field("SCRAM")].concat();
    assert_eq!(answer(&gateway, &connect).await, [0x20, 3, 0, 0x8C, 0]);
}

#[tokio::test]
async fn a_client_that_takes_too_little_is_refused_within_what_it_takes() {
    let gateway = Gateway::start().await;
    let takes = |bytes: u8| Connect { properties: vec![0x27, 0, 0, 0, bytes], ..Connect::v5("a") };
    // CONNACK has up to 27 bytes, and four more with the id for a client without one.
    assert_eq!(answer(&gateway, &takes(27)).await[3], 0);
    assert_eq!(answer(&gateway, &takes(26)).await, [0x20, 3, 0, 0x83, 0]);
    let nameless = |bytes| Connect { client_id: Vec::new(), ..takes(bytes) };
    assert_eq!(answer(&gateway, &nameless(31)).await[3], 0);
    assert_eq!(answer(&gateway, &nameless(30)).await, [0x20, 3, 0, 0x83, 0]);
    let mut raw = Raw::open(gateway.addr).await;
    raw.send(&takes(4).bytes()).await;
    raw.expect_closed().await;
    assert_eq!(gateway.refused("login_packet_limit_too_small"), 3);
}

#[tokio::test]
async fn the_first_packet_must_be_connect() {
    let gateway = Gateway::start().await;
    for first in [packet(0xC0, &[]), publish_v3(QOS1, TELEMETRY, 1, "{}"), packet(0xE0, &[])] {
        let mut raw = Raw::open(gateway.addr).await;
        raw.send(&first).await;
        raw.expect_closed().await;
    }
    assert_eq!(gateway.journal.count(), 0);
}

#[tokio::test]
async fn nothing_after_a_refused_connect_is_processed() {
    let gateway = Gateway::start().await;
    let wrong = Connect { password: Some(b"wrong".to_vec()), ..Connect::v3("a") };
    let mut raw = Raw::open(gateway.addr).await;
    raw.send(&[wrong.bytes(), publish_v3(QOS1, TELEMETRY, 1, "{}")].concat()).await;
    raw.expect(&[0x20, 2, 0, 4]).await;
    raw.expect_closed().await;
    assert_eq!(gateway.journal.count(), 0);
}

#[tokio::test]
async fn packets_sent_together_with_connect_are_answered_after_connack() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::open(gateway.addr).await;
    raw.send(&[Connect::v3("a").bytes(), publish_v3(QOS1, TELEMETRY, 7, "{}"), packet(0xC0, &[])].concat()).await;
    raw.expect(&[0x20, 2, 0, 0]).await;
    let (first, second) = (raw.receive().await, raw.receive().await);
    assert!([&first, &second].contains(&&vec![0x40, 2, 0, 7]) && [&first, &second].contains(&&vec![0xD0, 0]));
}

#[tokio::test]
async fn a_second_connect_ends_the_connection() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::v3(gateway.addr, "a").await;
    raw.send(&Connect::v3("a").bytes()).await;
    raw.expect_closed().await;
    let mut raw = Raw::v5(gateway.addr, "b").await;
    raw.send(&Connect::v5("b").bytes()).await;
    raw.expect_disconnect(0x82).await;
}

#[tokio::test]
async fn a_device_retired_while_connected_is_cut_off_at_its_next_message() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::v5(gateway.addr, "a").await;
    gateway.set_life("a", DeviceLife::Retired);
    raw.send(&publish_v5(QOS1, TELEMETRY, 1, &[], "{}")).await;
    raw.expect_disconnect(0x98).await;
    assert_eq!(gateway.journal.count(), 0);
    assert_eq!(gateway.refused("device_retired"), 1);
}

#[tokio::test]
async fn a_message_carries_the_model_that_the_register_has_now() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::v3(gateway.addr, "a").await;
    let mut changed = device("a", DeviceLife::InService);
    changed.model = "other".into();
    gateway.directory.put(&std::sync::Arc::new(changed));
    raw.send(&publish_v3(QOS1, TELEMETRY, 1, "{}")).await;
    raw.expect(&[0x40, 2, 0, 1]).await;
    assert_eq!(&*gateway.journal.messages(1).await[0].model, "other");
}

#[tokio::test]
async fn a_silent_peer_loses_its_place_in_time() {
    let short = MqttOptions { connect_timeout: std::time::Duration::from_millis(50), ..options() };
    let gateway = Gateway::with(MqttOptions { max_handshakes: 1, ..short }).await;
    let mut silent = Raw::open(gateway.addr).await;
    let mut half = Raw::open(gateway.addr).await;
    half.send(&[0x10, 50, 0, 4]).await;
    silent.expect_closed().await;
    half.expect_closed().await;
    Raw::v3(gateway.addr, "a").await;
    assert_eq!(gateway.metric("gengfu_mqtt_handshakes_timed_out_total"), 2);
}

#[tokio::test]
async fn user_properties_of_connect_are_taken() {
    let gateway = Gateway::start().await;
    let mut connect = Connect::v5("a");
    connect.properties = [user_property("k", "1"), user_property("k", "2")].concat();
    assert_eq!(answer(&gateway, &connect).await[3], 0);
}
