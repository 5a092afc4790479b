//! One effect into its table. Everything is keyed by the effect's or the entity's id, so a repeat
//! writes the same row again.

use gengfu_model::staff::User;
use gengfu_model::{
    Case, CaseEvent, CommandRow, Device, Disposition, Effect, EffectId, Evidence, Finding, Incident, IncidentState,
    OutboxItem, Redecoded, Seq, SessionChange, Silence, Timestamp,
};
use rusqlite::{Connection, OptionalExtension, Params};

use crate::LedgerError;
use crate::ledger::columns::{self, seq_column, to_json};
use crate::ledger::live;
use crate::ledger::sqlite::decisions;

/// Applies an effect within the transaction on `conn`, and says how many rows it added to the live
/// stream. `time` is the commit's journal time.
pub(super) fn apply(conn: &Connection, id: EffectId, effect: &Effect, time: Timestamp) -> Result<u64, LedgerError> {
    match effect {
        Effect::Incident(incident) => return put_incident(conn, id, incident),
        Effect::Case(case) => return put_case(conn, id, case),
        Effect::Explanation { incident, change, evidence } => explanation(conn, id, *incident, change, evidence)?,
        Effect::CaseEvent(event) => case_event(conn, id, event)?,
        Effect::Silence(silence) => put_silence(conn, silence)?,
        Effect::Decision(decision) => decisions::put(conn, id, decision)?,
        Effect::Outbox(item) => {
            outbox(conn, item)?;
            if live::is_notification(&item.topic) {
                return stream(conn, id, live::NOTIFICATION, &item.body);
            }
        }
        Effect::OutboxWithdrawn { case, into } => withdraw(conn, id, *case, *into)?,
        Effect::ReducerState { key, value } => reducer_state(conn, key, value.as_deref())?,
        Effect::Device(device) => put_device(conn, device)?,
        Effect::Command(row) => put_command(conn, row)?,
        Effect::Session(change) => put_session(conn, change)?,
        Effect::User(user) => put_user(conn, user)?,
        Effect::Pack { version, files, by, time, note } => {
            let (files, note) = (to_json("pack", files)?, to_json("pack", note)?);
            run(
                conn,
                "pack",
                "INSERT INTO pack (seq, ordinal, version, activated_by, time, note, files)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (seq, ordinal) DO NOTHING",
                (seq_column(id.seq), id.ordinal, version, by, time.0, note, files),
            )?;
        }
        Effect::Finding(finding) => {
            let (body, device) = (to_json("finding", finding)?, finding.device.as_str());
            let Finding { rule, key, district, opened, .. } = &**finding;
            run(
                conn,
                "finding",
                "INSERT INTO finding (seq, ordinal, device, rule, key, district, opened, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
                (seq_column(id.seq), id.ordinal, device, rule, key, district, opened.0, body),
            )?;
        }
        Effect::Shadow(row) => {
            run(conn, "shadow", "DELETE FROM shadow", ())?;
            if let Some(row) = row {
                run(conn, "shadow", "INSERT INTO shadow (id, body) VALUES (1, ?1)", [to_json("shadow", row)?])?;
            }
        }
        Effect::Profile { text } => {
            let sql =
                "INSERT INTO profile (id, text) VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET text = excluded.text";
            run(conn, "profile", sql, [text])?;
        }
        Effect::Places(row) => {
            let values = (seq_column(id.seq), id.ordinal, to_json("places", row)?);
            let sql = "INSERT INTO places (seq, ordinal, body) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
            run(conn, "places", sql, values)?;
            // Old ones are for looking back, and a file may have megabytes.
            let sql = "DELETE FROM places WHERE (seq, ordinal) NOT IN
                 (SELECT seq, ordinal FROM places ORDER BY seq DESC, ordinal DESC LIMIT ?1)";
            run(conn, "places", sql, [crate::ledger::MAX_PLACES_KEPT])?;
        }
        Effect::Parameter { rule, name, scope, value: Some(value) } => {
            let value = to_json("parameter", value)?;
            run(
                conn,
                "parameter",
                "INSERT INTO parameter (rule, name, scope, value) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (rule, name, scope) DO UPDATE SET value = excluded.value",
                (rule, name, scope, value),
            )?;
        }
        Effect::Parameter { rule, name, scope, value: None } => {
            let sql = "DELETE FROM parameter WHERE rule = ?1 AND name = ?2 AND scope = ?3";
            run(conn, "parameter", sql, (rule, name, scope))?;
        }
        Effect::Audit { user, action, subject, verdict } => {
            run(
                conn,
                "audit",
                "INSERT INTO audit (seq, ordinal, committed, user, action, subject, verdict)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (seq, ordinal) DO NOTHING",
                (seq_column(id.seq), id.ordinal, time.0, user, action, subject, verdict),
            )?;
        }
        Effect::Disposition(row) => disposition(conn, id, row)?,
        Effect::Redecoded { message, outcome } => redecoded(conn, *message, outcome)?,
        Effect::DaySheet { device, day, counts } => {
            run(
                conn,
                "day_sheet",
                "INSERT INTO day_sheet (device, day, counts) VALUES (?1, ?2, ?3)
                 ON CONFLICT (device, day) DO UPDATE SET counts = excluded.counts",
                (device.as_str(), day, counts),
            )?;
        }
    }
    Ok(0)
}

/// Moves the position and its time.
pub(super) fn set_position(conn: &Connection, position: i64, time: Timestamp) -> rusqlite::Result<()> {
    let mut statement = conn.prepare_cached("UPDATE meta SET value = ?2 WHERE name = ?1")?;
    statement.execute(("position", position))?;
    statement.execute(("time", time.0))?;
    Ok(())
}

fn put_incident(conn: &Connection, effect: EffectId, incident: &Incident) -> Result<u64, LedgerError> {
    let key = (seq_column(incident.id.seq), incident.id.ordinal);
    let before: Option<String> = conn
        .prepare_cached("SELECT state FROM incident WHERE seq = ?1 AND ordinal = ?2")
        .and_then(|mut statement| statement.query_row(key, |row| row.get(0)).optional())
        .map_err(|error| LedgerError::sqlite("incident", &error))?;
    let open = columns::incident_state(IncidentState::Open);
    let before = before.map(|word| if word == open { IncidentState::Open } else { IncidentState::Cleared });
    let body = to_json("incident", incident)?;
    run(
        conn,
        "incident",
        "INSERT INTO incident
         (seq, ordinal, state, kind, rule, device, key, district, condition, severity, opened,
          parent_seq, parent_ordinal, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
         ON CONFLICT (seq, ordinal) DO UPDATE SET
         state = excluded.state, kind = excluded.kind, rule = excluded.rule, device = excluded.device,
         key = excluded.key, district = excluded.district, condition = excluded.condition,
         severity = excluded.severity, opened = excluded.opened, parent_seq = excluded.parent_seq,
         parent_ordinal = excluded.parent_ordinal, body = excluded.body",
        (
            key.0,
            key.1,
            columns::incident_state(incident.state),
            incident.kind.name(),
            &incident.rule,
            incident.device.as_str(),
            &incident.key,
            &incident.district,
            &incident.condition,
            incident.severity.name(),
            incident.opened.0,
            incident.parent.map(|id| seq_column(id.seq)),
            incident.parent.map(|id| id.ordinal),
            &body,
        ),
    )?;
    stream(conn, effect, live::incident_event(before, incident.state), &body)
}

fn put_case(conn: &Connection, effect: EffectId, case: &Case) -> Result<u64, LedgerError> {
    let key = (seq_column(case.id.seq), case.id.ordinal);
    let known = conn
        .prepare_cached("SELECT 1 FROM case_file WHERE seq = ?1 AND ordinal = ?2")
        .and_then(|mut statement| statement.exists(key))
        .map_err(|error| LedgerError::sqlite("case_file", &error))?;
    let body = to_json("case_file", case)?;
    run(
        conn,
        "case_file",
        "INSERT INTO case_file
         (seq, ordinal, state, final, overdue, district, class, asset, assignee, opened, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (seq, ordinal) DO UPDATE SET
         state = excluded.state, final = excluded.final, overdue = excluded.overdue,
         district = excluded.district, class = excluded.class, asset = excluded.asset,
         assignee = excluded.assignee, opened = excluded.opened, body = excluded.body",
        (
            key.0,
            key.1,
            columns::case_state(case.state),
            case.state.is_final(),
            case.overdue,
            &case.district,
            &case.class,
            &case.asset,
            &case.assignee,
            case.opened.0,
            &body,
        ),
    )?;
    stream(conn, effect, live::case_event(known), &body)
}

/// The first derivation stands: when an effect is repeated, the row before is not what it was.
fn stream(conn: &Connection, id: EffectId, name: &str, body: &str) -> Result<u64, LedgerError> {
    let added = run(
        conn,
        "stream_event",
        "INSERT INTO stream_event (seq, ordinal, name, body) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (seq, ordinal) DO NOTHING",
        (seq_column(id.seq), id.ordinal, name, body),
    )?;
    Ok(added as u64)
}

fn explanation(
    conn: &Connection,
    id: EffectId,
    incident: EffectId,
    change: &str,
    evidence: &Evidence,
) -> Result<(), LedgerError> {
    let body = to_json("explanation", evidence)?;
    run(
        conn,
        "explanation",
        "INSERT INTO explanation (seq, ordinal, incident_seq, incident_ordinal, change, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (seq, ordinal) DO NOTHING",
        (seq_column(id.seq), id.ordinal, seq_column(incident.seq), incident.ordinal, change, body),
    )?;
    Ok(())
}

fn case_event(conn: &Connection, id: EffectId, event: &CaseEvent) -> Result<(), LedgerError> {
    let body = to_json("case_event", event)?;
    run(
        conn,
        "case_event",
        "INSERT INTO case_event (seq, ordinal, case_seq, case_ordinal, body)
         VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (seq, ordinal) DO NOTHING",
        (seq_column(id.seq), id.ordinal, seq_column(event.case.seq), event.case.ordinal, body),
    )?;
    Ok(())
}

fn put_silence(conn: &Connection, silence: &Silence) -> Result<(), LedgerError> {
    let body = to_json("silence", silence)?;
    run(
        conn,
        "silence",
        "INSERT INTO silence (seq, ordinal, state, work_order, body) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (seq, ordinal) DO UPDATE SET state = excluded.state, body = excluded.body",
        (seq_column(silence.id.seq), silence.id.ordinal, silence.state.word(), &silence.asked.work_order, body),
    )?;
    Ok(())
}

fn outbox(conn: &Connection, item: &OutboxItem) -> Result<(), LedgerError> {
    run(
        conn,
        "outbox",
        "INSERT INTO outbox
         (seq, ordinal, topic, time, body, case_seq, case_ordinal, withdrawn_seq, withdrawn_ordinal)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (seq, ordinal) DO NOTHING",
        (
            seq_column(item.id.seq),
            item.id.ordinal,
            &item.topic,
            item.time.0,
            &item.body,
            item.case.map(|id| seq_column(id.seq)),
            item.case.map(|id| id.ordinal),
            item.withdrawn.map(|id| seq_column(id.seq)),
            item.withdrawn.map(|id| id.ordinal),
        ),
    )?;
    Ok(())
}

/// The first withdrawal stands, so a repeat changes nothing.
fn withdraw(conn: &Connection, effect: EffectId, case: EffectId, into: EffectId) -> Result<(), LedgerError> {
    run(
        conn,
        "outbox",
        "UPDATE outbox SET withdrawn_seq = ?5, withdrawn_ordinal = ?6
         WHERE case_seq = ?1 AND case_ordinal = ?2 AND (seq, ordinal) < (?3, ?4) AND withdrawn_seq IS NULL",
        (
            seq_column(case.seq),
            case.ordinal,
            seq_column(effect.seq),
            effect.ordinal,
            seq_column(into.seq),
            into.ordinal,
        ),
    )?;
    Ok(())
}

fn reducer_state(conn: &Connection, key: &str, value: Option<&str>) -> Result<(), LedgerError> {
    match value {
        Some(value) => run(
            conn,
            "reducer_state",
            "INSERT INTO reducer_state (key, value) VALUES (?1, ?2)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (key, value),
        )?,
        None => run(conn, "reducer_state", "DELETE FROM reducer_state WHERE key = ?1", [key])?,
    };
    Ok(())
}

fn put_device(conn: &Connection, device: &Device) -> Result<(), LedgerError> {
    let body = to_json("device", device)?;
    run(
        conn,
        "device",
        "INSERT INTO device (id, kind, district, life, name, asset_code, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (id) DO UPDATE SET
         kind = excluded.kind, district = excluded.district, life = excluded.life,
         name = excluded.name, asset_code = excluded.asset_code, body = excluded.body",
        (
            device.id.as_str(),
            device.kind.name(),
            &device.district,
            columns::life(device.life),
            &device.name,
            &device.asset_code,
            body,
        ),
    )?;
    Ok(())
}

fn put_command(conn: &Connection, row: &CommandRow) -> Result<(), LedgerError> {
    let body = to_json("command", row)?;
    run(
        conn,
        "command",
        "INSERT INTO command (seq, ordinal, device, state, created, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (seq, ordinal) DO UPDATE SET state = excluded.state, body = excluded.body",
        (
            seq_column(row.id.seq),
            row.id.ordinal,
            row.device.as_str(),
            columns::command_state(row.state),
            row.created.0,
            body,
        ),
    )?;
    Ok(())
}

fn put_session(conn: &Connection, change: &SessionChange) -> Result<(), LedgerError> {
    let Some(session) = &change.session else {
        run(conn, "mqtt_session", "DELETE FROM mqtt_session WHERE device = ?1", [change.device.as_str()])?;
        return Ok(());
    };
    let body = to_json("mqtt_session", session)?;
    let sql = "INSERT INTO mqtt_session (device, body) VALUES (?1, ?2)
               ON CONFLICT (device) DO UPDATE SET body = excluded.body";
    run(conn, "mqtt_session", sql, (change.device.as_str(), body))?;
    Ok(())
}

fn put_user(conn: &Connection, user: &User) -> Result<(), LedgerError> {
    let body = to_json("user_account", user)?;
    run(
        conn,
        "user_account",
        "INSERT INTO user_account (name, body) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET body = excluded.body",
        (&user.name, body),
    )?;
    Ok(())
}

fn disposition(conn: &Connection, id: EffectId, row: &Disposition) -> Result<(), LedgerError> {
    run(
        conn,
        "disposition",
        "INSERT INTO disposition
         (seq, ordinal, message_seq, device, time, kind, detail, payload, source, redecoded, waits)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (seq, ordinal) DO NOTHING",
        (
            seq_column(id.seq),
            id.ordinal,
            seq_column(row.seq),
            row.device.as_str(),
            row.time.0,
            columns::disposition(row.kind),
            &row.detail,
            row.payload.as_deref(),
            row.source.as_ref().map(|source| to_json("disposition", source)).transpose()?,
            row.redecoded.as_ref().map(|outcome| to_json("disposition", outcome)).transpose()?,
            row.waits(),
        ),
    )?;
    Ok(())
}

/// The rows of a message are those of its record's effects.
fn redecoded(conn: &Connection, message: Seq, outcome: &Redecoded) -> Result<(), LedgerError> {
    let text = to_json("disposition", outcome)?;
    run(
        conn,
        "disposition",
        "UPDATE disposition SET redecoded = ?2, waits = ?3 WHERE seq = ?1 AND kind = 'quarantined'",
        (seq_column(message), text, !outcome.decoded),
    )?;
    Ok(())
}

pub(super) fn run(conn: &Connection, table: &str, sql: &str, values: impl Params) -> Result<usize, LedgerError> {
    conn.prepare_cached(sql)
        .and_then(|mut statement| statement.execute(values))
        .map_err(|error| LedgerError::sqlite(&format!("commit {table}"), &error))
}
