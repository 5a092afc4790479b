//! `gengfu-sim score`: incidents against the ground truth.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::PathBuf;

use super::{Failure, output};
use crate::faults::read_truth;
use crate::score::{Score, read_incidents, score};

/// Arguments of `gengfu-sim score`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What was injected: JSON lines of `gengfu-sim run --truth`.
    #[arg(long, value_name = "FILE")]
    truth: PathBuf,
    /// Incidents as JSON: the answer of GET /api/v1/incidents. May be given again, once for each page.
    #[arg(long, value_name = "FILE", required = true)]
    incidents: Vec<PathBuf>,
    /// Write the score to stdout as JSON instead of a table.
    #[arg(long)]
    json: bool,
}

pub(super) fn execute(args: &Args) -> Result<(), Failure> {
    let named = |path: &PathBuf, error: std::io::Error| Failure::Failed(format!("`{}`: {error}", path.display()));
    let file = File::open(&args.truth).map_err(|error| named(&args.truth, error))?;
    let truths = read_truth(BufReader::new(file)).map_err(Failure::Failed)?;
    let mut incidents = Vec::new();
    for path in &args.incidents {
        let text = fs::read_to_string(path).map_err(|error| named(path, error))?;
        incidents.extend(read_incidents(&text).map_err(Failure::Failed)?);
    }
    let score = score(&truths, &incidents);
    if args.json { output::answer_json(&score) } else { table(&score) }
}

fn table(score: &Score) -> Result<(), Failure> {
    output::answer(&format!(
        "{:<18} {:>8} {:>6} {:>7} {:>9} {:>6} {:>9} {:>8}",
        "fault", "injected", "found", "recall", "incidents", "hits", "precision", "delay"
    ))?;
    let percent = |share: Option<f64>| share.map_or("-".to_owned(), |share| format!("{:.0} %", share * 100.0));
    for line in &score.faults {
        output::answer(&format!(
            "{:<18} {:>8} {:>6} {:>7} {:>9} {:>6} {:>9} {:>8}",
            line.fault,
            line.injected,
            line.found,
            percent(line.recall),
            line.incidents,
            line.hits,
            percent(line.precision),
            line.delay_s.map_or("-".to_owned(), |delay| format!("{delay:.0} s"))
        ))?;
    }
    let unexplained: usize = score.unexplained.values().sum();
    output::answer(&format!("{} incidents, {unexplained} of them belong to no injected fault", score.incidents))?;
    for (condition, count) in &score.unexplained {
        output::answer(&format!("  {condition}: {count}"))?;
    }
    Ok(())
}
