//! The ledger's canonical dump, row by row without holding a table in memory.

use std::io::Write;
use std::sync::Arc;

use gengfu_model::places::PlacesRow;
use gengfu_model::staff::User;
use gengfu_model::{Case, CaseEvent, CommandRow, Device, Evidence, Finding, Incident, MqttSession, Silence, Value};
use rusqlite::{Connection, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{decisions, load, messages};
use crate::LedgerError;
use crate::ledger::columns::{effect_id, from_json};
use crate::ledger::dump::{self, line};
use crate::ledger::reader::{OUTBOX, outbox_item};

/// Writes every table, in the order of the names used in the dump.
pub(super) fn dump(conn: &Connection, messages_kept_ms: i64, output: &mut dyn Write) -> Result<(), LedgerError> {
    let transaction = conn.unchecked_transaction().map_err(|error| LedgerError::sqlite("dump", &error))?;
    let conn = &*transaction;
    audit(conn, output)?;
    bodies::<Case>(conn, output, "case", "case_file")?;
    bodies::<CaseEvent>(conn, output, "case_event", "case_event")?;
    bodies::<CommandRow>(conn, output, "command", "command")?;
    messages::dump_day_sheets(conn, messages_kept_ms, output)?;
    decisions::dump(conn, output)?;
    named::<Device>(conn, output, "device", "SELECT id, body FROM device ORDER BY id")?;
    messages::dump_dispositions(conn, messages_kept_ms, output)?;
    explanations(conn, output)?;
    bodies::<Finding>(conn, output, "finding", "finding")?;
    bodies::<Incident>(conn, output, "incident", "incident")?;
    named::<MqttSession>(conn, output, "mqtt_session", "SELECT device, body FROM mqtt_session ORDER BY device")?;
    outbox(conn, output)?;
    for pack in load::packs(conn)? {
        line(output, "pack", &pack.id.to_string(), &dump::Pack::of(&pack))?;
    }
    for (rule, name, scope, value) in load::parameters(conn)? {
        parameter(output, &rule, &name, &scope, &value)?;
    }
    bodies::<PlacesRow>(conn, output, "places", "places")?;
    if let Some(text) = load::profile(conn)? {
        line(output, "profile", "1", &text)?;
    }
    if let Some(row) = load::shadow(conn)? {
        line(output, "shadow", "1", &row)?;
    }
    for (key, value) in load::reducer(conn)? {
        line(output, "reducer_state", &key, &value)?;
    }
    bodies::<Silence>(conn, output, "silence", "silence")?;
    named::<User>(conn, output, "user", "SELECT name, body FROM user_account ORDER BY name")
}

fn parameter(
    output: &mut dyn Write,
    rule: &Arc<str>,
    name: &Arc<str>,
    scope: &Arc<str>,
    value: &Value,
) -> Result<(), LedgerError> {
    line(output, "parameter", &format!("{rule} {name} {scope}"), &dump::Parameter { rule, name, scope, value })
}

fn audit(conn: &Connection, output: &mut dyn Write) -> Result<(), LedgerError> {
    let sql = "SELECT seq, ordinal, user, action, subject, verdict FROM audit ORDER BY seq, ordinal";
    each(conn, "audit", sql, |row| {
        let failed = |error: rusqlite::Error| LedgerError::sqlite("dump audit", &error);
        let text = |index: usize| row.get::<_, String>(index).map_err(failed);
        let (user, action, subject, verdict) = (text(2)?, text(3)?, text(4)?, text(5)?);
        let audit = dump::Audit { user: &user, action: &action, subject: &subject, verdict: &verdict };
        line(output, "audit", &effect_id(row, 0).map_err(failed)?.to_string(), &audit)
    })
}

fn explanations(conn: &Connection, output: &mut dyn Write) -> Result<(), LedgerError> {
    let sql = "SELECT seq, ordinal, incident_seq, incident_ordinal, change, body FROM explanation
               ORDER BY seq, ordinal";
    each(conn, "explanation", sql, |row| {
        let failed = |error: rusqlite::Error| LedgerError::sqlite("dump explanation", &error);
        let id = effect_id(row, 0).map_err(failed)?;
        let change: String = row.get(4).map_err(failed)?;
        let body: String = row.get(5).map_err(failed)?;
        let evidence: Evidence = from_json("explanation", id, &body)?;
        let incident = effect_id(row, 2).map_err(failed)?;
        let explanation = dump::Explanation { incident, change: &change, evidence: &evidence };
        line(output, "explanation", &id.to_string(), &explanation)
    })
}

fn outbox(conn: &Connection, output: &mut dyn Write) -> Result<(), LedgerError> {
    each(conn, "outbox", &format!("{OUTBOX} ORDER BY seq, ordinal"), |row| {
        let item = outbox_item(row).map_err(|error| LedgerError::sqlite("dump outbox", &error))?;
        line(output, "outbox", &item.id.to_string(), &item)
    })
}

/// A table of (seq, ordinal, body). The body goes through its type: a row written by an older
/// program comes out as this one would write it.
fn bodies<T: DeserializeOwned + Serialize>(
    conn: &Connection,
    output: &mut dyn Write,
    name: &str,
    table: &str,
) -> Result<(), LedgerError> {
    let sql = format!("SELECT seq, ordinal, body FROM {table} ORDER BY seq, ordinal");
    each(conn, table, &sql, |row| {
        let failed = |error: rusqlite::Error| LedgerError::sqlite(&format!("dump {table}"), &error);
        let id = effect_id(row, 0).map_err(failed)?;
        let body: String = row.get(2).map_err(failed)?;
        line(output, name, &id.to_string(), &from_json::<T>(table, id, &body)?)
    })
}

/// A table of (name, body).
fn named<T: DeserializeOwned + Serialize>(
    conn: &Connection,
    output: &mut dyn Write,
    name: &str,
    sql: &str,
) -> Result<(), LedgerError> {
    each(conn, name, sql, |row| {
        let failed = |error: rusqlite::Error| LedgerError::sqlite(&format!("dump {name}"), &error);
        let key: String = row.get(0).map_err(failed)?;
        let body: String = row.get(1).map_err(failed)?;
        line(output, name, &key, &from_json::<T>(name, &key, &body)?)
    })
}

pub(super) fn each(
    conn: &Connection,
    table: &str,
    sql: &str,
    mut write: impl FnMut(&Row<'_>) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    let failed = |error: rusqlite::Error| LedgerError::sqlite(&format!("dump {table}"), &error);
    let mut statement = conn.prepare_cached(sql).map_err(failed)?;
    let mut rows = statement.query([]).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        write(row)?;
    }
    Ok(())
}
