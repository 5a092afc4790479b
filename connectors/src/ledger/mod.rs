//! The ledger: the reducer's state at a journal position, committed together with that position.

pub mod columns;
mod decision;
mod dump;
mod live;
pub mod memory;
mod message;
pub mod reader;
mod schema;
pub mod sqlite;

#[cfg(test)]
mod contract;
#[cfg(test)]
pub(crate) mod samples;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use gengfu_model::command::COMMAND_RATE_MS;
use gengfu_model::pack::PackNote;
use gengfu_model::staff::User;
use gengfu_model::{Case, CommandRow, DeviceId, Effect, EffectId, Incident, MqttSession, Seq, Timestamp, Value};

use crate::sqlite::MigrateError;

pub use decision::{DECISIONS_KEPT_MS, DecisionFilter, DecisionRow};
pub use gengfu_model::pack::ShadowRow;
pub use live::STREAM_KEPT;
pub use memory::MemoryLedger;
pub use message::MESSAGES_KEPT_MS;
pub use reader::{
    AuditRow, CaseFilter, Counts, DeviceFilter, DispositionFilter, Effort, EvaluateBy, EvaluationQuery, EvaluationRow,
    FindingFilter, IncidentFilter, LedgerReader, Listed, MAX_PERIOD_MS, Page, SilenceFilter,
};
pub use sqlite::{LedgerOptions, SqliteLedger};

/// What a ledger can fail with. Any failure of a commit is fatal to the process: it recovers from
/// the journal.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The store said no.
    #[error("ledger `{what}`: {message}")]
    Store {
        /// The file and what was tried.
        what: String,
        /// The store's own words.
        message: String,
    },
    /// The disk is full; nothing of the commit was kept.
    #[error("ledger: no room left on the disk")]
    Full,
    /// What the question is about has been judged, but is not committed yet.
    #[error("ledger: it has not caught up with the engine, ask again")]
    Behind,
    /// A stored row cannot be read back.
    #[error("ledger: row `{row}` cannot be read: {message}")]
    Corrupt {
        /// Table and key.
        row: String,
        /// Why.
        message: String,
    },
    /// A page's cursor was not made by the list it was given to.
    #[error("cursor `{0}` is none of this list's: leave it out to start at the beginning")]
    Cursor(String),
    /// The file was written by a newer program.
    #[error(
        "`{file}` has schema version {found}, this program knows versions up to {known}: run the newer program, \
         or restore a backup from before the upgrade"
    )]
    Newer {
        /// The file.
        file: String,
        /// Its schema version.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
}

impl LedgerError {
    /// What SQLite said while `what` was tried.
    pub(crate) fn sqlite(what: &str, error: &rusqlite::Error) -> LedgerError {
        if crate::sqlite::is_full(error) {
            return LedgerError::Full;
        }
        LedgerError::Store { what: what.to_owned(), message: error.to_string() }
    }

    /// Why the file at `path` could not be opened at this program's schema.
    pub(crate) fn opening(path: &Path, error: MigrateError) -> LedgerError {
        match error {
            MigrateError::Sqlite(error) => LedgerError::sqlite(&format!("open {}", path.display()), &error),
            MigrateError::Newer { found, known } => {
                LedgerError::Newer { file: path.display().to_string(), found, known }
            }
        }
    }

    /// What the file system said while `what` was tried.
    pub(crate) fn io(what: &str, error: &std::io::Error) -> LedgerError {
        if error.kind() == std::io::ErrorKind::StorageFull {
            return LedgerError::Full;
        }
        LedgerError::Store { what: what.to_owned(), message: error.to_string() }
    }
}

/// A commit that would move the position back.
fn behind(position: Seq, reached: Seq) -> LedgerError {
    LedgerError::Store {
        what: "commit".to_owned(),
        message: format!("position {position} is behind {reached}, which is committed"),
    }
}

/// The write side of the ledger. One thread owns it.
pub trait Ledger: Send {
    /// Applies the effects in order and moves the position, all in one durable transaction.
    ///
    /// `position` is the last record applied and `time` its journal time; both never go back.
    /// An empty list of effects only moves the position.
    ///
    /// # Errors
    /// [`LedgerError`]; nothing of the commit is kept then.
    fn commit(&mut self, effects: &[(EffectId, Effect)], position: Seq, time: Timestamp) -> Result<(), LedgerError>;

    /// Everything that recovery needs.
    ///
    /// # Errors
    /// [`LedgerError`] when a row cannot be read.
    fn load(&self) -> Result<LedgerState, LedgerError>;

    /// Writes every row that effects made, as JSON lines in a canonical order (table, key), without
    /// anything that may differ between a live run and a replay (no row ids, no position, no times
    /// of commits, no delivery attempts, and not the live stream's rows, which are trimmed).
    ///
    /// # Errors
    /// [`LedgerError`] when a row cannot be read or the output cannot be written.
    fn dump(&self, output: &mut dyn Write) -> Result<(), LedgerError>;
}

/// A parameter's setting: rule, name, scope, value.
pub type ParameterSetting = (Arc<str>, Arc<str>, Arc<str>, Value);

/// The reducer's state at a position, as the ledger keeps it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LedgerState {
    /// The last record whose effects are in.
    pub position: Seq,
    /// That record's journal time.
    pub time: Timestamp,
    /// Incidents that are open, and cleared ones that may open again (those that
    /// [`gengfu_cases::Reducer::incidents_in_cooldown`] finds in the reducer's pieces). Sorted by id, each once.
    pub incidents: Vec<Incident>,
    /// Cases that are not in a final state, sorted by id.
    pub cases: Vec<Case>,
    /// The reducer's own pieces, sorted by key.
    pub reducer: Vec<(String, String)>,
    /// Commands that are open, and those asked within the minute before `time` (the rate limit counts them),
    /// sorted by id.
    pub commands: Vec<CommandRow>,
    /// MQTT sessions that are kept, sorted by device.
    pub sessions: Vec<(DeviceId, MqttSession)>,
    /// Staff accounts, sorted by name.
    pub users: Vec<User>,
    /// The live profile, if one was set.
    pub profile: Option<String>,
    /// Every activated pack with the record that activated it, oldest first.
    pub packs: Vec<ActivatedPack>,
    /// Settings of parameters (rule, name, scope, value), sorted.
    pub parameters: Vec<ParameterSetting>,
}

/// How many files of places are kept, the one in force included.
pub const MAX_PLACES_KEPT: usize = 20;

/// Commands created after this are loaded even when they are closed.
fn commands_since(time: Timestamp) -> Timestamp {
    time.plus_ms(-COMMAND_RATE_MS)
}

/// A rule pack that was put to work.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivatedPack {
    /// The record that activated it.
    pub id: EffectId,
    /// The pack's hash.
    pub version: Arc<str>,
    /// Its files.
    pub files: Arc<BTreeMap<String, String>>,
    /// Who activated it.
    pub by: Arc<str>,
    /// When, in journal time.
    pub time: Timestamp,
    /// What was said with it.
    pub note: PackNote,
}
