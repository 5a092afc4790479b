//! Filling the gaps of the remote series from the embedded one, which keeps points for longer than the archive
//! keeps records.

use std::time::Duration;

use gengfu_connectors::SeriesReader;
use gengfu_connectors::series::influx::{FeedRecord, Gap, InfluxWriter, LineBuilder};

use super::{FILE, line_options, settings, target};
use crate::config::{Config, InfluxConfig};

/// A batch is sent when it has this many points.
const BATCH_POINTS: u64 = 5_000;
/// How long the store may take to confirm what it was sent, beyond `influx.confirm_after`.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The gaps that were noted for the store of the configuration.
///
/// # Errors
/// When the file of positions cannot be read.
pub(crate) fn gaps(config: &Config, influx: &InfluxConfig) -> Result<Vec<Gap>, String> {
    record(config, influx)?.gaps().map_err(|error| error.to_string())
}

/// Sends what the embedded series has of a gap, waits until the store has it for sure, and takes the gap off the
/// list. Gives how many points there were.
///
/// # Errors
/// Why the store did not take it; the gap stays noted, and what was sent may be sent again.
pub(crate) fn fill(config: &Config, influx: &InfluxConfig, gap: &Gap) -> Result<u64, String> {
    let settings = settings(influx).map_err(|error| error.to_string())?;
    let mut writer = InfluxWriter::new(&settings).map_err(|error| error.to_string())?;
    let reader = SeriesReader::open(&config.data.folder.join("series")).map_err(|error| error.to_string())?;
    let mut lines = LineBuilder::new(line_options(influx));
    let mut points = 0;
    let mut refused = None;
    reader
        .points_of_records(gap.first, gap.last, |point| {
            lines.push(point);
            if lines.points() >= BATCH_POINTS && refused.is_none() {
                points += lines.points();
                refused = writer.write(&lines.take(), gap.last).err();
            }
            Ok(())
        })
        .map_err(|error| error.to_string())?;
    points += lines.points();
    let last = lines.take();
    if refused.is_none() && !last.is_empty() {
        refused = writer.write(&last, gap.last).err();
    }
    if let Some(error) = refused {
        return Err(format!("the store did not take it: {error}"));
    }
    if points > 0 {
        confirmed(&mut writer, settings.confirm_after + PATIENCE)?;
    }
    record(config, influx)?.forget_gap(gap).map_err(|error| error.to_string())?;
    Ok(points)
}

fn confirmed(writer: &mut InfluxWriter, patience: Duration) -> Result<(), String> {
    let mut waited = Duration::ZERO;
    while waited < patience {
        match writer.confirm() {
            Ok(Some(_)) => return Ok(()),
            Ok(None) => {}
            Err(error) => return Err(format!("the store may have lost what it took: {error}")),
        }
        std::thread::sleep(LOOK_EVERY);
        waited += LOOK_EVERY;
    }
    Err("the store took it, but did not stay up long enough to be sure that it is kept".to_owned())
}

fn record(config: &Config, influx: &InfluxConfig) -> Result<FeedRecord, String> {
    FeedRecord::open(&config.data.folder.join(FILE), &target(influx)).map_err(|error| error.to_string())
}
