//! Checkpoints in memory, for tests of what writes them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gengfu_model::{DeviceId, Seq};

use super::{CheckpointStore, DeviceRow};
use crate::LedgerError;

/// Checkpoints in memory. Clones are handles of the same store, so that a test keeps what was put
/// when its owner "crashes"; [`MemoryCheckpoints::snapshot`] makes an independent copy.
#[derive(Clone, Debug, Default)]
pub struct MemoryCheckpoints {
    shared: Arc<Mutex<Tables>>,
}

#[derive(Clone, Debug, Default)]
struct Tables {
    rows: BTreeMap<DeviceId, DeviceRow>,
    position: Option<(Seq, Vec<u8>)>,
}

impl MemoryCheckpoints {
    /// An empty store.
    #[must_use]
    pub fn new() -> MemoryCheckpoints {
        MemoryCheckpoints::default()
    }

    /// A copy that goes its own way from here.
    #[must_use]
    pub fn snapshot(&self) -> MemoryCheckpoints {
        MemoryCheckpoints { shared: Arc::new(Mutex::new(self.lock().clone())) }
    }

    // A test that panicked while it held the lock has failed already; the others may go on.
    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CheckpointStore for MemoryCheckpoints {
    fn put(&mut self, rows: &[DeviceRow]) -> Result<(), LedgerError> {
        let mut tables = self.lock();
        for row in rows {
            tables.rows.insert(row.device.clone(), row.clone());
        }
        Ok(())
    }

    fn advance(&mut self, position: Seq, tables: &[u8]) -> Result<(), LedgerError> {
        self.lock().position = Some((position, tables.to_vec()));
        Ok(())
    }

    fn position(&self) -> Result<Option<(Seq, Vec<u8>)>, LedgerError> {
        Ok(self.lock().position.clone())
    }

    fn load(&self, each: &mut dyn FnMut(DeviceRow)) -> Result<(), LedgerError> {
        // The lock is not held while `each` runs: it may well ask the store for something.
        let rows: Vec<DeviceRow> = self.lock().rows.values().cloned().collect();
        rows.into_iter().for_each(each);
        Ok(())
    }
}
