//! The ledger's thread: effects and their position in one transaction, then whoever waits is told.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use gengfu_connectors::ledger::SqliteLedger;
use gengfu_connectors::{Ledger, LedgerError};
use gengfu_ingest::Directory;
use gengfu_model::staff::Verdict;
use gengfu_model::{Effect, EffectId, Seq, Timestamp};

use super::progress::Progress;
use super::verdicts::Verdicts;

/// The most effects in one transaction; a single job may be larger, since it is one record's.
const MAX_EFFECTS: usize = 1_000;
/// How long a full disk is given before the next try.
const FULL_WAIT: Duration = Duration::from_millis(200);
/// A reserve that was given up is asked back this often.
const RESERVE_EVERY: Duration = Duration::from_secs(1);

/// What came of the records up to a position.
pub struct LedgerJob {
    /// The effects, in order.
    pub effects: Vec<(EffectId, Effect)>,
    /// Answers to requests, told after the commit.
    pub verdicts: Vec<(Seq, Verdict)>,
    /// The last record applied.
    pub position: Seq,
    /// The journal's time by then.
    pub time: Timestamp,
    /// Move the position even without an effect.
    pub force: bool,
}

/// Told what was committed, in order.
pub type Publish = Box<dyn Fn(&[(EffectId, Effect)]) + Send>;

/// Who is told after a commit.
pub struct Listeners {
    /// How far the stages have come.
    pub progress: Arc<Progress>,
    /// Askers of staff requests.
    pub verdicts: Arc<Verdicts>,
    /// The login map.
    pub directory: Arc<Directory>,
    /// The live stream and whoever else follows what was committed.
    pub publish: Publish,
    /// Told once when the disk is full, and once when it has room again.
    pub full: Box<dyn Fn(bool) + Send>,
}

/// Runs until the input is closed.
///
/// # Errors
/// When the store fails otherwise than for want of room. For room it waits; when the gateway stops
/// meanwhile, the next start commits the rest.
pub fn run(ledger: &mut SqliteLedger, input: &Receiver<LedgerJob>, listeners: &Listeners) -> Result<(), String> {
    let mut asked_back = Instant::now();
    loop {
        if !ledger.has_reserve() && asked_back.elapsed() >= RESERVE_EVERY {
            asked_back = Instant::now();
            if ledger.restore_reserve().is_ok() {
                tracing::info!("the ledger has its reserve again");
                (listeners.full)(false);
            }
        }
        let mut job = match input.recv_timeout(RESERVE_EVERY) {
            Ok(job) => job,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        while job.effects.len() < MAX_EFFECTS
            && let Ok(more) = input.try_recv()
        {
            job.effects.extend(more.effects);
            job.verdicts.extend(more.verdicts);
            job.position = more.position;
            job.time = more.time;
            job.force |= more.force;
        }
        let has_work = job.force || !job.effects.is_empty();
        if has_work && !commit(ledger, &job, listeners)? {
            tracing::warn!("stopped without room for the ledger; the next start commits the rest");
            listeners.progress.update(|positions| positions.closed = true);
            input.iter().for_each(drop);
            return Ok(());
        }
        tell(job, listeners);
    }
}

/// Commits, waiting for room; `false` when the gateway stops before there is any.
fn commit(ledger: &mut SqliteLedger, job: &LedgerJob, listeners: &Listeners) -> Result<bool, String> {
    let mut was_full = false;
    loop {
        match ledger.commit(&job.effects, job.position, job.time) {
            Ok(()) => return Ok(true),
            Err(LedgerError::Full) => {
                if !was_full {
                    // The reserve is there for this: timers and staff go on while devices are refused.
                    tracing::error!("no room for the ledger: its reserve is given up");
                    (listeners.full)(true);
                    was_full = true;
                    ledger.release_reserve().map_err(|error| error.to_string())?;
                } else if listeners.progress.get().stopping {
                    return Ok(false);
                } else {
                    std::thread::sleep(FULL_WAIT);
                }
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}

fn tell(job: LedgerJob, listeners: &Listeners) {
    for (_, effect) in &job.effects {
        if let Effect::Device(device) = effect {
            listeners.directory.put(device);
        }
    }
    (listeners.publish)(&job.effects);
    if job.force || !job.effects.is_empty() {
        listeners.progress.update(|positions| positions.ledger = job.position);
    }
    for (seq, verdict) in job.verdicts {
        listeners.verdicts.tell(seq, verdict);
    }
}
