//! Promise: a version is tried, put into the shadow, published with its reasons, and rolled back, by staff or by
//! itself, and none of the trials touches what is live.

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_ingest::{Clock, ManualClock, SystemClock};
use gengfu_model::Kind;
use gengfu_model::staff::{Action, Role};
use serde_json::{Value, json};

use crate::harness::{Api, TestGateway, wait_for};

fn rule(limit: &str) -> String {
    format!(
        "/// Tilted.\nconst RULE = #{{ kind: \"manhole\", key: \"tilt\", severity: \"major\", condition: \"cover_displaced\",\n    \
         parameters: #{{ limit: #{{ default: {limit}, min: 1.0, max: 90.0, unit: \"°\" }} }},\n    \
         text_zh: \"倾斜\", text_en: \"tilted\" }};\n\
         fn on_message(msg, dev) {{ incident(held(msg.tilt_deg > param.limit, 1.min)); }}\n"
    )
}

fn pack(limit: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("tilt.rhai".to_owned(), rule(limit))])
}

/// A gateway with three covers, where a tilt of 20 degrees that lasts a minute is an incident.
fn city() -> (TestGateway, Arc<ManualClock>, Api) {
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let gateway = TestGateway::start_in_passing_time(clock.clone());
    for number in 0..3 {
        gateway.add_device(&format!("cover-{number}"), Kind::Manhole);
    }
    let api = gateway.login("admin");
    let (status, answer) = api.post("/api/v1/rules/publish", &json!({ "files": pack("20.0"), "reason": "起始版本" }));
    assert_eq!(status, 200, "{answer}");
    (gateway, clock, api)
}

fn live(api: &Api) -> Value {
    api.get("/api/v1/rules").1["pack"].clone()
}

/// Waits until the shadow runs, and for a report that satisfies `look`.
fn shadow(api: &Api, look: impl Fn(&Value) -> bool) -> Value {
    wait_for("the shadow", || {
        let shadow = api.get("/api/v1/rules/shadow").1["shadow"].clone();
        (shadow["state"] == "running" && look(&shadow)).then_some(shadow)
    })
}

/// Rules that take their time: loops of tens of thousands of operations for each message.
fn slow_pack() -> BTreeMap<String, String> {
    let text = "/// Counts to ten thousand.\nconst RULE = #{ kind: \"manhole\", key: \"open\", severity: \"critical\", \
        condition: \"cover_displaced\", parameters: #{ limit: #{ default: 30.0, min: 5.0, max: 90.0, unit: \"°\" } }, \
        text_zh: \"移位\", text_en: \"displaced\" };\n\
        fn on_message(msg, dev) {\n    let n = 0;\n    while n < 10000 { n += 1; }\n    \
        incident(n > 0 && msg.tilt_deg > param.limit);\n}\n";
    let names = (1..8).map(|n| format!("slow-{n}.rhai")).chain(["slow.rhai".to_owned()]);
    names.map(|name| (name, text.to_owned())).collect()
}

/// Begins a backtest of [`slow_pack`] that would take minutes; gives its id.
pub(crate) fn begin_slow_backtest(api: &Api) -> String {
    let ask = json!({ "files": slow_pack(), "from": "1h", "sweep": "slow.limit=20:35:1" });
    let (status, job) = api.post("/api/v1/rules/backtest", &ask);
    assert_eq!(status, 200, "{job}");
    job["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_backtest_that_takes_too_long_is_cancelled_and_leaves_nothing() {
    let (gateway, clock, api) = city();
    let mut cover = gateway.mqtt("cover-0");
    for n in 0..200 {
        cover.publish(&format!(r#"{{"tilt_deg":{}}}"#, 1.0 + f64::from(n) / 100.0));
    }
    clock.advance(61_000);
    gateway.put_user("officer", vec![Role::DutyOfficer]);
    let officer = gateway.login("officer");
    let id = begin_slow_backtest(&api);
    let path = format!("/api/v1/rules/trials/{id}");
    assert_eq!(api.get(&path).1["state"], "running");
    assert_eq!(officer.delete(&path).0, 403);
    let (status, answer) = api.delete(&path);
    assert_eq!(status, 200, "{answer}");
    let ended = wait_for("its end", || {
        let view = api.get(&path).1;
        (view["state"] != "running").then_some(view)
    });
    assert_eq!((&ended["state"], ended["report"].is_null()), (&json!("cancelled"), true), "{ended}");
    assert_eq!(api.delete(&path).0, 404, "it runs no more");
    assert_eq!(api.delete("/api/v1/rules/trials/no-such").0, 404);
}

#[test]
fn a_backtest_is_a_job_with_progress_and_a_report_that_a_publication_can_name() {
    let (gateway, clock, api) = city();
    gateway.mqtt("cover-0").publish(r#"{"tilt_deg":25}"#);
    gateway.mqtt("cover-1").publish(r#"{"tilt_deg":50}"#);
    clock.advance(61_000);
    wait_for("two incidents", || (api.list("/api/v1/incidents").len() == 2).then_some(()));
    let (status, job) = api.post("/api/v1/rules/backtest", &json!({ "files": pack("30.0"), "from": "1h" }));
    assert_eq!(status, 200, "{job}");
    let path = format!("/api/v1/rules/trials/{}", job["id"].as_str().unwrap());
    let done = wait_for("the report", || {
        let (status, view) = api.get(&path);
        assert_eq!(status, 200, "{view}");
        assert_ne!(view["state"], "failed", "{view}");
        (view["state"] == "done").then_some(view)
    });
    assert_eq!(done["report"]["difference"]["incidents"]["removed"], 1, "{done}");
    assert!(done["summary"].as_str().unwrap().contains("1 removed"), "{done}");
    let listed = api.list("/api/v1/rules/trials");
    assert!(listed.len() == 1 && listed[0]["report"].is_null() && listed[0]["by"] == "admin", "{listed:?}");
    assert_eq!(api.list("/api/v1/incidents").len(), 2, "a trial changes nothing");

    // The report is kept with the version; of another pack it is refused, unless somebody insists.
    let publish = |limit: &str, force: bool| {
        let body = json!({ "files": pack(limit), "reason": "误报", "after_trial": job["id"], "force": force });
        api.post("/api/v1/rules/publish", &body)
    };
    let (status, refusal) = publish("31.0", false);
    assert_eq!((status, &refusal["error"]["code"]), (409, &json!("blocked")), "{refusal}");
    let against = refusal["error"]["against"].as_array().unwrap();
    assert!(against.len() == 1 && against[0].as_str().unwrap().contains("run the backtest again"), "{refusal}");
    assert_eq!(publish("30.0", false).0, 200);
    let version = live(&api);
    assert_eq!((&version["reason"], &version["trial"], &version["by"]), (&json!("误报"), &job["id"], &json!("admin")));
    assert_eq!(publish("31.0", true).0, 200);
    assert!(live(&api)["forced"][0].as_str().unwrap().contains("run the backtest again"));
    let (_, diff) = api.get("/api/v1/rules/diff");
    assert!(diff["text"].as_str().unwrap().contains("- "), "{diff}");

    // Nonsense is said, and who may not, may not.
    for (body, status) in [(json!({ "from": "soon" }), 422), (json!({ "from": "1h", "sweep": "x" }), 422)] {
        assert_eq!(api.post("/api/v1/rules/backtest", &body).0, status, "{body}");
    }
    assert_eq!(gateway.login("duty").post("/api/v1/rules/backtest", &json!({ "from": "1h" })).0, 403);
    assert_eq!(api.get("/api/v1/rules/trials/nothing").0, 404);
}

#[test]
fn a_shadow_finds_its_difference_on_live_traffic_begins_anew_after_a_restart_and_leaves_a_report() {
    let (mut gateway, clock, api) = city();
    let (status, answer) = api.post("/api/v1/rules/shadow", &json!({ "files": pack("10.0"), "reason": "更灵敏" }));
    assert_eq!(status, 200, "{answer}");
    shadow(&api, |_| true);
    gateway.mqtt("cover-0").publish(r#"{"tilt_deg":15}"#);
    gateway.mqtt("cover-1").publish(r#"{"tilt_deg":50}"#);
    clock.advance(61_000);
    let found = shadow(&api, |shadow| {
        let incidents = &shadow["report"]["difference"]["incidents"];
        incidents["added"] == 1 && incidents["same"] == 1
    });
    assert_eq!((&found["anew"], &found["by"], &found["reason"]), (&json!(false), &json!("admin"), &json!("更灵敏")));
    let cost = &found["report"]["costs"][1];
    assert!(cost["side"] == "shadow" && cost["evaluations"].as_u64().unwrap() >= 2, "{found}");
    assert!(cost["operations"].as_u64() > cost["evaluations"].as_u64(), "{cost}");
    assert_eq!(api.list("/api/v1/incidents").len(), 1, "the shadow's incident is nobody's");

    gateway.restart();
    let api = gateway.login("admin");
    let anew = shadow(&api, |shadow| shadow["anew"] == true);
    assert_eq!(anew["version"], found["version"]);
    let kept = api.list("/api/v1/rules/trials");
    assert!(kept.iter().any(|report| report["sort"] == "shadow"), "the report of before the restart: {kept:?}");

    // Another tilt that the live rules do not mind: found by the shadow that began anew.
    gateway.mqtt("cover-2").publish(r#"{"tilt_deg":15}"#);
    clock.advance(61_000);
    shadow(&api, |shadow| shadow["report"]["difference"]["incidents"]["added"] == 1);
    gateway.act(Action::StopShadow).unwrap();
    wait_for("the end of the shadow", || api.get("/api/v1/rules/shadow").1["shadow"].is_null().then_some(()));
}

#[test]
fn a_roll_back_keeps_what_the_rules_remember() {
    let (gateway, clock, api) = city();
    let first = live(&api)["version"].clone();
    gateway.mqtt("cover-0").publish(r#"{"tilt_deg":25}"#);
    clock.advance(30_000);
    let (status, answer) = api.post("/api/v1/rules/publish", &json!({ "files": pack("24.0"), "reason": "试" }));
    assert_eq!(status, 200, "{answer}");
    let (status, answer) = api.post("/api/v1/rules/rollback", &json!({ "reason": "还是原来的好" }));
    assert_eq!(status, 200, "{answer}");
    let version = live(&api);
    assert_eq!(version["version"], first);
    assert!(version["reason"].as_str().unwrap().contains("还是原来的好"), "{version}");
    // It had been tilted for half a minute: two packs later that still counts.
    clock.advance(31_000);
    wait_for("the incident", || api.list("/api/v1/incidents").into_iter().next());
    assert_eq!(api.post("/api/v1/rules/rollback", &json!({ "version": first })).0, 409);
}

#[test]
fn a_version_above_its_limits_is_rolled_back_by_itself() {
    let (mut gateway, clock, api) = city();
    let first = live(&api)["version"].clone();
    let body = json!({ "files": pack("2.0"), "reason": "太灵敏", "limit_incidents_per_hour": 2, "limit_hours": 2 });
    assert_eq!(api.post("/api/v1/rules/publish", &body).0, 200);
    let second = live(&api);
    assert_eq!((&second["limit_incidents_per_hour"], &second["limit_hours"]), (&json!(2), &json!(2)));
    // The guard outlives a restart: it goes by the ledger.
    gateway.restart();
    for number in 0..3 {
        gateway.mqtt(&format!("cover-{number}")).publish(r#"{"tilt_deg":5}"#);
    }
    clock.advance(61_000);
    let api = gateway.login("admin");
    let version = wait_for("the roll-back", || Some(live(&api)).filter(|version| version["version"] == first));
    assert_eq!(version["by"], "system");
    assert!(version["reason"].as_str().unwrap().contains("more than 2 incidents"), "{version}");
    let audit = api.list("/api/v1/audit");
    assert!(audit.iter().any(|row| row["user"] == "system" && row["action"] == "publish_pack"), "{audit:?}");
    // A pack without limits stays whatever happens.
    for number in 0..3 {
        gateway.mqtt(&format!("cover-{number}")).publish(r#"{"tilt_deg":50}"#);
    }
    clock.advance(61_000);
    wait_for("three more", || (api.list("/api/v1/incidents?state=open").len() >= 3).then_some(()));
    assert_eq!(live(&api)["version"], first);
}
