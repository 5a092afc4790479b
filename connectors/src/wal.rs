//! Puts the WAL files of a data folder away at a clean stop.
//!
//! SQLite does so by itself when a file's last connection closes, but only if that one may write; here readers outlive
//! the writers. What stands in a WAL is safe, yet the next start has to read it back, and a copy of the folder is whole
//! only with it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::sqlite;

/// How long a reader within a transaction is waited for: a stop must not hang for somebody's long question.
const PATIENCE: Duration = Duration::from_secs(2);
/// What SQLite appends to a file's name for its WAL.
const SUFFIX: &str = "-wal";

/// Brings what stands in the WAL of each SQLite file in `folder` and its subfolders into the file itself, and cuts the
/// WAL to nothing. Call it when no writer has any of them open.
///
/// Gives the WAL files that are left as they were, with why: nothing is lost, the next start reads them back.
///
/// # Errors
/// When a folder cannot be listed.
pub fn put_wals_away(folder: &Path) -> io::Result<Vec<(PathBuf, String)>> {
    let mut left = Vec::new();
    let (mut subfolders, mut wals) = (Vec::new(), wals(folder)?);
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            subfolders.push(entry.path());
        }
    }
    for subfolder in subfolders {
        wals.extend(self::wals(&subfolder)?);
    }
    for (wal, file) in wals {
        match put_away(&file) {
            Ok(true) => {}
            Ok(false) => left.push((wal, "somebody reads the file".to_owned())),
            Err(error) => left.push((wal, error.to_string())),
        }
    }
    Ok(left)
}

/// The WAL files of a folder that have bytes, each with the file that it belongs to.
fn wals(folder: &Path) -> io::Result<Vec<(PathBuf, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(file) = name.to_str().and_then(|name| name.strip_suffix(SUFFIX)) else { continue };
        let is_wal = file.ends_with(".db") && entry.metadata()?.len() > 0;
        // A WAL without its file is none of SQLite's doing: opening the file would make an empty one.
        if is_wal && folder.join(file).try_exists()? {
            found.push((entry.path(), folder.join(file)));
        }
    }
    Ok(found)
}

fn put_away(file: &Path) -> rusqlite::Result<bool> {
    let conn = sqlite::open_writer(file)?;
    conn.busy_timeout(PATIENCE)?;
    let busy: i64 = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    Ok(busy == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(file: &Path) -> u64 {
        fs::metadata(file).map_or(0, |wal| wal.len())
    }

    #[test]
    fn readers_that_outlive_the_writer_leave_a_wal_which_is_put_away() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("series")).unwrap();
        let files = ["ledger.db", "series/2026-11-23.db"].map(|name| folder.path().join(name));
        let readers = files.clone().map(|file| {
            let writer = sqlite::open_writer(&file).unwrap();
            writer.execute_batch("CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1);").unwrap();
            let reader = sqlite::open_reader(&file).unwrap();
            assert_eq!(reader.query_row("SELECT count(*) FROM a", [], |row| row.get::<_, i64>(0)).unwrap(), 1);
            reader
        });
        let wals = files.map(|file| PathBuf::from(format!("{}{SUFFIX}", file.display())));
        assert!(wals.iter().all(|wal| bytes(wal) > 0), "the readers keep them");
        assert_eq!(put_wals_away(folder.path()).unwrap(), []);
        assert!(wals.iter().all(|wal| bytes(wal) == 0));
        for reader in readers {
            assert_eq!(reader.query_row("SELECT count(*) FROM a", [], |row| row.get::<_, i64>(0)).unwrap(), 1);
        }
    }

    #[test]
    fn a_file_that_is_being_read_is_left_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ledger.db");
        let writer = sqlite::open_writer(&file).unwrap();
        writer.execute_batch("CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1);").unwrap();
        let reader = sqlite::open_reader(&file).unwrap();
        reader.execute_batch("BEGIN; SELECT * FROM a;").unwrap();
        writer.execute_batch("INSERT INTO a VALUES (2);").unwrap();
        drop(writer);
        let left = put_wals_away(folder.path()).unwrap();
        assert_eq!(left.len(), 1, "{left:?}");
        assert!(left[0].0.ends_with("ledger.db-wal"), "{left:?}");
    }
}
