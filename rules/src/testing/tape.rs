//! The tape of a test: what was fed and what came of it, shown when the test fails.

use chrono::TimeZone;
use gengfu_model::{Case, Incident, IncidentState, Timestamp, Value};

/// The most lines that are kept: the newest.
const MAX_LINES: usize = 200;

/// What happened, oldest first.
#[derive(Debug, Default)]
pub(super) struct Tape {
    lines: std::collections::VecDeque<String>,
    dropped: usize,
}

impl Tape {
    pub(super) fn note(&mut self, time: Timestamp, device: &str, what: &str) {
        if self.lines.len() == MAX_LINES {
            self.lines.pop_front();
            self.dropped += 1;
        }
        self.lines.push_back(format!("{}  {device:<14} {what}", clock(time)));
    }

    /// An incident stands like this now.
    pub(super) fn incident(&mut self, before: Option<&Incident>, now: &Incident) {
        let was_open = before.is_some_and(|before| before.state == IncidentState::Open);
        let what = match (before, now.state) {
            (None, IncidentState::Open) => "RAISED",
            (Some(_), IncidentState::Open) if !was_open => "RAISED AGAIN",
            (_, IncidentState::Cleared) if was_open || before.is_none() => "CLEARED",
            (Some(before), IncidentState::Open) if before.severity != now.severity => "CHANGED",
            _ => return,
        };
        let value = now.value.map(|value| format!(" value {value}")).unwrap_or_default();
        let late = if now.late { " late" } else { "" };
        let text = format!("{what} {} {} {}{value}{late}", now.key, now.severity.name(), now.condition);
        self.note(now.updated, now.device.as_str(), &text);
    }

    /// A case stands like this now.
    pub(super) fn case(&mut self, before: Option<&Case>, now: &Case) {
        if before.is_none() {
            let row = if now.standard.is_empty() { "no row of the city's table" } else { &now.standard };
            self.note(now.opened, &now.asset, &format!("CASE {row} {} for {}", now.class_name, now.condition));
        }
    }

    /// The lines, oldest first.
    pub(super) fn lines(&self) -> Vec<String> {
        let dropped = (self.dropped > 0).then(|| format!("({} earlier lines)", self.dropped));
        dropped.into_iter().chain(self.lines.iter().cloned()).collect()
    }
}

/// A moment as a clock on the wall of the city shows it.
pub(super) fn clock(time: Timestamp) -> String {
    let utc = chrono::DateTime::from_timestamp_millis(time.as_millis()).unwrap_or_default();
    utc.with_timezone(&chrono_tz::Asia::Shanghai).format("%m-%d %H:%M:%S").to_string()
}

/// The moment that a clock in the city shows: `2026-06-21 23:10`, with seconds if need be.
///
/// # Errors
/// A text that is no such time, or one that the clock skipped.
pub fn moment(text: &str) -> Result<Timestamp, String> {
    let forms = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"];
    let parsed = forms.iter().find_map(|form| chrono::NaiveDateTime::parse_from_str(text.trim(), form).ok());
    let local = parsed.ok_or_else(|| format!("`{text}` is no time: write 2026-06-21 23:10"))?;
    let time = chrono_tz::Asia::Shanghai.from_local_datetime(&local).earliest();
    time.map(|time| Timestamp(time.timestamp_millis())).ok_or_else(|| format!("`{text}` does not exist"))
}

/// A value as people write it.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Bool(v) => v.to_string(),
        Value::Number(v) => v.to_string(),
        Value::Text(v) => v.to_string(),
    }
}
