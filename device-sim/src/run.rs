//! Playing the city: every device a light task that measures, connects, publishes and waits for its
//! acknowledgements.
//!
//! Devices on mains keep their connection as far as the connection budget goes; those on batteries,
//! and mains devices beyond the budget, connect to say something and go again. Time is honest: `ts` is
//! the wall clock's (or the device's faulty clock's); speed only makes the devices report more often.

mod command;
mod device;
mod link;
mod outbox;
mod part;
mod summary;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::city::City;
use crate::clock::wall_ms;
use crate::faults::{Injection, Truth, Window};
use crate::mqtt::Counts;
use crate::physics::Weather;
use device::DeviceTask;
pub use part::TracePart;
pub use summary::{Summary, progress_line};

/// Connections that are kept for devices which come and go.
const LEAST_ON_DEMAND: usize = 16;
/// How often progress is told.
const PROGRESS_EVERY: Duration = Duration::from_secs(3);
/// New connections a second while the fleet starts.
const STARTS_PER_S: usize = 500;

/// How a city is to be played.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to publish.
    pub broker: SocketAddr,
    /// Seed of the physics and the weather.
    pub seed: u64,
    /// Reporting intervals are divided by this.
    pub speed: f64,
    /// How many connections may be open at once.
    pub connections: usize,
    /// Stop after so long; `None`: when cancelled.
    pub duration: Option<Duration>,
    /// Devices make their first report within this time; `None`: 500 devices a second.
    pub ramp: Option<Duration>,
    /// Every so manieth device speaks MQTT 5, the others 3.1.1; 0: none.
    pub v5_every: usize,
    /// Recorded traces, one for each device; empty: the devices live by their physics.
    pub traces: Vec<TracePart>,
}

/// What all devices of a run share.
struct Fleet {
    options: Options,
    ramp: Duration,
    weather: Weather,
    counts: Arc<Counts>,
    /// Connections that devices may open on demand.
    permits: Semaphore,
    started: Instant,
    /// Sets this run's message ids apart from any other run's.
    run_id: i64,
    stop: CancellationToken,
}

/// Something worth telling while the city plays.
#[derive(Clone, Debug)]
pub enum Event {
    /// The counters, every few seconds.
    Progress(Summary),
    /// A fault begins.
    Fault(Truth),
}

/// Plays the city until the duration is over, all traces are at their end, or `stop` is cancelled;
/// then lets the devices finish what is on the wire and says good-bye.
///
/// # Errors
/// A text, if a device's task ended by a bug.
pub async fn run(
    city: Arc<City>,
    injections: Vec<Injection>,
    options: Options,
    counts: Arc<Counts>,
    stop: CancellationToken,
    mut tell: impl FnMut(Event),
) -> Result<Summary, String> {
    let started = Instant::now();
    let duration = options.duration;
    let mut options = options;
    let traces = std::mem::take(&mut options.traces);
    let (fleet, mut tasks) = start(&city, &injections, options, traces, counts, started, &stop);
    let mut pending = injections;
    // The next fault is the last of the list.
    pending.sort_by_key(|injection| std::cmp::Reverse(injection.spec.at_ms));
    let mut progress = tokio::time::interval_at(started + PROGRESS_EVERY, PROGRESS_EVERY);
    progress.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let over = async {
        match duration {
            Some(duration) => tokio::time::sleep_until(started + duration).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(over);
    loop {
        let next_fault = pending.last().map(|injection| started + offset(injection.spec.at_ms));
        tokio::select! {
            () = stop.cancelled() => break,
            () = &mut over => break,
            _ = progress.tick() => tell(Event::Progress(fleet.summary(&city))),
            () = tokio::time::sleep_until(next_fault.unwrap_or(started)), if next_fault.is_some() => {
                if let Some(injection) = pending.pop() {
                    tell(Event::Fault(truth_of(&city, &injection, wall_ms())));
                }
            }
            ended = tasks.join_next() => match ended {
                Some(ended) => ended.map_err(|error| format!("a device's task failed: {error}"))?,
                // Traces end by themselves; physics never does.
                None => break,
            },
        }
    }
    fleet.stop.cancel();
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(|error| format!("a device's task failed: {error}"))?;
    }
    Ok(fleet.summary(&city))
}

fn start(
    city: &Arc<City>,
    injections: &[Injection],
    options: Options,
    traces: Vec<TracePart>,
    counts: Arc<Counts>,
    started: Instant,
    stop: &CancellationToken,
) -> (Arc<Fleet>, JoinSet<()>) {
    let on_mains = city.devices.iter().filter(|device| device.on_mains()).count();
    let kept = on_mains.min(options.connections.saturating_sub(LEAST_ON_DEMAND.max(options.connections / 4)));
    let permits = Semaphore::new(options.connections.saturating_sub(kept).max(1));
    let by_itself = Duration::from_secs_f64(city.devices.len() as f64 / STARTS_PER_S as f64);
    let fleet = Arc::new(Fleet {
        ramp: options.ramp.unwrap_or(by_itself.max(Duration::from_secs(2))),
        weather: Weather::new(options.seed),
        options,
        counts,
        permits,
        started,
        run_id: wall_ms(),
        stop: stop.child_token(),
    });
    let mut windows: Vec<Vec<Window>> = vec![Vec::new(); city.devices.len()];
    for injection in injections {
        let (from_ms, to_ms) = (injection.spec.at_ms, injection.spec.at_ms + injection.spec.duration_ms);
        for index in &injection.devices {
            windows[*index].push(Window { kind: injection.spec.kind.on_member(), from_ms, to_ms });
        }
    }
    let mut tasks = JoinSet::new();
    let mut left_to_keep = kept;
    let mut traces = traces.into_iter();
    for (index, windows) in windows.into_iter().enumerate() {
        let keeps = city.devices[index].on_mains() && left_to_keep > 0;
        left_to_keep -= usize::from(keeps);
        tasks.spawn(DeviceTask::new(Arc::clone(&fleet), Arc::clone(city), index, windows, traces.next(), keeps).run());
    }
    (fleet, tasks)
}

/// Milliseconds from the start as a duration.
fn offset(ms: i64) -> Duration {
    Duration::from_millis(ms.max(0).unsigned_abs())
}

/// The ground truth of a fault that begins at that moment.
pub(crate) fn truth_of(city: &City, injection: &Injection, now_ms: i64) -> Truth {
    let spec = &injection.spec;
    Truth {
        fault: spec.kind.name().to_owned(),
        device: spec.target.clone(),
        members: injection.devices.iter().map(|index| city.devices[*index].id.as_ref().to_owned()).collect(),
        from: now_ms,
        to: now_ms + spec.duration_ms,
        expect: owned(spec.kind.def().conditions),
        also: owned(spec.kind.def().also),
    }
}

fn owned(conditions: &[&str]) -> Vec<String> {
    conditions.iter().map(|condition| (*condition).to_owned()).collect()
}

impl Fleet {
    fn summary(&self, city: &City) -> Summary {
        Summary {
            devices: city.devices.len(),
            seconds: self.started.elapsed().as_secs_f64(),
            counts: self.counts.snapshot(),
        }
    }
}
