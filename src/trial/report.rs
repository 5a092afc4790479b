//! What came of a trial, as it is kept, given to programs, and told to people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono_tz::Tz;
use gengfu_dashboards::time_text::to_local_text;
use gengfu_model::Timestamp;
use gengfu_rules::trial::difference::Row;
use gengfu_rules::trial::{Change, Counts, Difference, Example, Side, Tally, Trial};
use serde::{Deserialize, Serialize};

use super::ask::{Against, Sweep};

/// What a value of a sweep would have brought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepRow {
    /// The value.
    pub value: f64,
    /// Incidents, beside those of the live rules.
    pub incidents: Tally,
    /// Cases, beside those of the live rules.
    pub cases: Tally,
}

/// What one side cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// The side's name.
    pub side: String,
    /// Evaluations of rules.
    pub evaluations: u64,
    /// Operations of these.
    pub operations: u64,
    /// Evaluations that failed.
    pub faults: u64,
    /// Of the evaluations, those that were made once for this side and the live one, which has the same rule.
    #[serde(default)]
    pub shared: u64,
}

/// How many commands a rule would have sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentCommands {
    /// The live rule.
    pub live: u64,
    /// The draft's.
    pub draft: u64,
}

/// A trial's outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Its name, given by the store.
    #[serde(default)]
    pub id: String,
    /// `backtest` or `shadow`.
    pub sort: String,
    /// Who asked.
    #[serde(default)]
    pub by: String,
    /// When it was asked.
    pub asked: Timestamp,
    /// The draft's version.
    pub draft: String,
    /// The live pack's version at the end.
    pub live: String,
    /// What the draft was compared with.
    pub against: Against,
    /// The first moment compared.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
    /// Where it began, in words.
    pub start: String,
    /// Records that went through, the replay before the stretch included.
    pub counts: Counts,
    /// What staff did live and could not be done for the draft, by action.
    pub skipped: BTreeMap<String, u64>,
    /// Incidents and cases that were too many to be compared.
    pub left_out: u64,
    /// Commands that the draft would have sent to devices.
    pub commands: u64,
    /// Those of its rules, and of the live ones, by rule.
    #[serde(default)]
    pub rule_commands: BTreeMap<String, SentCommands>,
    /// The difference.
    pub difference: Difference,
    /// What was swept.
    pub sweep: Option<Sweep>,
    /// What each value brought.
    pub sweep_rows: Vec<SweepRow>,
    /// What each side cost.
    pub costs: Vec<Cost>,
    /// Time spent judging, of all sides together, in milliseconds; decoding is not in it.
    #[serde(default)]
    pub busy_ms: u64,
    /// How long it took, in milliseconds.
    pub elapsed_ms: u64,
}

/// How a trial was asked for, as the report repeats it.
pub(super) struct Heading {
    pub(super) sort: &'static str,
    pub(super) asked: Timestamp,
    pub(super) against: Against,
    pub(super) start: String,
    pub(super) sweep: Option<Sweep>,
    pub(super) examples: usize,
    /// Nanoseconds spent judging.
    pub(super) busy_ns: u64,
    pub(super) elapsed_ms: u64,
}

fn rule_commands(live: &Side, draft: &Side) -> BTreeMap<String, SentCommands> {
    let mut sent: BTreeMap<String, SentCommands> = BTreeMap::new();
    for (rule, count) in live.rule_commands() {
        sent.entry(rule.clone()).or_default().live = *count;
    }
    for (rule, count) in draft.rule_commands() {
        sent.entry(rule.clone()).or_default().draft = *count;
    }
    sent
}

impl Report {
    /// The report of a trial as it stands; the first draft is the one that is told of, the others are the sweep's.
    pub(super) fn of(trial: &Trial, heading: Heading) -> Report {
        let stretch = trial.stretch();
        let Heading { sort, asked, against, start, sweep, examples, busy_ns, elapsed_ms } = heading;
        let sides = || std::iter::once(trial.live()).chain(trial.drafts());
        let costs = sides().zip(trial.rule_counts()).enumerate().map(|(number, (side, rules))| {
            let mut cost = Cost { side: side.name().to_owned(), ..Cost::default() };
            let is_shared = |rule: &str| number > 0 && trial.is_shared(number - 1, rule);
            for counts in rules {
                cost.evaluations += counts.evaluations;
                cost.operations += counts.operations;
                cost.faults += counts.faults;
                cost.shared += if is_shared(&counts.rule) { counts.evaluations } else { 0 };
            }
            cost
        });
        let rows = sweep.iter().flat_map(|sweep| sweep.values.iter().enumerate()).map(|(place, value)| {
            let Difference { incidents, cases, .. } = trial.difference(place + 1, 0);
            SweepRow { value: *value, incidents, cases }
        });
        let draft = &trial.drafts()[0];
        let version = trial.draft_ruling(0).map(|ruling| ruling.pack().version().to_string());
        Report {
            id: String::new(),
            sort: sort.to_owned(),
            by: String::new(),
            asked,
            draft: version.unwrap_or_default(),
            live: trial.engine().pack().version().to_string(),
            against,
            from: stretch.from,
            to: stretch.to,
            start,
            counts: trial.counts(),
            skipped: draft.skipped().iter().map(|(action, count)| ((*action).to_owned(), *count)).collect(),
            left_out: sides().map(Side::left_out).sum(),
            commands: draft.commands(),
            rule_commands: rule_commands(trial.live(), draft),
            difference: trial.difference(0, examples),
            sweep_rows: rows.collect(),
            costs: costs.collect(),
            busy_ms: busy_ns / 1_000_000,
            sweep,
            elapsed_ms,
        }
    }

    /// Messages that went through in a second.
    #[must_use]
    pub fn messages_per_s(&self) -> u64 {
        self.counts.messages * 1_000 / self.elapsed_ms.max(1)
    }

    /// One line: what the draft changes.
    #[must_use]
    pub fn summary(&self) -> String {
        format!("incidents {}; cases {}", in_words(&self.difference.incidents), in_words(&self.difference.cases))
    }

    /// For people, some lines; times are those of the city.
    #[must_use]
    pub fn text(&self, zone: Tz) -> String {
        let mut text = String::new();
        // Writing to a text cannot fail.
        self.write(&mut text, zone).ok();
        text
    }

    fn write(&self, text: &mut String, zone: Tz) -> std::fmt::Result {
        let Difference { incidents, cases, rules, devices, districts, shifts, examples } = &self.difference;
        let against = match self.against {
            Against::Live => "the live pack",
            Against::History => "what happened",
        };
        writeln!(text, "{} {} of pack {}, against {against} ({})", self.sort, self.id, self.draft, self.live)?;
        let [from, to] = [self.from, self.to].map(|time| to_local_text(time, zone));
        writeln!(text, "  from {from} to {to}, begun with {}", self.start)?;
        let Counts { records, messages, generated } = self.counts;
        writeln!(
            text,
            "  {messages} messages of {records} records in {:.1} s ({} a second)",
            self.elapsed_ms as f64 / 1e3,
            self.messages_per_s()
        )?;
        if generated > 0 {
            writeln!(text, "  NOTE: {generated} of the messages are generated, not received")?;
        }
        for (action, count) in &self.skipped {
            writeln!(text, "  skipped: {count} x `{action}`: the draft had nothing open that it could be about")?;
        }
        if self.left_out > 0 {
            writeln!(text, "  NOTE: {} incidents and cases were too many to be compared", self.left_out)?;
        }
        if self.commands > 0 {
            writeln!(text, "  {} commands would have gone to devices", self.commands)?;
        }
        for (rule, SentCommands { live, draft }) in &self.rule_commands {
            writeln!(text, "  commands of rule {rule}: {draft}, the live rule's: {live}; none was sent from here")?;
        }
        writeln!(text, "incidents: {}", in_words(incidents))?;
        writeln!(text, "cases:     {}", in_words(cases))?;
        for (title, rows) in [("rule", rules), ("district", districts), ("shift", shifts), ("device", devices)] {
            write_table(text, title, rows)?;
        }
        if !self.sweep_rows.is_empty() {
            let name = self.sweep.as_ref().map(|sweep| format!("{}.{}", sweep.rule, sweep.name)).unwrap_or_default();
            writeln!(text, "sweep of {name}:")?;
            for row in &self.sweep_rows {
                let (i, c) = (&row.incidents, &row.cases);
                writeln!(
                    text,
                    "  {:>10}  {:>6} incidents (+{} -{})  {:>6} cases (+{} -{})",
                    row.value, i.draft, i.added, i.removed, c.draft, c.added, c.removed
                )?;
            }
        }
        for example in examples {
            write_example(text, example, zone)?;
        }
        for (place, cost) in self.costs.iter().enumerate() {
            write!(text, "cost of {}: {} evaluations", cost.side, cost.evaluations)?;
            // The live side comes first, and shares with nobody but those after it.
            if place > 0 {
                write!(text, " ({} of them made once with the live side)", cost.shared)?;
            }
            writeln!(text, ", {} operations, {} failed", cost.operations, cost.faults)?;
        }
        writeln!(text, "judging of all sides took {} ms", self.busy_ms)?;
        Ok(())
    }
}

fn in_words(tally: &Tally) -> String {
    let Tally { live, draft, same, added, removed, moved, severity } = tally;
    format!(
        "live {live}, draft {draft}: {same} same, {added} added, {removed} removed, {moved} moved, {severity} of another severity"
    )
}

fn write_table(text: &mut String, title: &str, rows: &[Row]) -> std::fmt::Result {
    const SHOWN: usize = 10;
    let changed: Vec<_> = rows.iter().filter(|row| row.incidents.changes() > 0).collect();
    if changed.is_empty() {
        return Ok(());
    }
    writeln!(text, "by {title}:")?;
    for row in changed.iter().take(SHOWN) {
        let Tally { live, draft, added, removed, moved, severity, .. } = row.incidents;
        writeln!(
            text,
            "  {:<28} {live:>6} -> {draft:<6} +{added} -{removed} moved {moved} severity {severity}",
            row.name
        )?;
    }
    if changed.len() > SHOWN {
        writeln!(text, "  and {} more, see --json", changed.len() - SHOWN)?;
    }
    Ok(())
}

fn write_example(text: &mut String, example: &Example, zone: Tz) -> std::fmt::Result {
    let word = match example.change {
        Change::Added => "added",
        Change::Removed => "removed",
        Change::Severity => "severity",
        Change::Moved => "moved",
    };
    let side = |opened: Option<Timestamp>, severity: Option<gengfu_model::Severity>| match (opened, severity) {
        (Some(opened), Some(severity)) => format!("{} at {}", severity.name(), to_local_text(opened, zone)),
        _ => "none".to_owned(),
    };
    let live = side(example.live_opened, example.live_severity);
    let draft = side(example.draft_opened, example.draft_severity);
    writeln!(
        text,
        "{word}: {}.{} on {} ({}): live {live}, draft {draft}",
        example.rule, example.key, example.asset, example.device
    )?;
    if !example.text_en.is_empty() {
        writeln!(text, "  {} / {}", example.text_zh, example.text_en)?;
    }
    if let Some(evidence) = &example.evidence {
        writeln!(text, "  {}:{}: {}", evidence.file, evidence.line, evidence.source.trim())?;
        for step in evidence.steps.iter().take(8) {
            writeln!(text, "    {} = {}", step.text, step.value)?;
        }
    }
    Ok(())
}
