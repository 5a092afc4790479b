//! The thunderstorm that a gateway must live through: at the hour when the lamps burn, cabinets drop, thousands of
//! covers report water within a minute, some float out of their frames, trucks lose the satellites, and one cell of
//! the carrier falls silent.
//!
//! It is a city of its own with a register of its own, a script of faults with ground truth like any other, and a
//! timetable: who reports when. The same seed and size give the same storm. Times are offsets from its beginning, so
//! that it can be played on a real clock, faster, or on a clock that a test moves by hand.

mod build;
mod play;

pub use play::{Options, Played, play};

use gengfu_model::Kind;
use gengfu_model::time::{MINUTE_MS, SECOND_MS};

use crate::city::City;
use crate::faults::{ActiveFaults, FaultKind, FaultSpec, Injection, LAST_GASP_S, ScriptError, Truth, Window, plan};
use crate::physics::{Physics, Scene, Weather};
use crate::rng::Rng;
use crate::run::truth_of;

/// Everything reports once, as on any evening, within so long.
const CALM_MS: i64 = MINUTE_MS;
/// The storm breaks.
const BREAKS_MS: i64 = 5 * MINUTE_MS;
/// All covers have reported water so long after that.
const REPORTED_MS: i64 = MINUTE_MS;
/// Covers that float out of their frames do so then.
const FLOAT_MS: i64 = BREAKS_MS + 30 * SECOND_MS;
/// A cover under water reports so often, until the time that the water is gone if it drains.
const AGAIN_MS: i64 = 5 * MINUTE_MS;
const DRY_MS: i64 = 12 * MINUTE_MS;
/// It is over: whoever was silent since the calm has been so for more than two and a half heartbeats.
const OVER_MS: i64 = 80 * MINUTE_MS;
/// Heartbeat of covers, and reporting intervals of lamps and trucks, in seconds.
const HEARTBEAT_S: f64 = 1_800.0;
const LAMP_S: f64 = 900.0;
const TRUCK_S: f64 = 60.0;

/// How large a storm is. The default is the one that a city of a million people must expect.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StormSize {
    /// Covers that report water.
    pub covers: usize,
    /// Drainage catchments that they lie in, over two districts.
    pub catchments: usize,
    /// Covers among them that float out of their frames.
    pub floating: usize,
    /// Cabinets that drop, of 52 lamps each.
    pub cabinets: usize,
    /// Trucks that lose their position.
    pub trucks: usize,
    /// Devices of the cell that falls silent.
    pub silent: usize,
    /// Whether the water goes after a while.
    pub drains: bool,
    /// All times and reporting intervals are divided by this.
    pub speed: f64,
}

impl Default for StormSize {
    fn default() -> StormSize {
        StormSize {
            covers: 6_000,
            catchments: 8,
            floating: 40,
            cabinets: 3,
            trucks: 20,
            silent: 800,
            drains: false,
            speed: 1.0,
        }
    }
}

impl StormSize {
    /// Nothing but covers that report water.
    #[must_use]
    pub fn water(covers: usize, catchments: usize) -> StormSize {
        StormSize { covers, catchments, floating: 0, cabinets: 0, trucks: 0, silent: 0, ..StormSize::default() }
    }
}

/// One message of the storm.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// Milliseconds from the beginning.
    pub at_ms: i64,
    /// Which device of the city.
    pub device: usize,
    /// The payload as JSON without `ts` and without the opening brace.
    fields: String,
}

impl Said {
    /// The payload of a storm that began at that moment, in epoch milliseconds.
    #[must_use]
    pub fn payload(&self, began_ms: i64) -> String {
        format!("{{\"ts\":{},{}", began_ms + self.at_ms, self.fields)
    }
}

/// A storm, ready to be played.
#[derive(Clone, Debug)]
pub struct Storm {
    /// Its city: the register that the gateway must have.
    pub city: City,
    /// What is injected, with whom it hits.
    pub injections: Vec<Injection>,
    /// Every message in the order of time.
    pub said: Vec<Said>,
    ends_ms: i64,
    size: StormSize,
}

impl Storm {
    /// The storm of that seed and size. The physics is that of the local time `began_ms`, in epoch milliseconds.
    ///
    /// # Errors
    /// [`ScriptError`] if a fault has nobody to hit, which would be a mistake of the city.
    pub fn new(seed: u64, size: StormSize, began_ms: i64) -> Result<Storm, ScriptError> {
        let city = build::city(seed, &size);
        let injections = plan(&city, script(&city, &size))?;
        let mut said = Vec::new();
        let weather = Weather::new(seed);
        for (index, windows) in windows(&city, &injections).into_iter().enumerate() {
            let mut device = Reporter { city: &city, index, seed, began_ms, size: &size, weather: &weather };
            device.report(&windows, &mut said);
        }
        said.sort_by_key(|said| (said.at_ms, said.device));
        Ok(Storm { city, injections, said, ends_ms: scaled(OVER_MS, size.speed), size })
    }

    /// Leaves out all messages but those of a stretch, in milliseconds from the beginning, and ends with it.
    pub fn cut(&mut self, from_ms: i64, to_ms: i64) {
        self.said.retain(|said| (from_ms..to_ms).contains(&said.at_ms));
        self.ends_ms = to_ms;
    }

    /// How long it lasts, in milliseconds.
    #[must_use]
    pub fn lasts_ms(&self) -> i64 {
        self.ends_ms
    }

    /// When it breaks, in milliseconds from the beginning.
    #[must_use]
    pub fn breaks_ms(&self) -> i64 {
        scaled(BREAKS_MS, self.size.speed)
    }

    /// The ground truth of a storm that began at that moment, in epoch milliseconds.
    #[must_use]
    pub fn truth(&self, began_ms: i64) -> Vec<Truth> {
        let at = |injection: &Injection| began_ms + injection.spec.at_ms;
        self.injections.iter().map(|injection| truth_of(&self.city, injection, at(injection))).collect()
    }
}

fn scaled(ms: i64, speed: f64) -> i64 {
    (ms as f64 / speed) as i64
}

/// The faults: the feeder of each cabinet, water for each catchment, and so on.
fn script(city: &City, size: &StormSize) -> Vec<FaultSpec> {
    let spec = |kind: FaultKind, target: &str, at_ms: i64, to_ms: i64| FaultSpec {
        kind,
        target: target.to_owned(),
        at_ms: scaled(at_ms, size.speed),
        duration_ms: scaled(to_ms - at_ms, size.speed),
    };
    let of = |kind: Kind| city.devices.iter().filter(move |device| device.kind == kind);
    let distinct = |names: Vec<&str>| {
        let mut names: Vec<String> = names.into_iter().filter(|name| !name.is_empty()).map(str::to_owned).collect();
        names.sort_unstable();
        names.dedup();
        names
    };
    let mut specs = Vec::new();
    for feeder in distinct(of(Kind::Streetlight).map(|lamp| &*lamp.feeder).collect()) {
        specs.push(spec(FaultKind::FeederOutage, &feeder, BREAKS_MS, OVER_MS));
    }
    for catchment in distinct(of(Kind::Manhole).map(|cover| &*cover.catchment).collect()) {
        specs.push(spec(FaultKind::Storm, &catchment, BREAKS_MS, if size.drains { DRY_MS } else { OVER_MS }));
    }
    // Every so manieth cover, so that all catchments have some.
    let step = size.covers.checked_div(size.floating).unwrap_or(1).max(1);
    let in_water = of(Kind::Manhole).filter(|cover| !cover.catchment.is_empty());
    for cover in in_water.step_by(step).take(size.floating) {
        specs.push(spec(FaultKind::CoverDisplaced, &cover.id, FLOAT_MS, OVER_MS));
    }
    for truck in of(Kind::Truck) {
        specs.push(spec(FaultKind::TruckNoFix, &truck.id, BREAKS_MS, OVER_MS));
    }
    if size.silent > 0 {
        specs.push(spec(FaultKind::CellOutage, build::SILENT_CELL, BREAKS_MS, OVER_MS));
    }
    specs
}

fn windows(city: &City, injections: &[Injection]) -> Vec<Vec<Window>> {
    let mut windows: Vec<Vec<Window>> = vec![Vec::new(); city.devices.len()];
    for injection in injections {
        let FaultSpec { kind, at_ms, duration_ms, .. } = &injection.spec;
        for index in &injection.devices {
            windows[*index].push(Window { kind: kind.on_member(), from_ms: *at_ms, to_ms: at_ms + duration_ms });
        }
    }
    windows
}

/// One device with its timetable.
struct Reporter<'a> {
    city: &'a City,
    index: usize,
    seed: u64,
    began_ms: i64,
    size: &'a StormSize,
    weather: &'a Weather,
}

impl Reporter<'_> {
    /// Everything that it says, by its timetable and its physics.
    fn report(&mut self, windows: &[Window], said: &mut Vec<Said>) {
        let device = &self.city.devices[self.index];
        let mut physics = Physics::new(device, self.seed, self.began_ms);
        let mut times = self.timetable(windows);
        times.sort_unstable_by(|a, b| b.cmp(a));
        let mut active = ActiveFaults::default();
        while let Some(at_ms) = times.pop() {
            active.update(windows, at_ms);
            if active.mute() {
                continue;
            }
            let now_ms = self.began_ms + at_ms;
            let report = physics.sample(&Scene::at(now_ms, self.weather, &active));
            // A cover that a wheel lifted tells some seconds later that it lies as before.
            if let Some(again_s) = report.again_s {
                times.push(at_ms + (again_s * 1_000.0) as i64);
            }
            let fields = report.to_json(None).trim_start_matches('{').to_owned();
            said.push(Said { at_ms, device: self.index, fields });
        }
    }

    /// When it reports, in milliseconds from the beginning.
    fn timetable(&self, windows: &[Window]) -> Vec<i64> {
        let (device, speed) = (&self.city.devices[self.index], self.size.speed);
        let mut rng = Rng::named(self.seed ^ 0x5702, &device.id);
        let mut within = |from_ms: i64, length_ms: i64| {
            scaled(from_ms, speed) + (scaled(length_ms, speed) as f64 * rng.unit()) as i64
        };
        let mut times = vec![within(0, CALM_MS)];
        if device.kind == Kind::Truck {
            let every_ms = (TRUCK_S * 1_000.0 / speed) as i64;
            times = (0..scaled(OVER_MS, speed) / every_ms.max(1)).map(|n| times[0] + n * every_ms).collect();
        }
        for window in windows {
            if window.kind == FaultKind::CoverWater {
                let first_ms = within(BREAKS_MS, REPORTED_MS);
                let again_ms = scaled(AGAIN_MS, speed).max(1);
                let last_ms = scaled(DRY_MS, speed);
                times.extend((first_ms..last_ms).step_by(usize::try_from(again_ms).unwrap_or(1)));
                if self.size.drains {
                    times.push(within(DRY_MS, REPORTED_MS));
                }
            } else if window.kind == FaultKind::CoverDisplaced {
                // Alarms are told at once.
                times.push(within(FLOAT_MS, 5 * SECOND_MS));
            } else if window.kind == FaultKind::FeederOutage {
                // What is left in a capacitor lasts for seconds.
                let gasp_ms = (LAST_GASP_S * 500.0) as i64;
                times.push(window.from_ms + within(0, SECOND_MS).min(gasp_ms));
            }
        }
        times
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// 2026-07-15 20:55 in China.
    const EVENING: i64 = 1_784_120_100_000;

    fn small() -> StormSize {
        let drains = true;
        StormSize { covers: 240, catchments: 8, floating: 8, cabinets: 2, trucks: 3, silent: 20, drains, speed: 1.0 }
    }

    #[test]
    fn the_storm_has_what_was_asked_and_the_same_seed_gives_the_same() {
        let storm = Storm::new(7, small(), EVENING).unwrap();
        assert_eq!(storm.said, Storm::new(7, small(), EVENING).unwrap().said);
        assert_ne!(storm.said, Storm::new(8, small(), EVENING).unwrap().said);
        assert_eq!(storm.city.devices.len(), 240 + 2 * 52 + 3 + 20);
        let mut injected: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for injection in &storm.injections {
            let count = injected.entry(injection.spec.kind.name()).or_default();
            *count = (count.0 + 1, count.1 + injection.devices.len());
        }
        let expected = [
            ("cell-outage", (1, 20)),
            ("cover-displaced", (8, 8)),
            ("feeder-outage", (2, 104)),
            ("gps-lost", (3, 3)),
            ("storm", (8, 240)),
        ];
        assert_eq!(injected, BTreeMap::from(expected));
        assert!(storm.said.is_sorted_by_key(|said| said.at_ms));
    }

    #[test]
    fn a_minute_brings_all_the_water_a_second_all_the_gasps_and_the_cell_nothing() {
        let storm = Storm::new(7, small(), EVENING).unwrap();
        let broken = |said: &&Said| said.at_ms >= BREAKS_MS;
        let devices = &storm.city.devices;
        let of = |kind: Kind| storm.said.iter().filter(move |said| devices[said.device].kind == kind);
        let wet = of(Kind::Manhole).filter(|said| said.payload(0).contains("\"water\":true"));
        let first = wet.clone().filter(|said| said.at_ms < BREAKS_MS + REPORTED_MS);
        assert_eq!(first.map(|said| said.device).collect::<std::collections::BTreeSet<_>>().len(), 240);
        assert!(wet.clone().all(|said| (BREAKS_MS..DRY_MS).contains(&said.at_ms)));
        let gasps: Vec<&Said> = of(Kind::Streetlight).filter(broken).collect();
        assert_eq!(gasps.len(), 104, "one last word of each lamp");
        assert!(
            gasps
                .iter()
                .all(|said| said.at_ms < BREAKS_MS + SECOND_MS && said.payload(0).contains("\"voltage_v\":0.0"))
        );
        let silent = |said: &&Said| &*devices[said.device].carrier_cell == build::SILENT_CELL;
        assert_eq!(storm.said.iter().filter(silent).filter(broken).count(), 0);
        assert!(of(Kind::Truck).filter(broken).all(|said| said.payload(0).contains("\"fix\":false")));
        let floating = of(Kind::Manhole).filter(|said| tilt_deg(said) > 30.0);
        assert_eq!(floating.map(|said| said.device).collect::<std::collections::BTreeSet<_>>().len(), 8);
    }

    fn tilt_deg(said: &Said) -> f64 {
        let payload: serde_json::Value = serde_json::from_str(&said.payload(0)).unwrap();
        payload["tilt_deg"].as_f64().unwrap()
    }

    #[test]
    fn a_storm_at_ten_times_the_speed_takes_a_tenth_of_the_time() {
        let storm = Storm::new(7, StormSize { speed: 10.0, ..small() }, EVENING).unwrap();
        assert_eq!((storm.breaks_ms(), storm.lasts_ms()), (30_000, 480_000));
        assert!(storm.said.iter().all(|said| said.at_ms <= 490_000));
        assert!(storm.city.devices.iter().all(|device| device.interval_s <= 180));
    }
}
