//! The read side of the ledger: lists with filters and pages, single entities, the live stream's
//! rows, the outbox.
//!
//! Promises: never blocks the writer; every call sees one whole commit; nothing can be written.
//! The calls block (a few microseconds to milliseconds): async code runs them on a blocking thread.

mod effort;
mod entities;
mod evaluation;
mod feed;
mod filter;
pub(crate) mod page;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use gengfu_model::{EffectId, Seq, Severity, Timestamp};
use rusqlite::Connection;

pub use effort::Effort;
pub(crate) use entities::disposition_of;
pub use evaluation::{EvaluateBy, EvaluationQuery, EvaluationRow, MAX_CASES, MAX_PERIOD_MS};
pub(crate) use feed::{OUTBOX, outbox_item};
pub use filter::{CaseFilter, DeviceFilter, DispositionFilter, FindingFilter, IncidentFilter, SilenceFilter};
pub use page::{Listed, MAX_PAGE, Page};

use super::columns;
use crate::LedgerError;
use crate::sqlite::ReadPool;

/// Connections that a reader holds at most; further calls wait for one.
const MAX_CONNECTIONS: usize = 4;

/// Reads a ledger that a [`super::SqliteLedger`] writes. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct LedgerReader {
    pool: Arc<ReadPool>,
}

/// One line of the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// Its id.
    pub id: EffectId,
    /// Journal time of the commit that brought it: at most a batch later than the request.
    pub time: Timestamp,
    /// Who.
    pub user: String,
    /// What, by name.
    pub action: String,
    /// What it was about.
    pub subject: String,
    /// `accepted`, or the refusal's code and message.
    pub verdict: String,
}

/// What the overview shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Open incidents per severity, from the mildest to the worst, all four.
    pub open_incidents_by_severity: Vec<(Severity, u64)>,
    /// Cases in no final state.
    pub open_cases: u64,
    /// Of these, those whose deadline has passed.
    pub overdue_cases: u64,
}

impl LedgerReader {
    /// Opens the ledger at `path`. The ledger's writer must have made it.
    ///
    /// # Errors
    /// [`LedgerError`] if it is not there or is no ledger.
    pub fn open(path: &Path) -> Result<LedgerReader, LedgerError> {
        let pool = ReadPool::open(path, MAX_CONNECTIONS)
            .map_err(|error| LedgerError::sqlite(&format!("open {} for reading", path.display()), &error))?;
        let reader = LedgerReader { pool: Arc::new(pool) };
        reader.position()?;
        Ok(reader)
    }

    /// The last record whose effects are in, and its journal time.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    pub fn position(&self) -> Result<(Seq, Timestamp), LedgerError> {
        self.with("position", |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT (SELECT value FROM meta WHERE name = 'position'), (SELECT value FROM meta WHERE name = 'time')",
            )?;
            statement.query_row([], |row| Ok((columns::seq_value(row.get(0)?), Timestamp(row.get(1)?))))
        })
    }

    /// Everything that recovery needs, of one commit: for looking at a ledger without opening it for
    /// writing.
    ///
    /// # Errors
    /// [`LedgerError`] when a row cannot be read.
    pub fn state(&self) -> Result<super::LedgerState, LedgerError> {
        self.on(super::sqlite::load::state)
    }

    /// How many incidents and cases are open.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    pub fn counts(&self) -> Result<Counts, LedgerError> {
        self.with("counts", |conn| {
            // One transaction, so that the three numbers belong to one moment.
            let transaction = conn.unchecked_transaction()?;
            let mut counts = Counts::default();
            for severity in Severity::ALL {
                let mut statement = transaction
                    .prepare_cached("SELECT count(*) FROM incident WHERE state = 'open' AND severity = ?1")?;
                let count: i64 = statement.query_row([severity.name()], |row| row.get(0))?;
                counts.open_incidents_by_severity.push((severity, u64::try_from(count).unwrap_or(0)));
            }
            let mut statement = transaction
                .prepare_cached("SELECT count(*), coalesce(sum(overdue), 0) FROM case_file WHERE final = 0")?;
            let (open, overdue): (i64, i64) = statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            counts.open_cases = u64::try_from(open).unwrap_or(0);
            counts.overdue_cases = u64::try_from(overdue).unwrap_or(0);
            Ok(counts)
        })
    }

    /// Runs `read` on a connection; `what` is said when SQLite fails.
    fn with<T>(&self, what: &str, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, LedgerError> {
        let failed = |error: rusqlite::Error| LedgerError::sqlite(&format!("read {what}"), &error);
        let conn = self.pool.get().map_err(failed)?;
        read(&conn).map_err(failed)
    }

    /// Runs `read`, which names its own errors, on a connection.
    fn on<T>(&self, read: impl FnOnce(&Connection) -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        let conn = self.pool.get().map_err(|error| LedgerError::sqlite("open for reading", &error))?;
        read(&conn)
    }
}
