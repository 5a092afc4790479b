//! The embedded series store: one SQLite file per day (UTC), rows by device, field and time.
//!
//! Promises: a written batch is durable when `write` returns (one transaction per day touched, WAL,
//! synchronous FULL); a repeated batch changes nothing; of two values for one device, field and time
//! the higher sequence wins, whatever order they come in. A crash between the days of one batch
//! keeps some of them: the batch is repeated. Days that are over can be sealed into columnar blocks,
//! which changes the room they take and nothing else.

mod catalogue;
pub(crate) mod partition;
mod reader;
mod records;
mod seal;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use gengfu_model::{DeviceId, FieldId, FieldType, Kind, Point, Timestamp, Value};
use rusqlite::{Connection, TransactionBehavior};

use super::{Bucket, SeriesError, SeriesStore};
use crate::ledger::columns::seq_column;
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
    catalogue: Catalogue,
    /// The most recently used at the end.
    open: Vec<(Day, Connection)>,
    reader: SeriesReader,
    /// Days found without rows; a write to one takes it out again.
    sealed: BTreeSet<Day>,
}

/// A point as it stands in a partition.
struct Row {
    day: Day,
    device: i64,
    field: i64,
    ms: i64,
    seq: i64,
    value: Cell,
}

/// A value before texts have their numbers.
enum Cell {
    Number(f64),
    Text(std::sync::Arc<str>),
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

    /// The rows of the points that can be stored, sorted by partition and key: a B-tree takes sorted
    /// keys several times faster. The sort is stable, so the last of equal keys and sequences wins.
    fn rows(&mut self, points: &[Point]) -> Result<Vec<Row>, SeriesError> {
        let devices = self.catalogue.numbers(points.iter().map(|point| &point.device))?;
        let mut rows: Vec<Row> = points.iter().zip(devices).filter_map(|(point, device)| row(point, device)).collect();
        rows.sort_by_key(|row| (row.day, row.device, row.field, row.ms));
        Ok(rows)
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
        let rows = self.rows(points)?;
        for day in rows.chunk_by(|a, b| a.day == b.day) {
            let path = day[0].day.path(&self.dir);
            self.sealed.remove(&day[0].day);
            upsert(self.partition(day[0].day)?, day)
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

/// The column of a field: the same number may mean another field in another kind.
fn field_column(kind: Kind, field: FieldId) -> i64 {
    i64::from(kind as u8) * 256 + i64::from(field.0)
}

/// A point as a row. Points that the model's promises rule out (a value of another type than the
/// field's, no number, a year no device lives in) cannot be stored; they are named in the log, and
/// must not stop the sound ones.
fn row(point: &Point, device: i64) -> Option<Row> {
    let typed = match (&point.value, point.kind.field_def(point.field).map(|def| def.ty)) {
        (Value::Text(text), Some(FieldType::Text { .. })) => Some(Cell::Text(text.clone())),
        (_, None | Some(FieldType::Text { .. })) | (Value::Text(_), _) => None,
        (Value::Bool(yes), _) => Some(Cell::Number(f64::from(u8::from(*yes)))),
        (Value::Number(number), _) => number.is_finite().then_some(Cell::Number(*number)),
    };
    let (Some(day), Some(value)) = (Day::of(point.time), typed) else {
        tracing::error!(device = %point.device, field = point.field.0, seq = point.seq.0, time = point.time.0,
            "a point that no field can have is left out");
        return None;
    };
    let field = field_column(point.kind, point.field);
    Some(Row { day, device, field, ms: point.time.since_ms(day.start()), seq: seq_column(point.seq), value })
}

/// Writes the rows of one partition in one durable transaction.
fn upsert(conn: &mut Connection, rows: &[Row]) -> rusqlite::Result<()> {
    let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        // An equal sequence replaces too: the later of two values in one message, and a repeat.
        let mut statement = transaction.prepare_cached(
            "INSERT INTO point (device, field, ms, seq, value) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (device, field, ms) DO UPDATE SET seq = excluded.seq, value = excluded.value
             WHERE excluded.seq >= point.seq",
        )?;
        for row in rows {
            let value = match &row.value {
                Cell::Number(number) => *number,
                Cell::Text(text) => text_number(&transaction, text)?,
            };
            statement.execute((row.device, row.field, row.ms, row.seq, value))?;
        }
    }
    transaction.commit()
}

/// The number of a text in its partition's dictionary. A partition has far fewer than 2^53 texts, so
/// the number is exact as a float.
fn text_number(conn: &Connection, text: &str) -> rusqlite::Result<f64> {
    conn.prepare_cached("INSERT INTO text_value (value) VALUES (?1) ON CONFLICT (value) DO NOTHING")?
        .execute([text])?;
    conn.prepare_cached("SELECT ix FROM text_value WHERE value = ?1")?
        .query_row([text], |row| row.get::<_, i64>(0))
        .map(|number| number as f64)
}
