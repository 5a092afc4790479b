//! When a silence covers: once from a moment to another, or in hours of the week within them.

use chrono::{Datelike, NaiveDate};
use gengfu_model::Timestamp;
use gengfu_model::silence::{SilenceState, Weekly};

use crate::calendar::Calendar;

/// Minutes of a day.
const DAY_MIN: u16 = 1_440;

/// How a silence stands at a moment, and when that changes; `None`: it does not any more.
#[must_use]
pub fn standing(
    calendar: &Calendar,
    from: Timestamp,
    to: Timestamp,
    weekly: Option<&Weekly>,
    now: Timestamp,
) -> (SilenceState, Option<Timestamp>) {
    if now >= to {
        return (SilenceState::Ended, None);
    }
    let Some(weekly) = weekly else {
        return if now < from { (SilenceState::Planned, Some(from)) } else { (SilenceState::Active, Some(to)) };
    };
    let before = now < from;
    match next_window(calendar, weekly, from.max(now)) {
        Some((start, end)) if start <= now && !before => (SilenceState::Active, Some(end.min(to))),
        // The last window is over: there is nothing to wait for.
        found => {
            let start = found.map(|(start, _)| start.max(from)).filter(|start| *start < to);
            match start {
                None => (SilenceState::Ended, None),
                Some(start) if before => (SilenceState::Planned, Some(start)),
                Some(start) => (SilenceState::Resting, Some(start)),
            }
        }
    }
}

/// Whether a moment lies in hours of the week.
#[must_use]
pub fn in_hours(calendar: &Calendar, weekly: &Weekly, now: Timestamp) -> bool {
    next_window(calendar, weekly, now).is_some_and(|(start, _)| start <= now)
}

/// The first window that ends after `now`.
fn next_window(calendar: &Calendar, weekly: &Weekly, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
    let mut date = calendar.local(now).date().pred_opt()?;
    // Yesterday's window may pass midnight; the next one begins within a week.
    for _ in 0..10 {
        if begins_on(weekly, date) {
            let start = calendar.moment(date, weekly.from_min);
            let end = if weekly.to_min > weekly.from_min {
                calendar.moment(date, weekly.to_min)
            } else {
                calendar.moment(date.succ_opt()?, weekly.to_min)
            };
            if now < end && start < end {
                return Some((start, end));
            }
        }
        date = date.succ_opt()?;
    }
    None
}

fn begins_on(weekly: &Weekly, date: NaiveDate) -> bool {
    weekly.days.iter().any(|day| u32::from(*day) == date.weekday().number_from_monday())
}

/// What is wrong with hours of the week, if something is.
#[must_use]
pub fn mistake(weekly: &Weekly) -> Option<&'static str> {
    if weekly.days.is_empty() || weekly.days.len() > 7 || weekly.days.iter().any(|day| !(1..=7).contains(day)) {
        return Some("days are 1 (Monday) to 7 (Sunday), at least one");
    }
    (weekly.from_min >= DAY_MIN || weekly.to_min > DAY_MIN)
        .then_some("hours are minutes after midnight: from_min 0 to 1439, to_min 0 to 1440")
}
