//! Copies a journal to another folder, while its writer goes on or when nobody writes.
//!
//! Promises: whatever was appended before the copy began is in it, and nothing in it is torn: of each
//! segment only the valid frames are taken, which no writer ever changes again. The copy opens as a
//! journal of its own.
//!
//! Segments are taken from the newest to the oldest, and the archive after them, since archiving goes the
//! other way: a segment that is gone when its turn comes is in the archive by then, with all before it.

use std::io::{ErrorKind, Read};
use std::sync::Arc;

use super::archive::{ArchiveEntry, list_archive};
use super::disk::{Disk, DiskFile, FileStream};
use super::error::JournalError;
use super::reader::{is_gone, open_archive};
use super::segment::{OpenSegment, list_segments, scan};

/// Bytes are copied in pieces of this size.
const PIECE_BYTES: usize = 256 << 10;

/// Copies the journal in `from` to the folder `to`, which must be empty, and makes it durable. Gives how
/// many files it has.
///
/// # Errors
/// The I/O error or the damage met on the way, [`JournalError::Missing`] when there is no journal.
pub fn copy(from: &dyn Disk, to: &dyn Disk) -> Result<u64, JournalError> {
    let mut files = 0;
    let mut oldest = None;
    for id in list_segments(from)?.into_iter().rev() {
        match OpenSegment::open(from, id) {
            Ok(segment) => {
                let end = scan(&segment)?.end;
                put(to, &segment.name, &mut segment.stream(0).take(end))?;
                oldest = Some(segment.header.first_seq);
                files += 1;
            }
            Err(error) if is_gone(&error) => break,
            Err(error) => return Err(error),
        }
    }
    let Some(oldest) = oldest else {
        return Err(JournalError::Missing("there is no segment".to_owned()));
    };
    let (from, to_archive) = (open_archive(from)?, open_archive(to)?);
    for entry in list_archive(from.as_ref())?.into_iter().filter(|entry| entry.first_seq < oldest) {
        files += u64::from(copy_entry(from.as_ref(), to_archive.as_ref(), &entry)?);
    }
    for (disk, name) in [(to_archive.as_ref(), "the archive's folder"), (to, "the journal's folder")] {
        disk.sync_dir().map_err(|error| JournalError::io("sync", name, error))?;
    }
    Ok(files)
}

/// Copies a file of the archive; `false` if it has given way meanwhile.
fn copy_entry(from: &dyn Disk, to: &dyn Disk, entry: &ArchiveEntry) -> Result<bool, JournalError> {
    let name = entry.name();
    match from.open(&name) {
        Ok(file) => put(to, &name, &mut FileStream::new(file, 0)).map(|()| true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(JournalError::io("open", &name, error)),
    }
}

fn put(to: &dyn Disk, name: &str, source: &mut dyn Read) -> Result<(), JournalError> {
    let written = to.create_zeroed(name, 0).and_then(|()| {
        let file: Arc<dyn DiskFile> = to.open(name)?;
        let mut piece = vec![0; PIECE_BYTES];
        let mut offset = 0;
        loop {
            match source.read(&mut piece)? {
                0 => return file.sync_data(),
                read => file.write_at(offset, &piece[..read])?,
            }
            offset = file.len()?;
        }
    });
    written.map_err(|error| JournalError::io("copy", name, error))
}

#[cfg(test)]
mod tests {
    use gengfu_model::{Body, Control, Seq, Timestamp};

    use super::super::check::check;
    use super::super::{Archive, ArchiveOptions, Log, LogOptions, ModelDisk};
    use super::*;

    fn options() -> LogOptions {
        LogOptions { segment_bytes: 16 << 10, ..LogOptions::default() }
    }

    fn append(log: &mut Log, commits: i64) {
        for commit in 0..commits {
            let bodies = vec![Body::Control(Control::Tick); 200];
            log.append(bodies, Timestamp(commit)).unwrap();
            log.sync().unwrap();
        }
    }

    #[test]
    fn a_copy_has_archive_and_segments_once_and_opens_where_the_journal_was() {
        let disk = ModelDisk::new();
        let (mut log, _) = Log::open(disk.disk(), options()).unwrap();
        append(&mut log, 150);
        let mut archive = Archive::open(disk.disk(), ArchiveOptions::default()).unwrap();
        archive.release_one(log.last_seq()).unwrap().expect("a closed segment");
        append(&mut log, 3);

        let to = ModelDisk::new();
        let files = copy(disk.disk().as_ref(), to.disk().as_ref()).unwrap();
        let report = check(to.disk().as_ref(), false).unwrap();
        assert!(report.problems.is_empty() && report.torn.is_none(), "{report:?}");
        assert_eq!((report.files, report.records), (files, log.last_seq().0));
        assert_eq!((report.first, report.last), (Some(Seq(1)), log.last_seq()));
        let (mut again, opened) = Log::open(to.disk(), options()).unwrap();
        assert_eq!((opened.last_seq, opened.cut), (log.last_seq(), None));
        append(&mut again, 100);
        assert!(check(to.disk().as_ref(), false).unwrap().problems.is_empty());
    }

    #[test]
    fn half_a_frame_that_is_just_being_written_is_left_out() {
        let disk = ModelDisk::new();
        let (mut log, _) = Log::open(disk.disk(), options()).unwrap();
        append(&mut log, 2);
        let end = scan(&OpenSegment::open(disk.disk().as_ref(), 1).unwrap()).unwrap().end;
        let file = disk.disk().open("segment-0000000001.log").unwrap();
        file.write_at(end, b"half a frame").unwrap();

        let to = ModelDisk::new();
        copy(disk.disk().as_ref(), to.disk().as_ref()).unwrap();
        let (_, opened) = Log::open(to.disk(), options()).unwrap();
        assert_eq!((opened.last_seq, opened.cut), (log.last_seq(), None));
        assert!(copy(ModelDisk::new().disk().as_ref(), ModelDisk::new().disk().as_ref()).is_err(), "no journal");
    }
}
