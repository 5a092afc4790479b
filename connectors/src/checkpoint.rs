//! Checkpoints of device state: one row per device, each with its own journal position.

use gengfu_model::{DeviceId, Seq};

use crate::LedgerError;

/// The state of one device at a position. The bytes are the engine's own (versioned) encoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceRow {
    /// The device.
    pub device: DeviceId,
    /// The last record that this state has seen.
    pub position: Seq,
    /// The state.
    pub bytes: Vec<u8>,
}

/// Where checkpoints are kept. One thread owns it, the ledger's.
pub trait CheckpointStore: Send {
    /// Stores rows (insert or replace by device) in one durable transaction. The caller has made
    /// sure that the ledger has reached every row's position.
    ///
    /// # Errors
    /// [`LedgerError`]; none of the rows is kept then.
    fn put(&mut self, rows: &[DeviceRow]) -> Result<(), LedgerError>;

    /// Moves the position that recovery replays from, with the engine's tables as of that position
    /// (rule pack version, parameters, configuration; the engine's own encoding).
    ///
    /// # Errors
    /// [`LedgerError`]; the old position stands then.
    fn advance(&mut self, position: Seq, tables: &[u8]) -> Result<(), LedgerError>;

    /// The position that recovery replays from, and the tables as of it; `None` before the first.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    fn position(&self) -> Result<Option<(Seq, Vec<u8>)>, LedgerError>;

    /// Gives every row to `each`, in the order of device ids.
    ///
    /// # Errors
    /// [`LedgerError`] when a row cannot be read.
    fn load(&self, each: &mut dyn FnMut(DeviceRow)) -> Result<(), LedgerError>;
}
