//! Reads a whole journal and says everything that is wrong with it, instead of only the first thing.
//!
//! Promises: changes nothing; names file and byte of each damage, and the records that are missing between
//! two files; decodes every record, so that what passes here can be replayed.

use std::io::Read;

use gengfu_model::{Seq, Timestamp};

use super::archive::{ArchiveEntry, list_archive};
use super::codec::Decoder;
use super::disk::{Disk, FileStream};
use super::error::JournalError;
use super::frame::{FrameFault, FrameRead, decode_records, read_frame};
use super::reader::{is_gone, open_archive};
use super::segment::{
    ARCHIVE_FOLDER, OpenSegment, SEGMENT_HEADER_BYTES, SegmentHeader, list_segments, scan, segment_name,
    synced_frame_behind,
};

/// What a journal holds, and what is wrong with it.
#[derive(Debug, Default)]
pub struct Report {
    /// Segments and archive files.
    pub files: u64,
    /// Valid frames.
    pub frames: u64,
    /// Records in them.
    pub records: u64,
    /// The first record that is kept.
    pub first: Option<Seq>,
    /// The last record.
    pub last: Seq,
    /// The journal's time of the last record.
    pub last_time: Option<Timestamp>,
    /// A torn end, as file and byte: a start cuts it off, nothing of it was acknowledged.
    pub torn: Option<(String, u64)>,
    /// Everything that is wrong, in the order of the records.
    pub problems: Vec<JournalError>,
}

/// How far one file goes.
struct FileEnd {
    offset: u64,
    next_seq: Seq,
    fault: FrameFault,
}

/// How often a live journal is read again because files went away under the reader.
const MAX_TRIES: usize = 4;

/// Checks the journal in `disk`. Of a journal that a gateway writes to (`live`), the end of the last
/// segment is taken as it is, since a frame may be half written at that moment.
///
/// # Errors
/// When files cannot be listed; what is wrong within them is in the report.
pub fn check(disk: &dyn Disk, live: bool) -> Result<Report, JournalError> {
    let mut report = check_once(disk, live)?;
    for _ in 1..MAX_TRIES {
        // Archived, or given way to newer ones, between listing and reading.
        if !live || !report.problems.iter().any(is_gone) {
            break;
        }
        report = check_once(disk, live)?;
    }
    Ok(report)
}

fn check_once(disk: &dyn Disk, live: bool) -> Result<Report, JournalError> {
    let mut report = Report::default();
    // Segments first: one that is archived meanwhile is found in the archive's list after it.
    let ids = list_segments(disk)?;
    let archive = open_archive(disk)?;
    let entries = list_archive(archive.as_ref())?;
    for entry in &entries {
        report.files += 1;
        report.follow(entry.first_seq);
        if let Err(error) = archived(archive.as_ref(), entry, &mut report) {
            report.problems.push(error);
        }
        report.last = report.last.max(entry.last_seq);
    }
    segments(disk, &ids, live, &mut report);
    if ids.is_empty() && !entries.is_empty() {
        report.problems.push(JournalError::Missing(format!("`{ARCHIVE_FOLDER}` has files, but there is no segment")));
    }
    Ok(report)
}

impl Report {
    /// Notes that a file begins with `first`: what lies between it and the file before is missing.
    fn follow(&mut self, first: Seq) {
        match self.first {
            None => self.first = Some(first),
            Some(_) if first > self.last.next() => {
                self.problems.push(JournalError::Gap { from: self.last.next(), to: Seq(first.0 - 1) });
            }
            Some(_) => {}
        }
    }

    /// Reads every frame of one file.
    fn frames(&mut self, name: &str, header: &SegmentHeader, source: &mut dyn Read) -> Result<FileEnd, JournalError> {
        let mut expected = header.expected();
        let mut offset = SEGMENT_HEADER_BYTES;
        let (mut decoder, mut body, mut records) = (Decoder::default(), Vec::new(), Vec::new());
        loop {
            let read = read_frame(source, &expected, &mut body);
            // An archive file whose bytes changed fails in its decompression.
            let read = read.map_err(|error| JournalError::corrupt(name, offset, error.to_string()))?;
            let frame = match read {
                FrameRead::Frame(frame) => frame,
                FrameRead::End(fault) => return Ok(FileEnd { offset, next_seq: expected.seq, fault }),
            };
            records.clear();
            let range = (frame.first_seq, frame.last_seq());
            decode_records(&frame, &body, range, &mut decoder, &mut records)
                .map_err(|error| JournalError::corrupt(name, offset, error.to_string()))?;
            self.frames += 1;
            self.records += u64::from(frame.records);
            self.last = self.last.max(frame.last_seq());
            self.last_time = self.last_time.max(Some(frame.time));
            offset += frame.frame_bytes();
            expected.seq = frame.last_seq().next();
            expected.not_before = frame.time;
        }
    }
}

fn archived(folder: &dyn Disk, entry: &ArchiveEntry, report: &mut Report) -> Result<(), JournalError> {
    let name = entry.name();
    let file = folder.open(&name).map_err(|error| JournalError::io("open", &name, error))?;
    let corrupt = |error: std::io::Error| JournalError::corrupt(&name, 0, error.to_string());
    let mut source = zstd::stream::read::Decoder::new(FileStream::new(file, 0)).map_err(corrupt)?;
    let header =
        SegmentHeader::read(&mut source, &name).map_err(|error| JournalError::corrupt(&name, 0, error.to_string()))?;
    let end = report.frames(&name, &header, &mut source)?;
    if end.fault == FrameFault::Blank && end.next_seq == entry.last_seq.next() {
        return Ok(());
    }
    Err(JournalError::corrupt(&name, end.offset, end.fault.to_string()))
}

fn segments(disk: &dyn Disk, ids: &[u64], live: bool, report: &mut Report) {
    for (index, &id) in ids.iter().enumerate() {
        report.files += 1;
        let next = ids.get(index + 1);
        if let Some(next) = next.filter(|next| **next != id + 1) {
            for missing in id + 1..*next {
                report.problems.push(JournalError::Missing(format!("`{}` is not there", segment_name(missing))));
            }
        }
        if let Err(error) = segment(disk, id, next.copied(), live, report) {
            report.problems.push(error);
        }
    }
}

fn segment(disk: &dyn Disk, id: u64, next: Option<u64>, live: bool, report: &mut Report) -> Result<(), JournalError> {
    let segment = OpenSegment::open(disk, id)?;
    report.follow(segment.header.first_seq);
    let end = report.frames(&segment.name, &segment.header, &mut segment.stream(SEGMENT_HEADER_BYTES))?;
    // A segment that has a successor was finished and synced before that one got its name.
    if let Some(next) = next.filter(|next| *next == id + 1) {
        let first = OpenSegment::open(disk, next)?.header.first_seq;
        if end.next_seq != first {
            // The next file begins after the damage, which has been told: no gap as well.
            report.last = report.last.max(Seq(first.0 - 1));
            return Err(JournalError::corrupt(&segment.name, end.offset, end.fault.to_string()));
        }
        return Ok(());
    }
    let closed = next.is_some();
    if closed && end.fault != FrameFault::Blank {
        return Err(JournalError::corrupt(&segment.name, end.offset, end.fault.to_string()));
    }
    if closed || live {
        return Ok(());
    }
    let found = scan(&segment)?;
    if let Some(at) = synced_frame_behind(&segment, &found)? {
        let what = format!("{}, but a valid one stands behind it at byte {at}", found.fault);
        return Err(JournalError::corrupt(&segment.name, found.end, what));
    }
    if found.fault != FrameFault::Blank {
        report.torn = Some((segment.name.clone(), found.end));
    }
    Ok(())
}
