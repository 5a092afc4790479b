//! The series' thread: points into the embedded store, in large batches.

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use gengfu_connectors::{SeriesError, SeriesStore};
use gengfu_model::{Point, Seq, Timestamp};

use super::progress::Progress;

/// The most points in one transaction.
const MAX_POINTS: usize = 50_000;
/// How long a full disk is given before the next try.
const FULL_WAIT: Duration = Duration::from_millis(500);
/// Old partitions are looked for after this much of the journal's time.
const RETAIN_EVERY_MS: i64 = gengfu_model::time::HOUR_MS;

/// Points of the records up to a position.
pub struct SeriesJob {
    /// The points.
    pub points: Vec<Point>,
    /// Every point of the records up to here is in this job or an earlier one.
    pub position: Seq,
}

/// Runs until the input is closed; keeps points for `keep_ms`.
///
/// # Errors
/// When the store fails otherwise than for want of room; then it waits, and the journal with it.
pub fn run(
    store: &mut dyn SeriesStore,
    input: &Receiver<SeriesJob>,
    progress: &Arc<Progress>,
    keep_ms: i64,
) -> Result<(), String> {
    let mut retained = Timestamp::ZERO;
    while let Ok(mut job) = input.recv() {
        while job.points.len() < MAX_POINTS
            && let Ok(more) = input.try_recv()
        {
            job.points.extend(more.points);
            job.position = more.position;
        }
        write(store, &job.points)?;
        progress.update(|positions| positions.series = job.position);
        let newest = job.points.iter().map(|point| point.time).max().unwrap_or(retained);
        if newest.since_ms(retained) >= RETAIN_EVERY_MS {
            store.retain(newest.plus_ms(-keep_ms)).map_err(|error| error.to_string())?;
            retained = newest;
        }
    }
    Ok(())
}

fn write(store: &mut dyn SeriesStore, points: &[Point]) -> Result<(), String> {
    loop {
        match store.write(points) {
            Ok(()) => return Ok(()),
            Err(SeriesError::Full) => {
                tracing::warn!("no room for the series; waiting");
                std::thread::sleep(FULL_WAIT);
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}
