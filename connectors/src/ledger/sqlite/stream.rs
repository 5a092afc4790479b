//! Keeps the live stream's rows to the newest ones.

use rusqlite::Connection;

use crate::LedgerError;
use crate::ledger::live::STREAM_KEPT;

/// Rows over the limit that are put up with, so that not every commit deletes.
const SLACK: u64 = 1_000;

/// How many rows the live stream has.
#[derive(Clone, Copy, Debug)]
pub(super) struct StreamTail {
    count: u64,
    kept: u64,
}

impl StreamTail {
    /// Counts the rows of an opened ledger.
    pub(super) fn open(conn: &Connection) -> Result<StreamTail, LedgerError> {
        let count: i64 = conn
            .query_row("SELECT count(*) FROM stream_event", [], |row| row.get(0))
            .map_err(|error| LedgerError::sqlite("count the stream", &error))?;
        Ok(StreamTail { count: u64::try_from(count).unwrap_or(0), kept: STREAM_KEPT })
    }

    /// The tail after `added` rows came within the transaction on `conn`; forgets the oldest rows
    /// when there are too many. The caller takes it over once the transaction is committed.
    pub(super) fn after(self, conn: &Connection, added: u64) -> Result<StreamTail, LedgerError> {
        let count = self.count + added;
        if count <= self.kept + SLACK {
            return Ok(StreamTail { count, ..self });
        }
        let surplus = i64::try_from(count - self.kept).unwrap_or(i64::MAX);
        let removed = conn
            .prepare_cached(
                "DELETE FROM stream_event WHERE (seq, ordinal) IN
                 (SELECT seq, ordinal FROM stream_event ORDER BY seq, ordinal LIMIT ?1)",
            )
            .and_then(|mut statement| statement.execute([surplus]))
            .map_err(|error| LedgerError::sqlite("trim the stream", &error))?;
        Ok(StreamTail { count: count.saturating_sub(removed as u64), ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_rows_are_kept_and_order_is_by_number() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(
            "CREATE TABLE stream_event (seq INTEGER, ordinal INTEGER, PRIMARY KEY (seq, ordinal)) STRICT, WITHOUT ROWID;",
        )
        .unwrap();
        let mut tail = StreamTail { count: 0, kept: 5 };
        for seq in 0..=(5 + SLACK) {
            conn.execute("INSERT INTO stream_event VALUES (?1, 0)", [i64::try_from(seq).unwrap()]).unwrap();
            tail = tail.after(&conn, 1).unwrap();
        }
        assert_eq!(tail.count, 5);
        let (count, oldest): (i64, i64) =
            conn.query_row("SELECT count(*), min(seq) FROM stream_event", [], |r| Ok((r.get(0)?, r.get(1)?))).unwrap();
        assert_eq!((count, oldest), (5, 1_001));
    }
}
