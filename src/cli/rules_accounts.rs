//! `gengfu rules accounts`: what each rule costs and brings, as a table.

use gengfu_ingest::{Clock, SystemClock};
use serde_json::Value;

use super::{ConfigArgument, Failure, city_zone, give, leave, reach};
use crate::local::{Question, Reply};
use crate::trial::ask::moment;

/// What each rule costs and brings.
#[derive(clap::Args)]
pub(super) struct Accounts {
    /// Incidents and cases that opened from then on: 2026-11-27, yesterday, 7d.
    #[arg(long, default_value = "30d")]
    from: String,
    /// And before then.
    #[arg(long, default_value = "now")]
    to: String,
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArgument,
}

/// A column: its head and what stands in it.
type Column = (&'static str, fn(&Value) -> String);

const COLUMNS: [Column; 12] = [
    ("rule", |row| text(&row["rule"])),
    ("kind", |row| text(&row["kind"])),
    ("evaluations", |row| text(&row["evaluations"])),
    ("faults", |row| text(&row["faults"])),
    ("ops/eval", |row| ratio(&row["operations"], &row["evaluations"], 1.0)),
    ("cpu ms", |row| row["cpu_ms"].as_f64().map_or_else(|| "-".to_owned(), |ms| format!("{ms:.1}"))),
    ("ns/eval", |row| ratio(&row["cpu_ms"], &row["evaluations"], 1e6)),
    ("state", |row| row["state_bytes"].as_u64().map_or_else(|| "-".to_owned(), size)),
    ("incidents", |row| text(&row["incidents"])),
    ("cases", |row| text(&row["cases"])),
    ("duty min", |row| row["duty_minutes"].as_f64().map_or_else(|| "-".to_owned(), |min| format!("{min:.0}"))),
    ("false", |row| {
        let share = row["false_share"].as_f64().map(|share| format!("{:.0} % of {}", share * 100.0, row["judged"]));
        share.unwrap_or_else(|| "-".to_owned())
    }),
];

impl Accounts {
    /// Runs the command.
    ///
    /// # Errors
    /// Why the gateway cannot be asked.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let config = self.config.load()?;
        let zone = city_zone(&config)?;
        let at = |text: &str| moment(text, zone, SystemClock.now()).map_err(Failure::Usage);
        let question = Question::Accounts { from: at(&self.from)?, to: at(&self.to)? };
        let mut local = reach(&config)?;
        let asked = local.ask(question).map_err(Failure::failed);
        leave(local);
        let found = match asked? {
            Reply::Found(found) => found,
            Reply::Error(error) => return Err(Failure::Failed(error)),
            _ => return Err(Failure::Failed("the gateway gave an answer to something else".to_owned())),
        };
        if self.json {
            give(&found.to_string());
            return Ok(());
        }
        let rows = found["items"].as_array().cloned().unwrap_or_default();
        table(&rows).iter().for_each(|line| give(line));
        Ok(())
    }
}

/// The lines of the table, its head first; the first two columns to the left, figures to the right.
fn table(rows: &[Value]) -> Vec<String> {
    let head = COLUMNS.map(|(name, _)| name.to_owned());
    let cells: Vec<[String; 12]> =
        std::iter::once(head).chain(rows.iter().map(|row| COLUMNS.map(|(_, cell)| cell(row)))).collect();
    let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..COLUMNS.len()).map(width).collect();
    let line = |row: &[String; 12]| {
        let padded = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if column < 2 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    cells.iter().map(line).collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn ratio(part: &Value, whole: &Value, times: f64) -> String {
    match (part.as_f64(), whole.as_f64()) {
        (Some(part), Some(whole)) if whole > 0.0 => format!("{:.0}", part * times / whole),
        _ => "-".to_owned(),
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{} KB", bytes / 1_000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_stand_under_their_heads_and_what_is_not_known_is_a_dash() {
        let rows = [
            serde_json::json!({
                "rule": "manhole-tilt", "kind": "manhole", "evaluations": 2000, "faults": 0, "operations": 14000,
                "cpu_ms": 1.5, "state_bytes": 64_000, "incidents": 7, "cases": 3, "duty_minutes": 42.4,
                "judged": 4, "false_share": 0.25,
            }),
            serde_json::json!({ "rule": "gone", "kind": null, "evaluations": 0, "incidents": 1, "cases": 1 }),
        ];
        let lines = table(&rows);
        assert!(lines[0].starts_with("rule          kind     evaluations"), "{}", lines[0]);
        assert!(lines[1].ends_with("64 KB          7      3        42  25 % of 4"), "{}", lines[1]);
        assert!(lines[1].contains("  7     1.5      750  "), "{}", lines[1]);
        assert!(lines[2].starts_with("gone          -                  0       -"), "{}", lines[2]);
        assert_eq!((size(9_999), size(10_000), size(12_000_000)), ("9999 B".into(), "10 KB".into(), "12 MB".into()));
    }
}
