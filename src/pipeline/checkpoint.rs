//! The checkpoints' thread: device rows in small transactions, never ahead of ledger and series.

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use gengfu_connectors::{CheckpointStore, DeviceRow};
use gengfu_model::Seq;
use gengfu_rules::engine::CheckpointRow;

use super::progress::Progress;

/// The most rows in one transaction.
const MAX_ROWS: usize = 5_000;

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
/// When the store fails, or ledger or series stopped before the rows' position.
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
                wait(progress, needed)?;
                store.put(&rows).map_err(|error| error.to_string())?;
            }
            CheckpointJob::Advance { position, tables } => {
                wait(progress, position)?;
                store.advance(position, &tables).map_err(|error| error.to_string())?;
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

fn wait(progress: &Progress, position: Seq) -> Result<(), String> {
    if progress.wait_until(|positions| positions.ledger >= position && positions.series >= position) {
        Ok(())
    } else {
        Err(format!("ledger or series stopped before record {position}"))
    }
}
