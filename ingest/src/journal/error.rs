//! What can go wrong in the journal, said so that the operator knows file, place and what to do.

use std::io;
use std::sync::Arc;

use gengfu_model::Seq;

/// Why the journal could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A file operation failed.
    #[error("journal: cannot {action} `{file}`: {source}")]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file's name within the journal's folder.
        file: String,
        /// The operating system's answer.
        source: io::Error,
    },
    /// A file holds bytes that no crash can explain.
    #[error("journal: `{file}` is damaged at byte {offset}: {what}; restore this file from a backup")]
    Corrupt {
        /// The file's name within the journal's folder.
        file: String,
        /// Where the damaged part begins.
        offset: u64,
        /// What is wrong.
        what: String,
    },
    /// A file was written by a newer version.
    #[error("journal: `{file}` has format version {version}, this program reads up to {known}; use a newer program")]
    Version {
        /// The file's name within the journal's folder.
        file: String,
        /// The version it says.
        version: u32,
        /// The newest version known here.
        known: u32,
    },
    /// Files are missing.
    #[error("journal: {0}; restore the missing files from a backup")]
    Missing(String),
    /// The records asked for are no longer (or not yet) kept.
    #[error("journal: records {from} to {to} are not kept any more")]
    Gap {
        /// The first record that is missing.
        from: Seq,
        /// The last record that is missing; the next one can be read again.
        to: Seq,
    },
    /// The disk has no room. Messages wait; control records may still use the reserve.
    #[error("journal: the disk is full; free some room and it goes on by itself")]
    Full,
    /// One record is larger than a frame may be.
    #[error("journal: a record of {bytes} bytes is over the limit of {limit}")]
    TooLarge {
        /// The record's encoded size.
        bytes: usize,
        /// The largest encoded size.
        limit: usize,
    },
    /// An earlier write or sync failed. What is on the disk is unknown until the log is opened again.
    #[error("journal: stopped after a failed write, restart the gateway: {0}")]
    Poisoned(Arc<str>),
    /// The options do not fit together.
    #[error("journal: {0}")]
    Options(String),
}

impl JournalError {
    /// Wraps an I/O error; one that says the disk is full becomes [`JournalError::Full`].
    pub(crate) fn io(action: &'static str, file: &str, source: io::Error) -> JournalError {
        match source.kind() {
            io::ErrorKind::StorageFull => JournalError::Full,
            _ => JournalError::Io { action, file: file.to_owned(), source },
        }
    }

    pub(crate) fn corrupt(file: &str, offset: u64, what: impl Into<String>) -> JournalError {
        JournalError::Corrupt { file: file.to_owned(), offset, what: what.into() }
    }
}
