//! The ledger in one SQLite file.
//!
//! Promises: a commit is one transaction with its position, durable when it returns (WAL,
//! synchronous FULL); a repeated effect changes nothing; a full disk is told apart from other
//! failures, and a reserve beside the file makes room for timers and duty staff.

mod apply;
pub(crate) mod decisions;
mod export;
pub(crate) mod load;
mod messages;
mod reserve;
mod stream;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::{Path, PathBuf};

use gengfu_model::{Effect, EffectId, Seq, Timestamp};
use rusqlite::{Connection, TransactionBehavior};

use super::columns::seq_column;
use super::{Ledger, LedgerError, LedgerState, MESSAGES_KEPT_MS, schema};
use crate::sqlite;
use reserve::Reserve;
use stream::StreamTail;

/// Size of the ledger's reserve unless told otherwise: room for some 30,000 changes.
pub const DEFAULT_RESERVE_BYTES: u64 = 32 * 1024 * 1024;

/// How a ledger is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerOptions {
    /// Size of the reserve file in bytes; 0: none.
    pub reserve_bytes: u64,
    /// How long what became of messages is kept, counted back from the newest, in milliseconds.
    pub keep_messages_ms: i64,
}

impl Default for LedgerOptions {
    fn default() -> LedgerOptions {
        LedgerOptions { reserve_bytes: DEFAULT_RESERVE_BYTES, keep_messages_ms: MESSAGES_KEPT_MS }
    }
}

/// The ledger in one SQLite file. One thread owns it; [`super::LedgerReader`] reads beside it.
#[derive(Debug)]
pub struct SqliteLedger {
    conn: Connection,
    path: PathBuf,
    position: Seq,
    tail: StreamTail,
    reserve: Reserve,
    keep_messages_ms: i64,
}

impl SqliteLedger {
    /// Opens the ledger at `path`, makes it if it is not there, and brings it to this program's schema.
    ///
    /// # Errors
    /// [`LedgerError::Newer`] for a file of a newer program, else what the store says.
    pub fn open(path: &Path) -> Result<SqliteLedger, LedgerError> {
        SqliteLedger::open_with(path, LedgerOptions::default())
    }

    /// As [`SqliteLedger::open`], with options. A disk too full for the reserve does not keep the
    /// ledger from opening.
    ///
    /// # Errors
    /// As [`SqliteLedger::open`].
    pub fn open_with(path: &Path, options: LedgerOptions) -> Result<SqliteLedger, LedgerError> {
        let mut conn = sqlite::open_writer(path)
            .map_err(|error| LedgerError::sqlite(&format!("open {}", path.display()), &error))?;
        schema::migrate(&mut conn, path)?;
        let position = load::position(&conn)?.0;
        let tail = StreamTail::open(&conn)?;
        let mut reserve = Reserve::beside(path, options.reserve_bytes);
        match reserve.restore() {
            Ok(()) => {}
            Err(LedgerError::Full) => tracing::warn!(file = %path.display(), "no room for the ledger's reserve"),
            Err(error) => return Err(error),
        }
        let keep_messages_ms = options.keep_messages_ms;
        Ok(SqliteLedger { conn, path: path.to_owned(), position, tail, reserve, keep_messages_ms })
    }

    /// Gives the reserve's room back to the disk. After [`LedgerError::Full`] the commit can be
    /// tried again; it was kept not even in part. Nothing happens when the reserve is gone already.
    ///
    /// # Errors
    /// [`LedgerError::Store`] when the file cannot be removed.
    pub fn release_reserve(&mut self) -> Result<(), LedgerError> {
        self.reserve.release()
    }

    /// Makes the reserve again, when there is room.
    ///
    /// # Errors
    /// [`LedgerError::Full`] when there is no room.
    pub fn restore_reserve(&mut self) -> Result<(), LedgerError> {
        self.reserve.restore()
    }

    /// Whether the reserve is there in full.
    #[must_use]
    pub fn has_reserve(&self) -> bool {
        self.reserve.is_whole()
    }

    /// Writes a consistent copy of the ledger to a new file at `to`, synced; the position is within.
    /// Blocks the writer for the time it takes.
    ///
    /// # Errors
    /// [`LedgerError`] if `to` is there already or cannot be written.
    pub fn backup(&self, to: &Path) -> Result<(), LedgerError> {
        sqlite::backup(&self.conn, to)
            .map_err(|error| LedgerError::sqlite(&format!("back up to {}", to.display()), &error))?;
        std::fs::File::open(to)
            .and_then(|file| file.sync_all())
            .map_err(|error| LedgerError::io(&format!("sync {}", to.display()), &error))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Ledger for SqliteLedger {
    fn commit(&mut self, effects: &[(EffectId, Effect)], position: Seq, time: Timestamp) -> Result<(), LedgerError> {
        if position < self.position {
            return Err(super::behind(position, self.position));
        }
        let failed = |error: rusqlite::Error| LedgerError::sqlite("commit", &error);
        let transaction = self.conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let mut added = 0;
        for (id, effect) in effects {
            added += apply::apply(&transaction, *id, effect, time)?;
        }
        let tail = self.tail.after(&transaction, added)?;
        if effects.iter().any(|(_, effect)| matches!(effect, Effect::Decision(_))) {
            decisions::trim(&transaction)?;
        }
        if effects.iter().any(|(_, effect)| matches!(effect, Effect::Disposition(_) | Effect::DaySheet { .. })) {
            messages::trim(&transaction, self.keep_messages_ms)?;
        }
        apply::set_position(&transaction, seq_column(position), time).map_err(failed)?;
        transaction.commit().map_err(failed)?;
        self.position = position;
        self.tail = tail;
        Ok(())
    }

    fn load(&self) -> Result<LedgerState, LedgerError> {
        load::state(&self.conn)
    }

    fn dump(&self, output: &mut dyn Write) -> Result<(), LedgerError> {
        export::dump(&self.conn, self.keep_messages_ms, output)
    }
}
