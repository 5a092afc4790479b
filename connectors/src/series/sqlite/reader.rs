//! Reads a series store beside its writer: points of a range, and windows of a range.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gengfu_model::{DeviceId, FieldId, FieldType, Kind, Timestamp, Value};
use rusqlite::Connection;

use super::partition::{self, Day};
use super::{catalogue, corrupt, field_column};
use crate::series::{Bucket, SeriesError, block, windows};
use crate::sqlite::ReadPool;

/// Connections to the catalogue at most.
const MAX_CONNECTIONS: usize = 4;

/// Reads a series store. Cheap to clone. The calls block: async code runs them on a blocking thread.
///
/// A partition is opened for each call (some 100 microseconds) and closed again: a file that
/// retention has removed is never kept alive, and open files are bounded by the calls under way.
#[derive(Clone, Debug)]
pub struct SeriesReader {
    dir: PathBuf,
    catalogue: Arc<ReadPool>,
}

/// What is wanted of each partition.
struct Wanted {
    device: i64,
    kind: Kind,
    field: FieldId,
    from: Timestamp,
    to: Timestamp,
}

impl SeriesReader {
    /// Opens the store in `dir`, which its writer has made.
    ///
    /// # Errors
    /// [`SeriesError`] if there is no store.
    pub fn open(dir: &Path) -> Result<SeriesReader, SeriesError> {
        let path = catalogue::path(dir);
        let pool = ReadPool::open(&path, MAX_CONNECTIONS)
            .map_err(|error| SeriesError::sqlite(&format!("open {}", path.display()), &error))?;
        Ok(SeriesReader { dir: dir.to_owned(), catalogue: Arc::new(pool) })
    }

    /// The points of one field in `[from, to)`, in the order of time, at most `limit`.
    ///
    /// # Errors
    /// [`SeriesError`] when the store cannot be read.
    pub fn range(
        &self,
        device: &DeviceId,
        kind: Kind,
        field: FieldId,
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> Result<Vec<(Timestamp, Value)>, SeriesError> {
        let mut points = Vec::new();
        let Some(ty) = kind.field_def(field).map(|def| def.ty) else {
            return Ok(points);
        };
        self.scan(device, kind, field, from, to, |conn, time, number| {
            if points.len() < limit {
                points.push((time, value(conn, ty, number)?));
            }
            Ok(points.len() < limit)
        })?;
        Ok(points)
    }

    /// The field's numbers (yes counts as 1, no as 0) in `[from, to)` in windows of `every_ms`,
    /// aligned to the epoch; windows without a value are left out. A text field has none.
    ///
    /// # Errors
    /// [`SeriesError`] when the store cannot be read, or `every_ms` is not positive.
    pub fn buckets(
        &self,
        device: &DeviceId,
        kind: Kind,
        field: FieldId,
        from: Timestamp,
        to: Timestamp,
        every_ms: i64,
    ) -> Result<Vec<Bucket>, SeriesError> {
        if every_ms <= 0 {
            let message = format!("a window of {every_ms} ms: it must be positive");
            return Err(SeriesError::Store { what: "buckets".to_owned(), message });
        }
        let mut windows = windows::Windows::new(every_ms);
        if matches!(kind.field_def(field).map(|def| def.ty), None | Some(FieldType::Text { .. })) {
            return Ok(windows.finish());
        }
        self.scan(device, kind, field, from, to, |_, time, number| {
            windows.add(time, number);
            Ok(true)
        })?;
        Ok(windows.finish())
    }

    /// Gives each stored number in the order of time to `each`, until that says no.
    fn scan(
        &self,
        device: &DeviceId,
        kind: Kind,
        field: FieldId,
        from: Timestamp,
        to: Timestamp,
        mut each: impl FnMut(&Connection, Timestamp, f64) -> rusqlite::Result<bool>,
    ) -> Result<(), SeriesError> {
        let failed = |error: rusqlite::Error| SeriesError::sqlite("read the catalogue", &error);
        let found = self.catalogue.get().and_then(|conn| catalogue::find(&conn, device)).map_err(failed)?;
        let Some(device) = found else {
            return Ok(());
        };
        let wanted = Wanted { device, kind, field, from, to };
        for day in partition::days(&self.dir)? {
            if day.end() <= from || day.start() >= to {
                continue;
            }
            let Some(conn) = partition::open_reader(&self.dir, day)? else {
                continue;
            };
            let more = scan_day(&conn, day, &wanted, &mut each)
                .map_err(|error| SeriesError::sqlite(&format!("read {}", day.path(&self.dir).display()), &error))?;
            if !more {
                break;
            }
        }
        Ok(())
    }
}

fn scan_day(
    conn: &Connection,
    day: Day,
    wanted: &Wanted,
    each: &mut impl FnMut(&Connection, Timestamp, f64) -> rusqlite::Result<bool>,
) -> rusqlite::Result<bool> {
    // One transaction: blocks, rows and texts are of the same moment.
    let transaction = conn.unchecked_transaction()?;
    let (from, to) = (wanted.from.since_ms(day.start()), wanted.to.since_ms(day.start()));
    let mut sealed = sealed(&transaction, wanted, from, to)?.into_iter().peekable();
    let mut statement = transaction.prepare_cached(
        "SELECT ms, seq, value FROM point WHERE device = ?1 AND field = ?2 AND ms >= ?3 AND ms < ?4 ORDER BY ms",
    )?;
    let mut rows = statement.query((wanted.device, field_column(wanted.kind, wanted.field), from, to))?;
    let mut give = |ms: i64, value: f64| each(conn, day.start().plus_ms(ms), value);
    while let Some(row) = rows.next()? {
        let (ms, seq, value): (i64, i64, f64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        while let Some((earlier, _, value)) = sealed.next_if(|point| point.0 < ms) {
            if !give(earlier, value)? {
                return Ok(false);
            }
        }
        // Of a row and a block's point of the same time, the higher sequence wins, the row a tie.
        let value = match sealed.next_if(|point| point.0 == ms) {
            Some((_, sealed_seq, sealed_value)) if sealed_seq > seq => sealed_value,
            _ => value,
        };
        if !give(ms, value)? {
            return Ok(false);
        }
    }
    for (ms, _, value) in sealed {
        if !give(ms, value)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The field's points in the day's blocks: time, sequence, value; in the order of time, one a time.
fn sealed(conn: &Connection, wanted: &Wanted, from: i64, to: i64) -> rusqlite::Result<Vec<(i64, i64, f64)>> {
    let mut statement = conn.prepare_cached(
        "SELECT data FROM block WHERE device = ?1 AND kind = ?2 AND start < ?3 AND last >= ?4 ORDER BY start, ordinal",
    )?;
    let mut blocks = statement.query((wanted.device, wanted.kind as u8, to, from))?;
    let mut points = Vec::new();
    while let Some(row) = blocks.next()? {
        let found = block::decode_field(row.get_ref(0)?.as_blob()?, wanted.field.0).map_err(corrupt)?;
        points.extend(found.into_iter().filter(|(ms, _, _)| (from..to).contains(ms)));
    }
    Ok(points)
}

/// The value that a stored number stands for.
fn value(conn: &Connection, ty: FieldType, number: f64) -> rusqlite::Result<Value> {
    Ok(match ty {
        FieldType::Number { .. } | FieldType::Integer { .. } => Value::Number(number),
        FieldType::Bool => Value::Bool(number != 0.0),
        FieldType::Text { .. } => {
            let text: Arc<str> = conn
                .prepare_cached("SELECT value FROM text_value WHERE ix = ?1")?
                .query_row([number as i64], |row| row.get(0))?;
            Value::Text(text)
        }
    })
}
