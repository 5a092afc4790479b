//! The calendar of a profile's file, checked.

use std::collections::BTreeSet;

use chrono::{NaiveDate, Weekday};
use toml::Spanned;

use super::error::Problems;
use super::file::{CalendarFile, ProfileFile};
use crate::calendar::{Calendar, Span, WorkDayRule};

/// The longest stretch of holidays given as a range, in days.
const MAX_RANGE_DAYS: i64 = 366;

/// Time zone, working time and holidays.
pub(super) fn calendar(file: &ProfileFile, problems: &mut Problems<'_>) -> Calendar {
    let zone = file.time_zone.get_ref().parse().unwrap_or_else(|_| {
        let message = format!("`{}` is no time zone", file.time_zone.get_ref());
        problems.add(file.time_zone.span().start, "time_zone", message, "an IANA name such as Asia/Shanghai");
        chrono_tz::UTC
    });
    let mut calendar = Calendar::usual(zone);
    let CalendarFile { spans, weekend, work_day, holidays, make_up } = &file.calendar;
    if let Some(list) = spans {
        calendar.spans = working_spans(list, problems);
    }
    if let Some(list) = weekend {
        calendar.weekend = weekend_days(list, problems);
    }
    if let Some(rule) = work_day {
        calendar.work_day = work_day_rule(rule, problems);
    }
    calendar.holidays = dates(holidays, "calendar.holidays", problems);
    calendar.make_up = dates(make_up, "calendar.make_up", problems);
    calendar
}

fn working_spans(list: &Spanned<Vec<Spanned<String>>>, problems: &mut Problems<'_>) -> Vec<Span> {
    const FIELD: &str = "calendar.spans";
    let mut spans: Vec<Span> = Vec::new();
    for entry in list.get_ref() {
        let Some(span) = entry.get_ref().split_once('-').and_then(|(from, to)| {
            Some(Span { start_min: minute(from)?, end_min: minute(to)? }).filter(|span| span.start_min < span.end_min)
        }) else {
            let message = format!("`{}` is no stretch of a day", entry.get_ref());
            problems.add(entry.span().start, FIELD, message, "write it as 08:00-12:00, from the earlier to the later");
            continue;
        };
        if spans.last().is_some_and(|last| last.end_min > span.start_min) {
            let message = format!("`{}` begins before the one in front of it ends", entry.get_ref());
            problems.add(entry.span().start, FIELD, message, "put the stretches in order, without overlap");
        }
        spans.push(span);
    }
    let minutes: u32 = spans.iter().map(|span| u32::from(span.end_min.saturating_sub(span.start_min))).sum();
    if minutes < 60 {
        problems.add(list.span().start, FIELD, "a working day has less than an hour of working time", "");
    }
    spans
}

/// Minutes after midnight of `HH:MM`, up to `24:00`.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !two_digits(hour) || !two_digits(minute) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let total = hour * 60 + minute;
    (minute < 60 && total <= 1_440).then_some(total)
}

fn weekend_days(list: &Spanned<Vec<Spanned<String>>>, problems: &mut Problems<'_>) -> Vec<Weekday> {
    const FIELD: &str = "calendar.weekend";
    let mut days = Vec::new();
    for entry in list.get_ref() {
        match entry.get_ref().parse::<Weekday>() {
            Ok(day) if !days.contains(&day) => days.push(day),
            Ok(_) => {}
            Err(_) => {
                let message = format!("`{}` is no day of the week", entry.get_ref());
                problems.add(entry.span().start, FIELD, message, "write mon, tue, wed, thu, fri, sat or sun");
            }
        }
    }
    if days.len() >= 7 {
        problems.add(list.span().start, FIELD, "no day of the week is left to work", "leave at least one out");
    }
    days
}

fn work_day_rule(rule: &Spanned<String>, problems: &mut Problems<'_>) -> WorkDayRule {
    if rule.get_ref() == "end_of_day" {
        return WorkDayRule::EndOfDay;
    }
    let hours = rule.get_ref().strip_suffix("hours").and_then(|hours| hours.trim().parse().ok());
    hours.filter(|hours| (1..=24).contains(hours)).map(WorkDayRule::Hours).unwrap_or_else(|| {
        let message = format!("`{}` says not what a working day is", rule.get_ref());
        problems.add(rule.span().start, "calendar.work_day", message, "write \"8 hours\" or \"end_of_day\"");
        WorkDayRule::Hours(8)
    })
}

fn dates(list: &[Spanned<String>], field: &str, problems: &mut Problems<'_>) -> BTreeSet<NaiveDate> {
    let mut dates = BTreeSet::new();
    for entry in list {
        let (first, last) = entry.get_ref().split_once("..").unwrap_or((entry.get_ref(), entry.get_ref()));
        let parse = |text: &str| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
        match parse(first).zip(parse(last)) {
            Some((first, last)) if (0..MAX_RANGE_DAYS).contains(&last.signed_duration_since(first).num_days()) => {
                dates.extend(first.iter_days().take_while(|date| *date <= last));
            }
            _ => {
                let message = format!("`{}` is neither a day nor a range of days", entry.get_ref());
                problems.add(entry.span().start, field, message, "write 2026-10-01 or 2026-10-01..2026-10-07");
            }
        }
    }
    dates
}
