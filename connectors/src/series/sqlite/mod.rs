//! The embedded series store: one SQLite file per day (UTC), rows by device and time.
//!
//! Promises: a written batch is durable when `write` returns (one transaction per day touched, WAL,
//! synchronous FULL); a repeated batch changes nothing; of two values for one device, field and time
//! the higher sequence wins, whatever order they come in. A crash between the days of one batch
//! keeps some of them: the batch is repeated. Days that are over can be sealed into columnar blocks,
//! which changes the room they take and nothing else.

mod catalogue;
mod pages;
pub(crate) mod partition;
mod reader;
mod records;
mod rows;
mod seal;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use gengfu_model::{DeviceId, FieldId, Kind, Point, Timestamp, Value};
use rusqlite::Connection;

use super::{Bucket, SeriesError, SeriesStore};
use catalogue::Catalogue;
use partition::Day;
pub use reader::SeriesReader;

/// Partitions that are open for writing at most; the one not used for longest is closed. Backlog
/// touches old days, live traffic one or two.
const MAX_OPEN_PARTITIONS: usize = 8;

/// The embedded series store. One thread owns it; [`SeriesReader`] reads beside it.
#[derive(Debug)]
pub struct SqliteSeries {
    dir: PathBuf,
    /// Closed before the catalogue's writer: only who may write can put the WAL away, and only as the last.
    reader: SeriesReader,
    catalogue: Catalogue,
    /// The most recently used at the end.
    open: Vec<(Day, Connection)>,
    /// Days found without rows; a write to one takes it out again.
    sealed: BTreeSet<Day>,
}

impl SqliteSeries {
    /// Opens the store in the folder `dir`, or makes both.
    ///
    /// # Errors
    /// [`SeriesError`] when the folder or the catalogue cannot be made or read.
    pub fn open(dir: &Path) -> Result<SqliteSeries, SeriesError> {
        fs::create_dir_all(dir).map_err(|error| SeriesError::io(&format!("make {}", dir.display()), &error))?;
        let catalogue = Catalogue::open(dir)?;
        let reader = SeriesReader::open(dir)?;
        Ok(SqliteSeries { dir: dir.to_owned(), catalogue, open: Vec::new(), reader, sealed: BTreeSet::new() })
    }

    /// A reader of this store.
    #[must_use]
    pub fn reader(&self) -> SeriesReader {
        self.reader.clone()
    }

    /// Seals a part of the oldest day that ended at or before `before` and still has rows: at most 200
    /// devices, so that one call stays short. Says whether there is more to do. Choose `before` a day
    /// back or so: days that late points still come to are sealed again and again.
    ///
    /// # Errors
    /// [`SeriesError`] when the store cannot be read or written.
    pub fn seal(&mut self, before: Timestamp) -> Result<bool, SeriesError> {
        for day in partition::days(&self.dir)? {
            if day.end() > before || self.sealed.contains(&day) {
                continue;
            }
            let what = format!("seal {}", day.path(&self.dir).display());
            let conn = self.partition(day)?;
            let open = seal::is_open(conn).map_err(|error| SeriesError::sqlite(&what, &error))?;
            if open && seal::step(conn).map_err(|error| SeriesError::sqlite(&what, &error))? {
                return Ok(true);
            }
            self.sealed.insert(day);
            if open {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The partition of `day`, open for writing.
    fn partition(&mut self, day: Day) -> Result<&mut Connection, SeriesError> {
        let entry = match self.open.iter().position(|(open, _)| *open == day) {
            Some(index) => self.open.remove(index),
            None => {
                if self.open.len() >= MAX_OPEN_PARTITIONS {
                    self.open.remove(0);
                }
                (day, partition::open_writer(&self.dir, day)?)
            }
        };
        Ok(&mut self.open.push_mut(entry).1)
    }
}

impl SeriesStore for SqliteSeries {
    fn write(&mut self, points: &[Point]) -> Result<(), SeriesError> {
        let devices = self.catalogue.numbers(rows::readings(points).map(|reading| &reading[0].device))?;
        for day in rows::rows(points, &devices).chunk_by(|a, b| a.day == b.day) {
            let path = day[0].day.path(&self.dir);
            self.sealed.remove(&day[0].day);
            rows::upsert(self.partition(day[0].day)?, day)
                .map_err(|error| SeriesError::sqlite(&format!("write {}", path.display()), &error))?;
        }
        Ok(())
    }

    fn range(
        &self,
        device: &DeviceId,
        kind: Kind,
        field: FieldId,
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> Result<Vec<(Timestamp, Value)>, SeriesError> {
        self.reader.range(device, kind, field, from, to, limit)
    }

    fn buckets(
        &self,
        device: &DeviceId,
        kind: Kind,
        field: FieldId,
        from: Timestamp,
        to: Timestamp,
        every_ms: i64,
    ) -> Result<Vec<Bucket>, SeriesError> {
        self.reader.buckets(device, kind, field, from, to, every_ms)
    }

    fn retain(&mut self, before: Timestamp) -> Result<(), SeriesError> {
        for day in partition::days(&self.dir)? {
            if day.end() <= before {
                self.open.retain(|(open, _)| *open != day);
                self.sealed.remove(&day);
                partition::remove(&self.dir, day)?;
            }
        }
        Ok(())
    }
}

/// A block that cannot be decoded, as an error of SQLite's.
fn corrupt(message: String) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Blob, format!("block: {message}").into())
}
