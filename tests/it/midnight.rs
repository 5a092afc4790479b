//! Promise: a message is counted in the sheets of one day, whoever asks at whichever moment.
//!
//! What a power cut around midnight does to them is tested in `power_cut`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gengfu_ingest::ManualClock;
use gengfu_model::time::MINUTE_MS;
use gengfu_model::{Kind, Timestamp};
use serde_json::{Value, json};

use crate::bad_input::http_post;
use crate::harness::{Api, TestGateway, token_of, wait_for};

/// 2026-12-01 23:59 in Shanghai.
const BEFORE: Timestamp = Timestamp(1_796_140_740_000);
const DEVICES: usize = 40;

fn push(gateway: &TestGateway, device: usize, body: &str) {
    let id = format!("cover-{device}");
    let base = format!("http://{}", gateway.running().addresses().http.unwrap());
    let (status, answer) = http_post(&format!("{base}/v1/devices/{id}/telemetry"), &token_of(&id), body);
    assert_eq!(status, 200, "{answer}");
}

/// Devices, messages, quarantined, and how far the sheet is from adding up.
fn of_day(api: &Api, day: &str) -> [Value; 4] {
    let (status, sheets) = api.get(&format!("/api/v1/sheets?day={day}"));
    assert_eq!(status, 200, "{sheets}");
    let messages = &sheets["messages"];
    [&sheets["devices"], &messages["journaled"], &messages["quarantined"], &messages["difference"]].map(Value::clone)
}

#[test]
fn the_day_before_is_whole_while_devices_begin_the_next_one() {
    let clock = Arc::new(ManualClock::new(BEFORE));
    let mut gateway = TestGateway::start_in_passing_time(clock.clone());
    (0..DEVICES).for_each(|device| gateway.add_device(&format!("cover-{device}"), Kind::Manhole));
    (0..DEVICES).for_each(|device| push(&gateway, device, r#"{"tilt_deg":1}"#));
    push(&gateway, 0, "garbage");
    wait_for("the messages", || (gateway.balance().journaled == DEVICES as u64 + 1).then_some(()));
    let api = gateway.login("admin");
    let before = [json!(DEVICES), json!(DEVICES + 1), json!(1), json!(0)];
    assert_eq!(of_day(&api, "2026-12-01"), before);

    clock.advance(2 * MINUTE_MS);
    let done = AtomicBool::new(false);
    let asked = std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut asked = 0;
            while !done.load(Ordering::Acquire) {
                assert_eq!(of_day(&api, "2026-12-01"), before, "question {asked}");
                asked += 1;
            }
            asked
        });
        for device in 0..DEVICES {
            push(&gateway, device, r#"{"tilt_deg":2}"#);
        }
        done.store(true, Ordering::Release);
        asking.join().unwrap()
    });
    assert!(asked > 0, "somebody asked meanwhile");
    let after = [json!(DEVICES), json!(DEVICES), json!(0), json!(0)];
    wait_for("the messages", || (gateway.balance().journaled == 2 * DEVICES as u64 + 1).then_some(()));
    assert_eq!(of_day(&api, "2026-12-02"), after);

    gateway.restart();
    let api = gateway.login("admin");
    assert_eq!((of_day(&api, "2026-12-01"), of_day(&api, "2026-12-02")), (before, after), "after a restart");
    assert_eq!(of_day(&api, "2026-12-03"), [json!(0), json!(0), json!(0), json!(0)]);
}
