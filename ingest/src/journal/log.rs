//! The log without threads: appends frames to segments, syncs them, and finds its end again after a crash.
//!
//! Promises: what [`Log::sync`] has returned for survives any crash; sequences have no gaps and time
//! never decreases; a bad frame ends the log only at the torn end of the last segment and is an
//! error naming file and offset anywhere else; after a failed write or sync nothing works any more
//! until the log is opened again. One spare segment is kept back for control records: messages are
//! taken only while it is there.
//!
//! A sector of the disk is taken to be written as a whole or not at all: a frame begins where the
//! last one ended, and so rewrites the bytes of that one that share its sector.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gengfu_model::{Body, Control, Record, Seq, Timestamp};

use super::codec::{self, put_varint};
use super::disk::{Disk, DiskFile};
use super::error::JournalError;
use super::frame::{FRAME_HEADER_BYTES, FrameHeader, MAX_FRAME_BYTES, seal};
use super::recovery::{begin, check_segments, mend_tail};
use super::segment::{SEGMENT_HEADER_BYTES, SegmentHeader, list_segments, scan};
use super::spare::{Spare, SpareTask, make_spare, name_spare, spare_name, take_stock};

/// The smallest segment that makes sense, in bytes.
pub const MIN_SEGMENT_BYTES: u64 = 2 * SEGMENT_HEADER_BYTES;
/// The largest segment, in bytes; offsets fit 32 bits with room to spare.
pub const MAX_SEGMENT_BYTES: u64 = 1 << 30;

/// How the log is kept.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// Size of a segment in bytes; default 64 MiB. Existing segments keep theirs.
    pub segment_bytes: u64,
    /// A commit is split into frames of at most this many bytes; default 8 MiB.
    pub max_frame_bytes: usize,
    /// Damage within the last segment ends the log there, and what stood behind is lost, instead of
    /// refusing to open. For an operator who has no backup; default false.
    pub cut_at_damage: bool,
}

impl Default for LogOptions {
    fn default() -> Self {
        LogOptions { segment_bytes: 64 << 20, max_frame_bytes: 8 << 20, cut_at_damage: false }
    }
}

/// What was found when the log was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The first record still in a segment; older ones are in the archive.
    pub first_seq: Seq,
    /// The last record; 0 when there is none.
    pub last_seq: Seq,
    /// The journal's time of the last record; `None` for a new journal.
    pub last_time: Option<Timestamp>,
    /// The torn end that was cut off, if there was one: file and offset. Nothing of it had been acknowledged.
    pub cut: Option<(String, u64)>,
}

/// Up to where the journal is synced. Readers on other threads go no further.
#[derive(Debug, Default)]
pub struct SyncedEnd(AtomicU64);

impl SyncedEnd {
    /// The last synced record.
    #[must_use]
    pub fn get(&self) -> Seq {
        Seq(self.0.load(Ordering::Acquire))
    }

    fn set(&self, seq: Seq) {
        self.0.store(seq.0, Ordering::Release);
    }
}

/// An append that was not done; the bodies come back. Unless the log is poisoned, nothing was written.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
pub struct AppendError {
    /// Why.
    pub cause: JournalError,
    /// What was to be appended.
    pub bodies: Vec<Body>,
}

impl From<AppendError> for JournalError {
    fn from(error: AppendError) -> JournalError {
        error.cause
    }
}

/// The segment that is appended to.
struct Tail {
    id: u64,
    name: String,
    file: Arc<dyn DiskFile>,
    bytes: u64,
    end: u64,
    synced: u64,
}

/// A piece of the buffer that becomes one frame.
#[derive(Clone, Copy)]
struct Draft {
    start: usize,
    end: usize,
    records: u32,
}

/// The log. Owned by one thread.
pub struct Log {
    disk: Arc<dyn Disk>,
    options: LogOptions,
    tail: Tail,
    next_seq: Seq,
    last_time: Timestamp,
    spares: Vec<String>,
    next_spare: u64,
    poisoned: Option<Arc<str>>,
    synced: Arc<SyncedEnd>,
    buffer: Vec<u8>,
    scratch: Vec<u8>,
    drafts: Vec<Draft>,
}

impl Log {
    /// Opens the log in a folder, or begins a new one. Cuts off a torn end, so that nothing of it can be
    /// taken for a record later, and makes what is left durable before it says so.
    ///
    /// # Errors
    /// [`JournalError::Corrupt`], [`JournalError::Missing`] or [`JournalError::Version`] when the files
    /// are not what a crash can leave behind; [`JournalError::Full`] when a new log finds no room.
    pub fn open(disk: Arc<dyn Disk>, options: LogOptions) -> Result<(Log, Opened), JournalError> {
        check_options(&options)?;
        let (mut spares, next_spare) = take_stock(disk.as_ref(), options.segment_bytes)?;
        let ids = list_segments(disk.as_ref())?;
        let (segment, scan, first_seq) = match ids.last() {
            Some(_) => check_segments(disk.as_ref(), &ids)?,
            None => {
                let segment = begin(disk.as_ref(), &options, spares.pop())?;
                let scan = scan(&segment)?;
                (segment, scan, Seq(1))
            }
        };
        let cut = mend_tail(&segment, &scan, &options)?;
        // A name that is only visible so far must not be undone under records that are acknowledged.
        disk.sync_dir().map_err(|error| JournalError::io("sync", "the journal's folder", error))?;
        let bytes = segment.file.len().map_err(|error| JournalError::io("read", &segment.name, error))?;
        let last_seq = Seq(scan.next_seq.0 - 1);
        let synced = Arc::new(SyncedEnd::default());
        synced.set(last_seq);
        let tail = Tail {
            id: segment.header.id,
            name: segment.name,
            file: segment.file,
            bytes,
            end: scan.end,
            synced: scan.end,
        };
        let mut log = Log {
            disk,
            options,
            tail,
            next_seq: scan.next_seq,
            last_time: scan.last_time,
            spares,
            next_spare,
            poisoned: None,
            synced,
            buffer: Vec::new(),
            scratch: Vec::new(),
            drafts: Vec::new(),
        };
        // Without room the log still opens: control records go on, messages wait.
        match log.ensure_spares(1) {
            Ok(()) | Err(JournalError::Full) => {}
            Err(error) => return Err(error),
        }
        let last_time = (last_seq > Seq(0)).then_some(log.last_time);
        Ok((log, Opened { first_seq, last_seq, last_time, cut }))
    }

    /// Appends bodies as one commit and gives them back as records, stamped with `now` or, if that is
    /// earlier, with the last record's time. Not durable before [`Log::sync`] has returned.
    ///
    /// # Errors
    /// [`JournalError::Full`] when there is no room beside the reserve, [`JournalError::TooLarge`] when
    /// one body cannot be framed: then nothing was written and the bodies come back.
    /// [`JournalError::Poisoned`] when a write failed, now or earlier.
    pub fn append(&mut self, bodies: Vec<Body>, now: Timestamp) -> Result<Vec<Record>, AppendError> {
        self.append_keeping(bodies, now, 1)
    }

    /// Appends control records, which may use the reserve when the disk is full.
    ///
    /// # Errors
    /// As [`Log::append`]; `Full` only when the reserve is used up as well.
    pub fn append_control(&mut self, controls: Vec<Control>, now: Timestamp) -> Result<Vec<Record>, AppendError> {
        self.append_keeping(controls.into_iter().map(Body::Control).collect(), now, 0)
    }

    /// Makes everything appended so far survive a crash.
    ///
    /// # Errors
    /// Any error is final: the log is poisoned, since nobody knows what the disk holds.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        self.check_poison()?;
        if self.tail.end > self.tail.synced {
            let result = self.tail.file.sync_data();
            result.map_err(|error| self.poison("sync", error))?;
            self.tail.synced = self.tail.end;
        }
        self.synced.set(Seq(self.next_seq.0 - 1));
        Ok(())
    }

    /// Tries to have the reserve in place again.
    ///
    /// # Errors
    /// [`JournalError::Full`] while there is no room; [`JournalError::Poisoned`] after a failed write.
    pub fn retry_room(&mut self) -> Result<(), JournalError> {
        self.check_poison()?;
        self.ensure_spares(1)
    }

    /// Whether messages have to wait because the reserve is not in place.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.spares.is_empty()
    }

    /// The last record appended; 0 when there is none.
    #[must_use]
    pub fn last_seq(&self) -> Seq {
        Seq(self.next_seq.0 - 1)
    }

    /// The time of the last record; of a new journal, zero.
    #[must_use]
    pub fn last_time(&self) -> Timestamp {
        self.last_time
    }

    /// Up to where the log is synced, for readers on other threads.
    #[must_use]
    pub fn synced_end(&self) -> Arc<SyncedEnd> {
        Arc::clone(&self.synced)
    }

    /// The folder that the log lives in.
    #[must_use]
    pub fn disk(&self) -> Arc<dyn Disk> {
        Arc::clone(&self.disk)
    }

    /// The largest record that can be appended, encoded, in bytes.
    #[must_use]
    pub fn max_record_bytes(&self) -> usize {
        max_body_bytes(&self.options) - 5
    }

    /// Work for another thread: the next spare segment, made ahead so that a commit need not wait for
    /// its zeros. `None` while there is one beside the reserve.
    pub fn spare_wanted(&mut self) -> Option<SpareTask> {
        if self.poisoned.is_some() || self.spares.len() >= 2 {
            return None;
        }
        let name = self.new_spare_name();
        Some(SpareTask { disk: Arc::clone(&self.disk), name, bytes: self.options.segment_bytes })
    }

    /// Takes a spare that was made ahead.
    pub fn add_spare(&mut self, spare: Spare) {
        self.spares.push(spare.0);
    }

    fn append_keeping(&mut self, bodies: Vec<Body>, now: Timestamp, keep: usize) -> Result<Vec<Record>, AppendError> {
        if bodies.is_empty() {
            return Ok(Vec::new());
        }
        let time = now.max(self.last_time);
        if let Err(cause) = self.check_poison().and_then(|()| self.draft(&bodies)).and_then(|()| self.make_room(keep)) {
            return Err(AppendError { cause, bodies });
        }
        if let Err(cause) = self.write_drafts(time) {
            return Err(AppendError { cause, bodies });
        }
        self.last_time = time;
        let first = self.next_seq.0;
        self.next_seq = Seq(first + bodies.len() as u64);
        Ok((first..).zip(bodies).map(|(seq, body)| Record { seq: Seq(seq), time, body }).collect())
    }

    /// Encodes all bodies into the buffer, as one frame or, if they are too many bytes, as several.
    fn draft(&mut self, bodies: &[Body]) -> Result<(), JournalError> {
        let limit = max_body_bytes(&self.options);
        self.buffer.clear();
        self.drafts.clear();
        let mut draft = Draft { start: 0, end: 0, records: 0 };
        self.buffer.resize(FRAME_HEADER_BYTES, 0);
        for body in bodies {
            self.scratch.clear();
            let encoded = codec::encode(body, &mut self.scratch);
            encoded.map_err(|error| JournalError::Options(format!("a record cannot be written: {error}")))?;
            // The length in front takes at most 5 bytes, as frames are far below 4 GiB.
            let bytes = self.scratch.len() + 5;
            if bytes > limit {
                return Err(JournalError::TooLarge { bytes: self.scratch.len(), limit: limit - 5 });
            }
            if draft.records > 0 && self.buffer.len() - draft.start - FRAME_HEADER_BYTES + bytes > limit {
                draft.end = self.buffer.len();
                self.drafts.push(draft);
                draft = Draft { start: self.buffer.len(), end: 0, records: 0 };
                self.buffer.resize(draft.start + FRAME_HEADER_BYTES, 0);
            }
            put_varint(&mut self.buffer, self.scratch.len() as u64);
            self.buffer.extend_from_slice(&self.scratch);
            draft.records += 1;
        }
        draft.end = self.buffer.len();
        self.drafts.push(draft);
        Ok(())
    }

    /// Sees to it before anything is written that the drafts fit and `keep` spares are left after them.
    fn make_room(&mut self, keep: usize) -> Result<(), JournalError> {
        let mut rolls = 0;
        let (mut end, mut bytes) = (self.tail.end, self.tail.bytes);
        for draft in &self.drafts {
            let frame = (draft.end - draft.start) as u64;
            if end + frame > bytes {
                rolls += 1;
                (end, bytes) = (SEGMENT_HEADER_BYTES, self.options.segment_bytes);
            }
            end += frame;
        }
        self.ensure_spares(rolls + keep)
    }

    fn ensure_spares(&mut self, count: usize) -> Result<(), JournalError> {
        while self.spares.len() < count {
            let name = self.new_spare_name();
            make_spare(self.disk.as_ref(), &name, self.options.segment_bytes)?;
            self.spares.push(name);
        }
        Ok(())
    }

    fn new_spare_name(&mut self) -> String {
        let name = spare_name(self.next_spare);
        self.next_spare += 1;
        name
    }

    fn write_drafts(&mut self, time: Timestamp) -> Result<(), JournalError> {
        let drafts = std::mem::take(&mut self.drafts);
        let mut first_seq = self.next_seq;
        let result = drafts.iter().try_for_each(|draft| {
            let frame_bytes = (draft.end - draft.start) as u64;
            if self.tail.end + frame_bytes > self.tail.bytes {
                self.roll(first_seq, time)?;
            }
            let header = FrameHeader {
                body_bytes: (draft.end - draft.start - FRAME_HEADER_BYTES) as u32,
                segment: self.tail.id,
                first_seq,
                time,
                records: draft.records,
                synced: self.tail.synced as u32,
            };
            let frame = &mut self.buffer[draft.start..draft.end];
            seal(frame, &header);
            let written = self.tail.file.write_at(self.tail.end, frame);
            written.map_err(|error| self.poison("write", error))?;
            self.tail.end += frame_bytes;
            first_seq = header.last_seq().next();
            Ok(())
        });
        self.drafts = drafts;
        result
    }

    /// Goes on in a spare. The old segment is synced before the new one has a name, so that only the
    /// last segment can ever have a torn end.
    fn roll(&mut self, first_seq: Seq, time: Timestamp) -> Result<(), JournalError> {
        if self.tail.end > self.tail.synced {
            let result = self.tail.file.sync_data();
            result.map_err(|error| self.poison("sync", error))?;
            self.tail.synced = self.tail.end;
        }
        let spare = self.spares.pop().ok_or(JournalError::Full)?;
        let header = SegmentHeader { id: self.tail.id + 1, first_seq, base_time: time };
        let segment = name_spare(self.disk.as_ref(), &spare, header);
        let segment = segment.map_err(|error| self.poison_with(&error.to_string()))?;
        self.tail = Tail {
            id: header.id,
            name: segment.name,
            file: segment.file,
            bytes: self.options.segment_bytes,
            end: SEGMENT_HEADER_BYTES,
            synced: SEGMENT_HEADER_BYTES,
        };
        Ok(())
    }

    fn check_poison(&self) -> Result<(), JournalError> {
        match &self.poisoned {
            Some(why) => Err(JournalError::Poisoned(Arc::clone(why))),
            None => Ok(()),
        }
    }

    fn poison(&mut self, action: &str, error: std::io::Error) -> JournalError {
        let why = format!("cannot {action} `{}`: {error}", self.tail.name);
        self.poison_with(&why)
    }

    fn poison_with(&mut self, why: &str) -> JournalError {
        let why: Arc<str> = Arc::from(why);
        self.poisoned = Some(Arc::clone(&why));
        JournalError::Poisoned(why)
    }
}

fn check_options(options: &LogOptions) -> Result<(), JournalError> {
    if !(MIN_SEGMENT_BYTES..=MAX_SEGMENT_BYTES).contains(&options.segment_bytes) {
        return Err(JournalError::Options(format!(
            "a segment of {} bytes is not between {MIN_SEGMENT_BYTES} and {MAX_SEGMENT_BYTES}",
            options.segment_bytes
        )));
    }
    if options.max_frame_bytes < 1 << 10 {
        return Err(JournalError::Options("frames of less than 1 KiB are too small".to_owned()));
    }
    Ok(())
}

/// What a frame may hold: it has to fit an empty segment.
fn max_body_bytes(options: &LogOptions) -> usize {
    let room = usize::try_from(options.segment_bytes - SEGMENT_HEADER_BYTES).unwrap_or(usize::MAX);
    options.max_frame_bytes.min(MAX_FRAME_BYTES).min(room) - FRAME_HEADER_BYTES
}
