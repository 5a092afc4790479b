//! The checkpoints' thread: device rows in small transactions, never ahead of ledger and series.

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use gengfu_connectors::{CheckpointStore, DeviceRow, LedgerError};
use gengfu_model::Seq;
use gengfu_rules::engine::CheckpointRow;

use super::progress::Progress;

/// The most rows in one transaction.
const MAX_ROWS: usize = 5_000;
/// How long a full disk is given before the next try.
const FULL_WAIT: Duration = Duration::from_millis(500);

/// What the engine hands to the checkpoints.
pub enum CheckpointJob {
    /// Rows of a round.
    Rows(Vec<CheckpointRow>),
    /// The round is complete: recovery may replay from `position`.
    Advance {
        /// The round's position.
        position: Seq,
        /// The engine's tables as of it.
        tables: Vec<u8>,
    },
}

/// Runs until the input is closed. `release` tells the journal up to where it is not needed any more.
///
/// # Errors
/// When the store fails otherwise than for want of room, or ledger or series stopped before the rows'
/// position. For room it waits; when the gateway stops meanwhile, the round stays unfinished.
pub fn run(
    store: &mut dyn CheckpointStore,
    input: &Receiver<CheckpointJob>,
    progress: &Arc<Progress>,
    release: &dyn Fn(Seq),
) -> Result<(), String> {
    let mut next = None;
    while let Some(job) = next.take().or_else(|| input.recv().ok()) {
        match job {
            CheckpointJob::Rows(rows) => {
                let mut rows: Vec<DeviceRow> = rows.into_iter().map(stored).collect();
                // What has come meanwhile goes into the same transaction: a sync costs more than rows.
                while rows.len() < MAX_ROWS {
                    match input.try_recv() {
                        Ok(CheckpointJob::Rows(more)) => rows.extend(more.into_iter().map(stored)),
                        Ok(advance) => {
                            next = Some(advance);
                            break;
                        }
                        Err(_) => break,
                    }
                }
                let needed = rows.iter().map(|row| row.position).max().unwrap_or_default();
                if !wait(progress, needed)? || !with_room(progress, || store.put(&rows))? {
                    give_up(input);
                    return Ok(());
                }
            }
            CheckpointJob::Advance { position, tables } => {
                if !wait(progress, position)? || !with_room(progress, || store.advance(position, &tables))? {
                    give_up(input);
                    return Ok(());
                }
                tracing::debug!(%position, "checkpoint complete");
                release(position);
            }
        }
    }
    Ok(())
}

fn stored(row: CheckpointRow) -> DeviceRow {
    DeviceRow { device: row.device, position: row.position, bytes: row.bytes }
}

/// Tries until the disk has room; `false` when the gateway stops before.
fn with_room(progress: &Progress, mut write: impl FnMut() -> Result<(), LedgerError>) -> Result<bool, String> {
    loop {
        match write() {
            Ok(()) => return Ok(true),
            Err(LedgerError::Full) if progress.get().stopping => return Ok(false),
            Err(LedgerError::Full) => {
                tracing::warn!("no room for the checkpoint; waiting");
                std::thread::sleep(FULL_WAIT);
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// Takes what comes and drops it, so that the engine can end; the next start replays more.
fn give_up(input: &Receiver<CheckpointJob>) {
    tracing::warn!(
        "stopped without room for a last checkpoint; the next start replays the journal from the one before"
    );
    input.iter().for_each(drop);
}

/// Waits for ledger and series; `false` when the gateway stops and they gave up for want of room.
fn wait(progress: &Progress, position: Seq) -> Result<bool, String> {
    if progress.wait_until(|positions| positions.ledger >= position && positions.series >= position) {
        Ok(true)
    } else if progress.get().stopping {
        Ok(false)
    } else {
        Err(format!("ledger or series stopped before record {position}"))
    }
}
