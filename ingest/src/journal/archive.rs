//! History: closed segments that their consumers have passed, compressed, and kept for some weeks.
//!
//! A file is its segment's bytes up to the last frame, under zstd. Its name is the index: first and
//! last sequence, first and last time; so listing the folder is all it takes to seek, and there is
//! no index that could be wrong. A segment is removed only after its archive file is durable.

use std::io::{self, BufWriter, Read, Write};
use std::sync::Arc;

use gengfu_model::time::DAY_MS;
use gengfu_model::{Seq, Timestamp};

use super::disk::{Disk, DiskFile};
use super::error::JournalError;
use super::recovery::check_closed;
use super::segment::{ARCHIVE_FOLDER, OpenSegment, Scan, list_segments, scan};

/// Compressed bytes are written in pieces of this size.
const PIECE_BYTES: usize = 256 << 10;

/// How long history is kept.
#[derive(Clone, Debug)]
pub struct ArchiveOptions {
    /// Files whose newest record is older than this are removed; default 35 days.
    pub keep_ms: i64,
    /// The oldest files are removed while all together have more bytes than this; default no limit.
    pub budget_bytes: Option<u64>,
    /// When the disk is full, files whose newest record is older than this give way to new messages;
    /// default 7 days. `None`: nothing gives way, and devices are refused instead.
    pub give_way_after_ms: Option<i64>,
    /// zstd level; default 3.
    pub level: i32,
}

impl Default for ArchiveOptions {
    fn default() -> Self {
        ArchiveOptions { keep_ms: 35 * DAY_MS, budget_bytes: None, give_way_after_ms: Some(7 * DAY_MS), level: 3 }
    }
}

/// A file of the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveEntry {
    /// Its first record.
    pub first_seq: Seq,
    /// Its last record.
    pub last_seq: Seq,
    /// The journal's time of its first record.
    pub first_time: Timestamp,
    /// The journal's time of its last record.
    pub last_time: Timestamp,
}

const SUFFIX: &str = ".zst";

impl ArchiveEntry {
    /// The file's name, which says all of this.
    #[must_use]
    pub fn name(&self) -> String {
        let time = |time: Timestamp| time.as_millis().max(0);
        format!(
            "{:020}-{:020}-{:015}-{:015}{SUFFIX}",
            self.first_seq.0,
            self.last_seq.0,
            time(self.first_time),
            time(self.last_time)
        )
    }

    fn parse(name: &str) -> Option<ArchiveEntry> {
        let mut parts = name.strip_suffix(SUFFIX)?.split('-');
        let mut number = || parts.next()?.parse::<u64>().ok();
        let (first_seq, last_seq) = (Seq(number()?), Seq(number()?));
        let mut time = || i64::try_from(number()?).ok().map(Timestamp);
        let (first_time, last_time) = (time()?, time()?);
        Some(ArchiveEntry { first_seq, last_seq, first_time, last_time })
    }
}

/// All files of an archive folder, in order.
pub(crate) fn list_archive(folder: &dyn Disk) -> Result<Vec<ArchiveEntry>, JournalError> {
    let names = folder.list().map_err(|error| JournalError::io("list", ARCHIVE_FOLDER, error))?;
    let mut entries: Vec<ArchiveEntry> = names.iter().filter_map(|name| ArchiveEntry::parse(name)).collect();
    entries.sort_unstable_by_key(|entry| entry.first_seq);
    Ok(entries)
}

/// The archive. Owned by one thread, which need not be the journal's.
pub struct Archive {
    live: Arc<dyn Disk>,
    folder: Arc<dyn Disk>,
    options: ArchiveOptions,
}

impl Archive {
    /// The archive of the journal in `disk`. Removes what a crash left unfinished.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn open(disk: Arc<dyn Disk>, options: ArchiveOptions) -> Result<Archive, JournalError> {
        let io = |error| JournalError::io("open", ARCHIVE_FOLDER, error);
        let folder = disk.folder(ARCHIVE_FOLDER).map_err(io)?;
        for name in folder.list().map_err(io)? {
            if name.ends_with(".new") {
                folder.remove(&name).map_err(|error| JournalError::io("remove", &name, error))?;
            }
        }
        Ok(Archive { live: disk, folder, options })
    }

    /// What is kept, in order.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn entries(&self) -> Result<Vec<ArchiveEntry>, JournalError> {
        list_archive(self.folder.as_ref())
    }

    /// Records between the first and the last kept that are missing, as (first, last).
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn gaps(&self) -> Result<Vec<(Seq, Seq)>, JournalError> {
        let entries = self.entries()?;
        let pairs = entries.iter().zip(entries.iter().skip(1));
        Ok(pairs
            .filter(|(before, after)| before.last_seq.next() < after.first_seq)
            .map(|(before, after)| (before.last_seq.next(), Seq(after.first_seq.0 - 1)))
            .collect())
    }

    /// Archives every closed segment whose records are all at or before `up_to`: the last record that
    /// all consumers have passed. Gives the new files.
    ///
    /// # Errors
    /// [`JournalError::Full`] when there is no room, [`JournalError::Corrupt`] when a segment is damaged
    /// (it is then kept as it is), or the I/O error. What was archived before stays archived.
    pub fn release(&mut self, up_to: Seq) -> Result<Vec<ArchiveEntry>, JournalError> {
        let mut released = Vec::new();
        while let Some(entry) = self.release_one(up_to)? {
            released.push(entry);
        }
        Ok(released)
    }

    /// Archives the oldest closed segment if it may be; see [`Archive::release`].
    ///
    /// # Errors
    /// As [`Archive::release`].
    pub fn release_one(&mut self, up_to: Seq) -> Result<Option<ArchiveEntry>, JournalError> {
        loop {
            let ids = list_segments(self.live.as_ref())?;
            let &[id, next, ..] = ids.as_slice() else {
                return Ok(None);
            };
            let next = OpenSegment::open(self.live.as_ref(), next)?.header;
            let last_seq = Seq(next.first_seq.0 - 1);
            if last_seq > up_to {
                return Ok(None);
            }
            let segment = OpenSegment::open(self.live.as_ref(), id)?;
            let empty = segment.header.first_seq == next.first_seq;
            // A crash may have brought back a segment that is in the archive already.
            if empty || self.entries()?.iter().any(|entry| entry.last_seq == last_seq) {
                self.remove_segment(&segment.name)?;
                continue;
            }
            let scan = scan(&segment)?;
            check_closed(&segment, &scan, &next)?;
            let entry = ArchiveEntry {
                first_seq: segment.header.first_seq,
                last_seq,
                first_time: scan.first_time,
                last_time: scan.last_time,
            };
            self.store(&segment, &scan, &entry)?;
            self.remove_segment(&segment.name)?;
            return Ok(Some(entry));
        }
    }

    /// Removes files that are too old at `now`, and the oldest while all together are over the budget.
    /// Gives those removed: their records can no longer be read.
    ///
    /// # Errors
    /// The I/O error.
    pub fn retain(&mut self, now: Timestamp) -> Result<Vec<ArchiveEntry>, JournalError> {
        let mut entries = self.entries()?;
        let mut total = self.bytes()?;
        let over = |total: u64| self.options.budget_bytes.is_some_and(|budget| total > budget);
        let mut removed = 0;
        for entry in &entries {
            if now.since_ms(entry.last_time) <= self.options.keep_ms && !over(total) {
                break;
            }
            total -= self.size(entry)?.min(total);
            self.remove_entry(entry)?;
            removed += 1;
        }
        entries.truncate(removed);
        Ok(entries)
    }

    /// Removes the oldest file, to make room, if it is old enough at `now` to give way. Gives that
    /// file, or `None` when there is none.
    ///
    /// # Errors
    /// The I/O error.
    pub fn give_way(&mut self, now: Timestamp) -> Result<Option<ArchiveEntry>, JournalError> {
        let (Some(oldest), Some(after_ms)) = (self.entries()?.first().copied(), self.options.give_way_after_ms) else {
            return Ok(None);
        };
        if now.since_ms(oldest.last_time) <= after_ms {
            return Ok(None);
        }
        self.remove_entry(&oldest)?;
        tracing::warn!(
            first_seq = oldest.first_seq.0,
            last_seq = oldest.last_seq.0,
            "the disk is full: the oldest part of the archive was removed"
        );
        Ok(Some(oldest))
    }

    /// Bytes of all files together.
    ///
    /// # Errors
    /// The I/O error.
    pub fn bytes(&self) -> Result<u64, JournalError> {
        self.entries()?.iter().try_fold(0, |total, entry| Ok(total + self.size(entry)?))
    }

    fn size(&self, entry: &ArchiveEntry) -> Result<u64, JournalError> {
        let name = entry.name();
        let length = self.folder.open(&name).and_then(|file| file.len());
        length.map_err(|error| JournalError::io("read", &name, error))
    }

    fn store(&mut self, segment: &OpenSegment, scan: &Scan, entry: &ArchiveEntry) -> Result<(), JournalError> {
        loop {
            match self.try_store(segment, scan, entry) {
                Err(JournalError::Full) if self.give_way(entry.last_time)?.is_some() => {}
                result => return result,
            }
        }
    }

    fn try_store(&self, segment: &OpenSegment, scan: &Scan, entry: &ArchiveEntry) -> Result<(), JournalError> {
        let name = entry.name();
        let new = format!("{name}.new");
        let written = self.folder.create_zeroed(&new, 0).and_then(|()| {
            let file = self.folder.open(&new)?;
            compress(segment, scan.end, Arc::clone(&file), self.options.level)?;
            file.sync_data()?;
            self.folder.rename(&new, &name)?;
            self.folder.sync_dir()
        });
        written.map_err(|error| {
            // Neither may be left: one takes up room, the other would pass for durable.
            self.folder.remove(&new).ok();
            self.folder.remove(&name).ok();
            JournalError::io("write", &new, error)
        })
    }

    fn remove_segment(&self, name: &str) -> Result<(), JournalError> {
        self.live.remove(name).map_err(|error| JournalError::io("remove", name, error))?;
        // One at a time is durable, so that a crash can bring back only the newest of those removed.
        self.live.sync_dir().map_err(|error| JournalError::io("sync", "the journal's folder", error))
    }

    fn remove_entry(&self, entry: &ArchiveEntry) -> Result<(), JournalError> {
        let name = entry.name();
        self.folder.remove(&name).map_err(|error| JournalError::io("remove", &name, error))?;
        self.folder.sync_dir().map_err(|error| JournalError::io("sync", ARCHIVE_FOLDER, error))
    }
}

fn compress(segment: &OpenSegment, end: u64, to: Arc<dyn DiskFile>, level: i32) -> io::Result<()> {
    let writer = BufWriter::with_capacity(PIECE_BYTES, FileWriter { file: to, offset: 0 });
    let mut encoder = zstd::stream::write::Encoder::new(writer, level)?;
    encoder.include_checksum(true)?;
    io::copy(&mut segment.stream(0).take(end), &mut encoder)?;
    encoder.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok(())
}

struct FileWriter {
    file: Arc<dyn DiskFile>,
    offset: u64,
}

impl Write for FileWriter {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.file.write_at(self.offset, data)?;
        self.offset += data.len() as u64;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
