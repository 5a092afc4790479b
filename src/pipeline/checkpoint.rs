//! The checkpoints' thread: device rows in small transactions, never ahead of ledger and series.

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use gengfu_connectors::{CheckpointStore, DeviceRow};
use gengfu_model::Seq;
use gengfu_rules::engine::CheckpointRow;

use super::progress::Progress;

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
    while let Ok(job) = input.recv() {
        match job {
            CheckpointJob::Rows(rows) => {
                let rows: Vec<DeviceRow> = rows.into_iter().map(stored).collect();
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
