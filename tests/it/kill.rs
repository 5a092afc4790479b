//! Promise: `kill -9` at any moment under load loses nothing that was acknowledged and makes nothing twice.
//!
//! The clients keep their own list of what was acknowledged. The gateway is killed twenty times, three of
//! them while it recovers, and started again on the same data and the same port.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gengfu::config::Config;
use gengfu_ingest::journal::model_disk::SplitMix64;
use gengfu_ingest::journal::{JournalReader, ReadLimit, RealDisk};
use gengfu_model::{Body, Seq};
use gengfu_sim::city::City;
use gengfu_sim::load::{Options, load};
use rumqttc::{Client, Event, MqttOptions, Packet, QoS};
use tokio_util::sync::CancellationToken;

use crate::harness::wait_for;

const KILLS: u64 = 20;
/// After every sixth kill comes another within the recovery: three times.
const IN_RECOVERY: u64 = 6;
const CONNECTIONS: usize = 50;
const RATE: f64 = 6_000.0;

struct Line {
    folder: tempfile::TempDir,
    config: PathBuf,
    mqtt: SocketAddr,
}

impl Line {
    fn new() -> Line {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("gengfu.toml");
        // The port must be the same after a restart: take one that is free now.
        let mqtt = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let text = format!(
            "[data]\nfolder = \"data\"\n[mqtt]\nlisten = \"{mqtt}\"\nrate = 100000\n[coap]\nenabled = false\n\
             [http]\nlisten = \"127.0.0.1:0\"\n[journal]\nsegment = \"4MiB\"\n[engine]\ncheckpoint_every = \"1s\"\n"
        );
        std::fs::write(&config, text).unwrap();
        Line { folder, config, mqtt }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn gengfu(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gengfu"));
        command.args(arguments).stdin(Stdio::null()).env("GENGFU_LOG", "warn");
        command
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output = self.gengfu(arguments).arg("--config").arg(&self.config).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn serve(&self) -> Child {
        let log = File::options().create(true).append(true).open(self.folder.path().join("serve.log")).unwrap();
        self.gengfu(&["serve", "--config"]).arg(&self.config).stderr(log).spawn().unwrap()
    }

    fn wait_until_it_listens(&self) {
        wait_for("the MQTT port", || std::net::TcpStream::connect(self.mqtt).ok());
    }

    /// Publishes one message with its own id until it is acknowledged, whatever happens meanwhile.
    fn publish(&self, device: &str, token: &str, payload: &str) {
        wait_for("an acknowledged message", || {
            let mut options = MqttOptions::new(device, self.mqtt.ip().to_string(), self.mqtt.port());
            options.set_credentials(device, token).set_keep_alive(Duration::from_secs(5));
            let (client, mut connection) = Client::new(options, 10);
            client.publish("v1/devices/me/telemetry", QoS::AtLeastOnce, false, payload).ok()?;
            loop {
                match connection.recv_timeout(Duration::from_secs(5)) {
                    Ok(Ok(Event::Incoming(Packet::PubAck(_)))) => return Some(()),
                    Ok(Ok(_)) => {}
                    Ok(Err(_)) | Err(_) => return None,
                }
            }
        });
    }
}

#[test]
fn twenty_kills_lose_nothing() {
    let line = Line::new();
    let city = City::generate(11, CONNECTIONS);
    let register = line.folder.path().join("city.csv");
    gengfu_sim::city::write_register(&city, File::create(&register).unwrap()).unwrap();
    line.run_import(&register);
    let covers: Vec<String> = (0..KILLS).map(|number| format!("test-cover-{number}")).collect();
    for cover in &covers {
        line.run(&["devices", "add", cover, "--kind", "manhole", "--token", &token(cover)]);
    }
    let mut gateway = line.serve();
    line.wait_until_it_listens();

    let acked_log = line.folder.path().join("acknowledged.txt");
    let stop = CancellationToken::new();
    let loader = {
        let (stop, broker) = (stop.clone(), line.mqtt);
        let acked_log = Some(File::create(&acked_log).unwrap());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let options = Options {
                broker,
                connections: CONNECTIONS,
                in_flight: 10,
                duration: Duration::from_secs(600),
                rate: Some(RATE),
                version: gengfu_sim::mqtt::Version::V4,
                acked_log,
            };
            runtime.block_on(load(&city, options, stop)).unwrap()
        })
    };
    let mut random = SplitMix64::new(20);
    let acknowledged = || std::fs::metadata(&acked_log).unwrap().len();
    for (kill, cover) in (0..KILLS).zip(&covers) {
        line.publish(cover, &token(cover), &format!(r#"{{"id":"{cover}","tilt_deg":60}}"#));
        let enough = acknowledged() + 60_000 + random.below(120_000);
        wait_for("more acknowledgements", || (acknowledged() > enough).then_some(()));
        gateway.kill().unwrap();
        gateway.wait().unwrap();
        gateway = line.serve();
        if kill % IN_RECOVERY == IN_RECOVERY - 1 {
            // The lock names the new process: it is opening the journal and recovering right now.
            let lock = line.data().join("gengfu.lock");
            let pid = gateway.id().to_string();
            wait_for("the lock", || std::fs::read_to_string(&lock).ok().filter(|text| text.trim() == pid));
            gateway.kill().unwrap();
            gateway.wait().unwrap();
            gateway = line.serve();
        }
        line.wait_until_it_listens();
    }
    stop.cancel();
    let result = loader.join().unwrap();
    assert!(result.acknowledged > 0 && result.refused == 0, "{result:?}");
    terminate(&mut gateway);

    check_journal(&line, &acked_log);
    let ledger = line.run(&["journal", "inspect", "--ledger"]);
    let replayed = line.run(&["journal", "inspect", "--ledger", "--replay"]);
    assert!(ledger == replayed, "the ledger is what the journal amounts to, byte for byte");
    let mut incidents: BTreeMap<&str, u32> = BTreeMap::new();
    for row in ledger.lines().filter(|row| row.contains(r#""table":"incident""#)) {
        for cover in covers.iter().filter(|cover| row.contains(&format!(r#""device":"{cover}""#))) {
            *incidents.entry(cover).or_default() += 1;
        }
    }
    assert_eq!(incidents.len(), covers.len(), "every cover has its incident: {incidents:?}");
    assert!(incidents.values().all(|count| *count == 1), "every incident exists once: {incidents:?}");
}

/// Everything that a client was told is safe is in the journal, and counted once.
fn check_journal(line: &Line, acked_log: &Path) {
    let disk = std::sync::Arc::new(RealDisk::open(line.data().join("journal")).unwrap());
    let mut reader = JournalReader::open(disk, Seq(1), ReadLimit::Everything).unwrap();
    let mut ids = BTreeSet::new();
    let mut messages = 0_u64;
    while let Some(batch) = reader.next_batch().unwrap() {
        for record in batch {
            if let Body::Message(envelope) = &record.body {
                let payload: serde_json::Value = serde_json::from_slice(&envelope.payload).unwrap();
                ids.insert(payload["id"].as_str().unwrap().to_owned());
                messages += 1;
            }
        }
    }
    let text = std::fs::read_to_string(acked_log).unwrap();
    let lost: Vec<&str> = text.lines().filter(|id| !ids.contains(*id)).collect();
    assert!(lost.is_empty(), "{} acknowledged messages are lost, such as {:?}", lost.len(), lost.first());
    assert!(text.lines().count() > 10_000, "only {} messages were acknowledged", text.lines().count());

    let mut config = Config::default();
    config.data.folder = line.data();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let gateway = runtime.block_on(gengfu::Gateway::start(&config, gengfu::StartOptions::default())).unwrap();
    let balance = runtime.block_on(gengfu_dashboards::Gateway::balance(&gateway.shared(), None));
    runtime.block_on(gateway.stop());
    assert_eq!(balance.journaled, messages, "{balance:?}");
    assert_eq!(balance.journaled, balance.decoded + balance.duplicate + balance.quarantined, "{balance:?}");
    assert_eq!(balance.decoded, ids.len() as u64, "every message is stored once, its repeats are duplicates");
}

impl Line {
    fn run_import(&self, register: &Path) {
        let register = register.to_str().unwrap();
        self.run(&["devices", "import", register]);
    }
}

fn token(device: &str) -> String {
    format!("token-of-{device}-0123456789")
}

fn terminate(gateway: &mut Child) {
    let pid = gateway.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let status = gateway.wait().unwrap();
    assert!(status.success(), "a gateway that is told to stop ends well: {status}");
}
