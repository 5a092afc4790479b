//! Load: many connections with a window of QoS 1 publishes each, and what the server makes of it.
//!
//! One task per connection writes as many publishes as its window has room for, waits, and takes all
//! acknowledgements that came: few system calls a message, so that on shared cores the tool costs less
//! than what it measures. Without a rate, latency counts from writing to acknowledgement; with one,
//! from the moment at which the message was due, so that a server that stalls cannot hide it.

mod histogram;
mod worker;

use std::fs::File;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::city::City;
use crate::clock::wall_ms;
use crate::mqtt::Version;
pub use histogram::Histogram;
use worker::Worker;

/// Logins at the same time while the connections are made.
const CONNECTING: usize = 256;

/// What load to make.
#[derive(Debug)]
pub struct Options {
    /// Where to publish.
    pub broker: SocketAddr,
    /// Connections; each logs in as another device of the city.
    pub connections: usize,
    /// Publishes without acknowledgement, per connection.
    pub in_flight: u16,
    /// How long to publish, after all connections are made.
    pub duration: Duration,
    /// Messages a second over all connections; `None`: as fast as acknowledgements come.
    pub rate: Option<f64>,
    /// The version of MQTT.
    pub version: Version,
    /// Where the id of every acknowledged message is written, one a line.
    pub acked_log: Option<File>,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct LoadResult {
    /// Connections asked for.
    pub connections: usize,
    /// Publishes without acknowledgement, per connection.
    pub in_flight: u16,
    /// Messages a second asked for; `None`: as many as possible.
    pub rate: Option<f64>,
    /// Seconds from the start of publishing to the last acknowledgement.
    pub seconds: f64,
    /// Messages sent.
    pub sent: u64,
    /// Messages sent again after a lost connection.
    pub resent: u64,
    /// Messages acknowledged.
    pub acknowledged: u64,
    /// Messages that were sent and never acknowledged.
    pub unacknowledged: u64,
    /// Messages that the server acknowledged with a refusal.
    pub refused: u64,
    /// Acknowledged messages a second.
    pub per_second: f64,
    /// Bytes of payload of all acknowledged messages.
    pub payload_bytes: u64,
    /// Time to acknowledgement.
    pub latency_ms: Latency,
    /// What went wrong.
    pub errors: Errors,
}

/// Quantiles of the time to acknowledgement, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Latency {
    /// Half of all are quicker.
    pub p50: f64,
    /// 90 of 100 are quicker.
    pub p90: f64,
    /// 99 of 100 are quicker.
    pub p99: f64,
    /// 999 of 1,000 are quicker.
    pub p999: f64,
    /// The slowest.
    pub max: f64,
}

/// What went wrong, counted.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Errors {
    /// Attempts to connect that failed.
    pub connect: u64,
    /// Connections lost.
    pub lost: u64,
    /// Lines that could not be written to the log of acknowledged ids.
    pub log: u64,
    /// The first error's text.
    pub first: Option<String>,
}

/// Counters that all connections share.
#[derive(Debug, Default)]
struct Tally {
    sent: AtomicU64,
    resent: AtomicU64,
    acknowledged: AtomicU64,
    refused: AtomicU64,
    payload_bytes: AtomicU64,
    connect_errors: AtomicU64,
    lost: AtomicU64,
    log_errors: AtomicU64,
    /// Microseconds from the start to the last acknowledgement.
    last_ack_us: AtomicU64,
    latency: Histogram,
    first_error: Mutex<Option<String>>,
    acked_log: Option<Mutex<File>>,
}

impl Tally {
    fn error(&self, counter: &AtomicU64, error: &dyn std::fmt::Display) {
        counter.fetch_add(1, Ordering::Relaxed);
        let mut first = self.first_error.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        first.get_or_insert_with(|| error.to_string());
    }
}

/// Makes the load. Connections are made first; publishing begins when every one is there or has
/// failed once. A connection that is lost comes back and sends again what was not acknowledged.
///
/// # Errors
/// A text, if the city has fewer devices than connections are asked for, or a task ended by a bug.
pub async fn load(city: &City, options: Options, stop: CancellationToken) -> Result<LoadResult, String> {
    let Options { broker, connections, in_flight, duration, rate, version, acked_log } = options;
    if connections == 0 || in_flight == 0 {
        return Err("at least one connection and one message in flight are needed".to_owned());
    }
    if city.devices.len() < connections {
        let devices = city.devices.len();
        return Err(format!("{connections} connections need as many devices; there are {devices}"));
    }
    let tally = Arc::new(Tally { acked_log: acked_log.map(Mutex::new), ..Tally::default() });
    let plan = Arc::new(worker::Plan {
        broker,
        version,
        in_flight,
        interval: rate.map(|rate| Duration::from_secs_f64(connections as f64 / rate)),
        run_id: wall_ms(),
        stop,
    });
    let logins = Arc::new(Semaphore::new(CONNECTING));
    let mut connecting = JoinSet::new();
    for (index, device) in city.devices.iter().take(connections).enumerate() {
        let mut worker = Worker::new(index, device, Arc::clone(&plan), Arc::clone(&tally));
        let logins = Arc::clone(&logins);
        connecting.spawn(async move {
            // The semaphore is never closed; without a permit the login only comes sooner.
            let _turn = logins.acquire().await.ok();
            worker.connect().await;
            worker
        });
    }
    let workers = finished(connecting).await?;
    let start = Instant::now();
    let mut publishing = JoinSet::new();
    for worker in workers {
        publishing.spawn(worker.publish(start, start + duration));
    }
    finished(publishing).await?;
    Ok(result(&tally, connections, in_flight, rate))
}

async fn finished<T: 'static>(mut tasks: JoinSet<T>) -> Result<Vec<T>, String> {
    let mut results = Vec::with_capacity(tasks.len());
    while let Some(ended) = tasks.join_next().await {
        results.push(ended.map_err(|error| format!("a connection's task failed: {error}"))?);
    }
    Ok(results)
}

fn result(tally: &Tally, connections: usize, in_flight: u16, rate: Option<f64>) -> LoadResult {
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let (sent, acknowledged) = (count(&tally.sent), count(&tally.acknowledged));
    let seconds = count(&tally.last_ack_us) as f64 / 1e6;
    let ms = |share: f64| tally.latency.quantile_us(share) as f64 / 1_000.0;
    LoadResult {
        connections,
        in_flight,
        rate,
        seconds,
        sent,
        resent: count(&tally.resent),
        acknowledged,
        unacknowledged: sent - acknowledged,
        refused: count(&tally.refused),
        per_second: if seconds > 0.0 { acknowledged as f64 / seconds } else { 0.0 },
        payload_bytes: count(&tally.payload_bytes),
        latency_ms: Latency {
            p50: ms(0.5),
            p90: ms(0.9),
            p99: ms(0.99),
            p999: ms(0.999),
            max: tally.latency.max_us() as f64 / 1_000.0,
        },
        errors: Errors {
            connect: count(&tally.connect_errors),
            lost: count(&tally.lost),
            log: count(&tally.log_errors),
            first: tally.first_error.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone(),
        },
    }
}
