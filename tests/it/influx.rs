//! Promise: the remote time series gets what the embedded one has, whenever it is there, and nothing
//! waits for it.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use gengfu::config::{Config, InfluxApi, InfluxConfig, Size, Span};
use gengfu_ingest::journal::RealDisk;
use gengfu_ingest::journal::reader::first_kept;
use gengfu_ingest::{Clock, SystemClock};
use gengfu_model::{Kind, Seq};
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{TestGateway, wait_for};

const PROGRAM: &str = "victoria-metrics";

/// A VictoriaMetrics on a port and in a folder of its own.
struct Victoria {
    folder: TempDir,
    port: u16,
    process: Option<Child>,
}

impl Victoria {
    /// A place for one that does not run yet.
    fn new() -> Victoria {
        // The program takes no port 0: a free one is found and given back at once.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Victoria { folder: tempfile::tempdir().unwrap(), port, process: None }
    }

    fn start(&mut self) {
        let process = Command::new(PROGRAM)
            .arg(format!("-httpListenAddr=127.0.0.1:{}", self.port))
            .arg(format!("-storageDataPath={}", self.folder.path().display()))
            .args(["-retentionPeriod=100y", "-dedup.minScrapeInterval=1ms", "-loggerLevel=ERROR"])
            .args(["-search.latencyOffset=0s", "-search.disableCache"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{PROGRAM}: {error}; install the package `victoria-metrics`"));
        self.process = Some(process);
        wait_for("VictoriaMetrics", || self.get("/ready").filter(|answer| answer.contains("OK")));
    }

    /// `kill -9`.
    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn get(&self, path: &str) -> Option<String> {
        let timeout = Some(Duration::from_secs(5));
        let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(timeout).build().into();
        agent.get(format!("{}{path}", self.url())).call().ok()?.body_mut().read_to_string().ok()
    }

    /// The samples of one field of one device, in the order of time.
    fn samples(&self, name: &str, device: &str) -> Vec<(i64, f64)> {
        self.get("/internal/force_flush").expect("the flush");
        let path = format!("/api/v1/export?match[]=%7B__name__%3D%22{name}%22%2Cdevice%3D%22{device}%22%7D");
        let text = self.get(&path).expect("the export");
        let mut found = Vec::new();
        for line in text.lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            let times = row["timestamps"].as_array().unwrap().iter().map(|time| time.as_i64().unwrap());
            let values = row["values"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap());
            found.extend(times.zip(values));
        }
        found.sort_by_key(|sample| sample.0);
        found
    }

    fn values(&self, name: &str, device: &str) -> Vec<f64> {
        self.samples(name, device).into_iter().map(|sample| sample.1).collect()
    }
}

impl Drop for Victoria {
    fn drop(&mut self) {
        self.kill();
    }
}

fn fed_to(url: String) -> impl FnOnce(&mut Config) {
    move |config| {
        config.influx = Some(InfluxConfig {
            url,
            api: InfluxApi::V2,
            org: "city".to_owned(),
            bucket: "telemetry".to_owned(),
            token_file: None,
            roots_file: None,
            text: false,
            booleans_as_numbers: false,
            timeout: Span(2_000),
            confirm_after: Span(1_000),
        });
    }
}

fn gateway(victoria: &Victoria) -> TestGateway {
    TestGateway::start_with(Arc::new(SystemClock), fed_to(victoria.url()))
}

/// One of the gateway's metrics of the remote series.
fn metric(gateway: &TestGateway, name: &str) -> u64 {
    let (status, text) = gateway.login("admin").get("/metrics");
    assert_eq!(status, 200);
    let text = text.as_str().expect("metrics are text").to_owned();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("gengfu_remote_series_{name} ")));
    line.unwrap_or_else(|| panic!("`{name}` is missing in:\n{text}")).parse().unwrap()
}

#[test]
fn a_message_is_in_the_remote_series_as_in_the_embedded_one() {
    let mut victoria = Victoria::new();
    victoria.start();
    let gateway = gateway(&victoria);
    gateway.add_device("cover-1", Kind::Manhole);
    gateway.add_device("truck-1", Kind::Truck);
    let now = SystemClock.now().as_millis();
    let mut cover = gateway.mqtt("cover-1");
    cover.publish(&format!(r#"{{"ts":{},"tilt_deg":2.25,"cover_open":false}}"#, now - 7_000));
    cover.publish(&format!(r#"{{"ts":{},"tilt_deg":3.5}}"#, now + 60_000));
    cover.publish(&format!(r#"{{"ts":{},"tilt_deg":77}}"#, now + 3_600_000));
    cover.publish(&format!(r#"{{"ts":{},"tilt_deg":78}}"#, now / 1_000));
    cover.publish("not json at all");
    gateway.mqtt("truck-1").publish(r#"{"speed_kmh":12.5,"task":"sweep 4"}"#);
    wait_for("the last value", || (victoria.values("truck_speed_kmh", "truck-1") == [12.5]).then_some(()));
    let tilts = victoria.samples("manhole_tilt_deg", "cover-1");
    assert_eq!(tilts.len(), 2, "too far ahead and no time at all are left out: {tilts:?}");
    assert_eq!(tilts[0], (now - 7_000, 2.25));
    assert!(tilts[1].1 == 3.5 && tilts[1].0 < now + 30_000, "a clock a little ahead is taken as received: {tilts:?}");
    assert_eq!(victoria.samples("manhole_cover_open", "cover-1"), [(now - 7_000, 0.0)]);
    assert_eq!(victoria.samples("truck_task", "truck-1"), [], "texts stay here");
    let embedded = gateway.login("admin").get("/api/v1/devices/cover-1/series?field=tilt_deg").1;
    let embedded: Vec<f64> =
        embedded["points"].as_array().unwrap().iter().map(|point| point[1].as_f64().unwrap()).collect();
    assert_eq!(embedded, [2.25, 3.5]);
    wait_for("the confirmation", || (metric(&gateway, "confirmed_sequence") > 0).then_some(()));
    assert_eq!(metric(&gateway, "points_written_total"), 4);
    assert_eq!(metric(&gateway, "points_left_out_total"), 1);
    assert_eq!(metric(&gateway, "records_missed_total"), 0);
}

#[test]
fn a_store_that_is_down_holds_up_nothing_and_gets_everything_when_it_comes() {
    let mut victoria = Victoria::new();
    let mut gateway = gateway(&victoria);
    gateway.add_device("cover-1", Kind::Manhole);
    let mut cover = gateway.mqtt("cover-1");
    let start = SystemClock.now().as_millis() - 60_000;
    for n in 0..20 {
        cover.publish(&format!(r#"{{"ts":{},"tilt_deg":{n}.5}}"#, start + n * 1_000));
    }
    wait_for("the failures", || (metric(&gateway, "writes_failed_total") > 1).then_some(()));
    assert_eq!(metric(&gateway, "down"), 1);
    wait_for("the embedded series", || {
        let (_, series) = gateway.login("admin").get("/api/v1/devices/cover-1/series?field=tilt_deg");
        (series["points"].as_array().map_or(0, Vec::len) == 20).then_some(())
    });
    // The position survives a restart with the store still away.
    gateway.restart();
    gateway.mqtt("cover-1").publish(r#"{"tilt_deg":89.5}"#);
    victoria.start();
    let expected: Vec<f64> = (0..20_u8).map(|n| f64::from(n) + 0.5).chain([89.5]).collect();
    wait_for("all values", || (victoria.values("manhole_tilt_deg", "cover-1") == expected).then_some(()));
    wait_for("no lag", || (metric(&gateway, "lag_records") < 5).then_some(()));
    assert_eq!((metric(&gateway, "down"), metric(&gateway, "records_missed_total")), (0, 0));
}

#[test]
fn a_store_that_is_killed_while_it_is_fed_has_everything_in_the_end() {
    let mut victoria = Victoria::new();
    victoria.start();
    let gateway = gateway(&victoria);
    gateway.add_device("cover-1", Kind::Manhole);
    let mut cover = gateway.mqtt("cover-1");
    let start = SystemClock.now().as_millis() - 60_000;
    let mut expected = Vec::new();
    for n in 0..30_u8 {
        if n == 15 {
            wait_for("something written", || (metric(&gateway, "points_written_total") > 0).then_some(()));
            victoria.kill();
        }
        cover.publish(&format!(r#"{{"ts":{},"tilt_deg":{n}.25}}"#, start + i64::from(n) * 1_000));
        expected.push(f64::from(n) + 0.25);
    }
    victoria.start();
    wait_for("all values", || (victoria.values("manhole_tilt_deg", "cover-1") == expected).then_some(()));
}

#[test]
fn what_the_archive_no_longer_has_is_a_gap_that_is_noted_and_can_be_filled() {
    let mut victoria = Victoria::new();
    let url = victoria.url();
    let mut gateway = TestGateway::start_with(Arc::new(SystemClock), |config| {
        fed_to(url)(config);
        // Segments as small as may be, and an archive that keeps nothing.
        (config.journal.segment, config.journal.keep_size) = (Size(1 << 20), Size(1));
        config.engine.checkpoint_every = Span(1_000);
        config.mqtt.rate = 10_000;
    });
    gateway.add_device("cover-1", Kind::Manhole);
    let disk = RealDisk::open(gateway.config.data.folder.join("journal")).unwrap();
    // Within what the client sends.
    let blanks = " ".repeat(9 << 10);
    let start = SystemClock.now().as_millis() - 600_000;
    let mut values = Vec::new();
    let mut cover = gateway.mqtt("cover-1");
    // A checkpoint begins with a record, and releases the segments that were closed before it: traffic must go on.
    wait_for("the first segment leaves the archive", || {
        let n = values.len() as i64;
        cover.publish(&format!(r#"{{"ts":{},{blanks}"tilt_deg":{}}}"#, start + n * 100, n % 9));
        values.push((start + n * 100, (n % 9) as f64));
        first_kept(&disk).unwrap().filter(|first| *first > Seq(1))
    });
    // The thread that feeds may still hold the removed file open: what begins anew finds the gap.
    gateway.restart();
    victoria.start();
    wait_for("the gap", || (metric(&gateway, "records_missed_total") > 0).then_some(()));
    gateway.mqtt("cover-1").publish(r#"{"battery_pct":50}"#);
    wait_for("what came later", || (victoria.values("manhole_battery_pct", "cover-1") == [50.0]).then_some(()));
    assert!(victoria.samples("manhole_tilt_deg", "cover-1").len() < values.len(), "something is missing");

    let config = gateway.folder.path().join("gengfu.toml");
    let text = format!(
        "[data]\nfolder = {:?}\n[influx]\nurl = {:?}\norg = \"city\"\nbucket = \"telemetry\"\nconfirm_after = \"1s\"\n",
        gateway.config.data.folder,
        victoria.url()
    );
    std::fs::write(&config, text).unwrap();
    let run = |command: &str| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_gengfu"));
        let output = program.args(["series", command, "--config"]).arg(&config).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let gaps = run("gaps");
    assert!(gaps.starts_with("1 to "), "{gaps}");
    assert_eq!(run("backfill").lines().count(), gaps.lines().count());
    assert_eq!(run("gaps"), "", "it is filled");
    assert_eq!(victoria.samples("manhole_tilt_deg", "cover-1"), values);
}
