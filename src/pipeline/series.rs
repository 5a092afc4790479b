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

/// Runs until the input is closed; keeps points for `keep_ms`, tells `written` what is stored, and
/// `full` once when the disk is full and once when it has room again.
///
/// # Errors
/// When the store fails otherwise than for want of room. For room it waits, while `full` sees to it that
/// no more messages come; when the gateway stops meanwhile, the next start writes the rest.
pub fn run(
    store: &mut SqliteSeries,
    input: &Receiver<SeriesJob>,
    progress: &Arc<Progress>,
    keep_ms: i64,
    written: &dyn Fn(&[Point]),
    full: &dyn Fn(bool),
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
        if !write(store, &job.points, progress, full)? {
            tracing::warn!("stopped without room for the series; the next start writes the rest");
            progress.update(|positions| positions.closed = true);
            input.iter().for_each(drop);
            return Ok(());
        }
        written(&job.points);
        progress.update(|positions| positions.series = job.position);
        let newest = job.points.iter().map(|point| point.time).max().unwrap_or(retained);
        if newest.since_ms(retained) >= RETAIN_EVERY_MS {
            match store.retain(newest.plus_ms(-keep_ms)) {
                Ok(_) | Err(SeriesError::Full) => {}
                Err(error) => return Err(error.to_string()),
            }
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

/// Writes, waiting for room; `false` when the gateway stops before there is any.
fn write(store: &mut SqliteSeries, points: &[Point], progress: &Progress, full: &dyn Fn(bool)) -> Result<bool, String> {
    let mut was_full = false;
    let tell = |is_full| {
        progress.update(|positions| positions.series_full = is_full);
        full(is_full);
    };
    loop {
        match store.write(points) {
            Ok(()) => {
                if was_full {
                    tracing::info!("the series has room again");
                    tell(false);
                }
                return Ok(true);
            }
            Err(SeriesError::Full) => {
                if !was_full {
                    tracing::error!("no room for the series: messages wait");
                    was_full = true;
                    tell(true);
                }
                if progress.get().stopping {
                    return Ok(false);
                }
                std::thread::sleep(FULL_WAIT);
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}
