//! Telemetry that devices push by HTTP: `POST /v1/devices/{device_id}/telemetry`.
//!
//! Promises: 200 goes out only after the message is in the journal and synced; a device writes only
//! under its own id (or `me`); every refusal is counted. The body is JSON, CBOR, or bytes for the
//! model's codec (`application/octet-stream`). What cannot be decoded is kept all the same and
//! answered 200 with `"quarantined"`. Not here: TLS and connection limits, which are the server's.

mod answer;
mod handler;
pub(crate) mod login;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::post;
use tokio::sync::Semaphore;

use crate::{Clock, Directory, Intake};

/// The limits of the push endpoint.
#[derive(Clone, Debug)]
pub struct Options {
    /// The longest body, in bytes; longer ones are answered 413.
    pub max_body_bytes: usize,
    /// How many requests of devices that have logged in may be under way; more are answered 503.
    /// Together with the longest body this bounds the memory.
    pub max_requests: usize,
    /// How long a body may take to come; slower ones are answered 408.
    pub body_timeout: Duration,
    /// What `Retry-After` says with a 503, in seconds.
    pub retry_after_s: u32,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            max_body_bytes: 256 * 1024,
            max_requests: 1_024,
            body_timeout: Duration::from_secs(30),
            retry_after_s: 5,
        }
    }
}

/// What became of the requests since the start.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Requests answered 200.
    pub durable: AtomicU64,
    /// Of these, the ones that cannot be decoded.
    pub quarantined: AtomicU64,
    /// Requests refused, for any reason.
    pub refused: AtomicU64,
}

impl Metrics {
    /// The counters now, by their names in the metrics.
    #[must_use]
    pub fn snapshot(&self) -> Vec<(&'static str, u64)> {
        let named = [
            ("gengfu_push_durable_total", &self.durable),
            ("gengfu_push_quarantined_total", &self.quarantined),
            ("gengfu_push_refused_total", &self.refused),
        ];
        named.into_iter().map(|(name, counter)| (name, counter.load(Ordering::Relaxed))).collect()
    }
}

/// What the endpoint works with. Cheap to clone.
#[derive(Clone)]
pub struct State {
    options: Arc<Options>,
    intake: Intake,
    directory: Arc<Directory>,
    clock: Arc<dyn Clock>,
    room: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

impl State {
    /// The state of an endpoint.
    #[must_use]
    pub fn new(options: Options, intake: Intake, directory: Arc<Directory>, clock: Arc<dyn Clock>) -> State {
        let room = Arc::new(Semaphore::new(options.max_requests));
        State { options: Arc::new(options), intake, directory, clock, room, metrics: Arc::default() }
    }

    /// The counters.
    #[must_use]
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }
}

/// The routes of devices, to be served alone or merged with others (it sets no fallback of its own).
pub fn router(state: State) -> Router {
    let limit = DefaultBodyLimit::max(state.options.max_body_bytes);
    Router::new()
        .route("/v1/devices/{device_id}/telemetry", post(handler::telemetry).fallback(handler::not_post))
        .layer(limit)
        .with_state(state)
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
