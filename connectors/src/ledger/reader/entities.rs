//! Incidents, cases, devices, dispositions, accounts, packs, parameters and the audit.

use std::sync::Arc;

use gengfu_model::pack::ShadowRow;
use gengfu_model::places::PlacesRow;
use gengfu_model::staff::User;
use gengfu_model::{
    Attachment, Case, CaseEvent, CommandRow, Device, DeviceId, Disposition, EffectId, Evidence, Finding, Incident,
    Kind, MqttSession, Silence, Timestamp,
};
use rusqlite::{OptionalExtension, Row};
use serde::de::DeserializeOwned;

use super::{
    AuditRow, CaseFilter, DeviceFilter, DispositionFilter, FindingFilter, IncidentFilter, LedgerReader, Listed, Page,
    SilenceFilter,
};
use crate::LedgerError;
use crate::ledger::columns::{self, effect_id, from_json, seq_column};
use crate::ledger::reader::page::{ListQuery, Order};
use crate::ledger::{ActivatedPack, DecisionFilter, DecisionRow, ParameterSetting, sqlite};

/// The most explanations of one incident that are given: the newest.
const MAX_EXPLANATIONS: i64 = 1_000;
/// The most lines of one case's history that are given: the newest.
const MAX_CASE_EVENTS: i64 = 10_000;

impl LedgerReader {
    /// Incidents, the newest opening first.
    ///
    /// # Errors
    /// [`LedgerError::Cursor`] for a foreign cursor, else when it cannot be read.
    pub fn incidents(&self, filter: &IncidentFilter, page: &Page) -> Result<Listed<Incident>, LedgerError> {
        self.on(|conn| filter.query().run(conn, "read incidents", page, |row| entity("incident", row)))
    }

    /// The incident of that id.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    pub fn incident(&self, id: EffectId) -> Result<Option<Incident>, LedgerError> {
        self.by_id("incident", "SELECT body FROM incident WHERE seq = ?1 AND ordinal = ?2", id)
    }

    /// What decided an incident's changes, oldest first: the effect's id, the change
    /// (`opened`, `updated`, `reopened`, `cleared`), the evidence. At most the newest 1,000.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    pub fn explanations(&self, incident: EffectId) -> Result<Vec<(EffectId, String, Evidence)>, LedgerError> {
        let rows = self.with("explanations", |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT seq, ordinal, change, body FROM explanation
                 WHERE incident_seq = ?1 AND incident_ordinal = ?2 ORDER BY seq DESC, ordinal DESC LIMIT ?3",
            )?;
            let rows = statement.query_map((seq_column(incident.seq), incident.ordinal, MAX_EXPLANATIONS), |row| {
                Ok((effect_id(row, 0)?, row.get::<_, String>(2)?, row.get::<_, String>(3)?))
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        let parse =
            |(id, change, body): (EffectId, String, String)| Ok((id, change, from_json("explanation", id, &body)?));
        rows.into_iter().rev().map(parse).collect()
    }

    /// Silences, the newest first.
    ///
    /// # Errors
    /// [`LedgerError::Cursor`] for a foreign cursor, else when it cannot be read.
    pub fn silences(&self, filter: &SilenceFilter, page: &Page) -> Result<Listed<Silence>, LedgerError> {
        self.on(|conn| {
            filter.query().run(conn, "read silences", page, |row| {
                let failed = |error: rusqlite::Error| LedgerError::sqlite("read silences", &error);
                let id = effect_id(row, 0).map_err(failed)?;
                from_json("silence", id, row.get_ref(2).and_then(text).map_err(failed)?)
            })
        })
    }

    /// The silence of that id.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    pub fn silence(&self, id: EffectId) -> Result<Option<Silence>, LedgerError> {
        self.by_id("silence", "SELECT body FROM silence WHERE seq = ?1 AND ordinal = ?2", id)
    }

    /// The decision log, the newest first.
    ///
    /// # Errors
    /// [`LedgerError::Cursor`] for a foreign cursor, else when it cannot be read.
    pub fn decisions(&self, filter: &DecisionFilter, page: &Page) -> Result<Listed<DecisionRow>, LedgerError> {
        self.on(|conn| filter.query().run(conn, "read decisions", page, sqlite::decisions::row))
    }

    /// What late readings would have raised, the newest opening first.
    ///
    /// # Errors
    /// [`LedgerError::Cursor`] for a foreign cursor, else when it cannot be read.
    pub fn findings(&self, filter: &FindingFilter, page: &Page) -> Result<Listed<Finding>, LedgerError> {
        self.on(|conn| filter.query().run(conn, "read findings", page, |row| entity("finding", row)))
    }

    /// Cases, the newest opening first.
    ///
    /// # Errors
    /// [`LedgerError::Cursor`] for a foreign cursor, else when it cannot be read.
    pub fn cases(&self, filter: &CaseFilter, page: &Page) -> Result<Listed<Case>, LedgerError> {
        self.on(|conn| filter.query().run(conn, "read cases", page, |row| entity("case_file", row)))
    }

    /// The case of that id.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    pub fn case(&self, id: EffectId) -> Result<Option<Case>, LedgerError> {
        self.by_id("case_file", "SELECT body FROM case_file WHERE seq = ?1 AND ordinal = ?2", id)
    }

    /// A case's history, oldest first. At most the newest 10,000 lines.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    pub fn case_events(&self, case: EffectId) -> Result<Vec<CaseEvent>, LedgerError> {
        let rows = self.with("case events", |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT body FROM case_event WHERE case_seq = ?1 AND case_ordinal = ?2
                 ORDER BY seq DESC, ordinal DESC LIMIT ?3",
            )?;
            let rows = statement
                .query_map((seq_column(case.seq), case.ordinal, MAX_CASE_EVENTS), |row| row.get::<_, String>(0))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        rows.into_iter().rev().map(|body| from_json("case_event of case", case, &body)).collect()
    }

    /// Gives every attachment that cases have, with its case: the whole history is gone through.
    ///
    /// # Errors
    /// [`LedgerError`] when a row cannot be read.
    pub fn attachments(&self, each: &mut dyn FnMut(EffectId, &Attachment)) -> Result<(), LedgerError> {
        self.on(|conn| {
            let failed = |error: rusqlite::Error| LedgerError::sqlite("read attachments", &error);
            let sql = "SELECT case_seq, case_ordinal, body FROM case_event
                       WHERE json_extract(body, '$.attachment') IS NOT NULL ORDER BY seq, ordinal";
            let mut statement = conn.prepare(sql).map_err(failed)?;
            let mut rows = statement.query([]).map_err(failed)?;
            while let Some(row) = rows.next().map_err(failed)? {
                let case = effect_id(row, 0).map_err(failed)?;
                let body: String = row.get(2).map_err(failed)?;
                let event: CaseEvent = from_json("case_event of case", case, &body)?;
                if let Some(attachment) = &event.attachment {
                    each(case, attachment);
                }
            }
            Ok(())
        })
    }

    /// Devices by id.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    pub fn devices(&self, filter: &DeviceFilter, page: &Page) -> Result<Listed<Device>, LedgerError> {
        self.on(|conn| {
            filter.query().run(conn, "read devices", page, |row| {
                let failed = |error: rusqlite::Error| LedgerError::sqlite("read devices", &error);
                let id: String = row.get(0).map_err(failed)?;
                from_json("device", id, row.get_ref(1).and_then(text).map_err(failed)?)
            })
        })
    }

    /// The device of that id.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    pub fn device(&self, id: &DeviceId) -> Result<Option<Device>, LedgerError> {
        self.by_name("device", "SELECT body FROM device WHERE id = ?1", id.as_str())
    }

    /// Gives the finished sheets of a day (`YYYY-MM-DD`), as JSON, by device: of one kind or all, of these districts
    /// or all. A device that the register has forgotten is of no kind and no district.
    ///
    /// # Errors
    /// [`LedgerError`] when the rows cannot be read.
    pub fn day_sheets(
        &self,
        day: &str,
        kind: Option<Kind>,
        districts: &[String],
        each: &mut dyn FnMut(&str, &str),
    ) -> Result<(), LedgerError> {
        self.on(|conn| {
            let failed = |error: rusqlite::Error| LedgerError::sqlite("read day sheets", &error);
            let sql = "SELECT day_sheet.device, day_sheet.counts, device.kind, device.district
                       FROM day_sheet LEFT JOIN device ON device.id = day_sheet.device
                       WHERE day_sheet.day = ?1 ORDER BY day_sheet.device";
            let mut statement = conn.prepare_cached(sql).map_err(failed)?;
            let mut rows = statement.query([day]).map_err(failed)?;
            while let Some(row) = rows.next().map_err(failed)? {
                let of_kind: Option<String> = row.get(2).map_err(failed)?;
                let district: Option<String> = row.get(3).map_err(failed)?;
                let is_kind = kind.is_none_or(|kind| of_kind.as_deref() == Some(kind.name()));
                let seen = districts.is_empty() || district.is_some_and(|own| districts.contains(&own));
                if is_kind && seen {
                    let (device, counts) = (row.get_ref(0).and_then(text), row.get_ref(1).and_then(text));
                    each(device.map_err(failed)?, counts.map_err(failed)?);
                }
            }
            Ok(())
        })
    }

    /// Every MQTT session that is kept, by device.
    ///
    /// # Errors
    /// [`LedgerError`] when the rows cannot be read.
    pub fn mqtt_sessions(&self) -> Result<Vec<(DeviceId, MqttSession)>, LedgerError> {
        self.on(sqlite::load::sessions)
    }

    /// The commands of one device, the newest first.
    ///
    /// # Errors
    /// [`LedgerError::Cursor`] for a foreign cursor, else when it cannot be read.
    pub fn commands(&self, device: &DeviceId, page: &Page) -> Result<Listed<CommandRow>, LedgerError> {
        self.on(|conn| commands_query(device).run(conn, "read commands", page, |row| entity("command", row)))
    }

    /// The command of that id.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    pub fn command(&self, id: EffectId) -> Result<Option<CommandRow>, LedgerError> {
        self.by_id("command", "SELECT body FROM command WHERE seq = ?1 AND ordinal = ?2", id)
    }

    /// What became of messages and values that were not simply stored, newest first, with the bytes
    /// of what is quarantined.
    ///
    /// # Errors
    /// [`LedgerError::Cursor`] for a foreign cursor, else when it cannot be read.
    pub fn dispositions(&self, filter: &DispositionFilter, page: &Page) -> Result<Listed<Disposition>, LedgerError> {
        self.on(|conn| filter.query().run(conn, "read dispositions", page, disposition_of))
    }

    /// Every staff account, by name.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    pub fn users(&self) -> Result<Vec<User>, LedgerError> {
        self.on(sqlite::load::users)
    }

    /// The account of that name.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    pub fn user(&self, name: &str) -> Result<Option<User>, LedgerError> {
        self.by_name("user_account", "SELECT body FROM user_account WHERE name = ?1", name)
    }

    /// Every activated rule pack, oldest first: the last is the live one.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    pub fn packs(&self) -> Result<Vec<ActivatedPack>, LedgerError> {
        self.on(sqlite::load::packs)
    }

    /// The draft in the shadow of the live pack, if there is one.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    pub fn shadow(&self) -> Result<Option<ShadowRow>, LedgerError> {
        self.on(sqlite::load::shadow)
    }

    /// The places in force, with the effect that put them; `None`: none were ever put.
    ///
    /// # Errors
    /// [`LedgerError`] when they cannot be read.
    pub fn places(&self) -> Result<Option<(EffectId, PlacesRow)>, LedgerError> {
        self.on(sqlite::load::places)
    }

    /// The live city profile as TOML text, if one was set.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    pub fn profile(&self) -> Result<Option<String>, LedgerError> {
        self.on(sqlite::load::profile)
    }

    /// Every setting of a parameter: rule, name, scope, value; sorted.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    pub fn parameters(&self) -> Result<Vec<ParameterSetting>, LedgerError> {
        self.on(sqlite::load::parameters)
    }

    /// The audit, newest first.
    ///
    /// # Errors
    /// [`LedgerError::Cursor`] for a foreign cursor, else when it cannot be read.
    pub fn audit(&self, page: &Page) -> Result<Listed<AuditRow>, LedgerError> {
        let select = "SELECT seq, ordinal, committed, user, action, subject, verdict FROM audit";
        let read = |row: &Row<'_>| {
            Ok(AuditRow {
                id: effect_id(row, 0)?,
                time: Timestamp(row.get(2)?),
                user: row.get(3)?,
                action: row.get(4)?,
                subject: row.get(5)?,
                verdict: row.get(6)?,
            })
        };
        self.on(|conn| {
            ListQuery::new(select, Order::Newest).run(conn, "read the audit", page, |row| {
                read(row).map_err(|error| LedgerError::sqlite("read the audit", &error))
            })
        })
    }

    fn by_id<T: DeserializeOwned>(&self, table: &str, sql: &str, id: EffectId) -> Result<Option<T>, LedgerError> {
        let body: Option<String> = self.with(table, |conn| {
            conn.prepare_cached(sql)?.query_row((seq_column(id.seq), id.ordinal), |row| row.get(0)).optional()
        })?;
        body.map(|body| from_json(table, id, &body)).transpose()
    }

    fn by_name<T: DeserializeOwned>(&self, table: &str, sql: &str, name: &str) -> Result<Option<T>, LedgerError> {
        let body: Option<String> =
            self.with(table, |conn| conn.prepare_cached(sql)?.query_row([name], |row| row.get(0)).optional())?;
        body.map(|body| from_json(table, name, &body)).transpose()
    }
}

/// The commands of one device.
pub(super) fn commands_query(device: &DeviceId) -> ListQuery {
    let mut query = ListQuery::new("SELECT created, seq, ordinal, body FROM command", Order::NewestBy("created"));
    query.and("device = ?", Some(device.as_str().to_owned()));
    query
}

/// A row of (time, seq, ordinal, body).
fn entity<T: DeserializeOwned>(table: &str, row: &Row<'_>) -> Result<T, LedgerError> {
    let failed = |error: rusqlite::Error| LedgerError::sqlite(&format!("read {table}"), &error);
    let id = effect_id(row, 1).map_err(failed)?;
    from_json(table, id, row.get_ref(3).and_then(text).map_err(failed)?)
}

fn text(value: rusqlite::types::ValueRef<'_>) -> rusqlite::Result<&str> {
    Ok(value.as_str()?)
}

/// A row of (time, seq, ordinal, message_seq, device, kind, detail, payload, source, redecoded).
pub(crate) fn disposition_of(row: &Row<'_>) -> Result<Disposition, LedgerError> {
    let failed = |error: rusqlite::Error| LedgerError::sqlite("read dispositions", &error);
    let id = effect_id(row, 1).map_err(failed)?;
    let corrupt = |message: String| LedgerError::Corrupt { row: format!("disposition {id}"), message };
    let device: String = row.get(4).map_err(failed)?;
    let word: String = row.get(5).map_err(failed)?;
    let kind = columns::DISPOSITIONS.iter().find(|(_, name)| *name == word).map(|(kind, _)| *kind);
    let payload: Option<Vec<u8>> = row.get(7).map_err(failed)?;
    Ok(Disposition {
        seq: columns::seq_value(row.get(3).map_err(failed)?),
        device: DeviceId::new(&device).map_err(|error| corrupt(error.to_string()))?,
        time: Timestamp(row.get(0).map_err(failed)?),
        kind: kind.ok_or_else(|| corrupt(format!("no disposition is called `{word}`")))?,
        detail: row.get(6).map_err(failed)?,
        payload: payload.map(Arc::from),
        source: optional(row, 8, id)?,
        redecoded: optional(row, 9, id)?,
    })
}

/// A column of JSON text that may be empty.
fn optional<T: DeserializeOwned>(row: &Row<'_>, column: usize, id: EffectId) -> Result<Option<T>, LedgerError> {
    let text: Option<String> = row.get(column).map_err(|error| LedgerError::sqlite("read dispositions", &error))?;
    text.map(|text| from_json("disposition", id, &text)).transpose()
}
