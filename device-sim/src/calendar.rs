//! Local time of the city (Asia/Shanghai), the sun, and RFC 3339 texts.
//!
//! China has one time zone without summer time since 1991, so local time is UTC+8 and needs no time
//! zone database. The sun follows NOAA's low-accuracy formulas: within three minutes of an almanac.

use std::f64::consts::PI;

use gengfu_model::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};

/// Local time minus UTC.
pub const OFFSET_MS: i64 = 8 * HOUR_MS;

/// A moment as people in the city read it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Local {
    /// Days since 1970-01-01, local.
    pub day: i64,
    /// Hour of the local day with its fraction, 0 to 24.
    pub hour: f64,
    /// Day of the year, from 1.
    pub day_of_year: u32,
}

impl Local {
    /// The local reading of a moment in epoch milliseconds.
    #[must_use]
    pub fn of(ms: i64) -> Local {
        let local = ms + OFFSET_MS;
        let day = local.div_euclid(DAY_MS);
        let hour = local.rem_euclid(DAY_MS) as f64 / HOUR_MS as f64;
        let (year, _, _) = civil(day);
        let day_of_year = u32::try_from(day - days_of(year, 1, 1) + 1).unwrap_or(1);
        Local { day, hour, day_of_year }
    }

    /// Epoch milliseconds of `hour` (may exceed 24) on the local day `day`.
    #[must_use]
    pub fn ms_at(day: i64, hour: f64) -> i64 {
        day * DAY_MS - OFFSET_MS + (hour * HOUR_MS as f64) as i64
    }
}

/// Sunrise and sunset of the local day `day` at a place, as local hours. Between the polar circles.
#[must_use]
pub fn sun_hours(latitude: f64, longitude: f64, day: i64) -> (f64, f64) {
    let (year, _, _) = civil(day);
    let day_of_year = (day - days_of(year, 1, 1)) as f64;
    let g = 2.0 * PI / 365.0 * day_of_year;
    let equation_min = 229.18
        * (0.000_075 + 0.001_868 * g.cos()
            - 0.032_077 * g.sin()
            - 0.014_615 * (2.0 * g).cos()
            - 0.040_849 * (2.0 * g).sin());
    let declination = 0.006_918 - 0.399_912 * g.cos() + 0.070_257 * g.sin() - 0.006_758 * (2.0 * g).cos()
        + 0.000_907 * (2.0 * g).sin()
        - 0.002_697 * (3.0 * g).cos()
        + 0.001_48 * (3.0 * g).sin();
    let latitude = latitude.to_radians();
    let cos_angle =
        90.833_f64.to_radians().cos() / (latitude.cos() * declination.cos()) - latitude.tan() * declination.tan();
    let angle_deg = cos_angle.clamp(-1.0, 1.0).acos().to_degrees();
    let at = |angle: f64| (720.0 - 4.0 * (longitude + angle) - equation_min) / 60.0 + 8.0;
    (at(angle_deg), at(-angle_deg))
}

/// Year, month and day of a day number (days since 1970-01-01).
#[must_use]
pub fn civil(day: i64) -> (i64, u32, u32) {
    // Years counted from March, so that the leap day is the last of its year; eras of 400 years.
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month as u32, day_of_month as u32)
}

/// The day number of a date.
#[must_use]
pub fn days_of(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (i64::from(month) + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Epoch milliseconds of `YYYY-MM-DDTHH:MM:SS[.fff](Z|±HH:MM)`; without a zone, UTC is taken.
/// `None` if the text is of another shape.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (date_time, rest) = (text.get(..19)?, text.get(19..)?);
    let shape: Vec<u8> = date_time.bytes().map(|b| if b.is_ascii_digit() { b'0' } else { b }).collect();
    if shape != b"0000-00-00T00:00:00" && shape != b"0000-00-00 00:00:00" {
        return None;
    }
    let (month, day) = (u32::try_from(number(5, 7)?).ok()?, u32::try_from(number(8, 10)?).ok()?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())),
        None => ("", rest),
    };
    let millis = format!("{fraction:0<3}").get(..3)?.parse::<i64>().ok()?;
    let ms =
        days_of(number(0, 4)?, month, day) * DAY_MS + hour * HOUR_MS + minute * MINUTE_MS + second * SECOND_MS + millis;
    Some(ms - zone_ms(zone)?)
}

fn zone_ms(zone: &str) -> Option<i64> {
    if zone.is_empty() || zone == "Z" || zone == "z" {
        return Some(0);
    }
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let hours = zone.get(1..3)?.parse::<i64>().ok()?;
    let minutes = zone.get(zone.len().checked_sub(2)?..)?.parse::<i64>().ok()?;
    Some(sign * (hours * HOUR_MS + minutes * MINUTE_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sun_of_yuncheng_is_within_three_minutes_of_the_almanac() {
        // Almanac (astral, elevation 0): 2026-06-21 rise 05:22:30, set 19:53:00; 2026-12-21 rise
        // 07:40:10, set 17:27:39, local time at 35.03 N 111.00 E.
        for (day, rise, set) in [
            (days_of(2026, 6, 21), 5.0 + 22.5 / 60.0, 19.0 + 53.0 / 60.0),
            (days_of(2026, 12, 21), 7.0 + 40.2 / 60.0, 17.0 + 27.65 / 60.0),
        ] {
            let (found_rise, found_set) = sun_hours(35.03, 111.0, day);
            assert!((found_rise - rise).abs() < 0.05, "{found_rise} {rise}");
            assert!((found_set - set).abs() < 0.05, "{found_set} {set}");
        }
    }

    #[test]
    fn days_and_dates_agree_both_ways() {
        for day in -1_000..30_000 {
            let (year, month, day_of_month) = civil(day);
            assert_eq!(days_of(year, month, day_of_month), day);
        }
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(days_of(2024, 2, 29)), (2024, 2, 29));
    }

    #[test]
    fn texts_are_read_with_their_zone() {
        let base = 1_449_782_077_000; // 2015-12-10T21:14:37Z
        assert_eq!(parse_rfc3339("2015-12-10T21:14:37"), Some(base));
        assert_eq!(parse_rfc3339("2015-12-10T21:14:37.5Z"), Some(base + 500));
        assert_eq!(parse_rfc3339("2015-12-11T05:14:37.123+08:00"), Some(base + 123));
        for bad in ["", "2015-12-10", "2015-13-10T21:14:37Z", "2015-12-10T21:14:37?", "yesterday at about noon"] {
            assert_eq!(parse_rfc3339(bad), None, "{bad}");
        }
    }

    #[test]
    fn local_time_is_eight_hours_ahead() {
        let local = Local::of(1_449_782_077_000);
        assert_eq!(civil(local.day), (2015, 12, 11));
        assert!((local.hour - (5.0 + 14.0 / 60.0 + 37.0 / 3_600.0)).abs() < 1e-9);
        assert_eq!(local.day_of_year, 345);
        assert_eq!(Local::ms_at(local.day, 0.0) + (local.hour * 3_600_000.0).round() as i64, 1_449_782_077_000);
    }
}
