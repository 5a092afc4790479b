//! What a reading's time says: taken, late, too far ahead, or no time at all.

use gengfu_model::Timestamp;
use gengfu_model::record::OutcomeConfig;

/// Before this no device of this trade was in the field (2010-01-01T00:00:00Z): an event time before
/// it is a clock that was never set, or seconds where milliseconds belong.
pub const EARLIEST_EVENT: Timestamp = Timestamp(1_262_304_000_000);

/// What becomes of a reading by its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// It is judged live, as of this event time (which is the received time for a clock that is a
    /// little ahead).
    InTime(Timestamp),
    /// It comes from a backlog, and is the newest that is known of the device: judged, and what it
    /// raises is marked late.
    LateNewest(Timestamp),
    /// It is older than what is known already: stored, not judged live.
    Late(Timestamp),
    /// Its time is further ahead than a clock may be.
    TooFarAhead,
    /// No time that a device could have had.
    BadTime,
}

/// Judges a reading's time.
///
/// `event_time` is the device's own (`None`: received time is taken), `received` when it came in,
/// `newest` the newest accepted event time of the device.
#[must_use]
pub fn accept(
    event_time: Option<Timestamp>,
    received: Timestamp,
    newest: Option<Timestamp>,
    config: &OutcomeConfig,
) -> Acceptance {
    let claimed = event_time.unwrap_or(received);
    if claimed < EARLIEST_EVENT {
        return Acceptance::BadTime;
    }
    if claimed.since_ms(received) > config.max_ahead_ms {
        return Acceptance::TooFarAhead;
    }
    let time = claimed.min(received);
    if newest.is_some_and(|newest| newest.since_ms(time) > config.late_after_ms) {
        return Acceptance::Late(time);
    }
    if received.since_ms(time) > config.late_received_ms {
        return match newest {
            Some(newest) if newest > time => Acceptance::Late(time),
            _ => Acceptance::LateNewest(time),
        };
    }
    Acceptance::InTime(time)
}

/// Judges the time of a reading that is decoded long after it was received: by its clock as it would
/// have been judged then, by its age as of `now`.
#[must_use]
pub fn accept_later(
    event_time: Option<Timestamp>,
    received: Timestamp,
    now: Timestamp,
    newest: Option<Timestamp>,
    config: &OutcomeConfig,
) -> Acceptance {
    match accept(event_time, received, None, config) {
        Acceptance::InTime(time) | Acceptance::LateNewest(time) | Acceptance::Late(time) => {
            accept(Some(time), now.max(received), newest, config)
        }
        refused @ (Acceptance::TooFarAhead | Acceptance::BadTime) => refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_judged_as_of_then_and_an_age_as_of_now() {
        let config = OutcomeConfig::default();
        let received = Timestamp(1_800_000_000_000);
        let later = |event: Option<i64>, hours: i64, newest: Option<i64>| {
            let at = |ms: i64| received.plus_ms(ms);
            accept_later(event.map(at), received, at(hours * 3_600_000), newest.map(at), &config)
        };
        assert_eq!(later(None, 0, None), Acceptance::InTime(received));
        assert_eq!(later(None, 5, None), Acceptance::LateNewest(received));
        assert_eq!(later(None, 5, Some(7_000)), Acceptance::Late(received));
        assert_eq!(later(Some(3_600_000), 5, None), Acceptance::TooFarAhead, "it was an hour ahead when it came");
        assert_eq!(later(Some(60_000), 5, None), Acceptance::LateNewest(received));
    }

    #[test]
    fn each_case_of_the_clock() {
        let config = OutcomeConfig::default();
        let received = Timestamp(1_800_000_000_000);
        let at = |ms: i64| Some(received.plus_ms(ms));
        let cases = [
            (None, None, Acceptance::InTime(received), "no time of its own"),
            (at(-5_000), None, Acceptance::InTime(received.plus_ms(-5_000)), "a little ago"),
            (at(51_000), None, Acceptance::InTime(received), "51 s ahead, as seen in a real message"),
            (at(120_000), None, Acceptance::InTime(received), "as far ahead as may be"),
            (at(120_001), None, Acceptance::TooFarAhead, "one millisecond further"),
            (at(-600_000), None, Acceptance::InTime(received.plus_ms(-600_000)), "ten minutes"),
            (
                at(-600_001),
                None,
                Acceptance::LateNewest(received.plus_ms(-600_001)),
                "over ten minutes, but the newest",
            ),
            (at(-600_001), at(-700_000), Acceptance::LateNewest(received.plus_ms(-600_001)), "newer than the newest"),
            (at(-600_001), at(-600_000), Acceptance::Late(received.plus_ms(-600_001)), "older than the newest"),
            (at(-120_000), at(0), Acceptance::InTime(received.plus_ms(-120_000)), "out of order within the allowance"),
            (at(-120_001), at(0), Acceptance::Late(received.plus_ms(-120_001)), "out of order beyond it"),
            (Some(Timestamp(1_800_000_000)), None, Acceptance::BadTime, "seconds instead of milliseconds"),
            (Some(Timestamp(-1)), None, Acceptance::BadTime, "before the epoch"),
        ];
        for (event_time, newest, expected, why) in cases {
            assert_eq!(accept(event_time, received, newest, &config), expected, "{why}");
        }
    }
}
