//! A table test from what happened: an incident, or one that was missed, becomes a regression test.
//!
//! The caller brings what the register, the parameters and the archive said; here it becomes text.

use std::collections::BTreeMap;

use chrono::TimeZone;
use gengfu_model::{Device, Quality, Timestamp, Value};

use super::table::{cell, span_text};
pub use super::tape::moment;
use crate::pack::ParameterInfo;

/// The most readings of a pin: the newest before its end.
pub const MAX_READINGS: usize = 2_000;

/// One reading as the archive has it.
#[derive(Clone, Debug, PartialEq)]
pub struct PinnedReading {
    /// When it was received.
    pub received: Timestamp,
    /// When it was measured.
    pub measured: Timestamp,
    /// Its values by the fields' names.
    pub values: Vec<(String, Value, Quality)>,
}

/// What is pinned.
#[derive(Clone, Debug, PartialEq)]
pub struct Pin {
    /// The test's name.
    pub name: String,
    /// Where it came from, for people.
    pub about: String,
    /// The device's register entry.
    pub device: Device,
    /// The parameters that were set for it, by name.
    pub parameters: Vec<(ParameterInfo, Value)>,
    /// The readings, oldest first.
    pub readings: Vec<PinnedReading>,
    /// What must be open when, oldest first: keys with severities (empty: any), `!key` for one that must
    /// not be; what else is open does not matter. Empty: nothing at all.
    pub expected: Vec<(Timestamp, BTreeMap<String, String>)>,
}

/// A second before the first reading, so that the first row is at a time of its own.
const LEAD_MS: i64 = 1_000;

impl Pin {
    /// The pin as the text of a `.test.toml` file.
    #[must_use]
    pub fn text(&self) -> String {
        let times = self.readings.iter().map(|one| one.received).chain(self.expected.iter().map(|(time, _)| *time));
        let first = times.min().unwrap_or(Timestamp::ZERO);
        let start = Timestamp((first.as_millis() - LEAD_MS).div_euclid(1_000) * 1_000);
        let mut out = String::from(
            "# Made by `gengfu rules pin`: what happened, as a test. Edit the name, keep the rows.\n[[test]]\n",
        );
        out.push_str(&format!("name = {}\n", quoted(&self.name)));
        out.push_str(&format!("about = {}\n", quoted(&self.about)));
        let local = chrono_tz::Asia::Shanghai.timestamp_millis_opt(start.as_millis()).earliest();
        let local = local.map(|time| time.format("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default();
        out.push_str(&format!("clock = \"{local}\"\n"));
        out.push_str(&format!("device = {{ {} }}\n", register(&self.device).join(", ")));
        if !self.parameters.is_empty() {
            let set = self.parameters.iter().map(|(info, value)| format!("{} = {}", info.name, setting(info, value)));
            out.push_str(&format!("set = {{ {} }}\n", set.collect::<Vec<_>>().join(", ")));
        }
        out.push_str("rows = \"\"\"\n");
        out.push_str(&self.rows(start));
        out.push_str("\"\"\"\n");
        out
    }

    fn rows(&self, start: Timestamp) -> String {
        let mut fields: Vec<&str> = Vec::new();
        for (name, _, _) in self.readings.iter().flat_map(|one| &one.values) {
            if !fields.contains(&name.as_str()) {
                fields.push(name);
            }
        }
        fields.sort_unstable();
        let with_ago = self.readings.iter().any(|one| one.measured != one.received);
        let mut head = vec!["at".to_owned()];
        head.extend(with_ago.then(|| "ago".to_owned()));
        head.extend(fields.iter().map(|name| (*name).to_owned()));
        head.push("open".to_owned());
        let mut rows: Vec<(Timestamp, u8, Vec<String>)> = Vec::new();
        let at = |time: Timestamp| span_text(time.since_ms(start));
        for one in &self.readings {
            let mut row = vec![at(one.received)];
            let ago = one.received.since_ms(one.measured);
            row.extend(with_ago.then(|| if ago == 0 { String::new() } else { signed_span(ago) }));
            row.extend(fields.iter().map(|field| {
                let found = one.values.iter().find(|(name, _, _)| name == field);
                found.map_or_else(String::new, |(_, value, quality)| match quality {
                    Quality::Ok => cell(value),
                    Quality::WarmingUp => "warming_up".to_owned(),
                    Quality::Faulty => "faulty".to_owned(),
                })
            }));
            row.push(String::new());
            rows.push((one.received, 0, row));
        }
        for (time, keys) in &self.expected {
            let word = |(key, severity): (&String, &String)| {
                if severity.is_empty() { key.clone() } else { format!("{key}:{severity}") }
            };
            let words = keys.iter().map(word).chain((!keys.is_empty()).then(|| "..".to_owned()));
            let keys = if keys.is_empty() { "-".to_owned() } else { words.collect::<Vec<_>>().join(" ") };
            let mut row = vec![String::new(); head.len()];
            row[0] = at(*time);
            row[head.len() - 1] = keys;
            rows.push((*time, 1, row));
        }
        rows.sort_by_key(|(time, order, _)| (*time, *order));
        aligned(std::iter::once(head).chain(rows.into_iter().map(|(_, _, row)| row)).collect())
    }
}

/// A reading ahead of its receipt is so long ago with a sign.
fn signed_span(ms: i64) -> String {
    if ms < 0 {
        span_text(-ms).split(' ').map(|word| format!("-{word}")).collect::<Vec<_>>().join(" ")
    } else {
        span_text(ms)
    }
}

fn aligned(rows: Vec<Vec<String>>) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|c| c.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    let mut out = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        out.push_str(cells.collect::<Vec<_>>().join(" | ").trim_end());
        out.push('\n');
    }
    out
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn setting(info: &ParameterInfo, value: &Value) -> String {
    match value {
        Value::Number(seconds) if info.is_duration => quoted(&span_text(libm::round(seconds * 1_000.0) as i64)),
        value => toml_value(value),
    }
}

fn toml_value(value: &Value) -> String {
    match value {
        Value::Bool(v) => v.to_string(),
        Value::Number(v) => format!("{v:?}"),
        Value::Text(v) => quoted(v),
    }
}

fn register(device: &Device) -> Vec<String> {
    let texts: [(&str, &str); 11] = [
        ("name", &device.name),
        ("asset_type", &device.asset_type),
        ("model", &device.model),
        ("district", &device.district),
        ("grid", &device.grid),
        ("feeder", &device.feeder),
        ("cabinet", &device.cabinet),
        ("catchment", &device.catchment),
        ("carrier_cell", &device.carrier_cell),
        ("department", &device.department),
        ("asset_code", &device.asset_code),
    ];
    let mut out: Vec<String> = texts
        .iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(name, text)| format!("{name} = {}", quoted(text)))
        .collect();
    let numbers = [("latitude", device.latitude), ("longitude", device.longitude)];
    out.extend(numbers.iter().filter_map(|(name, value)| value.map(|value| format!("{name} = {value:?}"))));
    if device.interval_s > 0 {
        out.push(format!("interval_s = {}", device.interval_s));
    }
    out.extend(device.attributes.iter().map(|(name, value)| format!("{name} = {}", toml_value(value))));
    out
}
