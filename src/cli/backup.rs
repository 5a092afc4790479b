//! `gengfu backup`: a consistent copy of a data folder, of a running gateway or a stopped one.
//!
//! A running gateway moves on while files are copied one after the other, so the order decides. What a
//! restored folder needs is that no part is ahead of one that it is rebuilt from: device rows never ahead of
//! ledger and series, ledger and series never ahead of the journal. Parts behind are no harm, since recovery
//! replays the journal into them. So each part is copied before the one that it must not be ahead of:
//!
//! 1. `checkpoint.db`: the gateway writes a row only when ledger and series have reached it.
//! 2. `delivery.db`: what it knows of the outbox is in the ledger that is copied after it; whatever is
//!    delivered in between goes out again after a restore, with the same id.
//! 3. `ledger.db`.
//! 4. `series`: the days, then the catalogue that gives their devices names.
//! 5. `journal`: segments from the newest to the oldest, then the archive (see `journal::copy`). All that
//!    the parts above can know was appended before this began, so the copy reaches at least as far. Records
//!    that the checkpoint still needs are not lost to the archive's limits, or the check at the end finds it.
//! 6. `attachments`: a file is there before the record that names it, and is never changed, so the copy has all that
//!    the journal above names.
//! 7. `secret.key` never changes.
//!
//! Each SQLite file is copied within one read transaction. At the end the copy itself is checked, and the
//! manifest is written last: a folder without one is no backup.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gengfu_connectors::{Attachments, CheckpointStore, LedgerReader, SqliteCheckpoints, files};
use gengfu_ingest::journal::{FolderLock, JournalReader, LockError, ReadLimit, RealDisk, check, copy};
use gengfu_ingest::{Clock, SystemClock};
use gengfu_model::Seq;

use super::manifest::{self, FORMAT, Manifest, Positions};
use super::{ConfigArgument, Failure, say};

/// Copy the data folder, of a running gateway or a stopped one.
#[derive(clap::Args)]
pub(super) struct Backup {
    #[command(flatten)]
    config: ConfigArgument,
    /// Folder to make; if it is there, it must be empty. It will hold the server's secret: keep it safe.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl Backup {
    /// Runs the command.
    ///
    /// # Errors
    /// When a part cannot be copied, or the copy would not start.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let data = self.config.load()?.data.folder;
        let taken_at_ms = SystemClock.now().as_millis();
        // Held to the end, so that no gateway starts to mend a folder under our hands.
        let lock = lock(&data)?;
        prepare(&self.out)?;
        copy_parts(&data, &self.out)?;
        let positions = check_copy(&self.out)?;
        let files = manifest::files_of(&self.out).map_err(|error| cannot(&self.out, &error))?;
        let (count, bytes) = (files.len(), files.iter().map(|file| file.bytes).sum::<u64>());
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let manifest = Manifest { format: FORMAT, version, taken_at_ms, running: lock.is_none(), positions, files };
        manifest.write(&self.out).map_err(|error| cannot(&self.out, &error))?;
        say(&format!(
            "{}: {count} files, {bytes} bytes; the journal ends at record {}, the ledger is at {}",
            self.out.display(),
            positions.journal_last,
            positions.ledger
        ));
        Ok(())
    }
}

/// The folder's lock; `None` if a gateway runs on it.
fn lock(data: &Path) -> Result<Option<FolderLock>, Failure> {
    if !data.is_dir() {
        return Err(Failure::Failed(format!("{}: there is no such data folder", data.display())));
    }
    match FolderLock::acquire(data) {
        Ok(lock) => Ok(Some(lock)),
        Err(LockError::Held { .. }) => Ok(None),
        Err(error) => Err(Failure::failed(error)),
    }
}

/// Makes the backup's folder, for its owner only.
fn prepare(out: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(out).map_err(|error| cannot(out, &error))?;
    let is_empty = std::fs::read_dir(out).map_err(|error| cannot(out, &error))?.next().is_none();
    if !is_empty {
        return Err(Failure::Failed(format!("{}: is not empty; name a new folder", out.display())));
    }
    std::fs::set_permissions(out, std::fs::Permissions::from_mode(0o700)).map_err(|error| cannot(out, &error))
}

fn copy_parts(data: &Path, out: &Path) -> Result<(), Failure> {
    let database = |name: &str| files::copy(&data.join(name), &out.join(name)).map_err(Failure::failed);
    database("checkpoint.db")?;
    let has_deliveries = data.join("delivery.db").try_exists().map_err(|error| cannot(data, &error))?;
    if has_deliveries {
        database("delivery.db")?;
    }
    database("ledger.db")?;
    copy_series(&data.join("series"), &out.join("series"))?;
    let open = |folder: &Path| RealDisk::open(folder.join("journal")).map_err(|error| cannot(folder, &error));
    copy::copy(&open(data)?, &open(out)?).map_err(Failure::failed)?;
    copy_attachments(data, out)?;
    copy_secret(&data.join("secret.key"), &out.join("secret.key")).map_err(|error| cannot(data, &error))
}

fn copy_series(from: &Path, to: &Path) -> Result<(), Failure> {
    const CATALOGUE: &str = "catalogue.db";
    std::fs::create_dir(to).map_err(|error| cannot(to, &error))?;
    let mut days = Vec::new();
    for entry in std::fs::read_dir(from).map_err(|error| cannot(from, &error))? {
        let name = entry.map_err(|error| cannot(from, &error))?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".db") && name != CATALOGUE {
            days.push(name);
        }
    }
    days.sort_unstable();
    for day in days {
        let copied = files::copy(&from.join(&day), &to.join(&day));
        // A day that retention has removed meanwhile is not missed.
        if let Err(error) = copied
            && from.join(&day).try_exists().map_err(|error| cannot(from, &error))?
        {
            return Err(Failure::failed(error));
        }
    }
    files::copy(&from.join(CATALOGUE), &to.join(CATALOGUE)).map_err(Failure::failed)
}

/// Copies the files of cases. One that cannot be read as it was handed in is named, and does not stop the rest.
fn copy_attachments(data: &Path, out: &Path) -> Result<(), Failure> {
    let (from, to) = (Attachments::of(data), Attachments::of(out));
    for (hash, _) in from.list().map_err(|error| cannot(data, &error))? {
        match from.read(&hash) {
            Ok(bytes) => {
                to.keep(&bytes).map_err(|error| cannot(out, &error))?;
            }
            Err(error) => say(&format!("the backup does without a file of a case: {error}")),
        }
    }
    Ok(())
}

/// Copies the secret so that nobody but its owner could read it at any moment.
pub(super) fn copy_secret(from: &Path, to: &Path) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    std::io::copy(&mut File::open(from)?, &mut file)?;
    file.sync_all()
}

/// Sees that a gateway could start from the copy, and says how far its parts are.
fn check_copy(out: &Path) -> Result<Positions, Failure> {
    let checkpoints = SqliteCheckpoints::open_reader(&out.join("checkpoint.db")).map_err(Failure::failed)?;
    let checkpoint = checkpoints.position().map_err(Failure::failed)?.map_or(Seq(0), |(position, _)| position);
    let mut newest_row = Seq(0);
    checkpoints.load(&mut |row| newest_row = newest_row.max(row.position)).map_err(Failure::failed)?;
    let ledger = LedgerReader::open(&out.join("ledger.db")).and_then(|reader| reader.position());
    let (ledger, _) = ledger.map_err(Failure::failed)?;

    let missing = super::doctor::missing_files(out).map_err(Failure::failed)?;
    if missing > 0 {
        say(&format!("{missing} files that cases name are not in the backup: `gengfu doctor` names them"));
    }

    let disk = Arc::new(RealDisk::open(out.join("journal")).map_err(|error| cannot(out, &error))?);
    let report = check::check(disk.as_ref(), false).map_err(Failure::failed)?;
    for problem in &report.problems {
        say(&format!("the backup has the journal as it is: {problem}"));
    }
    // What is older than the checkpoint is history; a start must be able to read all that comes after it.
    let mut reader = JournalReader::open(disk, checkpoint.next(), ReadLimit::Everything).map_err(Failure::failed)?;
    while reader.next_batch().map_err(Failure::failed)?.is_some() {}
    let end = Seq(reader.position().0 - 1);
    if newest_row > ledger || checkpoint > ledger || ledger > end {
        return Err(Failure::Failed(format!(
            "this copy would not start: rows at {newest_row}, checkpoint at {checkpoint}, ledger at {ledger}, journal \
             at {end}; was the folder changed by something else than a gateway?"
        )));
    }
    Ok(Positions {
        checkpoint: checkpoint.0,
        ledger: ledger.0,
        journal_first: report.first.unwrap_or_default().0,
        journal_last: end.0,
        journal_time_ms: report.last_time.unwrap_or_default().as_millis(),
    })
}

/// A file operation that failed; `NotFound` without a name helps nobody.
pub(super) fn cannot(path: &Path, error: &std::io::Error) -> Failure {
    let hint = if error.kind() == ErrorKind::StorageFull { "; free some room, or choose another disk" } else { "" };
    Failure::Failed(format!("{}: {error}{hint}", path.display()))
}
