//! Promise: with a real VictoriaMetrics, what was written is there at the end, though the store is
//! killed in between, is not there at the start, or says 204 to nonsense.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gengfu_connectors::series::influx::{Api, InfluxSettings, InfluxWriter, Lines};
use gengfu_model::{Kind, Seq, Value};
use tempfile::TempDir;

use crate::support::{Feeder, START_MS, lines, quick, tilt, wait_for};

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
        let agent: ureq::Agent =
            ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(5))).build().into();
        agent.get(format!("{}{path}", self.url())).call().ok()?.body_mut().read_to_string().ok()
    }

    /// Every sample, by field and device, with its time.
    fn samples(&self) -> BTreeMap<String, Vec<(i64, f64)>> {
        self.get("/internal/force_flush").expect("the flush");
        let text = self.get("/api/v1/export?match[]=%7Bdevice!%3D%22%22%7D").expect("the export");
        let mut found = BTreeMap::new();
        for line in text.lines() {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            let name = format!(
                "{} {}",
                row["metric"]["__name__"].as_str().unwrap(),
                row["metric"]["device"].as_str().unwrap()
            );
            let numbers = |key: &str| row[key].as_array().unwrap().clone();
            let times = numbers("timestamps").into_iter().map(|time| time.as_i64().unwrap());
            let values = numbers("values").into_iter().map(|value| value.as_f64().unwrap_or(f64::NAN));
            found.entry(name).or_insert_with(Vec::new).extend(times.zip(values));
        }
        found.values_mut().for_each(|samples: &mut Vec<(i64, f64)>| samples.sort_by_key(|sample| sample.0));
        found
    }
}

impl Drop for Victoria {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().ok();
            process.wait().ok();
        }
    }
}

fn batches(count: i64) -> Vec<Lines> {
    (0..count).map(|n| lines(&[batch_point(n, 0), batch_point(n, 1)])).collect()
}

fn batch_point(batch: i64, device: i64) -> gengfu_model::Point {
    let seq = u64::try_from(batch).unwrap();
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    tilt(&format!("cover-{device}"), START_MS + batch * 1_000, seq, (batch % 90) as f64 + 0.25)
}

fn assert_all_there(victoria: &Victoria, count: i64) {
    let samples = victoria.samples();
    for device in 0..2 {
        let found = &samples[&format!("manhole_tilt_deg cover-{device}")];
        let expected: Vec<(i64, f64)> = (0..count)
            .map(|n| batch_point(n, device))
            .map(|point| (point.time.as_millis(), point.value.as_number().unwrap()))
            .collect();
        assert!(*found == expected, "cover-{device}: {} of {count} samples", found.len());
    }
}

#[test]
fn what_is_written_can_be_read_back() {
    let mut victoria = Victoria::new();
    victoria.start();
    let cover_open = Kind::Manhole.field("cover_open").unwrap();
    let open = gengfu_model::Point { field: cover_open, value: Value::Bool(true), ..tilt("cover-1", START_MS, 1, 0.0) };
    let closed =
        gengfu_model::Point { time: gengfu_model::Timestamp(START_MS + 5), value: Value::Bool(false), ..open.clone() };
    let batch = lines(&[tilt("cover-1", START_MS, 1, 2.5), open, tilt("a.b:c_d-e", START_MS + 1, 2, 0.1), closed]);
    let mut writer = InfluxWriter::new(&quick(&victoria.url())).unwrap();
    assert_eq!(writer.write(&batch, Seq(2)).unwrap().lines, 3);
    let samples = victoria.samples();
    assert_eq!(samples["manhole_tilt_deg cover-1"], [(START_MS, 2.5)]);
    assert_eq!(samples["manhole_tilt_deg a.b:c_d-e"], [(START_MS + 1, 0.1)]);
    assert_eq!(samples["manhole_cover_open cover-1"], [(START_MS, 1.0), (START_MS + 5, 0.0)]);
}

#[test]
fn the_older_api_is_written_to_as_well() {
    let mut victoria = Victoria::new();
    victoria.start();
    let settings = InfluxSettings { api: Api::V1, ..quick(&victoria.url()) };
    let mut feeder = Feeder::new(&settings, batches(5));
    feeder.finish();
    assert_all_there(&victoria, 5);
}

#[test]
fn the_same_batch_twice_is_there_once() {
    let mut victoria = Victoria::new();
    victoria.start();
    let mut feeder = Feeder::new(&quick(&victoria.url()), batches(5));
    feeder.finish();
    let mut feeder = Feeder::new(&quick(&victoria.url()), batches(5));
    feeder.finish();
    assert_all_there(&victoria, 5);
}

#[test]
fn a_store_that_is_down_at_the_start_gets_everything_when_it_comes() {
    let mut victoria = Victoria::new();
    let mut feeder = Feeder::new(&quick(&victoria.url()), batches(20));
    while feeder.failures < 3 {
        feeder.step();
    }
    assert_eq!(feeder.next, 0);
    victoria.start();
    feeder.finish();
    assert_all_there(&victoria, 20);
}

/// The store is killed right after it has acknowledged, when it has nothing on its disk yet, and
/// once more after everything was confirmed.
#[test]
fn nothing_is_lost_when_the_store_is_killed_while_it_is_written_to() {
    let mut victoria = Victoria::new();
    victoria.start();
    // The real time until a write counts as confirmed: this store flushes every few seconds.
    let settings = InfluxSettings { confirm_after: Duration::from_secs(15), ..quick(&victoria.url()) };
    let mut feeder = Feeder::new(&settings, batches(200));
    while feeder.next < 100 {
        feeder.step();
    }
    victoria.kill();
    // Restarted before the next write: nothing but the lost connection tells of it.
    victoria.start();
    let survived = victoria.samples().get("manhole_tilt_deg cover-0").map_or(0, Vec::len);
    assert!(survived < 100, "the store has lost what it had acknowledged, else this test shows nothing");
    feeder.finish();
    assert!(feeder.rewinds >= 1);
    victoria.kill();
    victoria.start();
    assert_all_there(&victoria, 200);
}

#[test]
fn nothing_that_is_no_number_is_ever_sent() {
    let mut victoria = Victoria::new();
    victoria.start();
    let batch = lines(&[
        tilt("cover-1", START_MS, 1, f64::NAN),
        tilt("cover-1", START_MS + 1, 2, 1.5),
        tilt("cover-1", START_MS + 2, 3, f64::INFINITY),
        tilt("cover-1", START_MS + 3, 4, f64::NEG_INFINITY),
    ]);
    assert_eq!((batch.len(), batch.left_out().unusable), (1, 3));
    let mut writer = InfluxWriter::new(&quick(&victoria.url())).unwrap();
    writer.write(&batch, Seq(4)).unwrap();
    assert_eq!(victoria.samples()["manhole_tilt_deg cover-1"], [(START_MS + 1, 1.5)]);
}
