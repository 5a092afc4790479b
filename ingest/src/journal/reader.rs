//! Reads records in order, from archived, closed and live segments alike, one frame in memory at a time.
//!
//! A reader opens files for itself and shares nothing with the writer, so it may be on another thread
//! or in another process. It goes no further than its [`ReadLimit`]: what is not synced may still be
//! undone. A reader that has caught up gives `None`, and can be asked again later.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::sync::Arc;

use gengfu_model::{Record, Seq, Timestamp};

use super::archive::list_archive;
use super::codec::{CodecError, Decoder};
use super::disk::Disk;
use super::error::JournalError;
use super::frame::{FrameHeader, decode_records};
use super::log::SyncedEnd;
use super::place::{Place, Step};
use super::segment::{ARCHIVE_FOLDER, OpenSegment, list_segments, segment_name};

/// How far a reader goes.
#[derive(Clone, Debug)]
pub enum ReadLimit {
    /// Up to this record.
    Seq(Seq),
    /// Up to where the log of this process is synced, as it moves on.
    Synced(Arc<SyncedEnd>),
    /// Up to where later frames prove that the log was synced: for a running gateway's journal, seen
    /// from another process. Leaves out the newest commit.
    Verified,
    /// Every valid frame: for a journal that nobody writes to.
    Everything,
}

/// The records of one commit, or the rest of it.
pub type Batch = Vec<Record>;

/// How often a file may be archived under the reader's feet before that is an error.
const MAX_LOOKUPS: usize = 8;

/// Reads a journal.
pub struct JournalReader {
    disk: Arc<dyn Disk>,
    limit: ReadLimit,
    next: Seq,
    not_before: Option<Timestamp>,
    place: Option<Place>,
    decoder: Decoder,
    body: Vec<u8>,
    queue: VecDeque<Record>,
}

impl JournalReader {
    /// A reader of the journal in `disk` that begins with record `from`.
    ///
    /// # Errors
    /// [`JournalError::Gap`] when that record is no longer kept, or the I/O error.
    pub fn open(disk: Arc<dyn Disk>, from: Seq, limit: ReadLimit) -> Result<JournalReader, JournalError> {
        let mut reader = JournalReader {
            disk,
            limit,
            next: from.max(Seq(1)),
            not_before: None,
            place: None,
            decoder: Decoder::default(),
            body: Vec::new(),
            queue: VecDeque::new(),
        };
        if reader.next <= reader.last_allowed() {
            reader.place = reader.find_place()?;
        }
        Ok(reader)
    }

    /// A reader that begins with the first kept record at or after `time`.
    ///
    /// # Errors
    /// The I/O error or the damage met on the way.
    pub fn open_at_time(disk: Arc<dyn Disk>, time: Timestamp, limit: ReadLimit) -> Result<JournalReader, JournalError> {
        let from = seek_time(disk.as_ref(), time)?;
        let mut reader = JournalReader::open(disk, from, limit)?;
        reader.not_before = Some(time);
        Ok(reader)
    }

    /// The sequence of the next record that it would give (or skip, when it looks for a time).
    #[must_use]
    pub fn position(&self) -> Seq {
        self.queue.front().map_or(self.next, |record| record.seq)
    }

    /// Moves the limit.
    pub fn set_limit(&mut self, limit: ReadLimit) {
        self.limit = limit;
    }

    /// The next records, at most one commit of them; `None` when it has caught up with its limit.
    ///
    /// # Errors
    /// [`JournalError::Corrupt`] naming file and offset, [`JournalError::Gap`] when records are no longer
    /// kept, or the I/O error.
    pub fn next_batch(&mut self) -> Result<Option<Batch>, JournalError> {
        let mut batch = Vec::new();
        Ok(self.add_batch(&mut batch)?.then_some(batch))
    }

    /// Adds the next records to `batch`, which may be used again and again; `false`, and none, when it has caught up
    /// with its limit.
    ///
    /// # Errors
    /// As [`JournalReader::next_batch`]; some records may have been added by then.
    pub fn add_batch(&mut self, batch: &mut Batch) -> Result<bool, JournalError> {
        if !self.queue.is_empty() {
            batch.extend(self.queue.drain(..));
            return Ok(true);
        }
        let before = batch.len();
        loop {
            let last = self.last_allowed();
            if self.next > last {
                return Ok(false);
            }
            if self.place.is_none() {
                self.place = self.find_place()?;
            }
            let Some(place) = &mut self.place else {
                return Ok(false);
            };
            match place.step(self.disk.as_ref(), &self.limit, self.next, &mut self.body)? {
                Step::CaughtUp => return Ok(false),
                Step::Finished => self.place = None,
                Step::Frame(header) => {
                    self.take(&header, last, batch)?;
                    if batch.len() > before {
                        return Ok(true);
                    }
                }
            }
        }
    }

    /// Adds the records of the frame in `body` that are wanted.
    fn take(&mut self, header: &FrameHeader, last: Seq, batch: &mut Batch) -> Result<(), JournalError> {
        if header.last_seq() < self.next {
            return Ok(());
        }
        let range = (self.next, last);
        self.next = header.last_seq().min(last).next();
        if header.last_seq() > last {
            // The rest of this frame is read again when the limit has moved.
            self.place = None;
        }
        if self.not_before.is_some_and(|time| header.time < time) {
            return Ok(());
        }
        self.not_before = None;
        batch.reserve((header.records as usize).min(self.body.len()));
        let decoded = decode_records(header, &self.body, range, &mut self.decoder, batch);
        decoded.map_err(|error| self.undecodable(header, &error))
    }

    fn undecodable(&self, header: &FrameHeader, error: &CodecError) -> JournalError {
        let file = segment_name(header.segment);
        let (file, offset) =
            self.place.as_ref().map_or((file, 0), |place| (place.name.clone(), place.offset - header.frame_bytes()));
        JournalError::Corrupt { file, offset, what: error.to_string() }
    }

    fn last_allowed(&self) -> Seq {
        match &self.limit {
            ReadLimit::Seq(seq) => *seq,
            ReadLimit::Synced(end) => end.get(),
            ReadLimit::Verified | ReadLimit::Everything => Seq(u64::MAX),
        }
    }

    /// Finds the file that has the next record, or would get it.
    fn find_place(&self) -> Result<Option<Place>, JournalError> {
        for _ in 0..MAX_LOOKUPS {
            match self.look_up() {
                Err(error) if is_gone(&error) => {}
                result => return result,
            }
        }
        self.look_up()
    }

    fn look_up(&self) -> Result<Option<Place>, JournalError> {
        let mut oldest_live = None;
        for id in list_segments(self.disk.as_ref())?.into_iter().rev() {
            let segment = OpenSegment::open(self.disk.as_ref(), id)?;
            if segment.header.first_seq <= self.next {
                return Ok(Some(Place::live(segment)));
            }
            oldest_live = Some(segment.header.first_seq);
        }
        let folder = open_archive(self.disk.as_ref())?;
        let entries = list_archive(folder.as_ref())?;
        let after = entries.partition_point(|entry| entry.last_seq < self.next);
        match entries.get(after) {
            Some(entry) if entry.first_seq <= self.next => Place::archived(folder.as_ref(), entry).map(Some),
            Some(entry) => Err(self.gap_before(entry.first_seq)),
            None => oldest_live.map_or(Ok(None), |first| Err(self.gap_before(first))),
        }
    }

    fn gap_before(&self, first: Seq) -> JournalError {
        JournalError::Gap { from: self.next, to: Seq(first.0 - 1) }
    }
}

impl Iterator for JournalReader {
    type Item = Result<Record, JournalError>;

    /// The next record; `None` when it has caught up, after which there may be more.
    fn next(&mut self) -> Option<Self::Item> {
        if self.queue.is_empty() {
            match self.next_batch() {
                Ok(Some(batch)) => self.queue.extend(batch),
                Ok(None) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
        self.queue.pop_front().map(Ok)
    }
}

/// The first record kept anywhere; `None` when there is no journal yet.
///
/// # Errors
/// When files cannot be listed or read.
pub fn first_kept(disk: &dyn Disk) -> Result<Option<Seq>, JournalError> {
    let archived = list_archive(open_archive(disk)?.as_ref())?;
    if let Some(entry) = archived.first() {
        return Ok(Some(entry.first_seq));
    }
    match list_segments(disk)?.first() {
        Some(id) => OpenSegment::open(disk, *id).map(|segment| Some(segment.header.first_seq)),
        None => Ok(None),
    }
}

/// A record at or before the first one at `time`, as near as the files' own times tell.
fn seek_time(disk: &dyn Disk, time: Timestamp) -> Result<Seq, JournalError> {
    let entries = list_archive(open_archive(disk)?.as_ref())?;
    if let Some(entry) = entries.iter().find(|entry| entry.last_time >= time) {
        return Ok(entry.first_seq);
    }
    let mut first = entries.last().map_or(Seq(1), |entry| entry.last_seq.next());
    for id in list_segments(disk)? {
        let header = match OpenSegment::open(disk, id) {
            Ok(segment) => segment.header,
            Err(error) if is_gone(&error) => continue,
            Err(error) => return Err(error),
        };
        if header.base_time >= time && header.first_seq > first {
            break;
        }
        first = first.max(header.first_seq);
    }
    Ok(first)
}

pub(super) fn open_archive(disk: &dyn Disk) -> Result<Arc<dyn Disk>, JournalError> {
    disk.folder(ARCHIVE_FOLDER).map_err(|error| JournalError::io("open", ARCHIVE_FOLDER, error))
}

/// Whether a file went to the archive between looking and opening.
pub(super) fn is_gone(error: &JournalError) -> bool {
    matches!(error, JournalError::Io { source, .. } if source.kind() == ErrorKind::NotFound)
}
