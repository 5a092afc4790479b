//! Working time: weekends, holidays, make-up days, zones whose clocks jump.

use chrono::NaiveDate;
use gengfu_cases::Calendar;
use gengfu_model::Timestamp;
use gengfu_model::time::{HOUR_MS, MINUTE_MS};
use proptest::prelude::*;

use crate::support::{local, random, yuncheng};

fn date(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

#[test]
fn holidays_and_make_up_days_of_2026_are_those_of_the_notice() {
    let calendar = &yuncheng().calendar;
    for free in ["2026-01-01", "2026-02-16", "2026-02-23", "2026-04-06", "2026-05-05", "2026-06-19", "2026-09-25"] {
        assert!(!calendar.is_working_day(date(free)), "{free}");
    }
    for worked in ["2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10", "2026-10-08"] {
        assert!(calendar.is_working_day(date(worked)), "{worked}");
    }
    assert!(!calendar.is_working_day(date("2026-11-21")), "a plain Saturday");
}

#[test]
fn working_time_ends_at_the_end_of_a_span() {
    let calendar = &yuncheng().calendar;
    let start = local("2026-11-23 08:00");
    assert_eq!(calendar.advance(start, 0), start);
    assert_eq!(calendar.advance(start, -5), start);
    assert_eq!(calendar.advance(start, 4 * HOUR_MS), local("2026-11-23 12:00"));
    assert_eq!(calendar.advance(start, 4 * HOUR_MS + MINUTE_MS), local("2026-11-23 14:01"));
    assert_eq!(calendar.advance(start, 8 * HOUR_MS), local("2026-11-23 18:00"));
    assert_eq!(calendar.worked_ms(start, local("2026-11-24 08:00")), 8 * HOUR_MS);
    assert_eq!(calendar.worked_ms(local("2026-11-21 00:00"), local("2026-11-22 23:00")), 0);
    assert_eq!(calendar.worked_ms(start, local("2026-11-20 08:00")), 0);
}

#[test]
fn a_minute_that_the_clocks_skip_is_the_moment_they_skip_it() {
    // Berlin, 2026-03-29: 02:00 becomes 03:00; 2026-10-25: 03:00 becomes 02:00.
    let calendar = Calendar::usual(chrono_tz::Europe::Berlin);
    let skipped = calendar.moment(date("2026-03-29"), 150);
    assert_eq!(calendar.local(skipped).to_string(), "2026-03-29 03:30:00");
    let before = calendar.moment(date("2026-03-29"), 119);
    assert_eq!(skipped.since_ms(before), 31 * MINUTE_MS);
    let first = calendar.moment(date("2026-10-25"), 150);
    assert_eq!(first.since_ms(calendar.moment(date("2026-10-25"), 90)), HOUR_MS);
}

#[test]
fn a_time_beyond_all_calendars_does_not_panic() {
    let calendar = &yuncheng().calendar;
    for time in [Timestamp(i64::MAX), Timestamp(i64::MIN)] {
        assert!(calendar.advance(time, HOUR_MS) >= time);
        assert!(calendar.worked_ms(time, Timestamp(0)) >= 0);
    }
}

proptest! {
    #![proptest_config(random(256))]

    #[test]
    fn advance_and_worked_are_inverse(start in 0i64..4_000_000_000_000, work in 1i64..400 * HOUR_MS) {
        let calendar = &yuncheng().calendar;
        let start = Timestamp(start);
        let end = calendar.advance(start, work);
        prop_assert_eq!(calendar.worked_ms(start, end), work);
    }

    #[test]
    fn working_time_adds_up(start in 0i64..4_000_000_000_000, a in 1i64..100 * HOUR_MS, b in 1i64..100 * HOUR_MS) {
        let calendar = &yuncheng().calendar;
        let start = Timestamp(start);
        let stop = calendar.advance(start, a);
        prop_assert_eq!(calendar.advance(stop, b), calendar.advance(start, a + b));
        let end = calendar.advance(stop, b);
        prop_assert_eq!(calendar.worked_ms(start, stop) + calendar.worked_ms(stop, end), calendar.worked_ms(start, end));
    }
}
