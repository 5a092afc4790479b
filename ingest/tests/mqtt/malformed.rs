//! Broken packets end the connection, with the reason in MQTT 5; nothing of them reaches the journal.

use crate::harness::Gateway;
use crate::raw::{
    Connect, DUP, QOS1, Raw, TELEMETRY, field, packet, properties, publish_v3, publish_v5, user_property,
};

async fn v3_closes(gateway: &Gateway, what: &str, bytes: &[u8]) {
    println_if_it_fails(what);
    let mut raw = Raw::v3(gateway.addr, "a").await;
    raw.send(bytes).await;
    raw.expect_closed().await;
    gateway.offline("a").await;
}

async fn v5_disconnects(gateway: &Gateway, what: &str, reason: u8, bytes: &[u8]) {
    println_if_it_fails(what);
    let mut raw = Raw::v5(gateway.addr, "a").await;
    raw.send(bytes).await;
    let got = raw.receive().await;
    assert_eq!(got, [0xE0, 2, reason, 0], "{what}");
    raw.expect_closed().await;
    gateway.offline("a").await;
}

/// Names the case in the output of a failing test.
#[expect(clippy::print_stdout, reason = "shown for failing tests only")]
fn println_if_it_fails(what: &str) {
    println!("case: {what}");
}

fn topic_with(bytes: &[u8]) -> Vec<u8> {
    packet(0x30, &[field(bytes), b"{}".to_vec()].concat())
}

#[tokio::test]
async fn mqtt_3_closes_for_broken_packets() {
    let gateway = Gateway::start().await;
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("packet type 0", packet(0x00, &[])),
        ("packet type 15", packet(0xF0, &[])),
        ("a server's packet", packet(0xD0, &[])),
        ("PUBREC for nothing", packet(0x50, &[0, 1])),
        ("PUBCOMP for nothing", packet(0x70, &[0, 1])),
        ("QoS 3", packet(0x36, &[field(TELEMETRY), vec![0, 1], b"{}".to_vec()].concat())),
        ("DUP with QoS 0", publish_v3(DUP, TELEMETRY, 0, "{}")),
        ("packet id 0 in PUBLISH", publish_v3(QOS1, TELEMETRY, 0, "{}")),
        ("no packet id", packet(0x32, &field(TELEMETRY))),
        ("topic with NUL", topic_with(b"v1/devices/a\0/up")),
        ("topic not UTF-8", topic_with(b"v1/devices/a/up\xFF")),
        ("topic with a surrogate", topic_with(b"v1/\xED\xA0\x80")),
        ("topic with +", topic_with(b"v1/devices/+/up")),
        ("topic with #", topic_with(b"v1/devices/a/#")),
        ("empty topic", topic_with(b"")),
        ("topic longer than the packet", packet(0x30, &[0, 200, b'v'])),
        ("PUBREL flags", packet(0x60, &[0, 1])),
        ("PUBREL id 0", packet(0x62, &[0, 0])),
        ("PUBREL too long", packet(0x62, &[0, 1, 0])),
        ("PUBACK flags", packet(0x42, &[0, 1])),
        ("PUBACK too short", packet(0x40, &[0])),
        ("SUBSCRIBE flags", packet(0x80, &[vec![0, 1], field("a"), vec![0]].concat())),
        ("SUBSCRIBE id 0", packet(0x82, &[vec![0, 0], field("a"), vec![0]].concat())),
        ("SUBSCRIBE without a filter", packet(0x82, &[0, 1])),
        ("SUBSCRIBE with QoS 3", packet(0x82, &[vec![0, 1], field("a"), vec![3]].concat())),
        ("SUBSCRIBE with reserved bits", packet(0x82, &[vec![0, 1], field("a"), vec![4]].concat())),
        ("SUBSCRIBE with an empty filter", packet(0x82, &[vec![0, 1], field(""), vec![0]].concat())),
        ("SUBSCRIBE with NUL", packet(0x82, &[vec![0, 1], field("a\0"), vec![0]].concat())),
        ("SUBSCRIBE without QoS", packet(0x82, &[vec![0, 1], field("a")].concat())),
        ("UNSUBSCRIBE flags", packet(0xA0, &[vec![0, 1], field("a")].concat())),
        ("UNSUBSCRIBE id 0", packet(0xA2, &[vec![0, 0], field("a")].concat())),
        ("UNSUBSCRIBE without a filter", packet(0xA2, &[0, 1])),
        ("UNSUBSCRIBE not UTF-8", packet(0xA2, &[vec![0, 1], field([0xFF])].concat())),
        ("PINGREQ flags", packet(0xC1, &[])),
        ("PINGREQ with a body", packet(0xC0, &[0])),
        ("DISCONNECT flags", packet(0xE1, &[])),
        ("length of five bytes", vec![0x30, 0x80, 0x80, 0x80, 0x80, 0x01]),
    ];
    for (what, bytes) in &cases {
        v3_closes(&gateway, what, bytes).await;
    }
    assert_eq!(gateway.journal.count(), 0);
    assert_eq!(gateway.metric("gengfu_mqtt_protocol_errors_total"), cases.len() as u64);
}

#[tokio::test]
async fn mqtt_5_says_why_it_closes() {
    let gateway = Gateway::start().await;
    let publish = |list: &[u8]| publish_v5(QOS1, TELEMETRY, 1, list, "{}");
    let subscribe = |options: u8, filter: &str| packet(0x82, &[vec![0, 1, 0], field(filter), vec![options]].concat());
    let cases: Vec<(&str, u8, Vec<u8>)> = vec![
        ("packet type 0", 0x81, packet(0x00, &[])),
        ("AUTH", 0x82, packet(0xF0, &[])),
        ("AUTH to go on", 0x82, packet(0xF0, &[&[0x18, 8, 0x15][..], &field("SCRAM")[..]].concat())),
        ("AUTH flags", 0x81, packet(0xF1, &[])),
        ("PUBREC flags", 0x81, packet(0x51, &[0, 1])),
        ("PUBREC for nothing", 0x82, packet(0x50, &[0, 1])),
        ("PUBCOMP flags", 0x81, packet(0x72, &[0, 1])),
        ("a server's packet", 0x82, packet(0x90, &[0, 1, 0, 0])),
        ("QoS 3", 0x81, packet(0x36, &[field(TELEMETRY), vec![0, 1, 0], b"{}".to_vec()].concat())),
        ("DUP with QoS 0", 0x81, publish_v5(DUP, TELEMETRY, 0, &[], "{}")),
        ("packet id 0", 0x82, publish_v5(QOS1, TELEMETRY, 0, &[], "{}")),
        ("topic with NUL", 0x81, publish_v5(0, "v1/\0", 0, &[], "")),
        ("topic not UTF-8", 0x81, packet(0x30, &[field([0xC3, 0x28]), vec![0]].concat())),
        ("topic with wildcard", 0x90, publish_v5(0, "v1/devices/+/up", 0, &[], "")),
        ("empty topic without alias", 0x82, publish_v5(0, "", 0, &[], "")),
        ("alias for nothing", 0x82, publish_v5(0, "", 0, &[0x23, 0, 3], "")),
        ("unknown property", 0x81, publish(&[0x7F, 0])),
        ("property of another packet", 0x81, publish(&[0x11, 0, 0, 0, 1])),
        ("subscription id from a client", 0x81, publish(&[0x0B, 1])),
        ("property twice", 0x82, publish(&[0x01, 0, 0x01, 0])),
        ("payload format 2", 0x82, publish(&[0x01, 2])),
        ("property cut off", 0x81, publish(&[0x02, 0, 0])),
        ("properties over the end", 0x81, packet(0x32, &[field(TELEMETRY), vec![0, 1, 99, 1]].concat())),
        ("user property not UTF-8", 0x81, publish(&[vec![0x26], field("k"), field([0xFF])].concat())),
        ("user property with NUL", 0x81, publish(&user_property("k", "\0"))),
        ("response topic with wildcard", 0x90, publish(&[vec![0x08], field("a/#")].concat())),
        ("length not shortest", 0x81, packet(0x32, &[field(TELEMETRY), vec![0, 1, 0x80, 0x00]].concat())),
        ("remaining length not shortest", 0x81, vec![0xC0, 0x80, 0x00]),
        ("PUBREL with an unknown reason", 0x81, packet(0x62, &[0, 1, 0x10])),
        ("PUBREL flags", 0x81, packet(0x60, &[0, 1])),
        ("PUBACK id 0", 0x82, packet(0x40, &[0, 0])),
        ("PUBACK with an unknown reason", 0x81, packet(0x40, &[0, 1, 0x01])),
        ("SUBSCRIBE flags", 0x81, packet(0x80, &[vec![0, 1, 0], field("a"), vec![0]].concat())),
        ("SUBSCRIBE without a filter", 0x82, packet(0x82, &[0, 1, 0])),
        ("SUBSCRIBE reserved bits", 0x81, subscribe(0x40, "a")),
        ("SUBSCRIBE retain handling 3", 0x81, subscribe(0x30, "a")),
        ("SUBSCRIBE QoS 3", 0x81, subscribe(3, "a")),
        ("SUBSCRIBE empty filter", 0x81, subscribe(0, "")),
        ("SUBSCRIBE no local, shared", 0x82, subscribe(0x05, "$share/g/v1/devices/a/commands")),
        ("SUBSCRIBE filter not UTF-8", 0x81, packet(0x82, &[vec![0, 1, 0], field([0xFF]), vec![0]].concat())),
        ("UNSUBSCRIBE flags", 0x81, packet(0xA0, &[vec![0, 1, 0], field("a")].concat())),
        ("UNSUBSCRIBE not UTF-8", 0x81, packet(0xA2, &[vec![0, 1, 0], field([0xFF])].concat())),
        ("response topic not UTF-8", 0x81, publish(&[vec![0x08], field([0xFF])].concat())),
        ("content type not UTF-8", 0x81, publish(&[vec![0x03], field([0xFF])].concat())),
        ("UNSUBSCRIBE without a filter", 0x82, packet(0xA2, &[0, 1, 0])),
        ("PINGREQ with a body", 0x81, packet(0xC0, &[0])),
        ("DISCONNECT with a server's reason", 0x82, packet(0xE0, &[0x8E, 0])),
        ("DISCONNECT flags", 0x81, packet(0xE1, &[0, 0])),
        ("DISCONNECT with bytes behind", 0x81, packet(0xE0, &[0, 0, 0])),
    ];
    for (what, reason, bytes) in &cases {
        v5_disconnects(&gateway, what, *reason, bytes).await;
    }
    assert_eq!(gateway.journal.count(), 0);
}

#[tokio::test]
async fn mqtt_3_closes_for_a_broken_connect_without_connack() {
    let gateway = Gateway::start().await;
    let good = Connect::v3("a");
    let cases = [
        ("reserved flag", Connect { more_flags: 0x01, ..good.clone() }),
        ("will QoS without a will", Connect { more_flags: 0x08, ..good.clone() }),
        ("will retain without a will", Connect { more_flags: 0x20, ..good.clone() }),
        ("will QoS 3", Connect { will: Some((b"t".to_vec(), Vec::new(), 0x18, Vec::new())), ..good.clone() }),
        ("password without user", Connect { user: None, ..good.clone() }),
        ("user flag without user", Connect { user: None, password: None, more_flags: 0x80, ..good.clone() }),
        ("password flag without password", Connect { password: None, more_flags: 0x40, ..good.clone() }),
        ("bytes behind", Connect { trailing: vec![0], ..good.clone() }),
        ("client id with NUL", Connect { client_id: b"a\0".to_vec(), ..good.clone() }),
        ("client id not UTF-8", Connect { client_id: vec![0xFF], ..good.clone() }),
        ("user not UTF-8", Connect { user: Some(vec![0xFF]), ..good.clone() }),
        ("will topic with NUL", good.clone().will("v1/devices/a/events\0", "")),
        ("will topic with wildcard", good.clone().will("v1/devices/+/events", "")),
        ("fixed header flags", good.clone()),
    ];
    for (what, connect) in cases {
        println_if_it_fails(what);
        let mut bytes = connect.bytes();
        if what == "fixed header flags" {
            bytes[0] |= 1;
        }
        let mut raw = Raw::open(gateway.addr).await;
        raw.send(&bytes).await;
        raw.expect_closed().await;
    }
}

#[tokio::test]
async fn mqtt_5_answers_a_broken_connect() {
    let gateway = Gateway::start().await;
    let good = Connect::v5("a");
    let with = |list: &[u8]| Connect { properties: list.to_vec(), ..Connect::v5("a") };
    let cases = [
        ("reserved flag", 0x81, Connect { more_flags: 0x01, ..good.clone() }),
        ("will QoS without a will", 0x81, Connect { more_flags: 0x08, ..good.clone() }),
        ("will retain without a will", 0x81, Connect { more_flags: 0x20, ..good.clone() }),
        ("user flag without user", 0x81, Connect { user: None, password: None, more_flags: 0x80, ..good.clone() }),
        ("password flag without password", 0x81, Connect { password: None, more_flags: 0x40, ..good.clone() }),
        ("user not UTF-8", 0x81, Connect { user: Some(vec![0xFF]), ..good.clone() }),
        ("will topic with NUL", 0x81, good.clone().will("v1/devices/a/events\0", "")),
        ("will topic with wildcard", 0x90, good.clone().will("v1/devices/+/events", "")),
        ("will QoS 3", 0x81, Connect { will: Some((b"t".to_vec(), Vec::new(), 0x18, Vec::new())), ..good.clone() }),
        ("receive maximum 0", 0x82, with(&[0x21, 0, 0])),
        ("maximum packet size 0", 0x82, with(&[0x27, 0, 0, 0, 0])),
        ("session expiry twice", 0x82, with(&[0x11, 0, 0, 0, 0, 0x11, 0, 0, 0, 0])),
        ("request problem information 2", 0x82, with(&[0x17, 2])),
        ("authentication data alone", 0x82, with(&[0x16, 0, 0])),
        ("will property in CONNECT", 0x81, with(&[0x18, 0, 0, 0, 0])),
        ("bytes behind", 0x81, Connect { trailing: vec![0], ..good.clone() }),
        ("client id with NUL", 0x81, Connect { client_id: b"a\0".to_vec(), ..good.clone() }),
    ];
    for (what, reason, connect) in cases {
        println_if_it_fails(what);
        let mut raw = Raw::open(gateway.addr).await;
        raw.send(&connect.bytes()).await;
        assert_eq!(raw.receive().await, [0x20, 3, 0, reason, 0], "{what}");
        raw.expect_closed().await;
    }
}

#[tokio::test]
async fn what_came_before_a_broken_packet_is_journaled() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::v3(gateway.addr, "a").await;
    raw.send(&[publish_v3(0, TELEMETRY, 0, "{}"), packet(0x00, &[])].concat()).await;
    raw.expect_closed().await;
    gateway.journal.messages(1).await;
}

#[tokio::test]
async fn a_packet_may_come_byte_by_byte() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::open(gateway.addr).await;
    let all = [Connect::v5("a").bytes(), publish_v5(QOS1, TELEMETRY, 1, &user_property("k", "v"), "{}")].concat();
    for byte in all {
        raw.send(&[byte]).await;
    }
    assert_eq!(raw.receive().await[0], 0x20);
    raw.expect(&[0x40, 2, 0, 1]).await;
}

#[tokio::test]
async fn random_bytes_after_connect_never_break_a_task() {
    let gateway = Gateway::start().await;
    let mut seed = 0x2545_F491_4F6C_DD1D_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    for round in 0..150 {
        let version = if round % 2 == 0 { Raw::v3(gateway.addr, "a").await } else { Raw::v5(gateway.addr, "a").await };
        let mut raw = version;
        let kinds = [0x30, 0x32, 0x34, 0x40, 0x62, 0x82, 0xA2, 0xE0];
        let body: Vec<u8> = (0..random() % 40).map(|_| (random() % 256) as u8).collect();
        let body = if round % 3 == 0 { [field(TELEMETRY), vec![0, 1], properties(&body)].concat() } else { body };
        raw.send(&packet(kinds[(random() % 8) as usize], &body)).await;
        raw.vanish();
    }
    gateway.offline("a").await;
    // The harness fails the test if a task has panicked.
}
