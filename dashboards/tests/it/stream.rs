//! The live stream: names, ids, resuming, lagging, ending.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use gengfu_dashboards::Options;
use gengfu_model::{EffectId, Kind, Role, Seq, Severity, staff::User};
use serde_json::{Value, json};

use crate::seed::{Raise, clear, device, raise, tilt_evidence, user};
use crate::server::{Client, TestServer};

/// Reads events off a stream.
struct Events {
    lines: Box<dyn Iterator<Item = String>>,
}

#[derive(Debug, Default, PartialEq)]
struct Event {
    id: Option<String>,
    name: String,
    data: String,
}

impl Event {
    fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap()
    }
}

impl Events {
    fn open(client: &Client<'_>) -> Events {
        let response = client.run("GET", "/api/v1/stream", "");
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let reader = BufReader::new(response.into_body().into_reader());
        let mut events = Events { lines: Box::new(reader.lines().map_while(Result::ok)) };
        // The greeting: from here on nothing is missed.
        assert_eq!(events.lines.next().as_deref(), Some(": listening"));
        events
    }

    fn next(&mut self) -> Option<Event> {
        let mut event = Event::default();
        for line in self.lines.by_ref() {
            match line.split_once(": ") {
                Some(("id", id)) => event.id = Some(id.to_owned()),
                Some(("event", name)) => event.name = name.to_owned(),
                Some(("data", data)) => event.data.push_str(data),
                _ if line.is_empty() && !event.data.is_empty() => return Some(event),
                _ => {}
            }
        }
        None
    }

    /// The names of the next `count` events.
    fn names(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.next().unwrap().name).collect()
    }
}

fn open_incident(server: &TestServer, n: usize, district: &str) {
    let id = format!("cover-{n}");
    server.gateway.put_device(device(&id, Kind::Manhole, &format!("{n}号井盖"), district), None);
    server.gateway.signal(
        &id,
        raise(Raise {
            rule: "manhole_tilt",
            severity: Severity::Critical,
            condition: "cover_displaced",
            value: 38.0,
            text_zh: "井盖倾斜 38°",
            text_en: "cover tilted 38°",
            evidence: tilt_evidence(server.gateway.time(), 38.0),
        }),
    );
}

#[test]
fn what_happens_is_told_in_the_apis_shape() {
    let server = TestServer::start();
    let mut events = Events::open(&server.login("duty_officer"));
    open_incident(&server, 1, "east");
    let first = events.next().unwrap();
    assert_eq!(first.name, "incident.opened");
    assert!(first.id.is_some());
    let incident = first.json();
    assert_eq!(
        (incident["device"].as_str(), incident["opened"].as_str()),
        (Some("cover-1"), Some("2026-11-23T01:00:00.000Z"))
    );
    let mut names = Vec::new();
    while names.last().map(String::as_str) != Some("incident.cleared") {
        if names.last().map(String::as_str) == Some("case.opened") {
            server.gateway.signal("cover-1", clear("manhole_tilt", server.gateway.time()));
        }
        names.push(events.next().unwrap().name);
    }
    assert!(names.contains(&"case.opened".to_owned()), "{names:?}");
}

#[test]
fn a_stream_is_resumed_without_gap_or_repeat() {
    let server = TestServer::start();
    let client = server.login("duty_officer");
    for n in 1..=3 {
        open_incident(&server, n, "east");
    }
    let mut all = Events::open(&client.with("last-event-id", "0-0"));
    let rows = server.gateway.reader().stream_after(None, 1_000).unwrap();
    let kept: Vec<String> = rows.iter().map(|(id, ..)| id.to_string()).collect();
    assert!(kept.len() >= 6);
    let seen: Vec<String> = (0..kept.len()).map(|_| all.next().unwrap().id.unwrap()).collect();
    assert_eq!(seen, kept);

    let mut rest = Events::open(&client.with("last-event-id", &kept[2]));
    assert_eq!(rest.next().unwrap().id.as_ref(), Some(&kept[3]));
    // And on into what happens now.
    open_incident(&server, 4, "east");
    let live = server.gateway.reader().stream_after(rows.last().map(|row| row.0), 1_000).unwrap();
    let expected: Vec<String> = kept[4..].iter().cloned().chain(live.iter().map(|(id, ..)| id.to_string())).collect();
    let seen: Vec<String> = (0..expected.len()).map(|_| rest.next().unwrap().id.unwrap()).collect();
    assert_eq!(seen, expected);

    let reply = client.with("last-event-id", "yesterday").get("/api/v1/stream").expect(422);
    assert_eq!(reply.json()["error"]["field"], "Last-Event-ID");
}

#[test]
fn a_lagging_reader_is_carried_on_from_the_ledger() {
    // A channel of two events: whatever comes in a burst is more than it holds.
    let server = TestServer::with(Options::default(), 2);
    let mut events = Events::open(&server.login("duty_officer"));
    for n in 1..=30 {
        open_incident(&server, n, "east");
    }
    let rows = server.gateway.reader().stream_after(None, 1_000).unwrap();
    assert!(rows.len() >= 60);
    for (id, name, _) in rows {
        let event = events.next().unwrap();
        assert_eq!((event.id, event.name), (Some(id.to_string()), name));
    }
}

#[test]
fn events_of_the_moment_carry_no_id() {
    let server = TestServer::start();
    let mut events = Events::open(&server.login("duty_officer"));
    server.gateway.tell(EffectId { seq: Seq(1), ordinal: 0 }, "balance", r#"{"journaled":7}"#);
    let event = events.next().unwrap();
    assert_eq!(event, Event { id: None, name: "balance".to_owned(), data: r#"{"journaled":7}"#.to_owned() });
}

#[test]
fn an_account_hears_of_its_districts_only() {
    let server = TestServer::start();
    server.gateway.put_user(user("west", &[Role::DutyOfficer], &["west"]));
    let mut events = Events::open(&server.login("west"));
    open_incident(&server, 1, "east");
    server.gateway.tell(
        EffectId { seq: Seq(1), ordinal: 0 },
        "device.state",
        r#"{"device":"cover-1","district":"east"}"#,
    );
    open_incident(&server, 2, "west");
    let event = events.next().unwrap();
    assert_eq!(event.json()["device"], "cover-2");
    assert_eq!(event.name, "incident.opened");
}

#[test]
fn a_stream_ends_with_its_session() {
    let options = Options { stream_keep_alive: Duration::from_millis(20), ..Options::default() };
    let server = TestServer::with(options, 16);
    let mut events = Events::open(&server.login("duty_officer"));
    assert_eq!(events.lines.next().as_deref(), Some(""));
    assert_eq!(events.lines.next().as_deref(), Some(": still here"));
    server.gateway.put_user(User { epoch: 2, ..user("duty_officer", &[Role::DutyOfficer], &[]) });
    assert_eq!(events.next(), None);
}

#[test]
fn the_number_of_streams_is_bounded_and_places_come_free() {
    let options = Options { streams: 1, stream_keep_alive: Duration::from_millis(20), ..Options::default() };
    let server = TestServer::with(options, 16);
    let client = server.login("duty_officer");
    let mut events = Events::open(&client);
    assert_eq!(client.get("/api/v1/stream").expect(503).code(), "busy");
    assert_eq!(client.get("/api/v1/status").expect(200).json()["streams"], 1);
    client.post("/api/v1/logout", &json!({})).expect(204);
    assert_eq!(events.names(0), Vec::<String>::new());
    assert_eq!(events.next(), None);
    let again = server.login("duty_officer");
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while again.get("/api/v1/status").expect(200).json()["streams"] != 0 {
        assert!(std::time::Instant::now() < deadline, "the place did not come free");
    }
    Events::open(&again);
}
