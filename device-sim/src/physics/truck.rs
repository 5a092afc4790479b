//! A sanitation truck: drives its round along the streets, with a receiver that is not perfect.
//!
//! The round is a rectangle of whole blocks that begins and ends at the depot. While working it
//! crawls, between sections it drives, and if it collects it halts at each stop of its route; out of its shift it
//! stands where it is with the engine off.

use super::Scene;
use crate::city::{CityDevice, STOP_EVERY_M, along_round, collects, round_m, round_of, shift_of};
use crate::faults::FaultKind;
use crate::report::Report;
use crate::rng::Rng;

/// How far to the east and to the north a truck that is astray drives its round.
const ASTRAY_M: f64 = 9_000.0;
const DEGREES_PER_M: f64 = 1.0 / 111_320.0;
/// How long a truck halts to empty what stands at a stop, in seconds.
const HALT_S: f64 = 45.0;
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
    /// It halts at stops, and how much longer at the one where it is.
    collects: bool,
    halt_s: f64,
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
        let any = *rng.pick(&[("清扫", 5.0), ("洒水", 11.0), ("清运", 18.0)]);
        let (task, working_kmh) = if collects(device) { ("清运", 18.0) } else { any };
        let depot = (device.latitude, device.longitude);
        Truck {
            depot,
            sides_m: round_of(&device.id),
            along_m: rng.between(0.0, 1_500.0),
            shift: shift_of(&device.id),
            collects: collects(device),
            halt_s: 0.0,
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
        let halts = self.collects && !overspeed && !astray;
        let driven_m = self.drive(speed_kmh / 3.6, elapsed_s.min(600.0), halts);
        let speed_kmh = if halts && self.halt_s > 0.0 { 0.0 } else { speed_kmh };
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

    /// Drives on for so long; gives the metres.
    fn drive(&mut self, metres_s: f64, elapsed_s: f64, halts: bool) -> f64 {
        let round_m = round_m(self.sides_m);
        let (mut left_s, mut driven_m) = (elapsed_s, 0.0);
        if !halts || metres_s <= 0.0 {
            self.halt_s = 0.0;
            driven_m = metres_s * left_s;
            self.along_m = (self.along_m + driven_m) % round_m;
            return driven_m;
        }
        while left_s > 0.0 {
            let halted_s = self.halt_s.min(left_s);
            self.halt_s -= halted_s;
            left_s -= halted_s;
            // The next one ahead; a millimetre more, so that the one where it stands is behind it.
            let passed = ((self.along_m + 0.001) / STOP_EVERY_M + 0.5).floor();
            let next_m = (passed + 0.5) * STOP_EVERY_M;
            let way_m = if next_m < round_m { next_m } else { round_m + 0.5 * STOP_EVERY_M } - self.along_m;
            let step_m = way_m.min(metres_s * left_s);
            left_s = if step_m < way_m { 0.0 } else { left_s - way_m / metres_s };
            if step_m >= way_m {
                self.halt_s = HALT_S;
            }
            driven_m += step_m;
            self.along_m = (self.along_m + step_m) % round_m;
        }
        driven_m
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

    fn spot(&self) -> Spot {
        let (east_m, north_m, side) = along_round(self.sides_m, self.along_m).unwrap_or_default();
        let (east, north) = self.sides_m;
        let way = [east, north, -east, -north].get(side).copied().unwrap_or_default();
        let heading_deg = match (side % 2 == 0, way > 0.0) {
            (true, true) => 90.0,
            (true, false) => 270.0,
            (false, true) => 0.0,
            (false, false) => 180.0,
        };
        Spot { east_m, north_m, heading_deg }
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
                    // One that has just halted drove until then.
                    let fastest = if collects(truck) { 48.0 } else { number("speed_kmh") };
                    assert!(north.hypot(east) <= fastest / 3.6 * 30.0 + 12.0 * GPS_NOISE_M);
                    moved += usize::from(number("speed_kmh") > 2.0 && north.hypot(east) > 20.0);
                }
                last = good.then_some(here);
            }
        }
        assert!(moved > 100, "{moved}");
    }

    #[test]
    fn a_truck_that_collects_halts_at_every_stop_of_its_round() {
        let city = City::generate(4, 400);
        let trucks = city.devices.iter().filter(|device| device.kind == Kind::Truck && collects(device));
        let mut halts = 0;
        for device in trucks.clone() {
            let mut truck = Truck::new(device, &mut Rng::named(4, &device.id));
            let round_m = round_m(truck.sides_m);
            let stops = (0..).map(|n| (f64::from(n) + 0.5) * STOP_EVERY_M).take_while(|m| *m < round_m);
            let mut stood_s: Vec<(f64, f64)> = stops.map(|m| (m, 0.0)).collect();
            assert!(stood_s.len() >= 4, "{}", stood_s.len());
            // Twice around, a second at a time: it stands nowhere else, and so long at each.
            let mut driven_m = 0.0;
            while driven_m < 2.0 * round_m {
                let step_m = truck.drive(5.0, 1.0, true);
                driven_m += step_m;
                let at = stood_s.iter_mut().find(|(m, _)| (m - truck.along_m).abs() < 0.01);
                match at {
                    Some((_, seconds)) => *seconds += 1.0 - step_m / 5.0,
                    None => assert!(step_m > 0.0, "{} stands at {}", device.id, truck.along_m),
                }
            }
            for (m, seconds) in &stood_s {
                assert!(*seconds > HALT_S - 1.0 && *seconds < 2.0 * HALT_S + 1.0, "{} {m}: {seconds} s", device.id);
                halts += 1;
            }
        }
        assert!(halts > 20 && trucks.count() > 1, "{halts}");
    }
}
