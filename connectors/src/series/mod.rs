//! The time series: what the plots show. Rules never read it.

mod block;
pub mod influx;
mod memory;
#[cfg(test)]
mod random_inputs;
pub mod sqlite;
mod windows;

use std::path::Path;

use gengfu_model::{DeviceId, FieldId, Kind, Point, Timestamp, Value};

use crate::sqlite::MigrateError;

pub use memory::MemorySeries;
pub use sqlite::{SeriesReader, SqliteSeries};

/// What a series store can fail with.
#[derive(Debug, thiserror::Error)]
pub enum SeriesError {
    /// The store said no.
    #[error("series `{what}`: {message}")]
    Store {
        /// The file or address and what was tried.
        what: String,
        /// The store's own words.
        message: String,
    },
    /// The disk is full.
    #[error("series: no room left on the disk")]
    Full,
}

impl SeriesError {
    /// What SQLite said while `what` was tried.
    pub(crate) fn sqlite(what: &str, error: &rusqlite::Error) -> SeriesError {
        if crate::sqlite::is_full(error) {
            return SeriesError::Full;
        }
        SeriesError::Store { what: what.to_owned(), message: error.to_string() }
    }

    /// Why the file at `path` could not be opened at this program's schema.
    pub(crate) fn opening(path: &Path, error: MigrateError) -> SeriesError {
        match error {
            MigrateError::Sqlite(error) => SeriesError::sqlite(&format!("open {}", path.display()), &error),
            MigrateError::Newer { found, known } => SeriesError::Store {
                what: format!("open {}", path.display()),
                message: format!(
                    "has schema version {found}, this program knows versions up to {known}; use a newer program"
                ),
            },
        }
    }

    /// What the file system said while `what` was tried.
    pub(crate) fn io(what: &str, error: &std::io::Error) -> SeriesError {
        if error.kind() == std::io::ErrorKind::StorageFull {
            return SeriesError::Full;
        }
        SeriesError::Store { what: what.to_owned(), message: error.to_string() }
    }
}

/// A window of a downsampled series.
#[derive(Clone, Debug, PartialEq)]
pub struct Bucket {
    /// The window's start.
    pub time: Timestamp,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Mean of the values.
    pub mean: f64,
    /// The newest value.
    pub last: f64,
    /// How many values.
    pub count: u64,
}

/// A store of points.
pub trait SeriesStore: Send {
    /// Stores points: insert, or replace by (device, field, time) when the new sequence is higher.
    /// Durable when it returns.
    ///
    /// # Errors
    /// [`SeriesError`]; the batch may be repeated.
    fn write(&mut self, points: &[Point]) -> Result<(), SeriesError>;

    /// The points of one field in `[from, to)`, in the order of time, at most `limit`.
    ///
    /// # Errors
    /// [`SeriesError`] when the store cannot be read.
    fn range(
        &self,
        device: &DeviceId,
        kind: Kind,
        field: FieldId,
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> Result<Vec<(Timestamp, Value)>, SeriesError>;

    /// The field's numbers (yes counts as 1, no as 0) in `[from, to)` in windows of `every_ms`,
    /// aligned to the epoch; windows without a value are left out.
    ///
    /// # Errors
    /// [`SeriesError`] when the store cannot be read.
    fn buckets(
        &self,
        device: &DeviceId,
        kind: Kind,
        field: FieldId,
        from: Timestamp,
        to: Timestamp,
        every_ms: i64,
    ) -> Result<Vec<Bucket>, SeriesError>;

    /// Drops what is older than `before`, as whole partitions.
    ///
    /// # Errors
    /// [`SeriesError`] when the store cannot be written.
    fn retain(&mut self, before: Timestamp) -> Result<(), SeriesError>;
}
