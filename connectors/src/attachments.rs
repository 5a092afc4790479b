//! Files of cases: kept by the SHA-256 of their bytes, so that a file is there once and is never changed.
//!
//! Promises: what [`Attachments::keep`] has said yes to survives a power cut, whole; a file under its name has the
//! bytes of that hash or is reported as damaged; handing the same bytes in again changes nothing, or heals a file
//! that was damaged. Which case a file belongs to is the ledger's to know. A file that no case names is what a
//! refused request or a kill between file and journal left behind: no harm, the doctor counts it, and the next start
//! removes it.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use gengfu_model::attachment::is_attachment_hash;
use sha2::{Digest, Sha256};

/// The folder's name within the data folder.
pub const FOLDER: &str = "attachments";
/// Digits of the hash that name the sub-folder, so that no folder has more than some thousand files.
const PREFIX: usize = 2;
/// Files that are being written end so.
const UNFINISHED: &str = "part";

/// The files of one data folder. Its calls block on the disk.
#[derive(Debug)]
pub struct Attachments {
    folder: PathBuf,
    /// Tells apart the files that are written at the same time.
    written: AtomicU64,
}

/// Why a file cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum AttachmentError {
    /// It is not there though a case names it.
    #[error("the file `{0}` is missing")]
    Missing(String),
    /// Its bytes are not those that were handed in.
    #[error("the file `{0}` is damaged: its bytes have another hash")]
    Damaged(String),
    /// The file system's words.
    #[error("`{what}`: {source}")]
    Io {
        /// Which file.
        what: String,
        /// What it said.
        source: io::Error,
    },
}

impl Attachments {
    /// The files of that data folder; nothing is made before the first one comes.
    #[must_use]
    pub fn of(data: &Path) -> Attachments {
        Attachments { folder: data.join(FOLDER), written: AtomicU64::new(0) }
    }

    /// Removes what a kill left half written. To be called while nobody writes.
    ///
    /// # Errors
    /// When the folder cannot be read or a file not be removed.
    pub fn sweep(&self) -> io::Result<usize> {
        let mut swept = 0;
        for path in self.paths()? {
            if path.extension().is_some_and(|extension| extension == UNFINISHED) {
                fs::remove_file(path)?;
                swept += 1;
            }
        }
        Ok(swept)
    }

    /// Removes the files whose hash is none of `named`; gives how many there were. To be called while nobody writes.
    ///
    /// # Errors
    /// When the folder cannot be read or a file not be removed.
    pub fn sweep_unnamed(&self, named: &BTreeSet<String>) -> io::Result<usize> {
        let unnamed = self.list()?.into_iter().filter(|(hash, _)| !named.contains(hash));
        let mut swept = 0;
        for (hash, _) in unnamed {
            fs::remove_file(self.path(&hash))?;
            swept += 1;
        }
        Ok(swept)
    }

    /// Keeps bytes and gives their hash. When it returns, they are on the disk under it, synced, and so are the
    /// names that lead there.
    ///
    /// # Errors
    /// The file system's; nothing is kept then.
    pub fn keep(&self, bytes: &[u8]) -> io::Result<String> {
        let hash = hash_of(bytes);
        let path = self.path(&hash);
        let parent = self.folder.join(&hash[..PREFIX]);
        make_folder(&self.folder)?;
        make_folder(&parent)?;
        // A file that is there already may have been renamed just now by somebody who has not synced its name yet.
        let known = matches!(fs::read(&path), Ok(kept) if hash_of(&kept) == hash);
        if !known {
            let number = self.written.fetch_add(1, Ordering::Relaxed);
            let beside = parent.join(format!("{hash}-{}-{number}.{UNFINISHED}", std::process::id()));
            let written = write(&beside, bytes).and_then(|()| fs::rename(&beside, &path));
            if let Err(error) = written {
                // What cannot be removed either is swept at the next start.
                fs::remove_file(&beside).ok();
                return Err(error);
            }
        }
        sync_folder(&parent)?;
        Ok(hash)
    }

    /// The bytes of that hash.
    ///
    /// # Errors
    /// [`AttachmentError`]; bytes of another hash are never given out.
    pub fn read(&self, hash: &str) -> Result<Vec<u8>, AttachmentError> {
        if !is_attachment_hash(hash) {
            return Err(AttachmentError::Missing(hash.to_owned()));
        }
        let path = self.path(hash);
        let bytes = fs::read(&path).map_err(|source| {
            if source.kind() == ErrorKind::NotFound {
                return AttachmentError::Missing(hash.to_owned());
            }
            AttachmentError::Io { what: path.display().to_string(), source }
        })?;
        if hash_of(&bytes) == hash { Ok(bytes) } else { Err(AttachmentError::Damaged(hash.to_owned())) }
    }

    /// The hashes of all files that are there, with their sizes, in the order of the hashes. Those being written
    /// are left out.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let mut found = Vec::new();
        for path in self.paths()? {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if is_attachment_hash(&name) {
                found.push((name, fs::metadata(&path)?.len()));
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    fn path(&self, hash: &str) -> PathBuf {
        self.folder.join(&hash[..PREFIX]).join(hash)
    }

    fn paths(&self) -> io::Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for folder in entries(&self.folder)? {
            if folder.is_dir() {
                paths.extend(entries(&folder)?);
            }
        }
        Ok(paths)
    }
}

/// What is in a folder; nothing if there is none.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes a folder, and makes its name survive a crash.
fn make_folder(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => folder.parent().map_or(Ok(()), sync_folder),
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn hash_of(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a text cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_there_once_and_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let files = Attachments::of(dir.path());
        assert_eq!(files.list().unwrap(), []);
        let hash = files.keep(b"a photo").unwrap();
        assert_eq!(files.keep(b"a photo").unwrap(), hash);
        assert_eq!(files.read(&hash).unwrap(), b"a photo");
        assert_eq!(files.list().unwrap(), [(hash.clone(), 7)]);
        assert!(matches!(files.read(&"0".repeat(64)), Err(AttachmentError::Missing(_))));
        assert!(matches!(files.read("../ledger.db"), Err(AttachmentError::Missing(_))));
        // The same bytes from many telephones at once.
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| files.keep(b"the same photo").unwrap());
            }
        });
        assert_eq!(files.list().unwrap().len(), 2);
        assert_eq!(files.sweep().unwrap(), 0, "nothing is left half written");
    }

    #[test]
    fn damage_is_told_and_the_same_bytes_heal_it() {
        let dir = tempfile::tempdir().unwrap();
        let files = Attachments::of(dir.path());
        let hash = files.keep(b"a photo").unwrap();
        fs::write(files.path(&hash), b"a phot0").unwrap();
        assert!(matches!(files.read(&hash), Err(AttachmentError::Damaged(_))));
        files.keep(b"a photo").unwrap();
        assert_eq!(files.read(&hash).unwrap(), b"a photo");
    }

    #[test]
    fn what_a_kill_left_half_written_is_swept() {
        let dir = tempfile::tempdir().unwrap();
        let files = Attachments::of(dir.path());
        let hash = files.keep(b"a photo").unwrap();
        fs::write(files.path(&hash).with_extension("1-2.part"), b"a ph").unwrap();
        assert_eq!(files.list().unwrap().len(), 1, "what is half written is no file");
        assert_eq!(files.sweep().unwrap(), 1);
        assert_eq!(files.read(&hash).unwrap(), b"a photo");
    }
}
