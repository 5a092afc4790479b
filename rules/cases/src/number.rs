//! Case numbers: the pattern that a city uses, and the counter behind it.
//!
//! Promise: a (day, sequence) pair is never given twice, not over a change of pattern, prefix or time zone
//! either. The counter starts at 1 again with every new day of the city, and never goes back to an earlier day.

use std::fmt::Write as _;

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};

/// The widest sequence number in a pattern, in digits.
pub const MAX_SEQUENCE_DIGITS: usize = 12;

/// How case numbers look, such as `{prefix}{yyyymmdd}{seq:5}`.
///
/// Parts in braces: `prefix`, `yyyymmdd`, `yymmdd`, `yyyy`, `yy`, `mm`, `dd`, `seq:N` (at least N digits).
/// A pattern names the whole day and the sequence, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberPattern {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Prefix,
    Year4,
    Year2,
    Month,
    Day,
    Sequence(usize),
}

/// The counter behind the numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NumberCounter {
    /// The day of the last number, as days since 0001-01-01.
    day: i32,
    /// The last sequence number of that day.
    last: u64,
}

impl NumberPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(pattern: &str) -> Result<NumberPattern, String> {
        let mut parts = Vec::new();
        let mut rest = pattern;
        while let Some(open) = rest.find('{') {
            if open > 0 {
                parts.push(Part::Text(rest[..open].to_owned()));
            }
            let close = rest[open..].find('}').ok_or("a `{` is never closed")? + open;
            Self::part(&rest[open + 1..close], &mut parts)?;
            rest = &rest[close + 1..];
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        let once = |wanted: fn(&Part) -> bool| parts.iter().filter(|part| wanted(part)).count() == 1;
        if !once(|part| matches!(part, Part::Sequence(_))) {
            return Err("the sequence `{seq:N}` must stand in it once".to_owned());
        }
        if !(once(|part| matches!(part, Part::Year4 | Part::Year2))
            && once(|part| *part == Part::Month)
            && once(|part| *part == Part::Day))
        {
            return Err("year, month and day must stand in it once, such as `{yyyymmdd}`".to_owned());
        }
        Ok(NumberPattern { parts })
    }

    /// The pattern `{yyyymmdd}{seq:5}`.
    pub(crate) fn plain() -> NumberPattern {
        NumberPattern { parts: vec![Part::Year4, Part::Month, Part::Day, Part::Sequence(5)] }
    }

    fn part(name: &str, parts: &mut Vec<Part>) -> Result<(), String> {
        match name {
            "prefix" => parts.push(Part::Prefix),
            "yyyymmdd" => parts.extend([Part::Year4, Part::Month, Part::Day]),
            "yymmdd" => parts.extend([Part::Year2, Part::Month, Part::Day]),
            "yyyy" => parts.push(Part::Year4),
            "yy" => parts.push(Part::Year2),
            "mm" => parts.push(Part::Month),
            "dd" => parts.push(Part::Day),
            _ => {
                let digits = name.strip_prefix("seq:").and_then(|digits| digits.parse().ok());
                let Some(digits) = digits.filter(|digits| (1..=MAX_SEQUENCE_DIGITS).contains(digits)) else {
                    return Err(format!("`{{{name}}}` is no part of a number"));
                };
                parts.push(Part::Sequence(digits));
            }
        }
        Ok(())
    }

    /// The number of that day and sequence.
    #[must_use]
    pub fn render(&self, prefix: &str, day: NaiveDate, sequence: u64) -> String {
        let mut number = String::new();
        for part in &self.parts {
            let written = match part {
                Part::Text(text) => number.write_str(text),
                Part::Prefix => number.write_str(prefix),
                Part::Year4 => write!(number, "{:04}", day.year()),
                Part::Year2 => write!(number, "{:02}", day.year().rem_euclid(100)),
                Part::Month => write!(number, "{:02}", day.month()),
                Part::Day => write!(number, "{:02}", day.day()),
                Part::Sequence(digits) => write!(number, "{sequence:0digits$}"),
            };
            // Writing to a string cannot fail.
            debug_assert!(written.is_ok());
        }
        number
    }
}

impl NumberCounter {
    /// The next day and sequence for a case that opens on `today`. A day that is before the last one (the
    /// time zone was changed) goes on with the last one.
    pub(crate) fn next(&mut self, today: NaiveDate) -> (NaiveDate, u64) {
        if today.num_days_from_ce() > self.day {
            self.day = today.num_days_from_ce();
            self.last = 0;
        }
        self.last += 1;
        (NaiveDate::from_num_days_from_ce_opt(self.day).unwrap_or(today), self.last)
    }
}
