//! A place within one file of the journal, and the step from one frame to the next.

use std::io::{BufReader, Read};

use gengfu_model::Seq;

use super::archive::{ArchiveEntry, list_archive};
use super::disk::{Disk, FileStream};
use super::error::JournalError;
use super::frame::{Expected, FrameFault, FrameHeader, FrameRead, read_frame};
use super::reader::{ReadLimit, is_gone, open_archive};
use super::segment::{OpenSegment, SEGMENT_HEADER_BYTES, Scan, SegmentHeader, list_segments, scan_on};

/// Where in which file the next frame is.
pub(super) struct Place {
    pub(super) file: PlaceFile,
    pub(super) name: String,
    pub(super) offset: u64,
    pub(super) expected: Expected,
}

pub(super) enum PlaceFile {
    Live { segment: OpenSegment, source: BufReader<FileStream>, verified: u64 },
    Archived { source: Box<dyn Read + Send>, last_seq: Seq },
}

/// What was found at a place.
pub(super) enum Step {
    Frame(FrameHeader),
    /// The segment is finished; the next one begins where it ended.
    Finished,
    /// Nothing more for now.
    CaughtUp,
}

impl Place {
    pub(super) fn live(segment: OpenSegment) -> Place {
        let source = segment.stream(SEGMENT_HEADER_BYTES);
        Place {
            name: segment.name.clone(),
            offset: SEGMENT_HEADER_BYTES,
            expected: segment.header.expected(),
            file: PlaceFile::Live { segment, source, verified: SEGMENT_HEADER_BYTES },
        }
    }

    pub(super) fn archived(folder: &dyn Disk, entry: &ArchiveEntry) -> Result<Place, JournalError> {
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

    pub(super) fn step(
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
