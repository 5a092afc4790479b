//! Promise: from a device's message to a case on the duty desk, and what staff do comes back.

use std::sync::Arc;

use gengfu_ingest::{Clock, ManualClock, SystemClock};
use gengfu_model::Kind;
use serde_json::json;

use crate::harness::{TestGateway, token_of, wait_for};

#[test]
fn a_tipped_cover_is_an_open_case_with_its_reasons() {
    let gateway = TestGateway::start();
    gateway.add_device("cover-1", Kind::Manhole);
    gateway.mqtt("cover-1").publish(r#"{"tilt_deg":2.0,"battery_pct":88}"#);
    gateway.mqtt("cover-1").publish(r#"{"tilt_deg":38.0}"#);

    let api = gateway.login("duty");
    let case = wait_for("the case", || api.list("/api/v1/cases").into_iter().next());
    assert_eq!(case["class"], "01-02", "{case}");
    assert_eq!(case["asset"], "asset-cover-1");
    assert_eq!(
        case["deadline"]["limit"], "urgent_hour",
        "a displaced cover is to be mended within urgent hours: {case}"
    );

    let incidents = api.list("/api/v1/incidents?state=open");
    assert_eq!(incidents.len(), 1, "{incidents:?}");
    let incident = &incidents[0];
    assert_eq!((&incident["condition"], &incident["severity"]), (&json!("cover_displaced"), &json!("critical")));
    assert_eq!(incident["case"], case["id"]);
    let id = incident["id"].as_str().unwrap();
    let (status, explanation) = api.get(&format!("/api/v1/incidents/{id}/explanation"));
    assert_eq!(status, 200);
    let text = explanation.to_string();
    assert!(text.contains("tilt_deg") && text.contains("38"), "the reading is told: {text}");
    assert!(text.contains("\"line\":"), "the line is told: {text}");
    let (status, latest) = api.get("/api/v1/devices/cover-1/latest");
    assert_eq!((status, &latest["fields"]["tilt_deg"]["value"]), (200, &json!(38.0)), "{latest}");
}

#[test]
fn staff_acknowledge_and_the_history_tells_it() {
    let mut gateway = TestGateway::start();
    gateway.add_device("cover-1", Kind::Manhole);
    gateway.mqtt("cover-1").publish(r#"{"tilt_deg":50}"#);
    let duty = gateway.login("duty");
    let case = wait_for("the case", || duty.list("/api/v1/cases").into_iter().next());
    let path = format!("/api/v1/cases/{}", case["id"].as_str().unwrap());

    let (status, refusal) = gateway.login("evaluator").post(&format!("{path}/acknowledge"), &json!({}));
    assert_eq!((status, &refusal["error"]["code"]), (403, &json!("forbidden")), "{refusal}");
    let (status, refusal) = gateway.anonymous().post(&format!("{path}/acknowledge"), &json!({}));
    assert_eq!(status, 401, "{refusal}");
    let (status, answer) = duty.post(&format!("{path}/acknowledge"), &json!({"note": "马上处理"}));
    assert_eq!(status, 200, "{answer}");

    gateway.restart();
    let (status, case) = gateway.login("duty").get(&path);
    assert_eq!((status, &case["acknowledged_by"]), (200, &json!("duty")), "{case}");
    assert!(case["history"].to_string().contains("马上处理"), "{case}");
}

#[test]
fn a_lesser_tilt_opens_an_incident_after_its_hold_time_without_another_message() {
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let gateway = TestGateway::start_with(clock.clone(), |_| {});
    gateway.add_device("cover-1", Kind::Manhole);
    gateway.mqtt("cover-1").publish(r#"{"tilt_deg":15}"#);
    let api = gateway.login("duty");
    assert!(api.list("/api/v1/incidents").is_empty(), "not before it has held");
    clock.advance(11_000);
    let incident = wait_for("the incident", || api.list("/api/v1/incidents").into_iter().next());
    assert_eq!(incident["device"], "cover-1", "{incident}");
}

#[test]
fn timers_and_incidents_outlive_a_restart() {
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let mut gateway = TestGateway::start_with(clock.clone(), |_| {});
    gateway.add_device("cover-1", Kind::Manhole);
    gateway.add_device("cover-2", Kind::Manhole);
    gateway.mqtt("cover-1").publish(r#"{"tilt_deg":15}"#);
    gateway.mqtt("cover-2").publish(r#"{"tilt_deg":60}"#);
    wait_for("the first incident", || gateway.login("duty").list("/api/v1/incidents").into_iter().next());
    gateway.restart();
    clock.advance(11_000);
    let api = gateway.login("duty");
    wait_for("both incidents", || (api.list("/api/v1/incidents?state=open").len() == 2).then_some(()));
    gateway.mqtt("cover-2").publish(r#"{"tilt_deg":1}"#);
    wait_for("the clearing", || api.list("/api/v1/incidents?state=cleared&device=cover-2").into_iter().next());
}

#[test]
fn what_cannot_be_read_is_kept_with_a_reason() {
    let gateway = TestGateway::start();
    gateway.add_device("cover-1", Kind::Manhole);
    let mut device = gateway.mqtt("cover-1");
    let hour_ahead = SystemClock.now().plus_ms(3_600_000).as_millis();
    device.publish("not json at all");
    device.publish(r#"{"tilt_deg":"many","battery_pct":50}"#);
    device.publish(r#"{"tilt_deg":1e999}"#);
    device.publish(&format!(r#"{{"ts":{hour_ahead},"tilt_deg":1}}"#));
    device.publish(r#"{"ts":1700000000,"tilt_deg":1}"#);
    device.publish(r#"{"id":"one","tilt_deg":1}"#);
    device.publish(r#"{"id":"one","tilt_deg":1}"#);
    let balance = wait_for("all seven", || Some(gateway.balance()).filter(|balance| balance.journaled == 7));
    assert_eq!(balance.duplicate, 1, "{balance:?}");
    assert_eq!(balance.values_out_of_range, 2, "a wrong type, a huge number: {balance:?}");
    assert_eq!(balance.quarantined, 3, "no JSON, an hour ahead, a time in seconds: {balance:?}");
    assert_eq!(balance.values_too_far_ahead, 1, "{balance:?}");
    let api = gateway.login("admin");
    let quarantine = wait_for("the quarantine", || Some(api.list("/api/v1/quarantine")).filter(|list| list.len() >= 2));
    assert!(quarantine.iter().any(|row| row.to_string().contains("malformed")), "{quarantine:?}");
}

#[test]
fn http_from_a_device_takes_the_same_way() {
    let gateway = TestGateway::start();
    gateway.add_device("tank-1", Kind::Septic);
    let url = format!("{}/v1/devices/tank-1/telemetry", gateway.anonymous().base());
    let post = |token: &str, body: &str| {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = agent.post(&url).header("authorization", format!("Bearer {token}"));
        let mut response = request.header("content-type", "application/json").send(body).unwrap();
        (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
    };
    assert_eq!(post(&token_of("tank-1"), r#"{"level_pct":95}"#).0, 200);
    assert_eq!(post("wrong", r#"{"level_pct":95}"#).0, 401);
    let (status, answer) = post(&token_of("tank-1"), "nonsense");
    assert!(status == 200 && answer.contains("quarantined"), "{status} {answer}");
    let api = gateway.login("duty");
    wait_for("the incident", || api.list("/api/v1/incidents?kind=septic").into_iter().next());
    // The plots may be a moment behind the alarm.
    wait_for("the point in the series", || {
        let (status, series) = api.get("/api/v1/devices/tank-1/series?field=level_pct");
        assert_eq!(status, 200, "{series}");
        (series["points"][0][1] == json!(95.0)).then_some(())
    });
}

#[test]
fn nothing_but_health_is_open() {
    let gateway = TestGateway::start();
    let anonymous = gateway.anonymous();
    assert_eq!(anonymous.get("/healthz").0, 200);
    assert_eq!(anonymous.get("/readyz").0, 200);
    for path in ["/metrics", "/api/v1/devices", "/api/v1/incidents", "/api/v1/cases", "/api/v1/rules", "/api/v1/stream"]
    {
        assert_eq!(anonymous.get(path).0, 401, "{path}");
    }
}
