//! Promise: what is asked about rules is answered as it is: what a parameter is worth for a device and why, what a
//! rule made of a device at a moment that is over, what it costs; by the API and by the command line.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;

use gengfu::config::Span;
use gengfu_ingest::{Clock, ManualClock};
use gengfu_model::staff::{Action, Role};
use gengfu_model::{Kind, Timestamp};
use serde_json::{Value, json};

use crate::harness::{Api, PASSWORD, TestGateway, wait_for};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
/// 2026-06-19 10:00 in China.
const START: i64 = 1_781_834_400_000;

fn rule(limit: &str) -> BTreeMap<String, String> {
    let text = format!(
        "/// Tilted.\nconst RULE = #{{ kind: \"manhole\", key: \"tilt\", severity: \"major\", condition: \"cover_displaced\",\n    \
         parameters: #{{ limit: #{{ default: {limit}, min: 1.0, max: 90.0, unit: \"°\" }}, hold: #{{ default: 10.s, min: 1.s, max: 1.h }} }},\n    \
         text_zh: \"倾斜\", text_en: \"tilted\" }};\n\
         fn on_message(msg, dev) {{ incident(held(msg.tilt_deg > param.limit, param.hold)); }}\n"
    );
    BTreeMap::from([("tilt.rhai".to_owned(), text)])
}

/// Three covers: two in the east, one of them on feeder F7; one in the west.
fn city() -> (TestGateway, Arc<ManualClock>, Api) {
    let clock = Arc::new(ManualClock::new(Timestamp(START)));
    let gateway = TestGateway::start_in_passing_time_with(clock.clone(), |config| {
        config.engine.checkpoint_every = Span(1_000);
    });
    for (id, district, feeder) in [("cover-0", "east", "F7"), ("cover-1", "east", ""), ("cover-2", "west", "")] {
        gateway.add_device_with(id, Kind::Manhole, |device| {
            device.district = district.into();
            device.feeder = feeder.into();
        });
    }
    gateway.act(Action::ActivatePack { files: rule("20.0") }).unwrap();
    let api = gateway.login("admin");
    (gateway, clock, api)
}

fn set(api: &Api, scope: &str, value: Value) -> (u16, Value) {
    api.put("/api/v1/rules/tilt/parameters/limit", &json!({ "scope": scope, "value": value }))
}

fn effective(api: &Api, device: &str) -> (f64, String) {
    let items = api.list(&format!("/api/v1/rules/tilt/parameters?device={device}"));
    let limit = items.iter().find(|item| item["name"] == "limit").unwrap();
    (limit["effective"]["value"].as_f64().unwrap(), limit["effective"]["from"].as_str().unwrap().to_owned())
}

fn cli(gateway: &TestGateway, arguments: &[&str]) -> (bool, String, String) {
    let file = gateway.folder.path().join("test.toml");
    std::fs::write(&file, format!("[data]\nfolder = {:?}\n", gateway.config.data.folder)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gengfu"));
    let output = command.args(arguments).arg("--config").arg(&file).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_parameter_is_inherited_from_the_kind_to_the_device_and_the_chain_is_told() {
    let (mut gateway, clock, api) = city();
    assert_eq!(effective(&api, "cover-0"), (20.0, "default".to_owned()));
    for (scope, value) in [("kind", 30.0), ("district:east", 25.0), ("group:F7", 15.0), ("device:cover-2", 60.0)] {
        assert_eq!(set(&api, scope, json!(value)).0, 200, "{scope}");
    }
    assert_eq!(effective(&api, "cover-0"), (15.0, "group:F7".to_owned()));
    assert_eq!(effective(&api, "cover-1"), (25.0, "district:east".to_owned()));
    assert_eq!(effective(&api, "cover-2"), (60.0, "device:cover-2".to_owned()));
    let items = api.list("/api/v1/rules/tilt/parameters?device=cover-0");
    let chain: Vec<(String, String, bool)> = items[0]["effective"]["chain"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| {
            (step["of"].as_str().unwrap().into(), step["scope"].as_str().unwrap().into(), step["counts"] == true)
        })
        .collect();
    let wanted = [
        ("device", "device:cover-0", false),
        ("feeder", "group:F7", true),
        ("grid", "group:140802001", false),
        ("district", "district:east", false),
        ("kind", "kind", false),
        ("rule", "default", false),
    ];
    let chain: Vec<(&str, &str, bool)> = chain.iter().map(|(of, scope, counts)| (&**of, &**scope, *counts)).collect();
    assert_eq!(chain, wanted);
    let devices: BTreeMap<&str, u64> = items[0]["settings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|setting| (setting["scope"].as_str().unwrap(), setting["devices"].as_u64().unwrap()))
        .collect();
    assert_eq!(devices, BTreeMap::from([("device:cover-2", 1), ("district:east", 2), ("group:F7", 1), ("kind", 3)]));

    // It counts at the next reading, for each device its own.
    for cover in ["cover-0", "cover-1", "cover-2"] {
        gateway.mqtt(cover).publish(r#"{"tilt_deg":28}"#);
    }
    clock.advance(11_000);
    let open = || -> Vec<String> {
        let items = api.list("/api/v1/incidents?state=open");
        let mut devices: Vec<String> = items.iter().map(|row| row["device"].as_str().unwrap().to_owned()).collect();
        devices.sort();
        devices
    };
    wait_for("two incidents", || (open() == ["cover-0", "cover-1"]).then_some(()));

    // After a restart it is as it was; taken away, the next wider one counts.
    gateway.restart();
    let api = gateway.login("admin");
    assert_eq!(effective(&api, "cover-0"), (15.0, "group:F7".to_owned()));
    assert_eq!(api.delete("/api/v1/rules/tilt/parameters/limit?scope=group:F7").0, 200);
    assert_eq!(effective(&api, "cover-0"), (25.0, "district:east".to_owned()));
    assert_eq!(api.delete("/api/v1/rules/tilt/parameters/limit?scope=group:F7").0, 404);
    let audit = api.list("/api/v1/audit");
    assert!(audit.iter().any(|row| row["action"] == "set_parameter" && row["subject"] == "tilt.limit for group:F7"));
}

#[test]
fn an_account_of_some_districts_sets_for_these_alone() {
    let (gateway, _clock, admin) = city();
    let user = json!({ "name": "east", "password": PASSWORD, "roles": ["engineer"], "districts": ["east"] });
    assert_eq!(admin.post("/api/v1/users", &user).0, 201);
    let east = gateway.login("east");
    assert_eq!(set(&east, "district:east", json!(25.0)).0, 200);
    assert_eq!(set(&east, "device:cover-0", json!(18.0)).0, 200, "a device of its own");
    // What reaches beyond, and what it does not see.
    for scope in ["kind", "district:west", "group:F7"] {
        let (status, answer) = set(&east, scope, json!(5.0));
        assert_eq!((status, answer["error"]["field"].as_str()), (403, Some("scope")), "{scope}: {answer}");
    }
    assert_eq!(set(&east, "device:cover-2", json!(5.0)).0, 404, "a device of others is not there for it");
    let unset = |api: &Api, scope: &str| api.delete(&format!("/api/v1/rules/tilt/parameters/limit?scope={scope}")).0;
    assert_eq!(set(&admin, "district:west", json!(40.0)).0, 200);
    assert_eq!((unset(&east, "district:west"), unset(&east, "kind")), (403, 403));
    assert_eq!(unset(&east, "district:east"), 200);
    assert_eq!(effective(&admin, "cover-0"), (18.0, "device:cover-0".to_owned()));
    assert_eq!(effective(&admin, "cover-1"), (20.0, "default".to_owned()));
    assert_eq!(effective(&admin, "cover-2"), (40.0, "district:west".to_owned()));
}

#[test]
fn nonsense_is_said_and_who_may_not_may_not() {
    let (gateway, _clock, api) = city();
    for (scope, value, status) in [
        ("kind", json!(91.0), 422),
        ("kind", json!(true), 422),
        ("kind", json!("steep"), 422),
        ("somewhere", json!(5.0), 422),
        ("district:eastt", json!(5.0), 422),
        ("device:cover-9", json!(5.0), 422),
    ] {
        let (got, answer) = set(&api, scope, value.clone());
        assert_eq!(got, status, "{scope} {value}: {answer}");
    }
    let ahead = json!({ "scope": "district:north", "value": 5.0, "ahead": true });
    assert_eq!(api.put("/api/v1/rules/tilt/parameters/limit", &ahead).0, 200, "before its devices are registered");
    let (status, answer) = api.put("/api/v1/rules/tilt/parameters/limits", &json!({ "scope": "kind", "value": 5.0 }));
    assert_eq!(status, 422);
    assert!(answer["error"]["message"].as_str().unwrap().contains("no parameter `limits`"), "{answer}");
    assert_eq!(api.get("/api/v1/rules/nothing/parameters").0, 404);
    assert_eq!(api.get("/api/v1/rules/tilt/parameters?device=cover-9").0, 404);
    gateway.put_user("officer", vec![Role::DutyOfficer]);
    assert_eq!(set(&gateway.login("officer"), "kind", json!(5.0)).0, 403);
    gateway.put_user("leader", vec![Role::ShiftLeader]);
    assert_eq!(set(&gateway.login("leader"), "kind", json!(5.0)).0, 200);
    assert_eq!(gateway.login("officer").get("/api/v1/rules/tilt/parameters").0, 200, "everybody may look");
}

#[test]
fn the_command_line_sets_shows_and_unsets() {
    let (gateway, _clock, api) = city();
    let (good, _, told) =
        cli(&gateway, &["rules", "params", "set", "tilt", "hold", "2min", "--scope", "district:east"]);
    assert!(good && told.contains("2 devices are within it"), "{told}");
    let (good, shown, _) = cli(&gateway, &["rules", "params", "show", "tilt", "--device", "cover-0"]);
    assert!(good && shown.contains("for cover-0: 120.0 s, from district:east"), "{shown}");
    assert!(shown.contains("-> district     district:east            120.0"), "{shown}");
    assert_eq!(api.list("/api/v1/rules/tilt/parameters")[1]["settings"][0]["value"], 120.0);
    let (good, _, told) =
        cli(&gateway, &["rules", "params", "set", "tilt", "hold", "2min", "--scope", "district:eastt"]);
    assert!(!good && told.contains("misspelt"), "{told}");
    let (good, _, _) = cli(&gateway, &["rules", "params", "unset", "tilt", "hold", "--scope", "district:east"]);
    assert!(good);
    let (good, shown, _) = cli(&gateway, &["rules", "params", "show", "tilt", "--device", "cover-0"]);
    assert!(good && shown.contains("for cover-0: 10.0 s, from default"), "{shown}");
}

#[test]
fn why_did_it_not_fire_last_night_is_answered_with_the_rules_and_settings_of_then() {
    let (mut gateway, clock, api) = city();
    let mut cover = gateway.mqtt("cover-0");
    cover.publish(r#"{"tilt_deg":18}"#);
    gateway.mqtt("cover-1").publish(r#"{"tilt_deg":70}"#);
    clock.advance(5 * MINUTE);
    let first = clock.now().as_millis();
    clock.advance(MINUTE);
    assert_eq!(set(&api, "district:east", json!(15.0)).0, 200);
    cover.publish(r#"{"tilt_deg":18.5}"#);
    clock.advance(5 * MINUTE);
    let second = clock.now().as_millis();
    clock.advance(HOUR);
    gateway.act(Action::ActivatePack { files: rule("10.0") }).unwrap();
    cover.publish(r#"{"tilt_deg":3}"#);
    wait_for("the incident's end", || {
        let items = api.list("/api/v1/incidents?device=cover-0");
        items.first().filter(|row| row["state"] == "cleared").cloned()
    });
    drop(cover);
    // A new start has a checkpoint of later: the past is put together from what is older.
    gateway.restart();
    let api = gateway.login("admin");
    let at = |moment: i64| api.get(&format!("/api/v1/devices/cover-0/evaluate?rule=tilt&at={moment}"));
    let value = |answer: &Value, text: &str| {
        let step = answer["steps"].as_array().unwrap().iter().find(|step| step["text"] == text);
        step.map(|step| step["value"].as_str().unwrap().to_owned())
    };

    let (status, then) = at(first);
    assert_eq!(status, 200, "{then}");
    assert_eq!((value(&then, "msg.tilt_deg"), value(&then, "param.limit")), (Some("18".into()), Some("20".into())));
    assert_eq!(value(&then, "msg.tilt_deg > param.limit"), Some("false".into()));
    assert_eq!((&then["keys"][0]["is"], &then["keys"][0]["says"]), (&json!("clear"), &json!("clear")));
    assert_eq!((&then["now"], &then["messages"]), (&json!(first), &json!(1)), "of the device alone");

    let (_, later) = at(second);
    assert_eq!((value(&later, "msg.tilt_deg"), value(&later, "param.limit")), (Some("18.5".into()), Some("15".into())));
    assert_eq!((&later["keys"][0]["is"], &later["keys"][0]["says"]), (&json!("major"), &json!("major")));
    assert_eq!(later["version"], then["version"], "the pack of then");

    let (_, now) = api.get("/api/v1/devices/cover-0/evaluate?rule=tilt");
    assert_eq!(value(&now, "msg.tilt_deg"), Some("3".into()));
    assert_ne!(now["version"], then["version"]);
    assert!(now["from"].is_null());

    // Before there was a rule, and after now.
    assert_eq!(at(START - HOUR).0, 404);
    assert_eq!(at(clock.now().as_millis() + HOUR).0, 422);
    assert_eq!(api.get(&format!("/api/v1/devices/cover-9/evaluate?rule=tilt&at={first}")).0, 404);

    // The command line reads beside the gateway that runs.
    let (good, shown, told) =
        cli(&gateway, &["rules", "why", "--device", "cover-0", "--rule", "tilt", "--at", &first.to_string()]);
    assert!(good && shown.contains("msg.tilt_deg > param.limit = false"), "{shown}{told}");
    assert!(told.contains("1 messages of the device since"), "{told}");
}

#[test]
fn accounts_say_what_a_rule_costs_and_brings() {
    let (gateway, clock, api) = city();
    for cover in ["cover-0", "cover-1"] {
        gateway.mqtt(cover).publish(r#"{"tilt_deg":70}"#);
    }
    clock.advance(11_000);
    let cases = wait_for("two cases", || Some(api.list("/api/v1/cases")).filter(|cases| cases.len() == 2));
    let case = cases[0]["id"].as_str().unwrap();
    clock.advance(3 * MINUTE);
    let step = |name: &str, body: Value| {
        let (status, answer) = api.post(&format!("/api/v1/cases/{case}/{name}"), &body);
        assert_eq!(status, 200, "{name}: {answer}");
    };
    step("acknowledge", json!({}));
    let device = wait_for("its device", || {
        let incidents = api.list("/api/v1/incidents?state=open");
        incidents.into_iter().find(|row| row["case"] == case).map(|row| row["device"].as_str().unwrap().to_owned())
    });
    gateway.mqtt(&device).publish(r#"{"tilt_deg":1}"#);
    wait_for("the end of its incident", || (api.list("/api/v1/incidents?state=open").len() == 1).then_some(()));
    clock.advance(HOUR);
    step("file", json!({}));
    step("dispatch", json!({ "department": "市政处" }));
    step("receive", json!({}));
    step("handle", json!({}));
    step("check", json!({}));
    step("close", json!({ "feedback": "false" }));
    let row = wait_for("the account", || {
        let rows = api.list("/api/v1/rules/accounts");
        rows.into_iter().find(|row| row["rule"] == "tilt" && row["judged"] == 1)
    });
    assert!(row["evaluations"].as_u64().unwrap() >= 4, "messages and timers: {row}");
    assert!(row["cpu_samples"].as_u64().unwrap() >= 1 && row["cpu_ms"].as_f64().unwrap() > 0.0, "{row}");
    assert!(row["state_bytes"].as_u64().unwrap() >= 3 * 16, "{row}");
    assert_eq!((&row["incidents"], &row["cases"], &row["open_cases"]), (&json!(2), &json!(2), &json!(1)), "{row}");
    // Three minutes to the acknowledgement; the hour after it counts as fifteen, each other step as one.
    let minutes = row["duty_minutes"].as_f64().unwrap();
    assert!(row["steps"] == 7 && (23.0..23.2).contains(&minutes), "{row}");
    assert_eq!((&row["false_alarms"], &row["false_share"]), (&json!(1), &json!(1.0)));
    let (good, table, told) = cli(&gateway, &["rules", "accounts", "--from", "2026-06-01"]);
    assert!(good && table.lines().any(|line| line.starts_with("tilt  manhole")), "{table}{told}");
    let (_, metrics) = api.get("/metrics");
    assert!(metrics.as_str().unwrap().contains("gengfu_rule_evaluations_total{rule=\"tilt\"}"), "{metrics}");
}
