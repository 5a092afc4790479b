//! Promise: the city's thunderstorm, and ten thousand water alarms within a minute, become a handful of cases of which
//! nothing is lost, call nobody more than ten times in ten minutes, and leave the API at work.
//!
//! The simulator plays them over MQTT against the real gateway. The gateway's clock is moved with the storm's time, so
//! nothing waits for it; what the API takes meanwhile is printed and not judged.

#![expect(clippy::print_stdout, reason = "what the API takes is a figure, and no test")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gengfu::config::WebhookConfig;
use gengfu_ingest::ManualClock;
use gengfu_model::Timestamp;
use gengfu_model::staff::Role;
use gengfu_model::time::MINUTE_MS;
use gengfu_sim::city::write_register;
use gengfu_sim::score::{read_incidents, score};
use gengfu_sim::storm::{Options, Played, Storm, StormSize, play};
use serde_json::{Value, json};

use crate::harness::{Api, TestGateway, wait_for};

/// 2026-07-15 20:55 in Yuncheng, a working day: the storm breaks at nine.
const EVENING: Timestamp = Timestamp(1_784_120_100_000);
/// The two districts, each with one officer at any hour.
const WATCHES: [(&str, &str); 2] = [("盐湖区", "li"), ("永济市", "wang")];

/// What a webhook's receiver was told: topic and body, each id once.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<BTreeMap<String, (String, Value)>>>);

impl Told {
    fn serve(&self, listener: TcpListener) {
        let told = self.clone();
        // The thread ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                told.take(&stream);
            }
        });
    }

    fn take(&self, stream: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream);
        let mut headers = BTreeMap::new();
        reader.read_line(&mut String::new()).ok()?;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim().split_once(": ") else { break };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
        reader.read_exact(&mut body).ok()?;
        let body = serde_json::from_slice(&body).unwrap();
        self.0.lock().unwrap().insert(headers["x-gengfu-id"].clone(), (headers["x-gengfu-topic"].clone(), body));
        let mut stream = stream;
        stream.write_all(b"HTTP/1.1 204 x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").ok()
    }

    /// The cases that were told of under a topic.
    fn cases(&self, topic: &str) -> BTreeSet<String> {
        let told = self.0.lock().unwrap();
        let of_topic = told.values().filter(|(told, _)| told == topic);
        of_topic.map(|(_, body)| body["case"]["id"].as_str().unwrap().to_owned()).collect()
    }
}

struct Night {
    clock: Arc<ManualClock>,
    gateway: TestGateway,
}

impl Night {
    /// A gateway with the storm's register, two officers, and a webhook.
    fn before(storm: &Storm, webhook: SocketAddr) -> Night {
        let clock = Arc::new(ManualClock::new(EVENING));
        let gateway = TestGateway::start_in_passing_time_with(clock.clone(), |config| {
            let secret_file = config.data.folder.with_file_name("secret.txt");
            std::fs::write(&secret_file, "a shared secret of the bureau\n").unwrap();
            config.webhook.push(WebhookConfig {
                name: "dispatch".to_owned(),
                url: format!("http://{webhook}/hook"),
                secret_file,
                roots_file: None,
                topics: vec!["case.opened".to_owned(), "case.folded".to_owned()],
                cloudevents_source: None,
            });
        });
        let admin = gateway.login("admin");
        for (district, officer) in WATCHES {
            gateway.put_user(officer, vec![Role::DutyOfficer]);
            let shift = json!({ "name": "all", "from": "00:00", "to": "00:00", "officers": { "people": [officer] } });
            let (status, answer) =
                admin.post("/api/v1/duty/rosters", &json!({ "roster": { "district": district, "shifts": [shift] } }));
            assert_eq!(status, 200, "{answer}");
        }
        let mut register = Vec::new();
        write_register(&storm.city, &mut register).unwrap();
        let request = ureq::post(format!("{}/api/v1/devices/import", admin.base()));
        let mut answer = request.header("authorization", admin.authorization()).send(&register).unwrap();
        let view: Value = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
        assert_eq!(view["rows"].as_u64(), Some(storm.city.devices.len() as u64), "{view}");
        Night { clock, gateway }
    }

    /// Plays the storm, and waits until all of it is in the ledger.
    fn live_through(&self, storm: &Storm) -> Played {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let broker = self.gateway.running().addresses().mqtt.unwrap();
        let options = Options { broker, began_ms: EVENING.0, connections: 200 };
        let clock = &self.clock;
        let reach = |at_ms: i64| {
            clock.set(EVENING.plus_ms(at_ms));
            std::future::ready(Ok(()))
        };
        let played = runtime.block_on(play(storm, options, reach)).unwrap();
        let over = EVENING.plus_ms(storm.lasts_ms());
        // Time is written down by the minute when nothing else comes.
        self.clock.set(over.plus_ms(2 * MINUTE_MS));
        wait_for("the storm's end", || {
            use gengfu_dashboards::Gateway as _;
            let status = self.gateway.running().shared().status();
            (status.time >= over && status.applied >= status.journal).then_some(())
        });
        // Answered once the ledger has it, and with it all that came before.
        self.gateway.put_user("witness", vec![Role::Evaluator]);
        played
    }

    /// Every row of a list, page by page.
    fn all(&self, path: &str) -> Vec<Value> {
        let api = self.gateway.login("admin");
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let (status, page) = api.get(&format!("{path}limit=1000&cursor={cursor}"));
            assert_eq!(status, 200, "{page}");
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["cursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => return items,
            }
        }
    }

    /// What somebody was called for on the console, the oldest first: when, and what.
    fn calls(&self, officer: &str) -> Vec<(Timestamp, Value)> {
        let rows = self.all(&format!("/api/v1/notifications?user={officer}&"));
        let time = |row: &Value| {
            let text = row["time"].as_str().unwrap();
            Timestamp(chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis())
        };
        rows.iter().rev().map(|row| (time(row), row["body"].clone())).collect()
    }
}

fn by_condition<'a>(rows: impl Iterator<Item = &'a Value>) -> BTreeMap<&'a str, usize> {
    let mut counts = BTreeMap::new();
    for row in rows {
        *counts.entry(row["condition"].as_str().unwrap()).or_default() += 1;
    }
    counts
}

fn local() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[test]
fn the_thunderstorm_is_three_circuits_eight_floods_and_the_covers_that_float() {
    let storm = Storm::new(11, StormSize::default(), EVENING.0).unwrap();
    let (listener, address) = local();
    let told = Told::default();
    told.serve(listener);
    let night = Night::before(&storm, address);
    let played = night.live_through(&storm);
    println!("the storm: {} messages in {:.1} s", played.acknowledged, played.seconds);
    let balance = night.gateway.balance();
    assert_eq!((balance.journaled, balance.decoded), (storm.said.len() as u64, storm.said.len() as u64));

    let cases = night.all("/api/v1/cases?");
    let open = by_condition(cases.iter().filter(|case| case["final"] == false));
    assert_eq!(open, BTreeMap::from([("cover_displaced", 40), ("feeder_outage", 3), ("flood", 8)]));
    for case in cases.iter().filter(|case| matches!(case["condition"].as_str(), Some("flood" | "cover_displaced"))) {
        assert_eq!((&case["deadline"]["limit"], &case["deadline"]["amount"]), (&json!("urgent_hour"), &json!(2)));
    }
    // What opened before its storm had formed was folded into it.
    let folded: Vec<&Value> = cases.iter().filter(|case| case["final"] == true).collect();
    assert!(folded.iter().all(|case| case["state"] == "merged" && case["merged_into"].is_string()));

    // Every alarm is an incident, and every incident is explained by what was injected.
    let incidents = night.all("/api/v1/incidents?");
    let of = |condition: &str| incidents.iter().filter(|row| row["condition"] == condition).collect::<Vec<_>>();
    assert_eq!(of("manhole_water").len(), 6_000);
    assert!(of("manhole_water").iter().all(|row| row["state"] == "open" && row["parent"].is_string()));
    let cell = of("cell_outage");
    assert_eq!((cell.len(), &cell[0]["case"]), (1, &Value::Null), "one incident, and no city case");
    let id = cell[0]["id"].as_str().unwrap();
    assert_eq!(night.all(&format!("/api/v1/incidents?parent={id}&")).len(), 800);
    let silent = of("device_silent");
    assert_eq!(silent.len(), 800 + 3 * 52, "the cell, and the lamps without supply");
    let by_outage = |row: &&&Value| row["parent"].is_null();
    assert_eq!(silent.iter().filter(by_outage).count(), 3 * 52, "which the circuits explain");
    let scored = score(&storm.truth(EVENING.0), &read_incidents(&Value::from(incidents.clone()).to_string()).unwrap());
    assert_eq!(scored.unexplained, BTreeMap::new(), "nothing is made up");
    for line in &scored.faults {
        assert_eq!(line.recall, Some(1.0), "{line:?}");
    }

    // Ten calls at most in the first ten minutes, the floods and circuits first, and how much more there is.
    let broke = EVENING.plus_ms(storm.breaks_ms());
    for (district, officer) in WATCHES {
        let calls = night.calls(officer);
        let early: Vec<&(Timestamp, Value)> =
            calls.iter().filter(|(time, _)| time.since_ms(broke) < 10 * MINUTE_MS).collect();
        assert!(early.len() <= 10, "{officer}: {early:#?}");
        let called_for: BTreeSet<&str> = early.iter().filter_map(|(_, body)| body["case"].as_str()).collect();
        let of_district = |case: &&Value| case["district"] == district && case["final"] == false;
        let large = cases.iter().filter(of_district).filter(|case| case["condition"] != "cover_displaced");
        for case in large {
            assert!(called_for.contains(case["id"].as_str().unwrap()), "{officer} is called for {case}");
        }
        let digest = early.iter().find(|(_, body)| body["kind"] == "digest").expect("a digest");
        assert!(digest.0.since_ms(broke) <= 3 * MINUTE_MS, "{digest:?}");
        assert!(early.iter().all(|(_, body)| body["kind"] == "alarm" || body["kind"] == "digest"), "{early:#?}");
    }

    // The webhook has each open case, and of the folded ones either both messages or none.
    let opened: BTreeSet<String> = cases
        .iter()
        .filter(|case| case["final"] == false)
        .map(|case| case["id"].as_str().unwrap().to_owned())
        .collect();
    wait_for("the webhook", || opened.is_subset(&told.cases("case.opened")).then_some(()));
    wait_for("what it is told of folded cases", || {
        let also: BTreeSet<String> = told.cases("case.opened").difference(&opened).cloned().collect();
        (also == told.cases("case.folded")).then_some(())
    });
}

#[test]
fn when_the_water_drains_no_cover_that_lags_behind_gets_a_case_of_its_own() {
    let storm = Storm::new(9, StormSize { drains: true, ..StormSize::water(400, 8) }, EVENING.0).unwrap();
    let (listener, address) = local();
    drop(listener);
    let night = Night::before(&storm, address);
    night.live_through(&storm);
    let incidents = night.all("/api/v1/incidents?");
    let still: Vec<&Value> = incidents.iter().filter(|row| row["state"] == "open").collect();
    assert!(still.is_empty(), "{} are open, such as {}", still.len(), still[0]);
    assert_eq!(by_condition(incidents.iter()), BTreeMap::from([("flood", 8), ("manhole_water", 400)]));
    let cases = night.all("/api/v1/cases?");
    let open: Vec<&Value> = cases.iter().filter(|case| case["final"] == false).collect();
    assert_eq!(by_condition(open.iter().copied()), BTreeMap::from([("flood", 8)]));
    assert!(open.iter().all(|case| case["condition_holds"] == false), "the streets are dry");
    assert_eq!(cases.len(), 8 + 4 * 8, "beside those, what was folded before each group had formed");
}

/// How long requests to the API took, while something else went on.
struct Probe {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Vec<Duration>>,
}

impl Probe {
    /// Asks for one list after the other until it is told to stop. Every answer must be good.
    fn start(api: Api) -> Probe {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let paths =
                ["cases?open=true", "incidents?state=open&limit=100", "overview", "decisions?limit=100", "status"];
            let mut took = Vec::new();
            for path in paths.iter().cycle() {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                let began = Instant::now();
                let (status, answer) = api.get(&format!("/api/v1/{path}"));
                took.push(began.elapsed());
                assert_eq!(status, 200, "{path}: {answer}");
            }
            took
        });
        Probe { stop, thread }
    }

    fn stop(self) -> Vec<Duration> {
        self.stop.store(true, Ordering::Relaxed);
        let mut took = self.thread.join().expect("every answer was good");
        took.sort_unstable();
        took
    }
}

#[test]
fn ten_thousand_water_alarms_in_a_minute_are_eight_cases_and_the_api_answers() {
    let mut storm = Storm::new(5, StormSize::water(10_000, 8), EVENING.0).unwrap();
    // The minute in which they all report, and the moments in which a cover that a wheel lifted says that it lies.
    let (from, to) = (storm.breaks_ms(), storm.breaks_ms() + MINUTE_MS + 5_000);
    storm.cut(from, to);
    let devices: BTreeSet<usize> = storm.said.iter().map(|said| said.device).collect();
    assert_eq!(devices.len(), 10_000);
    // The receiver is down: nothing can be told before the storm is over.
    let (listener, address) = local();
    drop(listener);
    let night = Night::before(&storm, address);
    let probe = Probe::start(night.gateway.login("duty"));
    let played = night.live_through(&storm);
    let took = probe.stop();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
    println!(
        "10,000 alarms in {:.1} s; meanwhile {} requests to the API: p50 {:?}, p99 {:?}, max {:?}",
        played.seconds,
        took.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );

    let cases = night.all("/api/v1/cases?");
    let open: Vec<&Value> = cases.iter().filter(|case| case["final"] == false).collect();
    assert_eq!(by_condition(open.iter().copied()), BTreeMap::from([("flood", 8)]));
    assert_eq!(cases.iter().filter(|case| case["state"] == "merged").count(), 4 * 8, "before the group had formed");
    let incidents = night.all("/api/v1/incidents?state=open&");
    assert_eq!(by_condition(incidents.iter()), BTreeMap::from([("flood", 8), ("manhole_water", 10_000)]));
    let floods: BTreeSet<&str> =
        incidents.iter().filter(|row| row["condition"] == "flood").map(|row| row["id"].as_str().unwrap()).collect();
    let lost: Vec<&Value> = incidents
        .iter()
        .filter(|row| {
            row["condition"] == "manhole_water" && !row["parent"].as_str().is_some_and(|id| floods.contains(id))
        })
        .collect();
    assert!(lost.is_empty(), "{} alarms are in no flood, such as {}", lost.len(), lost[0]);
    for (_, officer) in WATCHES {
        let calls = night.calls(officer);
        assert_eq!(calls.len(), 4, "one for each flood, none for a single cover: {calls:#?}");
    }

    // Now the receiver comes up: it is told of the floods, and of nothing that they replace.
    let told = Told::default();
    told.serve(TcpListener::bind(address).unwrap());
    let floods: BTreeSet<String> = open.iter().map(|case| case["id"].as_str().unwrap().to_owned()).collect();
    wait_for("the floods", || {
        night.clock.advance(MINUTE_MS);
        (told.cases("case.opened").len() >= floods.len()).then_some(())
    });
    assert_eq!(told.cases("case.opened"), floods);
    // The first one was tried in vain: whether it had got through is not known, so that it was folded may be told.
    assert!(told.cases("case.folded").len() <= 1, "{:?}", told.cases("case.folded"));
    let bodies = told.0.lock().unwrap();
    let replaced: usize = bodies.values().filter_map(|(_, body)| Some(body["replaces"].as_array()?.len())).sum();
    drop(bodies);
    assert_eq!(replaced, 4 * 8);

    // The ledger is what the journal amounts to.
    let Night { mut gateway, .. } = night;
    let config = gateway.folder.path().join("gengfu.toml");
    std::fs::write(&config, format!("[data]\nfolder = {:?}\n", gateway.config.data.folder)).unwrap();
    gateway.close();
    let inspect = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gengfu"));
        let output =
            command.args(["journal", "inspect", "--ledger", "--config"]).arg(&config).args(more).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    assert!(inspect(&[]) == inspect(&["--replay"]), "the ledger differs from its replay");
}
