//! One device's life: measure, keep, connect, publish, wait, sleep.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::command::carry_out;
use super::link::Link;
use super::outbox::Outbox;
use super::part::{Part, Said, TracePart};
use super::{Fleet, offset};
use crate::city::{City, CityDevice};
use crate::clock::wall_ms;
use crate::faults::{ActiveFaults, FaultKind, LAST_GASP_S, Window};
use crate::mqtt::{Backoff, Incoming, Version, WireError};
use crate::rng::Rng;

/// A device that will report again within this time stays connected.
const LINGER: Duration = Duration::from_secs(15);
/// At the end of a run, acknowledgements are waited for so long.
const DRAIN: Duration = Duration::from_secs(5);
/// Every so manieth device has no clock, and sends no `ts`.
const WITHOUT_CLOCK_EVERY: u64 = 10;

/// Everything about one device.
pub(super) struct DeviceTask {
    fleet: Arc<Fleet>,
    city: Arc<City>,
    index: usize,
    part: Part,
    rng: Rng,
    windows: Vec<Window>,
    active: ActiveFaults,
    version: Version,
    has_clock: bool,
    keeps_connection: bool,
    outbox: Outbox,
    made: u64,
    next_report: Instant,
    backoff: Backoff,
    retry_at: Instant,
}

impl DeviceTask {
    pub(super) fn new(
        fleet: Arc<Fleet>,
        city: Arc<City>,
        index: usize,
        windows: Vec<Window>,
        trace: Option<TracePart>,
        keeps: bool,
    ) -> Self {
        let device = &city.devices[index];
        let mut rng = Rng::named(fleet.options.seed ^ 0x5eed, &device.id);
        let part = Part::new(device, &fleet, trace);
        let first = match part.trace_offset_ms() {
            Some(offset_ms) => fleet.started + offset(offset_ms).div_f64(fleet.options.speed),
            None => fleet.started + fleet.ramp.mul_f64(rng.unit()),
        };
        let v5_every = fleet.options.v5_every;
        DeviceTask {
            version: if v5_every > 0 && index % v5_every == v5_every - 1 { Version::V5 } else { Version::V4 },
            has_clock: part.is_trace() || rng.below(WITHOUT_CLOCK_EVERY) != 0,
            part,
            keeps_connection: keeps,
            rng,
            windows,
            active: ActiveFaults::default(),
            outbox: Outbox::default(),
            made: 0,
            next_report: first,
            backoff: Backoff::default(),
            retry_at: fleet.started,
            fleet,
            city,
            index,
        }
    }

    /// Lives until the fleet is stopped.
    pub(super) async fn run(mut self) {
        let fleet = Arc::clone(&self.fleet);
        let mut link: Option<Link<'_>> = None;
        loop {
            self.pass_time();
            if self.active.offline() {
                // A dead device says no good-bye.
                self.lose(&mut link, false);
            } else if link.is_none() && self.wants_connection() {
                let opened = tokio::select! {
                    () = fleet.stop.cancelled() => break,
                    opened = self.connect(&fleet) => opened,
                };
                link = opened;
            }
            if let Some(open) = &mut link
                && self.send(open).await.is_err()
            {
                self.lose(&mut link, true);
            }
            if self.may_go(&link)
                && let Some(open) = link.take()
            {
                open.connection.close().await;
                fleet.counts.connected.subtract();
                self.backoff.succeeded();
            }
            let wake = self.wake(&link);
            let incoming = match &mut link {
                Some(open) => tokio::select! {
                    () = fleet.stop.cancelled() => break,
                    incoming = open.connection.next() => Some(incoming),
                    () = sleep_until(wake) => None,
                },
                None => tokio::select! {
                    () = fleet.stop.cancelled() => break,
                    () = sleep_until(wake) => None,
                },
            };
            if let (Some(incoming), Some(open)) = (incoming, &mut link)
                && self.take(open, incoming).is_err()
            {
                self.lose(&mut link, true);
            }
            if link.as_ref().is_some_and(|open| open.is_stuck(self.outbox.in_flight())) {
                self.lose(&mut link, true);
            }
            if self.played() {
                break;
            }
        }
        Box::pin(self.finish(&fleet, link)).await;
    }

    fn device(&self) -> &CityDevice {
        &self.city.devices[self.index]
    }

    /// Opens and closes faults, and measures when it is time.
    fn pass_time(&mut self) {
        let before = std::mem::take(&mut self.active);
        let since_start = i64::try_from(self.fleet.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.active.update(&self.windows, since_start);
        // Devices tell at once when their alarm begins or ends.
        let edge = !before.same_kinds(&self.active);
        let first_done = self.made > 0;
        if Instant::now() >= self.next_report || (edge && first_done) {
            self.measure();
        }
    }

    fn measure(&mut self) {
        let now = Instant::now();
        let now_ms = wall_ms();
        let interval = Duration::from_secs_f64(f64::from(self.device().interval_s) / self.fleet.options.speed);
        if self.active.mute() {
            self.next_report = now + interval;
            return;
        }
        let Some(said) = self.part.say(now_ms, &self.fleet, &self.active) else {
            self.next_report = now + interval;
            return;
        };
        let ts = said.ts + self.active.clock_error_ms();
        // A message that has to wait needs its time; so does one whose clock is the fault.
        let needs_time = self.active.offline() || self.active.clock_error_ms() != 0;
        let payload = Bytes::from(said.report.to_json((self.has_clock || needs_time).then_some(ts)));
        self.made += 1;
        self.fleet.counts.made.add();
        if self.outbox.push(self.made, payload, self.active.has(FaultKind::Duplicates)) {
            self.fleet.counts.dropped.add();
        }
        self.next_report = match self.part.trace_offset_ms() {
            Some(offset_ms) => self.fleet.started + offset(offset_ms).div_f64(self.fleet.options.speed),
            None => now + self.wait(interval, &said),
        };
    }

    /// How long the device waits after what it said.
    fn wait(&mut self, interval: Duration, said: &Said) -> Duration {
        let mut wait = interval.mul_f64(if self.made == 1 {
            // From the second report on, devices of one kind are spread over their interval.
            self.rng.between(0.05, 1.0)
        } else {
            self.rng.between(0.97, 1.03)
        });
        for sooner_s in [said.report.again_s, self.active.cadence_s().map(f64::from)].into_iter().flatten() {
            wait = wait.min(Duration::from_secs_f64(sooner_s));
        }
        if let Some(event_in_ms) = said.event_in_ms {
            wait = wait.min(offset(event_in_ms));
        }
        wait
    }

    /// A trace that is played to its end, with everything acknowledged.
    fn played(&self) -> bool {
        self.part.is_trace() && self.part.trace_offset_ms().is_none() && self.outbox.is_empty()
    }

    fn wants_connection(&self) -> bool {
        let something = !self.outbox.is_empty() || (self.keeps_connection && self.made > 0);
        something && Instant::now() >= self.retry_at
    }

    async fn connect<'f>(&mut self, fleet: &'f Fleet) -> Option<Link<'f>> {
        let packet_id = self.outbox.packet_id();
        // On the heap, since it is needed for a moment only, and a sleeping device should be small.
        let opening = Box::pin(Link::open(fleet, self.device(), self.version, self.keeps_connection, packet_id));
        match opening.await {
            Ok(link) => {
                fleet.counts.connects.add();
                fleet.counts.connected.add();
                Some(link)
            }
            Err(_) => {
                fleet.counts.connect_failures.add();
                self.retry_at = Instant::now() + self.backoff.after_failure(&mut self.rng);
                None
            }
        }
    }

    async fn send(&mut self, link: &mut Link<'_>) -> Result<(), WireError> {
        if self.outbox.in_flight() == 0 {
            link.progressed();
        }
        while let Some((message, packet_id, repeat)) = self.outbox.next_to_send(link.window) {
            let device = &self.city.devices[self.index];
            let message_id = (self.version == Version::V5)
                .then(|| format!("{}-{:x}-{}", device.id, self.fleet.run_id, message.number));
            link.connection.publish(packet_id, &message.payload, repeat, message_id.as_deref())?;
            link.sent();
            if repeat { self.fleet.counts.resent.add() } else { self.fleet.counts.sent.add() }
        }
        link.ping_if_quiet();
        link.connection.flush().await
    }

    /// Takes one packet and all that came with it.
    fn take(&mut self, link: &mut Link<'_>, first: Result<Incoming, WireError>) -> Result<(), WireError> {
        let mut next = Some(first?);
        while let Some(incoming) = next {
            match incoming {
                Incoming::Acknowledged { packet_id, refused } => {
                    link.progressed();
                    if self.outbox.acknowledged(packet_id) {
                        self.fleet.counts.acknowledged.add();
                        if refused.is_some() {
                            self.fleet.counts.refused.add();
                        }
                    }
                }
                Incoming::Message { packet_id, payload } => {
                    link.connection.acknowledge(packet_id);
                    self.command(link, &payload)?;
                }
                Incoming::Connected { .. } | Incoming::Other => {}
            }
            next = link.connection.buffered()?;
        }
        Ok(())
    }

    /// Carries out a command and answers it.
    fn command(&mut self, link: &mut Link<'_>, payload: &[u8]) -> Result<(), WireError> {
        let Some((ok, answer)) = carry_out(&mut self.part, payload) else { return Ok(()) };
        self.fleet.counts.commands.add();
        if ok {
            // It shows at once in what the device reports.
            self.next_report = Instant::now();
        }
        let topic = format!("v1/devices/{}/replies", self.device().id);
        let packet_id = self.outbox.packet_id();
        link.connection.publish_to(&topic, packet_id, &answer)
    }

    /// Whether the connection is not needed any more.
    fn may_go(&self, link: &Option<Link<'_>>) -> bool {
        // Nobody lingers while others wait for a connection.
        let room = self.fleet.permits.available_permits() > 0;
        let soon = room && self.next_report.saturating_duration_since(Instant::now()) < LINGER;
        link.is_some() && !self.keeps_connection && self.outbox.is_empty() && !soon
    }

    /// Drops the connection without a word; `unwanted`: it counts as lost, and the next one waits.
    fn lose(&mut self, link: &mut Option<Link<'_>>, unwanted: bool) {
        let Some(lost) = link.take() else { return };
        self.fleet.counts.connected.subtract();
        self.outbox.connection_lost();
        if unwanted {
            if lost.was_stable() {
                self.backoff.succeeded();
            }
            self.fleet.counts.lost.add();
            self.retry_at = Instant::now() + self.backoff.after_failure(&mut self.rng);
        }
    }

    /// When to look again if nothing comes in.
    fn wake(&self, link: &Option<Link<'_>>) -> Instant {
        let mut wake = self.next_report;
        let now = Instant::now();
        for window in &self.windows {
            let gasp_ms = if window.kind == FaultKind::FeederOutage { (LAST_GASP_S * 1_000.0) as i64 } else { 0 };
            for edge in [window.from_ms, window.from_ms + gasp_ms, window.to_ms] {
                let edge = self.fleet.started + offset(edge);
                if edge > now {
                    wake = wake.min(edge);
                }
            }
        }
        match link {
            Some(link) => wake.min(link.look_again(self.outbox.in_flight())),
            None if !self.active.offline() && (self.keeps_connection && self.made > 0 || !self.outbox.is_empty()) => {
                wake.min(self.retry_at)
            }
            None => wake,
        }
    }

    /// Waits a little until everything that was said is acknowledged, and says good-bye.
    async fn finish<'f>(mut self, fleet: &'f Fleet, mut link: Option<Link<'f>>) {
        let deadline = Instant::now() + DRAIN;
        if link.is_none() && !self.outbox.is_empty() && !self.active.offline() {
            link = timeout_at(deadline, self.connect(fleet)).await.unwrap_or(None);
        }
        let Some(mut link) = link else { return };
        // Out of time or out of luck: what is left counts as failed.
        drop(timeout_at(deadline, self.drain(&mut link)).await);
        link.connection.close().await;
        fleet.counts.connected.subtract();
    }

    async fn drain(&mut self, link: &mut Link<'_>) -> Result<(), WireError> {
        while !self.outbox.is_empty() {
            self.send(link).await?;
            let incoming = link.connection.next().await;
            self.take(link, incoming)?;
        }
        Ok(())
    }
}
