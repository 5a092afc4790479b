//! Checkpoints in a SQLite file of their own.
//!
//! Promises: a batch of rows is one durable transaction (WAL, synchronous FULL). Every row carries a
//! CRC-32 over device, position and bytes: SQLite guards its WAL by checksums but not the pages of
//! the file itself, and a flipped bit in a device's state would be judged on for ever. A row that
//! fails it is a loud [`LedgerError::Corrupt`]; the way out is a clean checkpoint by replay.

use std::path::Path;

use gengfu_model::{DeviceId, Seq};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::{CheckpointStore, DeviceRow};
use crate::LedgerError;
use crate::ledger::columns::{seq_column, seq_value};
use crate::sqlite;

/// Every migration in order; never changed once released.
const MIGRATIONS: [&str; 1] = ["
CREATE TABLE device_state (
    device TEXT PRIMARY KEY, position INTEGER NOT NULL, crc INTEGER NOT NULL, bytes BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE replay_from (
    id INTEGER PRIMARY KEY CHECK (id = 1), position INTEGER NOT NULL, crc INTEGER NOT NULL, tables BLOB NOT NULL
) STRICT;
"];

/// Checkpoints in one SQLite file. One thread owns it.
#[derive(Debug)]
pub struct SqliteCheckpoints {
    conn: Connection,
}

impl SqliteCheckpoints {
    /// Opens the file at `path`, or makes it.
    ///
    /// # Errors
    /// [`LedgerError::Newer`] for a file of a newer program, else what the store says.
    pub fn open(path: &Path) -> Result<SqliteCheckpoints, LedgerError> {
        let opened = sqlite::open_migrated(path, &MIGRATIONS);
        Ok(SqliteCheckpoints { conn: opened.map_err(|error| LedgerError::opening(path, error))? })
    }

    /// Opens a file that is there for reading only: nothing can be put, and nothing is brought to a newer
    /// schema.
    ///
    /// # Errors
    /// What the store says.
    pub fn open_reader(path: &Path) -> Result<SqliteCheckpoints, LedgerError> {
        let failed = |error: rusqlite::Error| LedgerError::sqlite(&format!("open {}", path.display()), &error);
        sqlite::open_reader(path).map(|conn| SqliteCheckpoints { conn }).map_err(failed)
    }

    /// Writes a consistent copy to a new file at `to`, synced.
    ///
    /// # Errors
    /// [`LedgerError`] if `to` is there already or cannot be written.
    pub fn backup(&self, to: &Path) -> Result<(), LedgerError> {
        let what = format!("back up checkpoints to {}", to.display());
        sqlite::backup(&self.conn, to).map_err(|error| LedgerError::sqlite(&what, &error))?;
        std::fs::File::open(to).and_then(|file| file.sync_all()).map_err(|error| LedgerError::io(&what, &error))
    }
}

impl CheckpointStore for SqliteCheckpoints {
    fn put(&mut self, rows: &[DeviceRow]) -> Result<(), LedgerError> {
        let mut put = || {
            let transaction = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            {
                let mut statement = transaction.prepare_cached(
                    "INSERT INTO device_state (device, position, crc, bytes) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (device) DO UPDATE SET
                     position = excluded.position, crc = excluded.crc, bytes = excluded.bytes",
                )?;
                for row in rows {
                    let crc = checksum(row.device.as_str(), row.position, &row.bytes);
                    statement.execute((row.device.as_str(), seq_column(row.position), crc, &row.bytes))?;
                }
            }
            transaction.commit()
        };
        put().map_err(|error| LedgerError::sqlite("put checkpoints", &error))
    }

    fn advance(&mut self, position: Seq, tables: &[u8]) -> Result<(), LedgerError> {
        let crc = checksum("", position, tables);
        self.conn
            .prepare_cached(
                "INSERT INTO replay_from (id, position, crc, tables) VALUES (1, ?1, ?2, ?3)
                 ON CONFLICT (id) DO UPDATE SET
                 position = excluded.position, crc = excluded.crc, tables = excluded.tables",
            )
            .and_then(|mut statement| statement.execute((seq_column(position), crc, tables)))
            .map_err(|error| LedgerError::sqlite("advance the checkpoint", &error))?;
        Ok(())
    }

    fn position(&self) -> Result<Option<(Seq, Vec<u8>)>, LedgerError> {
        let row: Option<(i64, u32, Vec<u8>)> = self
            .conn
            .query_row("SELECT position, crc, tables FROM replay_from", [], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()
            .map_err(|error| LedgerError::sqlite("read the checkpoint's position", &error))?;
        let Some((position, crc, tables)) = row else {
            return Ok(None);
        };
        let position = seq_value(position);
        verify(crc, "", position, &tables)?;
        Ok(Some((position, tables)))
    }

    fn load(&self, each: &mut dyn FnMut(DeviceRow)) -> Result<(), LedgerError> {
        let failed = |error: rusqlite::Error| LedgerError::sqlite("load checkpoints", &error);
        let mut statement = self
            .conn
            .prepare_cached("SELECT device, position, crc, bytes FROM device_state ORDER BY device")
            .map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let device: String = row.get(0).map_err(failed)?;
            let position = seq_value(row.get(1).map_err(failed)?);
            let crc: u32 = row.get(2).map_err(failed)?;
            let bytes: Vec<u8> = row.get(3).map_err(failed)?;
            verify(crc, &device, position, &bytes)?;
            let device = DeviceId::new(&device).map_err(|error| LedgerError::Corrupt {
                row: format!("device_state {device}"),
                message: error.to_string(),
            })?;
            each(DeviceRow { device, position, bytes });
        }
        Ok(())
    }
}

fn checksum(device: &str, position: Seq, bytes: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(device.as_bytes());
    crc.update(&position.0.to_le_bytes());
    crc.update(bytes);
    crc.finalize()
}

fn verify(crc: u32, device: &str, position: Seq, bytes: &[u8]) -> Result<(), LedgerError> {
    if checksum(device, position, bytes) == crc {
        return Ok(());
    }
    let row = if device.is_empty() { "replay_from".to_owned() } else { format!("device_state {device}") };
    let message = "checksum does not match: restore a backup, or start from a clean checkpoint".to_owned();
    Err(LedgerError::Corrupt { row, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(device: &str) -> DeviceRow {
        DeviceRow { device: DeviceId::new(device).unwrap(), position: Seq(3), bytes: b"state".to_vec() }
    }

    #[test]
    fn what_was_put_is_there_after_a_reopen_and_in_a_backup() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoint.db");
        let mut store = SqliteCheckpoints::open(&path).unwrap();
        store.put(&[row("a")]).unwrap();
        store.advance(Seq(3), b"tables").unwrap();
        store.backup(&dir.path().join("copy.db")).unwrap();
        for path in [path, dir.path().join("copy.db")] {
            let again = SqliteCheckpoints::open(&path).unwrap();
            let mut rows = Vec::new();
            again.load(&mut |row| rows.push(row)).unwrap();
            assert_eq!(rows, [row("a")]);
            assert_eq!(again.position().unwrap(), Some((Seq(3), b"tables".to_vec())));
        }
    }

    #[test]
    fn a_changed_byte_is_found_and_its_device_named() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = SqliteCheckpoints::open(&dir.path().join("checkpoint.db")).unwrap();
        store.put(&[row("a"), row("b")]).unwrap();
        store.advance(Seq(3), b"tables").unwrap();
        store.conn.execute("UPDATE device_state SET bytes = CAST('statf' AS BLOB) WHERE device = 'b'", []).unwrap();
        let error = store.load(&mut |_| ()).unwrap_err();
        assert!(matches!(&error, LedgerError::Corrupt { row, .. } if row == "device_state b"), "{error}");
        store.conn.execute("UPDATE replay_from SET position = 4", []).unwrap();
        assert!(matches!(store.position(), Err(LedgerError::Corrupt { .. })));
    }

    #[test]
    fn a_batch_that_does_not_fit_is_not_kept_in_part() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = SqliteCheckpoints::open(&dir.path().join("checkpoint.db")).unwrap();
        store.put(&[row("a")]).unwrap();
        store.conn.query_row("PRAGMA max_page_count = 1", [], |_| Ok(())).unwrap();
        let large = DeviceRow { bytes: vec![7; 100_000], ..row("b") };
        let newer = DeviceRow { position: Seq(9), ..row("a") };
        assert!(matches!(store.put(&[newer, large]), Err(LedgerError::Full)));
        let mut rows = Vec::new();
        store.load(&mut |row| rows.push(row)).unwrap();
        assert_eq!(rows, [row("a")]);
    }
}
