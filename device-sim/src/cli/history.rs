//! `gengfu-sim history`: what a city would have said in the days before, as lines.

use std::io::{BufWriter, ErrorKind, Write};

use super::Failure;
use super::source::CityArgs;
use crate::clock::wall_ms;
use crate::faults::parse_duration_ms;
use crate::history::play;

/// Arguments of `gengfu-sim history`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    city: CityArgs,
    /// How many hours, such as `168h`.
    #[arg(long, value_name = "TIME", default_value = "168h")]
    length: String,
    /// The end, in epoch milliseconds; now if nothing is said.
    #[arg(long, value_name = "MS")]
    to: Option<i64>,
}

/// Writes lines of arrival time in epoch milliseconds, device id and payload, with tabs between.
pub(super) fn execute(args: &Args) -> Result<(), Failure> {
    let length = parse_duration_ms(&args.length)
        .ok_or_else(|| Failure::Usage(format!("`{}` is no time; write it like 168h", args.length)))?;
    let to = args.to.unwrap_or_else(wall_ms);
    let city = args.city.load()?;
    let mut out = BufWriter::with_capacity(1 << 20, std::io::stdout().lock());
    let written = play(&city, args.city.seed, to - length, to, |line| {
        writeln!(out, "{}\t{}\t{}", line.time_ms, city.devices[line.device].id, line.payload)
    })
    .and_then(|()| out.flush());
    match written {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(Failure::failed),
    }
}
