//! The readable side of the delivery record: what became of every item at every target.

use std::path::Path;
use std::sync::Arc;

use gengfu_model::{EffectId, Timestamp};
use rusqlite::Row;

use super::store::state_column;
use crate::LedgerError;
use crate::ledger::columns::{effect_id, seq_column};
use crate::ledger::reader::page::{ListQuery, Order};
use crate::ledger::{Listed, Page};
use crate::sqlite::ReadPool;

/// Connections at most.
const MAX_CONNECTIONS: usize = 2;

const SELECT: &str =
    "SELECT seq, ordinal, target, topic, time, state, attempts, last_try, next_try, answer FROM delivery";

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// Not done: waits for its turn or its next attempt.
    Pending,
    /// The target has it.
    Delivered,
    /// Given up.
    Failed,
    /// Not sent: the message of another case stands in its place.
    Withdrawn,
}

impl DeliveryState {
    /// The state's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            DeliveryState::Pending => "pending",
            DeliveryState::Delivered => "delivered",
            DeliveryState::Failed => "failed",
            DeliveryState::Withdrawn => "withdrawn",
        }
    }

    /// The state of that name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<DeliveryState> {
        [DeliveryState::Pending, DeliveryState::Delivered, DeliveryState::Failed, DeliveryState::Withdrawn]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

/// What became of one item at one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The item's id.
    pub id: EffectId,
    /// The target's name.
    pub target: String,
    /// The item's topic.
    pub topic: String,
    /// When the item came to be.
    pub time: Timestamp,
    /// Where it stands.
    pub state: DeliveryState,
    /// How many attempts were made.
    pub attempts: u32,
    /// When the last attempt was made.
    pub last_try: Option<Timestamp>,
    /// When the next is due, for what is pending.
    pub next_try: Option<Timestamp>,
    /// The last answer or failure.
    pub answer: String,
}

/// Reads the delivery record. Cheap to clone; the calls block.
#[derive(Clone, Debug)]
pub struct DeliveryReader {
    pool: Arc<ReadPool>,
}

impl DeliveryReader {
    /// Opens the record at `path`, which its writer has made.
    ///
    /// # Errors
    /// [`LedgerError`] if it is not there.
    pub fn open(path: &Path) -> Result<DeliveryReader, LedgerError> {
        let pool = ReadPool::open(path, MAX_CONNECTIONS)
            .map_err(|error| LedgerError::sqlite(&format!("open {}", path.display()), &error))?;
        Ok(DeliveryReader { pool: Arc::new(pool) })
    }

    /// The deliveries of one target, newest item first.
    ///
    /// # Errors
    /// [`LedgerError::Cursor`] for a foreign cursor, else when it cannot be read.
    pub fn deliveries(
        &self,
        target: &str,
        state: Option<DeliveryState>,
        page: &Page,
    ) -> Result<Listed<Delivery>, LedgerError> {
        let mut query = ListQuery::new(SELECT, Order::Newest);
        query.and("target = ?", Some(target.to_owned()));
        query.and("state = ?", state.map(|state| state.name().to_owned()));
        let conn = self.pool.get().map_err(|error| failed(&error))?;
        query.run(&conn, "read deliveries", page, |row| delivery(row).map_err(|error| failed(&error)))
    }

    /// What became of one item at every target, by the target's name.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    pub fn of_item(&self, id: EffectId) -> Result<Vec<Delivery>, LedgerError> {
        let read = || {
            let conn = self.pool.get()?;
            let sql = format!("{SELECT} WHERE seq = ?1 AND ordinal = ?2 ORDER BY target");
            let mut statement = conn.prepare_cached(&sql)?;
            let rows = statement.query_map((seq_column(id.seq), id.ordinal), delivery)?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|error| failed(&error))
    }
}

fn failed(error: &rusqlite::Error) -> LedgerError {
    LedgerError::sqlite("read deliveries", error)
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    let state = state_column(row, 5)?;
    let next: i64 = row.get(8)?;
    Ok(Delivery {
        id: effect_id(row, 0)?,
        target: row.get(2)?,
        topic: row.get(3)?,
        time: Timestamp(row.get(4)?),
        state,
        attempts: row.get(6)?,
        last_try: row.get::<_, Option<i64>>(7)?.map(Timestamp),
        next_try: (state == DeliveryState::Pending).then_some(Timestamp(next)),
        answer: row.get(9)?,
    })
}
