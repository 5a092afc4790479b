//! Reads what recovery needs. The reader uses the same functions for what it lists whole.

use std::sync::Arc;

use gengfu_cases::Reducer;
use gengfu_model::pack::ShadowRow;
use gengfu_model::places::PlacesRow;
use gengfu_model::staff::User;
use gengfu_model::{CommandRow, DeviceId, EffectId, Incident, MqttSession, Seq, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row};
use serde::de::DeserializeOwned;

use crate::LedgerError;
use crate::ledger::columns::{effect_id, from_json, seq_column, seq_value};
use crate::ledger::{ActivatedPack, LedgerState, ParameterSetting, commands_since};

/// The reducer's state as of one commit.
pub(crate) fn state(conn: &Connection) -> Result<LedgerState, LedgerError> {
    let transaction = conn.unchecked_transaction().map_err(|error| LedgerError::sqlite("load", &error))?;
    let (position, time) = position(&transaction)?;
    let reducer = reducer(&transaction)?;
    let incidents = incidents(&transaction, &reducer)?;
    let sql = "SELECT seq, ordinal, body FROM case_file WHERE final = 0 ORDER BY seq, ordinal";
    let cases = bodies(&transaction, "case_file", sql)?;
    Ok(LedgerState {
        position,
        time,
        incidents,
        cases,
        reducer,
        commands: commands(&transaction, time)?,
        users: users(&transaction)?,
        profile: profile(&transaction)?,
        sessions: sessions(&transaction)?,
        packs: packs(&transaction)?,
        parameters: parameters(&transaction)?,
    })
}

/// The position and its time.
pub(crate) fn position(conn: &Connection) -> Result<(Seq, Timestamp), LedgerError> {
    let value = |name: &str| {
        conn.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get::<_, i64>(0))
            .map_err(|error| LedgerError::sqlite("read the position", &error))
    };
    Ok((seq_value(value("position")?), Timestamp(value("time")?)))
}

/// Every account, by name.
pub(crate) fn users(conn: &Connection) -> Result<Vec<User>, LedgerError> {
    let rows = rows(conn, "user_account", "SELECT name, body FROM user_account ORDER BY name", pair)?;
    rows.into_iter().map(|(name, body)| from_json("user_account", name, &body)).collect()
}

/// Every MQTT session that is kept, by device.
pub(crate) fn sessions(conn: &Connection) -> Result<Vec<(DeviceId, MqttSession)>, LedgerError> {
    let rows = rows(conn, "mqtt_session", "SELECT device, body FROM mqtt_session ORDER BY device", pair)?;
    let read = |(device, body): (String, String)| {
        let session = from_json("mqtt_session", &device, &body)?;
        let corrupt = |error: gengfu_model::IdError| LedgerError::Corrupt {
            row: format!("mqtt_session {device}"),
            message: error.to_string(),
        };
        let device = DeviceId::new(&device).map_err(corrupt)?;
        Ok((device, session))
    };
    rows.into_iter().map(read).collect()
}

/// The live profile.
pub(crate) fn profile(conn: &Connection) -> Result<Option<String>, LedgerError> {
    conn.query_row("SELECT text FROM profile WHERE id = 1", [], |row| row.get(0))
        .optional()
        .map_err(|error| LedgerError::sqlite("read the profile", &error))
}

/// The places in force, with the effect that put them.
pub(crate) fn places(conn: &Connection) -> Result<Option<(EffectId, PlacesRow)>, LedgerError> {
    let sql = "SELECT seq, ordinal, body FROM places ORDER BY seq DESC, ordinal DESC LIMIT 1";
    let row = conn.query_row(sql, [], |row| Ok((effect_id(row, 0)?, row.get::<_, String>(2)?)));
    let row = row.optional().map_err(|error| LedgerError::sqlite("read the places", &error))?;
    row.map(|(id, body)| Ok((id, from_json("places", id, &body)?))).transpose()
}

/// Every activated pack, oldest first.
pub(crate) fn packs(conn: &Connection) -> Result<Vec<ActivatedPack>, LedgerError> {
    let sql = "SELECT seq, ordinal, version, activated_by, time, note, files FROM pack ORDER BY seq, ordinal";
    let rows = rows(conn, "pack", sql, |row| {
        let (note, files): (String, String) = (row.get(5)?, row.get(6)?);
        Ok((effect_id(row, 0)?, text(row, 2)?, text(row, 3)?, Timestamp(row.get(4)?), note, files))
    })?;
    let parse = |(id, version, by, time, note, files): (EffectId, Arc<str>, Arc<str>, Timestamp, String, String)| {
        let (note, files) = (from_json("pack", id, &note)?, Arc::new(from_json("pack", id, &files)?));
        Ok(ActivatedPack { id, version, files, by, time, note })
    };
    rows.into_iter().map(parse).collect()
}

/// The draft in the shadow.
pub(crate) fn shadow(conn: &Connection) -> Result<Option<ShadowRow>, LedgerError> {
    let body: Option<String> = conn
        .query_row("SELECT body FROM shadow WHERE id = 1", [], |row| row.get(0))
        .optional()
        .map_err(|error| LedgerError::sqlite("read the shadow", &error))?;
    body.map(|body| from_json("shadow", 1, &body)).transpose()
}

/// Every setting of a parameter, sorted.
pub(crate) fn parameters(conn: &Connection) -> Result<Vec<ParameterSetting>, LedgerError> {
    let sql = "SELECT rule, name, scope, value FROM parameter ORDER BY rule, name, scope";
    let rows = rows(conn, "parameter", sql, |row| {
        Ok((text(row, 0)?, text(row, 1)?, text(row, 2)?, row.get::<_, String>(3)?))
    })?;
    let parse = |(rule, name, scope, value): (Arc<str>, Arc<str>, Arc<str>, String)| {
        let value = from_json("parameter", format_args!("{rule} {name} {scope}"), &value)?;
        Ok((rule, name, scope, value))
    };
    rows.into_iter().map(parse).collect()
}

/// The reducer's pieces, by key.
pub(super) fn reducer(conn: &Connection) -> Result<Vec<(String, String)>, LedgerError> {
    rows(conn, "reducer_state", "SELECT key, value FROM reducer_state ORDER BY key", pair)
}

/// Open incidents, and cleared ones that may open again: sorted by id, each once.
fn incidents(conn: &Connection, reducer: &[(String, String)]) -> Result<Vec<Incident>, LedgerError> {
    let sql = "SELECT seq, ordinal, body FROM incident WHERE state = 'open' ORDER BY seq, ordinal";
    let mut incidents: Vec<Incident> = bodies(conn, "incident", sql)?;
    let failed = |error: rusqlite::Error| LedgerError::sqlite("read incident", &error);
    let mut cleared = conn
        .prepare_cached("SELECT body FROM incident WHERE seq = ?1 AND ordinal = ?2 AND state <> 'open'")
        .map_err(failed)?;
    for id in Reducer::incidents_in_cooldown(reducer) {
        let body: Option<String> =
            cleared.query_row((seq_column(id.seq), id.ordinal), |row| row.get(0)).optional().map_err(failed)?;
        if let Some(body) = body {
            incidents.push(from_json("incident", id, &body)?);
        }
    }
    incidents.sort_by_key(|incident| incident.id);
    incidents.dedup_by_key(|incident| incident.id);
    Ok(incidents)
}

/// Open commands and those of the minute before `time`: sorted by id, each once.
fn commands(conn: &Connection, time: Timestamp) -> Result<Vec<CommandRow>, LedgerError> {
    let open = "SELECT seq, ordinal, body FROM command WHERE state = 'queued' ORDER BY seq, ordinal";
    let mut commands: Vec<CommandRow> = bodies(conn, "command", open)?;
    let closed = "SELECT seq, ordinal, body FROM command WHERE created > ?1 AND state <> 'queued'";
    let since = commands_since(time);
    let recent = || {
        let mut statement = conn.prepare_cached(closed)?;
        let rows = statement.query_map([since.0], |row| Ok((effect_id(row, 0)?, row.get::<_, String>(2)?)))?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    };
    for (id, body) in recent().map_err(|error| LedgerError::sqlite("read command", &error))? {
        commands.push(from_json("command", id, &body)?);
    }
    commands.sort_by_key(|row| row.id);
    Ok(commands)
}

/// Rows of (seq, ordinal, body).
fn bodies<T: DeserializeOwned>(conn: &Connection, table: &str, sql: &str) -> Result<Vec<T>, LedgerError> {
    let rows = rows(conn, table, sql, |row| Ok((effect_id(row, 0)?, row.get::<_, String>(2)?)))?;
    rows.into_iter().map(|(id, body)| from_json(table, id, &body)).collect()
}

fn rows<T>(
    conn: &Connection,
    table: &str,
    sql: &str,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, LedgerError> {
    let all = || conn.prepare_cached(sql)?.query_map([], read)?.collect::<rusqlite::Result<Vec<T>>>();
    all().map_err(|error| LedgerError::sqlite(&format!("read {table}"), &error))
}

fn pair(row: &Row<'_>) -> rusqlite::Result<(String, String)> {
    Ok((row.get(0)?, row.get(1)?))
}

fn text(row: &Row<'_>, index: usize) -> rusqlite::Result<Arc<str>> {
    row.get(index)
}
