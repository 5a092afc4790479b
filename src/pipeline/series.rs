//! The series' thread: points into the embedded store, in large batches.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use gengfu_connectors::series::SqliteSeries;
use gengfu_connectors::{SeriesError, SeriesStore};
use gengfu_model::{Point, Seq, Timestamp};

use super::progress::Progress;

/// The most points in one transaction.
const MAX_POINTS: usize = 50_000;
/// How long a full disk is given before the next try.
const FULL_WAIT: Duration = Duration::from_millis(500);
/// Old partitions are looked for after this much of the points' time.
const RETAIN_EVERY_MS: i64 = gengfu_model::time::HOUR_MS;
/// A day is sealed into blocks this long after it ended, so that late points rarely come to a sealed day.
const SEAL_AFTER_MS: i64 = gengfu_model::time::DAY_MS;
/// Steps of one run; each packs at most 200 devices.
const MAX_SEAL_STEPS: usize = 20;
/// While there is nothing to write, sealing is looked at this often.
const IDLE: Duration = Duration::from_secs(30);

/// Points of the records up to a position.
pub struct SeriesJob {
    /// The points.
    pub points: Vec<Point>,
    /// Every point of the records up to here is in this job or an earlier one.
    pub position: Seq,
}

/// Runs until the input is closed; keeps points for `keep_ms`, and tells `written` what is stored.
///
/// # Errors
/// When the store fails otherwise than for want of room; then it waits, and the journal with it.
pub fn run(
    store: &mut SqliteSeries,
    input: &Receiver<SeriesJob>,
    progress: &Arc<Progress>,
    keep_ms: i64,
    written: &dyn Fn(&[Point]),
) -> Result<(), String> {
    let mut retained = Timestamp::ZERO;
    loop {
        let mut job = match input.recv_timeout(IDLE) {
            Ok(job) => job,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {
                seal(store, retained)?;
                continue;
            }
        };
        while job.points.len() < MAX_POINTS
            && let Ok(more) = input.try_recv()
        {
            job.points.extend(more.points);
            job.position = more.position;
        }
        write(store, &job.points)?;
        written(&job.points);
        progress.update(|positions| positions.series = job.position);
        let newest = job.points.iter().map(|point| point.time).max().unwrap_or(retained);
        if newest.since_ms(retained) >= RETAIN_EVERY_MS {
            store.retain(newest.plus_ms(-keep_ms)).map_err(|error| error.to_string())?;
            seal(store, newest)?;
            retained = newest;
        }
    }
}

/// Packs finished days into blocks: a bounded run of small steps, so that writing never waits for long.
fn seal(store: &mut SqliteSeries, newest: Timestamp) -> Result<(), String> {
    for _ in 0..MAX_SEAL_STEPS {
        match store.seal(newest.plus_ms(-SEAL_AFTER_MS)) {
            Ok(true) => {}
            Ok(false) => break,
            Err(SeriesError::Full) => break,
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(())
}

fn write(store: &mut SqliteSeries, points: &[Point]) -> Result<(), String> {
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
