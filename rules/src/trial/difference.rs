//! What a draft would have changed: incidents and cases added, removed, moved in time, or of another severity.
//!
//! An incident of the draft is paired with the live one of the same (rule, asset, key) if the two were open at
//! the same time or opened less than [`NEAR_MS`] apart; cases likewise by (class, asset, condition). What finds
//! no partner was added or removed.

use std::collections::BTreeMap;

use chrono::{DateTime, Timelike};
use chrono_tz::Tz;
use gengfu_model::time::HOUR_MS;
use gengfu_model::{Case, EffectId, Evidence, Incident, Severity, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Side, Stretch};

/// Two that opened less than this apart, in milliseconds, can be the same.
pub const NEAR_MS: i64 = HOUR_MS;
/// The most rows of a table by device, those with the most changes.
pub const MAX_ROWS: usize = 100;

/// What became of one incident or case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The draft alone has it.
    Added,
    /// The live rules alone have it.
    Removed,
    /// Both have it, with another severity.
    Severity,
    /// Both have it, opened at another time.
    Moved,
}

/// How many of what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// The live rules have so many.
    pub live: u64,
    /// The draft has so many.
    pub draft: u64,
    /// Alike in both.
    pub same: u64,
    /// The draft alone has them.
    pub added: u64,
    /// The live rules alone have them.
    pub removed: u64,
    /// Opened at another time.
    pub moved: u64,
    /// Of another severity (and perhaps moved as well).
    pub severity: u64,
}

impl Tally {
    /// How many are not alike.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.added + self.removed + self.moved + self.severity
    }

    fn add(&mut self, change: Option<Change>) {
        self.live += u64::from(change != Some(Change::Added));
        self.draft += u64::from(change != Some(Change::Removed));
        *match change {
            None => &mut self.same,
            Some(Change::Added) => &mut self.added,
            Some(Change::Removed) => &mut self.removed,
            Some(Change::Moved) => &mut self.moved,
            Some(Change::Severity) => &mut self.severity,
        } += 1;
    }
}

/// One line of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Rule, device, district or shift.
    pub name: String,
    /// Its incidents.
    pub incidents: Tally,
}

/// A change to look at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// What changed.
    pub change: Change,
    /// The rule's id.
    pub rule: String,
    /// The key within the rule.
    pub key: String,
    /// The asset.
    pub asset: String,
    /// The device.
    pub device: String,
    /// Its district.
    pub district: String,
    /// When it opened live, in milliseconds of the epoch.
    pub live_opened: Option<Timestamp>,
    /// When it opened for the draft.
    pub draft_opened: Option<Timestamp>,
    /// The worst that it was live.
    pub live_severity: Option<Severity>,
    /// The worst that it was for the draft.
    pub draft_severity: Option<Severity>,
    /// For people, in Chinese.
    pub text_zh: String,
    /// For people, in English.
    pub text_en: String,
    /// What decided, where it is kept: the draft's if it has one, else the live one's.
    pub evidence: Option<Evidence>,
}

/// The difference that a draft makes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Incidents in all.
    pub incidents: Tally,
    /// Cases in all.
    pub cases: Tally,
    /// By rule.
    pub rules: Vec<Row>,
    /// By device, those with the most changes first; only such with a change.
    pub devices: Vec<Row>,
    /// By district.
    pub districts: Vec<Row>,
    /// By shift of eight hours, in city time.
    pub shifts: Vec<Row>,
    /// The first changes of each sort, by time.
    pub examples: Vec<Example>,
}

impl Difference {
    /// The difference between two sides of one trial; at most `examples` of each sort of change are told. Shifts are
    /// those of the city's time `zone`.
    #[must_use]
    pub fn between(live: &Side, draft: &Side, stretch: Stretch, zone: Tz, examples: usize) -> Difference {
        let mut tables = [const { BTreeMap::<String, Tally>::new() }; 4];
        let mut difference = Difference::default();
        let of = |side: &'_ Side| -> Vec<Incident> {
            side.incidents().values().filter(|incident| stretch.contains(incident.opened)).cloned().collect()
        };
        let (live_rows, draft_rows) = (of(live), of(draft));
        let mut changes: Vec<(Timestamp, Change, Option<&Incident>, Option<&Incident>)> = Vec::new();
        for (a, b) in pair(&live_rows, &draft_rows) {
            let change = change_of(a, b);
            difference.incidents.add(change);
            let Some(shown) = b.or(a) else { continue };
            let names = [
                shown.rule.to_string(),
                shown.device.to_string(),
                shown.district.to_string(),
                shift_of(shown.opened, zone).to_owned(),
            ];
            for (table, name) in tables.iter_mut().zip(names) {
                table.entry(name).or_default().add(change);
            }
            if let Some(change) = change {
                changes.push((shown.opened, change, a, b));
            }
        }
        let cases = |side: &Side| -> Vec<Case> {
            side.cases().values().filter(|case| stretch.contains(case.opened)).cloned().collect()
        };
        for (a, b) in pair(&cases(live), &cases(draft)) {
            difference.cases.add(change_of(a, b));
        }
        let [rules, devices, districts, shifts] = tables.map(rows);
        difference.rules = rules;
        difference.districts = districts;
        difference.shifts = shifts;
        difference.devices = devices.into_iter().filter(|row| row.incidents.changes() > 0).collect();
        difference.devices.sort_by_key(|row| std::cmp::Reverse(row.incidents.changes()));
        difference.devices.truncate(MAX_ROWS);
        changes.sort_by_key(|(time, change, a, b)| (*change, *time, a.map(|row| row.id), b.map(|row| row.id)));
        let mut told: BTreeMap<Change, usize> = BTreeMap::new();
        for (_, change, a, b) in changes {
            let count = told.entry(change).or_default();
            *count += 1;
            if *count <= examples {
                difference.examples.push(example(change, a, b, live, draft));
            }
        }
        difference
    }
}

fn rows(table: BTreeMap<String, Tally>) -> Vec<Row> {
    table.into_iter().map(|(name, incidents)| Row { name, incidents }).collect()
}

/// The shift of eight hours that a moment belongs to, in city time.
fn shift_of(time: Timestamp, zone: Tz) -> &'static str {
    let moment = DateTime::from_timestamp_millis(time.as_millis()).unwrap_or_default().with_timezone(&zone);
    match moment.hour() {
        0..8 => "00:00-08:00",
        8..16 => "08:00-16:00",
        _ => "16:00-24:00",
    }
}

fn example(change: Change, a: Option<&Incident>, b: Option<&Incident>, live: &Side, draft: &Side) -> Example {
    let shown = b.or(a).expect("a change has a side");
    let evidence = |side: &Side, row: Option<&Incident>| row.and_then(|row| side.evidence(row.id)).cloned();
    Example {
        change,
        rule: shown.rule.to_string(),
        key: shown.key.to_string(),
        asset: shown.asset.to_string(),
        device: shown.device.to_string(),
        district: shown.district.to_string(),
        live_opened: a.map(|row| row.opened),
        draft_opened: b.map(|row| row.opened),
        live_severity: a.map(|row| row.worst),
        draft_severity: b.map(|row| row.worst),
        text_zh: shown.text_zh.clone(),
        text_en: shown.text_en.clone(),
        evidence: evidence(draft, b).or_else(|| evidence(live, a)),
    }
}

/// What two sides may both have.
trait Comparable {
    fn id(&self) -> EffectId;
    fn about(&self) -> (&str, &str, &str);
    fn opened(&self) -> Timestamp;
    fn ended(&self) -> Option<Timestamp>;
    fn worst(&self) -> Severity;
}

impl Comparable for Incident {
    fn id(&self) -> EffectId {
        self.id
    }
    fn about(&self) -> (&str, &str, &str) {
        (&self.rule, &self.asset, &self.key)
    }
    fn opened(&self) -> Timestamp {
        self.opened
    }
    fn ended(&self) -> Option<Timestamp> {
        self.cleared
    }
    fn worst(&self) -> Severity {
        self.worst
    }
}

impl Comparable for Case {
    fn id(&self) -> EffectId {
        self.id
    }
    fn about(&self) -> (&str, &str, &str) {
        (&self.class, &self.asset, &self.condition)
    }
    fn opened(&self) -> Timestamp {
        self.opened
    }
    fn ended(&self) -> Option<Timestamp> {
        self.closed
    }
    fn worst(&self) -> Severity {
        self.severity
    }
}

fn change_of<T: Comparable>(a: Option<&T>, b: Option<&T>) -> Option<Change> {
    match (a, b) {
        (None, _) => Some(Change::Added),
        (_, None) => Some(Change::Removed),
        (Some(a), Some(b)) if a.worst() != b.worst() => Some(Change::Severity),
        (Some(a), Some(b)) if a.opened() != b.opened() => Some(Change::Moved),
        _ => None,
    }
}

/// What the draft has and the live side has not.
pub(super) fn added(live: &[Incident], draft: &[Incident]) -> Vec<Incident> {
    let pairs = pair(live, draft).into_iter();
    pairs.filter(|(live, _)| live.is_none()).filter_map(|(_, draft)| draft.cloned()).collect()
}

/// Pairs what is the same thing; the order is that of what they are about, then of time.
fn pair<'a, T: Comparable>(live: &'a [T], draft: &'a [T]) -> Vec<(Option<&'a T>, Option<&'a T>)> {
    let mut groups: BTreeMap<(&str, &str, &str), [Vec<&T>; 2]> = BTreeMap::new();
    for (side, rows) in [live, draft].into_iter().enumerate() {
        for row in rows {
            groups.entry(row.about()).or_default()[side].push(row);
        }
    }
    let mut pairs = Vec::with_capacity(live.len().max(draft.len()));
    for [mut a, mut b] in groups.into_values() {
        a.sort_by_key(|row| (row.opened(), row.id()));
        b.sort_by_key(|row| (row.opened(), row.id()));
        let (mut a, mut b) = (a.into_iter().peekable(), b.into_iter().peekable());
        loop {
            pairs.push(match (a.peek(), b.peek()) {
                (None, None) => break,
                (Some(x), Some(y)) if can_be_one(*x, *y) => (a.next(), b.next()),
                (Some(x), Some(y)) if x.opened() > y.opened() => (None, b.next()),
                (Some(_), _) => (a.next(), None),
                (None, Some(_)) => (None, b.next()),
            });
        }
    }
    pairs
}

fn can_be_one<T: Comparable>(a: &T, b: &T) -> bool {
    let (first, second) = if a.opened() <= b.opened() { (a, b) } else { (b, a) };
    second.opened().since_ms(first.opened()) < NEAR_MS || first.ended().is_none_or(|ended| second.opened() < ended)
}
