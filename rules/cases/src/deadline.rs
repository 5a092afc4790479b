//! Deadlines on the four clocks of the city's limits.
//!
//! 紧急工作时 and 自然日 run on through nights, weekends and holidays; 工作时 and 工作日 run in working
//! time only. What is left of a limit is kept in milliseconds of the limit's own clock, so that a
//! suspended case goes on with exactly the time it had.

use gengfu_model::time::{DAY_MS, HOUR_MS, MINUTE_MS};
use gengfu_model::{Deadline, LimitKind, Timestamp};

use crate::calendar::{Calendar, WorkDayRule};

/// A limit: an amount on one of the clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Which clock.
    pub kind: LimitKind,
    /// How many of its units.
    pub amount: u32,
}

/// The moment at which a limit that starts at `start` is up.
#[must_use]
pub fn due(calendar: &Calendar, limit: Limit, start: Timestamp) -> Timestamp {
    let amount = i64::from(limit.amount);
    match limit.kind {
        LimitKind::UrgentMinute => start.plus_ms(amount * MINUTE_MS),
        LimitKind::UrgentHour => start.plus_ms(amount * HOUR_MS),
        LimitKind::NaturalDay => start.plus_ms(amount * DAY_MS),
        LimitKind::WorkHour => calendar.advance(start, amount * HOUR_MS),
        LimitKind::WorkDay => match calendar.work_day {
            WorkDayRule::Hours(hours) => calendar.advance(start, amount * i64::from(hours) * HOUR_MS),
            WorkDayRule::EndOfDay => calendar.end_of_day(start, limit.amount),
        },
    }
}

/// The deadline of a limit that starts at `start`.
#[must_use]
pub fn deadline(calendar: &Calendar, limit: Limit, start: Timestamp) -> Deadline {
    Deadline { limit: limit.kind, amount: limit.amount, started: start, due: due(calendar, limit, start) }
}

/// What is left at `now`, in milliseconds of the limit's clock; 0 when the time is up.
#[must_use]
pub fn left_ms(calendar: &Calendar, deadline: &Deadline, now: Timestamp) -> i64 {
    if runs_in_working_time(deadline.limit) {
        calendar.worked_ms(now, deadline.due)
    } else {
        deadline.due.since_ms(now).max(0)
    }
}

/// The moment at which `left_ms` of a clock are up, counted from `now`.
#[must_use]
pub fn due_after(calendar: &Calendar, kind: LimitKind, left_ms: i64, now: Timestamp) -> Timestamp {
    if runs_in_working_time(kind) { calendar.advance(now, left_ms) } else { now.plus_ms(left_ms.max(0)) }
}

/// The moment, seen from `now`, at which `percent` of a deadline's limit are used up on the limit's own clock, which
/// stood still while the case was suspended; `None` if they are already.
#[must_use]
pub fn part(calendar: &Calendar, deadline: &Deadline, percent: u32, now: Timestamp) -> Option<Timestamp> {
    let limit = Limit { kind: deadline.limit, amount: deadline.amount };
    let unmoved = Deadline { due: due(calendar, limit, deadline.started), ..*deadline };
    let whole = left_ms(calendar, &unmoved, deadline.started);
    let used = whole - left_ms(calendar, deadline, now);
    let rest = whole / 100 * i64::from(percent) - used;
    (rest > 0).then(|| due_after(calendar, deadline.limit, rest, now))
}

fn runs_in_working_time(kind: LimitKind) -> bool {
    match kind {
        LimitKind::WorkHour | LimitKind::WorkDay => true,
        LimitKind::UrgentMinute | LimitKind::UrgentHour | LimitKind::NaturalDay => false,
    }
}
