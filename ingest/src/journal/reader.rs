//! Reads records in order, from archived, closed and live segments alike, one frame in memory at a time.
//!
//! A reader opens files for itself and shares nothing with the writer, so it may be on another thread
//! or in another process. It goes no further than its [`ReadLimit`]: what is not synced may still be
//! undone. A reader that has caught up gives `None`, and can be asked again later.

use std::collections::VecDeque;
use std::io::{BufReader, ErrorKind, Read};
use std::sync::Arc;

use gengfu_model::{Record, Seq, Timestamp};

use super::archive::{ArchiveEntry, list_archive};
use super::codec::{CodecError, Decoder};
use super::disk::{Disk, FileStream};
use super::error::JournalError;
use super::frame::{Expected, FrameFault, FrameHeader, FrameRead, decode_records, read_frame};
use super::log::SyncedEnd;
use super::segment::{
    ARCHIVE_FOLDER, OpenSegment, SEGMENT_HEADER_BYTES, Scan, SegmentHeader, list_segments, scan_on, segment_name,
};

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

/// Where in which file the next frame is.
struct Place {
    file: PlaceFile,
    name: String,
    offset: u64,
    expected: Expected,
}

enum PlaceFile {
    Live { segment: OpenSegment, source: BufReader<FileStream>, verified: u64 },
    Archived { source: Box<dyn Read + Send>, last_seq: Seq },
}

enum Step {
    Frame(FrameHeader),
    /// The segment is finished; the next one begins where it ended.
    Finished,
    /// Nothing more for now.
    CaughtUp,
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
        if !self.queue.is_empty() {
            return Ok(Some(self.queue.drain(..).collect()));
        }
        loop {
            let last = self.last_allowed();
            if self.next > last {
                return Ok(None);
            }
            if self.place.is_none() {
                self.place = self.find_place()?;
            }
            let Some(place) = &mut self.place else {
                return Ok(None);
            };
            match place.step(self.disk.as_ref(), &self.limit, self.next, &mut self.body)? {
                Step::CaughtUp => return Ok(None),
                Step::Finished => self.place = None,
                Step::Frame(header) => {
                    let records = self.take(&header, last)?;
                    if !records.is_empty() {
                        return Ok(Some(records));
                    }
                }
            }
        }
    }

    /// The records of the frame in `body` that are wanted.
    fn take(&mut self, header: &FrameHeader, last: Seq) -> Result<Batch, JournalError> {
        if header.last_seq() < self.next {
            return Ok(Vec::new());
        }
        let range = (self.next, last);
        self.next = header.last_seq().min(last).next();
        if header.last_seq() > last {
            // The rest of this frame is read again when the limit has moved.
            self.place = None;
        }
        if self.not_before.is_some_and(|time| header.time < time) {
            return Ok(Vec::new());
        }
        self.not_before = None;
        let mut records = Vec::with_capacity((header.records as usize).min(self.body.len()));
        let decoded = decode_records(header, &self.body, range, &mut self.decoder, &mut records);
        decoded.map_err(|error| self.undecodable(header, &error))?;
        Ok(records)
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

impl Place {
    fn live(segment: OpenSegment) -> Place {
        let source = segment.stream(SEGMENT_HEADER_BYTES);
        Place {
            name: segment.name.clone(),
            offset: SEGMENT_HEADER_BYTES,
            expected: segment.header.expected(),
            file: PlaceFile::Live { segment, source, verified: SEGMENT_HEADER_BYTES },
        }
    }

    fn archived(folder: &dyn Disk, entry: &ArchiveEntry) -> Result<Place, JournalError> {
        let name = entry.name();
        let file = folder.open(&name).map_err(|error| JournalError::io("open", &name, error))?;
        let decoder = zstd::stream::read::Decoder::new(FileStream::new(file, 0));
        let mut source = decoder.map_err(|error| JournalError::io("read", &name, error))?;
        let header = SegmentHeader::read(&mut source, &name)
            .map_err(|error| JournalError::corrupt(&name, 0, error.to_string()))?;
        if header.first_seq != entry.first_seq {
            return Err(JournalError::corrupt(&name, 0, "the file's name does not match its header"));
        }
        Ok(Place {
            name,
            offset: SEGMENT_HEADER_BYTES,
            expected: header.expected(),
            file: PlaceFile::Archived { source: Box::new(source), last_seq: entry.last_seq },
        })
    }

    fn step(
        &mut self,
        disk: &dyn Disk,
        limit: &ReadLimit,
        wanted: Seq,
        body: &mut Vec<u8>,
    ) -> Result<Step, JournalError> {
        let fault = match self.verified(disk, limit)? {
            true => match self.read(body)? {
                FrameRead::Frame(header) => return Ok(Step::Frame(header)),
                FrameRead::End(fault) => fault,
            },
            false => return Ok(Step::CaughtUp),
        };
        let damaged = |place: &Place| Err(JournalError::corrupt(&place.name, place.offset, fault.to_string()));
        match &mut self.file {
            PlaceFile::Archived { last_seq, .. } => {
                let whole = fault == FrameFault::Blank && self.expected.seq == last_seq.next();
                if whole { Ok(Step::Finished) } else { damaged(self) }
            }
            PlaceFile::Live { segment, source, .. } => {
                // What was read ahead may be from before the writer went on.
                *source = segment.stream(self.offset);
                if !has_later_segment(disk, self.expected.segment)? {
                    let promised = matches!(limit, ReadLimit::Synced(end) if end.get() >= wanted);
                    return match self.read(body)? {
                        FrameRead::Frame(header) => Ok(Step::Frame(header)),
                        FrameRead::End(_) if promised && !has_later_segment(disk, self.expected.segment)? => {
                            damaged(self)
                        }
                        FrameRead::End(_) => Ok(Step::CaughtUp),
                    };
                }
                match self.read(body)? {
                    FrameRead::Frame(header) => Ok(Step::Frame(header)),
                    FrameRead::End(_) if begins_with(disk, self.expected.seq)? => Ok(Step::Finished),
                    FrameRead::End(_) => damaged(self),
                }
            }
        }
    }

    /// Whether the frame at this place may be read under [`ReadLimit::Verified`].
    fn verified(&mut self, disk: &dyn Disk, limit: &ReadLimit) -> Result<bool, JournalError> {
        let PlaceFile::Live { segment, verified, .. } = &mut self.file else {
            return Ok(true);
        };
        if !matches!(limit, ReadLimit::Verified) || self.offset < *verified {
            return Ok(true);
        }
        if has_later_segment(disk, segment.header.id)? {
            *verified = u64::MAX;
            return Ok(true);
        }
        let here = Scan {
            end: self.offset,
            next_seq: self.expected.seq,
            first_time: self.expected.not_before,
            last_time: self.expected.not_before,
            synced: 0,
            fault: FrameFault::Blank,
        };
        *verified = scan_on(segment, here)?.synced;
        Ok(self.offset < *verified)
    }

    fn read(&mut self, body: &mut Vec<u8>) -> Result<FrameRead, JournalError> {
        let read = match &mut self.file {
            PlaceFile::Live { source, .. } => {
                read_frame(source, &self.expected, body).map_err(|error| JournalError::io("read", &self.name, error))?
            }
            PlaceFile::Archived { source, .. } => read_frame(source.as_mut(), &self.expected, body)
                .map_err(|error| JournalError::corrupt(&self.name, self.offset, error.to_string()))?,
        };
        if let FrameRead::Frame(header) = &read {
            self.offset += header.frame_bytes();
            self.expected.seq = header.last_seq().next();
            self.expected.not_before = header.time;
        }
        Ok(read)
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

fn open_archive(disk: &dyn Disk) -> Result<Arc<dyn Disk>, JournalError> {
    disk.folder(ARCHIVE_FOLDER).map_err(|error| JournalError::io("open", ARCHIVE_FOLDER, error))
}

fn has_later_segment(disk: &dyn Disk, id: u64) -> Result<bool, JournalError> {
    Ok(list_segments(disk)?.last().is_some_and(|last| *last > id))
}

/// Whether some segment or archive file begins with this record.
fn begins_with(disk: &dyn Disk, seq: Seq) -> Result<bool, JournalError> {
    for id in list_segments(disk)? {
        match OpenSegment::open(disk, id) {
            Ok(segment) if segment.header.first_seq == seq => return Ok(true),
            Ok(_) => {}
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(list_archive(open_archive(disk)?.as_ref())?.iter().any(|entry| entry.first_seq == seq))
}

/// Whether a file went to the archive between looking and opening.
fn is_gone(error: &JournalError) -> bool {
    matches!(error, JournalError::Io { source, .. } if source.kind() == ErrorKind::NotFound)
}
