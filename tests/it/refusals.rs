//! Promise: staff see which device does not get in, at which listener and why; and never a credential.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use gengfu_model::Kind;
use gengfu_model::staff::Role;
use rumqttc::{Client, ConnectionError, MqttOptions, QoS};
use serde_json::{Value, json};

use crate::bad_input::{coap_code, coap_post, http_post};
use crate::harness::{Api, DEADLINE, PASSWORD, TestGateway, token_of, wait_for};

const WRONG: &str = "a-wrong-token-0123456789";

/// Connects, says what it has to say, and waits until it is turned away.
fn mqtt_refused(to: SocketAddr, client_id: &str, user: &str, password: &str, publish: Option<(&str, Vec<u8>)>) {
    let mut options = MqttOptions::new(client_id, to.ip().to_string(), to.port());
    options.set_credentials(user, password).set_max_packet_size(1 << 22, 1 << 22);
    let (client, mut connection) = Client::new(options, 10);
    if let Some((topic, payload)) = publish {
        client.publish(topic, QoS::AtLeastOnce, false, payload).unwrap();
    }
    let end = connection.iter().find_map(Result::err);
    assert!(!matches!(end, None | Some(ConnectionError::RequestsDone)), "{user} is turned away: {end:?}");
}

/// Device, whether it is registered, listener, reason and count.
fn told(api: &Api, query: &str) -> Vec<(Option<String>, bool, String, String, u64)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let mut rows: Vec<_> = (api.list(&format!("/api/v1/refusals?{query}")).iter())
        .map(|row| {
            let (listener, reason) = (text(&row["listener"]).unwrap(), text(&row["reason"]).unwrap());
            let registered = row["registered"].as_bool().unwrap();
            (text(&row["device"]), registered, listener, reason, row["count"].as_u64().unwrap())
        })
        .collect();
    rows.sort();
    rows
}

fn row(
    device: &str,
    registered: bool,
    listener: &str,
    reason: &str,
    count: u64,
) -> (Option<String>, bool, String, String, u64) {
    let device = Some(device.to_owned()).filter(|device| !device.is_empty());
    (device, registered, listener.to_owned(), reason.to_owned(), count)
}

#[test]
fn each_listener_tells_whom_it_turned_away_and_never_a_credential() {
    let gateway = TestGateway::start();
    gateway.add_device("cover-1", Kind::Manhole);
    gateway.add_device("cover-2", Kind::Manhole);
    let addresses = gateway.running().addresses().clone();
    let (mqtt, coap) = (addresses.mqtt.unwrap(), addresses.coap.unwrap());
    let url = |device: &str| format!("http://{}/v1/devices/{device}/telemetry", addresses.http.unwrap());
    let own = token_of("cover-1");

    for device in ["cover-1", "nobody"] {
        mqtt_refused(mqtt, device, device, WRONG, None);
        assert_eq!(http_post(&url(device), WRONG, "{}").0, 401);
        let answer = coap_post(coap, &format!("v1/devices/{device}/telemetry?token={WRONG}"), b"{}");
        assert_eq!(coap_code(&answer), "4.01");
    }
    assert_eq!(http_post(&url("cover-1"), WRONG, "{}").0, 401);
    // A token that stands alone, in the place of the user name and in the path: neither is a name.
    mqtt_refused(mqtt, "meter-7", WRONG, "", None);
    let answer = coap_post(coap, &format!("api/v1/{WRONG}/telemetry"), b"{}");
    assert_eq!(coap_code(&answer), "4.01");
    // A right token where the device's name belongs.
    mqtt_refused(mqtt, "swapped", &own, "cover-1", None);
    assert_eq!(http_post(&url(&own), WRONG, "{}").0, 401);
    // Right credentials, another's name.
    mqtt_refused(mqtt, "cover-1", "cover-1", &own, Some(("v1/devices/cover-2/telemetry", b"{}".to_vec())));
    assert_eq!(http_post(&url("cover-2"), &own, "{}").0, 403);
    let answer = coap_post(coap, &format!("v1/devices/cover-2/telemetry?token={own}"), b"{}");
    assert_eq!(coap_code(&answer), "4.03");
    // Too much at once.
    mqtt_refused(mqtt, "cover-1", "cover-1", &own, Some(("v1/devices/me/telemetry", vec![b'1'; 2 << 20])));
    let head = format!(
        "POST /v1/devices/cover-1/telemetry HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {own}\r\n\
         Content-Length: 300000\r\n\r\n"
    );
    let mut socket = TcpStream::connect(addresses.http.unwrap()).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket.write_all(head.as_bytes()).unwrap();
    let mut status = [0; 12];
    socket.read_exact(&mut status).unwrap();
    assert_eq!(&status, b"HTTP/1.1 413");

    let expected = vec![
        row("", false, "coap", "bad_credentials", 1),
        row("", false, "http", "bad_credentials", 1),
        row("cover-1", true, "coap", "bad_credentials", 1),
        row("cover-1", true, "coap", "other_device", 1),
        row("cover-1", true, "http", "bad_credentials", 2),
        row("cover-1", true, "http", "other_device", 1),
        row("cover-1", true, "http", "too_large", 1),
        row("cover-1", true, "mqtt", "login_bad_credentials", 1),
        row("cover-1", true, "mqtt", "not_your_topic", 1),
        row("cover-1", true, "mqtt", "packet_too_large", 1),
        row("meter-7", false, "mqtt", "login_bad_credentials", 1),
        row("nobody", false, "coap", "bad_credentials", 1),
        row("nobody", false, "http", "bad_credentials", 1),
        row("nobody", false, "mqtt", "login_bad_credentials", 1),
        row("swapped", false, "mqtt", "login_bad_credentials", 1),
    ];
    let api = gateway.login("duty");
    wait_for("all refusals", || (told(&api, "").len() >= expected.len()).then_some(()));
    assert_eq!(told(&api, ""), expected);
    let (_, whole) = api.get("/api/v1/refusals");
    let text = whole.to_string();
    assert!(!text.contains(WRONG) && !text.contains(&own), "no credential is told: {text}");
    let nameless = &whole["items"].as_array().unwrap().iter().find(|row| row["device"].is_null()).unwrap()["from"];
    assert_eq!(nameless, &json!("127.0.0.1"), "of the nameless, the address tells who it may be");

    assert_eq!(told(&api, "device=nobody&listener=coap"), [row("nobody", false, "coap", "bad_credentials", 1)]);
    assert_eq!(told(&api, "reason=too_large"), [row("cover-1", true, "http", "too_large", 1)]);
    // Registered by now: what was an unknown name is a device whose key was wrong.
    gateway.add_device("nobody", Kind::Manhole);
    assert_eq!(told(&api, "device=nobody&listener=coap"), [row("nobody", true, "coap", "bad_credentials", 1)]);
}

#[test]
fn the_table_is_read_page_by_page_by_those_who_may() {
    let gateway = TestGateway::start();
    gateway.add_device("cover-1", Kind::Manhole);
    gateway.put_user("handler", vec![Role::Handler]);
    let http = gateway.running().addresses().http.unwrap();
    for device in ["cover-1", "guess-1", "guess-2", "cover-1"] {
        assert_eq!(http_post(&format!("http://{http}/v1/devices/{device}/telemetry"), WRONG, "{}").0, 401);
    }
    let api = gateway.login("duty");
    let mut names = Vec::new();
    let mut cursor = String::new();
    loop {
        let (status, page) = api.get(&format!("/api/v1/refusals?limit=2&cursor={cursor}"));
        assert_eq!(status, 200, "{page}");
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2, "{page}");
        names.extend(items.iter().map(|row| row["device"].as_str().unwrap().to_owned()));
        match page["cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(names, ["cover-1", "guess-2", "guess-1"], "the one that was refused last comes first");
    assert_eq!(api.get("/api/v1/refusals?cursor=x").0, 422);
    assert_eq!(api.get("/api/v1/refusals?listener=fax").0, 422);
    assert_eq!(gateway.login("handler").get("/api/v1/refusals").0, 403);

    // An account of one district asks for devices of its own, and learns of no others.
    for (name, district) in [("east", "盐湖区"), ("west", "河津市")] {
        let user = json!({ "name": name, "password": PASSWORD, "roles": ["duty_officer"], "districts": [district] });
        assert_eq!(gateway.login("admin").post("/api/v1/users", &user).0, 201);
    }
    let east = gateway.login("east");
    assert_eq!(east.get("/api/v1/refusals").0, 422);
    assert_eq!(told(&east, "device=cover-1").len(), 1);
    assert_eq!(east.get("/api/v1/refusals?device=guess-1").0, 404);
    assert_eq!(gateway.login("west").get("/api/v1/refusals?device=cover-1").0, 404);
}
