//! What records brought, whenever it was measured: for a remote store that missed them. Reads every
//! partition, so it is for a command and not for a plot.

use std::sync::Arc;

use gengfu_model::{DeviceId, FieldId, FieldType, Kind, Point, Seq, Value};
use rusqlite::Connection;

use super::partition::{self, Day};
use super::{SeriesReader, catalogue, corrupt};
use crate::ledger::columns::{seq_column, seq_value};
use crate::series::{SeriesError, block};

/// A stored number with its key: device, kind, field, milliseconds of the day, sequence.
type Stored = (i64, u8, u8, i64, i64, f64);

impl SeriesReader {
    /// Gives every stored point that the records from `first` to `last` brought, day by day. A value that
    /// a later record replaced is that record's.
    ///
    /// # Errors
    /// [`SeriesError`] when the store cannot be read.
    pub fn points_of_records(
        &self,
        first: Seq,
        last: Seq,
        mut each: impl FnMut(&Point) -> Result<(), SeriesError>,
    ) -> Result<(), SeriesError> {
        let (first, last) = (seq_column(first), seq_column(last));
        for day in partition::days(self.dir())? {
            let Some(conn) = partition::open_reader(self.dir(), day)? else { continue };
            let failed = |error: rusqlite::Error| {
                SeriesError::sqlite(&format!("read {}", day.path(self.dir()).display()), &error)
            };
            let stored = rows(&conn, first, last).and_then(|mut rows| {
                rows.extend(blocks(&conn, first, last)?);
                Ok(rows)
            });
            for found in stored.map_err(failed)? {
                if let Some(point) = self.point(&conn, day, found).map_err(failed)? {
                    each(&point)?;
                }
            }
        }
        Ok(())
    }

    fn point(&self, conn: &Connection, day: Day, found: Stored) -> rusqlite::Result<Option<Point>> {
        let (device, kind, field, ms, seq, number) = found;
        let (Some(kind), field) = (Kind::from_number(kind), FieldId(field)) else { return Ok(None) };
        let Some(ty) = kind.field_def(field).map(|def| def.ty) else { return Ok(None) };
        let value = match ty {
            FieldType::Number { .. } | FieldType::Integer { .. } => Value::Number(number),
            FieldType::Bool => Value::Bool(number != 0.0),
            FieldType::Text { .. } => {
                let mut statement = conn.prepare_cached("SELECT value FROM text_value WHERE ix = ?1")?;
                Value::Text(statement.query_row([number as i64], |row| row.get::<_, Arc<str>>(0))?)
            }
        };
        let id = self.catalogue().and_then(|conn| catalogue::id(&conn, device))?;
        let device = DeviceId::new(&id).map_err(|error| corrupt(error.to_string()))?;
        Ok(Some(Point { device, kind, field, time: day.start().plus_ms(ms), seq: seq_value(seq), value }))
    }
}

fn rows(conn: &Connection, first: i64, last: i64) -> rusqlite::Result<Vec<Stored>> {
    let mut statement =
        conn.prepare_cached("SELECT device, field, ms, seq, value FROM point WHERE seq BETWEEN ?1 AND ?2")?;
    let found = statement.query_map((first, last), |row| {
        let column: u16 = row.get(1)?;
        let [kind, field] = column.to_be_bytes();
        Ok((row.get(0)?, kind, field, row.get(2)?, row.get(3)?, row.get(4)?))
    })?;
    found.collect()
}

fn blocks(conn: &Connection, first: i64, last: i64) -> rusqlite::Result<Vec<Stored>> {
    let mut statement = conn.prepare_cached("SELECT device, kind, data FROM block ORDER BY device, kind, start")?;
    let mut blocks = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = blocks.next()? {
        let (device, kind) = (row.get(0)?, row.get(1)?);
        let rows = block::decode(row.get_ref(2)?.as_blob()?).map_err(corrupt)?;
        for row in rows.into_iter().filter(|row| (first..=last).contains(&row.seq)) {
            found.extend(row.values.iter().map(|(field, value)| (device, kind, *field, row.ms, row.seq, *value)));
        }
    }
    Ok(found)
}
