//! `make bench`: measures the whole line on this machine and prints figures; it asserts nothing.
//!
//! The server is a process of its own (release build, embedded stores, shipped rules); the load runs in this
//! process on the same cores. CPU and memory are the server's, from /proc.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gengfu_sim::city::City;
use gengfu_sim::load::{LoadResult, Options, load};
use gengfu_sim::mqtt::Version;
use tokio_util::sync::CancellationToken;

const DEVICES: usize = 2_200;
const PROBES: usize = 100;
const IDLE: usize = 2_000;
const CLOCK_TICKS_A_SECOND: f64 = 100.0;

fn main() {
    let million = std::env::args().any(|argument| argument == "--million");
    let folder = tempfile::tempdir().expect("a folder for the data");
    let server = Server::new(folder.path());
    let city = City::generate(1, DEVICES);
    let register = folder.path().join("city.csv");
    let file = std::fs::File::create(&register).expect("a file for the register");
    gengfu_sim::city::write_register(&city, file).expect("the register is written");
    server.run(&["devices", "import", register.to_str().expect("UTF-8")]);
    for probe in 0..PROBES {
        let id = format!("probe-{probe}");
        server.run(&["devices", "add", &id, "--kind", "manhole", "--token", &token(&id)]);
    }
    server.run_with_input(
        &["users", "add", "bench", "--role", "duty_officer", "--password-stdin"],
        "bench bench bench\n",
    );
    let city = Arc::new(city);

    let process = server.start();
    say("# the whole line: MQTT QoS 1, sync before PUBACK, decode, rules, series, ledger");
    idle(&server, &process, &city);
    saturation(&server, &process, &city, 100, 10, None);
    saturation(&server, &process, &city, 2_000, 5, None);
    saturation(&server, &process, &city, 2_000, 1, Some(2_000.0));
    latency(&server, &process, &city, 2_000.0);
    latency(&server, &process, &city, 20_000.0);
    process.print_memory("after the load");
    stored(&server);
    restart(&server, process, &city);
    if million {
        import_million(folder.path());
    } else {
        say("import of a million devices: run with `cargo bench --bench line -- --million`");
    }
}

struct Server {
    config: PathBuf,
    data: PathBuf,
    mqtt: SocketAddr,
    http: SocketAddr,
}

impl Server {
    fn new(folder: &Path) -> Server {
        let free = || {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
            listener.local_addr().expect("an address")
        };
        let (mqtt, http) = (free(), free());
        let config = folder.join("gengfu.toml");
        let text = format!(
            "[data]\nfolder = \"data\"\n[mqtt]\nlisten = \"{mqtt}\"\nrate = 100000\n[coap]\nenabled = false\n[http]\nlisten = \"{http}\"\n"
        );
        std::fs::write(&config, text).expect("the configuration is written");
        Server { config, data: folder.join("data"), mqtt, http }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gengfu"));
        command.args(arguments).arg("--config").arg(&self.config).env("GENGFU_LOG", "warn");
        command
    }

    fn run(&self, arguments: &[&str]) {
        self.run_with_input(arguments, "");
    }

    fn run_with_input(&self, arguments: &[&str], input: &str) {
        let mut command = self.command(arguments);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("gengfu runs");
        child.stdin.take().expect("an input").write_all(input.as_bytes()).expect("the input is taken");
        assert!(child.wait().expect("gengfu ends").success(), "{arguments:?} failed");
    }

    fn start(&self) -> Process {
        let child = self.command(&["serve"]).stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("gengfu starts");
        while TcpStream::connect(self.http).is_err() {
            std::thread::sleep(Duration::from_millis(5));
        }
        Process(child)
    }
}

struct Process(Child);

impl Process {
    fn stat(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.0.id())).unwrap_or_default()
    }

    /// CPU time so far, in microseconds, user and system.
    fn cpu_us(&self) -> f64 {
        let stat = self.stat("stat");
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
        (ticks(11) + ticks(12)) / CLOCK_TICKS_A_SECOND * 1e6
    }

    /// Resident memory in bytes.
    fn resident(&self) -> u64 {
        let status = self.stat("status");
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() * 1_024
    }

    fn print_memory(&self, when: &str) {
        say(&format!("resident memory {when}: {:.1} MiB", self.resident() as f64 / (1 << 20) as f64));
    }
}

fn run_load(
    server: &Server,
    city: &Arc<City>,
    connections: usize,
    in_flight: u16,
    rate: Option<f64>,
    seconds: u64,
) -> LoadResult {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let options = Options {
        broker: server.mqtt,
        connections,
        in_flight,
        duration: Duration::from_secs(seconds),
        rate,
        version: Version::V4,
        acked_log: None,
    };
    runtime.block_on(load(city, options, CancellationToken::new())).expect("the load runs")
}

fn saturation(
    server: &Server,
    process: &Process,
    city: &Arc<City>,
    connections: usize,
    in_flight: u16,
    rate: Option<f64>,
) {
    run_load(server, city, connections, in_flight, rate, 1);
    let before = process.cpu_us();
    let result = run_load(server, city, connections, in_flight, rate, 8);
    let cpu = (process.cpu_us() - before) / result.acknowledged.max(1) as f64;
    let what = rate.map_or_else(|| "as fast as it goes".to_owned(), |rate| format!("{rate} messages/s asked for"));
    say(&format!(
        "{connections} connections x {in_flight} in flight, {what}: {:.0} messages/s acknowledged, server CPU {cpu:.1} us/message, ack p50 {:.2} ms, p99 {:.2} ms",
        result.per_second, result.latency_ms.p50, result.latency_ms.p99
    ));
}

/// Connections that do nothing.
fn idle(server: &Server, process: &Process, city: &Arc<City>) {
    let before = process.resident();
    let mut connections = Vec::with_capacity(IDLE);
    for device in city.devices.iter().take(IDLE) {
        connections.push(connect(server.mqtt, &device.id, &device.token));
    }
    let after = process.resident();
    say(&format!(
        "{IDLE} idle plain connections: {:.1} KB of resident memory each ({:.1} MiB before)",
        after.saturating_sub(before) as f64 / IDLE as f64 / 1e3,
        before as f64 / (1 << 20) as f64
    ));
}

/// An MQTT 3.1.1 connection with keep-alive 0, logged in.
fn connect(broker: SocketAddr, device: &str, token: &str) -> TcpStream {
    let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, 0b1100_0010, 0, 0];
    for text in [device, device, token] {
        body.extend(u16::try_from(text.len()).expect("a short text").to_be_bytes());
        body.extend(text.as_bytes());
    }
    let mut packet = vec![0x10];
    let mut length = body.len();
    while length >= 128 {
        packet.push((length % 128) as u8 | 0x80);
        length /= 128;
    }
    packet.push(length as u8);
    packet.extend(body);
    let mut stream = TcpStream::connect(broker).expect("the broker accepts");
    stream.write_all(&packet).expect("CONNECT is sent");
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).expect("CONNACK");
    assert_eq!(answer, [0x20, 2, 0, 0], "the device is let in");
    stream
}

fn token(id: &str) -> String {
    format!("token-of-{id}-0123456789")
}

/// From the first byte of a publish to the incident on the live stream, under a background load.
fn latency(server: &Server, process: &Process, city: &Arc<City>, rate: f64) {
    let opened: Arc<Mutex<HashMap<String, Instant>>> = Arc::default();
    let session = login(server.http);
    listen(server.http, &session, Arc::clone(&opened));
    let probes = {
        let (mqtt, opened) = (server.mqtt, Arc::clone(&opened));
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_secs(2));
            let mut times = Vec::with_capacity(PROBES);
            for probe in 0..PROBES {
                let id = format!("probe-{probe}");
                let mut stream = connect(mqtt, &id, &token(&id));
                opened.lock().expect("nobody panicked").remove(&id);
                let sent = Instant::now();
                publish(&mut stream, "{\"tilt_deg\":60}");
                let seen = loop {
                    if let Some(seen) = opened.lock().expect("nobody panicked").get(&id) {
                        break Some(*seen);
                    }
                    if sent.elapsed() > Duration::from_secs(5) {
                        break None;
                    }
                    std::thread::sleep(Duration::from_micros(500));
                };
                if let Some(seen) = seen {
                    times.push(seen.duration_since(sent));
                }
                publish(&mut stream, "{\"tilt_deg\":0}");
            }
            times
        })
    };
    let result = run_load(server, city, 2_000, 4, Some(rate), 14);
    let mut times = probes.join().expect("the probes end");
    times.sort_unstable();
    let quantile = |share: f64| {
        let index = ((times.len() as f64 - 1.0) * share).max(0.0) as usize;
        times.get(index).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
    };
    say(&format!(
        "publish to incident at {:.0} messages/s: p50 {:.1} ms, p99 {:.1} ms ({} of {PROBES} seen)",
        result.per_second,
        quantile(0.5),
        quantile(0.99),
        times.len()
    ));
    let _ = process;
}

fn publish(stream: &mut TcpStream, payload: &str) {
    let topic = "v1/devices/me/telemetry";
    let mut packet = vec![0x32, (2 + topic.len() + 2 + payload.len()) as u8];
    packet.extend((topic.len() as u16).to_be_bytes());
    packet.extend(topic.as_bytes());
    packet.extend([0, 1]);
    packet.extend(payload.as_bytes());
    stream.write_all(&packet).expect("PUBLISH is sent");
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).expect("PUBACK");
}

fn login(http: SocketAddr) -> String {
    let body = "{\"user\":\"bench\",\"password\":\"bench bench bench\"}";
    let mut stream = TcpStream::connect(http).expect("the API accepts");
    write!(
        stream,
        "POST /api/v1/login HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .expect("the login is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let start = answer.find("\"token\":\"").expect("a token") + 9;
    answer[start..].split('"').next().expect("a token").to_owned()
}

/// Notes when each device's incident opened, in a thread that lives as long as the server.
fn listen(http: SocketAddr, session: &str, opened: Arc<Mutex<HashMap<String, Instant>>>) {
    let mut stream = TcpStream::connect(http).expect("the API accepts");
    write!(stream, "GET /api/v1/stream HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {session}\r\n\r\n")
        .expect("the request is sent");
    std::thread::spawn(move || {
        let mut is_opened = false;
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { return };
            if let Some(event) = line.strip_prefix("event:") {
                is_opened = event.trim() == "incident.opened";
            } else if is_opened && line.starts_with("data:") {
                let device = line.split("\"device\":\"").nth(1).and_then(|rest| rest.split('"').next());
                if let Some(device) = device {
                    opened.lock().expect("nobody panicked").insert(device.to_owned(), Instant::now());
                }
            }
        }
    });
}

/// Bytes on disk for what was stored.
fn stored(server: &Server) {
    let size = |folder: &Path| -> u64 {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries
            .filter_map(|entry| entry.metadata().ok())
            .filter(std::fs::Metadata::is_file)
            .map(|data| data.len())
            .sum()
    };
    let mib = |bytes: u64| bytes as f64 / (1 << 20) as f64;
    say(&format!(
        "on disk: series {:.1} MiB, archive {:.1} MiB",
        mib(size(&server.data.join("series"))),
        mib(size(&server.data.join("journal").join("archive")))
    ));
}

/// Kills the server under load and times the next start.
fn restart(server: &Server, mut process: Process, city: &Arc<City>) {
    let result = run_load(server, city, 100, 10, Some(20_000.0), 20);
    process.0.kill().expect("the server is killed");
    process.0.wait().expect("the server is gone");
    let began = Instant::now();
    let mut process = server.start();
    say(&format!(
        "restart after kill -9 at {:.0} messages/s: {:.2} s until the API answers",
        result.per_second,
        began.elapsed().as_secs_f64()
    ));
    process.0.kill().expect("the server is killed");
    process.0.wait().expect("the server is gone");
}

fn import_million(folder: &Path) {
    let folder = folder.join("million");
    std::fs::create_dir_all(&folder).expect("a folder");
    let server = Server::new(&folder);
    let register = folder.join("city.csv");
    let file = std::fs::File::create(&register).expect("a file for the register");
    gengfu_sim::city::write_register(&City::generate(1, 1_000_000), file).expect("the register is written");
    let process = server.start();
    let before = process.resident();
    let began = Instant::now();
    server.run(&["devices", "import", register.to_str().expect("UTF-8")]);
    let per_device = process.resident().saturating_sub(before) as f64 / 1e6;
    say(&format!(
        "import of a million devices: {:.1} s, {per_device:.0} bytes of resident memory each",
        began.elapsed().as_secs_f64()
    ));
    let mut process = process;
    process.0.kill().expect("the server is killed");
    process.0.wait().expect("the server is gone");
}

#[expect(clippy::print_stdout, reason = "the figures are what this program is for")]
fn say(line: &str) {
    println!("{line}");
}
