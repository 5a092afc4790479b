//! Reads a series store beside its writer: points of a range, and windows of a range.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gengfu_model::{DeviceId, FieldId, FieldType, Kind, Timestamp, Value};
use rusqlite::Connection;

use super::partition::{self, Day};
use super::{catalogue, corrupt, rows};
use crate::series::block::{self, summary, summary::Summary};
use crate::series::{Bucket, SeriesError, windows};
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
    /// Windows of so many milliseconds are made of it: a block that lies in one may come as its summary.
    every_ms: Option<i64>,
}

/// What a scan gives, in the order of time.
enum Piece {
    /// One value.
    Number(f64),
    /// All values of a block that lies in one window.
    Whole(Summary),
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
        self.scan(device, kind, field, (from, to), None, |conn, time, piece| {
            if let Piece::Number(number) = piece
                && points.len() < limit
            {
                points.push((time, rows::value(conn, ty, number)?));
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
        self.scan(device, kind, field, (from, to), Some(every_ms), |_, time, piece| {
            match piece {
                Piece::Number(number) => windows.add(time, number),
                Piece::Whole(summary) => windows.add_whole(time, &summary),
            }
            Ok(true)
        })?;
        Ok(windows.finish())
    }

    /// The store's folder.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// A connection to the catalogue.
    pub(super) fn catalogue(&self) -> rusqlite::Result<impl std::ops::Deref<Target = Connection> + '_> {
        self.catalogue.get()
    }

    /// Gives what is stored in the order of time to `each`, until that says no.
    fn scan(
        &self,
        device: &DeviceId,
        kind: Kind,
        field: FieldId,
        (from, to): (Timestamp, Timestamp),
        every_ms: Option<i64>,
        mut each: impl FnMut(&Connection, Timestamp, Piece) -> rusqlite::Result<bool>,
    ) -> Result<(), SeriesError> {
        let failed = |error: rusqlite::Error| SeriesError::sqlite("read the catalogue", &error);
        let found = self.catalogue.get().and_then(|conn| catalogue::find(&conn, device)).map_err(failed)?;
        let Some(device) = found else {
            return Ok(());
        };
        let wanted = Wanted { device, kind, field, from, to, every_ms };
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
    each: &mut impl FnMut(&Connection, Timestamp, Piece) -> rusqlite::Result<bool>,
) -> rusqlite::Result<bool> {
    // One transaction: blocks, rows and texts are of the same moment.
    let transaction = conn.unchecked_transaction()?;
    let (from, to) = (wanted.from.since_ms(day.start()), wanted.to.since_ms(day.start()));
    let mut sealed = sealed(&transaction, day, wanted, from, to)?.into_iter().peekable();
    let field = (wanted.device, wanted.kind as u8, wanted.field.0);
    let mut give = |ms: i64, piece: Piece| each(conn, day.start().plus_ms(ms), piece);
    for (ms, seq, value) in rows::of_field(&transaction, field, (from, to))? {
        while let Some((earlier, _, piece)) = sealed.next_if(|found| found.0 < ms) {
            if !give(earlier, piece)? {
                return Ok(false);
            }
        }
        // Of a row and a block's point of the same time, the higher sequence wins, the row a tie.
        let piece = match sealed.next_if(|found| found.0 == ms) {
            Some((_, sealed_seq, piece)) if sealed_seq > seq => piece,
            _ => Piece::Number(value),
        };
        if !give(ms, piece)? {
            return Ok(false);
        }
    }
    for (ms, _, piece) in sealed {
        if !give(ms, piece)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What the day's blocks have of the field: time, sequence, value; in the order of time, one a time. A
/// block that lies in one window, with no row among its points, comes as its summary.
fn sealed(
    conn: &Connection,
    day: Day,
    wanted: &Wanted,
    from: i64,
    to: i64,
) -> rusqlite::Result<Vec<(i64, i64, Piece)>> {
    let mut statement = conn.prepare_cached(
        "SELECT data, summary FROM block
         WHERE device = ?1 AND kind = ?2 AND start < ?3 AND last >= ?4 ORDER BY start, ordinal",
    )?;
    let mut blocks = statement.query((wanted.device, wanted.kind as u8, to, from))?;
    let mut pieces = Vec::new();
    while let Some(row) = blocks.next()? {
        if let Some(every_ms) = wanted.every_ms {
            let summary = summary::decode(row.get_ref(1)?.as_blob()?, wanted.field.0).map_err(corrupt)?;
            let Some(summary) = summary else { continue };
            let at = |ms: i64| day.start().plus_ms(ms);
            let is_within = from <= summary.first_ms && summary.last_ms < to;
            let is_one = windows::Windows::same(every_ms, at(summary.first_ms), at(summary.last_ms));
            if is_within
                && is_one
                && !rows::any(conn, (wanted.device, wanted.kind as u8), (summary.first_ms, summary.last_ms))?
            {
                // No row has this time, so the sequence does not matter.
                pieces.push((summary.first_ms, 0, Piece::Whole(summary)));
                continue;
            }
        }
        let found = block::decode_field(row.get_ref(0)?.as_blob()?, wanted.field.0).map_err(corrupt)?;
        let found = found.into_iter().filter(|(ms, _, _)| (from..to).contains(ms));
        pieces.extend(found.map(|(ms, seq, value)| (ms, seq, Piece::Number(value))));
    }
    Ok(pieces)
}
