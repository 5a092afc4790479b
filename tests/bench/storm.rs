//! Ten thousand water alarms within a minute, in two districts and eight catchments: how many cases they become, and
//! how long the API takes meanwhile.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gengfu_ingest::{Clock, SystemClock};
use gengfu_model::time::MINUTE_MS;
use gengfu_sim::storm::{Options, Storm, StormSize, play};

use crate::latency::{ask, login};
use crate::say;
use crate::server::Server;

const ALARMS: usize = 10_000;
/// What duty staff look at in a storm, asked for in turn without a pause.
const PATHS: [&str; 5] = [
    "/api/v1/cases?open=true",
    "/api/v1/incidents?state=open&limit=100",
    "/api/v1/overview",
    "/api/v1/decisions?limit=100",
    "/api/v1/status",
];

/// Plays the alarms in the minute that they are said to take, and then as fast as the gateway takes them.
pub(crate) fn storm(folder: &Path) {
    for (name, spread) in [("within a minute", true), ("as fast as it goes", false)] {
        let folder = folder.join(if spread { "storm" } else { "storm-fast" });
        std::fs::create_dir_all(&folder).expect("a folder");
        let server = Server::new(&folder);
        let storm = alarms();
        let register = folder.join("storm.csv");
        let file = std::fs::File::create(&register).expect("a file for the register");
        gengfu_sim::city::write_register(&storm.city, file).expect("the register is written");
        let user = ["users", "add", "bench", "--role", "administrator", "--password-stdin"];
        server.run_with_input(&user, "bench bench bench\n");
        let process = server.start();
        server.run(&["devices", "import", register.to_str().expect("UTF-8")]);
        let session = login(server.http);
        let probe = Probe::start(server.http, session.clone());
        let seconds = run(&storm, server.mqtt, spread);
        let mut took = probe.stop();
        took.sort_unstable();
        let quantile = |share: f64| {
            let index = ((took.len() as f64 - 1.0) * share).max(0.0) as usize;
            took.get(index).map_or(f64::NAN, |took| took.as_secs_f64() * 1e3)
        };
        let count = |path: &str| ask(server.http, &session, path, &["open_cases"]);
        say(&format!(
            "{ALARMS} alarms {name}: acknowledged in {seconds:.1} s, {} open cases; meanwhile {} requests to the API: \
             p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms",
            count("/api/v1/overview"),
            took.len(),
            quantile(0.5),
            quantile(0.99),
            quantile(1.0)
        ));
        drop(process);
    }
}

/// The storm's first minute: an alarm of each cover.
fn alarms() -> Storm {
    let mut storm = Storm::new(5, StormSize::water(ALARMS, 8), now_ms()).expect("a storm");
    let from = storm.breaks_ms();
    // With the moments in which a cover that a wheel lifted says that it lies as before.
    storm.cut(from, from + MINUTE_MS + 5_000);
    for said in &mut storm.said {
        said.at_ms -= from;
    }
    storm
}

/// Plays it; gives the seconds until the last acknowledgement.
fn run(storm: &Storm, broker: SocketAddr, spread: bool) -> f64 {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let (began, last_ms) = (Instant::now(), storm.said.last().map_or(0, |said| said.at_ms));
    // The messages' own times lie a little behind, so that none is ahead when they are sent at once.
    let began_ms = if spread { now_ms() } else { now_ms() - last_ms };
    let reach = |at_ms: i64| async move {
        let at = Duration::from_millis(at_ms.min(last_ms).unsigned_abs());
        if spread {
            tokio::time::sleep(at.saturating_sub(began.elapsed())).await;
        }
        Ok(())
    };
    let options = Options { broker, began_ms, connections: 200 };
    runtime.block_on(play(storm, options, reach)).expect("every alarm is acknowledged").seconds
}

fn now_ms() -> i64 {
    SystemClock.now().as_millis()
}

/// Requests to the API, one after the other, while something else goes on.
struct Probe {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Vec<Duration>>,
}

impl Probe {
    fn start(http: SocketAddr, session: String) -> Probe {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut took = Vec::new();
            for path in PATHS.iter().cycle() {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                let began = Instant::now();
                let answer = get(http, &session, path);
                took.push(began.elapsed());
                assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
            }
            took
        });
        Probe { stop, thread }
    }

    fn stop(self) -> Vec<Duration> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("every answer was good")
    }
}

/// One request on a connection of its own; gives the whole answer.
fn get(http: SocketAddr, session: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(http).expect("the API accepts");
    let head = "host: bench\r\nconnection: close";
    write!(stream, "GET {path} HTTP/1.1\r\n{head}\r\nauthorization: Bearer {session}\r\n\r\n").expect("it is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}
