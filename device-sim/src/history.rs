//! Days that have passed: what a city's devices would have said, in the order of time, without a wire and without
//! waiting.
//!
//! The physics, the weather and the faults are those of a run; only the clock is counted. Each day has the faults
//! of the demonstration, on devices that the day's seed picks, spread over the working day. Whoever writes the lines
//! into an archive must mark them as generated: nobody has received them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use gengfu_model::Kind;

use crate::city::City;
use crate::faults::{ActiveFaults, FaultKind, FaultSpec, Injection, LAST_GASP_S, Window, demo_script, plan};
use crate::physics::{Physics, Scene, Weather};
use crate::rng::Rng;

const DAY_MS: i64 = 86_400_000;
/// The first fault of a day, from its beginning.
const FAULTS_FROM_MS: i64 = 6 * 3_600_000;
/// The demonstration's four minutes are spread over thirteen hours.
const FAULTS_SPREAD: i64 = 195;
/// What a device keeps while it cannot connect; the oldest goes first.
const MAX_BACKLOG: usize = 50;
/// Trucks report every 30 seconds: a few are enough for a history.
pub const MAX_TRUCKS: usize = 10;

/// One message of the past.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// When it arrived, in milliseconds of the epoch.
    pub time_ms: i64,
    /// Which device of the city.
    pub device: usize,
    /// The payload.
    pub payload: String,
}

struct Played {
    index: usize,
    physics: Physics,
    rng: Rng,
    windows: Vec<Window>,
    active: ActiveFaults,
    backlog: VecDeque<String>,
    made: u64,
}

/// Plays the city from `from_ms` to `to_ms`; each message is given to `tell` in the order of arrival.
///
/// # Errors
/// What `tell` says; the rest is left out then.
pub fn play<E>(
    city: &City,
    seed: u64,
    from_ms: i64,
    to_ms: i64,
    mut tell: impl FnMut(&Line) -> Result<(), E>,
) -> Result<(), E> {
    let weather = Weather::new(seed);
    let mut devices = devices(city, seed, from_ms, to_ms);
    // The device is part of the key, so that equal times have one order.
    let mut next: BinaryHeap<Reverse<(i64, usize)>> = BinaryHeap::new();
    for (place, device) in devices.iter_mut().enumerate() {
        let interval_ms = i64::from(city.devices[device.index].interval_s) * 1_000;
        next.push(Reverse((from_ms + (interval_ms as f64 * device.rng.unit()) as i64, place)));
    }
    while let Some(Reverse((now_ms, place))) = next.pop() {
        if now_ms >= to_ms {
            continue;
        }
        let device = &mut devices[place];
        for payload in device.say(city, now_ms, from_ms, &weather) {
            tell(&Line { time_ms: now_ms, device: device.index, payload })?;
        }
        next.push(Reverse((device.next_ms(city, now_ms, from_ms), place)));
    }
    Ok(())
}

fn devices(city: &City, seed: u64, from_ms: i64, to_ms: i64) -> Vec<Played> {
    let mut windows: Vec<Vec<Window>> = vec![Vec::new(); city.devices.len()];
    for injection in faults(city, seed, from_ms, to_ms) {
        let FaultSpec { kind, at_ms, duration_ms, .. } = injection.spec;
        for index in injection.devices {
            windows[index].push(Window { kind: kind.on_member(), from_ms: at_ms, to_ms: at_ms + duration_ms });
        }
    }
    let mut trucks = 0;
    let mut played = Vec::with_capacity(city.devices.len());
    for ((index, device), windows) in city.devices.iter().enumerate().zip(windows) {
        trucks += usize::from(device.kind == Kind::Truck);
        if device.kind == Kind::Truck && trucks > MAX_TRUCKS {
            continue;
        }
        played.push(Played {
            index,
            physics: Physics::new(device, seed, from_ms),
            rng: Rng::named(seed ^ 0x0415, &device.id),
            windows,
            active: ActiveFaults::default(),
            backlog: VecDeque::new(),
            made: 0,
        });
    }
    played
}

/// The demonstration's faults, every day on other devices, in milliseconds from the beginning.
fn faults(city: &City, seed: u64, from_ms: i64, to_ms: i64) -> Vec<Injection> {
    let days = (to_ms - from_ms + DAY_MS - 1) / DAY_MS;
    let mut specs = Vec::new();
    for day in 0..days {
        let script = demo_script(city, seed.wrapping_add(day.unsigned_abs()), from_ms + day * DAY_MS);
        specs.extend(
            script
                .into_iter()
                .map(|spec| FaultSpec { at_ms: day * DAY_MS + FAULTS_FROM_MS + spec.at_ms * FAULTS_SPREAD, ..spec }),
        );
    }
    // The script names devices of this very city.
    plan(city, specs).unwrap_or_default()
}

impl Played {
    /// What it says now: one message, none, or what had to wait.
    fn say(&mut self, city: &City, now_ms: i64, from_ms: i64, weather: &Weather) -> Vec<String> {
        self.active.update(&self.windows, now_ms - from_ms);
        if self.active.mute() {
            return Vec::new();
        }
        let report = self.physics.sample(&Scene::at(now_ms, weather, &self.active));
        self.made += 1;
        let mut ts = now_ms + self.active.clock_error_ms();
        if city.devices[self.index].kind == Kind::Truck {
            // A position is some moments old when it arrives.
            ts -= 500;
        }
        let payload = report.to_json(Some(ts));
        if self.active.offline() {
            if self.backlog.len() >= MAX_BACKLOG {
                self.backlog.pop_front();
            }
            self.backlog.push_back(payload);
            return Vec::new();
        }
        let mut said: Vec<String> = self.backlog.drain(..).collect();
        if self.active.has(FaultKind::Duplicates) {
            said.push(payload.clone());
        }
        said.push(payload);
        said
    }

    /// When it speaks next: at its interval, sooner if it has reason to, and when a fault begins or ends.
    fn next_ms(&mut self, city: &City, now_ms: i64, from_ms: i64) -> i64 {
        let interval_ms = f64::from(city.devices[self.index].interval_s) * 1_000.0;
        let mut wait_ms = (interval_ms * self.rng.between(0.97, 1.03)) as i64;
        if let Some(cadence_s) = self.active.cadence_s() {
            wait_ms = wait_ms.min(i64::from(cadence_s) * 1_000);
        }
        if let Some(event_ms) = self.physics.next_event_ms(now_ms) {
            wait_ms = wait_ms.min(event_ms - now_ms);
        }
        let mut next = now_ms + wait_ms.max(1_000);
        for window in &self.windows {
            let gasp_ms = if window.kind == FaultKind::FeederOutage { (LAST_GASP_S * 1_000.0) as i64 } else { 0 };
            for edge in [window.from_ms, window.from_ms + gasp_ms, window.to_ms] {
                if from_ms + edge > now_ms {
                    next = next.min(from_ms + edge);
                }
            }
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-06-19 00:00 in China.
    const FROM: i64 = 1_781_798_400_000;

    fn lines(seed: u64, days: i64) -> Vec<Line> {
        let city = City::generate(seed, 150);
        let mut lines = Vec::new();
        let told: Result<(), ()> = play(&city, seed, FROM, FROM + days * DAY_MS, |line| {
            lines.push(Line { time_ms: line.time_ms, device: line.device, payload: line.payload.clone() });
            Ok(())
        });
        told.unwrap();
        lines
    }

    #[test]
    fn two_days_come_in_the_order_of_time_and_each_device_keeps_its_interval() {
        let lines = lines(3, 2);
        assert!(lines.is_sorted_by_key(|line| line.time_ms));
        assert!(lines.first().unwrap().time_ms >= FROM && lines.last().unwrap().time_ms < FROM + 2 * DAY_MS);
        let city = City::generate(3, 150);
        for (index, device) in city.devices.iter().enumerate() {
            let said = lines.iter().filter(|line| line.device == index).count();
            let expected = (2.0 * 86_400.0 / f64::from(device.interval_s)) as usize;
            if device.kind != Kind::Truck {
                // Faults make it more or silence it for a while.
                assert!(said + 1 + expected / 5 >= expected, "{}: {said} of {expected}", device.id);
            }
        }
        let said = |part: &str| lines.iter().filter(|line| line.payload.contains(part)).count();
        assert!(said("\"sos\":true") > 0, "the demonstration's faults are in it");
        assert!(lines.iter().all(|line| line.payload.contains("\"ts\"")));
    }

    #[test]
    fn the_same_seed_gives_the_same_days() {
        assert_eq!(lines(5, 1), lines(5, 1));
        assert_ne!(lines(5, 1), lines(6, 1));
    }

    #[test]
    fn whoever_has_enough_stops_it() {
        let city = City::generate(3, 20);
        let mut count = 0;
        let told = play(&city, 3, FROM, FROM + DAY_MS, |_| {
            count += 1;
            if count == 10 { Err("enough") } else { Ok(()) }
        });
        assert_eq!((told, count), (Err("enough"), 10));
    }
}
