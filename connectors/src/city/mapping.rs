//! Field mapping as data: our field to the platform's path, with code tables.
//!
//! A line says where a value comes from (a path in our case body, such as `case.class`), where it goes (a path in
//! theirs, such as `data.caseType`), through which code table, and what stands there if we have none. Paths are
//! words with full stops between; a step into an array is its index.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The deepest path, in steps.
const MAX_DEPTH: usize = 8;
/// The most lines of a mapping, and of a code table.
const MAX_LINES: usize = 500;

/// Where values come from and go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldLine {
    /// A path in our body; empty: the constant `default`.
    #[serde(default)]
    pub from: String,
    /// A path in theirs.
    pub to: String,
    /// The code table that the value goes through; a value that is not in it stays.
    #[serde(default)]
    pub codes: String,
    /// What stands there if our body has no value.
    #[serde(default)]
    pub default: Option<String>,
    /// How a moment is written: `rfc3339` (the usual), `ms`, `s`, or a pattern such as `%Y-%m-%d %H:%M:%S` in the
    /// city's time zone.
    #[serde(default)]
    pub time: String,
}

/// A code table: ours to theirs.
pub type Codes = BTreeMap<String, String>;

/// A checked mapping.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapping {
    lines: Vec<FieldLine>,
    codes: BTreeMap<String, Codes>,
    zone: chrono_tz::Tz,
}

/// What is wrong with a mapping.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("field `{line}`: {message}")]
pub struct MappingError {
    line: String,
    message: String,
}

impl MappingError {
    fn new(line: &str, message: impl Into<String>) -> MappingError {
        MappingError { line: line.to_owned(), message: message.into() }
    }
}

impl Mapping {
    /// Checks the lines.
    ///
    /// # Errors
    /// The first line that cannot be used.
    pub fn new(
        lines: Vec<FieldLine>,
        codes: BTreeMap<String, Codes>,
        time_zone: &str,
    ) -> Result<Mapping, MappingError> {
        let zone = time_zone.parse().map_err(|_| MappingError::new("time_zone", format!("no zone `{time_zone}`")))?;
        if lines.len() > MAX_LINES || codes.values().any(|table| table.len() > MAX_LINES) {
            return Err(MappingError::new("", format!("a mapping and a code table have at most {MAX_LINES} lines")));
        }
        for (index, line) in lines.iter().enumerate() {
            check_path(&line.to).map_err(|message| MappingError::new(&line.to, message))?;
            if !line.from.is_empty() {
                check_path(&line.from).map_err(|message| MappingError::new(&line.to, message))?;
            } else if line.default.is_none() {
                return Err(MappingError::new(&line.to, "it has neither `from` nor `default`"));
            }
            if !line.codes.is_empty() && !codes.contains_key(&line.codes) {
                return Err(MappingError::new(&line.to, format!("there is no code table `{}`", line.codes)));
            }
            let inside = |a: &str, b: &str| a == b || a.starts_with(&format!("{b}."));
            let clash = lines[..index].iter().find(|other| inside(&line.to, &other.to) || inside(&other.to, &line.to));
            if let Some(clash) = clash {
                return Err(MappingError::new(&line.to, format!("`{}` takes the same place", clash.to)));
            }
        }
        Ok(Mapping { lines, codes, zone })
    }

    /// Their body from ours.
    #[must_use]
    pub fn apply(&self, ours: &Value) -> Value {
        let mut theirs = Value::Object(Map::new());
        for line in &self.lines {
            let found = if line.from.is_empty() { None } else { at(ours, &line.from) };
            let value = match found.filter(|value| !value.is_null()) {
                Some(value) => self.convert(line, value),
                None => match &line.default {
                    Some(default) => Value::from(default.as_str()),
                    None => continue,
                },
            };
            put(&mut theirs, &line.to, value);
        }
        theirs
    }

    fn convert(&self, line: &FieldLine, value: &Value) -> Value {
        if let (false, Some(ms)) = (line.time.is_empty(), value.as_i64()) {
            return self.moment(&line.time, ms);
        }
        let Some(table) = self.codes.get(&line.codes) else { return value.clone() };
        let word = match value {
            Value::String(word) => word.clone(),
            other => other.to_string(),
        };
        table.get(&word).map_or_else(|| value.clone(), |code| Value::from(code.as_str()))
    }

    fn moment(&self, form: &str, ms: i64) -> Value {
        let time = chrono::DateTime::from_timestamp_millis(ms).unwrap_or_default().with_timezone(&self.zone);
        match form {
            "ms" => Value::from(ms),
            "s" => Value::from(ms.div_euclid(1_000)),
            "rfc3339" => Value::from(time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)),
            pattern => {
                use std::fmt::Write as _;
                let mut text = String::new();
                // A pattern that chrono does not know gives an error here instead of a panic.
                match write!(text, "{}", time.format(pattern)) {
                    Ok(()) => Value::from(text),
                    Err(_) => Value::from(ms),
                }
            }
        }
    }
}

fn check_path(path: &str) -> Result<(), String> {
    let steps: Vec<&str> = path.split('.').collect();
    let good = steps.len() <= MAX_DEPTH && steps.iter().all(|step| !step.is_empty() && step.len() <= 64);
    if good { Ok(()) } else { Err(format!("`{path}` is no path of 1 to {MAX_DEPTH} words with full stops between")) }
}

/// The value at a path.
#[must_use]
pub fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, step| match value {
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        other => other.get(step),
    })
}

/// Puts a value at a path of words, making what is missing.
fn put(target: &mut Value, path: &str, value: Value) {
    let mut place = target;
    for step in path.split('.') {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        let Value::Object(map) = place else { return };
        place = map.entry(step).or_insert(Value::Null);
    }
    *place = value;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(from: &str, to: &str) -> FieldLine {
        FieldLine { from: from.into(), to: to.into(), codes: String::new(), default: None, time: String::new() }
    }

    #[test]
    fn values_go_where_the_lines_say() {
        let codes = BTreeMap::from([("level".to_owned(), Codes::from([("critical".to_owned(), "1".to_owned())]))]);
        let lines = vec![
            line("case.number", "data.caseNo"),
            FieldLine { codes: "level".into(), ..line("case.severity", "data.level") },
            FieldLine { time: "%Y-%m-%d %H:%M:%S".into(), ..line("case.deadline.due", "data.limit") },
            line("evidence.0.device", "data.proof.device"),
            FieldLine { default: Some("IOT".into()), ..line("", "source") },
            FieldLine { default: Some("none".into()), ..line("case.nothing", "data.extra") },
            line("case.latitude", "data.lat"),
        ];
        let mapping = Mapping::new(lines, codes, "Asia/Shanghai").unwrap();
        let ours = json!({
            "case": { "number": "YC1", "severity": "critical", "latitude": 35.02,
                      "deadline": { "due": 1_783_900_800_000_i64 } },
            "evidence": [{ "device": "c1" }],
        });
        let expected = json!({
            "source": "IOT",
            "data": { "caseNo": "YC1", "level": "1", "limit": "2026-07-13 08:00:00", "proof": { "device": "c1" },
                      "extra": "none", "lat": 35.02 },
        });
        assert_eq!(mapping.apply(&ours), expected);
    }

    #[test]
    fn lines_that_cannot_work_are_named() {
        let fails = |lines: Vec<FieldLine>| Mapping::new(lines, BTreeMap::new(), "Asia/Shanghai").unwrap_err();
        assert!(fails(vec![line("", "x")]).to_string().contains("neither"));
        assert!(fails(vec![line("a", "x"), line("b", "x.y")]).to_string().contains("same place"));
        assert!(fails(vec![line("a..b", "x")]).to_string().contains("no path"));
        assert!(fails(vec![FieldLine { codes: "t".into(), ..line("a", "x") }]).to_string().contains("code table"));
    }

    #[test]
    fn a_pattern_that_chrono_does_not_know_is_no_panic() {
        let lines = vec![FieldLine { time: "%Q".into(), ..line("t", "t") }];
        let mapping = Mapping::new(lines, BTreeMap::new(), "Asia/Shanghai").unwrap();
        assert_eq!(mapping.apply(&json!({ "t": 5 })), json!({ "t": 5 }));
    }
}
