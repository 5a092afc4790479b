//! One partition: the points of one day (UTC) in one SQLite file, so that retention is the removal
//! of a file.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Datelike, NaiveDate};
use gengfu_model::Timestamp;
use gengfu_model::time::DAY_MS;
use rusqlite::Connection;

use crate::series::SeriesError;
use crate::sqlite;

/// Every migration in order; never changed once released. Times are milliseconds of the day; the
/// kind is part of every key, since a device may come back as another one. A reading is what one record said of one
/// time, all its fields in one row: a message costs one place in the tree, and not one per field. Blocks have a rowid,
/// since a tree without keeps a quarter of a page of each blob at most and gives every one pages of its own for the
/// rest: 1,200 blobs of 2.5 KB take 1.8 times their length so, and 1.5 times with a rowid; of 0.9 KB, 2.6 and 1.2 times.
/// A block holds the device's readings from `start` to `last`, both included; `ordinal` tells blocks
/// of one start apart. `summary` is what a block amounts to, so that long windows need not unpack it.
const MIGRATIONS: [&str; 1] = ["
CREATE TABLE reading (
    device INTEGER NOT NULL, kind INTEGER NOT NULL, ms INTEGER NOT NULL, seq INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (device, kind, ms, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE block (
    device INTEGER NOT NULL, kind INTEGER NOT NULL, start INTEGER NOT NULL, ordinal INTEGER NOT NULL,
    last INTEGER NOT NULL, summary BLOB NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (device, kind, start, ordinal)
) STRICT;
CREATE TABLE text_value (ix INTEGER PRIMARY KEY, value TEXT NOT NULL UNIQUE) STRICT;
"];

/// A day, as days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Day(i64);

impl Day {
    /// The day of a moment; `None` outside the years 1970 to 9999, which no sound point has.
    pub(crate) fn of(time: Timestamp) -> Option<Day> {
        let date = DateTime::from_timestamp_millis(time.0)?;
        (1970..=9999).contains(&date.year()).then(|| Day(time.0.div_euclid(DAY_MS)))
    }

    /// Its first moment.
    pub(crate) fn start(self) -> Timestamp {
        Timestamp(self.0 * DAY_MS)
    }

    /// The first moment after it.
    pub(crate) fn end(self) -> Timestamp {
        self.start().plus_ms(DAY_MS)
    }

    /// The partition's file in `dir`, such as `2026-07-13.db`.
    pub(crate) fn path(self, dir: &Path) -> PathBuf {
        let date = DateTime::from_timestamp_millis(self.start().0).map(|time| time.date_naive()).unwrap_or_default();
        dir.join(format!("{}.db", date.format("%Y-%m-%d")))
    }

    fn of_file_name(name: &str) -> Option<Day> {
        let date = NaiveDate::parse_from_str(name.strip_suffix(".db")?, "%Y-%m-%d").ok()?;
        Day::of(Timestamp(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis()))
    }
}

/// The days that have a partition in `dir`, oldest first.
pub(crate) fn days(dir: &Path) -> Result<Vec<Day>, SeriesError> {
    let failed = |error: std::io::Error| SeriesError::io(&format!("list {}", dir.display()), &error);
    let mut days = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        days.extend(entry.map_err(failed)?.file_name().to_str().and_then(Day::of_file_name));
    }
    days.sort_unstable();
    Ok(days)
}

/// Opens a day's partition for writing, or makes it.
pub(crate) fn open_writer(dir: &Path, day: Day) -> Result<Connection, SeriesError> {
    let path = day.path(dir);
    sqlite::open_migrated(&path, &MIGRATIONS).map_err(|error| SeriesError::opening(&path, error))
}

/// Opens a day's partition for reading; `None` if retention has removed it, or its writer is only
/// just making it.
pub(crate) fn open_reader(dir: &Path, day: Day) -> Result<Option<Connection>, SeriesError> {
    let path = day.path(dir);
    let failed = |error: rusqlite::Error| SeriesError::sqlite(&format!("read {}", path.display()), &error);
    let made = sqlite::open_reader(&path).and_then(|conn| {
        let made: bool =
            conn.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'text_value'", [], |row| row.get(0))?;
        Ok(made.then_some(conn))
    });
    match made {
        Ok(conn) => Ok(conn),
        Err(_) if matches!(path.try_exists(), Ok(false)) => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

/// Removes a day's partition. No connection of this process may have it open for writing.
pub(crate) fn remove(dir: &Path, day: Day) -> Result<(), SeriesError> {
    let path = day.path(dir);
    // The main file goes last: what a crash leaves is still a partition, and removed the next time.
    for suffix in ["-wal", "-shm", ""] {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        match fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(SeriesError::io(&format!("remove {}", path.display()), &error));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_the_file_of_its_date() {
        let time = Timestamp(1_783_911_600_000);
        let day = Day::of(time).unwrap();
        let path = day.path(Path::new("x"));
        assert_eq!(path, Path::new("x/2026-07-13.db"));
        assert_eq!(Day::of_file_name("2026-07-13.db"), Some(day));
        assert!(day.start() <= time && time < day.end());
        assert_eq!(Day::of(Timestamp(0)).unwrap().path(Path::new("")), Path::new("1970-01-01.db"));
        for name in ["catalogue.db", "2026-07-13.db-wal", "2026-13-01.db", "2026-07-13"] {
            assert_eq!(Day::of_file_name(name), None, "{name}");
        }
        assert_eq!(Day::of(Timestamp(-1)), None);
        assert_eq!(Day::of(Timestamp(i64::MAX)), None);
    }
}
