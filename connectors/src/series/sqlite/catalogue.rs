//! The devices of a series store and the small numbers that stand for them in its partitions.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use gengfu_model::DeviceId;
use rusqlite::{Connection, OptionalExtension};

use crate::series::SeriesError;
use crate::sqlite;

const MIGRATIONS: [&str; 1] = ["
CREATE TABLE device (ix INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE) STRICT;
"];

/// Devices whose number is kept in memory; at more, the memory is emptied and filled anew. Some 40
/// bytes each, since the id's text is shared with whoever gave the point.
const MAX_REMEMBERED: usize = 200_000;

/// The catalogue's file in a store's folder.
pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join("catalogue.db")
}

/// Gives devices their numbers. A number is never given twice and never changes.
#[derive(Debug)]
pub(super) struct Catalogue {
    conn: Connection,
    known: HashMap<DeviceId, i64>,
}

impl Catalogue {
    /// Opens the catalogue in `dir`, or makes it.
    pub(super) fn open(dir: &Path) -> Result<Catalogue, SeriesError> {
        let path = path(dir);
        let conn = sqlite::open_migrated(&path, &MIGRATIONS).map_err(|error| SeriesError::opening(&path, error))?;
        Ok(Catalogue { conn, known: HashMap::new() })
    }

    /// The numbers of `devices`, in their order; new devices are durable when it returns.
    pub(super) fn numbers<'a>(&mut self, devices: impl Iterator<Item = &'a DeviceId>) -> Result<Vec<i64>, SeriesError> {
        let failed = |error: rusqlite::Error| SeriesError::sqlite("catalogue", &error);
        if self.known.len() > MAX_REMEMBERED {
            self.known.clear();
        }
        // Deferred: without a new device this transaction only reads, and its commit costs no sync.
        let transaction = self.conn.transaction().map_err(failed)?;
        let mut fresh: HashMap<DeviceId, i64> = HashMap::new();
        let mut numbers = Vec::new();
        for device in devices {
            let known = self.known.get(device).or_else(|| fresh.get(device)).copied();
            let number = match known {
                Some(number) => number,
                None => {
                    let number = find_or_add(&transaction, device).map_err(failed)?;
                    fresh.insert(device.clone(), number);
                    number
                }
            };
            numbers.push(number);
        }
        transaction.commit().map_err(failed)?;
        self.known.extend(fresh);
        Ok(numbers)
    }
}

fn find_or_add(conn: &Connection, device: &DeviceId) -> rusqlite::Result<i64> {
    if let Some(number) = find(conn, device)? {
        return Ok(number);
    }
    conn.prepare_cached("INSERT INTO device (id) VALUES (?1) RETURNING ix")?
        .query_row([device.as_str()], |row| row.get(0))
}

/// The number of a device, if it has one.
pub(super) fn find(conn: &Connection, device: &DeviceId) -> rusqlite::Result<Option<i64>> {
    conn.prepare_cached("SELECT ix FROM device WHERE id = ?1")?
        .query_row([device.as_str()], |row| row.get(0))
        .optional()
}

/// The device of a number.
pub(super) fn id(conn: &Connection, number: i64) -> rusqlite::Result<String> {
    conn.prepare_cached("SELECT id FROM device WHERE ix = ?1")?.query_row([number], |row| row.get(0))
}
