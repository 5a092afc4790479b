//! From a device's publish to the incident on the live stream.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gengfu_sim::city::City;

use crate::client::{connect, publish, token};
use crate::server::Server;
use crate::{run_load, say};

/// Devices of the bench's own; each tips once in a measurement.
pub(crate) const PROBES: usize = 100;

/// From the first byte of a publish to the incident on the live stream, under a background load.
pub(crate) fn latency(server: &Server, city: &Arc<City>, rate: f64) {
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
    let result = run_load(server.mqtt, city, 2_000, 4, Some(rate), 14);
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
}

pub(crate) fn login(http: SocketAddr) -> String {
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

/// Asks the API for a number within a JSON answer, by the names that lead to it.
pub(crate) fn ask(http: SocketAddr, session: &str, path: &str, names: &[&str]) -> u64 {
    let mut stream = TcpStream::connect(http).expect("the API accepts");
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {session}\r\nconnection: close\r\n\r\n"
    )
    .expect("the request is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let value: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    names.iter().fold(&value, |value, name| &value[*name]).as_u64().unwrap_or_default()
}
