//! Who is on duty: pure functions of (roster, calendar, time).
//!
//! A shift belongs to the local day on which it begins. Who has it: the override of that day, else whose turn it
//! is. Holidays and make-up days are the calendar's: a shift of `working` days begins on a make-up Saturday, a
//! shift of `free` days does not.

use std::sync::Arc;

use chrono::{Datelike, NaiveDate, Weekday};
use gengfu_model::Refusal;
use gengfu_model::Timestamp;
use gengfu_model::duty::{DutyDay, MAX_DUTY_NAME_BYTES, MAX_DUTY_ROWS, Post, Roster, Shift, Turns};

use crate::calendar::Calendar;

/// How far ahead the next shift is looked for, in days: past the longest holidays.
const LOOK_AHEAD_DAYS: u64 = 21;
/// Days that are looked ahead for the plan of a roster, today among them.
const AHEAD_DAYS: usize = 8;
/// The most watches of a plan.
pub const MAX_AHEAD: usize = 100;

/// One stretch of duty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// The shift's name.
    pub shift: Arc<str>,
    /// When it begins.
    pub from: Timestamp,
    /// When it ends.
    pub to: Timestamp,
    /// The officer.
    pub officer: Option<Arc<str>>,
    /// The shift leader.
    pub leader: Option<Arc<str>>,
}

/// The watches of that moment, in the order of the roster's shifts.
#[must_use]
pub fn on_duty(roster: &Roster, calendar: &Calendar, now: Timestamp) -> Vec<Watch> {
    let today = calendar.local(now).date();
    // What began yesterday may go on past midnight.
    let days = [today.pred_opt(), Some(today)].into_iter().flatten();
    let watches =
        days.flat_map(|day| roster.shifts.iter().filter_map(move |shift| watch(roster, shift, calendar, day)));
    let mut watches: Vec<Watch> = watches.filter(|watch| watch.from <= now && now < watch.to).collect();
    let place = |watch: &Watch| roster.shifts.iter().position(|shift| shift.name == watch.shift);
    watches.sort_by_key(|watch| (place(watch), watch.from));
    watches
}

/// The first watch that begins after that moment.
#[must_use]
pub fn next(roster: &Roster, calendar: &Calendar, now: Timestamp) -> Option<Watch> {
    let today = calendar.local(now).date();
    for day in today.iter_days().take(usize::try_from(LOOK_AHEAD_DAYS).unwrap_or(0)) {
        let begin = roster.shifts.iter().filter_map(|shift| watch(roster, shift, calendar, day));
        if let Some(first) = begin.filter(|watch| watch.from > now).min_by_key(|watch| watch.from) {
            return Some(first);
        }
    }
    None
}

/// Every watch that has not ended and begins within the next days, by when it begins: at most [`MAX_AHEAD`].
#[must_use]
pub fn ahead(roster: &Roster, calendar: &Calendar, now: Timestamp) -> Vec<Watch> {
    let today = calendar.local(now).date();
    // What began yesterday may go on past midnight.
    let first = today.pred_opt().unwrap_or(today);
    let days = first.iter_days().take(AHEAD_DAYS + 1);
    let watches =
        days.flat_map(|day| roster.shifts.iter().filter_map(move |shift| watch(roster, shift, calendar, day)));
    let mut watches: Vec<Watch> = watches.filter(|watch| watch.to > now).collect();
    watches.sort_by_key(|watch| (watch.from, watch.to));
    watches.truncate(MAX_AHEAD);
    watches
}

/// When somebody comes on duty or leaves next.
#[must_use]
pub fn next_change(roster: &Roster, calendar: &Calendar, now: Timestamp) -> Option<Timestamp> {
    let ends = on_duty(roster, calendar, now).into_iter().map(|watch| watch.to);
    ends.chain(next(roster, calendar, now).map(|watch| watch.from)).min()
}

/// The watch of a shift that begins on that day.
fn watch(roster: &Roster, shift: &Shift, calendar: &Calendar, day: NaiveDate) -> Option<Watch> {
    let begins = shift.days.is_empty() || shift.days.iter().any(|wanted| is_day(*wanted, calendar, day));
    if !begins {
        return None;
    }
    let last = if shift.to <= shift.from { day.succ_opt()? } else { day };
    let who = |post: Post, turns: &Turns| {
        let date = day.format("%Y-%m-%d").to_string();
        let own = roster
            .overrides
            .iter()
            .find(|other| *other.date == *date && other.shift == shift.name && other.post == post);
        own.map(|own| own.who.clone()).or_else(|| whose_turn(turns, day))
    };
    Some(Watch {
        shift: shift.name.clone(),
        from: calendar.moment(day, shift.from.minutes()),
        to: calendar.moment(last, shift.to.minutes()),
        officer: who(Post::Officer, &shift.officers),
        leader: who(Post::Leader, &shift.leaders),
    })
}

fn is_day(wanted: DutyDay, calendar: &Calendar, day: NaiveDate) -> bool {
    match wanted {
        DutyDay::Mon => day.weekday() == Weekday::Mon,
        DutyDay::Tue => day.weekday() == Weekday::Tue,
        DutyDay::Wed => day.weekday() == Weekday::Wed,
        DutyDay::Thu => day.weekday() == Weekday::Thu,
        DutyDay::Fri => day.weekday() == Weekday::Fri,
        DutyDay::Sat => day.weekday() == Weekday::Sat,
        DutyDay::Sun => day.weekday() == Weekday::Sun,
        DutyDay::Working => calendar.is_working_day(day),
        DutyDay::Free => !calendar.is_working_day(day),
    }
}

fn whose_turn(turns: &Turns, day: NaiveDate) -> Option<Arc<str>> {
    let since = date(&turns.since).unwrap_or_default();
    let turn = day.signed_duration_since(since).num_days().div_euclid(i64::from(turns.days.max(1)));
    let people = i64::try_from(turns.people.len()).ok().filter(|people| *people > 0)?;
    let index = usize::try_from(turn.rem_euclid(people)).ok()?;
    turns.people.get(index).cloned()
}

fn date(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()
}

/// Checks what a roster's types cannot promise.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn check(roster: &Roster) -> Result<(), Refusal> {
    let invalid = |field: String, message: String| Err(Refusal::new("invalid", message).field(field));
    if roster.district.len() > MAX_DUTY_NAME_BYTES {
        return invalid("district".to_owned(), format!("a district's name has at most {MAX_DUTY_NAME_BYTES} bytes"));
    }
    if roster.shifts.len() > MAX_DUTY_ROWS || roster.overrides.len() > MAX_DUTY_ROWS {
        return invalid(
            "shifts".to_owned(),
            format!("a roster has at most {MAX_DUTY_ROWS} shifts and as many overrides"),
        );
    }
    for (index, shift) in roster.shifts.iter().enumerate() {
        let place = |field: &str| format!("shifts[{index}].{field}");
        if !is_name(&shift.name) || roster.shifts[..index].iter().any(|other| other.name == shift.name) {
            return invalid(place("name"), format!("`{}` is no name of its own", shift.name));
        }
        for (field, turns) in [("officers", &shift.officers), ("leaders", &shift.leaders)] {
            if turns.people.len() > MAX_DUTY_ROWS || turns.people.iter().any(|who| !is_name(who)) {
                return invalid(place(field), format!("`{field}` are at most {MAX_DUTY_ROWS} names of accounts"));
            }
            if !turns.since.is_empty() && date(&turns.since).is_none() {
                return invalid(place(field), format!("`{}` is no day: write it as 2026-11-30", turns.since));
            }
        }
        if shift.officers.people.is_empty() {
            return invalid(place("officers"), format!("shift `{}` has no officer", shift.name));
        }
    }
    for (index, other) in roster.overrides.iter().enumerate() {
        let place = |field: &str| format!("overrides[{index}].{field}");
        if date(&other.date).is_none() {
            return invalid(place("date"), format!("`{}` is no day: write it as 2026-11-30", other.date));
        }
        if roster.shifts.iter().all(|shift| shift.name != other.shift) {
            return invalid(place("shift"), format!("the roster has no shift `{}`", other.shift));
        }
        if !is_name(&other.who) {
            return invalid(place("who"), format!("`{}` is no account", other.who));
        }
    }
    Ok(())
}

/// Whether a text may name a shift, a chain, a channel or a person.
pub(crate) fn is_name(name: &str) -> bool {
    !name.trim().is_empty() && name.len() <= MAX_DUTY_NAME_BYTES && !name.contains(char::is_control)
}
