//! A sanitation truck: drives its round along the streets, with a receiver that is not perfect.
//!
//! The round is a rectangle of whole blocks that begins and ends at the depot. While working it
//! crawls, between sections it drives; out of its shift it stands where it is with the engine off.

use super::Scene;
use crate::city::{CityDevice, round_of, shift_of};
use crate::faults::FaultKind;
use crate::report::Report;
use crate::rng::Rng;

/// How far to the east and to the north a truck that is astray drives its round.
const ASTRAY_M: f64 = 9_000.0;
const DEGREES_PER_M: f64 = 1.0 / 111_320.0;
/// Standard deviation of a good position, in metres.
const GPS_NOISE_M: f64 = 2.5;
/// Chances, per report, of a position that is far off, and of none at all.
const DRIFT_CHANCE: f64 = 0.003;
const NO_FIX_CHANCE: f64 = 0.006;

#[derive(Clone, Debug)]
pub(super) struct Truck {
    depot: (f64, f64),
    /// Sides of the round in metres, east and north; signs say which way it goes first.
    sides_m: (f64, f64),
    /// Driven since the depot, within one round.
    along_m: f64,
    /// First hour of the shift, and its length.
    shift: (f64, f64),
    task: &'static str,
    working_kmh: f64,
    altitude_m: f64,
    odometer_km: f64,
    fuel_l: f64,
    last_fix: (f64, f64),
    rssi_dbm: f64,
}

/// Where a truck is on its round, and where it heads.
struct Spot {
    east_m: f64,
    north_m: f64,
    heading_deg: f64,
}

impl Truck {
    pub(super) fn new(device: &CityDevice, rng: &mut Rng) -> Truck {
        // Well below the usual limits of 8 and 15 km/h: a speed that is measured varies by one or two.
        let (task, working_kmh) = *rng.pick(&[("清扫", 5.0), ("洒水", 11.0), ("清运", 18.0)]);
        let depot = (device.latitude, device.longitude);
        Truck {
            depot,
            sides_m: round_of(&device.id),
            along_m: rng.between(0.0, 1_500.0),
            shift: shift_of(&device.id),
            task,
            working_kmh,
            altitude_m: rng.between(355.0, 380.0),
            odometer_km: rng.between(3_000.0, 150_000.0),
            fuel_l: rng.between(60.0, 200.0),
            last_fix: depot,
            rssi_dbm: rng.between(-95.0, -60.0),
        }
    }

    pub(super) fn sample(&mut self, scene: &Scene<'_>, elapsed_s: f64, rng: &mut Rng) -> Report {
        let faults = scene.faults;
        let overspeed = faults.has(FaultKind::TruckOverspeed);
        let astray = faults.has(FaultKind::TruckAstray);
        let working = overspeed || astray || (scene.local.hour - self.shift.0).rem_euclid(24.0) < self.shift.1;
        // Sections to be cleaned and ways between them take turns every 800 metres.
        let cleaning = (self.along_m / 800.0) as i64 % 3 != 2;
        let speed_kmh = match (working, overspeed, cleaning) {
            (false, ..) => 0.0,
            (_, true, _) => 86.0 + rng.normal(1.5),
            // Drivers keep to what the work allows, which is a little more than they drive.
            (_, _, true) => (self.working_kmh + rng.normal(1.0)).clamp(2.0, self.working_kmh + 0.8),
            (_, _, false) => (33.0 + rng.normal(4.0)).clamp(12.0, 48.0),
        };
        let driven_m = speed_kmh / 3.6 * elapsed_s.min(600.0);
        self.along_m = (self.along_m + driven_m) % self.round_m();
        self.odometer_km += driven_m / 1_000.0;
        self.fuel_l -= driven_m / 1_000.0 * 0.28;
        if self.fuel_l < 25.0 {
            self.fuel_l = 200.0;
        }
        let mut spot = self.spot();
        if astray {
            spot.east_m += ASTRAY_M;
            spot.north_m += ASTRAY_M;
        }
        let mut report = Report::default();
        self.position(&spot, speed_kmh, faults.has(FaultKind::TruckNoFix), &mut report, rng);
        report.flag("ignition", working);
        report.number("odometer_km", self.odometer_km, 1);
        report.number("fuel_l", self.fuel_l, 1);
        report.flag("sos", faults.has(FaultKind::TruckSos));
        let task = match (working, cleaning) {
            (false, _) => "待命",
            (true, true) => self.task,
            (true, false) => "转场",
        };
        report.text("task", task);
        report.number("rssi_dbm", (self.rssi_dbm + rng.normal(4.0)).round(), 0);
        report
    }

    fn position(&mut self, spot: &Spot, speed_kmh: f64, lost: bool, report: &mut Report, rng: &mut Rng) {
        let no_fix = rng.chance(NO_FIX_CHANCE) || lost;
        let drift = !no_fix && rng.chance(DRIFT_CHANCE);
        let error_m = if drift { 900.0 } else { GPS_NOISE_M };
        if !no_fix {
            let north_m = spot.north_m + rng.normal(error_m);
            let east_m = spot.east_m + rng.normal(error_m);
            let per_east_m = DEGREES_PER_M / self.depot.0.to_radians().cos();
            self.last_fix = (self.depot.0 + north_m * DEGREES_PER_M, self.depot.1 + east_m * per_east_m);
        }
        // Without a fix the receiver repeats its last position, and says so.
        report.number("latitude", self.last_fix.0, 6);
        report.number("longitude", self.last_fix.1, 6);
        report.number("speed_kmh", if no_fix { 0.0 } else { speed_kmh }, 1);
        let heading = (spot.heading_deg + if speed_kmh > 0.0 { rng.normal(1.5) } else { 0.0 }).rem_euclid(360.0);
        report.number("heading_deg", heading.floor(), 0);
        report.number("altitude_m", self.altitude_m + rng.normal(1.5), 0);
        let (satellites, hdop) = match (no_fix, drift) {
            (true, _) => (rng.below(3), 25.0),
            (_, true) => (3, rng.between(6.0, 12.0)),
            _ => (8 + rng.below(10), rng.between(0.7, 1.6)),
        };
        report.integer("satellites", satellites as i64);
        report.number("hdop", hdop, 1);
        report.flag("fix", !no_fix);
    }

    fn round_m(&self) -> f64 {
        2.0 * (self.sides_m.0.abs() + self.sides_m.1.abs())
    }

    fn spot(&self) -> Spot {
        let (east, north) = self.sides_m;
        let corners = [(0.0, 0.0), (east, 0.0), (east, north), (0.0, north), (0.0, 0.0)];
        let mut left_m = self.along_m;
        for pair in corners.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            let (de, dn) = (to.0 - from.0, to.1 - from.1);
            let length_m = de.abs() + dn.abs();
            if left_m <= length_m {
                let share = left_m / length_m;
                let heading_deg = match (de, dn) {
                    (de, _) if de > 0.0 => 90.0,
                    (de, _) if de < 0.0 => 270.0,
                    (_, dn) if dn > 0.0 => 0.0,
                    _ => 180.0,
                };
                return Spot { east_m: from.0 + de * share, north_m: from.1 + dn * share, heading_deg };
            }
            left_m -= length_m;
        }
        Spot { east_m: 0.0, north_m: 0.0, heading_deg: 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::{Local, days_of};
    use crate::city::City;
    use crate::faults::ActiveFaults;
    use crate::physics::{Physics, Weather};
    use crate::report::Printed;
    use gengfu_model::Kind;

    #[test]
    fn a_truck_moves_as_fast_as_it_says() {
        let city = City::generate(4, 200);
        let (weather, quiet) = (Weather::new(4), ActiveFaults::default());
        let start = Local::ms_at(days_of(2026, 5, 1), 5.0);
        let mut moved = 0;
        for truck in city.devices.iter().filter(|d| d.kind == Kind::Truck) {
            let mut physics = Physics::new(truck, 4, start);
            let mut last: Option<(f64, f64)> = None;
            for i in 0..200 {
                let report = physics.sample(&Scene::at(start + i * 30_000, &weather, &quiet));
                let number = |name| match report.get(name) {
                    Some(Printed::Number(value, _)) => *value,
                    other => panic!("{name} {other:?}"),
                };
                let good = report.get("fix") == Some(&Printed::Flag(true)) && number("hdop") < 5.0;
                let here = (number("latitude"), number("longitude"));
                if let (true, Some(last)) = (good, last) {
                    let north = (here.0 - last.0) / DEGREES_PER_M;
                    let east = (here.1 - last.1) / DEGREES_PER_M * here.0.to_radians().cos();
                    // Corners cut the way short; noise makes it a little longer.
                    assert!(north.hypot(east) <= number("speed_kmh") / 3.6 * 30.0 + 12.0 * GPS_NOISE_M);
                    moved += usize::from(number("speed_kmh") > 2.0 && north.hypot(east) > 20.0);
                }
                last = good.then_some(here);
            }
        }
        assert!(moved > 100, "{moved}");
    }
}
