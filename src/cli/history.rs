//! The demonstration's history: days that the simulator makes up, straight into the archive of a new folder.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use gengfu_dashboards::register_csv::Batches;
use gengfu_ingest::{Clock, Directory, SystemClock};
use gengfu_model::places::Place;
use gengfu_model::time::DAY_MS;
use gengfu_model::{Device, DeviceId, Kind, Timestamp};

use super::{Failure, say};
use crate::config::Config;
use crate::packs;
use crate::secret;
use crate::trial::generate::{Beginning, Generator};

/// The history ends so long before now, so that the gateway's clock is ahead of it when it starts.
const END_BEFORE_MS: i64 = 2_000;

/// Generates `days` days into the journal of a new data folder, for the city of a register.
///
/// # Errors
/// When the register cannot be read, the simulator fails, or the disk says no.
pub(super) fn generate(
    config: &Config,
    simulator: &Path,
    city: &Path,
    places: Vec<Place>,
    seed: u64,
    days: u32,
) -> Result<(), Failure> {
    let begun = Instant::now();
    let data = &config.data.folder;
    let devices = register(data, city)?;
    let known: HashMap<DeviceId, Kind> = devices.iter().map(|device| (device.id.clone(), device.kind)).collect();
    let to = SystemClock.now().plus_ms(-END_BEFORE_MS);
    let from = to.plus_ms(-i64::from(days) * DAY_MS);
    let beginning = Beginning {
        from,
        outcome: config.outcome(),
        profile: gengfu_cases::profile::YUNCHENG,
        files: packs::shipped(),
        places,
        devices,
    };
    let mut generator = Generator::begin(data, config.journal.segment.0, beginning).map_err(Failure::failed)?;
    let mut command = Command::new(simulator);
    command.args(["history", "--seed", &seed.to_string(), "--length", &format!("{}h", days * 24)]);
    command.args(["--to", &to.as_millis().to_string(), "--city"]).arg(city);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(Failure::failed)?;
    let output = child.stdout.take().ok_or_else(|| Failure::Failed("the simulator has no output".to_owned()))?;
    let mut lines = BufReader::with_capacity(1 << 20, output);
    let mut line = String::new();
    while lines.read_line(&mut line).map_err(Failure::failed)? > 0 {
        let told = parse(line.trim_end()).and_then(|(time, id, payload)| {
            let (id, kind) = known.get_key_value(id)?;
            Some((time, id, *kind, payload))
        });
        let (time, id, kind, payload) =
            told.ok_or_else(|| Failure::Failed(format!("the simulator said `{}`", line.trim_end())))?;
        generator.message(time, id, kind, payload.as_bytes()).map_err(Failure::failed)?;
        line.clear();
    }
    let status = child.wait().map_err(Failure::failed)?;
    if !status.success() {
        return Err(Failure::Failed(format!("the simulator ended with {status}")));
    }
    let messages = generator.finish().map_err(Failure::failed)?;
    say(&format!(
        "{days} days of generated history: {messages} messages in {:.1} s; try `gengfu rules backtest` on them",
        begun.elapsed().as_secs_f64()
    ));
    Ok(())
}

/// Arrival, device and payload.
fn parse(line: &str) -> Option<(Timestamp, &str, &str)> {
    let mut parts = line.splitn(3, '\t');
    Some((Timestamp(parts.next()?.parse().ok()?), parts.next()?, parts.next()?))
}

fn register(data: &Path, city: &Path) -> Result<Vec<Device>, Failure> {
    let secret = secret::load_or_create(data).map_err(Failure::failed)?;
    let keys = Directory::new(secret.for_tokens());
    let hash = |token: &str| keys.hash_token(token.as_bytes());
    let failed = |error: std::io::Error| Failure::Failed(format!("{}: {error}", city.display()));
    let input = BufReader::new(File::open(city).map_err(failed)?);
    let wrong = |_| Failure::Failed(format!("{}: is no register", city.display()));
    let mut batches = Batches::new(input, &hash).map_err(wrong)?;
    let mut devices = Vec::new();
    while let Some(batch) = batches.next_batch() {
        if let Some(error) = batch.errors.first() {
            return Err(Failure::Failed(format!("{}: row {}: {}", city.display(), error.row, error.message)));
        }
        devices.extend(batch.devices.into_iter().map(|(_, device)| device));
    }
    Ok(devices)
}
