//! Rows of the days that are not sealed: points into a partition, and the points of a field out of it.

use std::sync::Arc;

use gengfu_model::{FieldType, Point, Value};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::corrupt;
use super::partition::Day;
use crate::ledger::columns::seq_column;
use crate::series::block::reading;

/// What one record said of one time, with its place in a partition.
pub(super) struct Row<'a> {
    pub(super) day: Day,
    device: i64,
    kind: u8,
    ms: i64,
    seq: i64,
    points: &'a [Point],
}

impl Row<'_> {
    fn key(&self) -> (Day, i64, u8, i64, i64) {
        (self.day, self.device, self.kind, self.ms, self.seq)
    }
}

/// Points that make up one row each: as they come, those of one reading stand together.
pub(super) fn readings(points: &[Point]) -> impl Iterator<Item = &[Point]> {
    points.chunk_by(|a, b| a.seq == b.seq && a.time == b.time && a.kind == b.kind && a.device == b.device)
}

/// The rows of points, sorted by partition and key: a B-tree takes sorted keys several times faster. The sort is
/// stable, so of two values with one key the last wins. `devices` are the numbers of the readings' devices.
pub(super) fn rows<'a>(points: &'a [Point], devices: &[i64]) -> Vec<Row<'a>> {
    let mut rows: Vec<Row<'_>> =
        readings(points).zip(devices).filter_map(|(points, device)| row(points, *device)).collect();
    rows.sort_by_key(Row::key);
    rows
}

/// A reading in its place; a year that no device lives in has none.
fn row(points: &[Point], device: i64) -> Option<Row<'_>> {
    let first = points.first()?;
    let Some(day) = Day::of(first.time) else {
        points.iter().for_each(leave_out);
        return None;
    };
    let ms = first.time.since_ms(day.start());
    Some(Row { day, device, kind: first.kind as u8, ms, seq: seq_column(first.seq), points })
}

/// Points that the model's promises rule out cannot be stored. They are named in the log, and must not stop the sound
/// ones.
fn leave_out(point: &Point) {
    tracing::error!(device = %point.device, field = point.field.0, seq = point.seq.0, time = point.time.0,
        "a point that no field can have is left out");
}

/// Whether a value is of its field's type, and a number one at all.
fn is_sound(point: &Point) -> bool {
    match (&point.value, point.kind.field_def(point.field).map(|def| def.ty)) {
        (Value::Text(_), Some(FieldType::Text { .. })) => true,
        (_, None | Some(FieldType::Text { .. })) | (Value::Text(_), _) => false,
        (Value::Bool(_), _) => true,
        (Value::Number(number), _) => number.is_finite(),
    }
}

/// Writes the rows of one partition in one durable transaction.
pub(super) fn upsert(conn: &mut Connection, rows: &[Row<'_>]) -> rusqlite::Result<()> {
    let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut insert = transaction.prepare_cached(
            "INSERT INTO reading (device, kind, ms, seq, data) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
        )?;
        let mut values: Vec<(u8, f64)> = Vec::new();
        for row in rows {
            values.clear();
            for point in row.points {
                if is_sound(point) {
                    put(&mut values, point.field.0, number(&transaction, &point.value)?);
                } else {
                    leave_out(point);
                }
            }
            let Row { device, kind, ms, seq, .. } = *row;
            let data = reading::encode(&values);
            if !values.is_empty() && insert.execute((device, kind, ms, seq, data))? == 0 {
                merge(&transaction, (device, kind, ms, seq), &values)?;
            }
        }
    }
    transaction.commit()
}

/// Puts a value in its place by field, over one of the same field.
fn put(values: &mut Vec<(u8, f64)>, field: u8, number: f64) {
    // As they come, fields mostly ascend.
    if values.last().is_none_or(|last| last.0 < field) {
        values.push((field, number));
        return;
    }
    match values.binary_search_by_key(&field, |(field, _)| *field) {
        Ok(index) => values[index].1 = number,
        Err(index) => values.insert(index, (field, number)),
    }
}

/// Puts values over those that the row has already. A repeat changes nothing, and writes nothing.
fn merge(conn: &Connection, row: (i64, u8, i64, i64), values: &[(u8, f64)]) -> rusqlite::Result<()> {
    let stored: Vec<u8> = conn
        .prepare_cached("SELECT data FROM reading WHERE device = ?1 AND kind = ?2 AND ms = ?3 AND seq = ?4")?
        .query_row(row, |found| found.get(0))?;
    let mut merged = reading::decode(&stored).map_err(corrupt)?;
    for (field, number) in values {
        put(&mut merged, *field, *number);
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
