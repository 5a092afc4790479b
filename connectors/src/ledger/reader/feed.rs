//! What is read in the order it came: the live stream's rows and the outbox.

use std::sync::Arc;

use gengfu_model::{EffectId, OutboxItem, Timestamp};
use rusqlite::OptionalExtension;

use super::page::{ListQuery, Order};
use super::{LedgerReader, Listed, MAX_PAGE, Page};
use crate::LedgerError;
use crate::ledger::columns::{effect_id, optional_effect_id, seq_column};

impl LedgerReader {
    /// Rows of the live stream after `after` (`None`: from the oldest kept), oldest first, at most
    /// `limit`: the effect's id, the event's name, the entity as JSON.
    ///
    /// Only the newest 100,000 rows are kept: see [`LedgerReader::stream_bounds`] for whether
    /// something is missing after `after`.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    pub fn stream_after(
        &self,
        after: Option<EffectId>,
        limit: usize,
    ) -> Result<Vec<(EffectId, String, String)>, LedgerError> {
        self.with("stream", |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT seq, ordinal, name, body FROM stream_event WHERE (seq, ordinal) > (?1, ?2)
                 ORDER BY seq, ordinal LIMIT ?3",
            )?;
            let (seq, ordinal) = bound(after);
            let rows = statement.query_map((seq, ordinal, page_limit(limit)), |row| {
                Ok((effect_id(row, 0)?, row.get(2)?, row.get(3)?))
            })?;
            rows.collect()
        })
    }

    /// The oldest and newest row of the live stream that are kept; `None` while there is none.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    pub fn stream_bounds(&self) -> Result<Option<(EffectId, EffectId)>, LedgerError> {
        self.with("stream", |conn| {
            conn.prepare_cached(
                "SELECT * FROM (SELECT seq, ordinal FROM stream_event ORDER BY seq, ordinal LIMIT 1),
                               (SELECT seq, ordinal FROM stream_event ORDER BY seq DESC, ordinal DESC LIMIT 1)",
            )?
            .query_row([], |row| Ok((effect_id(row, 0)?, effect_id(row, 2)?)))
            .optional()
        })
    }

    /// Outbox rows after `after` (`None`: from the first), oldest first, at most `limit`.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    pub fn outbox_after(&self, after: Option<EffectId>, limit: usize) -> Result<Vec<OutboxItem>, LedgerError> {
        self.with("outbox", |conn| {
            let sql = format!("{OUTBOX} WHERE (seq, ordinal) > (?1, ?2) ORDER BY seq, ordinal LIMIT ?3");
            let mut statement = conn.prepare_cached(&sql)?;
            let (seq, ordinal) = bound(after);
            let rows = statement.query_map((seq, ordinal, page_limit(limit)), outbox_item)?;
            rows.collect()
        })
    }

    /// The outbox row of that id.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    pub fn outbox_item(&self, id: EffectId) -> Result<Option<OutboxItem>, LedgerError> {
        self.with("outbox", |conn| {
            conn.prepare_cached(&format!("{OUTBOX} WHERE seq = ?1 AND ordinal = ?2"))?
                .query_row((seq_column(id.seq), id.ordinal), outbox_item)
                .optional()
        })
    }

    /// The ids of the outbox rows about a case, the oldest first.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    pub fn outbox_about(&self, case: EffectId) -> Result<Vec<EffectId>, LedgerError> {
        self.with("outbox", |conn| {
            let sql = "SELECT seq, ordinal FROM outbox WHERE case_seq = ?1 AND case_ordinal = ?2 ORDER BY seq, ordinal";
            let mut statement = conn.prepare_cached(sql)?;
            let rows = statement.query_map((seq_column(case.seq), case.ordinal), |row| effect_id(row, 0))?;
            rows.collect()
        })
    }

    /// The newest outbox row's id; `None` while there is none.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    pub fn outbox_newest(&self) -> Result<Option<EffectId>, LedgerError> {
        self.with("outbox", |conn| {
            conn.prepare_cached("SELECT seq, ordinal FROM outbox ORDER BY seq DESC, ordinal DESC LIMIT 1")?
                .query_row([], |row| effect_id(row, 0))
                .optional()
        })
    }
}

impl LedgerReader {
    /// What a person was told on the console, newest first.
    ///
    /// # Errors
    /// [`LedgerError::Cursor`] for a foreign cursor, else when it cannot be read.
    pub fn notifications(&self, user: &str, page: &Page) -> Result<Listed<OutboxItem>, LedgerError> {
        let mut query = ListQuery::new(OUTBOX, Order::Newest);
        query.condition("topic = 'notification.console'");
        query.and("json_extract(body, '$.user') = ?", Some(user.to_owned()));
        self.on(|conn| {
            query.run(conn, "read notifications", page, |row| {
                outbox_item(row).map_err(|error| LedgerError::sqlite("read notifications", &error))
            })
        })
    }

    /// How many notifications a person has after `read` that no other one stands for.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    pub fn unread(&self, user: &str, read: Option<EffectId>) -> Result<u64, LedgerError> {
        let (seq, ordinal) = bound(read);
        let count: i64 = self.with("notifications", |conn| {
            conn.prepare_cached(
                "SELECT count(*) FROM outbox WHERE topic = 'notification.console'
                 AND json_extract(body, '$.user') = ?1 AND (seq, ordinal) > (?2, ?3) AND withdrawn_seq IS NULL",
            )?
            .query_row((user, seq, ordinal), |row| row.get(0))
        })?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// The rows of one notification: the console's, which has that id, and those of the person's channels.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    pub fn notification_rows(&self, id: EffectId) -> Result<Vec<OutboxItem>, LedgerError> {
        self.with("notifications", |conn| {
            let sql = format!(
                "{OUTBOX} WHERE seq = ?1 AND ordinal >= ?2 AND json_extract(body, '$.notification') = ?3
                 ORDER BY ordinal"
            );
            let mut statement = conn.prepare_cached(&sql)?;
            let rows = statement.query_map((seq_column(id.seq), id.ordinal, id.to_string()), outbox_item)?;
            rows.collect()
        })
    }
}

/// The columns of an outbox row, as [`outbox_item`] reads them.
pub(crate) const OUTBOX: &str = "SELECT seq, ordinal, topic, time, body, case_seq, case_ordinal, withdrawn_seq, \
     withdrawn_ordinal FROM outbox";

/// A row of the columns of [`OUTBOX`].
pub(crate) fn outbox_item(row: &rusqlite::Row<'_>) -> rusqlite::Result<OutboxItem> {
    let topic: String = row.get(2)?;
    Ok(OutboxItem {
        id: effect_id(row, 0)?,
        topic: Arc::from(topic),
        time: Timestamp(row.get(3)?),
        body: row.get(4)?,
        case: optional_effect_id(row, 5)?,
        withdrawn: optional_effect_id(row, 7)?,
    })
}

/// The exclusive lower bound; before everything when there is none.
fn bound(after: Option<EffectId>) -> (i64, i64) {
    after.map_or((-1, -1), |id| (seq_column(id.seq), i64::from(id.ordinal)))
}

fn page_limit(limit: usize) -> i64 {
    i64::try_from(limit.clamp(1, MAX_PAGE)).unwrap_or(i64::MAX)
}
