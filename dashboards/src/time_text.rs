//! Times as the API writes and reads them: RFC 3339 in UTC with milliseconds; epoch milliseconds are read too.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, SecondsFormat, TimeZone};
use chrono_tz::Tz;
use gengfu_model::Timestamp;
use gengfu_model::time::DAY_MS;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

/// A moment in an answer: `2026-11-23T01:02:03.004Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub Timestamp);

impl From<Timestamp> for Time {
    fn from(time: Timestamp) -> Time {
        Time(time)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&to_text(self.0))
    }
}

impl PartialSchema for Time {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .into()
    }
}

impl ToSchema for Time {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Time")
    }
}

/// A moment in a query: RFC 3339 with any offset, or epoch milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct When(pub Timestamp);

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<When, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        from_text(&text).map(When).map_err(serde::de::Error::custom)
    }
}

/// The moment as RFC 3339 in UTC with milliseconds. A moment that no calendar has (a device's
/// nonsense) is written as its milliseconds.
#[must_use]
pub fn to_text(time: Timestamp) -> String {
    match DateTime::from_timestamp_millis(time.as_millis()) {
        Some(moment) => moment.to_rfc3339_opts(SecondsFormat::Millis, true),
        None => time.as_millis().to_string(),
    }
}

/// The moment as people of a city read it: its local time to the second, with the offset, `2026-11-18T19:06:40+08:00`.
#[must_use]
pub fn to_local_text(time: Timestamp, zone: Tz) -> String {
    match DateTime::from_timestamp_millis(time.as_millis()) {
        Some(moment) => moment.with_timezone(&zone).to_rfc3339_opts(SecondsFormat::Secs, false),
        None => time.as_millis().to_string(),
    }
}

/// Reads RFC 3339 or epoch milliseconds.
///
/// # Errors
/// A sentence that says what is taken.
pub fn from_text(text: &str) -> Result<Timestamp, String> {
    if let Ok(ms) = text.parse::<i64>() {
        return Ok(Timestamp(ms));
    }
    // `+` of an offset arrives as a space when a client did not encode it.
    let repaired = text.replace(' ', "+");
    DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_rfc3339(&repaired))
        .map(|moment| Timestamp(moment.timestamp_millis()))
        .map_err(|_| format!("`{text}` is no time; write 2026-11-23T01:02:03.000Z or epoch milliseconds"))
}

/// The first and the last-but-one moment `[from, to)` of a calendar day `YYYY-MM-DD` in `zone`.
///
/// # Errors
/// A sentence that says what is taken.
pub fn day(text: &str, zone: chrono_tz::Tz) -> Result<(Timestamp, Timestamp), String> {
    let bad = || format!("`{text}` is no day; write YYYY-MM-DD");
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| bad())?;
    let start = date.and_hms_opt(0, 0, 0).ok_or_else(bad)?;
    let from = Timestamp(zone.from_local_datetime(&start).earliest().ok_or_else(bad)?.timestamp_millis());
    let next = date.succ_opt().and_then(|date| date.and_hms_opt(0, 0, 0)).ok_or_else(bad)?;
    let to = match zone.from_local_datetime(&next).earliest() {
        Some(moment) => Timestamp(moment.timestamp_millis()),
        None => from.plus_ms(DAY_MS),
    };
    Ok((from, to))
}

/// Reads a length of time such as `60s`, `5m`, `1h`, `7d`; gives milliseconds above 0.
///
/// # Errors
/// A sentence that says what is taken.
pub fn length_ms(text: &str) -> Result<i64, String> {
    let bad = || format!("`{text}` is no length of time; write a whole number with s, m, h or d, such as 60s");
    let unit_ms = match text.as_bytes().last() {
        Some(b's') => 1_000,
        Some(b'm') => 60_000,
        Some(b'h') => 3_600_000,
        Some(b'd') => DAY_MS,
        _ => return Err(bad()),
    };
    let amount: i64 = text[..text.len() - 1].parse().map_err(|_| bad())?;
    if !(1..=100_000).contains(&amount) {
        return Err(bad());
    }
    Ok(amount * unit_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc_with_milliseconds_and_read_back() {
        let time = Timestamp(1_795_000_000_123);
        assert_eq!(to_text(time), "2026-11-18T11:06:40.123Z");
        assert_eq!(from_text(&to_text(time)), Ok(time));
        assert_eq!(from_text("1795000000123"), Ok(time));
        assert_eq!(from_text("2026-11-18T19:06:40.123+08:00"), Ok(time));
        assert_eq!(from_text("2026-11-18T19:06:40.123 08:00"), Ok(time));
        assert!(from_text("yesterday").is_err());
        assert_eq!(to_text(Timestamp(i64::MAX)), i64::MAX.to_string());
        assert_eq!(to_local_text(time, chrono_tz::Asia::Shanghai), "2026-11-18T19:06:40+08:00");
        assert_eq!(from_text(&to_local_text(time, chrono_tz::UTC)), Ok(time.plus_ms(-123)));
        assert_eq!(to_local_text(Timestamp(i64::MAX), chrono_tz::UTC), i64::MAX.to_string());
    }

    #[test]
    fn a_day_is_a_day_of_the_city() {
        let (from, to) = day("2026-11-23", chrono_tz::Asia::Shanghai).unwrap();
        assert_eq!(to_text(from), "2026-11-22T16:00:00.000Z");
        assert_eq!(to.since_ms(from), DAY_MS);
        assert!(day("2026-13-01", chrono_tz::Asia::Shanghai).is_err());
        // A day of 25 hours.
        let (from, to) = day("2026-10-25", chrono_tz::Europe::Berlin).unwrap();
        assert_eq!(to.since_ms(from), 25 * 3_600_000);
    }

    #[test]
    fn lengths_of_time_carry_their_unit() {
        assert_eq!(length_ms("60s"), Ok(60_000));
        assert_eq!(length_ms("5m"), Ok(300_000));
        assert_eq!(length_ms("1h"), Ok(3_600_000));
        assert_eq!(length_ms("7d"), Ok(7 * DAY_MS));
        for bad in ["", "s", "60", "0s", "-5m", "1.5h", "60ms", "9999999d", "1时"] {
            assert!(length_ms(bad).is_err(), "{bad}");
        }
    }
}
