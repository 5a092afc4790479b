//! Finding the end of the log again: what a crash can leave behind is mended, anything else is an error.

use gengfu_model::{Seq, Timestamp};

use super::disk::Disk;
use super::error::JournalError;
use super::frame::FrameFault;
use super::log::LogOptions;
use super::segment::{ARCHIVE_FOLDER, OpenSegment, Scan, SegmentHeader, scan, segment_name, synced_frame_behind};
use super::spare::{make_spare, name_spare, spare_name};

/// Zeros and rewrites go in pieces of this size.
const PIECE_BYTES: usize = 64 << 10;

/// Begins a journal where there is none, in the spare that a crash may have left or a new one.
pub(super) fn begin(disk: &dyn Disk, options: &LogOptions, spare: Option<String>) -> Result<OpenSegment, JournalError> {
    let archive = disk.folder(ARCHIVE_FOLDER).and_then(|archive| archive.list());
    if !archive.map_err(|error| JournalError::io("list", ARCHIVE_FOLDER, error))?.is_empty() {
        return Err(JournalError::Missing("there is an archive but no segment".to_owned()));
    }
    let spare = match spare {
        Some(spare) => spare,
        None => {
            let spare = spare_name(0);
            make_spare(disk, &spare, options.segment_bytes)?;
            spare
        }
    };
    name_spare(disk, &spare, SegmentHeader { id: 1, first_seq: Seq(1), base_time: Timestamp::ZERO })
}

/// Checks that all segments are there, whole, and continue each other; gives the last one.
pub(super) fn check_segments(disk: &dyn Disk, ids: &[u64]) -> Result<(OpenSegment, Scan, Seq), JournalError> {
    let mut first_seq = None;
    let mut previous: Option<(OpenSegment, Scan)> = None;
    for &id in ids {
        let segment = OpenSegment::open(disk, id)?;
        if let Some((before, scan)) = &previous {
            if before.header.id + 1 != id {
                let missing = segment_name(before.header.id + 1);
                return Err(JournalError::Missing(format!("`{missing}` is not there")));
            }
            check_closed(before, scan, &segment.header)?;
        }
        first_seq.get_or_insert(segment.header.first_seq);
        let scan = scan(&segment)?;
        previous = Some((segment, scan));
    }
    let missing = || JournalError::Missing("there is no segment".to_owned());
    let (segment, scan) = previous.ok_or_else(missing)?;
    Ok((segment, scan, first_seq.ok_or_else(missing)?))
}

/// A closed segment has to reach up to the next one's first record.
pub(super) fn check_closed(segment: &OpenSegment, scan: &Scan, next: &SegmentHeader) -> Result<(), JournalError> {
    if scan.next_seq == next.first_seq {
        return Ok(());
    }
    let what = format!("{}, but the next segment begins with record {}", scan.fault, next.first_seq);
    Err(JournalError::corrupt(&segment.name, scan.end, what))
}

/// Makes the last segment fit to be appended to: whatever stands behind its last frame becomes zeros,
/// and what a sync may not have reached is written again. (After a failed sync the system's cache may
/// show bytes that the disk never got, and another sync alone would not write them.)
pub(super) fn mend_tail(
    segment: &OpenSegment,
    scan: &Scan,
    options: &LogOptions,
) -> Result<Option<(String, u64)>, JournalError> {
    let io = |action| move |error| JournalError::io(action, &segment.name, error);
    let clean = is_blank_from(segment, scan.end).map_err(io("read"))?;
    if !clean {
        if let Some(at) = synced_frame_behind(segment, scan)?
            && !options.cut_at_damage
        {
            let what = format!("{}, but a valid one stands behind it at byte {at}", scan.fault);
            return Err(JournalError::corrupt(&segment.name, scan.end, what));
        }
        zero_from(segment, scan.end).map_err(io("write"))?;
    }
    let mut piece = vec![0; PIECE_BYTES];
    let mut offset = scan.synced;
    while offset < scan.end {
        let wanted = usize::try_from(scan.end - offset).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
        let read = segment.file.read_at(offset, &mut piece[..wanted]).map_err(io("read"))?;
        if read == 0 {
            return Err(JournalError::corrupt(&segment.name, offset, "the file became shorter"));
        }
        segment.file.write_at(offset, &piece[..read]).map_err(io("write"))?;
        offset += read as u64;
    }
    segment.file.sync_data().map_err(io("sync"))?;
    let torn = !clean || scan.fault != FrameFault::Blank;
    Ok(torn.then(|| (segment.name.clone(), scan.end)))
}

fn is_blank_from(segment: &OpenSegment, offset: u64) -> std::io::Result<bool> {
    let mut piece = vec![0; PIECE_BYTES];
    let mut offset = offset;
    loop {
        match segment.file.read_at(offset, &mut piece)? {
            0 => return Ok(true),
            read if piece[..read].iter().any(|byte| *byte != 0) => return Ok(false),
            read => offset += read as u64,
        }
    }
}

fn zero_from(segment: &OpenSegment, offset: u64) -> std::io::Result<()> {
    let zeros = vec![0; PIECE_BYTES];
    let mut piece = vec![0; PIECE_BYTES];
    let mut offset = offset;
    loop {
        let read = segment.file.read_at(offset, &mut piece)?;
        if read == 0 {
            return Ok(());
        }
        if piece[..read].iter().any(|byte| *byte != 0) {
            segment.file.write_at(offset, &zeros[..read])?;
        }
        offset += read as u64;
    }
}
