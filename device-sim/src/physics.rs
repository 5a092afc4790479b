//! How each kind of device behaves over a day: one file per kind.
//!
//! Signals depend on the seed, the device, the local time and the weather, and on the faults that are
//! being played; a device that is not faulty stays within what a healthy one reports, so that a rule
//! that fires on it is a false alarm. Nothing here reads a clock.

mod battery;
mod bin;
mod manhole;
mod septic;
mod streetlight;
mod toilet;
mod truck;
mod weather;

use gengfu_model::Kind;

pub use weather::Weather;

use crate::calendar::Local;
use crate::city::CityDevice;
use crate::faults::ActiveFaults;
use crate::report::Report;
use crate::rng::Rng;

/// The moment at which a device measures, and what acts on it.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// Epoch milliseconds.
    pub now_ms: i64,
    /// The same, as local time.
    pub local: Local,
    /// Rain in mm/h.
    pub rain_mm_h: f64,
    /// Air temperature in °C.
    pub air_c: f64,
    /// Sunshine, 0 (night) to 1 (clear noon).
    pub sunshine: f64,
    /// The faults that are being played on this device.
    pub faults: &'a ActiveFaults,
}

impl<'a> Scene<'a> {
    /// What a device sees at `now_ms` under this weather.
    #[must_use]
    pub fn at(now_ms: i64, weather: &Weather, faults: &'a ActiveFaults) -> Scene<'a> {
        let local = Local::of(now_ms);
        let rain_mm_h = weather.rain_mm_h(local);
        Scene {
            now_ms,
            local,
            rain_mm_h,
            air_c: weather.air_c(local),
            sunshine: weather.sunshine(local, rain_mm_h),
            faults,
        }
    }
}

/// The state of one device.
#[derive(Clone, Debug)]
pub struct Physics {
    rng: Rng,
    last_ms: i64,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    Manhole(manhole::Manhole),
    Streetlight(streetlight::Streetlight),
    Septic(septic::Septic),
    Toilet(toilet::Toilet),
    Bin(bin::Bin),
    Truck(Box<truck::Truck>),
}

impl Physics {
    /// The device as it stands at `start_ms`: already in use, each with a past of its own.
    #[must_use]
    pub fn new(device: &CityDevice, seed: u64, start_ms: i64) -> Physics {
        let mut rng = Rng::named(seed, &device.id);
        let body = match device.kind {
            Kind::Manhole => Body::Manhole(manhole::Manhole::new(device, &mut rng)),
            Kind::Streetlight => Body::Streetlight(streetlight::Streetlight::new(device, &mut rng)),
            Kind::Septic => Body::Septic(septic::Septic::new(device, start_ms, &mut rng)),
            Kind::Toilet => Body::Toilet(toilet::Toilet::new(device, &mut rng)),
            Kind::Bin => Body::Bin(bin::Bin::new(device, &mut rng)),
            Kind::Truck => Body::Truck(Box::new(truck::Truck::new(device, &mut rng))),
        };
        Physics { rng, last_ms: start_ms, body }
    }

    /// Lets time pass until the scene's moment, and measures.
    pub fn sample(&mut self, scene: &Scene<'_>) -> Report {
        // A clock that was set back does not make sewage flow up.
        let elapsed_s = (scene.now_ms - self.last_ms).max(0) as f64 / 1_000.0;
        self.last_ms = scene.now_ms;
        let rng = &mut self.rng;
        match &mut self.body {
            Body::Manhole(device) => device.sample(scene, elapsed_s, rng),
            Body::Streetlight(device) => device.sample(scene, elapsed_s, rng),
            Body::Septic(device) => device.sample(scene, elapsed_s, rng),
            Body::Toilet(device) => device.sample(scene, elapsed_s, rng),
            Body::Bin(device) => device.sample(scene, elapsed_s, rng),
            Body::Truck(device) => device.sample(scene, elapsed_s, rng),
        }
    }

    /// The next moment after `now_ms` at which the device reports unasked, whatever its interval: a
    /// lamp that switches. `None`: it keeps to its interval.
    #[must_use]
    pub fn next_event_ms(&self, now_ms: i64) -> Option<i64> {
        match &self.body {
            Body::Streetlight(device) => Some(device.next_switch_ms(now_ms)),
            Body::Manhole(_) | Body::Septic(_) | Body::Toilet(_) | Body::Bin(_) | Body::Truck(_) => None,
        }
    }

    /// Carries out a command; whether the device knows it.
    pub fn command(&mut self, name: &str, args: &serde_json::Value) -> bool {
        match &mut self.body {
            Body::Streetlight(device) => device.command(name, args),
            Body::Manhole(_) | Body::Septic(_) | Body::Toilet(_) | Body::Bin(_) | Body::Truck(_) => false,
        }
    }
}

/// How busy a street is at a local hour, 0.05 (night) to 1 (rush hours): people, bins, toilets, sewage.
fn busy(hour: f64) -> f64 {
    let peak = |at: f64, width: f64| (-((hour - at) / width).powi(2)).exp();
    (0.05 + 0.75 * peak(8.0, 2.0) + 0.65 * peak(12.5, 2.2) + 0.95 * peak(19.0, 2.6)).min(1.0)
}

#[cfg(test)]
mod tests {
    use gengfu_model::FieldType;

    use super::*;
    use crate::city::City;
    use crate::faults::{ActiveFaults, FAULTS};
    use crate::report::Printed;

    const START_MS: i64 = 1_790_000_000_000;

    fn assert_in_catalogue(kind: Kind, report: &Report) {
        for (name, printed) in &report.fields {
            let field = kind.field(name).unwrap_or_else(|| panic!("{kind} has no field {name}"));
            let def = kind.field_def(field).unwrap();
            let fits = match (def.ty, printed) {
                (FieldType::Number { min, max }, Printed::Number(value, _)) => (min..=max).contains(value),
                (FieldType::Integer { min, max }, Printed::Integer(value)) => (min..=max).contains(value),
                (FieldType::Bool, Printed::Flag(_)) => true,
                (FieldType::Text { max_bytes }, Printed::Text(text)) => text.len() <= max_bytes,
                _ => false,
            };
            assert!(fits, "{kind} {name} = {printed:?}");
        }
    }

    #[test]
    fn ten_thousand_samples_of_each_kind_stay_in_the_catalogues_ranges() {
        let city = City::generate(9, 400);
        let weather = Weather::new(9);
        for kind in gengfu_model::catalogue::KINDS.iter().map(|def| def.kind) {
            let devices: Vec<_> = city.devices.iter().filter(|d| d.kind == kind).take(10).collect();
            let each = 10_000 / devices.len() + 1;
            for device in devices {
                let mut physics = Physics::new(device, 9, START_MS);
                let quiet = ActiveFaults::default();
                for i in 0..each {
                    // Odd steps, so that every hour of the day and every season comes up.
                    let now = START_MS + i as i64 * 1_237_000;
                    let report = physics.sample(&Scene::at(now, &weather, &quiet));
                    assert!(report.fields.len() >= 3);
                    assert_in_catalogue(kind, &report);
                }
            }
        }
    }

    #[test]
    fn faulty_devices_stay_in_the_catalogues_ranges_too() {
        let city = City::generate(9, 100);
        let weather = Weather::new(9);
        for device in &city.devices {
            for fault in &FAULTS {
                let mut physics = Physics::new(device, 9, START_MS);
                for i in 0..30 {
                    let active = ActiveFaults::of(&[(fault.kind, f64::from(i) * 60.0)]);
                    let now = START_MS + i64::from(i) * 60_000;
                    let report = physics.sample(&Scene::at(now, &weather, &active));
                    assert_in_catalogue(device.kind, &report);
                }
            }
        }
    }

    #[test]
    fn a_run_that_begins_later_finds_the_tanks_as_the_earlier_one_left_them() {
        let city = City::generate(3, 400);
        let (weather, quiet) = (Weather::new(9), ActiveFaults::default());
        let level = |physics: &mut Physics, now_ms| {
            let report = physics.sample(&Scene::at(now_ms, &weather, &quiet));
            match report.fields.iter().find(|(name, _)| *name == "level_pct") {
                Some((_, Printed::Number(level, _))) => *level,
                other => panic!("a tank has a level: {other:?}"),
            }
        };
        let end_ms = START_MS + 7 * gengfu_model::time::DAY_MS;
        let tanks: Vec<_> = city.devices.iter().filter(|device| device.kind == Kind::Septic).collect();
        assert!(tanks.len() >= 10);
        for tank in tanks {
            let (mut earlier, mut later) = (Physics::new(tank, 9, START_MS), Physics::new(tank, 9, end_ms));
            let mut now_ms = START_MS;
            while now_ms < end_ms {
                now_ms += 617_000;
                level(&mut earlier, now_ms);
            }
            let difference = level(&mut earlier, end_ms + 1_000_000) - level(&mut later, end_ms + 1_000_000);
            assert!(difference.abs() < 3.0, "{}: {difference}", tank.id);
        }
    }

    #[test]
    fn the_same_seed_plays_the_same_day() {
        let city = City::generate(9, 60);
        let (weather, quiet) = (Weather::new(9), ActiveFaults::default());
        let play = || {
            let mut texts = Vec::new();
            for device in &city.devices {
                let mut physics = Physics::new(device, 9, START_MS);
                for i in 0..50 {
                    let now = START_MS + i * 600_000;
                    texts.push(physics.sample(&Scene::at(now, &weather, &quiet)).to_json(Some(now)));
                }
            }
            texts
        };
        assert_eq!(play(), play());
    }
}
