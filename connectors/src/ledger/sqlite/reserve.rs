//! The ledger's reserve: a file that holds disk space, to be given back when the disk is full.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::LedgerError;

const CHUNK: usize = 64 * 1024;

/// A file of zeros beside the ledger.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
    bytes: u64,
}

impl Reserve {
    /// The reserve of the ledger at `ledger`; nothing is done yet.
    pub(super) fn beside(ledger: &Path, bytes: u64) -> Reserve {
        let mut path = ledger.as_os_str().to_owned();
        path.push(".reserve");
        Reserve { path: path.into(), bytes }
    }

    /// Whether it is there in full.
    pub(super) fn is_whole(&self) -> bool {
        self.bytes == 0 || fs::metadata(&self.path).is_ok_and(|file| file.len() == self.bytes)
    }

    /// Makes it, unless it is there in full. There must be room for as much again after it: a reserve
    /// that takes the last room would be given up again at once.
    pub(super) fn restore(&mut self) -> Result<(), LedgerError> {
        if self.is_whole() {
            return Ok(());
        }
        let what = || format!("make the reserve {}", self.path.display());
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let room = rustix::fs::statvfs(folder).map_err(|error| LedgerError::io(&what(), &error.into()))?;
        if room.f_bavail.saturating_mul(room.f_frsize) < self.bytes.saturating_mul(2) {
            return Err(LedgerError::Full);
        }
        self.fill().map_err(|error| {
            // Half a reserve only takes room away; should that fail as well, the next restore tries again.
            if let Err(again) = self.release() {
                tracing::warn!(%again, "half a reserve stays");
            }
            LedgerError::io(&what(), &error)
        })
    }

    // Written with zeros instead of set to a length, which would take no blocks.
    fn fill(&self) -> std::io::Result<()> {
        let mut file = File::create(&self.path)?;
        let zeros = [0; CHUNK];
        let mut left = self.bytes;
        while left > 0 {
            let part = left.min(CHUNK as u64);
            file.write_all(&zeros[..usize::try_from(part).unwrap_or(CHUNK)])?;
            left -= part;
        }
        file.sync_all()
    }

    /// Removes it.
    pub(super) fn release(&self) -> Result<(), LedgerError> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(LedgerError::io(&format!("remove the reserve {}", self.path.display()), &error))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_is_made_whole_released_and_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = dir.path().join("ledger.db");
        let mut reserve = Reserve::beside(&ledger, 100_000);
        assert!(!reserve.is_whole());
        reserve.restore().unwrap();
        assert!(reserve.is_whole());
        assert_eq!(fs::metadata(dir.path().join("ledger.db.reserve")).unwrap().len(), 100_000);
        reserve.release().unwrap();
        reserve.release().unwrap();
        assert!(!reserve.is_whole());
        File::create(&reserve.path).unwrap().write_all(b"cut off").unwrap();
        reserve.restore().unwrap();
        assert!(reserve.is_whole());
    }
}
