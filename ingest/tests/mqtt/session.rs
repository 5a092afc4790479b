//! Sessions: whose they are, how long they last.

use crate::harness::{Gateway, T0, command};
use crate::raw::{Connect, QOS1, Raw, packet, publish_v5, subscribe};
use gengfu_ingest::mqtt::{CommandQos, QueueError, SendError};

async fn session_present(gateway: &Gateway, connect: &Connect) -> (bool, Raw) {
    let mut raw = Raw::open(gateway.addr).await;
    raw.send(&connect.bytes()).await;
    let connack = raw.receive().await;
    assert_eq!(connack[3], 0, "{connack:02x?}");
    (connack[2] == 1, raw)
}

#[tokio::test]
async fn mqtt_3_sessions_last_unless_clean() {
    let gateway = Gateway::start().await;
    let keep = Connect::v3("a").resuming();
    assert!(!session_present(&gateway, &keep).await.0);
    assert!(session_present(&gateway, &keep).await.0);
    assert!(!session_present(&gateway, &Connect::v3("a")).await.0);
    assert!(!session_present(&gateway, &keep).await.0);
}

#[tokio::test]
async fn mqtt_5_sessions_last_as_long_as_their_expiry() {
    let gateway = Gateway::start().await;
    let keep = Connect::v5("a").resuming().expiry(60);
    assert!(!session_present(&gateway, &keep).await.0);
    gateway.offline("a").await;
    gateway.clock.advance(59_999);
    assert!(session_present(&gateway, &keep).await.0);
    gateway.offline("a").await;
    gateway.clock.advance(60_000);
    assert!(!session_present(&gateway, &keep).await.0);
    // Without an expiry the session ends with the connection.
    let forget = Connect::v5("a").resuming();
    assert!(session_present(&gateway, &forget).await.0);
    assert!(!session_present(&gateway, &forget).await.0);
}

#[tokio::test]
async fn the_expiry_is_capped_and_the_client_is_told() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::open(gateway.addr).await;
    raw.send(&Connect::v5("a").expiry(u32::MAX).bytes()).await;
    let connack = raw.receive().await;
    let week = [vec![0x11], (7 * 24 * 3600_u32).to_be_bytes().to_vec()].concat();
    assert!(connack.windows(5).any(|window| window == week), "{connack:02x?}");
}

#[tokio::test]
async fn disconnect_can_change_the_expiry_but_not_from_zero() {
    let gateway = Gateway::start().await;
    let keep = Connect::v5("a").resuming().expiry(60);
    let (_, mut raw) = session_present(&gateway, &keep).await;
    raw.send(&packet(0xE0, &[0, 5, 0x11, 0, 0, 0, 0])).await;
    raw.expect_closed().await;
    assert!(!session_present(&gateway, &keep).await.0);
    let (_, mut raw) = session_present(&gateway, &Connect::v5("b")).await;
    raw.send(&packet(0xE0, &[0, 5, 0x11, 0, 0, 0, 9])).await;
    raw.expect_disconnect(0x82).await;
}

#[tokio::test]
async fn another_client_id_begins_another_session() {
    let gateway = Gateway::start().await;
    let one = Connect::v3("a").resuming();
    let two = Connect { client_id: b"two".to_vec(), ..one.clone() };
    assert!(!session_present(&gateway, &one).await.0);
    assert!(!session_present(&gateway, &two).await.0);
    assert!(session_present(&gateway, &two).await.0);
    assert!(!session_present(&gateway, &one).await.0);
}

#[tokio::test]
async fn a_byte_order_mark_is_a_character_like_any_other() {
    let gateway = Gateway::start().await;
    for keep in [Connect::v3("a").resuming(), Connect::v5("b").resuming().expiry(60)] {
        let marked = Connect { client_id: "\u{feff}client".into(), ..keep.clone() };
        let plain = Connect { client_id: "client".into(), ..keep };
        assert!(!session_present(&gateway, &plain).await.0);
        assert!(!session_present(&gateway, &marked).await.0, "another id, another session");
        assert!(session_present(&gateway, &marked).await.0);
    }
    let mut raw = Raw::v5(gateway.addr, "a").await;
    raw.send(&publish_v5(QOS1, "\u{feff}v1/devices/a/telemetry", 1, &[], "{}")).await;
    raw.expect(&[0x40, 3, 0, 1, 0x90]).await;
}

#[tokio::test]
async fn nobody_gets_another_devices_session_by_its_client_id() {
    let gateway = Gateway::start().await;
    let of_a = Connect { client_id: b"same".to_vec(), ..Connect::v3("a").resuming() };
    let of_b = Connect { client_id: b"same".to_vec(), ..Connect::v3("b").resuming() };
    let (_, mut a) = session_present(&gateway, &of_a).await;
    let (present, mut b) = session_present(&gateway, &of_b).await;
    assert!(!present);
    a.ping().await;
    b.ping().await;
}

#[tokio::test]
async fn the_subscription_is_part_of_the_session() {
    let gateway = Gateway::start().await;
    let keep = Connect::v3("a").resuming();
    let (_, mut raw) = session_present(&gateway, &keep).await;
    raw.send(&subscribe(4, 1, &[("v1/devices/me/commands", 1)])).await;
    raw.receive().await;
    let (_, mut raw) = session_present(&gateway, &keep).await;
    gateway.commands.send(command("a", "c1", CommandQos::AtLeastOnce), T0).unwrap();
    assert_eq!(raw.receive().await[0], 0x32);
    let (_, _raw) = session_present(&gateway, &Connect::v3("a")).await;
    let sent = gateway.commands.send(command("a", "c2", CommandQos::AtLeastOnce), T0);
    assert_eq!(sent, Err(SendError::Queue(QueueError::NotSubscribed)));
}
