//! `gengfu-sim load`: how many messages a second the server acknowledges, and how fast.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::source::{duration, interrupted, positive, resolve};
use super::{Failure, output};
use crate::city::{City, read_file};
use crate::load::{LoadResult, Options, load};
use crate::mqtt::Version;

/// Arguments of `gengfu-sim load`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where to publish, HOST:PORT.
    #[arg(long, default_value = "127.0.0.1:1883")]
    broker: String,
    /// Connections, each another device.
    #[arg(long, value_name = "C", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    connections: u32,
    /// Publishes without acknowledgement, per connection.
    #[arg(long, value_name = "F", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    in_flight: u16,
    /// How long to publish, such as 10s.
    #[arg(long, default_value = "10s", value_parser = duration)]
    seconds: Duration,
    /// Messages a second over all connections; otherwise as fast as acknowledgements come.
    #[arg(long, value_name = "R", value_parser = positive)]
    rate: Option<f64>,
    /// Register CSV with the devices to log in as; otherwise those of `gengfu-sim city --devices C`
    /// with this seed.
    #[arg(long, value_name = "CSV")]
    devices: Option<PathBuf>,
    /// Seed of the city, without --devices.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Speak MQTT 5 instead of 3.1.1.
    #[arg(long)]
    v5: bool,
    /// Append the id of every acknowledged message to this file, one a line: what the server must
    /// never lose, whatever happens to it.
    #[arg(long, value_name = "FILE")]
    acked_log: Option<PathBuf>,
    /// Write the result to stdout as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn execute(args: &Args) -> Result<(), Failure> {
    let connections = args.connections as usize;
    let city = match &args.devices {
        Some(path) => read_file(path).map_err(Failure::failed)?,
        None => City::generate(args.seed, connections),
    };
    if city.devices.len() < connections {
        let devices = city.devices.len();
        return Err(Failure::Usage(format!("--connections {connections} needs as many devices; there are {devices}")));
    }
    let acked_log = match &args.acked_log {
        Some(path) => {
            let file = OpenOptions::new().create(true).append(true).open(path);
            Some(file.map_err(|error| Failure::Failed(format!("`{}`: {error}", path.display())))?)
        }
        None => None,
    };
    let options = Options {
        broker: resolve(&args.broker)?,
        connections,
        in_flight: args.in_flight,
        duration: args.seconds,
        rate: args.rate,
        version: if args.v5 { Version::V5 } else { Version::V4 },
        acked_log,
    };
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::failed)?;
    let result = runtime.block_on(async {
        let stop = CancellationToken::new();
        let loading = load(&city, options, stop.clone());
        tokio::pin!(loading);
        tokio::select! {
            result = &mut loading => result,
            () = interrupted() => {
                stop.cancel();
                loading.await
            }
        }
    });
    conclude(&result.map_err(Failure::Failed)?, args.json)
}

fn conclude(result: &LoadResult, json: bool) -> Result<(), Failure> {
    if json {
        output::answer_json(result)?;
    }
    let latency = &result.latency_ms;
    output::tell(&format!(
        "{} connections x {} in flight, {:.1} s: {:.0} messages/s acknowledged, p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms",
        result.connections, result.in_flight, result.seconds, result.per_second, latency.p50, latency.p99, latency.max
    ));
    let errors = &result.errors;
    output::tell(&format!(
        "sent {}, acknowledged {}, unacknowledged {}, sent again {}, refused {}, connect errors {}, lost connections {}",
        result.sent,
        result.acknowledged,
        result.unacknowledged,
        result.resent,
        result.refused,
        errors.connect,
        errors.lost
    ));
    if let Some(first) = &errors.first {
        output::tell(&format!("first error: {first}"));
    }
    if errors.log > 0 {
        return Err(Failure::Failed("the log of acknowledged ids is not complete".to_owned()));
    }
    if result.acknowledged == 0 {
        return Err(Failure::Failed("nothing was acknowledged".to_owned()));
    }
    Ok(())
}
