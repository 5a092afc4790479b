//! What battery and radio add to every report.

use crate::report::Report;
use crate::rng::Rng;

/// Seconds in which a full battery runs empty: four years.
const LIFE_S: f64 = 4.0 * 365.0 * 86_400.0;
/// Percent that one message costs on top.
const MESSAGE_PCT: f64 = 0.000_4;

/// A lithium battery (3.6 V, flat until it is nearly empty).
#[derive(Clone, Debug)]
pub(super) struct Battery {
    pct: f64,
}

impl Battery {
    pub(super) fn new(rng: &mut Rng) -> Battery {
        Battery { pct: rng.between(45.0, 100.0) }
    }

    pub(super) fn report(&mut self, elapsed_s: f64, low: bool, report: &mut Report, rng: &mut Rng) {
        self.pct = (self.pct - elapsed_s / LIFE_S * 100.0 - MESSAGE_PCT).max(30.0);
        let pct = if low { 7.0 } else { self.pct };
        report.number("battery_pct", pct.round(), 0);
        let sag = if pct < 15.0 { (15.0 - pct) * 0.04 } else { 0.0 };
        report.number("battery_v", 3.61 - sag + rng.normal(0.008), 2);
    }
}

/// The radio link of a device: a level of its own, with fading.
#[derive(Clone, Debug)]
pub(super) struct Radio {
    level_dbm: f64,
    lora: bool,
}

impl Radio {
    pub(super) fn new(rng: &mut Rng) -> Radio {
        Radio { level_dbm: rng.between(-108.0, -68.0), lora: rng.chance(0.4) }
    }

    pub(super) fn report(&self, report: &mut Report, rng: &mut Rng) {
        let level = self.level_dbm + rng.normal(2.5);
        report.number("rssi_dbm", level.round(), 0);
        if self.lora {
            // Quantised to a quarter of a decibel, as the radio chips do.
            let snr = (4.0 * (12.0 + (level + 90.0) * 0.3 + rng.normal(1.0)).clamp(-20.0, 14.0)).round() / 4.0;
            report.number("snr_db", snr, 2);
        }
    }
}
