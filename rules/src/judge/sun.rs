//! Where the sun stands: sunrise, sunset, civil dawn and dusk of a position; a function of position and
//! time, no clock and no tables.
//!
//! The equations are the low-precision ones of Meeus, *Astronomical Algorithms*, chapters 25 and 28, as NOAA's
//! solar calculator uses them; trigonometry is `libm`'s, so that every machine gives the same bits. A
//! day is the *solar* day of the place (mean noon in its middle), not the calendar's: it needs no time
//! zone, and a sunset at 21:55 or past midnight is nothing special.

use gengfu_model::Timestamp;
use gengfu_model::time::{DAY_MS, MINUTE_MS};

/// The sun's upper edge on the horizon: 34' of refraction and half of its disk below it.
pub(crate) const HORIZON: f64 = 90.833;
/// The end of civil twilight: the sun's middle is 6 degrees below the horizon.
pub(crate) const CIVIL: f64 = 96.0;

/// 2000-01-01T12:00:00Z, from which the equations count.
const J2000_MS: i64 = 946_728_000_000;
const CENTURY_MS: f64 = 36_525.0 * DAY_MS as f64;
/// How often a time is made better with the sun's place at that time; the second changes it by less than a
/// second.
const ROUNDS: u32 = 3;

/// A place on earth, in degrees, WGS-84; east and north are positive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Position {
    pub(crate) latitude: f64,
    pub(crate) longitude: f64,
}

#[derive(Clone, Copy, PartialEq)]
enum Crossing {
    Rise,
    Set,
}

/// Whether the sun is up. `None` on a day on which it does not rise and set.
pub(crate) fn is_up(place: Position, now: Timestamp) -> Option<bool> {
    let day = solar_day(place, now);
    let rise = crossing(place, day, HORIZON, Crossing::Rise)?;
    let set = crossing(place, day, HORIZON, Crossing::Set)?;
    Some(rise <= now && now < set)
}

/// Whether `now` is in the night that begins `after_ms` after the sun passed `zenith` downwards and ends
/// `before_ms` before it passes upwards; both may be negative. `None` if it does not pass it.
pub(crate) fn in_night(place: Position, now: Timestamp, zenith: f64, after_ms: i64, before_ms: i64) -> Option<bool> {
    let day = solar_day(place, now);
    // Before noon it is the night that began yesterday.
    let evening = if now < mean_noon(place, day) { day - 1 } else { day };
    let set = crossing(place, evening, zenith, Crossing::Set)?;
    let rise = crossing(place, evening + 1, zenith, Crossing::Rise)?;
    Some(set.plus_ms(after_ms) <= now && now < rise.plus_ms(-before_ms))
}

/// Milliseconds since the last sunset, or since the last sunrise. `None` if there was none that day.
pub(crate) fn since(place: Position, now: Timestamp, sunset: bool) -> Option<i64> {
    let day = solar_day(place, now);
    let which = if sunset { Crossing::Set } else { Crossing::Rise };
    let today = crossing(place, day, HORIZON, which)?;
    let last = if today <= now { today } else { crossing(place, day - 1, HORIZON, which)? };
    Some(now.since_ms(last))
}

/// The number of the place's solar day, from the epoch's on.
fn solar_day(place: Position, now: Timestamp) -> i64 {
    now.plus_ms(shift_ms(place)).0.div_euclid(DAY_MS)
}

fn mean_noon(place: Position, day: i64) -> Timestamp {
    Timestamp(day.saturating_mul(DAY_MS) + DAY_MS / 2 - shift_ms(place))
}

/// How far the place's mean solar time is ahead of UTC: four minutes a degree.
fn shift_ms(place: Position) -> i64 {
    libm::round(place.longitude * 4.0 * MINUTE_MS as f64) as i64
}

/// When the sun passes a zenith distance (degrees) on a solar day.
fn crossing(place: Position, day: i64, zenith: f64, which: Crossing) -> Option<Timestamp> {
    let noon = mean_noon(place, day);
    let mut time = noon;
    for _ in 0..ROUNDS {
        let sun = Sun::at(time);
        let angle = sun.hour_angle(place.latitude, zenith)?;
        let angle = if which == Crossing::Rise { -angle } else { angle };
        let minutes = 4.0 * angle - sun.equation_min;
        time = noon.plus_ms(libm::round(minutes * MINUTE_MS as f64) as i64);
    }
    Some(time)
}

/// What of the sun's place is needed here.
struct Sun {
    /// In radians.
    declination: f64,
    /// True solar time less mean solar time, in minutes.
    equation_min: f64,
}

impl Sun {
    fn at(time: Timestamp) -> Sun {
        let t = (time.0 - J2000_MS) as f64 / CENTURY_MS;
        let mean_longitude = (280.466_46 + t * (36_000.769_83 + t * 0.000_303_2)).to_radians();
        let anomaly = (357.529_11 + t * (35_999.050_29 - t * 0.000_153_7)).to_radians();
        let eccentricity = 0.016_708_634 - t * (0.000_042_037 + t * 0.000_000_126_7);
        let center = libm::sin(anomaly) * (1.914_602 - t * (0.004_817 + t * 0.000_014))
            + libm::sin(2.0 * anomaly) * (0.019_993 - t * 0.000_101)
            + libm::sin(3.0 * anomaly) * 0.000_289;
        // The moon's node, for nutation.
        let node = (125.04 - 1_934.136 * t).to_radians();
        let longitude = mean_longitude + (center - 0.005_69 - 0.004_78 * libm::sin(node)).to_radians();
        let mean_obliquity = 23.439_291_1 - t * (0.013_004_2 + t * (0.000_000_16 - t * 0.000_000_504));
        let obliquity = (mean_obliquity + 0.002_56 * libm::cos(node)).to_radians();
        let declination = libm::asin(libm::sin(obliquity) * libm::sin(longitude));
        let half = libm::tan(obliquity / 2.0);
        let y = half * half;
        let equation = y * libm::sin(2.0 * mean_longitude) - 2.0 * eccentricity * libm::sin(anomaly)
            + 4.0 * eccentricity * y * libm::sin(anomaly) * libm::cos(2.0 * mean_longitude)
            - 0.5 * y * y * libm::sin(4.0 * mean_longitude)
            - 1.25 * eccentricity * eccentricity * libm::sin(2.0 * anomaly);
        Sun { declination, equation_min: 4.0 * equation.to_degrees() }
    }

    /// Degrees that the sun turns from noon until it stands that far from the zenith.
    fn hour_angle(&self, latitude: f64, zenith: f64) -> Option<f64> {
        let latitude = latitude.to_radians();
        let cosine = libm::cos(zenith.to_radians()) / (libm::cos(latitude) * libm::cos(self.declination))
            - libm::tan(latitude) * libm::tan(self.declination);
        (-1.0..=1.0).contains(&cosine).then(|| libm::acos(cosine).to_degrees())
    }
}

#[cfg(test)]
mod tests {
    use chrono::{TimeZone, Timelike};

    use super::*;

    const YUNCHENG: Position = Position { latitude: 35.03, longitude: 111.00 };
    const HARBIN: Position = Position { latitude: 45.80, longitude: 126.53 };
    const URUMQI: Position = Position { latitude: 43.83, longitude: 87.62 };
    const TROMSO: Position = Position { latitude: 69.65, longitude: 18.96 };

    fn china(year: i32, month: u32, day: u32, hour: u32, minute: u32, second: u32) -> Timestamp {
        let zone = chrono_tz::Asia::Shanghai;
        Timestamp(zone.with_ymd_and_hms(year, month, day, hour, minute, second).unwrap().timestamp_millis())
    }

    #[test]
    fn times_are_those_of_the_published_figures_within_a_minute() {
        use Crossing::{Rise, Set};
        // Computed with the Python package `astral`, elevation 0.
        for (place, (month, day), zenith, which, (hour, minute, second)) in [
            (YUNCHENG, (6, 21), CIVIL, Rise, (4, 52, 10)),
            (YUNCHENG, (6, 21), HORIZON, Rise, (5, 22, 30)),
            (YUNCHENG, (6, 21), HORIZON, Set, (19, 53, 0)),
            (YUNCHENG, (6, 21), CIVIL, Set, (20, 23, 20)),
            (YUNCHENG, (12, 21), HORIZON, Rise, (7, 40, 10)),
            (YUNCHENG, (12, 21), HORIZON, Set, (17, 27, 39)),
            (YUNCHENG, (12, 21), CIVIL, Set, (17, 56, 23)),
            (HARBIN, (12, 21), HORIZON, Set, (15, 51, 27)),
            (URUMQI, (6, 21), HORIZON, Set, (21, 55, 0)),
            (URUMQI, (6, 21), CIVIL, Set, (22, 31, 54)),
        ] {
            let wanted = china(2026, month, day, hour, minute, second);
            let noon = solar_day(place, china(2026, month, day, 13, 0, 0));
            let got = crossing(place, noon, zenith, which).unwrap();
            assert!(
                got.since_ms(wanted).abs() <= 60_000,
                "{place:?} {month}-{day}: {} s off",
                got.since_ms(wanted) / 1_000
            );
        }
    }

    #[test]
    fn day_and_night_meet_at_every_minute_of_a_year() {
        let mut now = china(2026, 1, 1, 0, 0, 0);
        for _ in 0..(365 * 24 * 4) {
            now = now.plus_ms(15 * MINUTE_MS);
            for place in [YUNCHENG, HARBIN, URUMQI] {
                let up = is_up(place, now).unwrap();
                assert_eq!(in_night(place, now, HORIZON, 0, 0), Some(!up), "{place:?} {now:?}");
                let (set, rise) = (since(place, now, true).unwrap(), since(place, now, false).unwrap());
                assert_eq!(rise < set, up, "{place:?} {now:?}");
                assert!((0..DAY_MS + 3 * MINUTE_MS).contains(&set.max(rise)));
            }
        }
    }

    #[test]
    fn a_polar_day_and_night_are_unknown() {
        for (month, name) in [(6, "day"), (12, "night")] {
            let now = china(2026, month, 21, 19, 0, 0);
            assert_eq!(is_up(TROMSO, now), None, "polar {name}");
            assert_eq!(in_night(TROMSO, now, HORIZON, 0, 0), None, "polar {name}");
            assert_eq!(since(TROMSO, now, true), None, "polar {name}");
        }
        assert!(is_up(TROMSO, china(2026, 3, 21, 19, 0, 0)).unwrap());
    }

    #[test]
    fn offsets_move_the_night() {
        let set = china(2026, 6, 21, 19, 53, 0);
        for (minutes, after, wanted) in [(-20, 0, false), (-20, -30, true), (20, 0, true), (20, 30, false)] {
            let now = set.plus_ms(minutes * MINUTE_MS);
            let night = in_night(YUNCHENG, now, HORIZON, after * MINUTE_MS, 0);
            assert_eq!(night, Some(wanted), "{minutes} min after sunset, from {after} min");
        }
        let local = chrono_tz::Asia::Shanghai.timestamp_millis_opt(set.0).unwrap();
        assert_eq!(local.hour(), 19);
    }
}
