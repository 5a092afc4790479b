//! Working time of a city: which days are worked, at which hours, in which time zone.
//!
//! Weekends, holidays and make-up days (调休) are data. All sums are in milliseconds of working time;
//! nothing here reads a clock.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Weekday};
use chrono_tz::Tz;
use gengfu_model::Timestamp;

/// The longest search for working time, in days. A profile's checks (at least one weekday worked, at
/// least an hour a day, limits of at most 365 units) keep every sum far inside it.
const MAX_SCAN_DAYS: u32 = 40_000;

/// A stretch of working time within one day, in minutes after local midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First minute worked.
    pub start_min: u16,
    /// First minute not worked any more, at most 1,440.
    pub end_min: u16,
}

/// What a limit of n working days (工作日) means. Cities differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkDayRule {
    /// n times this many hours of working time.
    Hours(u16),
    /// The end of working time of the n-th working day after the day of the start.
    EndOfDay,
}

/// Working time of a city.
#[derive(Clone, Debug, PartialEq)]
pub struct Calendar {
    /// The city's time zone.
    pub zone: Tz,
    /// Working time of a day: in order, not overlapping.
    pub spans: Vec<Span>,
    /// Days of the week that are not worked.
    pub weekend: Vec<Weekday>,
    /// Days that are not worked although their weekday is.
    pub holidays: BTreeSet<NaiveDate>,
    /// Days that are worked although they are a weekend's or a holiday's.
    pub make_up: BTreeSet<NaiveDate>,
    /// What a working day is worth.
    pub work_day: WorkDayRule,
}

impl Calendar {
    /// The usual calendar: 08:00-12:00 and 14:00-18:00, Saturday and Sunday free, a working day is 8
    /// hours, no holidays.
    #[must_use]
    pub fn usual(zone: Tz) -> Calendar {
        Calendar {
            zone,
            spans: vec![Span { start_min: 480, end_min: 720 }, Span { start_min: 840, end_min: 1_080 }],
            weekend: vec![Weekday::Sat, Weekday::Sun],
            holidays: BTreeSet::new(),
            make_up: BTreeSet::new(),
            work_day: WorkDayRule::Hours(8),
        }
    }

    /// Whether a day is worked: make-up days before holidays before weekends.
    #[must_use]
    pub fn is_working_day(&self, date: NaiveDate) -> bool {
        self.make_up.contains(&date) || !(self.holidays.contains(&date) || self.weekend.contains(&date.weekday()))
    }

    /// Local date and time of a moment. Outside chrono's range (some 262,000 years) it is 1970.
    #[must_use]
    pub fn local(&self, time: Timestamp) -> NaiveDateTime {
        let utc = DateTime::from_timestamp_millis(time.as_millis()).unwrap_or_default();
        utc.with_timezone(&self.zone).naive_local()
    }

    /// The moment of a local minute of a day. A minute that the clocks skip is the moment they skip it, a
    /// minute that comes twice is its first.
    #[must_use]
    pub fn moment(&self, date: NaiveDate, minute: u16) -> Timestamp {
        // A gap is never wider than three hours, so three hours earlier the offset before it is in force.
        const BEFORE_GAP: TimeDelta = TimeDelta::hours(3);
        let midnight = date.and_time(NaiveTime::MIN);
        let local = midnight.checked_add_signed(TimeDelta::minutes(i64::from(minute))).unwrap_or(midnight);
        let resolved = self.zone.from_local_datetime(&local).earliest().or_else(|| {
            let earlier = local.checked_sub_signed(BEFORE_GAP)?;
            self.zone.from_local_datetime(&earlier).earliest()?.checked_add_signed(BEFORE_GAP)
        });
        Timestamp(resolved.map_or_else(|| local.and_utc().timestamp_millis(), |moment| moment.timestamp_millis()))
    }

    /// The moment at which `working_ms` of working time have passed since `start`; `start` itself for
    /// nothing or less. What ends with a span ends at the span's end, not at the next one's start.
    #[must_use]
    pub fn advance(&self, start: Timestamp, working_ms: i64) -> Timestamp {
        if working_ms <= 0 {
            return start;
        }
        let mut left = working_ms;
        let mut date = self.local(start).date();
        for _ in 0..MAX_SCAN_DAYS {
            for (from, to) in self.worked(date) {
                let from = from.max(start);
                let free = to.since_ms(from);
                if free <= 0 {
                    continue;
                }
                if left <= free {
                    return from.plus_ms(left);
                }
                left -= free;
            }
            let Some(next) = date.succ_opt() else { break };
            date = next;
        }
        self.moment(date, 0).max(start).plus_ms(left)
    }

    /// Milliseconds of working time between two moments; 0 when `to` is not after `from`.
    #[must_use]
    pub fn worked_ms(&self, from: Timestamp, to: Timestamp) -> i64 {
        let mut sum = 0;
        let mut date = self.local(from).date();
        let last = self.local(to).date();
        for _ in 0..MAX_SCAN_DAYS {
            if date > last {
                break;
            }
            for (start, end) in self.worked(date) {
                sum += end.min(to).since_ms(start.max(from)).max(0);
            }
            let Some(next) = date.succ_opt() else { break };
            date = next;
        }
        sum
    }

    /// The end of working time of the `days`-th working day after the day of `start`.
    #[must_use]
    pub fn end_of_day(&self, start: Timestamp, days: u32) -> Timestamp {
        let mut date = self.local(start).date();
        let mut left = days;
        for _ in 0..MAX_SCAN_DAYS {
            if left == 0 {
                break;
            }
            let Some(next) = date.succ_opt() else { break };
            date = next;
            if self.is_working_day(date) {
                left -= 1;
            }
        }
        self.moment(date, self.spans.last().map_or(1_440, |span| span.end_min))
    }

    /// The stretches worked on a day, in order.
    fn worked(&self, date: NaiveDate) -> impl Iterator<Item = (Timestamp, Timestamp)> + '_ {
        let spans: &[Span] = if self.is_working_day(date) { &self.spans } else { &[] };
        spans.iter().map(move |span| (self.moment(date, span.start_min), self.moment(date, span.end_min)))
    }
}
