//! How far each remote store has been fed, and what it could not be given: a small file of its own.
//!
//! Kept apart from the ledger, since it depends on the world outside and no replay could make it
//! again. Losing the file costs repeats, which do no harm.

use std::path::{Path, PathBuf};

use gengfu_model::{Seq, Timestamp};
use rusqlite::{Connection, OptionalExtension};

use crate::SeriesError;
use crate::sqlite;

/// Every migration in order; never changed once released.
const MIGRATIONS: [&str; 1] = ["
CREATE TABLE feed (target TEXT PRIMARY KEY, seq INTEGER NOT NULL, time INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE gap (
    target TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, noticed INTEGER NOT NULL,
    PRIMARY KEY (target, first)
) STRICT, WITHOUT ROWID;
"];

/// Records that a store was never given, since they were not kept any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The first record that is missing.
    pub first: Seq,
    /// The last record that is missing.
    pub last: Seq,
    /// When that was noticed.
    pub noticed: Timestamp,
}

/// The record of one store's feeding. One writer a file.
#[derive(Debug)]
pub struct FeedRecord {
    conn: Connection,
    path: PathBuf,
    target: String,
}

impl FeedRecord {
    /// The record in the file at `path` (made if it is not there) for the store called `target`: its
    /// address, organisation and bucket, so that another store begins at the beginning.
    ///
    /// # Errors
    /// [`SeriesError`] when the file cannot be opened or is newer than the program.
    pub fn open(path: &Path, target: &str) -> Result<FeedRecord, SeriesError> {
        let conn = sqlite::open_migrated(path, &MIGRATIONS).map_err(|error| SeriesError::opening(path, error))?;
        Ok(FeedRecord { conn, path: path.to_owned(), target: target.to_owned() })
    }

    /// The last record that the store is known to have kept; `None` for a store never fed.
    ///
    /// # Errors
    /// [`SeriesError`] when the file cannot be read.
    pub fn position(&self) -> Result<Option<Seq>, SeriesError> {
        self.conn
            .prepare_cached("SELECT seq FROM feed WHERE target = ?1")
            .and_then(|mut statement| statement.query_row([&self.target], |row| row.get(0)).optional())
            .map(|seq| seq.map(seq_of))
            .map_err(|error| self.failed("read", &error))
    }

    /// Moves the position; durable when it returns.
    ///
    /// # Errors
    /// [`SeriesError`] when the file cannot be written; the position stands where it was.
    pub fn advance(&mut self, seq: Seq, now: Timestamp) -> Result<(), SeriesError> {
        self.conn
            .prepare_cached(
                "INSERT INTO feed (target, seq, time) VALUES (?1, ?2, ?3)
                 ON CONFLICT (target) DO UPDATE SET seq = excluded.seq, time = excluded.time",
            )
            .and_then(|mut statement| statement.execute((&self.target, column(seq), now.as_millis())))
            .map(|_| ())
            .map_err(|error| self.failed("advance", &error))
    }

    /// Notes a gap; one that begins where a noted one does replaces it, and never makes it shorter.
    /// Gives how many records it has that were not noted before.
    ///
    /// # Errors
    /// [`SeriesError`] when the file cannot be written.
    pub fn note_gap(&mut self, first: Seq, last: Seq, now: Timestamp) -> Result<u64, SeriesError> {
        let known = self
            .conn
            .query_row("SELECT last FROM gap WHERE target = ?1 AND first = ?2", (&self.target, column(first)), |row| {
                row.get(0)
            })
            .optional()
            .map(|last| last.map(seq_of))
            .map_err(|error| self.failed("read a gap", &error))?;
        let before = known.map_or(first.0.saturating_sub(1), |known| known.0);
        if last.0 <= before {
            return Ok(0);
        }
        self.conn
            .execute(
                "INSERT OR REPLACE INTO gap (target, first, last, noticed) VALUES (?1, ?2, ?3, ?4)",
                (&self.target, column(first), column(last), now.as_millis()),
            )
            .map_err(|error| self.failed("note a gap", &error))?;
        Ok(last.0 - before)
    }

    /// The store's gaps, oldest first.
    ///
    /// # Errors
    /// [`SeriesError`] when the file cannot be read.
    pub fn gaps(&self) -> Result<Vec<Gap>, SeriesError> {
        let read = || {
            let mut statement =
                self.conn.prepare_cached("SELECT first, last, noticed FROM gap WHERE target = ?1 ORDER BY first")?;
            let rows = statement.query_map([&self.target], |row| {
                Ok(Gap { first: seq_of(row.get(0)?), last: seq_of(row.get(1)?), noticed: Timestamp(row.get(2)?) })
            })?;
            rows.collect::<Result<Vec<_>, _>>()
        };
        read().map_err(|error| self.failed("read the gaps", &error))
    }

    /// Takes a gap off the list: it was filled.
    ///
    /// # Errors
    /// [`SeriesError`] when the file cannot be written.
    pub fn forget_gap(&mut self, gap: &Gap) -> Result<(), SeriesError> {
        self.conn
            .execute(
                "DELETE FROM gap WHERE target = ?1 AND first = ?2 AND last = ?3",
                (&self.target, column(gap.first), column(gap.last)),
            )
            .map(|_| ())
            .map_err(|error| self.failed("forget a gap", &error))
    }

    fn failed(&self, what: &str, error: &rusqlite::Error) -> SeriesError {
        SeriesError::sqlite(&format!("{what} {}", self.path.display()), error)
    }
}

fn column(seq: Seq) -> i64 {
    i64::try_from(seq.0).unwrap_or(i64::MAX)
}

fn seq_of(column: i64) -> Seq {
    Seq(u64::try_from(column).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_and_belongs_to_its_store() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("feed.db");
        let mut record = FeedRecord::open(&path, "one").unwrap();
        assert_eq!(record.position().unwrap(), None);
        record.advance(Seq(7), Timestamp(1)).unwrap();
        record.advance(Seq(9), Timestamp(2)).unwrap();
        drop(record);
        assert_eq!(FeedRecord::open(&path, "one").unwrap().position().unwrap(), Some(Seq(9)));
        assert_eq!(FeedRecord::open(&path, "two").unwrap().position().unwrap(), None);
    }

    #[test]
    fn a_gap_is_noted_once_and_may_grow() {
        let folder = tempfile::tempdir().unwrap();
        let mut record = FeedRecord::open(&folder.path().join("feed.db"), "one").unwrap();
        assert_eq!(record.note_gap(Seq(5), Seq(9), Timestamp(1)).unwrap(), 5);
        assert_eq!(record.note_gap(Seq(5), Seq(9), Timestamp(2)).unwrap(), 0, "seen again after a rewind");
        assert_eq!(record.note_gap(Seq(5), Seq(12), Timestamp(3)).unwrap(), 3, "the archive has moved on");
        assert_eq!(record.note_gap(Seq(20), Seq(20), Timestamp(4)).unwrap(), 1);
        let expected = [
            Gap { first: Seq(5), last: Seq(12), noticed: Timestamp(3) },
            Gap { first: Seq(20), last: Seq(20), noticed: Timestamp(4) },
        ];
        assert_eq!(record.gaps().unwrap(), expected);
        record.forget_gap(&Gap { last: Seq(9), ..expected[0] }).unwrap();
        assert_eq!(record.gaps().unwrap().len(), 2, "it has grown meanwhile: not all of it was filled");
        record.forget_gap(&expected[0]).unwrap();
        assert_eq!(record.gaps().unwrap(), expected[1..]);
    }
}
