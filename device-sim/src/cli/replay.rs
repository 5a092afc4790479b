//! `gengfu-sim replay`: play recorded truck traces.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::run::{conclude, play};
use super::source::{duration, positive, resolve};
use super::{Failure, output};
use crate::replay::{read_traces, register_of};
use crate::run::{Event, Options, Summary, TracePart, progress_line};

/// Arguments of `gengfu-sim replay`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Positions: latitude|longitude|truck|address|time, one a line, without a header.
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// Where to publish, HOST:PORT; without it only the register is written.
    #[arg(long, required_unless_present = "register")]
    broker: Option<String>,
    /// Write the register of these trucks as CSV; `-` is stdout.
    #[arg(long, value_name = "FILE")]
    register: Option<PathBuf>,
    /// Play so many times faster than recorded.
    #[arg(long, default_value = "1", value_parser = positive)]
    speed: f64,
    /// Give every position the time at which it is played; otherwise the recorded one.
    #[arg(long)]
    date_shift: bool,
    /// Seed of the trucks' tokens.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Stop after this time; otherwise at the end of the traces or Ctrl-C.
    #[arg(long, value_parser = duration)]
    duration: Option<Duration>,
    /// Tell every few seconds how it goes.
    #[arg(long)]
    progress: bool,
    /// Write the summary to stdout as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn execute(args: Args) -> Result<(), Failure> {
    let path = args.file.display();
    let file = File::open(&args.file).map_err(|error| Failure::Failed(format!("`{path}`: {error}")))?;
    let traces = read_traces(BufReader::new(file)).map_err(|error| Failure::Failed(format!("`{path}`: {error}")))?;
    let city = register_of(&traces, args.seed);
    if let Some(out) = &args.register {
        super::city::write(&city, out)?;
    }
    let Some(broker) = &args.broker else { return Ok(()) };
    let starts = traces.iter().filter_map(|trace| trace.positions.first());
    let origin_ms = starts.map(|position| position.at_ms).min().unwrap_or(0);
    let options = Options {
        broker: resolve(broker)?,
        seed: args.seed,
        speed: args.speed,
        connections: traces.len() + traces.len() / 2 + 16,
        duration: args.duration,
        ramp: None,
        v5_every: 0,
        traces: traces
            .into_iter()
            .map(|trace| TracePart { trace: Arc::new(trace), origin_ms, date_shift: args.date_shift })
            .collect(),
    };
    let mut before: Option<Summary> = None;
    let summary = play(Arc::new(city), Vec::new(), options, |event| {
        if let Event::Progress(summary) = event {
            if args.progress {
                output::tell(&progress_line(&summary, before.as_ref()));
            }
            before = Some(summary);
        }
    })?;
    conclude(&summary, args.json)
}
