//! A cover: tilt with noise and trucks that make it bounce, water in rain, gas that drifts.

use super::Scene;
use super::battery::{Battery, Radio};
use crate::city::CityDevice;
use crate::faults::FaultKind;
use crate::report::Report;
use crate::rng::Rng;

/// Chance that a truck passes in the very moment of a sample.
const BOUNCE_CHANCE: f64 = 0.004;
/// A cover that bounced reports again after so many seconds: it lies as before.
const BOUNCE_S: f64 = 3.0;
/// Water level at which the float rises, in cm.
const FLOAT_CM: f64 = 60.0;

#[derive(Clone, Debug)]
pub(super) struct Manhole {
    baseline_deg: f64,
    water_cm: f64,
    ch4_pct_lel: f64,
    h2s_ppm: f64,
    has_gas: bool,
    has_level: bool,
    has_magnet: bool,
    battery: Battery,
    radio: Radio,
}

impl Manhole {
    pub(super) fn new(device: &CityDevice, rng: &mut Rng) -> Manhole {
        Manhole {
            baseline_deg: device.attribute("baseline_tilt_deg", 0.8),
            water_cm: rng.between(2.0, 18.0),
            ch4_pct_lel: rng.between(0.0, 2.0),
            h2s_ppm: rng.between(0.0, 0.6),
            has_gas: device.has_gas_head(),
            has_level: rng.chance(0.4),
            has_magnet: rng.chance(0.5),
            battery: Battery::new(rng),
            radio: Radio::new(rng),
        }
    }

    pub(super) fn sample(&mut self, scene: &Scene<'_>, elapsed_s: f64, rng: &mut Rng) -> Report {
        let mut report = Report::default();
        self.tilt(scene, &mut report, rng);
        self.water(scene, elapsed_s, &mut report, rng);
        self.gas(scene, &mut report, rng);
        report.number("temperature_c", 13.0 + (scene.air_c - 13.0) * 0.35 + rng.normal(0.2), 1);
        self.battery.report(elapsed_s, scene.faults.has(FaultKind::BatteryLow), &mut report, rng);
        self.radio.report(&mut report, rng);
        report
    }

    fn tilt(&self, scene: &Scene<'_>, report: &mut Report, rng: &mut Rng) {
        let rest = self.baseline_deg + rng.normal(0.15);
        let (tilt, open) = if scene.faults.has(FaultKind::CoverDisplaced) {
            (rest + 46.0, true)
        } else if scene.faults.has(FaultKind::CoverOpen) {
            (rest + 102.0, true)
        } else if scene.faults.has(FaultKind::CoverTilted) {
            (rest + 15.0, false)
        } else if rng.chance(BOUNCE_CHANCE * (0.3 + super::busy(scene.local.hour))) {
            report.again_s = Some(BOUNCE_S);
            report.number("vibration_g", rng.between(0.8, 3.0), 2);
            (rest + rng.between(3.0, 14.0), false)
        } else {
            (rest, false)
        };
        report.number("tilt_deg", tilt.abs().min(180.0), 1);
        if self.has_magnet {
            report.flag("cover_open", open);
        }
    }

    fn water(&mut self, scene: &Scene<'_>, elapsed_s: f64, report: &mut Report, rng: &mut Rng) {
        // Runs in with the rain and drains again with a half-life of some 25 minutes.
        let hours = elapsed_s / 3_600.0;
        let settled = 6.0 + scene.rain_mm_h * 1.6;
        self.water_cm = settled + (self.water_cm - settled) * (-1.7 * hours).exp() + rng.normal(0.4);
        self.water_cm = self.water_cm.clamp(0.0, FLOAT_CM - 6.0);
        let level = if scene.faults.has(FaultKind::CoverWater) { 95.0 + rng.normal(2.0) } else { self.water_cm };
        report.flag("water", level >= FLOAT_CM);
        if self.has_level {
            report.number("water_level_cm", level, 0);
        }
    }

    fn gas(&mut self, scene: &Scene<'_>, report: &mut Report, rng: &mut Rng) {
        // A slow random walk that is pulled back to a clean well.
        self.ch4_pct_lel = (self.ch4_pct_lel * 0.98 + rng.normal(0.15)).clamp(0.0, 6.0);
        self.h2s_ppm = (self.h2s_ppm * 0.98 + rng.normal(0.05)).clamp(0.0, 2.5);
        let leak = scene.faults.has(FaultKind::CoverGas);
        // What has no head for gas never speaks of it: a value that nothing ever takes back would stand for ever.
        if !self.has_gas {
            return;
        }
        let (ch4, h2s) =
            if leak { (34.0 + rng.normal(1.0), 16.0 + rng.normal(0.5)) } else { (self.ch4_pct_lel, self.h2s_ppm) };
        report.number("ch4_pct_lel", ch4, 1);
        report.number("h2s_ppm", h2s, 1);
        report.number("o2_pct", (20.8 + rng.normal(0.05)).min(21.0), 1);
        report.number("co_ppm", rng.between(0.0, 3.0), 0);
    }
}
