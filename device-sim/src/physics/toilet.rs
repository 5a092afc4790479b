//! A public toilet: visits through the day, air that gets worse with them, paper that runs out.

use super::Scene;
use crate::city::CityDevice;
use crate::faults::FaultKind;
use crate::report::Report;
use crate::rng::Rng;

/// Visits an hour and stall when the street is at its busiest.
const VISITS_PER_STALL_H: f64 = 5.0;
/// Percent of a roll that one visit takes, and where it is refilled.
const PAPER_PCT_PER_VISIT: f64 = 0.15;
const PAPER_REFILLED_AT_PCT: f64 = 18.0;

#[derive(Clone, Debug)]
pub(super) struct Toilet {
    stalls: f64,
    visits: f64,
    paper_pct: f64,
    nh3_ppm: f64,
    rssi_dbm: f64,
}

impl Toilet {
    pub(super) fn new(device: &CityDevice, rng: &mut Rng) -> Toilet {
        Toilet {
            stalls: device.attribute("stalls", 6.0),
            visits: rng.between(1_000.0, 90_000.0).floor(),
            paper_pct: rng.between(25.0, 100.0),
            nh3_ppm: rng.between(0.05, 0.3),
            rssi_dbm: rng.between(-90.0, -55.0),
        }
    }

    pub(super) fn sample(&mut self, scene: &Scene<'_>, elapsed_s: f64, rng: &mut Rng) -> Report {
        let busy = super::busy(scene.local.hour);
        let expected = VISITS_PER_STALL_H * self.stalls * busy * elapsed_s.min(86_400.0) / 3_600.0;
        let visits = (expected + rng.normal(1.0) * expected.sqrt() * 0.5 + rng.unit() - 0.5).round().max(0.0);
        self.visits += visits;
        self.paper_pct -= visits * PAPER_PCT_PER_VISIT;
        if self.paper_pct < PAPER_REFILLED_AT_PCT {
            self.paper_pct = 100.0;
        }
        let settled = 0.08 + 0.2 * busy;
        self.nh3_ppm = (self.nh3_ppm + (settled - self.nh3_ppm) * 0.3 + rng.normal(0.012)).clamp(0.02, 0.4);
        self.report(scene, busy, rng)
    }

    fn report(&self, scene: &Scene<'_>, busy: f64, rng: &mut Rng) -> Report {
        let faults = scene.faults;
        let odour = faults.has(FaultKind::ToiletOdour);
        let mut report = Report::default();
        report.number("nh3_ppm", if odour { 4.9 + rng.normal(0.1) } else { self.nh3_ppm }, 2);
        report.number("h2s_ppm", if odour { 0.15 } else { 0.002 + 0.003 * rng.unit() }, 3);
        report.number("humidity_pct", (58.0 + 12.0 * busy + rng.normal(1.5)).clamp(20.0, 98.0), 1);
        report.number("temperature_c", 18.0 + (scene.air_c - 18.0) * 0.5 + rng.normal(0.2), 1);
        let occupied = rng.chance(0.8 * busy);
        report.flag("occupied", occupied);
        report.number("stay_min", if occupied { rng.between(0.0, 11.0) } else { 0.0 }, 0);
        report.integer("visits", self.visits as i64);
        report.flag("sos", faults.has(FaultKind::ToiletSos));
        report.flag("leak", faults.has(FaultKind::ToiletLeak));
        report.number("paper_pct", self.paper_pct, 0);
        report.flag("power_ok", true);
        report.number("rssi_dbm", (self.rssi_dbm + rng.normal(1.5)).round(), 0);
        report
    }
}
