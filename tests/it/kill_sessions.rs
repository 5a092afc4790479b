//! Promise: `kill -9` ends no MQTT session. Subscriptions, queued commands and the ids of QoS 2 are there again after
//! the restart, so that every message of QoS 2 is journaled exactly once and every command arrives.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gengfu_ingest::journal::model_disk::SplitMix64;
use gengfu_ingest::journal::{JournalReader, ReadLimit, RealDisk};
use gengfu_model::{Body, Seq};
use rumqttc::{Client, Connection, Event, MqttOptions, Packet, Publish, QoS};
use serde_json::{Value, json};

use crate::harness::{Api, DEADLINE, token_of, wait_for};
use crate::restart::Server;

const KILLS: u64 = 8;
const SPEAKERS: usize = 4;
const SLEEPER: &str = "sleeper";
const PASSWORD: &str = "a good password";

/// What a device was told, over all of its connections.
#[derive(Default)]
struct Told {
    /// Messages of QoS 2 that it may forget: PUBCOMP came.
    completed: u64,
    /// Session present, by connection.
    sessions: Vec<bool>,
    /// How often each command came.
    commands: BTreeMap<String, u32>,
}

impl Told {
    fn take(&mut self, packet: &Packet) {
        match packet {
            Packet::ConnAck(connack) => self.sessions.push(connack.session_present),
            Packet::PubComp(_) => self.completed += 1,
            Packet::Publish(publish) => *self.commands.entry(command_id(publish)).or_default() += 1,
            _ => {}
        }
    }
}

fn command_id(publish: &Publish) -> String {
    let command: Value = serde_json::from_slice(&publish.payload).unwrap();
    command["id"].as_str().unwrap().to_owned()
}

/// A device that publishes one numbered message of QoS 2 after the other, whatever happens to the gateway.
struct Speaker {
    id: String,
    told: Arc<Mutex<Told>>,
    /// No new messages.
    quiet: Arc<AtomicBool>,
    /// Gives how many messages it has published.
    thread: JoinHandle<u64>,
}

/// A client with a session that lasts.
fn connect(server: &Server, id: &str) -> (Client, Connection) {
    let mut options = MqttOptions::new(id, server.mqtt.ip().to_string(), server.mqtt.port());
    options.set_credentials(id, token_of(id)).set_clean_session(false).set_inflight(1);
    Client::new(options, 10)
}

impl Speaker {
    /// Subscribes once, and speaks.
    fn start(server: &Server, id: &str) -> Speaker {
        let (client, connection) = connect(server, id);
        let (told, quiet) = <(Arc<Mutex<Told>>, Arc<AtomicBool>)>::default();
        client.subscribe("v1/devices/me/commands", QoS::AtLeastOnce).unwrap();
        let (list, no_more) = (Arc::clone(&told), Arc::clone(&quiet));
        let thread = std::thread::spawn(move || speak(&client, connection, &list, &no_more));
        Speaker { id: id.to_owned(), told, quiet, thread }
    }

    fn told<T>(&self, look: impl FnOnce(&Told) -> T) -> T {
        look(&self.told.lock().unwrap())
    }

    fn wait_for_more(&self, messages: u64) {
        let enough = self.told(|told| told.completed) + messages;
        wait_for("more messages of QoS 2", || (self.told(|told| told.completed) >= enough).then_some(()));
    }

    /// Lets it finish the message that it has begun; gives how many it published, and what it was told.
    fn finish(self) -> (u64, Told) {
        self.quiet.store(true, Ordering::Relaxed);
        let published = self.thread.join().unwrap();
        (published, std::mem::take(&mut *self.told.lock().unwrap()))
    }
}

fn speak(client: &Client, mut connection: Connection, told: &Mutex<Told>, quiet: &AtomicBool) -> u64 {
    let mut published = 0;
    let mut progress = Instant::now();
    while progress.elapsed() < DEADLINE {
        // One at a time: the next one when the last one is done.
        if published == told.lock().unwrap().completed {
            if quiet.load(Ordering::Relaxed) {
                break;
            }
            published += 1;
            progress = Instant::now();
            let payload = json!({ "energy_kwh": published }).to_string();
            client.try_publish("v1/devices/me/telemetry", QoS::ExactlyOnce, false, payload).unwrap();
        }
        match connection.recv_timeout(Duration::from_millis(200)) {
            Ok(Ok(Event::Incoming(packet))) => told.lock().unwrap().take(&packet),
            Ok(Ok(Event::Outgoing(_))) | Err(_) => {}
            // The gateway is away. The next turn connects again, with the session that there is.
            Ok(Err(_)) => std::thread::park_timeout(Duration::from_millis(20)),
        }
    }
    published
}

/// The gateway's API with a session of the duty officer.
fn api(server: &Server) -> Api {
    wait_for("the HTTP port", || TcpStream::connect(server.http).ok());
    Api::login(&format!("http://{}", server.http), "duty", PASSWORD)
}

/// Asks for a command; gives its id.
fn command(api: &Api, device: &str) -> String {
    let (status, answer) = api.post(&format!("/api/v1/devices/{device}/commands"), &json!({"name": "dim"}));
    assert_eq!(status, 201, "{answer}");
    answer["id"].as_str().unwrap().to_owned()
}

/// Connects as the sleeper, takes what comes until it has `wanted`, and vanishes; gives what came and whether there
/// was a session.
fn visit(server: &Server, subscribe: bool, wanted: &[String]) -> (Told, bool) {
    let (client, mut connection) = connect(server, SLEEPER);
    if subscribe {
        client.subscribe("v1/devices/me/commands", QoS::AtLeastOnce).unwrap();
    }
    let mut told = Told::default();
    let mut subscribed = !subscribe;
    let until = Instant::now() + DEADLINE;
    while !subscribed || told.sessions.is_empty() || wanted.iter().any(|id| !told.commands.contains_key(id)) {
        assert!(Instant::now() < until, "{wanted:?} did not come, but {:?}", told.commands);
        match connection.recv_timeout(Duration::from_millis(200)) {
            Ok(Ok(Event::Incoming(packet))) => {
                told.take(&packet);
                subscribed |= matches!(packet, Packet::SubAck(_));
            }
            Ok(Ok(Event::Outgoing(_))) | Err(_) => {}
            Ok(Err(_)) => std::thread::park_timeout(Duration::from_millis(20)),
        }
    }
    let present = told.sessions[0];
    (told, present)
}

/// How often each payload of a device stands in the journal, by its number.
fn journaled(server: &Server, device: &str) -> BTreeMap<u64, u32> {
    let disk = Arc::new(RealDisk::open(server.data().join("journal")).unwrap());
    let mut reader = JournalReader::open(disk, Seq(1), ReadLimit::Everything).unwrap();
    let mut counts = BTreeMap::new();
    while let Some(batch) = reader.next_batch().unwrap() {
        for record in batch {
            if let Body::Message(envelope) = &record.body
                && envelope.device.as_str() == device
            {
                let payload: Value = serde_json::from_slice(&envelope.payload).unwrap();
                *counts.entry(payload["energy_kwh"].as_u64().unwrap()).or_default() += 1;
            }
        }
    }
    counts
}

fn assert_exactly_once(server: &Server, device: &str, published: u64) {
    let counts = journaled(server, device);
    let missing: Vec<u64> = (1..=published).filter(|number| !counts.contains_key(number)).collect();
    let twice: Vec<_> = counts.iter().filter(|(_, count)| **count != 1).collect();
    assert!(missing.is_empty() && twice.is_empty(), "{device}: {missing:?} are missing, {twice:?} came twice");
    assert_eq!(counts.len() as u64, published, "{device}");
}

fn register(server: &Server, device: &str) {
    server.run(&["devices", "add", device, "--kind", "streetlight", "--token", &token_of(device)]);
}

#[test]
fn kill_9_ends_no_session() {
    let server = Server::new();
    let names: Vec<String> = (0..SPEAKERS).map(|number| format!("lamp-{number}")).collect();
    names.iter().map(String::as_str).chain([SLEEPER]).for_each(|device| register(&server, device));
    server.run_with_input(&["users", "add", "duty", "--role", "duty_officer", "--password-stdin"], PASSWORD);

    let mut gateway = server.serve();
    wait_for("the port", || TcpStream::connect(server.mqtt).ok());
    let speakers: Vec<Speaker> = names.iter().map(|name| Speaker::start(&server, name)).collect();
    let (_, present) = visit(&server, true, &[]);
    assert!(!present, "the first connection of all");

    let mut random = SplitMix64::new(2);
    let mut asked: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    // Commands for the sleeper since its last visit.
    let mut waiting = Vec::new();
    for kill in 0..KILLS {
        let speaker = &speakers[kill as usize % SPEAKERS];
        speaker.wait_for_more(20 + random.below(60));
        let api = api(&server);
        asked.entry(&speaker.id).or_default().push(command(&api, &speaker.id));
        waiting.push(command(&api, SLEEPER));
        // Messages, acknowledgements and the command are on their way right now.
        gateway.kill();
        gateway = server.serve();
        wait_for("the port", || TcpStream::connect(server.mqtt).ok());
        // Two commands and two kills lie between the sleeper's visits.
        if kill % 2 == 1 {
            let (told, present) = visit(&server, false, &waiting);
            assert!(present, "the session of the device that was away");
            let known = |id: &String| waiting.contains(id) || asked.entry(SLEEPER).or_default().contains(id);
            assert!(told.commands.keys().all(known), "{:?}", told.commands);
            asked.entry(SLEEPER).or_default().append(&mut waiting);
        }
    }
    let mut published = Vec::new();
    for speaker in &speakers {
        let asked = &asked[speaker.id.as_str()];
        let all_came = |told: &Told| asked.iter().all(|id| told.commands.contains_key(id));
        wait_for("every command", || speaker.told(all_came).then_some(()));
    }
    for speaker in speakers {
        let id = speaker.id.clone();
        let (messages, told) = speaker.finish();
        assert_eq!(told.completed, messages, "{id}: PUBCOMP came for each message");
        assert!(told.sessions.len() as u64 > KILLS && !told.sessions[0], "{id}: {:?}", told.sessions);
        assert!(told.sessions[1..].iter().all(|present| *present), "{id}: {:?}", told.sessions);
        published.push((id, messages));
    }
    gateway.terminate();
    server.check_ledger("after all kills");
    for (id, messages) in published {
        assert!(messages > 0, "{id} said nothing");
        assert_exactly_once(&server, &id, messages);
    }
}

#[test]
fn paho_goes_on_with_its_session_of_mqtt_5_over_kill_9() {
    let server = Server::new();
    register(&server, "paho");
    server.run_with_input(&["users", "add", "duty", "--role", "duty_officer", "--password-stdin"], PASSWORD);
    let mut gateway = server.serve();
    wait_for("the port", || TcpStream::connect(server.mqtt).ok());

    let clients = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients");
    let mut paho = Command::new("python3")
        .env("PYTHONPATH", format!("{clients}/python"))
        .arg(format!("{clients}/paho_session.py"))
        .args([&server.mqtt.ip().to_string(), &server.mqtt.port().to_string(), "paho", &token_of("paho"), "400"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (told, input) = std::sync::mpsc::channel::<Value>();
    let output = BufReader::new(paho.stdout.take().unwrap());
    let reader = std::thread::spawn(move || {
        for line in output.lines() {
            told.send(serde_json::from_str(&line.unwrap()).unwrap()).ok();
        }
    });
    let (mut sessions, mut completed, mut commands) = (Vec::new(), 0, Vec::new());
    let mut asked = Vec::new();
    for next_kill in [60, 150, 240, u64::MAX] {
        while completed < next_kill.min(400) || (next_kill == u64::MAX && asked.iter().any(|id| !commands.contains(id)))
        {
            let line = input.recv_timeout(DEADLINE).expect("paho-mqtt goes on (`bash tests/setup.sh` installs it)");
            sessions.extend(line["session"].as_bool());
            completed = line["completed"].as_u64().unwrap_or(completed);
            commands.extend(line["command"].as_str().map(str::to_owned));
        }
        if next_kill != u64::MAX {
            asked.push(command(&api(&server), "paho"));
            gateway.kill();
            gateway = server.serve();
        }
    }
    drop(paho.stdin.take());
    assert!(paho.wait().unwrap().success());
    reader.join().unwrap();
    assert!(sessions.len() > 3 && !sessions[0] && sessions[1..].iter().all(|present| *present), "{sessions:?}");
    gateway.terminate();
    server.check_ledger("after all kills");
    assert_exactly_once(&server, "paho", 400);
}
