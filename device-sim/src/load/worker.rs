//! One connection of the load: a window of publishes that is refilled as acknowledgements come.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Tally;
use crate::city::CityDevice;
use crate::clock::wall_ms;
use crate::faults::ActiveFaults;
use crate::mqtt::{Backoff, Connection, Incoming, Login, Version, WireError};
use crate::physics::{Physics, Scene, Weather};
use crate::rng::Rng;

/// A login that takes longer is an error.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// After the last publish, acknowledgements are waited for so long.
const DRAIN: Duration = Duration::from_secs(10);
/// Event times run ahead of the clock by this much at most, to tell messages of one millisecond apart.
const MAX_AHEAD_MS: i64 = 1_000;

/// What all connections do.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) broker: SocketAddr,
    pub(super) version: Version,
    pub(super) in_flight: u16,
    /// Time between two messages of one connection; `None`: as fast as acknowledgements come.
    pub(super) interval: Option<Duration>,
    pub(super) run_id: i64,
    pub(super) stop: CancellationToken,
}

/// A message in the window.
#[derive(Debug)]
struct InFlight {
    number: u64,
    payload: Bytes,
    /// From when its latency counts.
    since: Instant,
    /// Written on the connection that is open now.
    written: bool,
}

/// One connection.
pub(super) struct Worker {
    index: usize,
    device: String,
    token: String,
    topic: String,
    /// The fields of every message, as JSON without the opening brace.
    fields: String,
    plan: Arc<Plan>,
    tally: Arc<Tally>,
    connection: Option<Connection>,
    /// Place n holds the message with packet id n + 1.
    window: Vec<Option<InFlight>>,
    free: Vec<u16>,
    /// The window had no room left when it was last filled.
    full: bool,
    /// A place within the first interval.
    phase: f64,
    made: u64,
    last_ts: i64,
    backoff: Backoff,
    rng: Rng,
}

impl Worker {
    pub(super) fn new(index: usize, device: &CityDevice, plan: Arc<Plan>, tally: Arc<Tally>) -> Worker {
        let now_ms = plan.run_id;
        let quiet = ActiveFaults::default();
        let report = Physics::new(device, 1, now_ms).sample(&Scene::at(now_ms, &Weather::new(1), &quiet)).to_json(None);
        Worker {
            index,
            device: device.id.as_ref().to_owned(),
            token: device.token.as_ref().to_owned(),
            topic: format!("v1/devices/{}/telemetry", device.id),
            fields: report.trim_start_matches('{').to_owned(),
            connection: None,
            window: (0..plan.in_flight).map(|_| None).collect(),
            free: (1..=plan.in_flight).rev().collect(),
            full: false,
            phase: Rng::named(2, &device.id).unit(),
            made: 0,
            last_ts: 0,
            backoff: Backoff::default(),
            rng: Rng::named(1, &device.id),
            plan,
            tally,
        }
    }

    /// One attempt to connect.
    pub(super) async fn connect(&mut self) {
        let login = Login { device: &self.device, token: &self.token };
        let plan = &self.plan;
        match Connection::open(plan.broker, plan.version, login, &self.topic, 0, CONNECT_TIMEOUT).await {
            Ok(mut connection) => {
                connection.expect_bursts_of(plan.in_flight);
                // A server with a smaller window gets no more than it asked for.
                let allowed = connection.receive_maximum();
                self.free.retain(|packet_id| *packet_id <= allowed);
                self.backoff.succeeded();
                self.connection = Some(connection);
            }
            Err(error) => self.tally.error(&self.tally.connect_errors, &error),
        }
    }

    /// Publishes from `start` to `end`, and waits for the last acknowledgements.
    pub(super) async fn publish(mut self, start: Instant, mut end: Instant) {
        let stop = self.plan.stop.clone();
        loop {
            if stop.is_cancelled() {
                end = end.min(Instant::now());
            }
            let over = Instant::now() >= end;
            if Instant::now() >= end + DRAIN || (over && self.window.iter().all(Option::is_none)) {
                break;
            }
            if self.connection.is_none() {
                let retry_at = Instant::now() + self.backoff.after_failure(&mut self.rng);
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = sleep_until(retry_at.min(end + DRAIN)) => {}
                }
                self.connect().await;
            }
            if let Some(mut connection) = self.connection.take() {
                match self.turn(&mut connection, start, end, over).await {
                    Ok(()) => self.connection = Some(connection),
                    Err(error) => self.lost(&error),
                }
            }
        }
        if let Some(connection) = self.connection.take() {
            connection.close().await;
        }
    }

    fn lost(&mut self, error: &WireError) {
        self.tally.error(&self.tally.lost, error);
        for message in self.window.iter_mut().flatten() {
            message.written = false;
        }
    }

    /// Writes what there is to write, waits for something to happen, takes what came.
    async fn turn(
        &mut self,
        connection: &mut Connection,
        start: Instant,
        end: Instant,
        over: bool,
    ) -> Result<(), WireError> {
        self.rewrite(connection)?;
        let wake = if over { end + DRAIN } else { self.refill(connection, start)?.unwrap_or(end).min(end) };
        connection.flush().await?;
        let first = tokio::select! {
            first = connection.next() => first?,
            () = sleep_until(wake) => return Ok(()),
            () = self.plan.stop.cancelled(), if !over => return Ok(()),
        };
        let now = Instant::now();
        let mut next = Some(first);
        let mut acked = String::new();
        while let Some(incoming) = next {
            if let Incoming::Acknowledged { packet_id, refused } = incoming {
                self.acknowledged(packet_id, now, &mut acked);
                if refused.is_some() {
                    self.tally.refused.fetch_add(1, Ordering::Relaxed);
                }
            }
            next = connection.buffered()?;
        }
        let since_start = u64::try_from(now.duration_since(start).as_micros()).unwrap_or(u64::MAX);
        self.tally.last_ack_us.fetch_max(since_start, Ordering::Relaxed);
        self.log(&acked);
        Ok(())
    }

    /// Writes again what the last connection left unacknowledged.
    fn rewrite(&mut self, connection: &mut Connection) -> Result<(), WireError> {
        for (index, message) in self.window.iter_mut().enumerate() {
            if let Some(message) = message
                && !message.written
            {
                connection.publish(index as u16 + 1, &message.payload, true, None)?;
                message.written = true;
                self.tally.resent.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    /// Fills the window with what is due; gives the time of the next message if there is room for it.
    fn refill(&mut self, connection: &mut Connection, start: Instant) -> Result<Option<Instant>, WireError> {
        let now = Instant::now();
        let was_full = std::mem::take(&mut self.full);
        while let Some(packet_id) = self.free.last().copied() {
            let due = match self.plan.interval {
                // Connections begin one after the other within the first interval.
                Some(interval) => start + interval.mul_f64(self.phase + self.made as f64),
                None => now,
            };
            if due > now {
                return Ok(Some(due));
            }
            self.free.pop();
            self.made += 1;
            let payload = self.payload();
            connection.publish(packet_id, &payload, false, None)?;
            // What had to wait for room waited for the server; a late timer is our own fault.
            let since = if was_full { due } else { now };
            let message = InFlight { number: self.made, payload, since, written: true };
            self.window[usize::from(packet_id) - 1] = Some(message);
            self.tally.sent.fetch_add(1, Ordering::Relaxed);
        }
        self.full = true;
        Ok(None)
    }

    fn acknowledged(&mut self, packet_id: u16, now: Instant, log: &mut String) {
        let place = usize::from(packet_id).checked_sub(1).and_then(|index| self.window.get_mut(index));
        let Some(message) = place.and_then(Option::take) else { return };
        self.free.push(packet_id);
        let tally = &self.tally;
        tally.acknowledged.fetch_add(1, Ordering::Relaxed);
        tally.payload_bytes.fetch_add(message.payload.len() as u64, Ordering::Relaxed);
        let waited = now.saturating_duration_since(message.since);
        tally.latency.record_us(u64::try_from(waited.as_micros()).unwrap_or(u64::MAX));
        if tally.acked_log.is_some() {
            log.push_str(&self.id(message.number));
            log.push('\n');
        }
    }

    /// The id of a message, unlike that of any other connection or run.
    fn id(&self, number: u64) -> String {
        format!("{:x}-{}-{number}", self.plan.run_id, self.index)
    }

    fn payload(&mut self) -> Bytes {
        let now_ms = wall_ms();
        let next = (self.last_ts + 1).max(now_ms);
        self.last_ts = if next > now_ms + MAX_AHEAD_MS { now_ms } else { next };
        Bytes::from(format!("{{\"id\":\"{}\",\"ts\":{},{}", self.id(self.made), self.last_ts, self.fields))
    }

    fn log(&self, lines: &str) {
        if let Some(log) = &self.tally.acked_log
            && !lines.is_empty()
        {
            let written = log.lock().unwrap_or_else(std::sync::PoisonError::into_inner).write_all(lines.as_bytes());
            if let Err(error) = written {
                self.tally.error(&self.tally.log_errors, &error);
            }
        }
    }
}
