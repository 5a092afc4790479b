//! Trials of rules over the archive: the part with files and threads. What is judged and compared is
//! `gengfu_rules::trial`'s, which knows neither.
//!
//! - [`days`]: one copy of checkpoint and ledger at each day's start, from which the past can be judged again
//! - [`start`]: which copy a trial begins with, and the engine that it gives
//! - [`ask`]: what is to be tried: a draft, a stretch of time, a sweep
//! - [`backtest`]: the trial itself, over records as they stand in archive and journal
//! - [`report`]: what came of it
//! - [`jobs`]: backtests that the API asked for
//! - [`shadow`]: a draft beside the live rules, over the records as they come
//! - [`keeper`]: puts into the shadow what the ledger says, and rolls back a pack whose limits are exceeded
//! - [`vet`]: what stands against a publication
//! - [`late`]: what late readings would have raised
//! - [`past`]: what a rule made of a device at a moment that is over
//! - [`generate`]: made-up records straight into an archive, marked as such
//! - [`store`]: reports as files, so that they can be listed and a publication can refer to one
//!
//! Promises: the live line is never held up. A trial opens files for reading only, has a thread (or a process) of
//! its own with a low priority, and holds one commit of the journal in memory beside its engines.

pub mod ask;
pub mod backtest;
pub mod days;
mod feed;
pub mod generate;
pub mod jobs;
pub mod keeper;
pub mod late;
pub mod past;
pub mod priority;
pub mod report;
pub mod shadow;
pub mod start;
pub mod store;
pub mod vet;

use gengfu_connectors::LedgerError;
use gengfu_ingest::journal::JournalError;
use gengfu_rules::trial::DraftError;

use crate::pipeline::recover::RecoverError;

/// Why a trial cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// What is asked makes no sense.
    #[error("{0}")]
    Ask(String),
    /// The draft or one of its parameters.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// No state of the past is kept that is old enough.
    #[error(
        "no state from before {need} is kept, and the archive does not reach back to the first record; the earliest \
         start that can be tried with this warm-up is {earliest}"
    )]
    NoStart {
        /// When the trial would have to begin.
        need: String,
        /// From when on it can be done.
        earliest: String,
    },
    /// The state that the trial begins with.
    #[error("the state to begin with: {0}")]
    State(#[from] RecoverError),
    /// Ledger or checkpoint.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Journal or archive.
    #[error("journal: {0}")]
    Journal(#[from] JournalError),
    /// A file.
    #[error("{0}: {1}")]
    File(String, std::io::Error),
    /// There is no report of that id.
    #[error("there is no report `{0}`; `gengfu rules trials` lists them")]
    NoReport(String),
    /// Somebody called it off.
    #[error("cancelled")]
    Cancelled,
}
