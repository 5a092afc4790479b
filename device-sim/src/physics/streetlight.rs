//! A lamp: on at sunset, dimmed late at night, off at sunrise; power by dim level and warm-up.

use super::Scene;
use crate::calendar::{Local, sun_hours};
use crate::city::CityDevice;
use crate::faults::FaultKind;
use crate::report::Report;
use crate::rng::Rng;

/// Share of the rated power at the lowest dim level, which is 10 % (4.48 W of 48 W in a real lamp).
const LOWEST_SHARE: f64 = 0.093_3;
/// After switching on, a lamp rises to full power for so many seconds.
const WARM_UP_S: f64 = 600.0;
/// Lamps switch within so many seconds of their schedule; spreads the load as real clocks do.
const SWITCH_SPREAD_S: f64 = 150.0;
/// What the controller itself draws, in W.
const CONTROLLER_W: f64 = 0.6;

#[derive(Clone, Debug)]
pub(super) struct Streetlight {
    rated_w: f64,
    latitude: f64,
    longitude: f64,
    /// Lit day and night.
    underpass: bool,
    switch_delay_h: f64,
    supply_v: f64,
    energy_kwh: f64,
    lit_s: f64,
    commanded_dim_pct: Option<f64>,
    /// Switched by a command, whatever its hours say.
    switched: Option<bool>,
    pole_deg: f64,
    has_leakage: bool,
    rssi_dbm: f64,
}

impl Streetlight {
    pub(super) fn new(device: &CityDevice, rng: &mut Rng) -> Streetlight {
        Streetlight {
            rated_w: device.attribute("rated_power_w", 100.0),
            latitude: device.latitude,
            longitude: device.longitude,
            underpass: device.attribute_text("on_at").is_some(),
            switch_delay_h: rng.unit() * SWITCH_SPREAD_S / 3_600.0,
            supply_v: rng.between(219.0, 231.0),
            energy_kwh: rng.between(200.0, 3_000.0),
            lit_s: WARM_UP_S,
            commanded_dim_pct: None,
            switched: None,
            pole_deg: rng.between(0.1, 1.2),
            has_leakage: rng.chance(0.3),
            rssi_dbm: rng.between(-95.0, -60.0),
        }
    }

    pub(super) fn sample(&mut self, scene: &Scene<'_>, elapsed_s: f64, rng: &mut Rng) -> Report {
        let faults = scene.faults;
        let unfed = faults.has(FaultKind::FeederOutage);
        let by_hours = self.scheduled_on(scene.local) || faults.has(FaultKind::LampDayBurning);
        let lit = !unfed && self.switched.unwrap_or(by_hours);
        let dark = faults.has(FaultKind::LampDark);
        self.lit_s = if lit { self.lit_s + elapsed_s } else { 0.0 };
        let dim = if lit { self.commanded_dim_pct.unwrap_or(night_dim_pct(scene.local.hour)) } else { 0.0 };
        let power_w = if unfed {
            0.0
        } else if lit && !dark && dim > 0.0 {
            self.power_at(dim) * warm_up(self.lit_s) * (1.0 + rng.normal(0.008))
        } else {
            CONTROLLER_W + rng.normal(0.02)
        };
        self.energy_kwh += power_w * elapsed_s / 3.6e6;
        let evening_sag_v = 4.0 * super::busy(scene.local.hour);
        let voltage_v = if unfed { 0.0 } else { self.supply_v - evening_sag_v + rng.normal(0.8) };
        self.report(scene, lit, dark, dim, power_w, voltage_v, rng)
    }

    #[expect(clippy::too_many_arguments, reason = "the electrical state of one moment, computed just above")]
    fn report(
        &self,
        scene: &Scene<'_>,
        lit: bool,
        dark: bool,
        dim: f64,
        power_w: f64,
        voltage_v: f64,
        rng: &mut Rng,
    ) -> Report {
        let burning = lit && !dark;
        let power_factor = if burning { 0.9 + 0.07 * dim / 100.0 + rng.normal(0.003) } else { 0.35 };
        let current_a = if voltage_v > 0.0 { power_w / voltage_v / power_factor } else { 0.0 };
        let mut report = Report::default();
        report.flag("on", lit);
        report.number("dim_pct", dim, 0);
        report.number("power_w", power_w.max(0.0), 1);
        report.number("voltage_v", voltage_v, 1);
        report.number("current_a", current_a, 3);
        if burning {
            report.number("power_factor", power_factor.clamp(0.0, 1.0), 2);
        }
        report.number("energy_kwh", self.energy_kwh, 2);
        report.flag("lamp_failure", lit && dark);
        if self.has_leakage {
            report.number("leakage_ma", 0.8 + scene.rain_mm_h * 0.2 + rng.unit(), 1);
        }
        report.number("pole_tilt_deg", (self.pole_deg + rng.normal(0.05)).abs(), 1);
        let warmth = if burning { 18.0 * dim / 100.0 } else { 2.0 };
        report.number("temperature_c", scene.air_c + warmth + 12.0 * scene.sunshine, 0);
        report.number("rssi_dbm", (self.rssi_dbm + rng.normal(2.0)).round(), 0);
        report
    }

    /// Power at a dim level, interpolated between 10 % and 100 %.
    fn power_at(&self, dim_pct: f64) -> f64 {
        let share = ((dim_pct - 10.0) / 90.0).clamp(0.0, 1.0);
        self.rated_w * (LOWEST_SHARE + (1.0 - LOWEST_SHARE) * share)
    }

    fn scheduled_on(&self, local: Local) -> bool {
        if self.underpass {
            return true;
        }
        let (rise, set) = sun_hours(self.latitude, self.longitude, local.day);
        local.hour >= set + self.switch_delay_h || local.hour < rise + self.switch_delay_h
    }

    pub(super) fn next_switch_ms(&self, now_ms: i64) -> i64 {
        let today = Local::of(now_ms).day;
        if self.underpass {
            return Local::ms_at(today + 1, 12.0);
        }
        // One second after the edge, so that the sample sees the lamp switched.
        let after = self.switch_delay_h + 1.0 / 3_600.0;
        let edges = (today..=today + 1).flat_map(|day| {
            let (rise, set) = sun_hours(self.latitude, self.longitude, day);
            [Local::ms_at(day, rise + after), Local::ms_at(day, set + after)]
        });
        edges.filter(|edge| *edge > now_ms).min().unwrap_or(now_ms + 86_400_000)
    }

    pub(super) fn command(&mut self, name: &str, args: &serde_json::Value) -> bool {
        let level = args.get("level").and_then(serde_json::Value::as_f64).filter(|level| (0.0..=100.0).contains(level));
        match (name, level) {
            ("set_level", Some(level)) => self.commanded_dim_pct = Some(level),
            ("clear_level", _) => (self.commanded_dim_pct, self.switched) = (None, None),
            ("switch", _) => match args.get("on").and_then(serde_json::Value::as_bool) {
                Some(on) => self.switched = Some(on),
                None => return false,
            },
            _ => return false,
        }
        true
    }
}

/// Full light in the evening and morning, dimmed when the streets are empty.
fn night_dim_pct(hour: f64) -> f64 {
    if (0.0..5.0).contains(&hour) || hour >= 23.0 { 60.0 } else { 100.0 }
}

/// Share of the settled power so many seconds after switching on.
fn warm_up(lit_s: f64) -> f64 {
    0.7 + 0.3 * (lit_s / WARM_UP_S).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::days_of;
    use crate::city::City;
    use crate::faults::ActiveFaults;
    use crate::physics::{Physics, Weather};
    use crate::report::Printed;
    use gengfu_model::Kind;

    fn power(report: &Report) -> f64 {
        match report.get("power_w") {
            Some(Printed::Number(power, _)) => *power,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_lamp_burns_by_night_only_and_an_underpass_always() {
        let city = City::generate(2, 3_000);
        let (weather, quiet) = (Weather::new(2), ActiveFaults::default());
        let day = days_of(2026, 11, 20);
        let mut of_each = [0, 0];
        for lamp in city.devices.iter().filter(|d| d.kind == Kind::Streetlight).step_by(17) {
            let underpass = lamp.attribute_text("on_at").is_some();
            of_each[usize::from(underpass)] += 1;
            let mut physics = Physics::new(lamp, 2, Local::ms_at(day, 0.0));
            let rated = lamp.attribute("rated_power_w", 0.0);
            let mut at = |hour: f64| {
                let ms = Local::ms_at(day, hour);
                power(&physics.sample(&Scene::at(ms, &weather, &quiet)))
            };
            assert!((0.5 * rated..0.8 * rated).contains(&at(2.0)), "dimmed at night");
            assert_eq!(at(12.0) > 0.5 * rated, underpass);
            assert!(at(19.0) > 0.6 * rated);
        }
        assert!(of_each[0] > 0 && of_each[1] > 0);
    }

    #[test]
    fn a_lamp_reports_when_it_switches() {
        let city = City::generate(2, 3_000);
        let lamp =
            city.devices.iter().find(|d| d.kind == Kind::Streetlight && d.attribute_text("on_at").is_none()).unwrap();
        let (weather, quiet) = (Weather::new(2), ActiveFaults::default());
        let mut physics = Physics::new(lamp, 2, 0);
        let noon = Local::ms_at(days_of(2026, 11, 20), 12.0);
        let on = physics.next_event_ms(noon).unwrap();
        assert!((17.0..18.0).contains(&Local::of(on).hour));
        assert!(power(&physics.sample(&Scene::at(on - 5_000, &weather, &quiet))) < 2.0);
        assert!(power(&physics.sample(&Scene::at(on, &weather, &quiet))) > 20.0);
        assert!((7.0..8.0).contains(&Local::of(physics.next_event_ms(on).unwrap()).hour));
    }

    #[test]
    fn a_command_dims_the_lamp() {
        let city = City::generate(2, 300);
        let lamp = city.devices.iter().find(|d| d.attribute_text("on_at").is_some()).unwrap();
        let (weather, quiet) = (Weather::new(2), ActiveFaults::default());
        let mut physics = Physics::new(lamp, 2, 0);
        assert!(physics.command("set_level", &serde_json::json!({"level": 10})));
        assert!(!physics.command("set_level", &serde_json::json!({"level": 1000})));
        assert!(!physics.command("explode", &serde_json::Value::Null));
        let report = physics.sample(&Scene::at(Local::ms_at(20_000, 20.0), &weather, &quiet));
        assert!(power(&report) < 0.12 * lamp.attribute("rated_power_w", 0.0));
        assert!(physics.command("switch", &serde_json::json!({"on": false})));
        assert!(!physics.command("switch", &serde_json::json!({"on": "no"})));
        let evening = Local::ms_at(20_000, 20.5);
        assert!(power(&physics.sample(&Scene::at(evening, &weather, &quiet))) < 2.0);
        assert!(physics.command("clear_level", &serde_json::json!({})));
        assert!(power(&physics.sample(&Scene::at(evening + 60_000, &weather, &quiet))) > 20.0);
    }
}
