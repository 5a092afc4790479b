//! The journal's files: their names, their headers, and going through one from its first frame on.
//!
//! `segment-ID.log` holds frames; ids go up by one. `spare-N.log` is a pre-zeroed file that waits to
//! become one, and `*.new` one whose zeros are still being written. A segment gets its name only
//! after its header is synced, so a named segment with a bad header is damage.

use std::io::{BufReader, Read};
use std::sync::Arc;

use gengfu_model::{Seq, Timestamp};

use super::disk::{Disk, DiskFile, FileStream};
use super::error::JournalError;
use super::frame::{Expected, FRAME_HEADER_BYTES, FrameFault, FrameHeader, FrameRead, read_frame};

/// Frames begin here. The header has a page of its own, so appending never rewrites it.
pub const SEGMENT_HEADER_BYTES: u64 = 4_096;

/// The format's version, in every segment's header.
pub const FORMAT_VERSION: u32 = 1;

/// The folder of compressed segments, within the journal's.
pub const ARCHIVE_FOLDER: &str = "archive";

const MAGIC: &[u8; 8] = b"gengfu-J";
const HEADER_FIELDS_BYTES: usize = 40;

/// Read-ahead when a segment is read from one end to the other.
const READ_AHEAD_BYTES: usize = 256 << 10;

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Its id; the first one is 1.
    pub id: u64,
    /// The sequence of its first record.
    pub first_seq: Seq,
    /// The journal's time when it was begun; no record in it is older.
    pub base_time: Timestamp,
}

impl SegmentHeader {
    /// The header's bytes, without the zeros up to [`SEGMENT_HEADER_BYTES`].
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_FIELDS_BYTES] {
        let mut bytes = [0; HEADER_FIELDS_BYTES];
        bytes[0..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.id.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.first_seq.0.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.base_time.as_millis().to_le_bytes());
        let crc = header_checksum(&bytes);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads a header, and leaves the source at the first frame.
    ///
    /// # Errors
    /// [`JournalError::Corrupt`] or [`JournalError::Version`] naming `file`.
    pub fn read(source: &mut dyn Read, file: &str) -> Result<SegmentHeader, JournalError> {
        let mut page = [0; SEGMENT_HEADER_BYTES as usize];
        source.read_exact(&mut page).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => JournalError::corrupt(file, 0, "the header is cut off"),
            _ => JournalError::io("read", file, error),
        })?;
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| page[at + i]));
        let half = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| page[at + i]));
        if page[0..8] != *MAGIC {
            return Err(JournalError::corrupt(file, 0, "this is no journal segment"));
        }
        if half(8) > FORMAT_VERSION {
            return Err(JournalError::Version { file: file.to_owned(), version: half(8), known: FORMAT_VERSION });
        }
        if half(12) != header_checksum(&page[..HEADER_FIELDS_BYTES]) {
            return Err(JournalError::corrupt(file, 0, "the header's checksum does not match"));
        }
        Ok(SegmentHeader { id: word(16), first_seq: Seq(word(24)), base_time: Timestamp(word(32) as i64) })
    }

    /// What its first frame must be.
    #[must_use]
    pub fn expected(&self) -> Expected {
        Expected { segment: self.id, seq: self.first_seq, not_before: self.base_time }
    }
}

fn header_checksum(bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&bytes[..12]);
    hasher.update(&bytes[16..]);
    hasher.finalize()
}

/// The name of a segment's file.
#[must_use]
pub fn segment_name(id: u64) -> String {
    format!("segment-{id:010}.log")
}

/// The ids of all segments in the folder, in order.
///
/// # Errors
/// When the folder cannot be listed.
pub fn list_segments(disk: &dyn Disk) -> Result<Vec<u64>, JournalError> {
    let names = disk.list().map_err(|error| JournalError::io("list", "the journal's folder", error))?;
    let mut ids: Vec<u64> = names.iter().filter_map(|name| number_in(name, "segment-")).collect();
    ids.sort_unstable();
    Ok(ids)
}

/// The number in a name such as `segment-0000000007.log`.
pub(crate) fn number_in(name: &str, prefix: &str) -> Option<u64> {
    name.strip_prefix(prefix)?.strip_suffix(".log")?.parse().ok()
}

/// A segment's file and header.
pub(crate) struct OpenSegment {
    pub(crate) header: SegmentHeader,
    pub(crate) name: String,
    pub(crate) file: Arc<dyn DiskFile>,
}

impl OpenSegment {
    /// Opens a segment. An I/O error of kind `NotFound` says that it has been archived meanwhile.
    pub(crate) fn open(disk: &dyn Disk, id: u64) -> Result<OpenSegment, JournalError> {
        let name = segment_name(id);
        let file = disk.open(&name).map_err(|error| JournalError::io("open", &name, error))?;
        let header = SegmentHeader::read(&mut FileStream::new(Arc::clone(&file), 0), &name)?;
        if header.id != id {
            return Err(JournalError::corrupt(&name, 0, format!("the header is that of segment {}", header.id)));
        }
        Ok(OpenSegment { header, name, file })
    }

    /// Reads from `offset` on, with read-ahead.
    pub(crate) fn stream(&self, offset: u64) -> BufReader<FileStream> {
        BufReader::with_capacity(READ_AHEAD_BYTES, FileStream::new(Arc::clone(&self.file), offset))
    }
}

/// Where the valid frames of a segment end, and what was learnt on the way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scan {
    /// The offset behind the last valid frame.
    pub(crate) end: u64,
    /// The sequence that the next record would have.
    pub(crate) next_seq: Seq,
    /// The time of the first record, or the segment's base time.
    pub(crate) first_time: Timestamp,
    /// The time of the last record, or the segment's base time.
    pub(crate) last_time: Timestamp,
    /// The segment was synced at least up to here.
    pub(crate) synced: u64,
    /// Why there is no frame at `end`.
    pub(crate) fault: FrameFault,
}

/// Checks every frame of a segment from its beginning.
pub(crate) fn scan(segment: &OpenSegment) -> Result<Scan, JournalError> {
    let start = Scan {
        end: SEGMENT_HEADER_BYTES,
        next_seq: segment.header.first_seq,
        first_time: segment.header.base_time,
        last_time: segment.header.base_time,
        synced: SEGMENT_HEADER_BYTES,
        fault: FrameFault::Blank,
    };
    scan_on(segment, start)
}

/// Goes on with a scan that ended earlier, in case the segment has grown.
pub(crate) fn scan_on(segment: &OpenSegment, from: Scan) -> Result<Scan, JournalError> {
    let mut scan = from;
    let mut source = segment.stream(scan.end);
    let mut body = Vec::new();
    loop {
        let expected = Expected { segment: segment.header.id, seq: scan.next_seq, not_before: scan.last_time };
        let read = read_frame(&mut source, &expected, &mut body)
            .map_err(|error| JournalError::io("read", &segment.name, error))?;
        match read {
            FrameRead::Frame(header) => {
                if scan.end == SEGMENT_HEADER_BYTES {
                    scan.first_time = header.time;
                }
                scan.end += header.frame_bytes();
                scan.next_seq = header.last_seq().next();
                scan.last_time = header.time;
                scan.synced = scan.synced.max(u64::from(header.synced));
            }
            FrameRead::End(fault) => return Ok(Scan { fault, ..scan }),
        }
    }
}

/// Looks behind the end of the valid frames for a later frame which says that the segment was synced
/// beyond that end. If there is one, the end is damage: acknowledged records stood here.
pub(crate) fn synced_frame_behind(segment: &OpenSegment, scan: &Scan) -> Result<Option<u64>, JournalError> {
    let io = |error| JournalError::io("read", &segment.name, error);
    let mut tail = Vec::new();
    segment.stream(scan.end).read_to_end(&mut tail).map_err(io)?;
    let id = segment.header.id.to_le_bytes();
    let mut body = Vec::new();
    for at in 0..tail.len().saturating_sub(FRAME_HEADER_BYTES) {
        if tail[at + 8..at + 16] != id {
            continue;
        }
        let seq = Seq(u64::from_le_bytes(std::array::from_fn(|i| tail[at + 16 + i])));
        if seq <= scan.next_seq {
            continue;
        }
        let expected = Expected { segment: segment.header.id, seq, not_before: scan.last_time };
        if let FrameRead::Frame(FrameHeader { synced, .. }) =
            read_frame(&mut &tail[at..], &expected, &mut body).map_err(io)?
            && u64::from(synced) > scan.end
        {
            return Ok(Some(scan.end + at as u64));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_as_it_was_written_and_no_changed_bit_goes_unnoticed() {
        let header = SegmentHeader { id: 7, first_seq: Seq(1_000), base_time: Timestamp(-5) };
        let mut page = vec![0; SEGMENT_HEADER_BYTES as usize];
        page[..HEADER_FIELDS_BYTES].copy_from_slice(&header.encode());
        assert_eq!(SegmentHeader::read(&mut page.as_slice(), "s").unwrap(), header);
        for bit in 0..HEADER_FIELDS_BYTES * 8 {
            let mut changed = page.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(SegmentHeader::read(&mut changed.as_slice(), "s").is_err(), "bit {bit}");
        }
        assert!(SegmentHeader::read(&mut &page[..100], "s").is_err());
    }

    #[test]
    fn names_are_read_back() {
        assert_eq!(number_in(&segment_name(12), "segment-"), Some(12));
        assert_eq!(number_in("segment-x.log", "segment-"), None);
        assert_eq!(number_in("spare-0000000001.log", "segment-"), None);
    }
}
