//! Checkpoints of device state: one row per device, each with its own journal position.

mod memory;
mod sqlite;

use gengfu_model::{DeviceId, Seq};

pub use memory::MemoryCheckpoints;
pub use sqlite::SqliteCheckpoints;

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

#[cfg(test)]
mod contract {
    //! What every checkpoint store promises, on both.

    use super::*;

    fn on_both(check: impl Fn(&mut dyn CheckpointStore)) {
        check(&mut MemoryCheckpoints::new());
        let dir = tempfile::tempdir().unwrap();
        check(&mut SqliteCheckpoints::open(&dir.path().join("checkpoint.db")).unwrap());
    }

    fn row(device: &str, position: u64, bytes: &[u8]) -> DeviceRow {
        DeviceRow { device: DeviceId::new(device).unwrap(), position: Seq(position), bytes: bytes.to_vec() }
    }

    fn rows(store: &dyn CheckpointStore) -> Vec<DeviceRow> {
        let mut rows = Vec::new();
        store.load(&mut |row| rows.push(row)).unwrap();
        rows
    }

    #[test]
    fn rows_replace_by_device_and_come_in_the_order_of_ids() {
        on_both(|store| {
            assert_eq!(rows(store), []);
            store.put(&[row("b", 1, b"one"), row("a-10", 2, b""), row("a-9", 3, &[0, 255])]).unwrap();
            store.put(&[row("b", 9_000_000_000, b"two")]).unwrap();
            store.put(&[]).unwrap();
            assert_eq!(rows(store), [row("a-10", 2, b""), row("a-9", 3, &[0, 255]), row("b", 9_000_000_000, b"two")]);
        });
    }

    #[test]
    fn the_last_of_one_batch_stands_and_a_repeat_changes_nothing() {
        on_both(|store| {
            for _ in 0..2 {
                store.put(&[row("a", 1, b"old"), row("a", 2, b"new")]).unwrap();
                assert_eq!(rows(store), [row("a", 2, b"new")]);
            }
        });
    }

    #[test]
    fn the_position_and_its_tables_move_together() {
        on_both(|store| {
            assert_eq!(store.position().unwrap(), None);
            store.advance(Seq(5), b"tables").unwrap();
            store.advance(Seq(9), b"").unwrap();
            assert_eq!(store.position().unwrap(), Some((Seq(9), vec![])));
        });
    }
}
