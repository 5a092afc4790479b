//! Reports as files in the data folder, so that they can be listed, read again, and named by a publication.
//!
//! A report is of a trial, which can change nothing; so it is no record of the journal. The newest [`KEPT`] stay.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::TrialError;
use super::report::Report;

/// The folder within the data folder.
const FOLDER: &str = "trials";
/// How many reports are kept.
pub const KEPT: usize = 200;
/// The longest name of a report.
const MAX_ID_BYTES: usize = 64;

/// The reports of a data folder.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// The store of a data folder.
    #[must_use]
    pub fn new(data: &Path) -> Store {
        Store { folder: data.join(FOLDER) }
    }

    /// A name for a report that is not taken: the time and the first digits of the draft's version.
    #[must_use]
    pub fn name(&self, asked: gengfu_model::Timestamp, version: &str) -> String {
        let moment = chrono::DateTime::from_timestamp_millis(asked.as_millis()).unwrap_or_default();
        let version: String = version.chars().filter(char::is_ascii_alphanumeric).take(6).collect();
        let name = format!("{}-{version}", moment.format("%Y%m%dT%H%M%S%3f"));
        (0..)
            .map(|number| if number == 0 { name.clone() } else { format!("{name}-{number}") })
            .find(|name| !self.path(name).try_exists().unwrap_or(false))
            .unwrap_or(name)
    }

    /// Keeps a report under its id, and drops the oldest when there are too many.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, report: &Report) -> Result<(), TrialError> {
        let path = self.path(&report.id);
        let failed = |error: io::Error| TrialError::File(path.display().to_string(), error);
        let write = || -> io::Result<()> {
            std::fs::create_dir_all(&self.folder)?;
            let beside = path.with_extension("new");
            let mut file = File::create(&beside)?;
            serde_json::to_writer(&mut file, report)?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            std::fs::rename(beside, &path)
        };
        write().map_err(failed)?;
        let ids = self.ids().map_err(failed)?;
        for id in ids.iter().rev().skip(KEPT) {
            std::fs::remove_file(self.path(id)).map_err(failed)?;
        }
        Ok(())
    }

    /// A report by its id; `None` if there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self, id: &str) -> Result<Option<Report>, TrialError> {
        // An id comes from outside and becomes a path.
        let good = id.len() <= MAX_ID_BYTES && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if !good || id.is_empty() {
            return Ok(None);
        }
        let path = self.path(id);
        match std::fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(TrialError::File(path.display().to_string(), error)),
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|error| TrialError::File(path.display().to_string(), error.into())),
        }
    }

    /// The ids of all reports, oldest first.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn ids(&self) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut ids = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            if let Some(id) = name.to_str().and_then(|name| name.strip_suffix(".json")) {
                ids.push(id.to_owned());
            }
        }
        ids.sort_unstable();
        Ok(ids)
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }
}
