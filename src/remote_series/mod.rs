//! Feeds the remote time series from the journal, beside everything else and in nobody's way.
//!
//! Promises: a thread of its own reads the journal and its archive from its own durable position, so a
//! store that is slow or down falls behind and catches up, and holds up nothing. The position moves
//! only past what the store has kept for sure. Records that the archive no longer has are a gap that
//! is noted: in the log, in the metrics, and as a row of `influx.db`, and that `gengfu series backfill` fills from
//! the embedded series. A store that was never fed gets
//! all that is kept.
//!
//! The points are those of the embedded series, with two differences: repeats of a message are sent
//! again (the same line, unless the message bears no time of its own), and so is what comes from a
//! device that has left the register meanwhile.

pub(crate) mod backfill;
mod feeder;
mod metrics;
mod points;

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use gengfu_connectors::series::influx::{
    Api, Booleans, FeedRecord, InfluxSettings, InfluxWriter, LineBuilder, LineOptions,
};
use gengfu_ingest::Clock;
use gengfu_ingest::journal::{Disk, RealDisk};

use crate::config::{Config, InfluxApi, InfluxConfig};
use crate::gateway::StartError;
use crate::handle::Shared;
use crate::listeners::add_metrics;
use feeder::Feeder;
use metrics::Metrics;

/// The file of the data folder that holds positions and gaps.
pub(crate) const FILE: &str = "influx.db";

/// The running thread; stopped by [`RemoteSeries::stop`].
pub(crate) struct RemoteSeries {
    stop: Arc<Stop>,
    thread: JoinHandle<()>,
}

/// Starts feeding if the configuration names a store. The store need not be there.
///
/// # Errors
/// When the configuration cannot be used, or the file of positions cannot be opened.
pub(crate) fn start(
    config: &Config,
    shared: &Shared,
    clock: &Arc<dyn Clock>,
) -> Result<Option<RemoteSeries>, StartError> {
    let Some(influx) = &config.influx else { return Ok(None) };
    let cannot = |error: &dyn std::fmt::Display| StartError::new("remote series", error);
    let data = &config.data.folder;
    let settings = settings(influx)?;
    let record = FeedRecord::open(&data.join(FILE), &target(influx)).map_err(|error| cannot(&error))?;
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::open(data.join("journal")).map_err(|error| cannot(&error))?);
    let journal = &shared.0.journal;
    let metrics = Arc::new(Metrics::new(journal.synced_end()));
    let shown = Arc::clone(&metrics);
    add_metrics(shared, move || shown.snapshot());
    let feeder = Feeder {
        disk,
        synced: journal.synced_end(),
        writer: InfluxWriter::new(&settings).map_err(|error| cannot(&error))?,
        record,
        clock: Arc::clone(clock),
        metrics,
        outcome: config.outcome(),
        lines: LineBuilder::new(line_options(influx)),
    };
    let stop = Arc::new(Stop::default());
    let stopped = Arc::clone(&stop);
    let thread = Builder::new()
        .name("gengfu-influx".to_owned())
        .spawn(move || feeder.run(&stopped))
        .map_err(|error| cannot(&error))?;
    Ok(Some(RemoteSeries { stop, thread }))
}

impl RemoteSeries {
    /// Stops: a call under way is waited for (it is bounded by its timeout). Gives whether the thread
    /// had ended well.
    pub(crate) fn stop(self) -> bool {
        self.stop.set();
        self.thread.join().is_ok()
    }
}

/// How the thread is told to end.
#[derive(Default)]
pub(crate) struct Stop {
    stopped: Mutex<bool>,
    told: Condvar,
}

impl Stop {
    fn set(&self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.told.notify_all();
    }

    /// Waits for `timeout`, or until it is time to end; gives whether it is.
    fn wait(&self, timeout: Duration) -> bool {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.told.wait_timeout_while(stopped, timeout, |stopped| !*stopped);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Checks the address of the configuration.
///
/// # Errors
/// What is wrong with it, for people.
pub(crate) fn address(influx: &InfluxConfig) -> Result<(), String> {
    let settings = InfluxSettings::new(&influx.url, &influx.org, &influx.bucket);
    settings.check_url().map(|_| ()).map_err(|error| error.to_string())
}

/// What a store is called in the file of positions: another store begins at the beginning.
fn target(influx: &InfluxConfig) -> String {
    format!("{} {} {}", influx.url.trim_end_matches('/'), influx.org, influx.bucket)
}

fn settings(influx: &InfluxConfig) -> Result<InfluxSettings, StartError> {
    let read = |file: &Path| {
        std::fs::read(file).map_err(|error| StartError::new("remote series", format!("{}: {error}", file.display())))
    };
    let token = influx.token_file.as_deref().map(read).transpose()?.unwrap_or_default();
    let token = String::from_utf8(token.trim_ascii().to_vec())
        .map_err(|_| StartError::new("remote series", "the token file is no text"))?;
    let milliseconds = |span: crate::config::Span| Duration::from_millis(span.0.unsigned_abs());
    Ok(InfluxSettings {
        api: match influx.api {
            InfluxApi::V2 => Api::V2,
            InfluxApi::V1 => Api::V1,
        },
        token,
        roots_pem: influx.roots_file.as_deref().map(read).transpose()?.unwrap_or_default(),
        timeout: milliseconds(influx.timeout),
        confirm_after: milliseconds(influx.confirm_after),
        ..InfluxSettings::new(&influx.url, &influx.org, &influx.bucket)
    })
}

fn line_options(influx: &InfluxConfig) -> LineOptions {
    let booleans = if influx.booleans_as_numbers { Booleans::Numbers } else { Booleans::Words };
    LineOptions { text: influx.text, booleans }
}
