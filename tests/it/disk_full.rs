//! Promise: a full disk costs no acknowledged message, stops neither timers nor staff, and is over when there is room.
//!
//! The real program runs on a file system of its own: a tmpfs in a private mount namespace, which needs no
//! root. It is filled while a device publishes, and emptied again.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use gengfu::gateway::Addresses;
use gengfu_ingest::journal::{JournalReader, ReadLimit, RealDisk};
use gengfu_model::{Body, Seq};
use rumqttc::{Client, Event, MqttOptions, Packet, QoS};
use serde_json::json;

use crate::bad_input::{coap_code, coap_post, http_post};
use crate::harness::{Api, DEADLINE, token_of, wait_for};

const DISK_BYTES: u64 = 200 << 20;
/// Of a publisher's messages, at most: they are 8 KiB and a little, a segment is 1 MiB.
const MESSAGES_A_SEGMENT: usize = 128;
/// Waits in its namespace for lines; each starts the gateway once and tells its process id and its end.
const SCRIPT: &str = "mount -t tmpfs -o size=\"$1\" gengfu \"$2\" || exit 99\necho mounted\n\
    while read -r _; do \"$3\" serve --config \"$4\" 2>>\"$5\" </dev/null & echo $!; wait $!; echo \"ended $?\"; done\n";

/// A small disk and the gateway on it.
struct SmallDisk {
    folder: tempfile::TempDir,
    shell: Child,
    input: Option<ChildStdin>,
    output: Receiver<String>,
    gateway: Option<u32>,
}

impl SmallDisk {
    fn new() -> SmallDisk {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        std::fs::create_dir(path("disk")).unwrap();
        let text = "[data]\nfolder = \"disk/data\"\n[mqtt]\nlisten = \"127.0.0.1:0\"\n\
                    [coap]\nlisten = \"127.0.0.1:0\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
                    [journal]\nsegment = \"1MiB\"\n[engine]\ncheckpoint_every = \"1s\"\n";
        std::fs::write(path("serve.toml"), text).unwrap();
        let mut shell = Command::new("unshare")
            .args(["-rm", "sh", "-c", SCRIPT, "sh", &DISK_BYTES.to_string(), &path("disk")])
            .args([env!("CARGO_BIN_EXE_gengfu"), &path("serve.toml"), &path("serve.log")])
            .env("GENGFU_LOG", "info")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("`unshare` of util-linux is needed");
        let input = shell.stdin.take();
        let (lines, output) = channel();
        let told = BufReader::new(shell.stdout.take().unwrap());
        // Ends with the shell.
        std::thread::spawn(move || told.lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
        let disk = SmallDisk { folder, shell, input, output, gateway: None };
        assert_eq!(
            disk.line(),
            "mounted",
            "this test needs private user and mount namespaces (`unshare -rm`) and may not make them: allow them \
             (such as by sysctl kernel.unprivileged_userns_clone=1), or run it as root"
        );
        disk
    }

    /// The next line of the shell; empty if there is none any more.
    fn line(&self) -> String {
        match self.output.recv_timeout(2 * DEADLINE) {
            Ok(line) => line,
            Err(RecvTimeoutError::Disconnected) => String::new(),
            Err(RecvTimeoutError::Timeout) => panic!("the gateway did not end"),
        }
    }

    /// A path of the small disk, from outside of its namespace.
    fn outside(&self, name: &str) -> PathBuf {
        let disk = self.folder.path().join("disk").join(name);
        PathBuf::from(format!("/proc/{}/root{}", self.shell.id(), disk.display()))
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("serve.log")).unwrap_or_default()
    }

    fn start(&mut self) {
        std::fs::remove_file(self.outside("data/run/addresses.json")).ok();
        self.input.as_mut().unwrap().write_all(b"start\n").unwrap();
        self.gateway = Some(self.line().parse().unwrap());
    }

    fn addresses(&self) -> Addresses {
        wait_for("the gateway is ready", || {
            let text = std::fs::read_to_string(self.outside("data/run/addresses.json")).ok()?;
            let addresses: Addresses = serde_json::from_str(&text).ok()?;
            let ready = ureq::get(format!("http://{}/readyz", addresses.http?)).call();
            ready.is_ok().then_some(addresses)
        })
    }

    /// Tells the gateway to stop and gives its exit code.
    fn terminate(&mut self) -> String {
        let pid = self.gateway.take().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.line()
    }

    fn gengfu(&self, arguments: &[&str], input: &str) -> String {
        // Within the namespace: SQLite follows the link that leads into it from outside.
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.shell.id().to_string(), "--user", "--mount", "--preserve-credentials"]);
        command.arg(env!("CARGO_BIN_EXE_gengfu")).args(arguments);
        command.arg("--config").arg(self.folder.path().join("serve.toml"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn add_devices(&self, ids: &[&str]) {
        for id in ids {
            self.gengfu(&["devices", "add", id, "--kind", "manhole", "--token", &token_of(id)], "");
        }
    }

    /// Takes all the room that is left, but for `leave` bytes.
    fn fill(&self, leave: u64) {
        let mut file = std::fs::File::create(self.outside("ballast")).unwrap();
        let piece = vec![1; 64 << 10];
        while file.write_all(&piece).is_ok() {}
        // The last pages, too.
        while file.write_all(&[1; 512]).is_ok() {}
        let taken = file.metadata().unwrap().len();
        file.set_len(taken - leave).unwrap();
    }

    fn empty(&self) {
        std::fs::remove_file(self.outside("ballast")).unwrap();
    }

    fn check(&self, acknowledged: &[String]) {
        let journaled = journaled(&self.outside("data"));
        let lost: Vec<_> = acknowledged.iter().filter(|id| !journaled.contains(*id)).collect();
        assert!(lost.is_empty(), "{} acknowledged messages are lost, such as {:?}", lost.len(), lost.first());
        let ledger = self.gengfu(&["journal", "inspect", "--ledger"], "");
        let replayed = self.gengfu(&["journal", "inspect", "--ledger", "--replay"], "");
        assert!(ledger == replayed, "the ledger is what the journal amounts to, byte for byte");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let from = log.char_indices().rev().nth(4_000).map_or(0, |(at, _)| at);
            std::io::stderr().write_all(&log.as_bytes()[from..]).ok();
        }
        if let Some(pid) = self.gateway {
            Command::new("kill").args(["-KILL", &pid.to_string()]).status().ok();
        }
        // Without its input the shell ends, and the disk with it.
        self.input.take();
        self.shell.wait().ok();
    }
}

/// The ids of all messages in the journal of a data folder.
pub(crate) fn journaled(data: &Path) -> BTreeSet<String> {
    let disk = Arc::new(RealDisk::open(data.join("journal")).unwrap());
    let mut reader = JournalReader::open(disk, Seq(1), ReadLimit::Everything).unwrap();
    let mut ids = BTreeSet::new();
    while let Some(batch) = reader.next_batch().unwrap() {
        for record in batch {
            if let Body::Message(envelope) = &record.body {
                let payload: serde_json::Value = serde_json::from_slice(&envelope.payload).unwrap();
                ids.insert(payload["id"].as_str().unwrap_or_default().to_owned());
            }
        }
    }
    ids
}

/// A device that publishes one message after the other and keeps a list of what was acknowledged.
pub(crate) struct Publisher {
    acknowledged: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Publisher {
    pub(crate) fn start(broker: SocketAddr, device: &str) -> Publisher {
        let (acknowledged, stop) = (Arc::<Mutex<Vec<String>>>::default(), Arc::new(AtomicBool::new(false)));
        let (list, ending, device) = (Arc::clone(&acknowledged), Arc::clone(&stop), device.to_owned());
        let thread = std::thread::spawn(move || {
            let connect = || {
                let mut options = MqttOptions::new(&device, broker.ip().to_string(), broker.port());
                options.set_credentials(&device, token_of(&device)).set_keep_alive(Duration::from_secs(60));
                Client::new(options, 10)
            };
            let (mut client, mut connection) = connect();
            // Blanks make a small disk full with few messages.
            let blanks = " ".repeat(8 << 10);
            for number in 0.. {
                let id = format!("{device}-{number}");
                let payload = format!(r#"{{"id":"{id}",{blanks}"tilt_deg":1.5}}"#);
                let publish = |client: &Client| {
                    client.publish("v1/devices/me/telemetry", QoS::AtLeastOnce, false, payload.as_str()).unwrap();
                };
                publish(&client);
                loop {
                    if ending.load(Ordering::Relaxed) {
                        return;
                    }
                    match connection.recv_timeout(Duration::from_millis(50)) {
                        Ok(Ok(Event::Incoming(Packet::PubAck(_)))) => break,
                        Ok(Ok(_)) | Err(_) => {}
                        // The gateway has stopped: a new client says it again, under the same id.
                        Ok(Err(_)) => {
                            std::thread::park_timeout(Duration::from_millis(20));
                            (client, connection) = connect();
                            publish(&client);
                        }
                    }
                }
                list.lock().unwrap().push(id);
            }
        });
        Publisher { acknowledged, stop, thread: Some(thread) }
    }

    fn count(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    pub(crate) fn wait_for_more(&self, more: usize) {
        let enough = self.count() + more;
        wait_for("more acknowledgements", || (self.count() >= enough).then_some(()));
    }

    pub(crate) fn end(mut self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
        self.acknowledged.lock().unwrap().clone()
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn once(broker: SocketAddr, device: &str, payload: &str) {
    let mut options = MqttOptions::new(device, broker.ip().to_string(), broker.port());
    options.set_credentials(device, token_of(device));
    let (client, mut connection) = Client::new(options, 10);
    client.publish("v1/devices/me/telemetry", QoS::AtLeastOnce, false, payload).unwrap();
    wait_for("a PUBACK", || match connection.recv_timeout(Duration::from_millis(100)) {
        Ok(Ok(Event::Incoming(Packet::PubAck(_)))) => Some(()),
        _ => None,
    });
}

fn faults(api: &Api) -> String {
    let (status, answer) = api.get("/api/v1/status");
    assert_eq!(status, 200, "{answer}");
    answer["faults"].to_string()
}

/// How many segments of the journal have been archived since the start.
fn archived(api: &Api) -> usize {
    let (status, text) = api.get("/metrics");
    assert_eq!(status, 200);
    let text = text.as_str().expect("metrics are text").to_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("gengfu_journal_segments_archived_total "));
    line.expect("the metric is there").parse().unwrap()
}

/// Fills the disk up to `leave` bytes and tries all that must go on and all that must wait.
fn a_full_disk_is_lived_through(leave: u64) {
    let mut disk = SmallDisk::new();
    disk.start();
    let addresses = disk.addresses();
    let (mqtt, http, coap) = (addresses.mqtt.unwrap(), addresses.http.unwrap(), addresses.coap.unwrap());
    disk.add_devices(&["busy", "leaning", "tipped"]);
    disk.gengfu(&["users", "add", "duty", "--role", "duty_officer", "--password-stdin"], "a good password\n");
    let duty = Api::login(&format!("http://{http}"), "duty", "a good password");
    once(mqtt, "tipped", r#"{"id":"tipped","tilt_deg":60}"#);
    let case = wait_for("the case", || duty.list("/api/v1/cases").into_iter().next());
    let publisher = Publisher::start(mqtt, "busy");
    publisher.wait_for_more(50);
    once(mqtt, "leaning", r#"{"id":"leaning","tilt_deg":15}"#);

    disk.fill(leave);
    wait_for("the fault in the status", || faults(&duty).contains("disk full").then_some(()));
    let (archived_before, when_full) = (archived(&duty), publisher.count());
    assert_eq!(ureq::get(format!("http://{http}/healthz")).call().unwrap().status(), 200);
    let url = format!("http://{http}/v1/devices/busy/telemetry");
    let (status, answer) = http_post(&url, &token_of("busy"), r#"{"tilt_deg":1}"#);
    assert_eq!((status, &answer["error"]["code"]), (503, &json!("full")), "{answer}");
    let answer = coap_post(coap, &format!("v1/devices/busy/telemetry?token={}", token_of("busy")), b"{}");
    assert_eq!(coap_code(&answer), "5.03");
    let tilted = "/api/v1/incidents?state=open&device=leaning";
    let incident = wait_for("the held timer", || duty.list(tilted).into_iter().next());
    assert_eq!(incident["condition"], "cover_tilted", "{incident}");
    let path = format!("/api/v1/cases/{}/acknowledge", case["id"].as_str().unwrap());
    let (status, answer) = duty.post(&path, &json!({"note": "马上处理"}));
    assert_eq!(status, 200, "duty staff work on a full disk: {answer}");
    // A segment that is archived leaves room for the next one: as much as that holds may be taken, and no more.
    let room = (archived(&duty) - archived_before) * MESSAGES_A_SEGMENT;
    let taken = publisher.count() - when_full;
    assert!(taken <= 1 + room, "{taken} messages were acknowledged on a full disk that had room for {room}");
    if leave == 0 {
        assert!(faults(&duty).contains("disk full"));
    }

    disk.empty();
    publisher.wait_for_more(100);
    wait_for("the fault is over", || (faults(&duty) == "[]").then_some(()));
    let acknowledged = publisher.end();
    assert_eq!(disk.terminate(), "ended 0");
    disk.check(&acknowledged);
}

#[test]
fn not_a_single_byte_left() {
    a_full_disk_is_lived_through(0);
}

#[test]
fn some_room_left_for_the_stores() {
    a_full_disk_is_lived_through(40 << 20);
}

#[test]
fn a_gateway_stops_and_starts_again_whatever_the_disk_holds() {
    let mut disk = SmallDisk::new();
    disk.start();
    let mqtt = disk.addresses().mqtt.unwrap();
    disk.add_devices(&["busy"]);
    let publisher = Publisher::start(mqtt, "busy");
    publisher.wait_for_more(50);
    disk.fill(0);
    wait_for("the full disk is noticed", || disk.log().contains("no room").then_some(()));
    let acknowledged = publisher.end();
    assert_eq!(disk.terminate(), "ended 0", "it stops though nothing can be written");

    // What is left of the room decides whether it can start; if it cannot, it says why.
    disk.start();
    match disk.output.recv_timeout(Duration::from_secs(5)) {
        Ok(told) => {
            disk.gateway = None;
            assert_eq!(told, "ended 1");
            let log = disk.log();
            let why = log.lines().last().unwrap_or_default();
            assert!(why.contains("full") || why.contains("No space left"), "it says why: {why}");
        }
        Err(_) => assert_eq!(disk.terminate(), "ended 0"),
    }

    disk.empty();
    disk.start();
    once(disk.addresses().mqtt.unwrap(), "busy", r#"{"id":"after","tilt_deg":1}"#);
    assert_eq!(disk.terminate(), "ended 0");
    disk.check(&acknowledged);
    assert!(journaled(&disk.outside("data")).contains("after"));
}
