//! Sessions over a power cut: the new process has what the old one had on disk, and keeps its word.

use std::sync::Arc;

use gengfu_ingest::mqtt::{CommandOutcome, CommandQos};
use gengfu_model::DeviceId;

use crate::harness::{Gateway, T0, command};
use crate::raw::{Connect, DUP, QOS2, Raw, TELEMETRY, packet, publish_v3, publish_v5, subscribe, unsubscribe};

const COMMANDS: &str = "v1/devices/me/commands";

fn release(id: u8) -> Vec<u8> {
    packet(0x62, &[0, id])
}

/// The ways a client may ask for a session that lasts.
fn lasting() -> [Connect; 2] {
    [Connect::v3("a").resuming(), Connect::v5("a").resuming().expiry(600)]
}

/// Connects; gives whether the session was present.
async fn connect(gateway: &Gateway, connect: &Connect) -> (bool, Raw) {
    let mut raw = Raw::open(gateway.addr).await;
    raw.send(&connect.bytes()).await;
    let connack = raw.receive().await;
    assert_eq!((connack[0], connack[3]), (0x20, 0), "{connack:02x?}");
    (connack[2] == 1, raw)
}

fn publish(connect: &Connect, flags: u8, id: u16) -> Vec<u8> {
    let (flags, payload) = (QOS2 | flags, "{}");
    if connect.level == 5 {
        publish_v5(flags, TELEMETRY, id, &[], payload)
    } else {
        publish_v3(flags, TELEMETRY, id, payload)
    }
}

fn a() -> DeviceId {
    DeviceId::new("a").unwrap()
}

#[tokio::test]
async fn a_session_is_present_after_a_power_cut() {
    for asked in lasting() {
        let gateway = Gateway::start().await;
        let (present, mut raw) = connect(&gateway, &asked).await;
        assert!(!present);
        raw.ping().await;
        gateway.journal.sessions_are("the session is on disk", |all| all.contains_key(&a())).await;
        let after = Gateway::restarted(&gateway.journal, &[], T0).await;
        assert!(connect(&after, &asked).await.0);
        let stranger = Connect { client_id: b"another".to_vec(), ..asked };
        assert!(!connect(&after, &stranger).await.0);
    }
}

#[tokio::test]
async fn a_session_that_ends_with_its_connection_leaves_nothing_on_disk() {
    let gateway = Gateway::start().await;
    for asked in [Connect::v3("a"), Connect::v5("a"), Connect::v5("a").resuming()] {
        let (_, mut raw) = connect(&gateway, &asked).await;
        raw.send(&publish(&asked, 0, 1)).await;
        raw.expect(&[0x50, 2, 0, 1]).await;
        raw.send(&release(1)).await;
        raw.expect(&[0x70, 2, 0, 1]).await;
        assert_eq!(gateway.metric("gengfu_mqtt_session_records_submitted_total"), 0);
    }
}

#[tokio::test]
async fn the_time_that_the_process_was_away_counts_for_the_expiry() {
    for (away_ms, present) in [(599_999, true), (600_000, false)] {
        let asked = Connect::v5("a").resuming().expiry(600);
        let gateway = Gateway::start().await;
        let (_, mut raw) = connect(&gateway, &asked).await;
        raw.ping().await;
        gateway.journal.sessions_are("the session is on disk", |all| all.contains_key(&a())).await;
        let after = Gateway::restarted(&gateway.journal, &[], T0).await;
        after.clock.advance(away_ms);
        assert_eq!(connect(&after, &asked).await.0, present, "away for {away_ms} ms");
    }
}

#[tokio::test]
async fn an_expiry_that_began_before_the_power_cut_goes_on() {
    let asked = Connect::v5("a").resuming().expiry(600);
    let gateway = Gateway::start().await;
    drop(connect(&gateway, &asked).await);
    gateway.offline("a").await;
    gateway.journal.sessions_are("its end is on disk", |all| all.values().any(|row| row.closed.is_some())).await;
    assert_eq!(gateway.journal.sessions()[&a()].closed, Some(T0));
    // Cut off 400 s later, and back 200 s after that.
    let after = Gateway::restarted(&gateway.journal, &[], T0.plus_ms(400_000)).await;
    after.clock.advance(600_000);
    assert!(!connect(&after, &asked).await.0);
}

#[tokio::test]
async fn a_message_of_qos_2_is_not_taken_twice_over_a_power_cut() {
    for asked in lasting() {
        let gateway = Gateway::start().await;
        let (_, mut raw) = connect(&gateway, &asked).await;
        raw.send(&publish(&asked, 0, 5)).await;
        raw.expect(&[0x50, 2, 0, 5]).await;
        let after = Gateway::restarted(&gateway.journal, &[], T0).await;
        let (present, mut raw) = connect(&after, &asked).await;
        assert!(present);
        raw.send(&publish(&asked, DUP, 5)).await;
        raw.expect(&[0x50, 2, 0, 5]).await;
        raw.send(&release(5)).await;
        raw.expect(&[0x70, 2, 0, 5]).await;
        assert_eq!((gateway.journal.count(), after.journal.count()), (1, 0));
    }
}

#[tokio::test]
async fn pubcomp_waits_until_the_pubrel_is_on_disk() {
    for asked in lasting() {
        let gateway = Gateway::start().await;
        let (_, mut raw) = connect(&gateway, &asked).await;
        raw.send(&publish(&asked, 0, 5)).await;
        raw.expect(&[0x50, 2, 0, 5]).await;
        gateway.journal.hold();
        raw.send(&release(5)).await;
        // PINGRESP overtakes it: PUBCOMP is still held back.
        raw.ping().await;
        // A power cut now: the client sends PUBREL again, and the id is still known.
        let after = Gateway::restarted(&gateway.journal, &[], T0).await;
        let (_, mut again) = connect(&after, &asked).await;
        again.send(&release(5)).await;
        again.expect(&[0x70, 2, 0, 5]).await;
        gateway.journal.settle_all();
        raw.expect(&[0x70, 2, 0, 5]).await;
    }
}

#[tokio::test]
async fn after_pubcomp_the_id_is_free_over_a_power_cut() {
    for asked in lasting() {
        let gateway = Gateway::start().await;
        let (_, mut raw) = connect(&gateway, &asked).await;
        raw.send(&publish(&asked, 0, 5)).await;
        raw.expect(&[0x50, 2, 0, 5]).await;
        raw.send(&release(5)).await;
        raw.expect(&[0x70, 2, 0, 5]).await;
        let after = Gateway::restarted(&gateway.journal, &[], T0).await;
        let (_, mut raw) = connect(&after, &asked).await;
        raw.send(&publish(&asked, 0, 5)).await;
        raw.expect(&[0x50, 2, 0, 5]).await;
        assert_eq!(after.journal.count(), 1, "a new message under the old id must be taken");
    }
}

#[tokio::test]
async fn a_session_that_was_thrown_away_does_not_come_back() {
    let gateway = Gateway::start().await;
    let lasting = Connect::v3("a").resuming();
    let (_, mut raw) = connect(&gateway, &lasting).await;
    raw.send(&publish(&lasting, 0, 5)).await;
    raw.expect(&[0x50, 2, 0, 5]).await;
    gateway.journal.hold();
    let mut clean = Raw::open(gateway.addr).await;
    clean.send(&Connect::v3("a").bytes()).await;
    // Taken over; CONNACK of the new session waits until the end of the old one is on disk.
    raw.expect_closed().await;
    gateway.journal.settle_all();
    clean.expect(&[0x20, 2, 0, 0]).await;
    assert!(gateway.journal.sessions().is_empty());
}

#[tokio::test]
async fn connack_of_a_clean_start_waits_for_the_end_of_the_kept_session() {
    let gateway = Gateway::start().await;
    let lasting = Connect::v3("a").resuming();
    drop(connect(&gateway, &lasting).await);
    gateway.offline("a").await;
    gateway.journal.sessions_are("it is closed on disk", |all| all.values().any(|row| row.closed.is_some())).await;
    gateway.journal.hold();
    let mut clean = Raw::open(gateway.addr).await;
    let first = [Connect::v3("a").bytes(), vec![0xC0, 0]].concat();
    clean.send(&first).await;
    crate::harness::eventually("the connection waits", || gateway.commands.is_connected(&a())).await;
    assert!(gateway.journal.sessions().contains_key(&a()), "not thrown away before it is journaled");
    assert_eq!(clean.poll_now().await, None, "nothing is sent before the session's end is on disk");
    gateway.journal.settle_all();
    clean.expect(&[0x20, 2, 0, 0]).await;
    clean.expect(&[0xD0, 0]).await;
    assert!(gateway.journal.sessions().is_empty());
}

#[tokio::test]
async fn suback_and_unsuback_wait_until_the_subscription_is_on_disk() {
    for asked in lasting() {
        let gateway = Gateway::start().await;
        let (_, mut raw) = connect(&gateway, &asked).await;
        raw.ping().await;
        gateway.journal.hold();
        raw.send(&subscribe(asked.level, 1, &[(COMMANDS, 1)])).await;
        raw.ping().await;
        gateway.journal.settle_all();
        assert_eq!(raw.receive().await[0], 0x90);
        assert_eq!(gateway.journal.sessions()[&a()].me, Some(1));
        gateway.journal.hold();
        raw.send(&unsubscribe(asked.level, 2, &[COMMANDS])).await;
        raw.ping().await;
        gateway.journal.settle_all();
        assert_eq!(raw.receive().await[0], 0xB0);
        assert_eq!(gateway.journal.sessions()[&a()].me, None);
    }
}

#[tokio::test]
async fn commands_go_on_where_they_were() {
    for asked in lasting() {
        let mut gateway = Gateway::start().await;
        let (_, mut raw) = connect(&gateway, &asked).await;
        raw.send(&subscribe(asked.level, 1, &[(COMMANDS, 1)])).await;
        raw.receive().await;
        for id in ["c1", "c2"] {
            gateway.commands.send(command("a", id, CommandQos::AtLeastOnce), T0).unwrap();
        }
        let (first, second) = (raw.receive().await, raw.receive().await);
        assert_eq!((first[0], second[0]), (0x32, 0x32));
        let id_at = 2 + 2 + COMMANDS.len();
        raw.send(&packet(0x40, &first[id_at..id_at + 2])).await;
        assert_eq!(gateway.report().await.outcome, CommandOutcome::Acknowledged);
        let known = |row: &gengfu_model::MqttSession| row.sent.len() == 1 && *row.acknowledged == [Arc::from("c1")];
        gateway.journal.sessions_are("both are on disk", |all| all.values().any(known)).await;

        let after = Gateway::restarted(&gateway.journal, &["c1", "c2"], T0).await;
        let (present, mut raw) = connect(&after, &asked).await;
        assert!(present);
        let again = raw.receive().await;
        assert_eq!(again[0], 0x3A, "sent again, with DUP");
        assert_eq!(again[id_at..], second[id_at..], "under the same packet id");
        // The subscription is there without a SUBSCRIBE.
        after.commands.send(command("a", "c3", CommandQos::AtLeastOnce), T0).unwrap();
        let third = raw.receive().await;
        assert_eq!(third[0], 0x32);
        assert_ne!(third[id_at..id_at + 2], second[id_at..id_at + 2]);
    }
}

#[tokio::test]
async fn an_expired_session_is_struck_from_the_disk() {
    let gateway = Gateway::start().await;
    let (_, mut raw) = connect(&gateway, &Connect::v5("a").resuming().expiry(600)).await;
    raw.ping().await;
    gateway.journal.sessions_are("the session is on disk", |all| all.contains_key(&a())).await;
    let after = Gateway::restarted(&gateway.journal, &[], T0.plus_ms(-600_000)).await;
    after.journal.sessions_are("it is gone from the disk", |all| all.is_empty()).await;
}
