//! Promise: a gateway that was stopped leaves files that are whole by themselves: no SQLite file waits for its WAL.

use std::net::TcpStream;
use std::path::{Path, PathBuf};

use gengfu_ingest::{Clock, SystemClock};
use gengfu_model::time::DAY_MS;
use serde_json::{Value, json};

use crate::bad_input::http_post;
use crate::harness::{Api, PASSWORD, token_of, wait_for};
use crate::restart::Server;

/// The files whose name ends so in a folder and all below it, with their length.
fn files(folder: &Path, end: &str) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, end));
        } else if path.to_string_lossy().ends_with(end) {
            let bytes = path.metadata().unwrap().len();
            found.push((path, bytes));
        }
    }
    found
}

/// What people see: the newest value, the plot of two days, the incident.
fn seen(api: &Api, from_ms: i64) -> [Value; 3] {
    let plot = format!("/api/v1/devices/cover-1/series?field=tilt_deg&from={from_ms}&to={}", from_ms + 3 * DAY_MS);
    let latest = api.get("/api/v1/devices/cover-1/latest").1["fields"]["tilt_deg"].clone();
    let incidents = api.list("/api/v1/incidents?device=cover-1").iter().map(|row| row["id"].clone()).collect();
    [latest, api.get(&plot).1["points"].clone(), Value::Array(incidents)]
}

#[test]
fn a_clean_stop_leaves_no_wal_behind() {
    let server = Server::new();
    server.run(&["devices", "add", "cover-1", "--kind", "manhole", "--token", &token_of("cover-1")]);
    server.run_with_input(&["users", "add", "duty", "--role", "duty_officer", "--password-stdin"], PASSWORD);
    let base = format!("http://{}", server.http);
    let gateway = server.serve();
    wait_for("the port", || TcpStream::connect(server.http).ok());
    let now = SystemClock.now().as_millis();
    let before = now - 2 * DAY_MS;
    for body in [json!({ "ts": before, "tilt_deg": 3 }), json!({ "tilt_deg": 60 })] {
        let url = format!("{base}/v1/devices/cover-1/telemetry");
        assert_eq!(http_post(&url, &token_of("cover-1"), &body.to_string()).0, 200);
    }
    // Readers of every store, which outlive the writers.
    let api = Api::login(&base, "duty", PASSWORD);
    let whole = |seen: &[Value; 3]| {
        let lengths = seen[1..].iter().map(|list| list.as_array().map_or(0, Vec::len)).collect::<Vec<_>>();
        !seen[0].is_null() && lengths == [2, 1]
    };
    let at_work = wait_for("all of it", || Some(seen(&api, before - 1_000)).filter(whole));
    let data = server.data();
    let waiting = files(&data, ".db-wal").iter().filter(|(_, bytes)| *bytes > 0).count();
    assert!(waiting > 0, "while it runs, something stands in a WAL");
    gateway.terminate();

    let left: Vec<_> = files(&data, "-wal").into_iter().filter(|(_, bytes)| *bytes > 0).collect();
    assert_eq!(left, [], "what a copy of the files alone would miss");
    let stores: Vec<String> =
        files(&data, ".db").iter().map(|(path, _)| path.strip_prefix(&data).unwrap().display().to_string()).collect();
    for store in ["ledger.db", "checkpoint.db", "series/catalogue.db"] {
        assert!(stores.iter().any(|found| found == store), "{stores:?}");
    }
    assert!(stores.iter().filter(|found| found.starts_with("series/20")).count() >= 2, "a file a day: {stores:?}");

    let _gateway = server.serve();
    let api =
        wait_for("the port", || TcpStream::connect(server.http).ok().map(|_| Api::login(&base, "duty", PASSWORD)));
    assert_eq!(seen(&api, before - 1_000), at_work);
}
