//! A day's start: one copy of checkpoint and ledger a day, from which the past can be judged again.
//!
//! The copy is made while the gateway runs, at the city's midnight or another hour, and once at a start that
//! missed it. The checkpoint is copied before the ledger, each in one read transaction, so no device row is ever
//! ahead of the ledger; with the records of the archive from [`Day::checkpoint`] on, the engine is what it was
//! live. A folder without `day.json`, which is written last, is no copy and is removed.
//!
//! Copies go when they are too old, when all together are too large, and when the archive does not reach back to
//! their checkpoint any more, since then nothing can be replayed from them.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeZone, Timelike};
use chrono_tz::Tz;
use gengfu_connectors::{CheckpointStore, LedgerReader, SqliteCheckpoints, files};
use gengfu_ingest::Clock;
use gengfu_ingest::journal::reader::first_kept;
use gengfu_ingest::journal::{Disk, JournalReader, ReadLimit, RealDisk};
use gengfu_model::time::DAY_MS;
use gengfu_model::{Seq, Timestamp};
use serde::{Deserialize, Serialize};

use super::{TrialError, priority};
use crate::config::DaysConfig;

/// The folder within the data folder.
pub const FOLDER: &str = "days";
const FILE: &str = "day.json";
const PARTS: [&str; 2] = ["checkpoint.db", "ledger.db"];
/// How often the clock is looked at.
const POLL: Duration = Duration::from_secs(1);
/// How long a copy that failed is left alone.
const RETRY: Duration = Duration::from_secs(60);

/// What a copy says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// The day in the city's time zone, `YYYY-MM-DD`.
    pub day: String,
    /// The program that wrote it.
    pub version: String,
    /// Replay begins behind this record.
    pub checkpoint: Seq,
    /// The last record whose effects are in the ledger.
    pub ledger: Seq,
    /// The journal's time of that record.
    pub time: Timestamp,
}

/// Makes the copy of a day, unless it is there. Gives what it says of itself.
///
/// # Errors
/// [`TrialError`] when a part cannot be copied; nothing is left of the copy then.
pub fn take(data: &Path, day: &str) -> Result<Day, TrialError> {
    let (folder, new) = (data.join(FOLDER).join(day), data.join(FOLDER).join(format!("{day}.new")));
    if let Ok(found) = read(&folder) {
        return Ok(found);
    }
    for unfinished in [&folder, &new] {
        remove(unfinished)?;
    }
    std::fs::create_dir_all(&new).map_err(|error| file(&new, error))?;
    let taken = fill(data, &new, day);
    match taken {
        Ok(copy) => {
            std::fs::rename(&new, &folder).map_err(|error| file(&folder, error))?;
            File::open(data.join(FOLDER)).and_then(|parent| parent.sync_all()).map_err(|error| file(&folder, error))?;
            Ok(copy)
        }
        Err(error) => {
            remove(&new)?;
            Err(error)
        }
    }
}

fn fill(data: &Path, new: &Path, day: &str) -> Result<Day, TrialError> {
    for part in PARTS {
        files::copy(&data.join(part), &new.join(part))?;
    }
    let checkpoints = SqliteCheckpoints::open_reader(&new.join(PARTS[0]))?;
    let checkpoint = checkpoints.position()?.map_or(Seq(0), |(position, _)| position);
    let (ledger, time) = LedgerReader::open(&new.join(PARTS[1]))?.position()?;
    let copy = Day { day: day.to_owned(), version: env!("CARGO_PKG_VERSION").to_owned(), checkpoint, ledger, time };
    let write = || -> io::Result<()> {
        let mut file = File::create(new.join(FILE))?;
        serde_json::to_writer_pretty(&mut file, &copy)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        File::open(new)?.sync_all()
    };
    write().map_err(|error| file(new, error))?;
    Ok(copy)
}

/// Every copy with its folder, oldest first. What cannot be read is no copy.
///
/// # Errors
/// When the folder cannot be listed.
pub fn list(data: &Path) -> Result<Vec<(PathBuf, Day)>, TrialError> {
    let folder = data.join(FOLDER);
    let entries = match std::fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| file(&folder, error))?,
    };
    let mut copies = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| file(&folder, error))?.path();
        if let Ok(day) = read(&path) {
            copies.push((path, day));
        }
    }
    copies.sort_by(|(_, a), (_, b)| a.ledger.cmp(&b.ledger).then_with(|| a.day.cmp(&b.day)));
    Ok(copies)
}

/// Removes the copies that are not worth their room any more, and what was not finished; gives how many went.
///
/// # Errors
/// When a folder cannot be read or removed.
pub fn trim(data: &Path, options: &DaysConfig, first_kept: Option<Seq>, now: Timestamp) -> Result<usize, TrialError> {
    let copies = list(data)?;
    let mut removed = 0;
    let mut bytes = 0;
    for (newer, (path, day)) in copies.iter().rev().enumerate() {
        bytes += size(path).map_err(|error| file(path, error))?;
        let too_old = now.since_ms(day.time) > options.keep.0;
        let too_large = newer > 0 && bytes > options.keep_size.0;
        let cut_off = first_kept.is_some_and(|first| day.checkpoint.next() < first);
        if too_old || too_large || cut_off {
            remove(path)?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Makes a copy at the hour of each day until told to stop, and then calls `after` with the first moment of the day
/// that has ended and of the one that has begun. A failure is told and tried again; it is never a reason to stop the
/// gateway.
pub fn run(
    data: &Path,
    options: &DaysConfig,
    zone: Tz,
    clock: &dyn Clock,
    stop: &Receiver<()>,
    after: &dyn Fn(Timestamp, Timestamp),
) {
    priority::lower();
    let mut wait = POLL;
    // What began today needs no copy: its first record is the start of everything.
    let began = first_time(data);
    loop {
        match stop.recv_timeout(wait) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
        wait = POLL;
        let now = clock.now();
        let (day, boundary) = day_of(now, zone, options.hour);
        let is_there = data.join(FOLDER).join(&day).join(FILE).try_exists().unwrap_or(false);
        if is_there || began.is_none_or(|began| began >= boundary) {
            continue;
        }
        let taken = take(data, &day).and_then(|copy| {
            let disk = RealDisk::open(data.join("journal")).map_err(|error| file(data, error))?;
            let removed = trim(data, options, first_kept(&disk)?, now)?;
            Ok((copy, removed))
        });
        match taken {
            Ok((copy, removed)) => {
                tracing::info!(day, ledger = copy.ledger.0, removed, "kept a copy of the day's start");
                after(boundary.plus_ms(-DAY_MS), boundary);
            }
            Err(error) => {
                tracing::warn!(%error, day, "cannot keep a copy of the day's start; it is tried again");
                wait = RETRY;
            }
        }
    }
}

/// The day that a moment belongs to, and the moment at which it began, when days begin at `hour`.
#[must_use]
pub fn day_of(now: Timestamp, zone: Tz, hour: u32) -> (String, Timestamp) {
    let local = DateTime::from_timestamp_millis(now.as_millis()).unwrap_or_default().with_timezone(&zone);
    let today = local.date_naive();
    let date = if local.hour() < hour { today.pred_opt().unwrap_or(today) } else { today };
    (date.to_string(), midnight(date, zone).plus_ms(i64::from(hour) * DAY_MS / 24))
}

/// The first moment of a date in a zone.
#[must_use]
pub fn midnight(date: NaiveDate, zone: Tz) -> Timestamp {
    // Where a change of the clock leaves midnight out, the day begins an hour later.
    let hours = (0..3).filter_map(|hour| NaiveTime::from_hms_opt(hour, 0, 0));
    let begin = hours.filter_map(|time| zone.from_local_datetime(&date.and_time(time)).earliest()).next();
    Timestamp(begin.map_or(0, |begin| begin.timestamp_millis()))
}

/// The journal's time of the first record that is kept.
fn first_time(data: &Path) -> Option<Timestamp> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::open(data.join("journal")).ok()?);
    let first = first_kept(disk.as_ref()).ok()??;
    let mut reader = JournalReader::open(disk, first, ReadLimit::Everything).ok()?;
    reader.next_batch().ok()??.first().map(|record| record.time)
}

fn read(folder: &Path) -> io::Result<Day> {
    Ok(serde_json::from_slice(&std::fs::read(folder.join(FILE))?)?)
}

fn size(folder: &Path) -> io::Result<u64> {
    std::fs::read_dir(folder)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
}

fn remove(folder: &Path) -> Result<(), TrialError> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file(folder, error)),
        _ => Ok(()),
    }
}

fn file(path: &Path, error: io::Error) -> TrialError {
    TrialError::File(path.display().to_string(), error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Size, Span};

    const ZONE: Tz = chrono_tz::Asia::Shanghai;

    #[test]
    fn a_day_begins_at_its_hour_in_the_citys_time() {
        // 2026-06-21 10:00 in China.
        let now = Timestamp(1_782_007_200_000);
        let hour = |hours: i64| hours * 3_600_000;
        assert_eq!(day_of(now, ZONE, 0), ("2026-06-21".to_owned(), now.plus_ms(-hour(10))));
        assert_eq!(day_of(now, ZONE, 10), ("2026-06-21".to_owned(), now));
        assert_eq!(day_of(now, ZONE, 11), ("2026-06-20".to_owned(), now.plus_ms(-hour(23))));
    }

    fn copy(data: &Path, day: &str, checkpoint: u64, time: i64, bytes: usize) {
        let folder = data.join(FOLDER).join(day);
        std::fs::create_dir_all(&folder).unwrap();
        let day = Day {
            day: day.to_owned(),
            version: "0".to_owned(),
            checkpoint: Seq(checkpoint),
            ledger: Seq(checkpoint + 5),
            time: Timestamp(time),
        };
        std::fs::write(folder.join(FILE), serde_json::to_vec(&day).unwrap()).unwrap();
        std::fs::write(folder.join("ledger.db"), vec![0; bytes]).unwrap();
    }

    fn kept(data: &Path) -> Vec<String> {
        list(data).unwrap().into_iter().map(|(_, day)| day.day).collect()
    }

    #[test]
    fn copies_go_with_age_size_and_the_archive_and_the_newest_stays() {
        let data = tempfile::tempdir().unwrap();
        let data = data.path();
        for day in 1..=5_u64 {
            copy(data, &format!("2026-06-0{day}"), day * 100, day as i64 * DAY_MS, 1_000);
        }
        // A folder that was not finished is no copy.
        std::fs::create_dir_all(data.join(FOLDER).join("2026-06-06.new")).unwrap();
        let options = |days: i64, bytes: u64| DaysConfig { hour: 0, keep: Span(days * DAY_MS), keep_size: Size(bytes) };
        let now = Timestamp(6 * DAY_MS);
        assert_eq!(trim(data, &options(100, 1 << 20), None, now).unwrap(), 0);
        assert_eq!(trim(data, &options(4, 1 << 20), None, now).unwrap(), 1);
        assert_eq!(kept(data), ["2026-06-02", "2026-06-03", "2026-06-04", "2026-06-05"]);
        assert_eq!(trim(data, &options(100, 1 << 20), Some(Seq(301)), now).unwrap(), 1);
        assert_eq!(kept(data), ["2026-06-03", "2026-06-04", "2026-06-05"], "the archive begins at 301");
        assert_eq!(trim(data, &options(100, 2_800), None, now).unwrap(), 1);
        assert_eq!(trim(data, &options(100, 10), None, now).unwrap(), 1);
        assert_eq!(kept(data), ["2026-06-05"]);
    }
}
