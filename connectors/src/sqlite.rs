//! What every SQLite file of gengfu has in common: how it is opened, migrated, and read by many.
//!
//! Promises: a writer's commit is durable when it returns (WAL, synchronous FULL); readers never
//! block the writer nor see half a commit. One writer a file; the callers see to that.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

/// How long a connection waits for another one's lock before it gives up. Locks are held for a
/// checkpoint of the WAL at most, unless somebody works on the file with another program.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Prepared statements kept per connection.
const STATEMENT_CACHE: usize = 128;
/// The WAL file is cut back to this size after a checkpoint.
const WAL_LIMIT_BYTES: u32 = 64 * 1024 * 1024;

/// SQLite's extended codes for a full disk that are not the plain one: the shared index of the WAL could
/// not grow (`SQLITE_IOERR_SHMSIZE`).
const SHM_SIZE: i32 = 10 | (19 << 8);

/// Whether the error says that the disk (or a quota) is full.
pub(crate) fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
        || error.sqlite_error().is_some_and(|error| error.extended_code == SHM_SIZE)
}

/// Opens (and makes, if it is not there) a file for its one writer.
pub(crate) fn open_writer(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    conn.execute_batch(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = {WAL_LIMIT_BYTES};"
    ))?;
    Ok(conn)
}

/// Opens a file that is there for reading only.
pub(crate) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    Ok(conn)
}

/// Why a file could not be brought to the schema of this program.
#[derive(Debug)]
pub(crate) enum MigrateError {
    /// SQLite said no.
    Sqlite(rusqlite::Error),
    /// The file is newer than the program.
    Newer {
        /// The file's version.
        found: i64,
        /// The newest that the program knows.
        known: i64,
    },
}

impl From<rusqlite::Error> for MigrateError {
    fn from(error: rusqlite::Error) -> MigrateError {
        MigrateError::Sqlite(error)
    }
}

/// Opens (and makes, if it is not there) a file for its one writer, at this program's schema.
pub(crate) fn open_migrated(path: &Path, migrations: &[&str]) -> Result<Connection, MigrateError> {
    let mut conn = open_writer(path)?;
    migrate(&mut conn, migrations)?;
    Ok(conn)
}

/// Applies the migrations that the file has not seen, each in a transaction of its own. The version
/// stands in the table `meta` under `schema`: the number of migrations applied.
pub(crate) fn migrate(conn: &mut Connection, migrations: &[&str]) -> Result<(), MigrateError> {
    conn.execute_batch(
        "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
         INSERT OR IGNORE INTO meta (name, value) VALUES ('schema', 0);",
    )?;
    let found: i64 = conn.query_row("SELECT value FROM meta WHERE name = 'schema'", [], |row| row.get(0))?;
    let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(MigrateError::Newer { found, known });
    }
    let done = usize::try_from(found).unwrap_or(0);
    for (index, migration) in migrations.iter().enumerate().skip(done) {
        let transaction = conn.transaction()?;
        transaction.execute_batch(migration)?;
        let version = i64::try_from(index + 1).unwrap_or(i64::MAX);
        transaction.execute("UPDATE meta SET value = ?1 WHERE name = 'schema'", [version])?;
        transaction.commit()?;
    }
    Ok(())
}

/// Writes a consistent copy of the whole file to a new file.
pub(crate) fn backup(conn: &Connection, to: &Path) -> rusqlite::Result<()> {
    conn.execute("VACUUM INTO ?1", [to.to_string_lossy()])?;
    Ok(())
}

/// A few read-only connections to one file, lent out one at a time.
#[derive(Debug)]
pub(crate) struct ReadPool {
    path: PathBuf,
    most: usize,
    state: Mutex<PoolState>,
    returned: Condvar,
}

#[derive(Debug)]
struct PoolState {
    idle: Vec<Connection>,
    open: usize,
}

impl ReadPool {
    /// A pool of at most `most` connections; the first is opened at once, so that a missing file is
    /// found here.
    pub(crate) fn open(path: &Path, most: usize) -> rusqlite::Result<ReadPool> {
        let first = open_reader(path)?;
        first.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(ReadPool {
            path: path.to_owned(),
            most: most.max(1),
            state: Mutex::new(PoolState { idle: vec![first], open: 1 }),
            returned: Condvar::new(),
        })
    }

    /// A connection; waits until one is free.
    pub(crate) fn get(&self) -> rusqlite::Result<Lent<'_>> {
        let mut state = self.lock();
        loop {
            if let Some(conn) = state.idle.pop() {
                return Ok(Lent { pool: self, conn: Some(conn) });
            }
            if state.open < self.most {
                let conn = open_reader(&self.path)?;
                state.open += 1;
                return Ok(Lent { pool: self, conn: Some(conn) });
            }
            state = self.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    // A panic of a reader leaves the pool's two fields consistent, so poisoning is of no interest.
    fn lock(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that goes back to its pool when dropped.
pub(crate) struct Lent<'a> {
    pool: &'a ReadPool,
    conn: Option<Connection>,
}

impl Deref for Lent<'_> {
    type Target = Connection;
    #[expect(clippy::expect_used, reason = "the connection leaves only in drop")]
    fn deref(&self) -> &Connection {
        self.conn.as_ref().expect("a lent connection is there until it is dropped")
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take() {
            self.pool.lock().idle.push(conn);
            self.pool.returned.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_run_once_and_a_newer_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.db");
        let mut conn = open_writer(&path).unwrap();
        migrate(&mut conn, &["CREATE TABLE a (x INTEGER) STRICT;"]).unwrap();
        migrate(&mut conn, &["CREATE TABLE a (x INTEGER) STRICT;", "CREATE TABLE b (x INTEGER) STRICT;"]).unwrap();
        let tables: i64 =
            conn.query_row("SELECT count(*) FROM sqlite_schema WHERE name IN ('a', 'b')", [], |r| r.get(0)).unwrap();
        assert_eq!(tables, 2);
        let refused = migrate(&mut conn, &["CREATE TABLE a (x INTEGER) STRICT;"]);
        assert!(matches!(refused, Err(MigrateError::Newer { found: 2, known: 1 })), "{refused:?}");
    }

    #[test]
    fn a_pool_lends_no_more_than_it_may_and_takes_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.db");
        open_writer(&path).unwrap().execute_batch("CREATE TABLE a (x INTEGER) STRICT;").unwrap();
        let pool = ReadPool::open(&path, 2).unwrap();
        let one = pool.get().unwrap();
        let two = pool.get().unwrap();
        assert_eq!(pool.lock().open, 2);
        std::thread::scope(|scope| {
            let third = scope.spawn(|| pool.get().is_ok());
            drop(one);
            assert!(third.join().unwrap());
        });
        drop(two);
        let state = pool.lock();
        assert_eq!((state.idle.len(), state.open), (2, 2));
    }

    #[test]
    fn a_reader_cannot_write() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.db");
        let writer = open_writer(&path).unwrap();
        writer.execute_batch("CREATE TABLE a (x INTEGER) STRICT;").unwrap();
        assert!(open_reader(&path).unwrap().execute("INSERT INTO a VALUES (1)", []).is_err());
        assert!(ReadPool::open(&dir.path().join("missing.db"), 2).is_err());
    }
}
