//! Promise: a command reaches its device at least once or expires, and its answer is told to who asked.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gengfu::pipeline::recover::recover;
use gengfu_connectors::checkpoint::MemoryCheckpoints;
use gengfu_connectors::ledger::{Ledger, MemoryLedger};
use gengfu_connectors::series::MemorySeries;
use gengfu_ingest::{Clock, ManualClock, SystemClock};
use gengfu_model::staff::{Action, StaffRequest};
use gengfu_model::{
    Body, Control, DeviceId, DeviceLife, Envelope, Kind, MessageKey, PayloadFormat, Record, Role, Seq, Timestamp,
    Transport,
};
use rumqttc::{Client, Connection, Event, MqttOptions, Packet, QoS};
use serde_json::{Value, json};

use crate::harness::{Api, DEADLINE, TestGateway, token_of, wait_for};

const PATH: &str = "/api/v1/devices/lamp-1/commands";

/// A device that keeps its session and listens to its commands.
struct Lamp {
    client: Client,
    connection: Connection,
    inbox: VecDeque<(String, Value)>,
}

impl Lamp {
    /// Connects as `lamp-1` and waits until its subscription is granted.
    fn listen(gateway: &TestGateway) -> Lamp {
        let address = gateway.running().addresses().mqtt.unwrap();
        let mut options = MqttOptions::new("lamp-1", address.ip().to_string(), address.port());
        options.set_credentials("lamp-1", token_of("lamp-1")).set_clean_session(false);
        let (client, connection) = Client::new(options, 100);
        let mut lamp = Lamp { client, connection, inbox: VecDeque::new() };
        lamp.client.subscribe("v1/devices/lamp-1/commands", QoS::AtLeastOnce).unwrap();
        lamp.until("a SUBACK", |lamp, packet| {
            lamp.take(packet);
            matches!(packet, Packet::SubAck(_))
        });
        lamp
    }

    fn take(&mut self, packet: &Packet) {
        if let Packet::Publish(publish) = packet {
            self.inbox.push_back((publish.topic.clone(), serde_json::from_slice(&publish.payload).unwrap()));
        }
    }

    fn until(&mut self, what: &str, mut done: impl FnMut(&mut Lamp, &Packet) -> bool) {
        let until = Instant::now() + DEADLINE;
        while Instant::now() < until {
            match self.connection.recv_timeout(Duration::from_millis(200)) {
                Ok(Ok(Event::Incoming(packet))) => {
                    if done(self, &packet) {
                        return;
                    }
                }
                Ok(Ok(Event::Outgoing(_))) | Err(_) => {}
                Ok(Err(error)) => panic!("{error}"),
            }
        }
        panic!("no {what} within {DEADLINE:?}");
    }

    /// The next command, from its own topic.
    fn command(&mut self) -> Value {
        if self.inbox.is_empty() {
            self.until("command", |lamp, packet| {
                lamp.take(packet);
                !lamp.inbox.is_empty()
            });
        }
        let (topic, command) = self.inbox.pop_front().unwrap();
        assert_eq!(topic, "v1/devices/lamp-1/commands");
        command
    }

    /// Answers a command and waits until the answer is acknowledged.
    fn reply(&mut self, reply: &Value) {
        self.client.publish("v1/devices/lamp-1/replies", QoS::AtLeastOnce, false, reply.to_string()).unwrap();
        self.until("a PUBACK", |lamp, packet| {
            lamp.take(packet);
            matches!(packet, Packet::PubAck(_))
        });
    }
}

fn with_lamp() -> TestGateway {
    let gateway = TestGateway::start();
    gateway.add_device("lamp-1", Kind::Streetlight);
    gateway
}

fn send(api: &Api, command: &Value) -> Value {
    let (status, answer) = api.post(PATH, command);
    assert_eq!(status, 201, "{answer}");
    answer
}

/// Waits until the newest command stands so.
fn stands(api: &Api, state: &str) -> Value {
    wait_for(state, || api.list(PATH).into_iter().next().filter(|command| command["state"] == state))
}

#[test]
fn a_connected_device_gets_a_command_and_its_answer_is_told() {
    let gateway = with_lamp();
    let api = gateway.login("duty");
    let mut lamp = Lamp::listen(&gateway);
    let sent = send(&api, &json!({"name": "dim", "args": {"pct": 40, "ramp_s": 0.1}, "expires_s": 600}));
    assert_eq!((&sent["by"], &sent["device"]), (&json!("duty"), &json!("lamp-1")), "{sent}");

    let command = lamp.command();
    assert_eq!((&command["id"], &command["name"]), (&sent["id"], &json!("dim")), "{command}");
    assert_eq!(command["args"], json!({"pct": 40, "ramp_s": 0.1}));
    assert!(command["expires"].as_i64().is_some_and(|expires| expires > SystemClock.now().as_millis()), "{command}");
    assert_eq!(command.as_object().unwrap().len(), 4, "{command}");

    lamp.reply(&json!({"id": "1-0", "ok": true}));
    lamp.reply(&json!({"id": command["id"], "ok": true, "result": {"dim_pct": 40}}));
    let answered = stands(&api, "answered");
    assert_eq!(answered["result"], json!({"dim_pct": 40}), "{answered}");
    // A second answer changes nothing.
    lamp.reply(&json!({"id": command["id"], "ok": false}));

    send(&api, &json!({"name": "reboot"}));
    let command = lamp.command();
    assert_eq!(command["args"], json!({}));
    lamp.reply(&json!({"id": command["id"], "ok": false, "result": "low battery"}));
    assert_eq!(stands(&api, "failed")["result"], "low battery");
    let (status, first) = api.get(&format!("{PATH}/{}", sent["id"].as_str().unwrap()));
    assert_eq!((status, &first["state"]), (200, &json!("answered")), "{first}");
    let audit = gateway.login("admin").list("/api/v1/audit");
    assert_eq!((&audit[0]["action"], &audit[0]["subject"]), (&json!("send_command"), &json!("reboot to lamp-1")));
}

#[test]
fn a_delivery_is_shown_until_the_answer() {
    let gateway = with_lamp();
    let api = gateway.login("duty");
    assert_eq!(send(&api, &json!({"name": "dim"}))["state"], "queued");
    let mut lamp = Lamp::listen(&gateway);
    let command = lamp.command();
    // The client acknowledges what it took when it goes on.
    lamp.client.publish("v1/devices/lamp-1/telemetry", QoS::AtLeastOnce, false, r#"{"power_w":1}"#).unwrap();
    lamp.until("a PUBACK", |_, packet| matches!(packet, Packet::PubAck(_)));
    assert_eq!(stands(&api, "acknowledged")["id"], command["id"]);
    lamp.reply(&json!({"id": command["id"], "ok": true}));
    stands(&api, "answered");
}

#[test]
fn a_device_that_was_away_gets_it_when_it_is_back() {
    let gateway = with_lamp();
    let api = gateway.login("duty");
    drop(Lamp::listen(&gateway));
    let first = send(&api, &json!({"name": "one"}));
    let second = send(&api, &json!({"name": "two"}));
    let mut lamp = Lamp::listen(&gateway);
    assert_eq!(
        (lamp.command()["id"].clone(), lamp.command()["id"].clone()),
        (first["id"].clone(), second["id"].clone())
    );
}

#[test]
fn an_open_command_outlives_a_restart() {
    let mut gateway = with_lamp();
    drop(Lamp::listen(&gateway));
    let sent = send(&gateway.login("duty"), &json!({"name": "dim"}));
    gateway.restart();
    let api = gateway.login("duty");
    assert_eq!(stands(&api, "queued")["id"], sent["id"]);
    let mut lamp = Lamp::listen(&gateway);
    let command = lamp.command();
    assert_eq!(command["id"], sent["id"]);
    lamp.reply(&json!({"id": command["id"], "ok": true, "result": 1.5}));
    assert_eq!(stands(&api, "answered")["result"], 1.5);
    gateway.restart();
    assert_eq!(stands(&gateway.login("duty"), "answered")["id"], sent["id"]);
}

/// A rule that cuts a lamp that leaks, and lights it again when it is dry.
const LEAK: &str = r#"
/// Lamp that leaks.
const RULE = #{ kind: "streetlight", key: "leak", severity: "critical", condition: "leakage",
                text_zh: "漏电", text_en: "leaks" };
fn on_message(msg, dev) {
    let leaks = band(msg.leakage_ma, 30.0, 24.0);
    incident(leaks);
    if leaks { command(dev, "switch", #{ on: false }); } else { command(dev, "switch", #{ on: true }, 5.min); }
}
"#;

#[test]
fn a_rule_switches_a_lamp_off_and_on_over_a_restart_and_never_twice() {
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let mut gateway = TestGateway::start_in_passing_time(clock.clone());
    gateway.add_device("lamp-1", Kind::Streetlight);
    gateway.act(Action::ActivatePack { files: [("leak.rhai".to_owned(), LEAK.to_owned())].into() }).unwrap();
    let api = gateway.login("duty");
    let mut lamp = Lamp::listen(&gateway);
    let publish = |lamp: &mut Lamp, ma: f64| {
        let payload = json!({ "leakage_ma": ma }).to_string();
        lamp.client.publish("v1/devices/lamp-1/telemetry", QoS::AtLeastOnce, false, payload).unwrap();
        lamp.until("a PUBACK", |lamp, packet| {
            lamp.take(packet);
            matches!(packet, Packet::PubAck(_))
        });
    };
    publish(&mut lamp, 40.0);
    let off = lamp.command();
    assert_eq!((&off["name"], &off["args"]), (&json!("switch"), &json!({ "on": false })), "{off}");
    lamp.reply(&json!({ "id": off["id"], "ok": true }));
    let answered = stands(&api, "answered");
    assert_eq!((&answered["by"], &answered["id"]), (&json!("rule:leak"), &off["id"]), "{answered}");

    // The same again, a minute later and after a restart: nothing is sent.
    clock.advance(61_000);
    publish(&mut lamp, 41.0);
    drop(lamp);
    gateway.restart();
    let api = gateway.login("duty");
    let mut lamp = Lamp::listen(&gateway);
    clock.advance(61_000);
    publish(&mut lamp, 42.0);
    assert_eq!(api.list(PATH).len(), 1, "{:?}", api.list(PATH));

    publish(&mut lamp, 1.0);
    let on = lamp.command();
    assert_eq!((&on["name"], &on["args"]), (&json!("switch"), &json!({ "on": true })), "{on}");
    lamp.reply(&json!({ "id": on["id"], "ok": false, "result": "the contactor is stuck" }));
    assert_eq!(stands(&api, "failed")["result"], "the contactor is stuck");
    assert_eq!(api.list(PATH).len(), 2);
}

#[test]
fn a_lamp_in_maintenance_is_not_switched_by_a_rule() {
    let gateway = with_lamp();
    gateway.act(Action::ActivatePack { files: [("leak.rhai".to_owned(), LEAK.to_owned())].into() }).unwrap();
    let api = gateway.login("duty");
    let device = || DeviceId::new("lamp-1").unwrap();
    gateway.mqtt("lamp-1").publish(r#"{"on":true}"#);
    gateway.act(Action::SetLife { device: device(), life: DeviceLife::Maintenance }).unwrap();
    gateway.mqtt("lamp-1").publish(r#"{"leakage_ma":40}"#);
    gateway.act(Action::SetLife { device: device(), life: DeviceLife::InService }).unwrap();
    assert_eq!(api.list(PATH), Vec::<Value>::new());
    gateway.mqtt("lamp-1").publish(r#"{"leakage_ma":41}"#);
    let sent = wait_for("the command", || api.list(PATH).into_iter().next());
    assert_eq!(sent["args"], json!({ "on": false }));
}

#[test]
fn what_has_expired_is_not_sent() {
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let gateway = TestGateway::start_with(clock.clone(), |_| {});
    gateway.add_device("lamp-1", Kind::Streetlight);
    let api = gateway.login("duty");
    send(&api, &json!({"name": "early", "expires_s": 5}));
    clock.advance(4_000);
    send(&api, &json!({"name": "late", "expires_s": 60}));
    clock.advance(2_000);
    let early = wait_for("the expiry", || api.list(PATH).into_iter().find(|command| command["state"] == "expired"));
    assert_eq!(early["name"], "early");
    assert_eq!(Lamp::listen(&gateway).command()["name"], "late");
}

#[test]
fn not_everybody_and_not_everything_is_taken() {
    let gateway = with_lamp();
    let code = |(status, answer): (u16, Value)| (status, answer["error"]["code"].as_str().unwrap().to_owned());
    let is = |status: u16, code: &str| (status, code.to_owned());
    let duty = gateway.login("duty");
    let dim = json!({"name": "dim"});
    assert_eq!(code(gateway.login("evaluator").post(PATH, &dim)), is(403, "forbidden"));
    assert_eq!(code(duty.post("/api/v1/devices/lamp-2/commands", &dim)), is(404, "not_found"));
    assert_eq!(code(duty.post(PATH, &json!({"name": ""}))), is(422, "invalid"));
    assert_eq!(code(duty.post(PATH, &json!({"name": "dim", "args": [1]}))), is(422, "invalid"));
    assert_eq!(code(duty.post(PATH, &json!({"name": "dim", "expires_s": 604_801}))), is(422, "invalid"));
    let long = json!({"name": "dim", "args": {"text": "x".repeat(4_096)}});
    assert_eq!(code(duty.post(PATH, &long)), is(413, "too_large"));
    let device = DeviceId::new("lamp-1").unwrap();
    gateway.act(Action::SetLife { device: device.clone(), life: DeviceLife::Retired }).unwrap();
    assert_eq!(code(duty.post(PATH, &dim)), is(409, "wrong_state"));
    assert!(duty.list(PATH).is_empty());
    // The engine judges by the roles in the record, whoever wrote it.
    let action = Action::SendCommand { device, name: "dim".into(), args: Default::default(), expires_s: 60 };
    let request = StaffRequest { user: "x".into(), roles: vec![Role::Evaluator], action };
    assert_eq!(gateway.request(request).unwrap_err().code, "forbidden");
}

/// A journal in which commands are asked, answered, refused for their number, and expire.
fn journal() -> Vec<Record> {
    let request = |action| {
        Body::Control(Control::Request(StaffRequest { user: "local".into(), roles: Role::ALL.to_vec(), action }))
    };
    let lamp = || DeviceId::new("lamp-1").unwrap();
    let device =
        json!({"id": "lamp-1", "kind": "streetlight", "asset_code": "a", "asset_type": "01-02", "interval_s": 60});
    let send = |n: u32| {
        let args = json!({"n": n, "x": 0.1}).as_object().unwrap().clone();
        request(Action::SendCommand { device: lamp(), name: "dim".into(), args, expires_s: 20 + n })
    };
    let reply = |payload: Value| {
        Body::Message(Envelope {
            device: lamp(),
            kind: Kind::Streetlight,
            model: "".into(),
            transport: Transport::Mqtt,
            format: PayloadFormat::Reply,
            key: MessageKey::None,
            received_at: Timestamp(1_800_000_000_000),
            payload: payload.to_string().into_bytes().into(),
        })
    };
    let mut bodies =
        vec![request(Action::AddDevices { devices: vec![serde_json::from_value(device).unwrap()], replace: false })];
    bodies.extend((0..10).map(send));
    bodies.push(reply(json!({"id": "2-0", "ok": true, "result": {"a": [1, 2.5]}})));
    bodies.push(reply(json!({"id": "3-0", "ok": false})));
    bodies.push(reply(json!({"id": "3-0", "ok": true})));
    bodies.push(reply(json!("no answer")));
    bodies.extend((10..35).map(send));
    bodies.extend((0..25).map(|_| Body::Control(Control::Tick)));
    bodies.push(send(1_000));
    let record = |(n, body): (usize, Body)| {
        let n = n as u64 + 1;
        Record { seq: Seq(n), time: Timestamp(1_800_000_000_000 + (n as i64) * 1_000), body }
    };
    bodies.into_iter().enumerate().map(record).collect()
}

fn replay(ledger: &mut MemoryLedger, records: &[Record]) -> String {
    let end = records.last().unwrap().seq;
    let open = |_: Seq| Ok(std::iter::once(Ok(records.to_vec())));
    recover(ledger, &MemoryCheckpoints::new(), &mut MemorySeries::default(), end, open).unwrap();
    let mut text = Vec::new();
    ledger.dump(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn a_replay_from_any_position_gives_the_same_commands() {
    let records = journal();
    let whole = replay(&mut MemoryLedger::new(), &records);
    let commands: Vec<&str> = whole.lines().filter(|line| line.starts_with(r#"{"table":"command""#)).collect();
    let count = |state: &str| commands.iter().filter(|line| line.contains(&format!(r#""state":"{state}""#))).count();
    assert_eq!((count("answered"), count("failed")), (1, 1), "{whole}");
    assert!(count("expired") > 5 && count("queued") > 1, "{whole}");
    assert!(whole.contains("too_many"), "the rate limit is met: {whole}");
    for cut in 1..records.len() {
        let mut ledger = MemoryLedger::new();
        replay(&mut ledger, &records[..cut]);
        assert_eq!(replay(&mut ledger, &records), whole, "cut after {cut}");
    }
}
