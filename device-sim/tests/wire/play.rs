//! Playing a city: logins, topics, payloads, faults, lost connections, commands.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use gengfu_model::Kind;
use gengfu_sim::city::{City, CityDevice};
use gengfu_sim::faults::{FaultSpec, plan};
use gengfu_sim::mqtt::Counts;
use gengfu_sim::run::{Event, Options, Summary, run};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::server::{FakeServer, Log, Manners};

fn options(server: &FakeServer) -> Options {
    Options {
        broker: server.address,
        seed: 1,
        speed: 100.0,
        connections: 1_000,
        duration: None,
        ramp: Some(Duration::from_millis(200)),
        v5_every: 3,
        traces: Vec::new(),
    }
}

/// Plays until the server has seen what is waited for, and gives the server's log as of then and the
/// run's summary after its end.
async fn play(
    city: City,
    faults: &[&str],
    server: &Arc<FakeServer>,
    options: Options,
    what: &'static str,
    until: impl Fn(&Log) -> bool + Send + 'static,
) -> (Log, Summary, Vec<Event>) {
    let specs: Vec<FaultSpec> = faults.iter().map(|text| text.parse().unwrap()).collect();
    let injections = plan(&city, specs).unwrap();
    let stop = CancellationToken::new();
    let mut events = Vec::new();
    let playing =
        run(Arc::new(city), injections, options, Arc::new(Counts::default()), stop.clone(), |event| events.push(event));
    let waiting = tokio::task::spawn_blocking({
        let server = Arc::clone(server);
        move || server.wait_until(what, until)
    });
    let stopping = async {
        let log = waiting.await.unwrap();
        stop.cancel();
        log
    };
    let (summary, log) = tokio::join!(playing, stopping);
    (log, summary.unwrap(), events)
}

fn only(kind: Kind, count: usize) -> City {
    let devices: Vec<CityDevice> =
        City::generate(1, 600).devices.into_iter().filter(|device| device.kind == kind).take(count).collect();
    assert_eq!(devices.len(), count);
    City { devices }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_device_logs_in_with_its_token_and_reports_fields_of_its_kind() {
    let server = Arc::new(FakeServer::start(Manners::default()));
    let city = City::generate(1, 120);
    let devices = city.devices.clone();
    let all: BTreeSet<String> = devices.iter().map(|device| device.id.to_string()).collect();
    let (_, summary, _) = play(city, &[], &server, options(&server), "a report of every device", move |log| {
        all.iter().all(|id| log.published.iter().any(|published| published.by == *id))
    })
    .await;
    let log = server.wait_until("every good-bye", |log| log.disconnected == log.connected.len());
    assert!(log.connected.iter().any(|login| login.version == 4) && log.connected.iter().any(|l| l.version == 5));
    for login in &log.connected {
        let device = devices.iter().find(|device| *device.id == *login.user).unwrap();
        assert_eq!((&*login.client_id, &*login.password), (&*device.id, &*device.token));
    }
    let mut without_time = 0;
    for published in &log.published {
        let device = devices.iter().find(|device| *device.id == *published.by).unwrap();
        assert_eq!(published.topic, format!("v1/devices/{}/telemetry", device.id));
        assert_eq!(published.message_id.is_some(), published.version == 5);
        let Value::Object(fields) = published.json() else { panic!("{}", published.payload) };
        without_time += usize::from(!fields.contains_key("ts"));
        for name in fields.keys().filter(|name| *name != "ts") {
            assert!(device.kind.field(name).is_some(), "{} of a {}", name, device.kind);
        }
    }
    assert!(without_time > 0 && without_time < log.published.len() / 3, "some devices have no clock");
    let counts = summary.counts;
    assert_eq!(counts.acknowledged, log.published.len() as u64);
    assert_eq!((counts.failed, counts.resent, counts.lost, counts.connected), (0, 0, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_larger_than_its_budget_connects_on_demand() {
    let server = Arc::new(FakeServer::start(Manners::default()));
    let city = City::generate(1, 90);
    let options = Options { connections: 4, ..options(&server) };
    let (_, summary, _) = play(city, &[], &server, options, "a report of every device", |log| {
        log.published.iter().map(|published| &published.by).collect::<BTreeSet<_>>().len() == 90
    })
    .await;
    assert_eq!(summary.counts.connect_failures, 0);
    assert!(summary.counts.connects >= 90);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_acknowledged_comes_again_marked_as_a_repeat() {
    let manners = Manners { cuts_first_connection_at: Some(1), ..Manners::default() };
    let server = Arc::new(FakeServer::start(manners));
    let city = City::generate(1, 40);
    let (log, ..) = play(city, &[], &server, options(&server), "an acknowledged report of every device", |log| {
        let heard: BTreeSet<&String> = log.published.iter().filter(|p| p.acknowledged).map(|p| &p.by).collect();
        heard.len() == 40
    })
    .await;
    // A device that was cut off when the test ended had no time to come again.
    let heard: BTreeSet<&String> = log.published.iter().filter(|p| p.acknowledged).map(|p| &p.by).collect();
    let lost = log.published.iter().filter(|published| !published.acknowledged && heard.contains(&published.by));
    let lost: Vec<_> = lost.collect();
    assert!(lost.len() >= 20, "every first connection is cut off: {}", lost.len());
    for lost in lost {
        let again = log.published.iter().find(|p| p.acknowledged && p.by == lost.by).unwrap();
        assert_eq!((&again.payload, &again.message_id), (&lost.payload, &lost.message_id));
        assert!(!lost.repeat && again.repeat);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_counts_as_acknowledged_when_the_server_refuses() {
    let server = Arc::new(FakeServer::start(Manners { refuses: true, ..Manners::default() }));
    let options = Options { duration: Some(Duration::from_secs(2)), ..options(&server) };
    let city = Arc::new(only(Kind::Truck, 3));
    let summary =
        run(city, Vec::new(), options, Arc::new(Counts::default()), CancellationToken::new(), |_| {}).await.unwrap();
    assert!(summary.counts.connect_failures >= 3);
    assert_eq!((summary.counts.sent, summary.counts.acknowledged, summary.counts.connects), (0, 0, 0));
    assert_eq!(summary.counts.failed, summary.counts.made);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_show_in_what_devices_say_and_the_truth_is_told() {
    let server = Arc::new(FakeServer::start(Manners::default()));
    let city = only(Kind::Manhole, 6);
    let id = |n: usize| city.devices[n].id.to_string();
    let ids: Vec<String> = (0..6).map(id).collect();
    let faults = [
        format!("cover-displaced:{}:0:60s", ids[0]),
        format!("clock-ahead:{}:0:60s", ids[1]),
        format!("silence:{}:0:60s", ids[2]),
        format!("duplicates:{}:0:60s", ids[3]),
        format!("backlog:{}:0:1500ms", ids[4]),
    ];
    let faults: Vec<&str> = faults.iter().map(String::as_str).collect();
    // Every cover would report each 216 ms; the one in backlog each 216 ms too, but silently.
    let options = Options { speed: 100_000.0, v5_every: 0, ..options(&server) };
    let wanted = ids.clone();
    let (log, _, events) = play(city, &faults, &server, options, "what every fault looks like", move |log| {
        let count = |id: &String| log.published.iter().filter(|published| published.by == *id).count();
        [0, 1, 3, 4, 5].iter().all(|n| count(&wanted[*n]) >= 4)
    })
    .await;
    let of = |n: usize| -> Vec<_> { log.published.iter().filter(|published| published.by == ids[n]).collect() };
    let tilt = |payload: &Value| payload["tilt_deg"].as_f64().unwrap();
    assert!(of(0).iter().all(|published| tilt(&published.json()) > 30.0 && published.json()["cover_open"] == true));
    assert!(of(5).iter().all(|published| tilt(&published.json()) < 20.0));
    let now_ms = gengfu_sim::clock::wall_ms();
    assert!(of(1).iter().all(|published| published.json()["ts"].as_i64().unwrap() > now_ms + 500_000));
    assert!(of(2).is_empty(), "a dead device says nothing");
    let twice = of(3);
    assert!(!twice[0].repeat && twice[1].repeat && twice[0].payload == twice[1].payload);
    let times: Vec<i64> = of(4).iter().map(|published| published.json()["ts"].as_i64().unwrap()).collect();
    assert!(times.windows(2).all(|pair| pair[0] <= pair[1]), "a backlog comes in the order of measuring");
    let first_heard = log.published.iter().position(|published| published.by == ids[4]).unwrap();
    assert!(times[0] < log.published[first_heard - 1].json()["ts"].as_i64().unwrap_or(i64::MAX));
    let told: BTreeSet<String> = events
        .iter()
        .filter_map(|event| match event {
            Event::Fault(truth) => Some(truth.fault.clone()),
            Event::Progress(_) => None,
        })
        .collect();
    let expected = ["backlog", "clock-ahead", "cover-displaced", "duplicates", "silence"];
    assert_eq!(told.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn lamps_of_a_feeder_that_trips_gasp_and_fall_silent() {
    let server = Arc::new(FakeServer::start(Manners::default()));
    let city = only(Kind::Streetlight, 26);
    let feeder = city.devices[0].feeder.clone();
    let (log, ..) =
        play(city, &[&format!("feeder-outage:{feeder}:1:60s")], &server, options(&server), "26 gasps", |log| {
            let dead = |payload: Value| payload["voltage_v"].as_f64() == Some(0.0);
            let gasped = log.published.iter().filter(|published| dead(published.json())).map(|published| &published.by);
            gasped.collect::<BTreeSet<_>>().len() == 26
        })
        .await;
    assert!(log.published.iter().filter(|published| published.json()["power_w"] == 0.0).count() >= 26);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_carried_out_and_answered() {
    let command = r#"{"id":"c1","name":"set_level","args":{"level":30}}"#.to_owned();
    let server = Arc::new(FakeServer::start(Manners { command: Some(command), ..Manners::default() }));
    let city = only(Kind::Streetlight, 3);
    let (log, summary, _) = play(city, &[], &server, options(&server), "three answers", |log| {
        log.published.iter().filter(|published| published.topic.ends_with("/replies")).count() == 3
    })
    .await;
    let answer = log.published.iter().find(|published| published.topic.ends_with("/replies")).unwrap();
    assert_eq!(answer.topic, format!("v1/devices/{}/replies", answer.by));
    assert_eq!(answer.json(), serde_json::json!({"id": "c1", "ok": true, "result": "done"}));
    assert!(log.subscribed.contains(&format!("v1/devices/{}/commands", answer.by)));
    assert_eq!(summary.counts.commands, 3);
}
