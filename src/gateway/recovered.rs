//! Opens the data folder: journal, stores, and the state that recovery builds from both.

use std::sync::Arc;

use gengfu_connectors::checkpoint::SqliteCheckpoints;
use gengfu_connectors::ledger::SqliteLedger;
use gengfu_connectors::series::SqliteSeries;
use gengfu_ingest::Clock;
use gengfu_ingest::journal::{
    Archive, ArchiveOptions, JournalReader, Log, LogOptions, Opened, ReadLimit, RealDisk, append_start, start_records,
};
use gengfu_model::{Seq, Timestamp};
use gengfu_rules::engine::Engine;

use crate::config::Config;
use crate::pipeline::recover::{Report, recover};

use super::{StartError, StartOptions};

/// What recovery hands to the pipeline.
pub(super) struct Recovered {
    pub(super) log: Log,
    pub(super) archive: Archive,
    pub(super) engine: Engine,
    pub(super) ledger: SqliteLedger,
    pub(super) checkpoints: SqliteCheckpoints,
    pub(super) series: SqliteSeries,
    pub(super) report: Report,
    /// The last moment that the journal knew of before this start.
    pub(super) went_down: Timestamp,
    /// No rule pack was ever activated.
    pub(super) is_new: bool,
}

pub(super) fn open(config: &Config, options: StartOptions, clock: &dyn Clock) -> Result<Recovered, StartError> {
    let data = &config.data.folder;
    let journal_folder = data.join("journal");
    std::fs::create_dir_all(&journal_folder).map_err(|error| StartError::new("journal", error))?;
    let disk = Arc::new(RealDisk::open(&journal_folder).map_err(|error| StartError::new("journal", error))?);
    let log_options = LogOptions { segment_bytes: config.journal.segment.0, ..LogOptions::default() };
    let (mut log, Opened { last_time, cut, .. }) =
        Log::open(disk.clone(), log_options).map_err(|error| StartError::new("journal", error))?;
    if let Some((file, offset)) = cut {
        tracing::info!(file, offset, "cut off a torn end of the journal; nothing of it had been acknowledged");
    }
    let version = env!("CARGO_PKG_VERSION");
    let went_down = last_time.unwrap_or(clock.now());
    let records = start_records(last_time, clock.now(), options.accept_clock, version, config.outcome())
        .map_err(|error| StartError::new("clock", error))?;
    append_start(&mut log, records).map_err(|error| StartError::new("journal", error))?;

    let mut ledger = SqliteLedger::open(&data.join("ledger.db")).map_err(|error| StartError::new("ledger", error))?;
    let checkpoints =
        SqliteCheckpoints::open(&data.join("checkpoint.db")).map_err(|error| StartError::new("checkpoints", error))?;
    let mut series = SqliteSeries::open(&data.join("series")).map_err(|error| StartError::new("series", error))?;
    let end = log.last_seq();
    let open_reader = |after: Seq| {
        let mut reader =
            JournalReader::open(disk.clone(), after.next(), ReadLimit::Seq(end)).map_err(|error| error.to_string())?;
        Ok(std::iter::from_fn(move || reader.next_batch().map_err(|error| error.to_string()).transpose()))
    };
    let (engine, report) = recover(&mut ledger, &checkpoints, &mut series, end, open_reader)
        .map_err(|error| StartError::new("recovery", error))?;
    tracing::info!(
        devices = report.devices,
        checkpoint = report.checkpoint.0,
        ledger = report.ledger.0,
        replayed = report.replayed,
        "recovered"
    );
    let archive_options = ArchiveOptions {
        keep_ms: config.journal.keep.0,
        budget_bytes: Some(config.journal.keep_size.0),
        ..ArchiveOptions::default()
    };
    let archive = Archive::open(disk, archive_options).map_err(|error| StartError::new("archive", error))?;
    let is_new = engine.pack().rules().is_empty();
    Ok(Recovered { log, archive, engine, ledger, checkpoints, series, report, went_down, is_new })
}
