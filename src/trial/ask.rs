//! What is to be tried: a draft, a stretch of time, what it is compared with, a sweep.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate};
use chrono_tz::Tz;
use gengfu_dashboards::time_text;
use gengfu_model::time::{DAY_MS, HOUR_MS, MINUTE_MS};
use gengfu_model::{Timestamp, Value};
use gengfu_rules::trial::Draft;
use serde::{Deserialize, Serialize};

use super::days;

/// The most values of a sweep: each is an engine of its own.
pub const MAX_VALUES: usize = 16;
/// The most examples of each sort of change.
pub const MAX_EXAMPLES: usize = 100;
/// Examples of each sort of change unless asked otherwise.
pub const DEFAULT_EXAMPLES: usize = 5;

/// What a draft is compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Against {
    /// The pack that is live now, over the whole stretch.
    #[default]
    Live,
    /// What was live at each moment of the stretch: what really happened.
    History,
}

/// A backtest.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The draft's files; none: the pack that is live now.
    pub files: Option<BTreeMap<String, String>>,
    /// The first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
    /// A parameter to be tried with several values.
    pub sweep: Option<Sweep>,
    /// What the draft is compared with.
    pub against: Against,
    /// Examples of each sort of change.
    pub examples: usize,
}

/// A parameter of a rule, and the values to try.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sweep {
    /// The rule's id.
    pub rule: String,
    /// The parameter's name.
    pub name: String,
    /// The values, ascending.
    pub values: Vec<f64>,
}

impl Sweep {
    /// Reads `RULE.NAME=FIRST:LAST:STEP`, such as `tilt.threshold=8:16:2`, or `RULE.NAME=8,10,16`.
    ///
    /// # Errors
    /// A sentence that says what is taken.
    pub fn parse(text: &str) -> Result<Sweep, String> {
        let usage = || format!("`{text}` is no sweep: write RULE.NAME=FIRST:LAST:STEP, such as tilt.threshold=8:16:2");
        let (target, range) = text.split_once('=').ok_or_else(usage)?;
        let (rule, name) = target.rsplit_once('.').ok_or_else(usage)?;
        let numbers = |separator: char| -> Result<Vec<f64>, _> {
            range.split(separator).map(|part| part.trim().parse::<f64>()).collect()
        };
        let values: Vec<f64> = if range.contains(':') {
            let parts = numbers(':').map_err(|_| usage())?;
            let [first, last, step] = parts[..] else { return Err(usage()) };
            if !(first.is_finite() && last.is_finite() && step > 0.0 && last >= first) {
                return Err(format!("`{text}`: the last value is not before the first, and the step is above 0"));
            }
            let count = ((last - first) / step + 1e-9).floor();
            if count >= MAX_VALUES as f64 {
                return Err(format!("`{text}`: more than {MAX_VALUES} values, take a larger step"));
            }
            // Each from the first, so that no error of a step adds up.
            (0..=count as u32).map(|place| first + f64::from(place) * step).collect()
        } else {
            numbers(',').map_err(|_| usage())?
        };
        if values.len() > MAX_VALUES {
            return Err(format!("`{text}`: more than {MAX_VALUES} values, leave some out"));
        }
        if rule.is_empty() || name.is_empty() || values.is_empty() || values.iter().any(|v| !v.is_finite()) {
            return Err(usage());
        }
        Ok(Sweep { rule: rule.to_owned(), name: name.to_owned(), values })
    }

    /// A draft for each value.
    pub(super) fn drafts(&self, files: &BTreeMap<String, String>) -> Vec<Draft> {
        let draft = |value: &f64| Draft {
            name: format!("{}.{}={value}", self.rule, self.name),
            files: files.clone(),
            parameters: vec![(self.rule.clone(), self.name.clone(), Value::Number(*value))],
        };
        self.values.iter().map(draft).collect()
    }
}

/// Reads a moment: RFC 3339, epoch milliseconds, a date (`2026-11-27`, the city's midnight), `now`, `today`,
/// `yesterday`, or how long ago (`90m`, `36h`, `7d`).
///
/// # Errors
/// A sentence that says what is taken.
pub fn moment(text: &str, zone: Tz, now: Timestamp) -> Result<Timestamp, String> {
    let text = text.trim();
    let today =
        || DateTime::from_timestamp_millis(now.as_millis()).unwrap_or_default().with_timezone(&zone).date_naive();
    match text {
        "now" => return Ok(now),
        "today" => return Ok(days::midnight(today(), zone)),
        "yesterday" => return Ok(days::midnight(today().pred_opt().unwrap_or_default(), zone)),
        _ => {}
    }
    if let Ok(date) = text.parse::<NaiveDate>() {
        return Ok(days::midnight(date, zone));
    }
    for (unit, ms) in [('m', MINUTE_MS), ('h', HOUR_MS), ('d', DAY_MS)] {
        if let Some(Ok(count)) = text.strip_suffix(unit).map(str::parse::<u32>) {
            return Ok(now.plus_ms(-i64::from(count) * ms));
        }
    }
    time_text::from_text(text).map_err(|_| {
        format!(
            "`{text}` is no time: write 2026-11-27, 2026-11-27T08:00:00+08:00, yesterday, now, or 7d for seven days ago"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sweeps_are_read() {
        let values = |text: &str| Sweep::parse(text).map(|sweep| sweep.values);
        assert_eq!(values("tilt.threshold=8:16:2"), Ok(vec![8.0, 10.0, 12.0, 14.0, 16.0]));
        assert_eq!(values("a.b.c=0.1:0.3:0.1").map(|values| values.len()), Ok(3));
        assert_eq!(
            Sweep::parse("a.b.c=1,5").unwrap(),
            Sweep { rule: "a.b".into(), name: "c".into(), values: vec![1.0, 5.0] }
        );
        for bad in
            ["", "tilt", "tilt=1:2:1", "tilt.x=", "tilt.x=2:1:1", "tilt.x=1:2:0", "tilt.x=1:100:1", "t.x=a", ".x=1"]
        {
            assert!(values(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn moments_are_read_in_the_citys_time() {
        let zone = chrono_tz::Asia::Shanghai;
        // 2026-06-21 10:00 in China.
        let now = Timestamp(1_782_007_200_000);
        let at = |text: &str| moment(text, zone, now).map(|time| now.since_ms(time) / HOUR_MS);
        assert_eq!(at("now"), Ok(0));
        assert_eq!(at("today"), Ok(10));
        assert_eq!(at("yesterday"), Ok(34));
        assert_eq!(at("2026-06-20"), Ok(34));
        assert_eq!(at("7d"), Ok(168));
        assert_eq!(at("2026-06-21T00:00:00Z"), Ok(2));
        assert_eq!(at("1782007200000"), Ok(0));
        assert!(at("soon").is_err());
    }
}
