//! Table tests beside a rule: `RULE.test.toml`, or `RULE.WHAT.test.toml`, rows of time, fields and what
//! must be open then.
//!
//! ```toml
//! [[test]]
//! name = "a truck passing is ignored"
//! device = { baseline_tilt_deg = 1.5 }
//! set = { hold = "20s" }
//! rows = """
//! at  | tilt_deg | open
//! 0s  | 14       | -
//! 20s |          | tilt:major
//! 30s | 0.5      | -
//! """
//! ```
//! `at` is a time since the start (`90s`, `1h 30min`) or a moment (`2026-06-24 10:00:05`). A row with a
//! value is a message; an empty cell is a field that the message does not carry; `faulty` and
//! `warming_up` are what a sensor says of itself; a column `ago` says how long ago it was measured.
//! `open` names exactly what is open after the row, `-` nothing; with `..` more may be open, `!key` must
//! not; an empty cell asks nothing. With several
//! `devices`, a column `device` names whose row it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_cases::Profile;
use gengfu_model::{FieldType, Kind, Quality, Timestamp, Value};
use serde::Deserialize;
use toml::Spanned;

use super::bench::{Bench, Fed};
use super::coverage::Coverage;
use super::tape::{moment, plain};
use super::{TestFailure, TestResult};
use crate::lower::UNITS;
use crate::script::parse;
use crate::script::tree::ExprKind;

/// How the name of a table of tests ends.
pub const SUFFIX: &str = ".test.toml";
/// The most rows of one test.
const MAX_ROWS: usize = 20_000;
/// More may be open than a cell names.
const OTHERS: &str = "..";
/// What a head may name beside fields.
const COLUMNS: [&str; 4] = ["at", "open", "ago", "device"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tables {
    #[serde(default)]
    test: Vec<Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    name: Spanned<String>,
    /// What was known of where it came from, for people.
    #[serde(default)]
    #[expect(dead_code, reason = "for people who read the file")]
    about: String,
    clock: Option<String>,
    #[serde(default)]
    device: BTreeMap<String, toml::Value>,
    #[serde(default)]
    devices: BTreeMap<String, BTreeMap<String, toml::Value>>,
    #[serde(default)]
    set: BTreeMap<String, toml::Value>,
    rows: Spanned<String>,
}

/// The tables of a rule file: its stem before the first dot is the rule's.
pub(super) fn of<'a>(files: &'a BTreeMap<String, String>, rule: &str) -> Vec<(&'a str, &'a str)> {
    let of_rule = files.iter().filter(|(name, _)| rule_of(name).is_some_and(|stem| format!("{stem}.rhai") == rule));
    of_rule.map(|(name, text)| (name.as_str(), text.as_str())).collect()
}

/// Tables whose rule is not in the pack: each is a failed test, or a renamed rule would lose its tests.
pub(super) fn orphans(files: &BTreeMap<String, String>) -> impl Iterator<Item = TestResult> {
    let without = files.keys().filter_map(|name| Some((name, rule_of(name)?)));
    without.filter(|(_, stem)| !files.contains_key(&format!("{stem}.rhai"))).map(|(name, stem)| TestResult {
        file: name.clone(),
        rule: format!("{stem}.rhai"),
        name: "its rule".to_owned(),
        line: 1,
        failure: Some(failure(1, 1, format!("there is no rule file `{stem}.rhai` in the pack"), String::new())),
    })
}

fn rule_of(name: &str) -> Option<String> {
    let (folder, file) = name.rsplit_once('/').map_or(("", name), |(folder, file)| (folder, file));
    let stem = file.strip_suffix(SUFFIX)?.split('.').next()?;
    Some(if folder.is_empty() { stem.to_owned() } else { format!("{folder}/{stem}") })
}

/// Runs the tests of one file: name, line, and why it failed.
pub(super) fn run(
    profile: &Arc<Profile>,
    rule: &str,
    text: &str,
    pack: &BTreeMap<String, String>,
    coverage: Option<&Arc<Coverage>>,
    wanted: &dyn Fn(&str) -> bool,
) -> Vec<(String, u32, Option<TestFailure>)> {
    let tables: Tables = match toml::from_str(text) {
        Ok(tables) => tables,
        Err(error) => {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            let failed = failure(line, 1, error.message().to_owned(), source(text, line));
            return vec![("the file".to_owned(), line, Some(failed))];
        }
    };
    let kind = pack.values().next().and_then(|rule| kind_of(rule));
    let mut results = Vec::new();
    for table in tables.test.iter().filter(|table| wanted(table.name.get_ref())) {
        let line = line_of(text, table.name.span().start);
        let mut play = Play { table, text, kind, bench: None, numbers: BTreeMap::new() };
        let failed = play.run(profile, rule, pack, coverage).err().map(|mut failed| {
            failed.tape = play.bench.as_ref().map(|bench| bench.tape.lines()).unwrap_or_default();
            failed
        });
        results.push((table.name.get_ref().clone(), line, failed));
    }
    results
}

struct Play<'a> {
    table: &'a Table,
    text: &'a str,
    kind: Option<Kind>,
    bench: Option<Bench>,
    /// The devices' numbers by name.
    numbers: BTreeMap<String, usize>,
}

impl Play<'_> {
    fn run(
        &mut self,
        profile: &Arc<Profile>,
        rule: &str,
        pack: &BTreeMap<String, String>,
        coverage: Option<&Arc<Coverage>>,
    ) -> Result<(), TestFailure> {
        let head_line = line_of(self.text, self.table.name.span().start);
        let at_head = |message: String| failure(head_line, 1, message, source(self.text, head_line));
        let start = moment(self.table.clock.as_deref().unwrap_or(super::script::START)).map_err(at_head)?;
        let mut bench = Bench::start(profile, rule, pack, start, coverage).map_err(at_head)?;
        let kind = self.kind.ok_or_else(|| at_head("the rule has no kind".to_owned()))?;
        let mut devices = self.table.devices.clone();
        if devices.is_empty() {
            devices.insert(String::new(), self.table.device.clone());
        }
        for (name, says) in devices {
            let says = says.iter().map(|(key, value)| Ok((key.clone(), plain_value(value)?)));
            let says = says.collect::<Result<_, String>>().map_err(at_head)?;
            let number = bench.add_device(kind.name(), &says).map_err(at_head)?;
            self.numbers.insert(name, number);
        }
        for (name, value) in &self.table.set {
            let value = parameter(value).map_err(at_head)?;
            bench.set(name, value, None).map_err(at_head)?;
        }
        let bench = self.bench.insert(bench);
        let rows = Rows::read(self.text, self.table, kind)?;
        for row in rows.rows {
            let failed = |message: String| failure(row.line, row.column, message, source(self.text, row.line));
            step(bench, &self.numbers, kind, start, &row).map_err(failed)?;
            let Some(wanted) = &row.open else { continue };
            let number = number(&self.numbers, &row).map_err(failed)?;
            let found = bench.open_keys(number);
            let mut differ = Vec::new();
            for (key, severity) in wanted.iter().filter(|(key, _)| *key != OTHERS) {
                if let Some(key) = key.strip_prefix('!') {
                    differ.extend(found.get(key).map(|_| format!("unexpected: {key}")));
                    continue;
                }
                match (found.get(key), severity) {
                    (None, _) => differ.push(format!("missing:    {key}")),
                    (Some(found), Some(severity)) if found != severity => {
                        differ.push(format!("severity:   {key} is {found}, expected {severity}"));
                    }
                    _ => {}
                }
            }
            let others = wanted.contains_key(OTHERS);
            let extra = found.iter().filter(|(key, _)| !others && !wanted.contains_key(*key));
            differ.extend(extra.map(|(key, severity)| format!("unexpected: {key}:{severity}")));
            if !differ.is_empty() {
                let is = found.iter().map(|(key, severity)| format!("{key}:{severity}")).collect::<Vec<_>>().join(" ");
                let is = if is.is_empty() { "nothing".to_owned() } else { is };
                let mut failed = failed(format!("after this row {is} is open"));
                failed.values = differ;
                return Err(failed);
            }
        }
        Ok(())
    }
}

fn number(numbers: &BTreeMap<String, usize>, row: &Row) -> Result<usize, String> {
    let found = numbers.get(&row.device).or_else(|| numbers.values().next().filter(|_| numbers.len() == 1));
    found.copied().ok_or_else(|| format!("there is no device `{}` in `devices`", row.device))
}

fn step(
    bench: &mut Bench,
    numbers: &BTreeMap<String, usize>,
    kind: Kind,
    start: Timestamp,
    row: &Row,
) -> Result<(), String> {
    let to = match span(&row.at) {
        Some(ms) => start.plus_ms(ms),
        None => moment(&row.at)?,
    };
    bench.advance(to.since_ms(bench.now()))?;
    if row.cells.is_empty() {
        return Ok(());
    }
    let mut fed = Vec::with_capacity(row.cells.len());
    for (field, cell) in &row.cells {
        let (value, quality) = match cell.as_str() {
            "faulty" => (None, Quality::Faulty),
            "warming_up" => (None, Quality::WarmingUp),
            cell => (Some(cell_value(kind, field, cell)?), Quality::Ok),
        };
        fed.push(Fed { field: field.clone(), value, quality });
    }
    let ago = row.ago.as_ref().map(|ago| span(ago).ok_or_else(|| format!("`{ago}` is no time: write 20min")));
    let event_time = ago.transpose()?.map(|ago| bench.now().plus_ms(-ago));
    bench.feed(number(numbers, row)?, &fed, event_time)
}

/// A table's rows.
struct Rows {
    rows: Vec<Row>,
}

struct Row {
    line: u32,
    column: u32,
    at: String,
    device: String,
    ago: Option<String>,
    cells: Vec<(String, String)>,
    /// Keys with the severity that they must have, if it is said.
    open: Option<BTreeMap<String, Option<String>>>,
}

impl Rows {
    fn read(text: &str, table: &Table, kind: Kind) -> Result<Rows, TestFailure> {
        let span = table.rows.span();
        let opening = text.get(span.clone()).unwrap_or_default();
        let quotes = opening.chars().take_while(|c| *c == '"' || *c == '\'').count().min(3);
        let begins_below = opening.get(quotes..).is_some_and(|rest| rest.starts_with('\n') || rest.starts_with("\r\n"));
        let first = line_of(text, span.start) + u32::from(begins_below);
        let lines = (first..).zip(table.rows.get_ref().lines());
        let mut lines = lines.filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
        let bad = |line: u32, message: String| failure(line, 1, message, source(text, line));
        let Some((line, head)) = lines.next() else { return Err(bad(first, "the table has no rows".to_owned())) };
        let head: Vec<&str> = cells(head);
        for name in &head {
            if !COLUMNS.contains(name) && kind.field(name).is_none() {
                let names = kind.def().fields.iter().map(|field| field.name).chain(COLUMNS);
                let hint = crate::diagnostic::did_you_mean(name, names);
                return Err(bad(line, format!("a {} has no field `{name}`; {hint}", kind.def().en)));
            }
        }
        let mut rows = Vec::new();
        for (line, row) in lines {
            let cells = cells(row);
            if cells.len() != head.len() {
                return Err(bad(line, format!("{} cells under a head of {}", cells.len(), head.len())));
            }
            if rows.len() == MAX_ROWS {
                return Err(bad(line, format!("a table has at most {MAX_ROWS} rows")));
            }
            let mut one = Row {
                line,
                column: 1,
                at: String::new(),
                device: String::new(),
                ago: None,
                cells: Vec::new(),
                open: None,
            };
            for (name, cell) in head.iter().zip(&cells).filter(|(_, cell)| !cell.is_empty()) {
                match *name {
                    "at" => one.at = (*cell).to_owned(),
                    "device" => one.device = (*cell).to_owned(),
                    "ago" => one.ago = Some((*cell).to_owned()),
                    "open" => {
                        one.open = Some(keys(cell));
                        let before = row.find(cell).unwrap_or_default();
                        let before = row.get(..before).map_or(0, |before| before.chars().count());
                        one.column = u32::try_from(before + 1).unwrap_or(1);
                    }
                    field => one.cells.push((field.to_owned(), (*cell).to_owned())),
                }
            }
            rows.push(one);
        }
        Ok(Rows { rows })
    }
}

fn cells(line: &str) -> Vec<&str> {
    let line = line.trim();
    // A table may have a frame; without one, a bar at the end begins an empty cell.
    let inner = line.strip_prefix('|').map_or(line, |framed| framed.strip_suffix('|').unwrap_or(framed));
    inner.split('|').map(str::trim).collect()
}

fn keys(cell: &str) -> BTreeMap<String, Option<String>> {
    let key = |word: &str| match word.split_once(':') {
        Some((key, severity)) => (key.to_owned(), Some(severity.to_owned())),
        None => (word.to_owned(), None),
    };
    cell.split_whitespace().filter(|word| *word != "-").map(key).collect()
}

fn cell_value(kind: Kind, field: &str, cell: &str) -> Result<Value, String> {
    let ty = kind.field(field).and_then(|id| kind.field_def(id)).map_or(FieldType::Bool, |def| def.ty);
    match ty {
        FieldType::Bool => match cell {
            "true" | "1" => Ok(Value::Bool(true)),
            "false" | "0" => Ok(Value::Bool(false)),
            other => Err(format!("`{field}` is true or false, not `{other}`")),
        },
        FieldType::Number { .. } | FieldType::Integer { .. } => {
            cell.parse().map(Value::Number).map_err(|_| format!("`{field}` is a number, not `{cell}`"))
        }
        FieldType::Text { .. } => Ok(Value::Text(Arc::from(cell))),
    }
}

fn plain_value(value: &toml::Value) -> Result<Value, String> {
    match value {
        toml::Value::String(text) => Ok(Value::Text(Arc::from(text.as_str()))),
        toml::Value::Integer(whole) => Ok(Value::Number(*whole as f64)),
        toml::Value::Float(number) => Ok(Value::Number(*number)),
        toml::Value::Boolean(flag) => Ok(Value::Bool(*flag)),
        other => Err(format!("`{other}` is no value: write a text, a number, true or false")),
    }
}

/// A parameter: a number, yes or no, or a length of time as text.
fn parameter(value: &toml::Value) -> Result<Value, String> {
    match plain_value(value)? {
        Value::Text(text) => match span(&text) {
            Some(ms) => Ok(Value::Number(ms as f64 / 1_000.0)),
            None => Err(format!("`{text}` is no time: write 20min")),
        },
        value => Ok(value),
    }
}

/// `90s`, `1h 30min`, `2.5d` in milliseconds.
fn span(text: &str) -> Option<i64> {
    let mut total = 0.0;
    let mut any = false;
    for word in text.split_whitespace() {
        let unit_at = word.find(|c: char| c.is_ascii_alphabetic())?;
        let (amount, unit) = word.split_at(unit_at);
        let (_, ms) = UNITS.iter().find(|(name, _)| *name == unit)?;
        total += amount.parse::<f64>().ok()? * *ms as f64;
        any = true;
    }
    any.then(|| libm::round(total) as i64)
}

fn kind_of(rule: &str) -> Option<Kind> {
    let file = parse(rule).ok()?;
    let constant = file.constants.iter().find(|constant| constant.name == "RULE")?;
    let ExprKind::Map(entries) = &constant.value.kind else { return None };
    let kind = entries.iter().find(|entry| entry.key == "kind")?;
    match &kind.value.kind {
        ExprKind::Text(name) => Kind::from_name(name),
        _ => None,
    }
}

fn line_of(text: &str, at: usize) -> u32 {
    let before = text.get(..at).unwrap_or(text);
    u32::try_from(before.matches('\n').count()).unwrap_or(u32::MAX).saturating_add(1)
}

fn source(text: &str, line: u32) -> String {
    text.lines().nth(line.saturating_sub(1) as usize).unwrap_or_default().trim_end().to_owned()
}

fn failure(line: u32, column: u32, message: String, source_line: String) -> TestFailure {
    TestFailure { line, column, message, source_line, values: Vec::new(), tape: Vec::new() }
}

/// A length of time as [`span`] reads it, in the largest units that are exact.
pub(super) fn span_text(ms: i64) -> String {
    let mut rest = ms;
    let mut words = Vec::new();
    for (unit, length) in UNITS.iter().rev() {
        if rest >= *length {
            words.push(format!("{}{unit}", rest / length));
            rest %= length;
        }
    }
    if words.is_empty() { "0s".to_owned() } else { words.join(" ") }
}

/// A cell of a table for a value.
pub(super) fn cell(value: &Value) -> String {
    plain(value).replace(['|', '\n'], " ")
}
