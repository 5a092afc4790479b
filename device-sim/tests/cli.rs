//! The program as its user meets it: what it writes where, and how it ends.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::process::{Command, Output};

use gengfu_sim::city::read_register;

fn gengfu_sim(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gengfu-sim")).args(arguments).output().unwrap()
}

fn code(arguments: &[&str]) -> Option<i32> {
    gengfu_sim(arguments).status.code()
}

#[test]
fn a_city_goes_to_stdout_and_reads_back() {
    let output = gengfu_sim(&["city", "--seed", "7", "--devices", "50"]);
    assert!(output.status.success());
    assert_eq!(read_register(output.stdout.as_slice()).unwrap().devices.len(), 50);
}

#[test]
fn wrong_usage_ends_with_2_and_failure_with_1() {
    assert_eq!(code(&[]), Some(2));
    assert_eq!(code(&["run", "--speed", "0"]), Some(2));
    assert_eq!(code(&["run", "--broker", "nonsense"]), Some(2));
    assert_eq!(code(&["run", "--fault", "flood:x:1"]), Some(2));
    assert_eq!(code(&["run", "--fault", "cover-open:nobody:1"]), Some(2));
    assert_eq!(code(&["run", "--city", "/nowhere.csv"]), Some(1));
    assert_eq!(code(&["replay", "--file", "/nowhere.csv", "--register", "-"]), Some(1));
    assert_eq!(code(&["--help"]), Some(0));
}

#[test]
fn a_run_without_a_server_says_so_and_ends_with_1() {
    // A port that was just free: nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let broker = format!("127.0.0.1:{port}");
    let output =
        gengfu_sim(&["run", "--broker", &broker, "--devices", "3", "--duration", "1s", "--ramp", "0", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&summary["devices"], &summary["acknowledged"]), (&3.into(), &0.into()));
    assert!(String::from_utf8(output.stderr).unwrap().contains("nothing was acknowledged"));
}

#[test]
fn a_score_is_a_table_or_json() {
    let folder = tempfile::tempdir().unwrap();
    let (truth, incidents) = (folder.path().join("truth"), folder.path().join("incidents"));
    std::fs::write(
        &truth,
        r#"{"fault":"bin-fire","device":"b1","members":["b1"],"from":1000,"to":9000,"expect":["bin_fire"]}"#,
    )
    .unwrap();
    std::fs::write(&incidents, r#"[{"rule":"fire","condition":"bin_fire","device":"b1","opened":3000}]"#).unwrap();
    let arguments = ["score", "--truth", truth.to_str().unwrap(), "--incidents", incidents.to_str().unwrap()];
    let table = String::from_utf8(gengfu_sim(&arguments).stdout).unwrap();
    assert!(table.contains("bin-fire") && table.contains("100 %"), "{table}");
    let json = gengfu_sim(&[&arguments[..], &["--json"]].concat()).stdout;
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!((&json["faults"][0]["recall"], &json["faults"][0]["delay_s"]), (&1.0.into(), &2.0.into()));
}
