//! The delivery record in a file of its own: what each target has been told, and what it will be.
//!
//! Kept apart from the ledger: attempts depend on the world outside, so no replay could make the
//! same rows. Losing the file costs repeats (with the same ids), never an item.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use gengfu_model::{EffectId, OutboxItem, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row};

use super::receipts::DeliveryState;
use crate::LedgerError;
use crate::ledger::columns::{effect_id, seq_column};
use crate::sqlite;

/// Every migration in order; never changed once released.
const MIGRATIONS: [&str; 1] = ["
CREATE TABLE target (name TEXT PRIMARY KEY, seq INTEGER NOT NULL, ordinal INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE delivery (
    target TEXT NOT NULL, seq INTEGER NOT NULL, ordinal INTEGER NOT NULL,
    topic TEXT NOT NULL, time INTEGER NOT NULL, state TEXT NOT NULL,
    attempts INTEGER NOT NULL, refusals INTEGER NOT NULL,
    first_try INTEGER, last_try INTEGER, next_try INTEGER NOT NULL, answer TEXT NOT NULL,
    PRIMARY KEY (target, seq, ordinal)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_state ON delivery (target, state, seq, ordinal);
CREATE INDEX delivery_id ON delivery (seq, ordinal);
"];

/// Finished deliveries that are kept per target: the newest.
pub(super) const MAX_RECEIPTS: i64 = 100_000;

/// The record, shared by the workers of all targets.
#[derive(Debug)]
pub(super) struct DeliveryStore {
    conn: Mutex<Connection>,
    path: PathBuf,
}

/// An item that is not finished.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pending {
    pub(super) id: EffectId,
    pub(super) attempts: u32,
    pub(super) refusals: u32,
    pub(super) first_try: Option<Timestamp>,
    pub(super) next_try: Timestamp,
}

/// What an attempt changed.
#[derive(Debug)]
pub(super) struct Progress<'a> {
    pub(super) state: DeliveryState,
    pub(super) refused: bool,
    pub(super) now: Timestamp,
    pub(super) next_try: Timestamp,
    pub(super) answer: &'a str,
}

impl DeliveryStore {
    pub(super) fn open(path: &Path) -> Result<DeliveryStore, LedgerError> {
        let conn = sqlite::open_migrated(path, &MIGRATIONS).map_err(|error| LedgerError::opening(path, error))?;
        Ok(DeliveryStore { conn: Mutex::new(conn), path: path.to_owned() })
    }

    /// The last outbox row that was taken over for a target; `None` for a target never seen.
    pub(super) fn position(&self, target: &str) -> Result<Option<EffectId>, LedgerError> {
        self.lock()
            .prepare_cached("SELECT seq, ordinal FROM target WHERE name = ?1")
            .and_then(|mut statement| statement.query_row([target], |row| effect_id(row, 0)).optional())
            .map_err(|error| self.failed("read a target", &error))
    }

    /// Takes over outbox rows for a target and moves its position to `position`, in one transaction.
    pub(super) fn take_over(
        &self,
        target: &str,
        items: &[&OutboxItem],
        position: EffectId,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let mut conn = self.lock();
        let mut take = || {
            let transaction = conn.transaction()?;
            {
                let mut insert = transaction.prepare_cached(
                    "INSERT INTO delivery
                     (target, seq, ordinal, topic, time, state, attempts, refusals, next_try, answer)
                     VALUES (?1, ?2, ?3, ?4, ?5, 'pending', 0, 0, ?6, '')
                     ON CONFLICT (target, seq, ordinal) DO NOTHING",
                )?;
                for item in items {
                    let (seq, ordinal) = (seq_column(item.id.seq), item.id.ordinal);
                    insert.execute((target, seq, ordinal, &item.topic, item.time.0, now.0))?;
                }
                transaction
                    .prepare_cached(
                        "INSERT INTO target (name, seq, ordinal) VALUES (?1, ?2, ?3)
                         ON CONFLICT (name) DO UPDATE SET seq = excluded.seq, ordinal = excluded.ordinal",
                    )?
                    .execute((target, seq_column(position.seq), position.ordinal))?;
            }
            transaction.commit()
        };
        take().map_err(|error| self.failed("take over outbox rows", &error))
    }

    /// How many items of a target are not finished.
    pub(super) fn pending(&self, target: &str) -> Result<usize, LedgerError> {
        let count: i64 = self
            .lock()
            .prepare_cached("SELECT count(*) FROM delivery WHERE target = ?1 AND state = 'pending'")
            .and_then(|mut statement| statement.query_row([target], |row| row.get(0)))
            .map_err(|error| self.failed("count", &error))?;
        Ok(usize::try_from(count).unwrap_or(0))
    }

    /// The oldest unfinished item that was not refused `skip_after` times: the head of the line.
    pub(super) fn head(&self, target: &str, skip_after: u32) -> Result<Option<Pending>, LedgerError> {
        let sql = "SELECT seq, ordinal, attempts, refusals, first_try, next_try FROM delivery
                   WHERE target = ?1 AND state = 'pending' AND refusals < ?2 ORDER BY seq, ordinal LIMIT 1";
        self.first(sql, target, skip_after)
    }

    /// Of the items that stepped aside, the one whose next attempt is due first.
    pub(super) fn aside(&self, target: &str, skip_after: u32) -> Result<Option<Pending>, LedgerError> {
        let sql = "SELECT seq, ordinal, attempts, refusals, first_try, next_try FROM delivery
                   WHERE target = ?1 AND state = 'pending' AND refusals >= ?2 ORDER BY next_try, seq, ordinal LIMIT 1";
        self.first(sql, target, skip_after)
    }

    /// Records an attempt.
    pub(super) fn record(&self, target: &str, id: EffectId, progress: &Progress<'_>) -> Result<(), LedgerError> {
        self.lock()
            .prepare_cached(
                "UPDATE delivery SET state = ?4, attempts = attempts + 1, refusals = refusals + ?5,
                 first_try = coalesce(first_try, ?6), last_try = ?6, next_try = ?7, answer = ?8
                 WHERE target = ?1 AND seq = ?2 AND ordinal = ?3",
            )
            .and_then(|mut statement| {
                statement.execute((
                    target,
                    seq_column(id.seq),
                    id.ordinal,
                    progress.state.name(),
                    progress.refused,
                    progress.now.0,
                    progress.next_try.0,
                    progress.answer,
                ))
            })
            .map_err(|error| self.failed("record an attempt", &error))?;
        Ok(())
    }

    /// Records that an item is not sent any more.
    pub(super) fn withdraw(&self, target: &str, id: EffectId, answer: &str) -> Result<(), LedgerError> {
        self.lock()
            .prepare_cached(
                "UPDATE delivery SET state = 'withdrawn', answer = ?4 WHERE target = ?1 AND seq = ?2 AND ordinal = ?3",
            )
            .and_then(|mut statement| statement.execute((target, seq_column(id.seq), id.ordinal, answer)))
            .map_err(|error| self.failed("withdraw an item", &error))?;
        Ok(())
    }

    /// Where an item stands with a target, and how many attempts were made; `None`: it was never for that target,
    /// or is forgotten.
    pub(super) fn standing(&self, target: &str, id: EffectId) -> Result<Option<(DeliveryState, u32)>, LedgerError> {
        self.lock()
            .prepare_cached("SELECT state, attempts FROM delivery WHERE target = ?1 AND seq = ?2 AND ordinal = ?3")
            .and_then(|mut statement| {
                let key = (target, seq_column(id.seq), id.ordinal);
                statement.query_row(key, |row| Ok((state_column(row, 0)?, row.get(1)?))).optional()
            })
            .map_err(|error| self.failed("read an item", &error))
    }

    /// Forgets the oldest finished items of a target beyond [`MAX_RECEIPTS`].
    pub(super) fn trim(&self, target: &str, keep: i64) -> Result<(), LedgerError> {
        self.lock()
            .execute(
                "DELETE FROM delivery WHERE target = ?1 AND state <> 'pending' AND (seq, ordinal) <=
                 (SELECT seq, ordinal FROM delivery WHERE target = ?1 AND state <> 'pending'
                  ORDER BY seq DESC, ordinal DESC LIMIT 1 OFFSET ?2)",
                (target, keep),
            )
            .map_err(|error| self.failed("trim", &error))?;
        Ok(())
    }

    fn first(&self, sql: &str, target: &str, skip_after: u32) -> Result<Option<Pending>, LedgerError> {
        let read = |row: &Row<'_>| {
            let next: i64 = row.get(5)?;
            Ok(Pending {
                id: effect_id(row, 0)?,
                attempts: row.get(2)?,
                refusals: row.get(3)?,
                first_try: row.get::<_, Option<i64>>(4)?.map(Timestamp),
                next_try: Timestamp(next),
            })
        };
        self.lock()
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row((target, skip_after), read).optional())
            .map_err(|error| self.failed("read what is pending", &error))
    }

    fn failed(&self, what: &str, error: &rusqlite::Error) -> LedgerError {
        LedgerError::sqlite(&format!("{}: {what}", self.path.display()), error)
    }

    // Every change is one statement or transaction, so a panic of another worker leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.conn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The state that a word stands for.
pub(super) fn state_column(row: &Row<'_>, index: usize) -> rusqlite::Result<DeliveryState> {
    let word: String = row.get(index)?;
    DeliveryState::from_name(&word).ok_or_else(|| {
        let error = format!("no state is called `{word}`");
        rusqlite::Error::FromSqlConversionFailure(index, Type::Text, error.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::samples::{id, outbox};

    #[test]
    fn only_the_newest_receipts_are_kept_and_nothing_pending_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let store = DeliveryStore::open(&dir.path().join("delivery.db")).unwrap();
        let items: Vec<OutboxItem> = (1..=10).map(|seq| outbox(id(seq, 0), "t")).collect();
        let refs: Vec<&OutboxItem> = items.iter().collect();
        store.take_over("a", &refs, id(10, 0), Timestamp(0)).unwrap();
        store.take_over("b", &refs, id(10, 0), Timestamp(0)).unwrap();
        let done = |seq, state| {
            let now = Timestamp(1);
            let progress = Progress { state, refused: false, now, next_try: now, answer: "" };
            store.record("a", id(seq, 0), &progress).unwrap();
        };
        (2..=9).for_each(|seq| done(seq, DeliveryState::Delivered));
        store.trim("a", 3).unwrap();
        let left: Vec<i64> = store
            .lock()
            .prepare("SELECT seq FROM delivery WHERE target = 'a' ORDER BY seq")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(left, [1, 7, 8, 9, 10]);
        assert_eq!((store.pending("a").unwrap(), store.pending("b").unwrap()), (2, 10));
    }
}
