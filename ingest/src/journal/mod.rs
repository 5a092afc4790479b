//! The journal: the one ordered log that everything which can change an outcome goes through first.
//!
//! Promises: a record that was handed back after a sync survives any crash, exactly once and in order;
//! nothing that was not written by this journal is ever read as a record; a failed sync is fatal, and
//! a full disk is not. Left to others: what records mean, and who may send them.
//!
//! From the bottom up: [`disk`] is the folder of files (and [`model_disk`] its crashing double),
//! [`codec`] the bytes of a record, [`frame`] those of one commit, [`segment`] the files; [`log`] is
//! the log without threads (`recovery` finds its end again, [`spare`] prepares its next segment),
//! [`writer`] the one thread that owns it; [`reader`] reads it while that thread writes, [`archive`] keeps what has been read, [`inspect`] prints it,
//! [`check`] looks for damage, [`mod@copy`] copies it.

pub mod archive;
pub mod check;
pub mod codec;
pub mod copy;
pub mod disk;
pub mod error;
pub mod frame;
pub mod handle;
pub mod inspect;
pub mod journal_clock;
pub mod lock;
pub mod log;
pub mod metrics;
pub mod model_disk;
mod pace;
mod place;
pub mod reader;
mod recovery;
pub mod segment;
mod settle;
pub mod spare;
pub mod start;
mod upkeep;
pub mod writer;
pub mod writer_options;

pub use archive::{Archive, ArchiveEntry, ArchiveOptions};
pub use disk::{Disk, DiskFile, RealDisk};
pub use error::JournalError;
pub use handle::{ControlError, JournalHandle, WriterState};
pub use journal_clock::{ClockFault, Monotonic, SystemMonotonic};
pub use lock::{FolderLock, LockError};
pub use log::{AppendError, Log, LogOptions, Opened, SyncedEnd};
pub use metrics::{JournalMetrics, MetricsSnapshot};
pub use model_disk::ModelDisk;
pub use reader::{Batch, JournalReader, ReadLimit};
pub use start::{ClockError, append_start, start_records};
pub use writer::JournalWriter;
pub use writer_options::WriterOptions;

#[cfg(test)]
mod random_inputs;
#[cfg(test)]
mod tests;
