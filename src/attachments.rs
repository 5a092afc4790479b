//! Files of cases in the data folder, as the API keeps and reads them.

use std::collections::BTreeSet;

use gengfu_connectors::attachments::AttachmentError;
use gengfu_connectors::{Attachments, LedgerReader};
use gengfu_ingest::journal::RealDisk;
use gengfu_model::Refusal;

use crate::config::Config;

/// Removes what no case names. Of a ledger that names no file at all nothing is believed: it may be another's.
fn sweep_unnamed(files: &Attachments, ledger: &LedgerReader) -> Result<usize, String> {
    if files.list().map_err(|error| error.to_string())?.is_empty() {
        return Ok(0);
    }
    let mut named = BTreeSet::new();
    let read = ledger.attachments(&mut |_, attachment| {
        named.insert(attachment.sha256.to_string());
    });
    read.map_err(|error| error.to_string())?;
    if named.is_empty() {
        return Ok(0);
    }
    files.sweep_unnamed(&named).map_err(|error| error.to_string())
}

/// The files, and how much room they leave to everything else.
#[derive(Debug)]
pub(crate) struct CaseFiles {
    files: Attachments,
    data: std::path::PathBuf,
    keep_free: u64,
}

impl CaseFiles {
    /// The files of a configuration's data folder, before anybody can hand one in. What a kill left half written is
    /// removed, and so is what no case names: its request was refused, or never came. `ledger` is up to the journal.
    pub(crate) fn open(config: &Config, ledger: &LedgerReader) -> CaseFiles {
        let data = config.data.folder.clone();
        let files = Attachments::of(&data);
        match files.sweep() {
            Ok(0) => {}
            Ok(swept) => tracing::info!(swept, "files of cases that were not written to their end are removed"),
            Err(error) => tracing::warn!(%error, "the folder of the cases' files cannot be looked through"),
        }
        match sweep_unnamed(&files, ledger) {
            Ok(0) => {}
            Ok(swept) => tracing::info!(swept, "files that no case names are removed"),
            Err(error) => tracing::warn!(%error, "files that no case names cannot be looked for"),
        }
        CaseFiles { files, data, keep_free: config.attachments.keep_free.0 }
    }

    /// Keeps bytes; they are on the disk when this returns their hash.
    pub(crate) fn keep(&self, bytes: &[u8]) -> Result<String, Refusal> {
        let free = RealDisk::open(&self.data).and_then(|disk| disk.available());
        let full = || {
            Refusal::new("full", "the gateway's disk has no room for files")
                .hint("have some room made, then send the file again; the case itself can be worked on meanwhile")
        };
        match free {
            Ok(free) if free < self.keep_free.saturating_add(bytes.len() as u64) => return Err(full()),
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the room on the disk cannot be told"),
        }
        self.files.keep(bytes).map_err(|error| {
            tracing::error!(%error, "a file of a case cannot be kept");
            if error.kind() == std::io::ErrorKind::StorageFull {
                return full();
            }
            Refusal::new("unavailable", "the file could not be kept; the gateway's log says why")
        })
    }

    /// The bytes of that hash.
    pub(crate) fn read(&self, sha256: &str) -> Result<Vec<u8>, AttachmentError> {
        self.files.read(sha256)
    }
}
