//! Which state of the past a trial begins with, and the engine that it gives.

use std::path::{Path, PathBuf};

use gengfu_connectors::{CheckpointStore, LedgerReader, MemoryCheckpoints, SqliteCheckpoints};
use gengfu_dashboards::time_text::to_text;
use gengfu_ingest::journal::Disk;
use gengfu_ingest::journal::reader::first_kept;
use gengfu_model::{Seq, Timestamp};
use gengfu_rules::engine::Engine;

use super::{TrialError, days};
use crate::pipeline::recover::restore;

/// Where a trial begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the first record of all, with nothing.
    Beginning,
    /// With a day's copy.
    Day(PathBuf, days::Day),
    /// With the files of the data folder as they stand: for a shadow.
    Now(PathBuf),
}

/// The engine at a start.
pub struct Started {
    /// The engine, before the first record is replayed.
    pub engine: Engine,
    /// Records behind this one are to be applied.
    pub after: Seq,
    /// From this record on the engine says everything that comes of a record.
    pub whole: Seq,
}

/// The newest state from at or before `need` from which the journal can be replayed.
///
/// # Errors
/// [`TrialError::NoStart`] with the earliest moment that could be tried.
pub fn choose(data: &Path, disk: &dyn Disk, need: Timestamp) -> Result<Start, TrialError> {
    let first = first_kept(disk)?.unwrap_or(Seq(1));
    let usable: Vec<_> = days::list(data)?.into_iter().filter(|(_, day)| day.checkpoint.next() >= first).collect();
    let earliest = usable.first().map(|(_, day)| day.time);
    if let Some((path, day)) = usable.into_iter().rev().find(|(_, day)| day.time <= need) {
        return Ok(Start::Day(path, day));
    }
    if first == Seq(1) {
        return Ok(Start::Beginning);
    }
    let earliest = earliest.map_or_else(|| "unknown: no day's copy is kept".to_owned(), to_text);
    Err(TrialError::NoStart { need: to_text(need), earliest })
}

impl Start {
    /// Puts the engine together.
    ///
    /// # Errors
    /// [`TrialError`] when the files cannot be read, or are of a program that this one cannot follow.
    pub fn open(&self) -> Result<Started, TrialError> {
        let folder = match self {
            Start::Beginning => {
                let state = gengfu_connectors::LedgerState::default();
                let engine = restore(state, &MemoryCheckpoints::default(), &mut 0)?;
                return Ok(Started { engine, after: Seq(0), whole: Seq(0) });
            }
            Start::Day(folder, _) | Start::Now(folder) => folder,
        };
        let checkpoints = SqliteCheckpoints::open_reader(&folder.join("checkpoint.db"))?;
        let state = LedgerReader::open(&folder.join("ledger.db"))?.state()?;
        let after = checkpoints.position()?.map_or(Seq(0), |(position, _)| position);
        let whole = state.position.max(after);
        let engine = restore(state, &checkpoints, &mut 0)?;
        Ok(Started { engine, after, whole })
    }

    /// In words, for reports.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Start::Beginning => "the first record".to_owned(),
            Start::Day(_, day) => format!("the copy of {} at record {}", day.day, day.ledger),
            Start::Now(_) => "the live state".to_owned(),
        }
    }
}
