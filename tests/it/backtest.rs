//! Promise: the live rules over yesterday give yesterday's incidents and cases exactly, and a draft's difference
//! to them is told, with what staff did and could not have done.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use gengfu::config::{Size, Span};
use gengfu::trial::ask::{Against, Ask};
use gengfu::trial::backtest::{Played, Source, Unwatched, play};
use gengfu::trial::days;
use gengfu::trial::start::Start;
use gengfu_connectors::ledger::{CaseFilter, IncidentFilter, LedgerReader, Page};
use gengfu_ingest::journal::{ReadLimit, RealDisk};
use gengfu_ingest::{Clock, ManualClock};
use gengfu_model::staff::{Action, CaseStep};
use gengfu_model::{Case, EffectId, Incident, Kind, Timestamp, Value};

use crate::harness::{TestGateway, wait_for};

pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;
/// 2026-06-19 10:00 in China, where the harness's city is.
pub(crate) const START: i64 = 1_781_834_400_000;
pub(crate) const MIDNIGHT: i64 = START - 10 * HOUR;

const TILT: &str = r#"/// Manhole cover tilted.
const RULE = #{ kind: "manhole", key: "tilt", severity: "major", condition: "cover_displaced", cooldown: 15.min,
    parameters: #{ limit: #{ default: 20.0, min: 5.0, max: 80.0, unit: "°" } },
    text_zh: "{dev.name} 井盖倾斜", text_en: "{dev.name} tilted" };
fn on_message(msg, dev) {
    incident(held(msg.tilt_deg > param.limit, 10.s), #{ severity: if msg.tilt_deg > 60.0 { "critical" } else { "major" } });
}
"#;
const SILENT: &str = r#"/// Bin that says nothing.
const RULE = #{ kind: "bin", key: "silent", severity: "minor", condition: "device_silent", silent: 50.min,
    text_zh: "{dev.name} 失联", text_en: "{dev.name} silent" };
fn on_silent(dev) { raise(#{ key: "silent" }); }
"#;

fn pack(tilt: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("tilt.rhai".to_owned(), tilt.to_owned()), ("silent.rhai".to_owned(), SILENT.to_owned())])
}

pub(crate) fn write_pack(folder: &Path, files: &BTreeMap<String, String>) {
    std::fs::create_dir_all(folder).unwrap();
    for (name, text) in files {
        std::fs::write(folder.join(name), text).unwrap();
    }
}

/// A gateway whose clock is moved by hand, and the days that it lives through.
struct City {
    gateway: TestGateway,
    clock: Arc<ManualClock>,
}

impl City {
    fn new() -> City {
        let clock = Arc::new(ManualClock::new(Timestamp(START)));
        let folder = tempfile::tempdir().unwrap();
        write_pack(folder.path(), &pack(TILT));
        let gateway = TestGateway::start_in_passing_time_with(clock.clone(), |config| {
            config.city.rules = Some(folder.path().to_owned());
            config.journal.segment = Size(1 << 20);
            config.engine.checkpoint_every = Span(1_000);
        });
        for number in 0..4 {
            gateway.add_device(&format!("cover-{number}"), Kind::Manhole);
        }
        gateway.add_device("bin-0", Kind::Bin);
        City { gateway, clock }
    }

    fn say(&self, device: &str, payload: &str) {
        self.gateway.mqtt(device).publish(payload);
    }

    fn pass(&self, ms: i64) {
        self.clock.advance(ms);
    }

    /// Lets the clock go to a moment of a day counted from the first, and waits for the copy of that day.
    fn go_to(&self, day: i64, ms: i64) {
        self.clock.set(Timestamp(MIDNIGHT + day * DAY + ms));
        let (name, _) = days::day_of(self.clock.now(), chrono_tz::Asia::Shanghai, 0);
        let data = self.gateway.config.data.folder.clone();
        wait_for("the day's copy", || {
            days::list(&data).unwrap().iter().any(|(_, copy)| copy.day == name).then_some(())
        });
    }

    fn reader(&self) -> LedgerReader {
        LedgerReader::open(&self.gateway.config.data.folder.join("ledger.db")).unwrap()
    }

    /// Waits for the open case of an asset and does something about it.
    fn step(&self, device: &str, step: CaseStep, note: &str) {
        let asset = format!("asset-{device}");
        let case = wait_for("the case", || {
            let filter = CaseFilter::default();
            let cases = self.reader().cases(&filter, &Page::default()).unwrap().items;
            cases.into_iter().find(|case| *case.asset == *asset && !case.state.is_final())
        });
        self.gateway.act(Action::Case { case: case.id, step, note: note.to_owned() }).unwrap();
    }

    /// A day's traffic: alarms that come, go, come back and get worse, timers, a silent bin, staff, a setting,
    /// a restart in the middle.
    fn live_a_day(&mut self, day: i64) {
        self.go_to(day, HOUR);
        for number in 0..4 {
            self.say(&format!("cover-{number}"), r#"{"tilt_deg":1}"#);
        }
        self.say("bin-0", r#"{"fill_pct":10}"#);
        self.say("cover-0", r#"{"tilt_deg":35}"#);
        self.say("cover-1", r#"{"tilt_deg":25}"#);
        self.pass(11_000);
        self.step("cover-0", CaseStep::Acknowledge, "");
        self.step("cover-1", CaseStep::Comment, "看过了");
        self.gateway.restart();
        self.pass(MINUTE);
        self.say("cover-0", r#"{"tilt_deg":70}"#);
        self.say("cover-2", r#"{"tilt_deg":40}"#);
        self.gateway.restart();
        self.pass(11_000);
        self.say("cover-2", r#"{"tilt_deg":2}"#);
        self.say("cover-0", r#"{"tilt_deg":2}"#);
        self.step("cover-0", CaseStep::File, "");
        self.pass(5 * MINUTE);
        // Comes back within its cooldown, and stays.
        self.say("cover-2", r#"{"tilt_deg":45}"#);
        self.pass(11_000);
        let limit = Action::SetParameter {
            rule: "tilt".into(),
            name: "limit".into(),
            scope: "device:cover-3".into(),
            value: Some(Value::Number(10.0 + day as f64)),
        };
        self.gateway.act(limit).unwrap();
        self.say("cover-3", r#"{"tilt_deg":15}"#);
        self.pass(11_000);
        // The bin has been silent since.
        self.pass(HOUR);
        self.say("bin-0", r#"{"fill_pct":12}"#);
        for number in 0..4 {
            self.say(&format!("cover-{number}"), r#"{"tilt_deg":1}"#);
        }
        self.pass(MINUTE);
        self.say("cover-1", r#"{"tilt_deg":1}"#);
        for number in 0..4 {
            self.step(&format!("cover-{number}"), CaseStep::ForceClose, "日终清理");
        }
    }
}

fn disk(data: &Path) -> Arc<RealDisk> {
    Arc::new(RealDisk::open(data.join("journal")).unwrap())
}

pub(crate) fn rehearse(data: &Path, ask: &Ask) -> Played {
    let source = Source { data, disk: disk(data), limit: ReadLimit::Everything };
    play(&source, ask, &Unwatched).unwrap()
}

pub(crate) fn opened_in(
    reader: &LedgerReader,
    from: i64,
    to: i64,
) -> (BTreeMap<EffectId, Incident>, BTreeMap<EffectId, Case>) {
    let page = Page { limit: 1_000, cursor: None };
    let filter = IncidentFilter { from: Some(Timestamp(from)), to: Some(Timestamp(to)), ..IncidentFilter::default() };
    let incidents = reader.incidents(&filter, &page).unwrap().items;
    let cases = reader.cases(&CaseFilter::default(), &page).unwrap().items;
    let within = cases.into_iter().filter(|case| (from..to).contains(&case.opened.as_millis()));
    (incidents.into_iter().map(|row| (row.id, row)).collect(), within.map(|row| (row.id, row)).collect())
}

pub(crate) fn ask(files: Option<BTreeMap<String, String>>, from: i64, to: i64) -> Ask {
    Ask { files, from: Timestamp(from), to: Timestamp(to), sweep: None, against: Against::History, examples: 5 }
}

#[test]
fn the_live_rules_over_yesterday_give_yesterday_exactly() {
    let mut city = City::new();
    for day in 0..4 {
        if day > 0 {
            city.live_a_day(day);
        }
    }
    let data = city.gateway.config.data.folder.clone();
    let end = city.clock.now().as_millis() + 1;
    city.gateway.close();
    let copies: Vec<String> = days::list(&data).unwrap().into_iter().map(|(_, copy)| copy.day).collect();
    assert_eq!(copies, ["2026-06-20", "2026-06-21", "2026-06-22"], "one a day, none of the day it began");

    // The last day, to the end of the journal: every row as it stands in the ledger, to the last field.
    let from = MIDNIGHT + 3 * DAY;
    let Played { trial, start, .. } = rehearse(&data, &ask(None, from, end));
    assert!(matches!(&start, Start::Day(_, copy) if copy.day == "2026-06-21"), "{start:?}");
    let (incidents, cases) = opened_in(&city.reader(), from, end);
    assert!(incidents.len() >= 5, "{incidents:?}");
    assert!(incidents.values().any(|row| row.reopened > 0) && incidents.values().any(|row| &*row.rule == "silent"));
    assert!(cases.len() >= 3 && cases.values().any(|case| case.progress.filed.is_some()), "{cases:?}");
    assert_eq!(trial.live().incidents(), &incidents);
    assert_eq!(trial.live().cases(), &cases);
    // A draft that is the live pack changes nothing and misses nothing that staff did.
    assert_eq!(trial.drafts()[0].incidents(), &incidents);
    assert_eq!(trial.drafts()[0].cases(), &cases);
    let difference = trial.difference(0, 5);
    assert_eq!(difference.incidents.changes() + difference.cases.changes(), 0, "{difference:?}");
    assert!(trial.drafts()[0].skipped().is_empty(), "{:?}", trial.drafts()[0].skipped());

    // A whole day in the middle: what opened then, as of its end, opened by the same records at the same times.
    let (from, to) = (MIDNIGHT + 2 * DAY, MIDNIGHT + 3 * DAY);
    let Played { trial, start, .. } = rehearse(&data, &ask(None, from, to));
    assert!(matches!(&start, Start::Day(_, copy) if copy.day == "2026-06-20"), "{start:?}");
    let (incidents, _) = opened_in(&city.reader(), from, to);
    let key = |row: &Incident| (row.id, row.opened, row.worst, row.value.map(f64::to_bits), row.text_zh.clone());
    let replayed: Vec<_> = trial.live().incidents().values().map(key).collect();
    assert_eq!(replayed, incidents.values().map(key).collect::<Vec<_>>());
    assert!(replayed.len() >= 5);

    // From the very first record as well, without any copy.
    std::fs::remove_dir_all(data.join(days::FOLDER)).unwrap();
    let Played { trial, start, .. } = rehearse(&data, &ask(None, from, end));
    assert_eq!(start, Start::Beginning);
    let (incidents, cases) = opened_in(&city.reader(), from, end);
    assert_eq!((trial.live().incidents(), trial.live().cases()), (&incidents, &cases));
}

#[test]
fn a_drafts_difference_is_told_with_examples_a_sweep_and_what_staff_could_not_have_done() {
    let mut city = City::new();
    city.live_a_day(1);
    let folder = city.gateway.folder.path().to_owned();
    // Higher: the two covers that leaned by less than 30 degrees are not told of, though staff spoke of one.
    write_pack(&folder.join("draft"), &pack(&TILT.replace("default: 20.0", "default: 30.0")));
    let config = folder.join("gengfu.toml");
    std::fs::write(&config, format!("[data]\nfolder = {:?}\n", city.gateway.config.data.folder)).unwrap();
    let (from, to) = (MIDNIGHT + DAY, city.clock.now().as_millis() + 1);
    let gengfu = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gengfu"));
        command.args(["rules"]).args(arguments).arg("--config").arg(&config).env("GENGFU_LOG", "warn");
        let output = command.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), told)
    };
    let draft = folder.join("draft");
    let (from, to) = (from.to_string(), to.to_string());
    let stretch = ["--from", from.as_str(), "--to", to.as_str()];
    // The gateway runs on meanwhile.
    let command = [&["backtest", draft.to_str().unwrap(), "--json", "--sweep", "tilt.limit=20:50:15"], &stretch[..]];
    let (code, output, told) = gengfu(&command.concat());
    assert_eq!(code, Some(0), "{told}");
    let report: serde_json::Value = serde_json::from_str(&output).unwrap();
    let incidents = &report["difference"]["incidents"];
    assert_eq!(incidents["removed"], 1, "cover-1 leaned by 25 degrees: {report}");
    assert_eq!((&incidents["added"], &incidents["moved"]), (&0.into(), &0.into()), "{report}");
    assert_eq!(report["skipped"]["comment"], 1, "staff had said something about it: {report}");
    assert_eq!(report["difference"]["rules"][1]["name"], "tilt");
    assert_eq!(report["difference"]["devices"][0]["name"], "cover-1");
    let example = &report["difference"]["examples"][0];
    assert_eq!((&example["change"], &example["device"]), (&"removed".into(), &"cover-1".into()), "{report}");
    assert!(example["evidence"]["source"].as_str().unwrap().contains("held(msg.tilt_deg > param.limit"), "{example}");
    let rows: Vec<u64> = report["sweep_rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["incidents"]["draft"].as_u64().unwrap())
        .collect();
    assert!(rows.len() == 3 && rows.is_sorted_by(|a, b| a > b), "a higher limit, fewer incidents: {rows:?}");

    let (code, text, _) = gengfu(&[&["backtest", draft.to_str().unwrap()], &stretch[..]].concat());
    assert_eq!(code, Some(0));
    for part in ["1 removed", "skipped: 1 x `comment`", "removed: tilt.tilt on asset-cover-1", "cost of draft"] {
        assert!(text.contains(part), "`{part}` is missing in:\n{text}");
    }
    // Times are the city's.
    let heading = text.lines().find(|line| line.trim_start().starts_with("from ")).unwrap();
    assert!(heading.matches("+08:00").count() == 2 && !heading.contains('Z'), "{heading}");
    assert!(text.contains(" at 20") && !text.contains("000Z"), "{text}");
    let (_, listed, _) = gengfu(&["trials"]);
    assert!(listed.lines().count() == 2 && listed.matches("+08:00").count() == 2, "{listed}");
    let id = report["id"].as_str().unwrap();
    assert!(gengfu(&["trials", id]).1.contains("1 removed"));

    // What makes no sense is said.
    let wrong = [
        (&["backtest", "--from", "now", "--to", "1d"][..], 2, "ends before it begins"),
        (&["backtest", "--sweep", "tilt.limt=1:2:1"][..], 64, "tilt.limit|limit"),
        (&["backtest", "/nowhere"][..], 1, "/nowhere"),
        (&["trials", "../../etc/passwd"][..], 1, "there is no report"),
    ];
    for (arguments, expected, part) in wrong {
        let (code, _, told) = gengfu(arguments);
        let is_told = part.split('|').any(|part| told.contains(part));
        assert!(code == Some(expected) && is_told, "{arguments:?}: {code:?} {told}");
    }
    city.gateway.close();
}

#[test]
fn what_late_readings_would_have_raised_is_found_at_night_and_is_no_incident() {
    let city = City::new();
    city.say("cover-0", r#"{"tilt_deg":1}"#);
    city.say("cover-1", r#"{"tilt_deg":1}"#);
    let quiet = city.clock.now().as_millis();
    city.pass(30 * MINUTE);
    // The cover had been tilted while it had no network: told afterwards, with what is true now.
    let at = |minutes: i64, tilt: f64| format!(r#"{{"ts":{},"tilt_deg":{tilt}}}"#, quiet + minutes * MINUTE);
    city.say("cover-0", &format!("[{},{},{},{}]", at(5, 45.0), at(6, 46.0), at(10, 2.0), at(30, 1.0)));
    city.say("cover-1", r#"{"tilt_deg":1}"#);
    let data = city.gateway.config.data.folder.clone();
    let api = city.gateway.login("duty");
    assert!(api.list("/api/v1/findings").is_empty(), "not before somebody has looked");

    city.go_to(1, MINUTE);
    // Fourteen hours later the session is over.
    let api = city.gateway.login("duty");
    let finding = wait_for("the finding", || api.list("/api/v1/findings").into_iter().next());
    assert_eq!((&finding["device"], &finding["detected"]), (&"cover-0".into(), &"late".into()), "{finding}");
    let opened = gengfu_dashboards::time_text::from_text(finding["opened"].as_str().unwrap()).unwrap();
    assert_eq!(opened, Timestamp(quiet + 5 * MINUTE + 10_000), "held for ten seconds from then on: {finding}");
    assert!(finding["cleared"].is_string() && finding["severity"] == "major", "{finding}");
    assert!(finding["explanation"]["source"].as_str().unwrap().contains("held("), "{finding}");
    assert!(api.list("/api/v1/incidents").is_empty(), "nobody is called for it");

    // By command, over the same stretch: the same finding, once.
    let config = city.gateway.folder.path().join("late.toml");
    std::fs::write(&config, format!("[data]\nfolder = {data:?}\n")).unwrap();
    for arguments in [&["--dry-run", "--json"][..], &[]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gengfu"));
        command.args(["rules", "late", "--from", &MIDNIGHT.to_string(), "--to", &(MIDNIGHT + DAY).to_string()]);
        let output = command.args(arguments).arg("--config").arg(&config).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && told.contains("1 devices had late readings, 1 findings"), "{told}");
    }
    assert_eq!(api.list("/api/v1/findings").len(), 1);
    assert!(api.list("/api/v1/findings?device=cover-1").is_empty());
}
