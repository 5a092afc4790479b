//! Promise: a machine clock that is wrong moves no deadline, calls nobody and hides nothing; being away is no silence.

use std::sync::Arc;

use gengfu_dashboards::Gateway as _;
use gengfu_ingest::{Clock, ManualClock, SystemClock};
use gengfu_model::Kind;
use gengfu_model::time::{DAY_MS, HOUR_MS, MINUTE_MS};
use serde_json::json;

use crate::harness::{TestGateway, wait_for};

fn gateway() -> (Arc<ManualClock>, TestGateway) {
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let gateway = TestGateway::start_with(clock.clone(), |_| {});
    (clock, gateway)
}

/// A gateway whose monotonic clock is the same clock: moving it means that time passes.
fn gateway_of_passing_time() -> (Arc<ManualClock>, TestGateway) {
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let gateway = TestGateway::start_in_passing_time(clock.clone());
    (clock, gateway)
}

fn faults(gateway: &TestGateway) -> Vec<String> {
    gateway.running().shared().status().faults
}

#[test]
fn a_clock_behind_the_journal_is_refused_unless_it_is_accepted() {
    let (clock, mut gateway) = gateway();
    gateway.add_device("cover-1", Kind::Manhole);
    gateway.mqtt("cover-1").publish(r#"{"tilt_deg":1}"#);
    let before = gateway.running().shared().status().time;
    gateway.stop();
    clock.advance(-HOUR_MS);
    let error = gateway.try_open(false).unwrap_err().to_string();
    assert!(error.contains("--accept-clock") && error.contains("clock"), "{error}");

    gateway.try_open(true).unwrap();
    gateway.mqtt("cover-1").publish(r#"{"tilt_deg":50}"#);
    let incident = wait_for("the incident", || gateway.login("duty").list("/api/v1/incidents").into_iter().next());
    assert_eq!(incident["late"], false, "a reading is live although the clock is behind: {incident}");
    assert!(gateway.running().shared().status().time >= before, "time does not go back");
    assert!(!faults(&gateway).is_empty(), "the status tells that the clock is wrong");
}

#[test]
fn a_clock_that_jumps_ahead_is_not_followed() {
    let (clock, gateway) = gateway();
    gateway.add_device("cover-1", Kind::Manhole);
    let before = gateway.running().shared().status().time;
    clock.advance(2 * HOUR_MS);
    wait_for("the fault", || faults(&gateway).iter().any(|fault| fault.contains("clock")).then_some(()));
    gateway.mqtt("cover-1").publish(r#"{"tilt_deg":50}"#);
    let incident = wait_for("the incident", || gateway.login("duty").list("/api/v1/incidents").into_iter().next());
    assert_eq!(incident["late"], false, "{incident}");
    let passed = gateway.running().shared().status().time.since_ms(before);
    assert!(passed < HOUR_MS, "the journal's time went on by {passed} ms");
    clock.set(SystemClock.now());
    wait_for("the fault is over", || faults(&gateway).is_empty().then_some(()));
}

#[test]
fn a_clock_that_is_set_back_makes_no_live_reading_an_old_one() {
    let (clock, gateway) = gateway();
    gateway.add_device("cover-1", Kind::Manhole);
    gateway.mqtt("cover-1").publish(r#"{"tilt_deg":1}"#);
    let right = SystemClock.now().plus_ms(30_000).as_millis();
    clock.advance(-HOUR_MS);
    wait_for("the fault", || faults(&gateway).iter().any(|fault| fault.contains("clock")).then_some(()));
    gateway.mqtt("cover-1").publish(r#"{"tilt_deg":50}"#);
    let api = gateway.login("duty");
    let incident = wait_for("the incident", || api.list("/api/v1/incidents").into_iter().next());
    assert_eq!(incident["late"], false, "{incident}");
    gateway.mqtt("cover-1").publish(&format!(r#"{{"ts":{right},"tilt_deg":1}}"#));
    wait_for("the clearing", || api.list("/api/v1/incidents?state=cleared").into_iter().next());
    assert_eq!(gateway.balance().values_too_far_ahead, 0, "a device whose clock is right is not ahead");
}

#[test]
fn away_for_a_day_is_no_silence_but_deadlines_have_passed() {
    let (clock, mut gateway) = gateway();
    gateway.add_device("cover-1", Kind::Manhole);
    gateway.add_device("cover-2", Kind::Manhole);
    gateway.mqtt("cover-1").publish(r#"{"tilt_deg":1}"#);
    gateway.mqtt("cover-2").publish(r#"{"tilt_deg":60}"#);
    let case = wait_for("the case", || gateway.login("duty").list("/api/v1/cases").into_iter().next());
    assert_eq!(case["overdue"], false, "{case}");
    gateway.stop();
    clock.advance(DAY_MS);
    gateway.try_open(false).unwrap();
    let duty = gateway.login("duty");
    let case = wait_for("the overdue case", || duty.list("/api/v1/cases?overdue=true").into_iter().next());
    assert_eq!(case["overdue"], true, "{case}");
    gateway.mqtt("cover-1").publish(r#"{"tilt_deg":2}"#);
    wait_for("the message", || (gateway.balance().journaled == 3).then_some(()));
    let silent: Vec<_> = duty.list("/api/v1/incidents").into_iter().filter(is_silence).collect();
    assert!(silent.is_empty(), "nobody is silent because the gateway was down: {silent:?}");
}

#[test]
fn a_device_that_goes_silent_is_an_incident_without_a_case_until_it_speaks() {
    let (clock, gateway) = gateway_of_passing_time();
    gateway.add_device("cover-1", Kind::Manhole);
    gateway.add_device("never-spoke", Kind::Manhole);
    gateway.mqtt("cover-1").publish(r#"{"tilt_deg":1}"#);
    let interval_ms = i64::from(Kind::Manhole.def().interval_s) * 1_000;
    clock.advance(interval_ms * 5 / 2 - MINUTE_MS);
    wait_for("a tick", || Some(gateway.running().shared().status()).filter(|status| status.time >= clock.now()));
    assert!(gateway.login("duty").list("/api/v1/incidents").is_empty(), "not before two and a half intervals");
    clock.advance(2 * MINUTE_MS);
    let duty = gateway.login("duty");
    let incident = wait_for("the silence", || duty.list("/api/v1/incidents?state=open").into_iter().find(is_silence));
    assert_eq!((&incident["device"], &incident["case"]), (&json!("cover-1"), &json!(null)), "{incident}");
    assert!(duty.list("/api/v1/cases").is_empty(), "a silent device is no city case");
    gateway.mqtt("cover-1").publish(r#"{"tilt_deg":1}"#);
    wait_for("the clearing", || duty.list("/api/v1/incidents?state=cleared").into_iter().find(is_silence));
    let open = duty.list("/api/v1/incidents?state=open");
    assert!(open.is_empty(), "one that was never heard is not in service yet: {open:?}");
}

fn is_silence(incident: &serde_json::Value) -> bool {
    incident["condition"] == "device_silent"
}
