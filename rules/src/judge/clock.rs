//! Time of day in the city's zone; a function of `now`, no clock.

use chrono::{DateTime, Days, Duration, NaiveTime, TimeZone, Timelike};
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

/// The latest moment that is not after `now` and had that time of day; where the clock skipped it, an hour later.
pub(crate) fn latest_clock(now: Timestamp, zone: Tz, minutes: u32) -> Option<Timestamp> {
    let today = DateTime::from_timestamp_millis(now.0)?.with_timezone(&zone).date_naive();
    let time = NaiveTime::from_hms_opt(minutes / 60, minutes % 60, 0)?;
    let moment = |days: u64| {
        let local = today.checked_sub_days(Days::new(days))?.and_time(time);
        let found = zone.from_local_datetime(&local).earliest();
        let found =
            found.or_else(|| zone.from_local_datetime(&local.checked_add_signed(Duration::hours(1))?).earliest())?;
        Some(Timestamp(found.timestamp_millis())).filter(|found| *found <= now)
    };
    moment(0).or_else(|| moment(1))
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
    fn a_day_begins_at_its_hour() {
        let at = |text: &str| Timestamp(DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis());
        let begins = |now: &str, zone: Tz, clock: &str| latest_clock(at(now), zone, clock_minutes(clock).unwrap());
        let china = chrono_tz::Asia::Shanghai;
        for (now, clock, wanted) in [
            ("2026-06-21T06:00:00+08:00", "06:00", "2026-06-21T06:00:00+08:00"),
            ("2026-06-21T05:59:59+08:00", "06:00", "2026-06-20T06:00:00+08:00"),
            ("2026-06-21T23:00:00+08:00", "22:00", "2026-06-21T22:00:00+08:00"),
            ("2026-03-01T00:00:00+08:00", "22:00", "2026-02-28T22:00:00+08:00"),
        ] {
            assert_eq!(begins(now, china, clock), Some(at(wanted)), "{now} {clock}");
        }
        // The hour from 2 to 3 does not exist on 29 March in Berlin, and is there twice on 25 October.
        let berlin = chrono_tz::Europe::Berlin;
        assert_eq!(begins("2026-03-29T12:00:00+02:00", berlin, "02:30"), Some(at("2026-03-29T03:30:00+02:00")));
        assert_eq!(begins("2026-10-25T12:00:00+01:00", berlin, "02:30"), Some(at("2026-10-25T02:30:00+02:00")));
    }

    #[test]
    fn the_zone_counts() {
        // 2026-06-21T14:30:00Z
        let now = Timestamp(1_782_052_200_000);
        assert_eq!(minute_of_day(now, chrono_tz::UTC), Some(14 * 60 + 30));
        assert_eq!(minute_of_day(now, chrono_tz::Asia::Shanghai), Some(22 * 60 + 30));
    }
}
