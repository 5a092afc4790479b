//! Commands reach the device, and what became of them comes back.

use bytes::Bytes;
use gengfu_ingest::mqtt::{Accepted, Command, CommandOutcome, CommandQos, MqttOptions, QueueError, SendError};

use crate::harness::{Gateway, T0, command, options};
use crate::raw::{Connect, Raw, field, packet, subscribe, unsubscribe};

const BY_ID: &str = "v1/devices/a/commands";

async fn listening(gateway: &Gateway, connect: &Connect, options: u8) -> Raw {
    let mut raw = Raw::open(gateway.addr).await;
    raw.send(&connect.bytes()).await;
    raw.receive().await;
    raw.send(&subscribe(connect.level, 1, &[(BY_ID, options)])).await;
    assert_eq!(raw.receive().await[0], 0x90);
    raw
}

fn publish_v3(flags: u8, topic: &str, id: u8, payload: &str) -> Vec<u8> {
    let id = if flags & 0x06 != 0 { vec![0, id] } else { Vec::new() };
    packet(0x30 | flags, &[field(topic), id, payload.into()].concat())
}

#[tokio::test]
async fn a_command_of_qos_1_is_acknowledged_and_reported() {
    let mut gateway = Gateway::start().await;
    let mut raw = listening(&gateway, &Connect::v3("a"), 1).await;
    let sent = gateway.commands.send(command("a", "c1", CommandQos::AtLeastOnce), T0);
    assert_eq!(sent, Ok(Accepted::Online));
    raw.expect(&publish_v3(2, BY_ID, 1, "{\"id\":\"c1\"}")).await;
    raw.send(&packet(0x40, &[0, 1])).await;
    let report = gateway.report().await;
    assert_eq!((&*report.command, report.outcome), ("c1", CommandOutcome::Acknowledged));
}

#[tokio::test]
async fn a_command_of_qos_0_is_sent_to_who_listens_now() {
    let mut gateway = Gateway::start().await;
    let now = command("a", "c0", CommandQos::AtMostOnce);
    assert_eq!(gateway.commands.send(now.clone(), T0), Err(SendError::NotNow));
    let mut raw = listening(&gateway, &Connect::v3("a"), 1).await;
    assert_eq!(gateway.commands.send(now, T0), Ok(Accepted::Online));
    raw.expect(&publish_v3(0, BY_ID, 0, "{\"id\":\"c0\"}")).await;
    assert_eq!(gateway.report().await.outcome, CommandOutcome::Sent);
}

#[tokio::test]
async fn the_subscription_grants_the_qos_and_names_the_topic() {
    let mut gateway = Gateway::start().await;
    let mut raw = Raw::v3(gateway.addr, "a").await;
    raw.send(&subscribe(4, 1, &[("v1/devices/me/commands", 0)])).await;
    raw.expect(&[0x90, 3, 0, 1, 0]).await;
    gateway.commands.send(command("a", "c1", CommandQos::AtLeastOnce), T0).unwrap();
    raw.expect(&publish_v3(0, "v1/devices/me/commands", 0, "{\"id\":\"c1\"}")).await;
    assert_eq!(gateway.report().await.outcome, CommandOutcome::Sent);
    // Subscribing again replaces the grant.
    raw.send(&subscribe(4, 2, &[("v1/devices/me/commands", 1)])).await;
    raw.expect(&[0x90, 3, 0, 2, 1]).await;
    gateway.commands.send(command("a", "c2", CommandQos::AtLeastOnce), T0).unwrap();
    assert_eq!(raw.receive().await[0], 0x32);
}

#[tokio::test]
async fn a_device_that_listens_under_both_names_gets_one_copy_at_the_higher_qos() {
    let gateway = Gateway::start().await;
    for (by_id, me, expected) in [(0, 1, "v1/devices/me/commands"), (1, 0, BY_ID), (1, 1, BY_ID)] {
        let mut raw = Raw::v3(gateway.addr, "a").await;
        raw.send(&subscribe(4, 1, &[(BY_ID, by_id), ("v1/devices/me/commands", me)])).await;
        raw.expect(&[0x90, 4, 0, 1, by_id, me]).await;
        gateway.commands.send(command("a", "c", CommandQos::AtLeastOnce), T0).unwrap();
        raw.expect(&publish_v3(2, expected, 1, "{\"id\":\"c\"}")).await;
        raw.ping().await;
    }
}

#[tokio::test]
async fn a_device_that_does_not_listen_gets_nothing() {
    let gateway = Gateway::start().await;
    let to_a = || command("a", "c", CommandQos::AtLeastOnce);
    assert_eq!(gateway.commands.send(to_a(), T0), Err(SendError::Queue(QueueError::NoSession)));
    let mut raw = Raw::v3(gateway.addr, "a").await;
    assert_eq!(gateway.commands.send(to_a(), T0), Err(SendError::Queue(QueueError::NotSubscribed)));
    raw.send(&subscribe(4, 1, &[(BY_ID, 1)])).await;
    raw.receive().await;
    raw.send(&unsubscribe(4, 2, &[BY_ID])).await;
    raw.expect(&[0xB0, 2, 0, 2]).await;
    assert_eq!(gateway.commands.send(to_a(), T0), Err(SendError::Queue(QueueError::NotSubscribed)));
    assert_eq!(gateway.commands.send(command("a", "c", CommandQos::AtMostOnce), T0), Err(SendError::NotNow));
    raw.ping().await;
}

#[tokio::test]
async fn commands_wait_for_a_session_that_is_offline_and_come_in_order() {
    let mut gateway = Gateway::start().await;
    let connect = Connect::v3("a").resuming();
    listening(&gateway, &connect, 1).await.vanish();
    gateway.offline("a").await;
    for id in ["c1", "c2", "c3"] {
        assert_eq!(gateway.commands.send(command("a", id, CommandQos::AtLeastOnce), T0), Ok(Accepted::Queued));
    }
    let mut raw = Raw::open(gateway.addr).await;
    raw.send(&connect.bytes()).await;
    raw.expect(&[0x20, 2, 1, 0]).await;
    for (packet_id, id) in [(1, "c1"), (2, "c2"), (3, "c3")] {
        raw.expect(&publish_v3(2, BY_ID, packet_id, &format!("{{\"id\":\"{id}\"}}"))).await;
    }
    raw.send(&packet(0x40, &[0, 2])).await;
    assert_eq!(&*gateway.report().await.command, "c2");
}

/// Flags, packet id and payload of a PUBLISH of QoS 1 to the command topic, of either version.
fn expect_command(version: u8, packet: &[u8], flags: u8, id: u8, command: &str) {
    let rest = &packet[2 + 2 + BY_ID.len()..];
    let properties = usize::from(version == 5);
    assert_eq!((packet[0], rest[1]), (0x30 | flags, id), "{packet:02x?}");
    assert_eq!(&rest[2 + properties..], format!("{{\"id\":\"{command}\"}}").as_bytes());
}

#[tokio::test]
async fn what_was_not_acknowledged_is_sent_again_with_dup_and_the_same_id() {
    for connect in [Connect::v3("a").resuming(), Connect::v5("a").resuming().expiry(60)] {
        let gateway = Gateway::start().await;
        let mut raw = listening(&gateway, &connect, 1).await;
        gateway.commands.send(command("a", "c1", CommandQos::AtLeastOnce), T0).unwrap();
        gateway.commands.send(command("a", "c2", CommandQos::AtLeastOnce), T0).unwrap();
        expect_command(connect.level, &raw.receive().await, 2, 1, "c1");
        expect_command(connect.level, &raw.receive().await, 2, 2, "c2");
        raw.vanish();
        gateway.offline("a").await;
        gateway.commands.send(command("a", "c3", CommandQos::AtLeastOnce), T0).unwrap();
        let mut raw = Raw::open(gateway.addr).await;
        raw.send(&connect.bytes()).await;
        assert_eq!(raw.receive().await[2], 1, "the session is present");
        expect_command(connect.level, &raw.receive().await, 2 | 8, 1, "c1");
        expect_command(connect.level, &raw.receive().await, 2 | 8, 2, "c2");
        expect_command(connect.level, &raw.receive().await, 2, 3, "c3");
    }
}

#[tokio::test]
async fn a_clean_start_ends_the_session_and_its_commands_are_reported() {
    let mut gateway = Gateway::start().await;
    listening(&gateway, &Connect::v3("a").resuming(), 1).await.vanish();
    gateway.offline("a").await;
    gateway.commands.send(command("a", "c1", CommandQos::AtLeastOnce), T0).unwrap();
    let mut raw = Raw::v3(gateway.addr, "a").await;
    assert_eq!(gateway.report().await.outcome, CommandOutcome::SessionEnded);
    raw.ping().await;
}

#[tokio::test]
async fn no_more_commands_on_the_way_than_the_client_takes() {
    let gateway = Gateway::start().await;
    let mut connect = Connect::v5("a");
    connect.properties = vec![0x21, 0, 2];
    let mut raw = listening(&gateway, &connect, 1).await;
    for id in ["c1", "c2", "c3"] {
        gateway.commands.send(command("a", id, CommandQos::AtLeastOnce), T0).unwrap();
    }
    assert_eq!(raw.receive().await[0], 0x32);
    assert_eq!(raw.receive().await[0], 0x32);
    raw.ping().await;
    raw.send(&packet(0x40, &[0, 1])).await;
    assert!(raw.receive().await.ends_with(b"{\"id\":\"c3\"}"));
}

#[tokio::test]
async fn mqtt_5_commands_carry_how_long_they_are_good_for() {
    let mut gateway = Gateway::start().await;
    let mut raw = listening(&gateway, &Connect::v5("a"), 1).await;
    let expires = |ms| Command { expires: Some(T0.plus_ms(ms)), ..command("a", "c", CommandQos::AtLeastOnce) };
    assert_eq!(gateway.commands.send(expires(0), T0), Err(SendError::Expired));
    gateway.commands.send(expires(5_500), T0).unwrap();
    let sent = raw.receive().await;
    let properties = [0x05, 0x02, 0, 0, 0, 6];
    assert!(sent.windows(6).any(|window| window == properties), "{sent:02x?}");
    raw.send(&packet(0x40, &[0, 1, 0x83])).await;
    assert_eq!(gateway.report().await.outcome, CommandOutcome::Refused);
}

#[tokio::test]
async fn an_expired_command_is_not_sent() {
    let mut gateway = Gateway::start().await;
    let connect = Connect::v5("a").resuming().expiry(3600);
    listening(&gateway, &connect, 1).await.vanish();
    gateway.offline("a").await;
    let soon = Command { expires: Some(T0.plus_ms(1000)), ..command("a", "old", CommandQos::AtLeastOnce) };
    gateway.commands.send(soon, T0).unwrap();
    gateway.commands.send(command("a", "new", CommandQos::AtLeastOnce), T0).unwrap();
    gateway.clock.advance(1000);
    let mut raw = Raw::open(gateway.addr).await;
    raw.send(&connect.bytes()).await;
    assert_eq!(raw.receive().await[2], 1);
    assert!(raw.receive().await.ends_with(b"{\"id\":\"new\"}"));
    let report = gateway.report().await;
    assert_eq!((&*report.command, report.outcome), ("old", CommandOutcome::Expired));
}

#[tokio::test]
async fn a_command_larger_than_the_client_takes_is_not_sent() {
    let mut gateway = Gateway::start().await;
    let mut connect = Connect::v5("a");
    connect.properties = vec![0x27, 0, 0, 0, 100];
    let mut raw = listening(&gateway, &connect, 1).await;
    let large = Command { payload: Bytes::from(vec![b'x'; 100]), ..command("a", "big", CommandQos::AtLeastOnce) };
    gateway.commands.send(large, T0).unwrap();
    assert_eq!(gateway.report().await.outcome, CommandOutcome::TooLarge);
    raw.ping().await;
}

#[tokio::test]
async fn what_was_begun_is_completed_after_unsubscribe() {
    let mut gateway = Gateway::start().await;
    let mut raw = listening(&gateway, &Connect::v3("a"), 1).await;
    gateway.commands.send(command("a", "c1", CommandQos::AtLeastOnce), T0).unwrap();
    assert_eq!(raw.receive().await[0], 0x32);
    raw.send(&unsubscribe(4, 2, &[BY_ID])).await;
    raw.expect(&[0xB0, 2, 0, 2]).await;
    raw.send(&packet(0x40, &[0, 1])).await;
    assert_eq!(gateway.report().await.outcome, CommandOutcome::Acknowledged);
}

#[tokio::test]
async fn an_answer_to_nothing_is_passed_over() {
    let gateway = Gateway::with(MqttOptions { max_commands_in_flight: 1, ..options() }).await;
    let mut raw = listening(&gateway, &Connect::v3("a"), 1).await;
    raw.send(&packet(0x40, &[0, 9])).await;
    raw.ping().await;
    gateway.commands.send(command("a", "c1", CommandQos::AtLeastOnce), T0).unwrap();
    gateway.commands.send(command("a", "c2", CommandQos::AtLeastOnce), T0).unwrap();
    assert_eq!(raw.receive().await[0], 0x32);
    raw.ping().await;
}

#[tokio::test]
async fn a_full_queue_of_reports_holds_up_the_device_and_loses_none() {
    let mut gateway = Gateway::start().await;
    let mut raw = listening(&gateway, &Connect::v3("a"), 0).await;
    // The queue of reports has 64 places.
    for n in 0..90 {
        gateway.commands.send(command("a", &format!("c{n}"), CommandQos::AtLeastOnce), T0).unwrap();
        raw.receive().await;
    }
    for n in 0..90 {
        assert_eq!(*gateway.report().await.command, *format!("c{n}"));
    }
}
