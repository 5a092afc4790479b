//! `make bench`: measures the whole line on this machine and prints figures; it asserts nothing.
//!
//! The server is a process of its own (release build, embedded stores, shipped rules); the load runs in this
//! process on the same cores. CPU and memory are the server's, from /proc. Where mosquitto is installed, it gets the
//! same load in the same run, and figures are given as a ratio to its own. Names after `--` choose sections: `line`,
//! `restart`, `parts` (what a device costs by part), `storm`, `stored`, `register`.

mod client;
mod latency;
mod peer;
mod register;
mod server;
mod stored;
mod storm;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use client::{connect, connect_tls, publish, tls, token};
use gengfu_sim::city::City;
use gengfu_sim::load::{LoadResult, Options, load};
use gengfu_sim::mqtt::Version;
use latency::{PROBES, ask, latency, login};
use peer::Peer;
use server::{Process, Server};
use stored::stored;
use tokio_util::sync::CancellationToken;

/// Registered devices of the line.
const DEVICES: usize = 100_000;
/// Connections that do nothing.
const IDLE: usize = 2_000;
/// Devices of which each says something once.
const SPEAKING: usize = 5_000;
/// A second short of the half million records after which a checkpoint comes, at the rate asked for.
const BEFORE_CHECKPOINT: Duration = Duration::from_secs(24);

/// What can be measured by itself.
const SECTIONS: [&str; 6] = ["line", "restart", "parts", "storm", "stored", "register"];

fn main() {
    let mut arguments = std::env::args();
    if let Some(register) = arguments.by_ref().skip_while(|argument| argument != register::CHILD).nth(1) {
        return register::measure(Path::new(&register));
    }
    let asked: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if let Some(unknown) = asked.iter().find(|name| !SECTIONS.contains(&name.as_str())) {
        say(&format!("there is no section `{unknown}`; sections are {}", SECTIONS.join(", ")));
        std::process::exit(2);
    }
    let folder = tempfile::tempdir().expect("a folder for the data");
    say(&format!("# load on this machine at the start: {}", machine_load()));
    for section in SECTIONS.iter().filter(|name| asked.is_empty() || asked.iter().any(|asked| asked == *name)) {
        match *section {
            "line" => line(folder.path()),
            "restart" => restart(&folder.path().join("restart")),
            "parts" => register::parts(folder.path()),
            "storm" => {
                say("\n# a storm: ten thousand water alarms in two districts and eight catchments");
                storm::storm(folder.path());
            }
            "stored" => {
                say("\n# stored points");
                stored(folder.path());
            }
            _ => {
                say("\n# a large register");
                import_million(folder.path());
            }
        }
    }
    say(&format!("\n# load on this machine at the end: {}", machine_load()));
}

/// The whole line, from a device's publish to the stores.
fn line(folder: &Path) {
    let server = Server::new(folder);
    let city = Arc::new(City::generate(1, DEVICES));
    let process = prepare(&server, &city, folder);

    say("\n# the whole line: MQTT QoS 1, sync before PUBACK, decode, shipped rules, series, ledger");
    idle(&server, &process, &city);
    let peer = Peer::start(folder);
    if let Some(peer) = &peer {
        idle_peer(peer, &city);
    } else {
        say("mosquitto and mosquitto_sub are not installed (`apt-get install mosquitto mosquitto-clients`): no ratios");
    }
    for (connections, in_flight, rate) in [(2_000, 1, Some(2_000.0)), (100, 10, None), (2_000, 5, None)] {
        measure(&server, &process, peer.as_ref(), &city, connections, in_flight, rate);
        process.wait_until_idle();
    }
    drop(peer);
    latency(&server, &city, 2_000.0);
    latency(&server, &city, 20_000.0);
    say(&format!("resident memory after the load: {:.1} MiB", mib(process.resident())));
    process.wait_until_idle();
    on_disk(&server);
    drop(process);
}

/// The machine's own load averages: whatever else runs takes from the figures.
fn machine_load() -> String {
    std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim().to_owned()
}

/// Registers the city, tells what a device costs by part, and leaves the server running.
fn prepare(server: &Server, city: &Arc<City>, folder: &Path) -> Process {
    let process = server.start();
    let empty = process.resident();
    let register = folder.join("city.csv");
    let file = std::fs::File::create(&register).expect("a file for the register");
    gengfu_sim::city::write_register(city, file).expect("the register is written");
    let began = Instant::now();
    server.run(&["devices", "import", register.to_str().expect("UTF-8")]);
    let each = |bytes: u64, count: usize| bytes as f64 / count as f64;
    say(&format!(
        "# a registered device ({DEVICES} of them, imported in {:.1} s)\nresident memory: {:.0} bytes each, silent",
        began.elapsed().as_secs_f64(),
        each(process.resident().saturating_sub(empty), DEVICES)
    ));
    let before = process.resident();
    for device in city.devices.iter().take(SPEAKING) {
        let mut stream = connect(server.mqtt, &device.id, &device.token);
        publish(&mut stream, "{\"battery_pct\":88,\"temperature_c\":21.5}");
    }
    say(&format!(
        "resident memory for values, keys, counts, rule slots and timers: {:.0} bytes more, once it has spoken",
        each(process.resident().saturating_sub(before), SPEAKING)
    ));
    for probe in 0..PROBES {
        let id = format!("probe-{probe}");
        server.run(&["devices", "add", &id, "--kind", "manhole", "--token", &token(&id)]);
    }
    drop(process);
    // A start and a clean stop, which writes everything where it belongs.
    let user = ["users", "add", "bench", "--role", "administrator", "--password-stdin"];
    server.run_with_input(&user, "bench bench bench\n");
    say(&format!(
        "on disk: {:.0} bytes of ledger, {:.0} of checkpoint each",
        each(server.bytes("", "ledger.db"), DEVICES),
        each(server.bytes("", "checkpoint"), DEVICES)
    ));
    server.start()
}

/// Makes load on a broker.
pub(crate) fn run_load(
    broker: SocketAddr,
    city: &Arc<City>,
    connections: usize,
    in_flight: u16,
    rate: Option<f64>,
    seconds: u64,
) -> LoadResult {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let options = Options {
        broker,
        connections,
        in_flight,
        duration: Duration::from_secs(seconds),
        rate,
        version: Version::V4,
        acked_log: None,
    };
    runtime.block_on(load(city, options, CancellationToken::new())).expect("the load runs")
}

/// The line and the peer under the same load, one after the other.
fn measure(
    server: &Server,
    process: &Process,
    peer: Option<&Peer>,
    city: &Arc<City>,
    connections: usize,
    in_flight: u16,
    rate: Option<f64>,
) {
    let run = |broker: SocketAddr, cpu_us: &dyn Fn() -> f64| {
        run_load(broker, city, connections, in_flight, rate, 1);
        let before = cpu_us();
        let result = run_load(broker, city, connections, in_flight, rate, 8);
        let cpu = (cpu_us() - before) / result.acknowledged.max(1) as f64;
        (result, cpu)
    };
    let what = rate.map_or_else(|| "as fast as it goes".to_owned(), |rate| format!("{rate} messages/s asked for"));
    say(&format!("{connections} connections x {in_flight} in flight, {what}:"));
    let print = |name: &str, result: &LoadResult, cpu: f64| {
        let (rate, latency) = (result.per_second, result.latency_ms);
        say(&format!(
            "  {name}: {rate:.0} messages/s acknowledged, CPU {cpu:.1} us/message, ack p50 {:.2} ms, p99 {:.2} ms",
            latency.p50, latency.p99
        ));
    };
    let (ours, our_cpu) = run(server.mqtt, &|| process.cpu_us());
    print("gengfu", &ours, our_cpu);
    let Some(peer) = peer else { return };
    let (theirs, their_cpu) = run(peer.broker, &|| peer.cpu_us());
    print("mosquitto, in memory, and one subscriber", &theirs, their_cpu);
    say(&format!(
        "  ratio: {:.2} of its messages/s, {:.2} of its CPU a message",
        ours.per_second / theirs.per_second,
        our_cpu / their_cpu
    ));
}

/// Connections that do nothing, plain and with TLS.
fn idle(server: &Server, process: &Process, city: &Arc<City>) {
    let each = |before: u64| process.resident().saturating_sub(before) as f64 / IDLE as f64 / 1e3;
    let mut devices = city.devices.iter();
    let before = process.resident();
    let plain: Vec<_> =
        devices.by_ref().take(IDLE).map(|device| connect(server.mqtt, &device.id, &device.token)).collect();
    say(&format!("{IDLE} idle plain connections: {:.1} KB of resident memory each", each(before)));
    let config = tls(&server.certificate);
    let before = process.resident();
    let secured: Vec<_> =
        devices.take(IDLE).map(|device| connect_tls(server.mqtts, &config, &device.id, &device.token)).collect();
    say(&format!("{IDLE} idle TLS connections: {:.1} KB of resident memory each", each(before)));
    drop((plain, secured));
}

fn idle_peer(peer: &Peer, city: &Arc<City>) {
    let before = peer.process.resident();
    let connections: Vec<_> =
        city.devices.iter().take(IDLE).map(|device| connect(peer.broker, &device.id, &device.token)).collect();
    let each = peer.process.resident().saturating_sub(before) as f64 / IDLE as f64 / 1e3;
    say(&format!("  mosquitto: {each:.1} KB each"));
    drop(connections);
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Bytes on disk for what the load stored: rows of the day under way, and the archive.
fn on_disk(server: &Server) {
    let session = login(server.http);
    let values = ask(server.http, &session, "/api/v1/balance", &["values", "decoded"]).max(1);
    let messages = ask(server.http, &session, "/api/v1/balance", &["messages", "journaled"]).max(1);
    let series = server.bytes("series", "");
    let archive = server.bytes("journal/archive", "");
    say(&format!(
        "on disk after {messages} messages with {values} values: series rows {:.1} MiB ({:.1} bytes a value), archive {:.1} MiB so far",
        mib(series),
        series as f64 / values as f64,
        mib(archive)
    ));
}

/// Kills the server under load, just before a checkpoint, and times the next start.
fn restart(folder: &Path) {
    say("\n# a restart after kill -9, just before a checkpoint");
    std::fs::create_dir_all(folder).expect("a folder");
    let server = Server::new(folder);
    let city = Arc::new(City::generate(1, DEVICES));
    let mut process = prepare(&server, &city, folder);
    let result = run_load(server.mqtt, &city, 2_000, 4, Some(20_000.0), BEFORE_CHECKPOINT.as_secs());
    process.kill();
    let began = Instant::now();
    let process = server.start();
    let seconds = began.elapsed().as_secs_f64();
    say(&format!(
        "restart with {DEVICES} devices after kill -9 at {:.0} messages/s: {seconds:.2} s until the API answers, {} records replayed",
        result.per_second,
        server.replayed()
    ));
    drop(process);
    let archive = server.bytes("journal/archive", "");
    say(&format!("archive after that: {:.1} MiB", mib(archive)));
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
    drop(process);
    let began = Instant::now();
    let process = server.start();
    say(&format!("start with them after kill -9: {:.1} s", began.elapsed().as_secs_f64()));
    drop(process);
}

#[expect(clippy::print_stdout, reason = "the figures are what this program is for")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}
