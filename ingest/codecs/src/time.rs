//! The time a device says: epoch milliseconds or RFC 3339 text.

use chrono::DateTime;
use gengfu_model::Timestamp;

use crate::check::{Scalar, raw};

/// No device measured before this: 2000-01-01T00:00:00Z. Clocks that were never set start in 1970.
pub const EARLIEST_EVENT_TIME: Timestamp = Timestamp(946_684_800_000);
/// No device measures after this: 2200-01-01T00:00:00Z.
pub const LATEST_EVENT_TIME: Timestamp = Timestamp(7_258_118_400_000);

/// Reads the time of a reading; `Ok(None)` for null.
pub(crate) fn parse(scalar: &Scalar<'_>) -> Result<Option<Timestamp>, String> {
    let millis = match scalar {
        Scalar::Null => return Ok(None),
        Scalar::Integer(millis) => *millis,
        #[expect(clippy::cast_possible_truncation, reason = "the cast saturates, and the ends are refused")]
        Scalar::Number(millis) if millis.is_finite() => millis.floor() as i64,
        Scalar::Text(text) => DateTime::parse_from_rfc3339(text)
            .map_err(|_| format!("ts {} is no RFC 3339 time", raw(scalar)))?
            .timestamp_millis(),
        Scalar::Bool(_) | Scalar::Number(_) | Scalar::Huge(_) | Scalar::Other(_) => {
            return Err(format!("ts {} is no time", raw(scalar)));
        }
    };
    check(Timestamp(millis)).map(Some)
}

/// Refuses times that no device could have measured at.
pub(crate) fn check(time: Timestamp) -> Result<Timestamp, String> {
    if (EARLIEST_EVENT_TIME..LATEST_EVENT_TIME).contains(&time) {
        return Ok(time);
    }
    let in_millis = Timestamp(time.as_millis().saturating_mul(1_000));
    let hint = if (EARLIEST_EVENT_TIME..LATEST_EVENT_TIME).contains(&in_millis) {
        ", it looks like seconds: send milliseconds"
    } else {
        ""
    };
    Err(format!("ts {} is not between the years 2000 and 2200{hint}", time.as_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_milliseconds_or_rfc_3339() {
        let parsed = |scalar| parse(&scalar).map(|time| time.map(Timestamp::as_millis));
        assert_eq!(parsed(Scalar::Integer(1_700_000_000_123)), Ok(Some(1_700_000_000_123)));
        assert_eq!(parsed(Scalar::Number(1.7e12)), Ok(Some(1_700_000_000_000)));
        assert_eq!(parsed(Scalar::Text("2023-11-14T22:13:20.123Z")), Ok(Some(1_700_000_000_123)));
        assert_eq!(parsed(Scalar::Text("2023-11-15T06:13:20.123+08:00")), Ok(Some(1_700_000_000_123)));
        assert_eq!(parsed(Scalar::Null), Ok(None));
    }

    #[test]
    fn what_is_no_time_is_refused_with_a_hint() {
        for bad in [Scalar::Bool(true), Scalar::Number(f64::NAN), Scalar::Integer(0), Scalar::Integer(i64::MIN)] {
            assert!(parse(&bad).is_err(), "{bad:?}");
        }
        assert!(parse(&Scalar::Text("yesterday")).unwrap_err().contains("RFC 3339"));
        assert!(parse(&Scalar::Text("2023-11-14 22:13")).is_err());
        assert!(parse(&Scalar::Integer(1_700_000_000)).unwrap_err().contains("milliseconds"));
    }
}
