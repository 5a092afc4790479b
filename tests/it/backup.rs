//! Promise: a backup of a running gateway restores to the same incidents and cases, and the doctor names
//! what is damaged.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gengfu::config::{Config, Size, Span};
use gengfu::pipeline::recover::recover;
use gengfu_connectors::Ledger;
use gengfu_connectors::checkpoint::MemoryCheckpoints;
use gengfu_connectors::ledger::{LedgerReader, MemoryLedger, SqliteLedger};
use gengfu_connectors::series::MemorySeries;
use gengfu_ingest::SystemClock;
use gengfu_ingest::journal::{JournalReader, ReadLimit, RealDisk};
use gengfu_model::{Kind, Seq};
use serde_json::Value;

use crate::harness::{TestGateway, token_of, wait_for};

const COVERS: usize = 8;

fn gengfu(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gengfu")).args(arguments).output().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn succeeds(arguments: &[&str]) -> String {
    let output = gengfu(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", told(&output));
    told(&output)
}

/// A configuration file for a data folder, with ports that are free.
fn config(folder: &Path, name: &str, data: &Path) -> String {
    let file = folder.join(name);
    let any = "listen = \"127.0.0.1:0\"";
    let text = format!("[data]\nfolder = \"{}\"\n[mqtt]\n{any}\n[coap]\n{any}\n[http]\n{any}\n", data.display());
    std::fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

/// A gateway with small segments, so that there are several, and covers that have reported.
fn busy_gateway() -> TestGateway {
    busy_gateway_with(|_| {})
}

fn busy_gateway_with(change: impl FnOnce(&mut Config)) -> TestGateway {
    let gateway = TestGateway::start_with(Arc::new(SystemClock), |config| {
        config.journal.segment = Size(1 << 20);
        config.mqtt.rate = 10_000;
        change(config);
    });
    for cover in 0..COVERS {
        gateway.add_device(&format!("cover-{cover}"), Kind::Manhole);
    }
    for cover in 0..COVERS {
        gateway.mqtt(&format!("cover-{cover}")).publish(&format!(r#"{{"tilt_deg":{}}}"#, cover * 10));
    }
    gateway
}

/// Posts large messages until the journal has had `count` segments.
fn fill_segments(gateway: &TestGateway, count: usize) {
    let journal = gateway.config.data.folder.join("journal");
    let url = format!("{}/v1/devices/cover-0/telemetry", gateway.anonymous().base());
    let body = format!(r#"{{"tilt_deg":1,"note":"{}"}}"#, "x".repeat(200_000));
    wait_for("segments", || {
        let request = ureq::post(&url).header("authorization", format!("Bearer {}", token_of("cover-0")));
        assert_eq!(request.send(&body).unwrap().status(), 200);
        (segments(&journal).len() + archived(&journal).len() >= count).then_some(())
    });
}

fn files_in(folder: &Path, part: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.to_string_lossy().contains(part)).collect();
    files.sort();
    files
}

fn segments(journal: &Path) -> Vec<PathBuf> {
    files_in(journal, "segment-")
}

fn archived(journal: &Path) -> Vec<PathBuf> {
    files_in(&journal.join("archive"), ".zst")
}

/// The ledger that the journal in a folder amounts to, up to a record.
fn replayed(data: &Path, up_to: Seq) -> Vec<u8> {
    let disk = Arc::new(RealDisk::open(data.join("journal")).unwrap());
    let mut ledger = MemoryLedger::default();
    let open = |after: Seq| {
        let mut reader =
            JournalReader::open(disk, after.next(), ReadLimit::Seq(up_to)).map_err(|error| error.to_string())?;
        Ok(std::iter::from_fn(move || reader.next_batch().map_err(|error| error.to_string()).transpose()))
    };
    recover(&mut ledger, &MemoryCheckpoints::default(), &mut MemorySeries::default(), up_to, open).unwrap();
    let mut dump = Vec::new();
    ledger.dump(&mut dump).unwrap();
    dump
}

/// What the API says of incidents and cases, without what restarts change.
fn incidents_and_cases(gateway: &TestGateway) -> Vec<String> {
    let api = gateway.login("duty");
    let rows = ["/api/v1/incidents?limit=100", "/api/v1/cases?limit=100"].iter().flat_map(|path| api.list(path));
    rows.map(|row| format!("{} {} {}", row["id"], row["state"], row["opened"])).collect()
}

#[test]
fn a_backup_of_a_running_gateway_restores_to_the_same_incidents_and_cases() {
    let gateway = busy_gateway_with(|config| config.engine.checkpoint_every = Span(1_000));
    fill_segments(&gateway, 3);
    let mut device = gateway.mqtt("cover-1");
    wait_for("an archived segment", || {
        device.publish(r#"{"tilt_deg":2}"#);
        archived(&gateway.config.data.folder.join("journal")).first().map(drop)
    });
    wait_for("the incidents", || (gateway.login("duty").list("/api/v1/incidents").len() >= 4).then_some(()));
    let before = incidents_and_cases(&gateway);
    let folder = gateway.folder.path();
    let file = config(folder, "gengfu.toml", &gateway.config.data.folder);
    let out = folder.join("backup");

    let stop = Arc::new(AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                device.publish(r#"{"tilt_deg":2,"battery_pct":50}"#);
            }
        });
        let output = gengfu(&["backup", "--config", &file, "--out", out.to_str().unwrap()]);
        stop.store(true, Ordering::Relaxed);
        assert!(output.status.success(), "{}", told(&output));
    });
    assert!(!gengfu(&["backup", "--config", &file, "--out", out.to_str().unwrap()]).status.success(), "not empty");
    let manifest: Value = serde_json::from_slice(&std::fs::read(out.join("manifest.json")).unwrap()).unwrap();
    let at = |name: &str| manifest["positions"][name].as_u64().unwrap();
    assert!(at("checkpoint") <= at("ledger") && at("ledger") <= at("journal_last"), "{manifest}");
    assert_eq!(manifest["running"], true);

    let restored_data = folder.join("restored");
    let restored_file = config(folder, "restored.toml", &restored_data);
    let said = succeeds(&["restore", "--from", out.to_str().unwrap(), "--config", &restored_file]);
    assert!(said.contains("gengfu serve"), "{said}");
    assert!(!gengfu(&["restore", "--from", out.to_str().unwrap(), "--config", &restored_file]).status.success());
    succeeds(&["doctor", "--config", &restored_file]);

    let position = LedgerReader::open(&restored_data.join("ledger.db")).unwrap().position().unwrap().0;
    assert_eq!(position, Seq(at("ledger")));
    let mut stored = Vec::new();
    SqliteLedger::open(&restored_data.join("ledger.db")).unwrap().dump(&mut stored).unwrap();
    assert!(stored == replayed(&restored_data, position), "the ledger is what the journal amounts to");

    let restored = TestGateway::start_with(Arc::new(SystemClock), |config| config.data.folder = restored_data);
    let after = incidents_and_cases(&restored);
    let lost: Vec<&String> = before.iter().filter(|row| !after.contains(row)).collect();
    assert!(lost.is_empty(), "{lost:?} of {before:?} are not in {after:?}");
    assert!(restored.balance().journaled > COVERS as u64);
    assert!(restored.balance().journaled <= gateway.balance().journaled);
}

#[test]
fn a_damaged_backup_is_refused_and_nothing_is_restored() {
    let gateway = busy_gateway();
    let folder = gateway.folder.path();
    let file = config(folder, "gengfu.toml", &gateway.config.data.folder);
    let out = folder.join("backup");
    succeeds(&["backup", "--config", &file, "--out", out.to_str().unwrap()]);
    let ledger = out.join("ledger.db");
    let mut bytes = std::fs::read(&ledger).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&ledger, bytes).unwrap();
    let restored = config(folder, "restored.toml", &folder.join("restored"));
    let output = gengfu(&["restore", "--from", out.to_str().unwrap(), "--config", &restored]);
    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output).contains("ledger.db: its hash is not"), "{}", told(&output));
    assert!(!folder.join("restored").try_exists().unwrap());
    std::fs::remove_file(out.join("manifest.json")).unwrap();
    let output = gengfu(&["restore", "--from", out.to_str().unwrap(), "--config", &restored]);
    assert!(told(&output).contains("this is no backup"), "{}", told(&output));
}

#[test]
fn the_secret_of_a_backup_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let gateway = busy_gateway();
    let folder = gateway.folder.path();
    let file = config(folder, "gengfu.toml", &gateway.config.data.folder);
    let out = folder.join("backup");
    succeeds(&["backup", "--config", &file, "--out", out.to_str().unwrap()]);
    let restored = folder.join("restored");
    succeeds(&["restore", "--from", out.to_str().unwrap(), "--config", &config(folder, "restored.toml", &restored)]);
    let original = std::fs::read(gateway.config.data.folder.join("secret.key")).unwrap();
    for secret in [out.join("secret.key"), restored.join("secret.key")] {
        assert_eq!(std::fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read(&secret).unwrap(), original);
    }
}

/// A stopped data folder with a few segments, and its configuration file: a backup that was restored.
fn stopped_folder(gateway: &TestGateway) -> (PathBuf, String) {
    let folder = gateway.folder.path();
    let file = config(folder, "gengfu.toml", &gateway.config.data.folder);
    let (out, data) = (folder.join("backup"), folder.join("stopped"));
    succeeds(&["backup", "--config", &file, "--out", out.to_str().unwrap()]);
    let file = config(folder, "stopped.toml", &data);
    succeeds(&["restore", "--from", out.to_str().unwrap(), "--config", &file]);
    (data, file)
}

/// The doctor's exit code and findings.
fn doctor(file: &str) -> (i32, Value) {
    let output = gengfu(&["doctor", "--json", "--config", file]);
    let answer = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", told(&output)));
    (output.status.code().unwrap(), answer)
}

/// The texts of what is wrong.
fn wrong(findings: &Value) -> Vec<String> {
    let all = findings["findings"].as_array().unwrap().iter();
    all.filter(|finding| finding["level"] == "wrong").map(|finding| finding["text"].to_string()).collect()
}

#[test]
fn the_doctor_finds_a_healthy_folder_healthy_running_or_stopped() {
    let gateway = busy_gateway();
    let file = config(gateway.folder.path(), "gengfu.toml", &gateway.config.data.folder);
    for (file, running) in [(file, true), (stopped_folder(&gateway).1, false)] {
        let (code, answer) = doctor(&file);
        assert_eq!((code, &answer["ok"]), (0, &Value::Bool(true)), "{answer}");
        let text = answer.to_string();
        for part in
            ["our own gateway listens", "8 messages", "the live pack", "only its owner", "SQLite files are sound"]
        {
            assert!(text.contains(part) || (!running && part == "our own gateway listens"), "{part}: {text}");
        }
        assert_eq!(text.contains("a start replays"), !running, "{text}");
    }
}

#[test]
fn a_flipped_byte_in_a_closed_segment_is_named_with_file_and_place() {
    let gateway = busy_gateway();
    fill_segments(&gateway, 3);
    let (data, file) = stopped_folder(&gateway);
    let segment = segments(&data.join("journal")).remove(0);
    let mut bytes = std::fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    std::fs::write(&segment, bytes).unwrap();
    let (code, answer) = doctor(&file);
    assert_eq!(code, 1, "{answer}");
    let wrong = wrong(&answer);
    let name = segment.file_name().unwrap().to_str().unwrap();
    let damage = wrong.iter().find(|text| text.contains(name)).unwrap_or_else(|| panic!("{name}: {wrong:?}"));
    // The frame that holds the byte: it begins at or before it.
    let place = damage.split("at byte ").nth(1).and_then(|rest| rest.split(':').next()).unwrap();
    let place: usize = place.parse().unwrap();
    assert!(place <= middle && place >= 4_096 && middle - place < 400_000, "{damage}, the byte is {middle}");
}

#[test]
fn a_missing_segment_is_named() {
    let gateway = busy_gateway();
    fill_segments(&gateway, 4);
    let (data, file) = stopped_folder(&gateway);
    let segment = segments(&data.join("journal")).remove(1);
    std::fs::remove_file(&segment).unwrap();
    let (code, answer) = doctor(&file);
    let name = segment.file_name().unwrap().to_str().unwrap();
    assert!(code == 1 && wrong(&answer).iter().any(|text| text.contains(name)), "{answer}");
    assert!(wrong(&answer).iter().any(|text| text.contains("are not kept")), "the records are named: {answer}");
}

#[test]
fn a_secret_that_others_may_read_and_a_taken_port_are_wrong() {
    use std::os::unix::fs::PermissionsExt;
    let gateway = busy_gateway();
    let (data, _) = stopped_folder(&gateway);
    std::fs::set_permissions(data.join("secret.key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let listener = std::net::TcpListener::bind(taken).unwrap();
    let file = gateway.folder.path().join("taken.toml");
    let any = "listen = \"127.0.0.1:0\"";
    let text = format!(
        "[data]\nfolder = \"{}\"\n[mqtt]\nlisten = \"{taken}\"\n[coap]\n{any}\n[http]\n{any}\n",
        data.display()
    );
    std::fs::write(&file, text).unwrap();
    let (code, answer) = doctor(file.to_str().unwrap());
    drop(listener);
    let wrong = wrong(&answer);
    assert_eq!((code, wrong.len()), (1, 2), "{answer}");
    assert!(wrong.iter().any(|text| text.contains("chmod 600")), "{wrong:?}");
    assert!(wrong.iter().any(|text| text.contains("mqtt.listen")), "{wrong:?}");
}

#[test]
fn every_codec_is_checked_against_its_samples() {
    let output = gengfu(&["codecs", "check", "--json"]);
    assert!(output.status.success(), "{}", told(&output));
    let models = String::from_utf8(output.stdout).unwrap();
    assert_eq!(models.lines().count(), gengfu_codecs::MODELS.len());
}
