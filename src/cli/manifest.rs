//! The manifest of a backup: what is in it, as of which positions, and the hash of every file.
//!
//! It is written last. A folder without one is no backup.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Failure;

/// The manifest's file within the backup.
pub(super) const FILE: &str = "manifest.json";
/// The layout of a backup that this program writes, and the newest that it reads.
pub(super) const FORMAT: u32 = 1;
/// Files are read in pieces of this size.
const PIECE_BYTES: usize = 1 << 20;

/// What a backup says of itself.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// The layout's version.
    pub(super) format: u32,
    /// The program that wrote it.
    pub(super) version: String,
    /// When it was begun, in milliseconds of the epoch.
    pub(super) taken_at_ms: i64,
    /// Whether a gateway was running on the folder.
    pub(super) running: bool,
    /// How far the parts are.
    pub(super) positions: Positions,
    /// Every file but this one.
    pub(super) files: Vec<FileEntry>,
}

/// How far the parts of a backup are: checkpoint <= ledger <= journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Positions {
    /// Recovery replays from behind this record.
    pub(super) checkpoint: u64,
    /// The last record whose effects are in the ledger.
    pub(super) ledger: u64,
    /// The first record that the journal keeps.
    pub(super) journal_first: u64,
    /// The last record of the journal: the restored gateway goes on from here.
    pub(super) journal_last: u64,
    /// The journal's time of that record, in milliseconds of the epoch.
    pub(super) journal_time_ms: i64,
}

/// A file of a backup.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileEntry {
    /// Relative to the backup, with `/` between folders.
    pub(super) path: String,
    /// Its length.
    pub(super) bytes: u64,
    /// SHA-256 in hexadecimal digits.
    pub(super) sha256: String,
}

impl FileEntry {
    /// The path within a folder. A path that would lead out of it is refused.
    pub(super) fn within(&self, folder: &Path) -> Result<PathBuf, Failure> {
        let path = Path::new(&self.path);
        let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
        if !inside || self.path.is_empty() {
            return Err(Failure::Failed(format!("{FILE}: `{}` is no path within a backup", self.path)));
        }
        Ok(folder.join(path))
    }
}

impl Manifest {
    /// Reads the manifest of a backup.
    pub(super) fn read(folder: &Path) -> Result<Manifest, Failure> {
        let path = folder.join(FILE);
        let text = std::fs::read_to_string(&path).map_err(|error| {
            Failure::Failed(format!("{}: {error}; this is no backup, or one that was not finished", path.display()))
        })?;
        let cannot = |error| Failure::Failed(format!("{}: {error}", path.display()));
        let manifest: Manifest = serde_json::from_str(&text).map_err(cannot)?;
        if manifest.format > FORMAT {
            let (found, version) = (manifest.format, &manifest.version);
            let told = format!("has format {found}, this program reads up to {FORMAT}: use gengfu {version} or newer");
            return Err(Failure::Failed(format!("{}: {told}", path.display())));
        }
        Ok(manifest)
    }

    /// Writes the manifest: after this, the folder is a backup.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        let beside = folder.join("manifest.new");
        let mut file = File::create(&beside)?;
        file.write_all(serde_json::to_string_pretty(self)?.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        std::fs::rename(beside, folder.join(FILE))?;
        sync_folder(folder)
    }
}

/// Every file below a folder with its hash, sorted by path.
pub(super) fn files_of(folder: &Path) -> io::Result<Vec<FileEntry>> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(below) = folders.pop() {
        for entry in std::fs::read_dir(folder.join(&below))? {
            let entry = entry?;
            let path = below.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                folders.push(path);
                continue;
            }
            let (bytes, sha256) = hash(&mut File::open(entry.path())?, &mut io::sink())?;
            files.push(FileEntry { path: path.to_string_lossy().into_owned(), bytes, sha256 });
        }
        sync_folder(&folder.join(&below))?;
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// Reads to the end and writes everything on; gives length and SHA-256.
pub(super) fn hash(source: &mut dyn Read, to: &mut dyn Write) -> io::Result<(u64, String)> {
    use std::fmt::Write as _;
    let mut hasher = Sha256::new();
    let mut piece = vec![0; PIECE_BYTES];
    let mut bytes = 0;
    loop {
        let read = source.read(&mut piece)?;
        if read == 0 {
            break;
        }
        hasher.update(&piece[..read]);
        to.write_all(&piece[..read])?;
        bytes += read as u64;
    }
    let text = hasher.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a text cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    });
    Ok((bytes, text))
}

/// Makes the names in a folder survive a crash.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_leads_out_is_refused() {
        let entry = |path: &str| FileEntry { path: path.to_owned(), bytes: 0, sha256: String::new() };
        assert_eq!(entry("series/a.db").within(Path::new("x")).unwrap(), Path::new("x/series/a.db"));
        for path in ["../a", "/etc/passwd", "a/../../b", "", "."] {
            assert!(entry(path).within(Path::new("x")).is_err(), "{path}");
        }
    }
}
