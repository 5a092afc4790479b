//! Promise: what could not be decoded is kept with its bytes, and is decoded again when codec or model are right:
//! late by the usual rules, counted, said where it was refused, and the same in a replay.

use std::process::Command;
use std::sync::Arc;

use gengfu_connectors::LedgerReader;
use gengfu_ingest::{Clock, ManualClock, SystemClock};
use gengfu_model::time::HOUR_MS;
use gengfu_model::{Action, Device, DeviceId, Kind};
use serde_json::{Value, json};

use crate::harness::{TestGateway, wait_for};

/// A cover on its edge, as a Milesight EM310-TILT says it.
const ON_EDGE: [u8; 9] = [0x03, 0xcf, 0x28, 0x23, 0x00, 0x00, 0x00, 0x00, 0x00];
/// Face down.
const FACE_DOWN: [u8; 9] = [0x03, 0xcf, 0x00, 0x00, 0x00, 0x00, 0xd8, 0xdc, 0x04];

/// Puts the model of a device right in the register.
fn set_model(gateway: &TestGateway, id: &str, model: &str) {
    let entry = ledger(gateway).device(&DeviceId::new(id).unwrap()).unwrap().unwrap();
    let devices = vec![Device { model: model.into(), ..entry }];
    gateway.act(Action::AddDevices { devices, replace: true }).unwrap();
}

fn ledger(gateway: &TestGateway) -> LedgerReader {
    LedgerReader::open(&gateway.config.data.folder.join("ledger.db")).unwrap()
}

fn waiting(gateway: &TestGateway) -> Vec<Value> {
    gateway.login("admin").list("/api/v1/quarantine?waits=true")
}

fn redecode(gateway: &TestGateway, body: &Value) -> Value {
    let (status, answer) = gateway.login("admin").post("/api/v1/quarantine/redecode", body);
    assert_eq!(status, 200, "{answer}");
    answer
}

#[test]
fn bytes_of_a_wrong_model_become_readings_when_the_model_is_put_right() {
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let mut gateway = TestGateway::start_in_passing_time(clock.clone());
    gateway.add_device("cover-1", Kind::Manhole);
    gateway.add_device("cover-2", Kind::Manhole);
    let mut cover = gateway.mqtt("cover-1");
    cover.publish_to("up", &FACE_DOWN);
    clock.advance(1_000);
    cover.publish_to("up", &ON_EDGE);
    gateway.mqtt("cover-2").publish("no JSON at all");
    wait_for("the quarantine", || (waiting(&gateway).len() == 3).then_some(()));
    assert!(gateway.login("duty").list("/api/v1/incidents").is_empty());

    // An hour later somebody sees why.
    clock.advance(HOUR_MS);
    set_model(&gateway, "cover-1", "EM310-TILT");
    let answer = redecode(&gateway, &json!({}));
    let said: Vec<(bool, u64)> = answer["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["decoded"].as_bool().unwrap(), item["values"].as_u64().unwrap()))
        .collect();
    assert_eq!(said, [(true, 1), (true, 1), (false, 0)], "{answer}");
    assert!(answer["items"][2]["left"][0].as_str().unwrap().starts_with("malformed"), "{answer}");

    let duty = gateway.login("duty");
    let incident = wait_for("the incident", || duty.list("/api/v1/incidents").into_iter().next());
    assert_eq!((&incident["condition"], &incident["late"]), (&json!("cover_displaced"), &json!(true)), "{incident}");
    let latest = gateway.login("admin").get("/api/v1/devices/cover-1/latest").1;
    assert_eq!(latest["fields"]["tilt_deg"]["value"], json!(90.0), "{latest}");
    let series = wait_for("the series", || {
        let series = gateway.login("admin").get("/api/v1/devices/cover-1/series?field=tilt_deg").1;
        (series["points"].as_array()?.len() == 2).then_some(series)
    });
    let values: Vec<&Value> = series["points"].as_array().unwrap().iter().map(|point| &point[1]).collect();
    assert_eq!(values, [&json!(180.0), &json!(90.0)], "at the times when they were received: {series}");
    let balance = gateway.balance();
    assert_eq!((balance.journaled, balance.quarantined, balance.decoded, balance.redecoded), (6, 4, 2, 3));
    assert_eq!(balance.values_late, 2);

    // The rows say it, what failed waits on, and nothing is decoded twice.
    let rows = gateway.login("admin").list("/api/v1/quarantine");
    let told: Vec<(&Value, &Value)> = rows.iter().map(|row| (&row["device"], &row["redecoded"]["decoded"])).collect();
    assert_eq!(
        told,
        [(&json!("cover-2"), &json!(false)), (&json!("cover-1"), &json!(true)), (&json!("cover-1"), &json!(true)),]
    );
    assert_eq!(waiting(&gateway).len(), 1);
    let again = redecode(&gateway, &json!({"device": "cover-1"}));
    assert_eq!(again["items"], json!([]));

    // State and ledger are what the journal amounts to.
    gateway.restart();
    assert_eq!(gateway.balance(), balance);
    let (live, replayed) = gateway.dumps();
    assert_eq!(live.matches("\"redecoded\":{\"by\"").count(), 3);
    assert!(live == replayed, "the ledger differs from its replay");
}

#[test]
fn a_request_that_is_repeated_stores_nothing_twice() {
    let gateway = TestGateway::start();
    gateway.add_device("cover-1", Kind::Manhole);
    gateway.mqtt("cover-1").publish_to("up", &ON_EDGE);
    wait_for("the quarantine", || (waiting(&gateway).len() == 1).then_some(()));
    set_model(&gateway, "cover-1", "EM310-TILT");
    // Two consoles at once: both found it waiting.
    let (found, _) = gengfu_dashboards::quarantine::find(&ledger(&gateway), &Default::default()).unwrap();
    let action: Action = found[0].request().unwrap();
    assert_eq!(gateway.act(action.clone()).unwrap().rows, 1);
    let second = gateway.act(action).unwrap();
    assert_eq!((second.rows, second.refused.len()), (0, 1), "{second:?}");
    let balance = gateway.balance();
    assert_eq!((balance.duplicate, balance.values_decoded), (1, 1));
}

#[test]
fn the_command_line_lists_and_decodes_again() {
    let mut gateway = TestGateway::start();
    gateway.add_device("cover-1", Kind::Manhole);
    gateway.mqtt("cover-1").publish_to("up", &ON_EDGE);
    gateway.mqtt("cover-1").publish("broken");
    wait_for("the quarantine", || (waiting(&gateway).len() == 2).then_some(()));
    set_model(&gateway, "cover-1", "EM310-TILT");
    let config = gateway.folder.path().join("gengfu.toml");
    std::fs::write(&config, format!("[data]\nfolder = {:?}\n", gateway.config.data.folder)).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gengfu"));
        let output = command.arg("quarantine").args(arguments).arg("--config").arg(&config).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(run(&["list"]).lines().count(), 2);
    let told = run(&["redecode", "--device", "cover-1"]);
    assert!(told.lines().any(|line| line.ends_with("cover-1: 1 values")), "{told}");
    let left = run(&["list", "--json"]);
    let row: Value = serde_json::from_str(left.trim()).unwrap();
    assert_eq!((&row["device"], &row["bytes"]), (&json!("cover-1"), &json!(6)), "{left}");
    // The same on a folder that no gateway runs on.
    gateway.close();
    let told = run(&["redecode", &row["seq"].to_string(), "--json"]);
    let item: Value = serde_json::from_str(told.trim()).unwrap();
    assert_eq!(item["decoded"], json!(false), "{item}");
}
