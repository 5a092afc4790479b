//! Rows of the days that are not sealed: points into a partition, and the points of a field out of it.

use std::sync::Arc;

use gengfu_model::{FieldType, Point, Value};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::corrupt;
use super::partition::Day;
use crate::ledger::columns::seq_column;
use crate::series::block::reading;

/// A point with its place in a partition.
pub(super) struct Cell<'a> {
    pub(super) day: Day,
    device: i64,
    kind: u8,
    ms: i64,
    seq: i64,
    field: u8,
    value: &'a Value,
}

impl Cell<'_> {
    /// What the points of one row have in common.
    fn row(&self) -> (Day, i64, u8, i64, i64) {
        (self.day, self.device, self.kind, self.ms, self.seq)
    }
}

/// The points that can be stored, sorted by partition, row and field: a B-tree takes sorted keys several times
/// faster. The sort is stable, so the last of two points with one key wins. `devices` are the points' devices by
/// number.
pub(super) fn cells<'a>(points: &'a [Point], devices: &[i64]) -> Vec<Cell<'a>> {
    let mut cells: Vec<Cell<'_>> =
        points.iter().zip(devices).filter_map(|(point, device)| cell(point, *device)).collect();
    cells.sort_by_key(|cell| (cell.row(), cell.field));
    cells
}

/// A point in its place. Points that the model's promises rule out (a value of another type than the field's, no
/// number, a year no device lives in) cannot be stored; they are named in the log, and must not stop the sound ones.
fn cell(point: &Point, device: i64) -> Option<Cell<'_>> {
    let fits = match (&point.value, point.kind.field_def(point.field).map(|def| def.ty)) {
        (Value::Text(_), Some(FieldType::Text { .. })) => true,
        (_, None | Some(FieldType::Text { .. })) | (Value::Text(_), _) => false,
        (Value::Bool(_), _) => true,
        (Value::Number(number), _) => number.is_finite(),
    };
    let (Some(day), true) = (Day::of(point.time), fits) else {
        tracing::error!(device = %point.device, field = point.field.0, seq = point.seq.0, time = point.time.0,
            "a point that no field can have is left out");
        return None;
    };
    Some(Cell {
        day,
        device,
        kind: point.kind as u8,
        ms: point.time.since_ms(day.start()),
        seq: seq_column(point.seq),
        field: point.field.0,
        value: &point.value,
    })
}

/// Writes the cells of one partition in one durable transaction.
pub(super) fn upsert(conn: &mut Connection, cells: &[Cell<'_>]) -> rusqlite::Result<()> {
    let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut insert = transaction.prepare_cached(
            "INSERT INTO reading (device, kind, ms, seq, data) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
        )?;
        let mut values: Vec<(u8, f64)> = Vec::new();
        for row in cells.chunk_by(|a, b| a.row() == b.row()) {
            values.clear();
            for cell in row {
                put(&mut values, cell.field, number(&transaction, cell.value)?);
            }
            let Cell { device, kind, ms, seq, .. } = row[0];
            if insert.execute((device, kind, ms, seq, reading::encode(&values)))? == 0 {
                merge(&transaction, (device, kind, ms, seq), &values)?;
            }
        }
    }
    transaction.commit()
}

/// Puts a value at the end, or over one of the same field, which is then the last.
fn put(values: &mut Vec<(u8, f64)>, field: u8, number: f64) {
    match values.last_mut() {
        Some(last) if last.0 == field => last.1 = number,
        _ => values.push((field, number)),
    }
}

/// Puts values over those that the row has already. A repeat changes nothing, and writes nothing.
fn merge(conn: &Connection, row: (i64, u8, i64, i64), values: &[(u8, f64)]) -> rusqlite::Result<()> {
    let stored: Vec<u8> = conn
        .prepare_cached("SELECT data FROM reading WHERE device = ?1 AND kind = ?2 AND ms = ?3 AND seq = ?4")?
        .query_row(row, |found| found.get(0))?;
    let mut merged = reading::decode(&stored).map_err(corrupt)?;
    for (field, number) in values {
        match merged.binary_search_by_key(field, |(field, _)| *field) {
            Ok(index) => merged[index].1 = *number,
            Err(index) => merged.insert(index, (*field, *number)),
        }
    }
    let data = reading::encode(&merged);
    if data != stored {
        conn.prepare_cached("UPDATE reading SET data = ?5 WHERE device = ?1 AND kind = ?2 AND ms = ?3 AND seq = ?4")?
            .execute((row.0, row.1, row.2, row.3, data))?;
    }
    Ok(())
}

/// The number that stands for a value; a text's is its place in the partition's dictionary. A partition has far
/// fewer than 2^53 texts, so the number is exact as a float.
fn number(conn: &Connection, value: &Value) -> rusqlite::Result<f64> {
    let text = match value {
        Value::Number(number) => return Ok(*number),
        Value::Bool(yes) => return Ok(f64::from(u8::from(*yes))),
        Value::Text(text) => text,
    };
    let find = |conn: &Connection| {
        conn.prepare_cached("SELECT ix FROM text_value WHERE value = ?1")?
            .query_row([text], |row| row.get::<_, i64>(0))
            .optional()
    };
    let found = match find(conn)? {
        Some(found) => found,
        None => conn
            .prepare_cached("INSERT INTO text_value (value) VALUES (?1) RETURNING ix")?
            .query_row([text], |row| row.get(0))?,
    };
    Ok(found as f64)
}

/// The value that a stored number stands for.
pub(super) fn value(conn: &Connection, ty: FieldType, number: f64) -> rusqlite::Result<Value> {
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

/// What the rows from `from` to before `to` (milliseconds of the day) have of a field: time, sequence, value; in the
/// order of time, the highest sequence of each.
pub(super) fn of_field(
    conn: &Connection,
    (device, kind, field): (i64, u8, u8),
    (from, to): (i64, i64),
) -> rusqlite::Result<Vec<(i64, i64, f64)>> {
    let mut statement = conn.prepare_cached(
        "SELECT ms, seq, data FROM reading
         WHERE device = ?1 AND kind = ?2 AND ms >= ?3 AND ms < ?4 ORDER BY ms, seq",
    )?;
    let mut rows = statement.query((device, kind, from, to))?;
    let mut found: Vec<(i64, i64, f64)> = Vec::new();
    while let Some(row) = rows.next()? {
        let value = reading::decode_field(row.get_ref(2)?.as_blob()?, field).map_err(corrupt)?;
        let Some(value) = value else { continue };
        let (ms, seq) = (row.get(0)?, row.get(1)?);
        match found.last_mut() {
            Some(last) if last.0 == ms => *last = (ms, seq, value),
            _ => found.push((ms, seq, value)),
        }
    }
    Ok(found)
}

/// Whether there are rows of a device between two times, both included.
pub(super) fn any(conn: &Connection, (device, kind): (i64, u8), (first, last): (i64, i64)) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT 1 FROM reading WHERE device = ?1 AND kind = ?2 AND ms BETWEEN ?3 AND ?4 LIMIT 1")?
        .exists((device, kind, first, last))
}
