//! `gengfu-sim storm`: play the thunderstorm against a gateway that has its register.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::source::{interrupted, positive, resolve};
use super::{Failure, output};
use crate::city::write_register;
use crate::clock::wall_ms;
use crate::faults::TruthWriter;
use crate::storm::{Options, Played, Storm, StormSize, play};

/// Arguments of `gengfu-sim storm`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where to publish, HOST:PORT.
    #[arg(long, default_value = "127.0.0.1:1883")]
    broker: String,
    /// Write the storm's register as CSV to this file and end: `gengfu devices import` it before the storm.
    #[arg(long, value_name = "FILE")]
    write_register: Option<PathBuf>,
    /// Seed of the storm.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// All times and reporting intervals are divided by this: the register depends on it.
    #[arg(long, default_value = "10", value_parser = positive)]
    speed: f64,
    /// Covers that report water within a minute.
    #[arg(long, default_value_t = StormSize::default().covers)]
    covers: usize,
    /// The water goes after a while.
    #[arg(long)]
    drains: bool,
    /// Connections open at once, at most.
    #[arg(long, default_value_t = 500)]
    connections: usize,
    /// Write what was injected to this file, as JSON lines.
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Tell how far it is.
    #[arg(long)]
    progress: bool,
    /// Write the summary to stdout as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn execute(args: &Args) -> Result<(), Failure> {
    let size = StormSize { covers: args.covers, speed: args.speed, drains: args.drains, ..StormSize::default() };
    let began_ms = wall_ms();
    let storm = Storm::new(args.seed, size, began_ms).map_err(Failure::failed)?;
    if let Some(path) = &args.write_register {
        let file = create(path)?;
        write_register(&storm.city, file).map_err(Failure::failed)?;
        output::tell(&format!("{}: {} devices", path.display(), storm.city.devices.len()));
        return Ok(());
    }
    if let Some(path) = &args.truth {
        let mut writer = TruthWriter::new(create(path)?);
        for truth in storm.truth(began_ms) {
            writer.write(&truth).map_err(|error| Failure::Failed(format!("`{}`: {error}", path.display())))?;
        }
    }
    let options = Options { broker: resolve(&args.broker)?, began_ms, connections: args.connections };
    let played = run(&storm, options, args.progress)?;
    if args.json {
        output::answer_json(&played)?;
    }
    output::tell(&format!(
        "{} messages acknowledged in {:.1} s over {} connections, {} attempts repeated",
        played.acknowledged, played.seconds, played.connections, played.repeated
    ));
    Ok(())
}

fn create(path: &Path) -> Result<File, Failure> {
    File::create(path).map_err(|error| Failure::Failed(format!("`{}`: {error}", path.display())))
}

fn run(storm: &Storm, options: Options, progress: bool) -> Result<Played, Failure> {
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::failed)?;
    let (lasts_ms, breaks_ms) = (storm.lasts_ms(), storm.breaks_ms());
    let reach = move |at_ms: i64| async move {
        let left_ms = options.began_ms + at_ms - wall_ms();
        if left_ms > 0 {
            tokio::time::sleep(Duration::from_millis(left_ms.unsigned_abs())).await;
        }
        if progress && (at_ms == lasts_ms || at_ms % 10_000 == 0) {
            let word = if at_ms < breaks_ms { "calm" } else { "storm" };
            output::tell(&format!("{:>6} s of {} s, {word}", at_ms / 1_000, lasts_ms / 1_000));
        }
        Ok(())
    };
    let played = runtime.block_on(async {
        tokio::select! {
            played = play(storm, options, reach) => played,
            () = interrupted() => Err("interrupted".to_owned()),
        }
    });
    played.map_err(Failure::Failed)
}
