//! Spare segments: pre-zeroed files that wait to become the next segment.
//!
//! A spare has its name only when its zeros are durable, and a segment gets its name only when its
//! header is; so whatever has a name after a crash is whole.

use std::sync::Arc;

use super::disk::Disk;
use super::error::JournalError;
use super::segment::{OpenSegment, SegmentHeader, number_in, segment_name};

/// A spare segment to be made; see [`super::Log::spare_wanted`].
pub struct SpareTask {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) name: String,
    pub(super) bytes: u64,
}

/// A spare segment that is in place.
#[derive(Debug)]
pub struct Spare(pub(super) String);

impl SpareTask {
    /// Makes the spare; takes as long as writing and syncing a segment of zeros.
    ///
    /// # Errors
    /// [`JournalError::Full`] when there is no room, or the I/O error.
    pub fn run(self) -> Result<Spare, JournalError> {
        make_spare(self.disk.as_ref(), &self.name, self.bytes)?;
        Ok(Spare(self.name))
    }
}

/// The name of a spare.
pub(super) fn spare_name(number: u64) -> String {
    format!("spare-{number:010}.log")
}

/// Finds the spares that are whole, and removes those that are not and those of another size.
pub(super) fn take_stock(disk: &dyn Disk, segment_bytes: u64) -> Result<(Vec<String>, u64), JournalError> {
    let names = disk.list().map_err(|error| JournalError::io("list", "the journal's folder", error))?;
    let mut spares = Vec::new();
    let mut next = 1;
    for name in names {
        let number = number_in(&name, "spare-");
        if let Some(number) = number {
            next = next.max(number + 1);
            let length = disk.open(&name).and_then(|file| file.len());
            if length.map_err(|error| JournalError::io("read", &name, error))? == segment_bytes {
                spares.push(name);
                continue;
            }
        }
        if number.is_some() || name.ends_with(".new") {
            disk.remove(&name).map_err(|error| JournalError::io("remove", &name, error))?;
        }
    }
    Ok((spares, next))
}

/// Makes a file of durable zeros. It has its name only when it is whole.
pub(super) fn make_spare(disk: &dyn Disk, name: &str, bytes: u64) -> Result<(), JournalError> {
    let new = format!("{name}.new");
    disk.create_zeroed(&new, bytes).map_err(|error| JournalError::io("create", &new, error))?;
    let file = disk.open(&new).map_err(|error| JournalError::io("open", &new, error))?;
    file.sync_data().map_err(|error| JournalError::io("sync", &new, error))?;
    disk.rename(&new, name).map_err(|error| JournalError::io("rename", &new, error))?;
    disk.sync_dir().map_err(|error| JournalError::io("sync", "the journal's folder", error))
}

/// Makes a spare the segment of that header; when this returns, its name and header are durable.
pub(super) fn name_spare(disk: &dyn Disk, spare: &str, header: SegmentHeader) -> Result<OpenSegment, JournalError> {
    let name = segment_name(header.id);
    let file = disk.open(spare).map_err(|error| JournalError::io("open", spare, error))?;
    file.write_at(0, &header.encode()).map_err(|error| JournalError::io("write", spare, error))?;
    file.sync_data().map_err(|error| JournalError::io("sync", spare, error))?;
    disk.rename(spare, &name).map_err(|error| JournalError::io("rename", spare, error))?;
    disk.sync_dir().map_err(|error| JournalError::io("sync", "the journal's folder", error))?;
    Ok(OpenSegment { header, name, file })
}
