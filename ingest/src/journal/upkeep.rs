//! The journal's second thread: makes spare segments ahead, archives what has been read, and tidies up
//! the archive. Nothing waits for it but the next spare.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use gengfu_model::Seq;

use super::archive::Archive;
use super::error::JournalError;
use super::handle::Shared;
use super::log::{Spare, SpareTask};

/// How often it looks whether there is something to archive.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Runs until the writer has dropped its end of `tasks`.
pub(super) fn run(
    shared: &Arc<Shared>,
    mut archive: Option<Archive>,
    tasks: &Receiver<SpareTask>,
    spares: &SyncSender<Result<Spare, JournalError>>,
) {
    let mut looked_at = Seq(0);
    loop {
        match tasks.recv_timeout(LOOK_EVERY) {
            Ok(task) => {
                // The writer takes the answer at its leisure; it asks for one at a time.
                if spares.send(task.run()).is_err() {
                    return;
                }
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some(archive) = &mut archive
            && let Err(error) = look_after(shared, archive, &mut looked_at)
        {
            shared.metrics.archive_failed(&error);
        }
    }
}

/// Archives at most one segment, so that a wanted spare never waits for long.
fn look_after(shared: &Shared, archive: &mut Archive, looked_at: &mut Seq) -> Result<(), JournalError> {
    let now = shared.metrics.last_time();
    if shared.metrics.full() && archive.give_way(now)?.is_some() {
        shared.wake_writer();
    }
    let released = Seq(shared.released.load(Ordering::Acquire));
    if released <= *looked_at {
        return Ok(());
    }
    if archive.release_one(released)?.is_some() {
        shared.metrics.archived();
        archive.retain(now)?;
    } else {
        *looked_at = released;
    }
    Ok(())
}
