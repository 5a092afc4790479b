//! The four clocks, by the worked examples of the workflow's description and by holidays.

use std::sync::Arc;

use gengfu_cases::Profile;
use gengfu_cases::deadline::{self, Limit};
use gengfu_model::LimitKind::{self, NaturalDay, UrgentHour, WorkDay, WorkHour};
use proptest::prelude::*;

use crate::support::{local, profile, random, yuncheng};

fn due(profile: &Arc<Profile>, kind: LimitKind, amount: u32, start: &str) -> String {
    let due = deadline::due(&profile.calendar, Limit { kind, amount }, local(start));
    profile.calendar.local(due).format("%a %m-%d %H:%M").to_string()
}

#[test]
fn the_worked_examples_come_out() {
    let profile = yuncheng();
    for (start, amount, kind, expected) in [
        ("2026-11-20 17:30", 2, UrgentHour, "Fri 11-20 19:30"),
        ("2026-11-20 17:30", 4, WorkHour, "Mon 11-23 11:30"),
        ("2026-11-20 17:30", 1, WorkDay, "Mon 11-23 17:30"),
        ("2026-11-20 17:30", 2, WorkDay, "Tue 11-24 17:30"),
        ("2026-11-20 17:30", 5, WorkDay, "Fri 11-27 17:30"),
        ("2026-11-20 11:59", 2, WorkHour, "Fri 11-20 15:59"),
        ("2026-11-21 03:00", 4, WorkHour, "Mon 11-23 12:00"),
    ] {
        assert_eq!(due(&profile, kind, amount, start), expected, "{start} + {amount} {kind:?}");
    }
}

#[test]
fn an_urgent_limit_runs_the_same_by_night_and_by_day() {
    let profile = yuncheng();
    assert_eq!(due(&profile, UrgentHour, 2, "2026-11-21 03:00"), "Sat 11-21 05:00");
    assert_eq!(due(&profile, UrgentHour, 2, "2026-11-23 15:00"), "Mon 11-23 17:00");
    assert_eq!(due(&profile, NaturalDay, 2, "2026-11-20 17:30"), "Sun 11-22 17:30");
}

#[test]
fn holidays_are_skipped_and_make_up_days_are_worked() {
    let profile = yuncheng();
    // National Day: 10-01 (Thursday) to 10-07 are free, Saturday 10-10 is worked.
    assert_eq!(due(&profile, WorkDay, 1, "2026-09-30 17:30"), "Thu 10-08 17:30");
    assert_eq!(due(&profile, WorkDay, 3, "2026-09-30 17:30"), "Sat 10-10 17:30");
    // Spring Festival: Saturday 02-14 is worked, 02-15 to 02-23 are free.
    assert_eq!(due(&profile, WorkHour, 4, "2026-02-13 16:00"), "Sat 02-14 10:00");
    assert_eq!(due(&profile, WorkHour, 8, "2026-02-14 16:00"), "Tue 02-24 16:00");
    assert_eq!(due(&profile, UrgentHour, 2, "2026-02-17 01:00"), "Tue 02-17 03:00");
}

#[test]
fn a_working_day_can_mean_the_end_of_the_next_one() {
    let profile = profile(&[("work_day = \"8 hours\"", "work_day = \"end_of_day\"")]);
    assert_eq!(due(&profile, WorkDay, 1, "2026-11-20 09:00"), "Mon 11-23 18:00");
    assert_eq!(due(&profile, WorkDay, 2, "2026-11-20 17:30"), "Tue 11-24 18:00");
    assert_eq!(due(&profile, WorkDay, 1, "2026-11-21 03:00"), "Mon 11-23 18:00");
    assert_eq!(due(&profile, WorkHour, 4, "2026-11-20 17:30"), "Mon 11-23 11:30");
}

#[test]
fn what_is_left_is_counted_on_the_limits_own_clock() {
    let profile = yuncheng();
    let calendar = &profile.calendar;
    let work = deadline::deadline(calendar, Limit { kind: WorkHour, amount: 4 }, local("2026-11-20 17:30"));
    // Half an hour worked on Friday; the weekend does not count.
    let left = deadline::left_ms(calendar, &work, local("2026-11-22 12:00"));
    assert_eq!(left, 210 * 60_000);
    assert_eq!(deadline::due_after(calendar, WorkHour, left, local("2026-12-01 16:00")), local("2026-12-02 09:30"));
    assert_eq!(deadline::left_ms(calendar, &work, local("2026-12-01 16:00")), 0, "never less than nothing");
}

proptest! {
    #![proptest_config(random(256))]

    #[test]
    fn stopping_and_going_on_at_once_changes_nothing(
        start in 1_700_000_000_000i64..1_900_000_000_000,
        stop in 0i64..2_000_000_000,
        amount in 1u32..30,
        kind in prop::sample::select(vec![UrgentHour, WorkHour, WorkDay, NaturalDay]),
    ) {
        let calendar = &yuncheng().calendar;
        let start = gengfu_model::Timestamp(start);
        let deadline = deadline::deadline(calendar, Limit { kind, amount }, start);
        let now = start.plus_ms(stop);
        prop_assume!(now < deadline.due);
        let left = deadline::left_ms(calendar, &deadline, now);
        prop_assert!(left > 0);
        prop_assert_eq!(deadline::due_after(calendar, kind, left, now), deadline.due);
    }
}
