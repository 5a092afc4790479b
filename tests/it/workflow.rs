//! Promise: a case goes through its whole life over the API, each step by whoever may take it, with every step in the
//! audit, and its deadlines right on a Friday evening and across a holiday.

use std::sync::Arc;

use gengfu_ingest::ManualClock;
use gengfu_model::staff::Role;
use gengfu_model::{Kind, Timestamp};
use serde_json::{Value, json};

use crate::harness::{Api, TestGateway, wait_for};

/// An account for each role of the workflow.
const STAFF: [(&str, Role); 6] = [
    ("acceptor", Role::Acceptor),
    ("officer", Role::DutyOfficer),
    ("dispatcher", Role::Dispatcher),
    ("handler", Role::Handler),
    ("verifier", Role::Verifier),
    ("leader", Role::ShiftLeader),
];

struct Bureau {
    clock: Arc<ManualClock>,
    gateway: TestGateway,
}

impl Bureau {
    /// A bureau at that moment, with a cover in its register.
    fn at(time: &str) -> Bureau {
        let clock = Arc::new(ManualClock::new(moment(time)));
        let gateway = TestGateway::start_in_passing_time(clock.clone());
        for (name, role) in STAFF {
            gateway.put_user(name, vec![role]);
        }
        gateway.add_device_with("cover-1", Kind::Manhole, |cover| {
            cover.asset_type = "01-03".into();
            cover.asset_code = "1408020103000001".into();
        });
        Bureau { clock, gateway }
    }

    /// Lets time pass.
    fn until(&self, time: &str) {
        self.clock.set(moment(time));
        let there = || self.gateway.running_time() >= moment(time);
        wait_for("the journal's time", || there().then_some(()));
    }

    fn api(&self, user: &str) -> Api {
        self.gateway.login(user)
    }

    fn case(&self, id: &str) -> Value {
        self.api("leader").get(&format!("/api/v1/cases/{id}")).1
    }

    /// Takes a step; it must be accepted.
    fn step(&self, user: &str, id: &str, step: &str, body: Value) {
        let (status, answer) = self.api(user).post(&format!("/api/v1/cases/{id}/{step}"), &body);
        assert_eq!(status, 200, "{user}: {step}: {answer}");
    }

    /// Takes a step; it must be refused with that code.
    fn refused(&self, user: &str, id: &str, step: &str, body: Value, code: &str) {
        let (_, answer) = self.api(user).post(&format!("/api/v1/cases/{id}/{step}"), &body);
        assert_eq!(answer["error"]["code"], code, "{user}: {step}: {answer}");
    }
}

fn moment(time: &str) -> Timestamp {
    Timestamp(chrono::DateTime::parse_from_rfc3339(time).unwrap().timestamp_millis())
}

fn due(case: &Value) -> Timestamp {
    moment(case["deadline"]["due"].as_str().unwrap())
}

#[test]
fn a_cover_that_was_tipped_on_a_friday_evening_is_seen_through_to_its_closing() {
    let bureau = Bureau::at("2026-11-20T17:30:00+08:00");
    bureau.gateway.mqtt("cover-1").publish(r#"{"tilt_deg":50}"#);
    let found = || bureau.api("officer").list("/api/v1/cases").into_iter().next();
    let case = wait_for("the case", found);
    let id = case["id"].as_str().unwrap().to_owned();
    assert_eq!((&case["class"], &case["deadline"]["limit"]), (&json!("01-03"), &json!("urgent_hour")));
    assert_eq!(case["stage_deadline"]["stage"], "file");

    bureau.step("officer", &id, "acknowledge", json!({}));
    bureau.refused("officer", &id, "file", json!({}), "forbidden");
    bureau.refused("handler", &id, "verify", json!({}), "forbidden");
    bureau.step("acceptor", &id, "verify", json!({}));
    bureau.step("verifier", &id, "file", json!({}));
    bureau.refused("verifier", &id, "dispatch", json!({ "department": "市政处" }), "forbidden");
    bureau.until("2026-11-20T17:45:00+08:00");
    bureau.step("dispatcher", &id, "dispatch", json!({ "department": "市政处" }));
    let row = bureau.case(&id);
    assert!(due(&row).since_ms(moment("2026-11-20T19:45:00+08:00")) < 60_000, "two hours of the night: {row}");
    assert!(row["total_deadline"].is_object() && row["filed_at"].is_string(), "{row}");
    bureau.refused("handler", &id, "return", json!({}), "invalid");
    bureau.step("handler", &id, "return", json!({ "note": "不属我处" }));
    bureau.step("dispatcher", &id, "dispatch", json!({ "department": "排水管理处" }));
    bureau.step("handler", &id, "receive", json!({}));
    bureau.step("handler", &id, "handle", json!({ "note": "已复位" }));
    bureau.step("verifier", &id, "rework", json!({ "note": "仍有缝隙" }));
    bureau.step("handler", &id, "handle", json!({ "note": "重新复位" }));
    bureau.step("verifier", &id, "check", json!({}));
    bureau.refused("acceptor", &id, "close", json!({ "feedback": "real" }), "wrong_state");
    bureau.gateway.mqtt("cover-1").publish(r#"{"tilt_deg":0.5}"#);
    wait_for("the sensor's word", || (bureau.case(&id)["condition_holds"] == false).then_some(()));
    bureau.step("acceptor", &id, "close", json!({ "feedback": "real" }));

    let row = bureau.case(&id);
    assert_eq!((&row["state"], &row["overdue"]), (&json!("closed"), &json!(false)));
    assert_eq!((&row["returns"], &row["reworks"], &row["department"]), (&json!(1), &json!(1), &json!("排水管理处")));
    let audit = bureau.gateway.login("admin").list("/api/v1/audit?limit=1000");
    let about: Vec<(&str, &str)> = audit
        .iter()
        .filter(|line| line["subject"] == id.as_str())
        .map(|line| (line["action"].as_str().unwrap(), line["verdict"].as_str().unwrap()))
        .rev()
        .collect();
    let accepted: Vec<&str> =
        about.iter().filter(|(_, verdict)| *verdict == "accepted").map(|(step, _)| *step).collect();
    let steps = [
        "acknowledge",
        "verify",
        "file",
        "dispatch",
        "return",
        "dispatch",
        "receive",
        "handle",
        "rework",
        "handle",
        "check",
        "close",
    ];
    assert_eq!(accepted, steps);
    assert_eq!(about.len() - accepted.len(), 5, "what was refused is in the audit too: {about:?}");
}

#[test]
fn what_the_sensor_shows_to_hold_still_goes_back_with_that_reading_and_what_it_shows_mended_is_checked() {
    let bureau = Bureau::at("2026-11-20T09:00:00+08:00");
    let mut cover = bureau.gateway.mqtt("cover-1");
    cover.publish(r#"{"tilt_deg":50}"#);
    let found = || bureau.api("officer").list("/api/v1/cases").into_iter().next();
    let case = wait_for("the case", found);
    let id = case["id"].as_str().unwrap().to_owned();
    bureau.step("acceptor", &id, "file", json!({}));
    bureau.step("dispatcher", &id, "dispatch", json!({ "department": "市政处" }));
    bureau.step("handler", &id, "receive", json!({}));
    bureau.step("handler", &id, "handle", json!({ "note": "已复位" }));
    // Within the grace the lid may still be open; a message that says nothing of the lid proves nothing later on.
    bureau.until("2026-11-20T09:05:00+08:00");
    cover.publish(r#"{"tilt_deg":50.5}"#);
    bureau.until("2026-11-20T09:15:00+08:00");
    cover.publish(r#"{"battery_pct":81}"#);
    bureau.until("2026-11-20T09:16:00+08:00");
    cover.publish(r#"{"tilt_deg":49}"#);
    let back = wait_for("the case to go back", || {
        let row = bureau.case(&id);
        (row["state"] == "handling").then_some(row)
    });
    assert_eq!(back["reworks"], 1);
    let rework = |row: &Value| {
        let lines = row["history"].as_array().unwrap();
        lines.iter().rfind(|line| line["action"] == "rework").unwrap()["note"].as_str().unwrap().to_owned()
    };
    let note = rework(&back);
    assert!(note.contains("by this reading it still holds") && note.contains("tilt_deg = 49"), "{note}");
    assert!(note.contains("tilt_deg = 50.5") && !note.contains("battery"), "{note}");

    bureau.step("handler", &id, "handle", json!({ "note": "重新复位" }));
    for (minute, tilt) in [(20, 0.5), (25, 0.6), (30, 0.7)] {
        bureau.until(&format!("2026-11-20T09:{minute}:00+08:00"));
        cover.publish(&format!(r#"{{"tilt_deg":{tilt}}}"#));
    }
    let checked = wait_for("the sensor's word", || {
        let row = bureau.case(&id);
        (row["state"] == "check_passed").then_some(row)
    });
    let lines = checked["history"].as_array().unwrap();
    let word = lines.iter().rfind(|line| line["action"] == "verified_by_sensor").expect("its line");
    assert!(word["note"].as_str().unwrap().contains("tilt_deg = 0.7"), "{word}");
    bureau.step("acceptor", &id, "close", json!({ "feedback": "real" }));
}

#[test]
fn a_limit_in_working_days_waits_for_the_end_of_a_holiday() {
    // The National Day holiday of 2026 is from 1 to 7 October.
    let bureau = Bureau::at("2026-09-30T17:30:00+08:00");
    let report = json!({
        "source": "collector", "class": "01-37", "standard": "01-37.1", "asset": "1408020137000001",
        "asset_name": "解放路7号路灯", "text": "灯杆倾斜", "district": "盐湖区", "department": "路灯管理所"
    });
    let (status, answer) = bureau.api("acceptor").post("/api/v1/cases", &report);
    assert_eq!(status, 200, "{answer}");
    let id = answer["id"].as_str().unwrap().to_owned();
    let (status, answer) = bureau.api("handler").post("/api/v1/cases", &report);
    assert_eq!((status, &answer["error"]["code"]), (403, &json!("forbidden")));
    bureau.step("acceptor", &id, "file", json!({}));
    bureau.step("dispatcher", &id, "dispatch", json!({}));
    let row = bureau.case(&id);
    assert_eq!(row["department"], "路灯管理所", "the owner, since nobody else was named");
    let right = moment("2026-10-08T17:30:00+08:00");
    assert!((0..60_000).contains(&due(&row).since_ms(right)), "{row}");
    bureau.until("2026-10-08T17:00:00+08:00");
    let row = bureau.case(&id);
    assert_eq!(row["overdue"], false, "{row}");
    bureau.until("2026-10-08T17:32:00+08:00");
    wait_for("the overdue mark", || (bureau.case(&id)["overdue"] == true).then_some(()));
    bureau.until("2026-10-09T14:32:00+08:00");
    let row = wait_for("supervision", || Some(bureau.case(&id)).filter(|row| row["supervised"] == true));
    let history: Vec<&str> =
        row["history"].as_array().unwrap().iter().map(|line| line["action"].as_str().unwrap()).collect();
    assert_eq!(history, ["opened", "file", "dispatch", "remind", "overdue", "supervise"]);
}
