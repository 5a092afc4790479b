//! `gengfu restore`: a backup into an empty data folder.
//!
//! Promises: every file's length and SHA-256 are those of the manifest before anything is written, and again
//! while it is copied; nothing that is there is overwritten; what a crash leaves behind is either not yet a
//! data folder or a whole one. Files are brought into the folder `restoring` beside their places first, and
//! renamed when all are there.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use gengfu_ingest::journal::{FolderLock, lock};

use super::backup::cannot;
use super::manifest::{FileEntry, Manifest, hash, sync_folder};
use super::{ConfigArgument, Failure, say};

/// Files wait here, within the data folder, until all are there.
const WAITING: &str = "restoring";

/// Put a backup into an empty data folder.
#[derive(clap::Args)]
pub(super) struct Restore {
    #[command(flatten)]
    config: ConfigArgument,
    /// The backup's folder.
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
}

impl Restore {
    /// Runs the command.
    ///
    /// # Errors
    /// When the backup is not whole, or the data folder is not empty.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let data = self.config.load()?.data.folder;
        let manifest = Manifest::read(&self.from)?;
        check_files(&self.from, &manifest)?;
        std::fs::create_dir_all(&data).map_err(|error| cannot(&data, &error))?;
        let _lock = FolderLock::acquire(&data).map_err(Failure::failed)?;
        check_empty(&data)?;
        let waiting = data.join(WAITING);
        for entry in &manifest.files {
            copy_file(entry, &self.from, &waiting)?;
        }
        put_in_place(&waiting, &data).map_err(|error| cannot(&data, &error))?;
        self.tell(&data, &manifest);
        Ok(())
    }

    fn tell(&self, data: &Path, manifest: &Manifest) {
        let at = manifest.positions;
        say(&format!(
            "{}: {} files are restored; the journal ends at record {}, the ledger is at {}",
            data.display(),
            manifest.files.len(),
            at.journal_last,
            at.ledger
        ));
        let config = self.config.config.as_ref();
        let config = config.map(|file| format!(" --config {}", file.display())).unwrap_or_default();
        say(&format!("start it with `gengfu serve{config}`; look at it with `gengfu doctor{config}` first"));
        say("never run it beside the gateway that it was copied from: both would open the same cases");
    }
}

fn check_files(from: &Path, manifest: &Manifest) -> Result<(), Failure> {
    let mut wrong = Vec::new();
    for entry in &manifest.files {
        let path = entry.within(from)?;
        match File::open(&path).and_then(|mut file| hash(&mut file, &mut io::sink())) {
            Ok((bytes, sha256)) if bytes == entry.bytes && sha256 == entry.sha256 => {}
            Ok((bytes, _)) if bytes != entry.bytes => {
                wrong.push(format!("{}: has {bytes} bytes instead of {}", path.display(), entry.bytes));
            }
            Ok(_) => wrong.push(format!("{}: its hash is not that of the manifest", path.display())),
            Err(error) => wrong.push(format!("{}: {error}", path.display())),
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    wrong.push("the backup is damaged: take another one; nothing was restored".to_owned());
    Err(Failure::Failed(wrong.join("\n")))
}

/// Refuses a folder that holds anything but our lock and what an earlier try left behind.
fn check_empty(data: &Path) -> Result<(), Failure> {
    for entry in std::fs::read_dir(data).map_err(|error| cannot(data, &error))? {
        let name = entry.map_err(|error| cannot(data, &error))?.file_name();
        if name == WAITING {
            std::fs::remove_dir_all(data.join(WAITING)).map_err(|error| cannot(data, &error))?;
        } else if name != lock::LOCK_FILE {
            return Err(Failure::Failed(format!(
                "{}: there is `{}` in it; restore into an empty folder, and keep the old one until all is well",
                data.display(),
                name.to_string_lossy()
            )));
        }
    }
    Ok(())
}

fn copy_file(entry: &FileEntry, from: &Path, to: &Path) -> Result<(), Failure> {
    let (source, target) = (entry.within(from)?, entry.within(to)?);
    let copied = || {
        std::fs::create_dir_all(target.parent().unwrap_or(to))?;
        let mode = if entry.path == "secret.key" { 0o600 } else { 0o644 };
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&target)?;
        let (_, sha256) = hash(&mut File::open(&source)?, &mut file)?;
        file.sync_all()?;
        if sha256 == entry.sha256 { Ok(()) } else { Err(io::Error::other("it changed while it was read")) }
    };
    copied().map_err(|error: io::Error| cannot(&source, &error))
}

/// Renames everything to its place. The journal comes last: without it, whatever else is there makes a start
/// say that journal files are missing, instead of beginning anew.
fn put_in_place(waiting: &Path, data: &Path) -> io::Result<()> {
    let mut names = Vec::new();
    let mut folders = vec![waiting.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            }
            if folder == waiting {
                names.push(entry.file_name());
            }
        }
        sync_folder(&folder)?;
    }
    names.sort_by_key(|name| (name == "journal", name.clone()));
    for name in names {
        std::fs::rename(waiting.join(&name), data.join(&name))?;
    }
    std::fs::remove_dir(waiting)?;
    sync_folder(data)
}
