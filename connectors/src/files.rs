//! Copies and checks SQLite files of this crate, without knowing what is in them: for backups and the
//! doctor.
//!
//! Promises: opens for reading only, so the file's writer goes on meanwhile; a copy is of one moment.

use std::path::Path;

use crate::LedgerError;
use crate::sqlite;

/// Mistakes of one file that are told at most.
const MAX_MISTAKES: usize = 20;

/// Writes a consistent copy of the file `from`, which another process may be writing, to a new file at
/// `to`, synced.
///
/// # Errors
/// [`LedgerError`] if `from` cannot be read, or `to` is there already or cannot be written.
pub fn copy(from: &Path, to: &Path) -> Result<(), LedgerError> {
    let what = format!("copy {} to {}", from.display(), to.display());
    sqlite::open_reader(from)
        .and_then(|conn| sqlite::backup(&conn, to))
        .map_err(|error| LedgerError::sqlite(&what, &error))?;
    std::fs::File::open(to).and_then(|file| file.sync_all()).map_err(|error| LedgerError::io(&what, &error))
}

/// Goes through every page of a file; gives what SQLite finds wrong, in its own words.
///
/// # Errors
/// [`LedgerError`] if the file cannot be read at all.
pub fn check(file: &Path) -> Result<Vec<String>, LedgerError> {
    let failed = |error: rusqlite::Error| LedgerError::sqlite(&format!("check {}", file.display()), &error);
    let conn = sqlite::open_reader(file).map_err(failed)?;
    let mut statement = conn.prepare(&format!("PRAGMA integrity_check({MAX_MISTAKES})")).map_err(failed)?;
    let rows = statement.query_map([], |row| row.get(0)).map_err(failed)?;
    let found: Vec<String> = rows.collect::<Result<_, _>>().map_err(failed)?;
    Ok(if found == ["ok"] { Vec::new() } else { found })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_copied_under_its_writer_and_damage_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let (path, to) = (dir.path().join("a.db"), dir.path().join("b.db"));
        let writer = sqlite::open_writer(&path).unwrap();
        writer.execute_batch("CREATE TABLE a (x TEXT) STRICT; CREATE INDEX i ON a (x);").unwrap();
        for number in 0..2_000 {
            writer.execute("INSERT INTO a VALUES (?1)", [format!("row {number}")]).unwrap();
        }
        copy(&path, &to).unwrap();
        assert!(copy(&path, &to).is_err(), "nothing is overwritten");
        writer.execute("DELETE FROM a", []).unwrap();
        let rows: i64 =
            sqlite::open_reader(&to).unwrap().query_row("SELECT count(*) FROM a", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 2_000);
        assert_eq!(check(&to).unwrap(), [""; 0]);

        let mut bytes = std::fs::read(&to).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..middle + 4_096].fill(0x5a);
        std::fs::write(&to, bytes).unwrap();
        assert!(check(&to).map_or(true, |found| !found.is_empty()));
        assert!(check(&dir.path().join("missing.db")).is_err());
    }
}
