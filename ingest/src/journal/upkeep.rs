//! The journal's second thread: makes spare segments ahead, archives what has been read, and tidies up
//! the archive. Nothing waits for it but the next spare.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use gengfu_model::time::HOUR_MS;
use gengfu_model::{Seq, Timestamp};

use super::archive::Archive;
use super::error::JournalError;
use super::handle::Shared;
use super::spare::{Spare, SpareTask};

/// How often it looks whether there is something to archive.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long it lets the archive be after a failure.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(10);
/// How often history that is too old is removed, in milliseconds of the journal's time.
const RETAIN_EVERY_MS: i64 = HOUR_MS;

/// Runs until the writer has dropped its end of `tasks`.
pub(super) fn run(
    shared: &Arc<Shared>,
    mut archive: Option<Archive>,
    tasks: &Receiver<SpareTask>,
    spares: &SyncSender<Result<Spare, JournalError>>,
) {
    let mut done = Done { released: Seq(0), retained: Timestamp(i64::MIN) };
    let mut not_before = Instant::now();
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
            && Instant::now() >= not_before
            && let Err(error) = look_after(shared, archive, &mut done)
        {
            shared.metrics.archive_failed(&error);
            not_before = Instant::now() + PAUSE_AFTER_FAILURE;
        }
    }
}

/// How far it has got.
struct Done {
    released: Seq,
    retained: Timestamp,
}

/// Archives at most one segment, so that a wanted spare never waits for long.
fn look_after(shared: &Shared, archive: &mut Archive, done: &mut Done) -> Result<(), JournalError> {
    let now = shared.metrics.last_time();
    if shared.metrics.full() && archive.give_way(now)?.is_some() {
        shared.wake_writer();
    }
    let released = Seq(shared.released.load(Ordering::Acquire));
    let mut grown = false;
    if released > done.released {
        grown = archive.release_one(released)?.is_some();
        if grown {
            shared.metrics.archived();
        } else {
            done.released = released;
        }
    }
    if grown || now.since_ms(done.retained) >= RETAIN_EVERY_MS {
        archive.retain(now)?;
        done.retained = now;
    }
    Ok(())
}
