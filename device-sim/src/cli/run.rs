//! `gengfu-sim run`: play a city until it is over or Ctrl-C.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::source::{CityArgs, duration, interrupted, positive, resolve};
use super::{Failure, output};
use crate::city::City;
use crate::clock::wall_ms;
use crate::faults::{FaultSpec, Injection, TruthWriter, demo_script, plan};
use crate::mqtt::Counts;
use crate::run::{Event, Options, Summary, progress_line, run};

/// Arguments of `gengfu-sim run`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where to publish, HOST:PORT.
    #[arg(long, default_value = "127.0.0.1:1883")]
    broker: String,
    #[command(flatten)]
    city: CityArgs,
    /// Reporting intervals are divided by this; `ts` stays the wall clock's.
    #[arg(long, default_value = "1", value_parser = positive)]
    speed: f64,
    /// Stop after this time, such as 90s or 10m; otherwise at Ctrl-C.
    #[arg(long, value_parser = duration)]
    duration: Option<Duration>,
    /// Devices make their first report within this time; otherwise 500 devices a second.
    #[arg(long, value_parser = duration)]
    ramp: Option<Duration>,
    /// Connections open at once, at most; devices beyond it connect to report and go again.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    connections: u32,
    /// Every so manieth device speaks MQTT 5, the others 3.1.1; 0: none.
    #[arg(long, default_value_t = 5)]
    v5_every: usize,
    /// Play this fault: NAME:DEVICE:AT[:DURATION], such as cover-open:cover-000190:30s:5m. May be given again.
    #[arg(long, value_name = "FAULT")]
    fault: Vec<FaultSpec>,
    /// Leave out the demonstration's script of faults.
    #[arg(long)]
    no_script: bool,
    /// Write what was injected to this file, as JSON lines.
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Tell every few seconds how it goes.
    #[arg(long)]
    progress: bool,
    /// Write the summary to stdout as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn execute(args: Args) -> Result<(), Failure> {
    let city = Arc::new(args.city.load()?);
    let mut specs = if args.no_script { Vec::new() } else { demo_script(&city, args.city.seed, wall_ms()) };
    specs.extend(args.fault.iter().cloned());
    let injections = plan(&city, specs).map_err(|error| Failure::Usage(error.to_string()))?;
    let mut truth = match &args.truth {
        Some(path) => {
            let file = File::create(path).map_err(|error| Failure::Failed(format!("`{}`: {error}", path.display())))?;
            Some(TruthWriter::new(file))
        }
        None => None,
    };
    let options = Options {
        broker: resolve(&args.broker)?,
        seed: args.city.seed,
        speed: args.speed,
        connections: args.connections as usize,
        duration: args.duration,
        ramp: args.ramp,
        v5_every: args.v5_every,
        traces: Vec::new(),
    };
    let mut before: Option<Summary> = None;
    let mut truth_error = None;
    let mut tell = |event: Event| match event {
        Event::Progress(summary) => {
            if args.progress {
                output::tell(&progress_line(&summary, before.as_ref()));
            }
            before = Some(summary);
        }
        Event::Fault(injected) => {
            if args.progress {
                output::tell(&format!("          fault {} at {}", injected.fault, injected.device));
            }
            if let Some(writer) = &mut truth
                && let Err(error) = writer.write(&injected)
            {
                truth_error = Some(error);
            }
        }
    };
    let summary = play(city, injections, options, &mut tell)?;
    conclude(&summary, args.json)?;
    match truth_error {
        Some(error) => Err(Failure::Failed(format!("the ground truth could not be written: {error}"))),
        None => Ok(()),
    }
}

/// Plays until it is over or Ctrl-C.
pub(super) fn play(
    city: Arc<City>,
    injections: Vec<Injection>,
    options: Options,
    tell: impl FnMut(Event),
) -> Result<Summary, Failure> {
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::failed)?;
    let summary = runtime.block_on(async {
        let stop = CancellationToken::new();
        let playing = run(city, injections, options, Arc::new(Counts::default()), stop.clone(), tell);
        tokio::pin!(playing);
        tokio::select! {
            summary = &mut playing => summary,
            () = interrupted() => {
                stop.cancel();
                playing.await
            }
        }
    });
    summary.map_err(Failure::Failed)
}

/// Tells what was done; a run of which nothing was acknowledged has failed.
pub(super) fn conclude(summary: &Summary, json: bool) -> Result<(), Failure> {
    if json {
        output::answer_json(summary)?;
    }
    let counts = &summary.counts;
    output::tell(&format!(
        "{} devices in {:.1} s: sent {}, sent again {}, acknowledged {}, refused {}, failed {}",
        summary.devices,
        summary.seconds,
        counts.sent,
        counts.resent,
        counts.acknowledged,
        counts.refused,
        counts.failed
    ));
    if counts.acknowledged == 0 && counts.made > 0 {
        return Err(Failure::Failed(format!(
            "nothing was acknowledged ({} attempts to connect failed); is the gateway running, and the register imported?",
            counts.connect_failures
        )));
    }
    Ok(())
}
