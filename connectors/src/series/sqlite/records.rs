//! What records brought, whenever it was measured: for a remote store that missed them. Reads every
//! partition, so it is for a command and not for a plot.

use gengfu_model::{DeviceId, FieldId, Kind, Point, Seq};
use rusqlite::Connection;

use super::partition::{self, Day};
use super::{SeriesReader, catalogue, corrupt, rows};
use crate::ledger::columns::{seq_column, seq_value};
use crate::series::SeriesError;
use crate::series::block::{self, reading};

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
            let stored = readings(&conn, first, last).and_then(|mut rows| {
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
        let value = rows::value(conn, ty, number)?;
        let id = self.catalogue().and_then(|conn| catalogue::id(&conn, device))?;
        let device = DeviceId::new(&id).map_err(|error| corrupt(error.to_string()))?;
        Ok(Some(Point { device, kind, field, time: day.start().plus_ms(ms), seq: seq_value(seq), value }))
    }
}

/// What rows have, but for what a later record has said of the same time.
fn readings(conn: &Connection, first: i64, last: i64) -> rusqlite::Result<Vec<Stored>> {
    let mut statement =
        conn.prepare_cached("SELECT device, kind, ms, seq, data FROM reading WHERE seq BETWEEN ?1 AND ?2")?;
    let mut later =
        conn.prepare_cached("SELECT data FROM reading WHERE device = ?1 AND kind = ?2 AND ms = ?3 AND seq > ?4")?;
    let mut rows = statement.query((first, last))?;
    let mut found: Vec<Stored> = Vec::new();
    while let Some(row) = rows.next()? {
        let key: (i64, u8, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        let mut values = reading::decode(row.get_ref(4)?.as_blob()?).map_err(corrupt)?;
        let mut replaced = later.query(key)?;
        while let Some(row) = replaced.next()? {
            let by = reading::decode(row.get_ref(0)?.as_blob()?).map_err(corrupt)?;
            values.retain(|(field, _)| by.iter().all(|(newer, _)| newer != field));
        }
        let (device, kind, ms, seq) = key;
        found.extend(values.into_iter().map(|(field, value)| (device, kind, field, ms, seq, value)));
    }
    Ok(found)
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
