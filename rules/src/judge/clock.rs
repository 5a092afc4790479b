//! Time of day in the city's zone; a function of `now`, no clock.

use chrono::{DateTime, Timelike};
use chrono_tz::Tz;
use gengfu_model::Timestamp;

/// `22:30` in minutes after midnight.
pub(crate) fn clock_minutes(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let digits = |text: &str| (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(hours) || !digits(minutes) || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

/// The minute of the local day.
pub(crate) fn minute_of_day(now: Timestamp, zone: Tz) -> Option<u32> {
    let local = DateTime::from_timestamp_millis(now.0)?.with_timezone(&zone);
    Some(local.hour() * 60 + local.minute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_are_checked() {
        for (text, minutes) in [("00:00", Some(0)), ("6:05", Some(365)), ("23:59", Some(1439))] {
            assert_eq!(clock_minutes(text), minutes, "{text}");
        }
        for bad in ["24:00", "12:60", "12", "12:5", "a:00", "-1:00", "+1:00", ""] {
            assert_eq!(clock_minutes(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_zone_counts() {
        // 2026-06-21T14:30:00Z
        let now = Timestamp(1_782_052_200_000);
        assert_eq!(minute_of_day(now, chrono_tz::UTC), Some(14 * 60 + 30));
        assert_eq!(minute_of_day(now, chrono_tz::Asia::Shanghai), Some(22 * 60 + 30));
    }
}
