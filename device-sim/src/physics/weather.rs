//! The city's weather: showers, temperature and sunshine as functions of the seed and the time.

use std::f64::consts::PI;

use crate::calendar::Local;
use crate::rng::Rng;

/// The weather of one seed. It has no state: any moment can be asked for.
#[derive(Clone, Debug)]
pub struct Weather {
    seed: u64,
}

impl Weather {
    /// The weather of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Weather {
        Weather { seed }
    }

    /// Rain in mm/h: dry in most hours, showers in some, below 25 always. Wet hours are likelier in summer.
    #[must_use]
    pub fn rain_mm_h(&self, local: Local) -> f64 {
        let hour = local.hour.floor();
        let mut rng = Rng::named(self.seed, &format!("rain {} {hour}", local.day));
        let wet = rng.chance(0.03 + 0.05 * summer(local));
        if wet { rng.between(0.5, 25.0) * rng.unit() } else { 0.0 }
    }

    /// Air temperature in °C: the season, the hour, and the day's own mood.
    #[must_use]
    pub fn air_c(&self, local: Local) -> f64 {
        let mood = Rng::named(self.seed, &format!("mood {}", local.day)).between(-3.0, 3.0);
        let season = -1.0 + 28.0 * summer(local);
        season + mood + 5.0 * ((local.hour - 15.0) / 24.0 * 2.0 * PI).cos()
    }

    /// Sunshine from 0 (night) to 1 (clear noon).
    #[must_use]
    pub fn sunshine(&self, local: Local, rain_mm_h: f64) -> f64 {
        let height = ((local.hour - 12.5) / 14.0 * PI).cos().max(0.0);
        let clouds = Rng::named(self.seed, &format!("clouds {}", local.day)).between(0.0, 0.8);
        if rain_mm_h > 0.0 || !(5.0..=20.0).contains(&local.hour) { 0.0 } else { height * (1.0 - clouds) }
    }
}

/// 0 in the middle of January, 1 in the middle of July.
fn summer(local: Local) -> f64 {
    0.5 - 0.5 * ((f64::from(local.day_of_year) - 15.0) / 365.0 * 2.0 * PI).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_hours_are_wet_most_are_dry_and_summers_are_warm() {
        let weather = Weather::new(1);
        let hours = |day: i64| (0..24 * 60).map(move |h| Local::of((day * 24 + h) * 3_600_000));
        let july = crate::calendar::days_of(2026, 7, 1);
        let january = crate::calendar::days_of(2026, 1, 1);
        let wet = hours(july).filter(|l| weather.rain_mm_h(*l) > 0.0).count();
        assert!((20..400).contains(&wet), "{wet}");
        let mean = |day| hours(day).map(|l| weather.air_c(l)).sum::<f64>() / (24.0 * 60.0);
        assert!(mean(july) > 20.0 && mean(january) < 6.0);
    }
}
