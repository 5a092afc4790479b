//! Promise: whatever comes in, nobody else notices, nothing is taken for another, and each message is counted once.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};

use gengfu_ingest::{Clock, SystemClock};
use gengfu_model::Kind;
use rumqttc::{Client, ConnectReturnCode, ConnectionError, Event, MqttOptions, Packet, QoS};
use serde_json::{Value, json};

use crate::harness::{DEADLINE, TestGateway, token_of, wait_for};

/// POSTs a body as a device does.
pub(crate) fn http_post(url: &str, token: &str, body: &str) -> (u16, Value) {
    http_post_with(url, token, body, None)
}

fn http_post_with(url: &str, token: &str, body: &str, key: Option<&str>) -> (u16, Value) {
    let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(DEADLINE));
    let agent: ureq::Agent = config.build().into();
    let mut request = agent.post(url).header("authorization", format!("Bearer {token}"));
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    let mut response = request.header("content-type", "application/json").send(body).expect("an answer");
    let text = response.body_mut().read_to_string().unwrap();
    (response.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// POSTs a body over CoAP, confirmably, and gives the answer's datagram. `path` is
/// `first/second?query`.
pub(crate) fn coap_post(to: SocketAddr, path: &str, body: &[u8]) -> Vec<u8> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    coap_exchange(&socket, to, 1, path, None, body)
}

fn coap_exchange(socket: &UdpSocket, to: SocketAddr, id: u16, path: &str, block1: Option<u32>, body: &[u8]) -> Vec<u8> {
    const URI_PATH: u16 = 11;
    const CONTENT_FORMAT: u16 = 12;
    const URI_QUERY: u16 = 15;
    const BLOCK1: u16 = 27;
    let mut packet = vec![0x40, 0x02, (id >> 8) as u8, id as u8];
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut options: Vec<(u16, Vec<u8>)> = path.split('/').map(|part| (URI_PATH, part.into())).collect();
    options.push((CONTENT_FORMAT, vec![50]));
    if !query.is_empty() {
        options.push((URI_QUERY, query.into()));
    }
    options.extend(block1.map(|block| (BLOCK1, block.to_be_bytes()[1..].to_vec())));
    let mut last = 0;
    for (number, value) in options {
        let length = value.len();
        assert!(length < 13 + 256);
        packet.push(((number - last) as u8) << 4 | length.min(13) as u8);
        if length >= 13 {
            packet.push((length - 13) as u8);
        }
        packet.extend(value);
        last = number;
    }
    if !body.is_empty() {
        packet.push(0xff);
        packet.extend(body);
    }
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket.send_to(&packet, to).unwrap();
    let mut answer = vec![0; 2_048];
    loop {
        let length = socket.recv(&mut answer).expect("a CoAP answer");
        // An empty acknowledgement says that the answer comes later.
        if answer[1] != 0 {
            answer.truncate(length);
            return answer;
        }
    }
}

/// The code of a CoAP datagram, such as `2.04`.
pub(crate) fn coap_code(datagram: &[u8]) -> String {
    format!("{}.{:02}", datagram[1] >> 5, datagram[1] & 31)
}

struct World {
    gateway: TestGateway,
    mqtt: SocketAddr,
    coap: SocketAddr,
}

impl World {
    fn new(devices: &[&str]) -> World {
        let gateway = TestGateway::start();
        for device in devices {
            gateway.add_device(device, Kind::Manhole);
        }
        let addresses = gateway.running().addresses().clone();
        World { gateway, mqtt: addresses.mqtt.unwrap(), coap: addresses.coap.unwrap() }
    }

    fn url(&self, device: &str) -> String {
        format!("{}/v1/devices/{device}/telemetry", self.gateway.anonymous().base())
    }

    fn http(&self, device: &str, body: &str) -> (u16, Value) {
        http_post(&self.url(device), &token_of(device), body)
    }

    fn client(&self, device: &str, token: &str) -> (Client, rumqttc::Connection) {
        let mut options = MqttOptions::new(device, self.mqtt.ip().to_string(), self.mqtt.port());
        options.set_credentials(device, token).set_max_packet_size(1 << 20, 1 << 20);
        Client::new(options, 10)
    }

    /// The sheet of one device once it has so many messages.
    fn sheet(&self, device: &str, journaled: u64) -> Value {
        let admin = self.gateway.login("admin");
        wait_for("the messages in the sheet", || {
            let (status, sheet) = admin.get(&format!("/api/v1/balance?device={device}"));
            assert_eq!(status, 200, "{sheet}");
            (sheet["messages"]["journaled"] == journaled).then_some(sheet)
        })
    }

    fn wait_for_refused(&self, count: u64) {
        wait_for("the refusals in the sheet", || (self.gateway.balance().refused >= count).then_some(()));
    }
}

/// What the next thing is that ends a client's connection.
fn end_of(connection: &mut rumqttc::Connection) -> ConnectionError {
    wait_for("the end of the connection", || match connection.recv_timeout(DEADLINE) {
        Ok(Ok(Event::Incoming(Packet::PubAck(_)))) => panic!("it was acknowledged"),
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(error),
        Err(error) => panic!("{error:?}"),
    })
}

#[test]
fn malformed_packets_end_their_own_connection_only() {
    let world = World::new(&["cover-1"]);
    let mut bystander = world.gateway.mqtt("cover-1");
    bystander.publish(r#"{"tilt_deg":1}"#);
    let connect = b"\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0";
    let packets: [(&str, &[u8]); 7] = [
        ("no MQTT at all", b"GET / HTTP/1.1\r\n\r\n"),
        ("a length that never ends", b"\x10\xff\xff\xff\xff\xff\xff"),
        ("a message before a login", b"\x32\x0a\0\x04test\0\x01{}"),
        ("a protocol of another name", b"\x10\x0c\0\x04MQTX\x04\x02\0\x3c\0\0"),
        ("a version that does not exist", b"\x10\x0c\0\x04MQTT\x09\x02\0\x3c\0\0"),
        ("a login cut short", b"\x10\x05\0\x04MQT"),
        ("a login without credentials", connect),
    ];
    for (what, bytes) in packets {
        let mut stream = TcpStream::connect(world.mqtt).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{what}: {error}"),
        }
        assert!(answer.get(3).is_none_or(|code| *code != 0), "{what} is no login: {answer:?}");
    }
    bystander.publish(r#"{"tilt_deg":2}"#);
    let admin = world.gateway.login("admin");
    let (status, _) = admin.get("/api/v1/status");
    assert_eq!(status, 200);
    world.wait_for_refused(1);
    // It is acknowledged when the journal has it, and counted a moment later.
    wait_for("both messages in the sheet", || (world.gateway.balance().journaled == 2).then_some(()));
}

#[test]
fn too_large_is_refused_on_every_transport() {
    let world = World::new(&["cover-1"]);
    let large = format!(r#"{{"note":"{}","tilt_deg":1}}"#, "x".repeat(300 * 1024));
    let (client, mut connection) = world.client("cover-1", &token_of("cover-1"));
    client.publish("v1/devices/me/telemetry", QoS::AtLeastOnce, false, large.as_bytes()).unwrap();
    end_of(&mut connection);
    drop((client, connection));
    // The answer comes while the client still sends: it may find the connection closed instead.
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = agent.post(world.url("cover-1")).header("authorization", format!("Bearer {}", token_of("cover-1")));
    match request.header("content-type", "application/json").send(&large) {
        Ok(answer) => assert_eq!(answer.status(), 413),
        Err(error) => assert!(matches!(error, ureq::Error::Io(_)), "{error}"),
    }
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let path = format!("v1/devices/me/telemetry?token={}", token_of("cover-1"));
    let code = (0..70_u16).find_map(|number| {
        // The block's number, more to come, and 1,024 bytes a block.
        let block = u32::from(number) << 4 | 0x8 | 6;
        let answer = coap_exchange(&socket, world.coap, number, &path, Some(block), &[b' '; 1_024]);
        Some(coap_code(&answer)).filter(|code| code != "2.31")
    });
    assert_eq!(code.as_deref(), Some("4.13"), "Request Entity Too Large");
    world.wait_for_refused(3);
    assert_eq!(world.gateway.balance().journaled, 0);
}

#[test]
fn who_you_are_decides_on_every_transport() {
    let world = World::new(&["cover-1", "cover-2"]);
    let body = r#"{"tilt_deg":60}"#;
    // Wrong credentials.
    for (device, token) in [("cover-1", "a-wrong-token-0123456789"), ("nobody", "a-wrong-token-0123456789")] {
        let (_client, mut connection) = world.client(device, token);
        let error = end_of(&mut connection);
        let refused = [ConnectReturnCode::BadUserNamePassword, ConnectReturnCode::NotAuthorized];
        assert!(
            matches!(&error, ConnectionError::ConnectionRefused(code) if refused.contains(code)),
            "{device}: {error:?}"
        );
        assert_eq!(http_post(&world.url(device), token, body).0, 401, "{device}");
        let answer = coap_post(world.coap, &format!("v1/devices/{device}/telemetry?token={token}"), body.as_bytes());
        assert_eq!(coap_code(&answer), "4.01", "{device}");
    }
    // Right credentials, another's name.
    let token = token_of("cover-1");
    let (client, mut connection) = world.client("cover-1", &token);
    client.publish("v1/devices/cover-2/telemetry", QoS::AtLeastOnce, false, body).unwrap();
    end_of(&mut connection);
    assert_eq!(http_post(&world.url("cover-2"), &token, body).0, 403);
    let answer = coap_post(world.coap, &format!("v1/devices/cover-2/telemetry?token={token}"), body.as_bytes());
    assert_eq!(coap_code(&answer), "4.03");
    world.wait_for_refused(9);
    assert_eq!(world.gateway.balance().journaled, 0, "nothing of it was taken");
    assert!(world.gateway.login("duty").list("/api/v1/incidents").is_empty());
}

#[test]
fn one_id_is_one_message_over_all_transports() {
    let world = World::new(&["cover-1"]);
    let body = r#"{"id":"the-one","tilt_deg":3}"#;
    world.gateway.mqtt("cover-1").publish(body);
    assert_eq!(world.http("cover-1", body).0, 200, "a repeat is told that all is well");
    let path = format!("v1/devices/me/telemetry?token={}", token_of("cover-1"));
    assert_eq!(coap_code(&coap_post(world.coap, &path, body.as_bytes())), "2.04");
    // Without an id in the body, the key of the request is the id.
    for _ in 0..2 {
        let url = world.url("cover-1");
        assert_eq!(http_post_with(&url, &token_of("cover-1"), r#"{"tilt_deg":4}"#, Some("key-1")).0, 200);
    }
    let sheet = world.sheet("cover-1", 5);
    assert_eq!((&sheet["messages"]["decoded"], &sheet["messages"]["duplicate"]), (&json!(2), &json!(3)), "{sheet}");
    assert_eq!(sheet["values"]["decoded"], 2, "{sheet}");
}

#[test]
fn one_bad_element_loses_itself_alone() {
    let world = World::new(&["cover-1"]);
    let body = r#"[{"tilt_deg":1,"id":"a"},17,{"tilt_deg":2,"id":"b"},{"colour":"red"},{"tilt_deg":"x","battery_pct":50,"id":"c"}]"#;
    let (status, answer) = world.http("cover-1", body);
    assert!(status == 200 && answer.get("quarantined").is_none(), "{status} {answer}");
    let sheet = world.sheet("cover-1", 1);
    assert_eq!((&sheet["messages"]["decoded"], &sheet["messages"]["quarantined"]), (&json!(1), &json!(0)), "{sheet}");
    let values = &sheet["values"];
    assert_eq!((&values["decoded"], &values["out_of_range"]), (&json!(4), &json!(1)), "{sheet}");
    let admin = world.gateway.login("admin");
    let kept = wait_for("the elements in quarantine", || {
        Some(admin.list("/api/v1/quarantine?device=cover-1")).filter(|list| list.len() == 2)
    });
    assert!(kept.iter().all(|row| !row["detail"].as_str().unwrap().is_empty()), "{kept:?}");
}

#[test]
fn numbers_and_shapes_that_nobody_should_send() {
    let world = World::new(&["cover-1"]);
    let deep = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let many = format!("[{}]", vec![r#"{"tilt_deg":1}"#; 10_000].join(","));
    // Whether all of it is in quarantine, and the body.
    let bodies = [
        (true, r#"{"tilt_deg":NaN}"#.to_owned()),
        (true, r#"{"tilt_deg":Infinity}"#.to_owned()),
        (false, r#"{"tilt_deg":1e999}"#.to_owned()),
        (false, r#"{"tilt_deg":-1e308}"#.to_owned()),
        (false, r#"{"tilt_deg":123456789012345678901234567890}"#.to_owned()),
        (false, format!(r#"{{"tilt_deg":1{}}}"#, "0".repeat(20_000))),
        (false, r#"{"tilt_deg":"\u0000"}"#.to_owned()),
        (true, deep(17)),
        (true, deep(100_000)),
        (true, format!(r#"{{"tilt_deg":1,"extra":{}}}"#, deep(100_000))),
        (true, many),
        (true, r#"{"ts":1e30,"tilt_deg":1}"#.to_owned()),
        (true, r#"{"ts":-1,"tilt_deg":1}"#.to_owned()),
        (true, "[]".to_owned()),
        (true, "null".to_owned()),
        (true, "\u{feff}{}".to_owned()),
        (true, String::new()),
    ];
    let (mut before, mut wrong) = (0, Vec::new());
    for (number, (bad, body)) in bodies.iter().enumerate() {
        let begin: String = body.chars().take(40).collect();
        let (status, answer) = world.http("cover-1", body);
        assert_eq!(status, 200, "{begin}: {answer}");
        let sheet = world.sheet("cover-1", number as u64 + 1);
        let quarantined = sheet["messages"]["quarantined"].as_u64().unwrap();
        if (quarantined > before) != *bad {
            wrong.push(format!("{begin}: {answer}"));
        }
        before = quarantined;
    }
    assert!(wrong.is_empty(), "not as expected: {wrong:#?}");
    let sheet = world.gateway.balance();
    assert_eq!(sheet.values_stored, 0, "no number was made of any of it: {sheet:?}");
    assert!(world.gateway.login("duty").list("/api/v1/incidents").is_empty());
    world.gateway.mqtt("cover-1").publish(r#"{"tilt_deg":60}"#);
    let duty = world.gateway.login("duty");
    wait_for("the device is still heard", || duty.list("/api/v1/incidents").into_iter().next());
}

#[test]
fn a_device_clock_may_be_a_little_ahead_but_not_an_hour() {
    let world = World::new(&["cover-1", "cover-2"]);
    let now = SystemClock.now().as_millis();
    world.gateway.mqtt("cover-1").publish(&format!(r#"{{"ts":{},"tilt_deg":60}}"#, now + 3_600_000));
    world.gateway.mqtt("cover-2").publish(&format!(r#"{{"ts":{},"tilt_deg":60}}"#, now + 50_000));
    let ahead = world.sheet("cover-1", 1);
    assert_eq!((&ahead["messages"]["quarantined"], &ahead["values"]["too_far_ahead"]), (&json!(1), &json!(1)));
    let near = world.sheet("cover-2", 1);
    assert_eq!((&near["messages"]["decoded"], &near["values"]["stored"]), (&json!(1), &json!(1)), "{near}");
    let duty = world.gateway.login("duty");
    let incident = wait_for("the incident", || duty.list("/api/v1/incidents").into_iter().next());
    assert_eq!((&incident["device"], &incident["late"]), (&json!("cover-2"), &json!(false)), "{incident}");
    assert_eq!(duty.list("/api/v1/incidents").len(), 1);
}

#[test]
fn a_device_clock_that_was_never_set_is_told_and_the_device_still_heard() {
    let world = World::new(&["cover-1"]);
    let mut device = world.gateway.mqtt("cover-1");
    // It counts from 1970, or in seconds.
    for ts in [0, 86_400_000, SystemClock.now().as_millis() / 1_000] {
        device.publish(&format!(r#"{{"ts":{ts},"tilt_deg":60}}"#));
    }
    let sheet = world.sheet("cover-1", 3);
    assert_eq!((&sheet["messages"]["quarantined"], &sheet["values"]["stored"]), (&json!(3), &json!(0)), "{sheet}");
    let admin = world.gateway.login("admin");
    let kept = wait_for("the messages in quarantine", || {
        Some(admin.list("/api/v1/quarantine?device=cover-1")).filter(|list| list.len() == 3)
    });
    assert!(kept.iter().all(|row| row["detail"].as_str().unwrap().contains("between the years")), "{kept:?}");
    let duty = world.gateway.login("duty");
    assert!(duty.list("/api/v1/incidents").is_empty());
    device.publish(r#"{"tilt_deg":60}"#);
    wait_for("the alarm without a time", || duty.list("/api/v1/incidents").into_iter().next());
}

#[test]
fn a_backlog_is_stored_and_its_newest_reading_judged() {
    let world = World::new(&["cover-1"]);
    let now = SystemClock.now().as_millis();
    // A hundred readings, a minute apart, the newest half an hour old; all in between lie still.
    let reading = |back: i64, tilt: i64| format!(r#"{{"ts":{},"tilt_deg":{tilt}}}"#, now - 1_800_000 - back * 60_000);
    let backlog: Vec<String> = (0..100).rev().map(|back| reading(back, if back == 0 { 60 } else { 1 })).collect();
    assert_eq!(world.http("cover-1", &format!("[{}]", backlog.join(","))).0, 200);
    let sheet = world.sheet("cover-1", 1);
    assert_eq!((&sheet["values"]["decoded"], &sheet["values"]["late"]), (&json!(100), &json!(100)), "{sheet}");
    let duty = world.gateway.login("duty");
    let incident = wait_for("the incident", || duty.list("/api/v1/incidents").into_iter().next());
    assert_eq!((&incident["late"], &incident["state"]), (&json!(true), &json!("open")), "{incident}");

    // What is older than the newest is stored and judged no more, neither to raise nor to clear.
    assert_eq!(world.http("cover-1", &reading(200, 1)).0, 200);
    let sheet = world.sheet("cover-1", 2);
    assert_eq!(sheet["values"]["late"], 101, "{sheet}");
    let open = duty.list("/api/v1/incidents?state=open");
    assert_eq!((open.len(), &open[0]["id"]), (1, &incident["id"]), "{open:?}");
    let (_, latest) = duty.get("/api/v1/devices/cover-1/latest");
    assert_eq!(latest["fields"]["tilt_deg"]["value"], 60.0, "{latest}");
}
