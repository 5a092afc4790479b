//! What became of single messages: the oldest rows are forgotten, the others dumped.

use std::io::Write;

use rusqlite::Connection;

use super::apply::run;
use super::export::each;
use crate::LedgerError;
use crate::ledger::columns::effect_id;
use crate::ledger::dump::{DispositionRow, line};
use crate::ledger::message::first_day;
use crate::ledger::reader::disposition_of;

/// The most rows of a table that one commit forgets, so that none takes long: more than one brings.
const TRIMMED_AT_ONCE: i64 = 2_000;

/// Forgets what is too old, the oldest first.
pub(super) fn trim(conn: &Connection, kept_ms: i64) -> Result<(), LedgerError> {
    let sql = "DELETE FROM disposition WHERE rowid IN
        (SELECT rowid FROM disposition WHERE time < (SELECT max(time) FROM disposition) - ?1
         ORDER BY time LIMIT ?2)";
    run(conn, "disposition", sql, (kept_ms, TRIMMED_AT_ONCE))?;
    if let Some(first) = first_day_kept(conn, kept_ms)? {
        let sql = "DELETE FROM day_sheet WHERE (device, day) IN
            (SELECT device, day FROM day_sheet WHERE day < ?1 ORDER BY day LIMIT ?2)";
        run(conn, "day_sheet", sql, (first, TRIMMED_AT_ONCE))?;
    }
    Ok(())
}

/// Writes the dispositions that are kept. Rows that only wait to be forgotten are left out, since when that happens
/// may differ.
pub(super) fn dump_dispositions(conn: &Connection, kept_ms: i64, output: &mut dyn Write) -> Result<(), LedgerError> {
    let sql = format!(
        "SELECT time, seq, ordinal, message_seq, device, kind, detail, payload, source, redecoded
         FROM disposition WHERE time >= (SELECT max(time) FROM disposition) - {kept_ms}
         ORDER BY seq, ordinal"
    );
    each(conn, "disposition", &sql, |row| {
        let id = effect_id(row, 1).map_err(|error| LedgerError::sqlite("dump disposition", &error))?;
        let found = disposition_of(row)?;
        line(output, "disposition", &id.to_string(), &DispositionRow::from(&found))
    })
}

/// Writes the counts of the days that are kept.
pub(super) fn dump_day_sheets(conn: &Connection, kept_ms: i64, output: &mut dyn Write) -> Result<(), LedgerError> {
    let first = first_day_kept(conn, kept_ms)?.unwrap_or_default();
    each(conn, "day_sheet", "SELECT device, day, counts FROM day_sheet ORDER BY device, day", |row| {
        let failed = |error: rusqlite::Error| LedgerError::sqlite("dump day_sheet", &error);
        let text = |index: usize| row.get::<_, String>(index).map_err(failed);
        let (device, day) = (text(0)?, text(1)?);
        if day < first { Ok(()) } else { line(output, "day_sheet", &format!("{device} {day}"), &text(2)?) }
    })
}

fn first_day_kept(conn: &Connection, kept_ms: i64) -> Result<Option<String>, LedgerError> {
    let newest: Option<String> = conn
        .prepare_cached("SELECT max(day) FROM day_sheet")
        .and_then(|mut statement| statement.query_row((), |row| row.get(0)))
        .map_err(|error| LedgerError::sqlite("read day_sheet", &error))?;
    Ok(newest.and_then(|newest| first_day(&newest, kept_ms)))
}
