//! The decision log's table: one row in, the list's rows out, the oldest forgotten.

use std::io::Write;

use gengfu_model::{Decision, EffectId, Timestamp};
use rusqlite::{Connection, Row};

use super::apply::run;
use crate::LedgerError;
use crate::ledger::columns::{effect_id, optional_effect_id, seq_column};
use crate::ledger::decision::{DECISIONS_KEPT_MS, DecisionRow, SELECT};
use crate::ledger::dump::line;

/// The most rows that one commit forgets, so that none takes long.
const TRIMMED_AT_ONCE: i64 = 2_000;

/// Puts one decision in; a repeat changes nothing.
pub(super) fn put(conn: &Connection, id: EffectId, decision: &Decision) -> Result<(), LedgerError> {
    let refs: Vec<String> = decision.refs.iter().map(ToString::to_string).collect();
    run(
        conn,
        "decision",
        "INSERT INTO decision
         (seq, ordinal, time, incident_seq, incident_ordinal, case_seq, case_ordinal,
          rule, asset, device, district, what, who, why, note, refs)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
         ON CONFLICT (seq, ordinal) DO NOTHING",
        rusqlite::params![
            seq_column(id.seq),
            id.ordinal,
            decision.time.0,
            decision.incident.map(|id| seq_column(id.seq)),
            decision.incident.map(|id| id.ordinal),
            decision.case.map(|id| seq_column(id.seq)),
            decision.case.map(|id| id.ordinal),
            &decision.rule,
            &decision.asset,
            decision.device.as_ref().map(|device| device.as_str()),
            &decision.district,
            decision.what.word(),
            &decision.who,
            decision.why.word(),
            &decision.note,
            refs.join(" "),
        ],
    )?;
    Ok(())
}

/// Forgets what is too old, the oldest first.
pub(super) fn trim(conn: &Connection) -> Result<(), LedgerError> {
    let sql = "DELETE FROM decision WHERE (seq, ordinal) IN
        (SELECT seq, ordinal FROM decision WHERE time < (SELECT max(time) FROM decision) - ?1 ORDER BY time LIMIT ?2)";
    run(conn, "decision", sql, (DECISIONS_KEPT_MS, TRIMMED_AT_ONCE))?;
    Ok(())
}

/// Writes what is kept. Rows that only wait to be forgotten are left out, since when that happens may differ.
pub(super) fn dump(conn: &Connection, output: &mut dyn Write) -> Result<(), LedgerError> {
    let failed = |error: rusqlite::Error| LedgerError::sqlite("dump decision", &error);
    let sql = format!("{SELECT} WHERE time >= (SELECT max(time) FROM decision) - ?1 ORDER BY seq, ordinal");
    let mut statement = conn.prepare_cached(&sql).map_err(failed)?;
    let mut rows = statement.query([DECISIONS_KEPT_MS]).map_err(failed)?;
    while let Some(found) = rows.next().map_err(failed)? {
        let found = row(found)?;
        line(output, "decision", &found.id.to_string(), &found)?;
    }
    Ok(())
}

/// A row of the columns of [`SELECT`].
pub(crate) fn row(row: &Row<'_>) -> Result<DecisionRow, LedgerError> {
    let failed = |error: rusqlite::Error| LedgerError::sqlite("read decisions", &error);
    let read = || {
        let refs: String = row.get(15)?;
        Ok(DecisionRow {
            id: effect_id(row, 1)?,
            time: Timestamp(row.get(0)?),
            incident: optional_effect_id(row, 3)?,
            case: optional_effect_id(row, 5)?,
            rule: row.get(7)?,
            asset: row.get(8)?,
            device: row.get(9)?,
            district: row.get(10)?,
            what: row.get(11)?,
            who: row.get(12)?,
            why: row.get(13)?,
            note: row.get(14)?,
            refs: refs.split_whitespace().filter_map(|id| id.parse().ok()).collect(),
        })
    };
    read().map_err(failed)
}
