//! A litter bin: fills with the street, is emptied on rounds, warms in the sun.

use super::Scene;
use super::battery::{Battery, Radio};
use crate::city::CityDevice;
use crate::faults::FaultKind;
use crate::report::Report;
use crate::rng::Rng;

/// A crew on its way empties what is fuller than this, in percent.
const EMPTIED_AT_PCT: f64 = 66.0;
/// Chance of a single wrong echo: a bag right before the sensor, or the flap.
const SPIKE_CHANCE: f64 = 0.002;
/// After a jump the sensor measures again, to see whether it was real.
const SPIKE_S: f64 = 20.0;

#[derive(Clone, Debug)]
pub(super) struct Bin {
    height_mm: f64,
    fill_pct: f64,
    fills_pct_per_h: f64,
    in_sun: f64,
    battery: Battery,
    radio: Radio,
}

impl Bin {
    pub(super) fn new(device: &CityDevice, rng: &mut Rng) -> Bin {
        Bin {
            height_mm: device.attribute("height_mm", 1_200.0),
            fill_pct: rng.between(2.0, 60.0),
            fills_pct_per_h: rng.between(1.0, 6.0),
            in_sun: rng.between(2.0, 14.0),
            battery: Battery::new(rng),
            radio: Radio::new(rng),
        }
    }

    pub(super) fn sample(&mut self, scene: &Scene<'_>, elapsed_s: f64, rng: &mut Rng) -> Report {
        self.fill_pct += self.fills_pct_per_h * super::busy(scene.local.hour) * elapsed_s / 3_600.0;
        if self.fill_pct > EMPTIED_AT_PCT {
            self.fill_pct = rng.between(0.0, 4.0);
        }
        let faults = scene.faults;
        let mut report = Report::default();
        let mut fill = self.fill_pct + rng.normal(0.6);
        if faults.has(FaultKind::BinFull) {
            fill = 99.0 + rng.normal(0.3);
        } else if rng.chance(SPIKE_CHANCE) {
            fill = rng.between(85.0, 100.0);
            report.again_s = Some(SPIKE_S);
        }
        let fill = fill.clamp(0.0, 100.0);
        let tipped = faults.has(FaultKind::BinTipped);
        if !tipped {
            report.number("fill_pct", fill, 0);
            report.number("distance_mm", (self.height_mm * (1.0 - fill / 100.0)).round(), 0);
        }
        let fire_s = faults.elapsed_s(FaultKind::BinFire);
        let heat = fire_s.map_or(0.0, |since_s| (40.0 + since_s * 1.5).min(75.0));
        report.number("temperature_c", scene.air_c + self.in_sun * scene.sunshine + heat + rng.normal(0.3), 1);
        report.flag("tipped", tipped);
        report.flag("smoke", fire_s.is_some());
        self.battery.report(elapsed_s, faults.has(FaultKind::BatteryLow), &mut report, rng);
        self.radio.report(&mut report, rng);
        report
    }
}
