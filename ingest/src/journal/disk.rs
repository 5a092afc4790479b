//! The folder of files under the journal, behind a seam, so that tests can crash it.
//!
//! The seam is as narrow as what a crash can do to it: writes may be lost or torn until `sync_data`,
//! names may be undone until `sync_dir`. Nothing here is buffered and nothing is retried.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A folder of named files. Names are flat: no `/`.
pub trait Disk: Send + Sync {
    /// The names of all files in this folder, sorted. Folders within it are left out.
    ///
    /// # Errors
    /// As the operating system says.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Creates a file of `bytes` zeros that take up real room. On failure nothing is left behind.
    ///
    /// # Errors
    /// `AlreadyExists`, `StorageFull`, or as the operating system says.
    fn create_zeroed(&self, name: &str, bytes: u64) -> io::Result<()>;

    /// Opens a file for reading and writing. It stays readable through the handle when it is renamed or
    /// removed meanwhile.
    ///
    /// # Errors
    /// `NotFound`, or as the operating system says.
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Gives a file another name, replacing what had it.
    ///
    /// # Errors
    /// `NotFound`, or as the operating system says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// `NotFound`, or as the operating system says.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes all creations, renames and removals in this folder so far survive a crash.
    ///
    /// # Errors
    /// As the operating system says; nothing may be assumed after that.
    fn sync_dir(&self) -> io::Result<()>;

    /// A folder within this one, made durably if it is not there yet.
    ///
    /// # Errors
    /// As the operating system says.
    fn folder(&self, name: &str) -> io::Result<Arc<dyn Disk>>;
}

/// An open file of a [`Disk`].
pub trait DiskFile: Send + Sync {
    /// The file's length in bytes.
    ///
    /// # Errors
    /// As the operating system says.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file has no bytes.
    ///
    /// # Errors
    /// As the operating system says.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Reads at most `buf.len()` bytes from `offset`; 0 at the end of the file.
    ///
    /// # Errors
    /// As the operating system says.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize>;

    /// Writes all of `data` at `offset`, extending the file if it ends before.
    ///
    /// # Errors
    /// `StorageFull`, or as the operating system says; part of the data may have been written.
    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()>;

    /// Makes all data written so far survive a crash.
    ///
    /// # Errors
    /// As the operating system says. After an error the data may be lost even though it still reads
    /// back, and another sync that succeeds proves nothing.
    fn sync_data(&self) -> io::Result<()>;
}

/// A folder of the file system.
#[derive(Clone, Debug)]
pub struct RealDisk {
    path: PathBuf,
    keep_free_bytes: u64,
}

/// New segments are refused while the file system would have less room than this after them, so
/// that the ledger beside the journal is not starved; default of [`RealDisk::open`].
pub const KEEP_FREE_BYTES: u64 = 64 << 20;

/// Zeros are written in pieces of this size.
const ZERO_PIECE_BYTES: usize = 1 << 20;
/// And synced after so many bytes, so that a commit's sync never queues behind a whole segment of them.
const ZERO_SYNC_BYTES: u64 = 4 << 20;

impl RealDisk {
    /// The folder at `path`, made if it is not there yet.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<RealDisk> {
        let path = path.into();
        make_folder(&path)?;
        Ok(RealDisk { path, keep_free_bytes: KEEP_FREE_BYTES })
    }

    /// The same folder, leaving that much room on the file system instead of [`KEEP_FREE_BYTES`].
    #[must_use]
    pub fn keep_free(mut self, bytes: u64) -> RealDisk {
        self.keep_free_bytes = bytes;
        self
    }

    /// How much room the file system has for us, in bytes.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn available(&self) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(&self.path)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Where the folder is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Makes a folder and those above it, each durable in the one above.
fn make_folder(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.try_exists()? {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_folder(parent)?;
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    File::open(parent)?.sync_all()
}

impl Disk for RealDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_type()?.is_file()
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn create_zeroed(&self, name: &str, bytes: u64) -> io::Result<()> {
        let path = self.path.join(name);
        if bytes > 0 && self.available()? < bytes.saturating_add(self.keep_free_bytes) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        let zeros = vec![0; ZERO_PIECE_BYTES.min(usize::try_from(bytes).unwrap_or(ZERO_PIECE_BYTES))];
        let mut offset = 0;
        while offset < bytes {
            let piece = zeros.len().min(usize::try_from(bytes - offset).unwrap_or(zeros.len()));
            let written = file.write_all_at(&zeros[..piece], offset);
            offset += piece as u64;
            let synced = if offset.is_multiple_of(ZERO_SYNC_BYTES) { file.sync_data() } else { Ok(()) };
            if let Err(error) = written.and(synced) {
                // Whatever room the zeros took is given back; the first error is the one that matters.
                fs::remove_file(&path).ok();
                return Err(error);
            }
        }
        Ok(())
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).open(self.path.join(name))?;
        Ok(Arc::new(RealFile(file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync_dir(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    fn folder(&self, name: &str) -> io::Result<Arc<dyn Disk>> {
        Ok(Arc::new(RealDisk::open(self.path.join(name))?.keep_free(self.keep_free_bytes)))
    }
}

struct RealFile(File);

impl DiskFile for RealFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read_at(buf, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write_all_at(data, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

/// Reads a file from an offset on, as a stream.
pub(crate) struct FileStream {
    file: Arc<dyn DiskFile>,
    offset: u64,
}

impl FileStream {
    pub(crate) fn new(file: Arc<dyn DiskFile>, offset: u64) -> FileStream {
        FileStream { file, offset }
    }
}

impl Read for FileStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(self.offset, buf)?;
        self.offset += read as u64;
        Ok(read)
    }
}
