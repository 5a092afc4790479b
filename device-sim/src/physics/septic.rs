//! A septic tank: rises with the day's use, is emptied when it is three quarters full.

use gengfu_model::time::{DAY_MS, HOUR_MS};

use super::Scene;
use super::battery::{Battery, Radio};
use crate::calendar::Local;
use crate::city::CityDevice;
use crate::faults::FaultKind;
use crate::report::Report;
use crate::rng::Rng;

/// The crew comes at this level and leaves this much, in percent.
const EMPTIED_AT_PCT: f64 = 74.0;
const LEFT_PCT: f64 = 12.0;
/// A tank's past begins at a multiple of this, so that runs that begin at different times (a generated history and
/// the city that goes on after it, a second start) find the same level: a step would look like a blocked tank.
const PAST_MS: i64 = 120 * DAY_MS;
/// How fast a blocked tank rises, in percent an hour.
const BLOCKED_PCT_PER_H: f64 = 90.0;

#[derive(Clone, Debug)]
pub(super) struct Septic {
    depth_cm: f64,
    level_pct: f64,
    /// What the crew leaves of this tank.
    left_pct: f64,
    rise_pct_per_h: f64,
    has_gas: bool,
    battery: Battery,
    radio: Radio,
}

impl Septic {
    pub(super) fn new(device: &CityDevice, at_ms: i64, rng: &mut Rng) -> Septic {
        let mut septic = Septic {
            depth_cm: device.attribute("depth_cm", 250.0),
            level_pct: rng.between(15.0, 62.0),
            left_pct: LEFT_PCT + rng.unit() * 3.0,
            rise_pct_per_h: rng.between(0.1, 0.5),
            has_gas: rng.chance(0.5),
            battery: Battery::new(rng),
            radio: Radio::new(rng),
        };
        let mut past_ms = at_ms - at_ms.rem_euclid(PAST_MS);
        while past_ms < at_ms {
            let step_ms = HOUR_MS.min(at_ms - past_ms);
            past_ms += step_ms;
            septic.fill(Local::of(past_ms).hour, step_ms as f64 / 1_000.0);
        }
        septic
    }

    /// Lets sewage flow in, and the crew come.
    fn fill(&mut self, hour: f64, elapsed_s: f64) {
        self.level_pct += self.rise_pct_per_h * super::busy(hour) * elapsed_s / 3_600.0;
        // Crews work by day; a tank waits for the morning.
        if self.level_pct > EMPTIED_AT_PCT && (8.0..18.0).contains(&hour) {
            self.level_pct = self.left_pct;
        }
        self.level_pct = self.level_pct.min(EMPTIED_AT_PCT + 3.0);
    }

    pub(super) fn sample(&mut self, scene: &Scene<'_>, elapsed_s: f64, rng: &mut Rng) -> Report {
        self.fill(scene.local.hour, elapsed_s);
        let faults = scene.faults;
        let mut level = self.level_pct + rng.normal(0.15);
        if let Some(since_s) = faults.elapsed_s(FaultKind::SepticRising) {
            // Stays below the level that is an alarm by itself.
            level = (level.min(45.0) + BLOCKED_PCT_PER_H * since_s / 3_600.0).min(77.0);
        }
        if faults.has(FaultKind::SepticHigh) {
            level = 93.0 + rng.normal(0.2);
        }
        let overflow = faults.has(FaultKind::SepticOverflow);
        if overflow {
            level = 104.0 + rng.normal(0.2);
        }
        self.report(scene, level.max(0.0), overflow, elapsed_s, rng)
    }

    fn report(&mut self, scene: &Scene<'_>, level_pct: f64, overflow: bool, elapsed_s: f64, rng: &mut Rng) -> Report {
        let mut report = Report::default();
        let level_cm = self.depth_cm * level_pct / 100.0;
        report.number("level_pct", level_pct, 1);
        report.number("level_cm", level_cm, 0);
        // The sensor hangs 40 cm above the rim.
        report.number("distance_mm", ((self.depth_cm + 40.0 - level_cm) * 10.0).round(), 0);
        report.flag("overflow", overflow);
        if self.has_gas {
            report.number("ch4_pct_lel", (2.0 + level_pct / 40.0 + rng.normal(0.3)).max(0.0), 1);
            report.number("h2s_ppm", (0.8 + level_pct / 60.0 + rng.normal(0.15)).max(0.0), 1);
            report.number("o2_pct", (20.6 + rng.normal(0.05)).min(21.0), 1);
        }
        report.number("temperature_c", 15.0 + (scene.air_c - 15.0) * 0.3 + rng.normal(0.1), 1);
        self.battery.report(elapsed_s, scene.faults.has(FaultKind::BatteryLow), &mut report, rng);
        self.radio.report(&mut report, rng);
        report
    }
}
