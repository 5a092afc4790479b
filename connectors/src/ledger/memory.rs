//! The ledger in memory, for tests of everything that writes one.
//!
//! Promises: the same answers as [`super::SqliteLedger`] (the contract tests run on both), atomic,
//! "durable" at commit: what was committed is in every handle and survives the one that wrote it.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gengfu_cases::Reducer;
use gengfu_model::pack::ShadowRow;
use gengfu_model::places::PlacesRow;
use gengfu_model::staff::User;
use gengfu_model::{
    Case, CaseEvent, CommandRow, Decision, Device, DeviceId, Disposition, DispositionKind, Effect, EffectId, Evidence,
    Finding, Incident, IncidentState, MqttSession, OutboxItem, Seq, Silence, Timestamp, Value,
};

use super::dump::{self, DispositionRow, line};
use super::message::first_day;
use super::{ActivatedPack, DecisionRow, Ledger, LedgerError, LedgerState, MESSAGES_KEPT_MS, decision};

/// A ledger in memory. Clones are handles of the same ledger: a test keeps one, lets the other's
/// owner "crash", and finds what was committed. [`MemoryLedger::snapshot`] makes an independent copy.
#[derive(Clone, Debug, Default)]
pub struct MemoryLedger {
    shared: Arc<Mutex<Shared>>,
}

/// How a commit fails when it was told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// With [`LedgerError::Full`].
    Full,
    /// With [`LedgerError::Store`].
    Store,
}

#[derive(Clone, Debug, Default)]
struct Shared {
    tables: Tables,
    messages_kept: MessagesKept,
    failing: Option<(u64, Failure)>,
}

/// How long what became of messages is kept, in milliseconds.
#[derive(Clone, Copy, Debug)]
struct MessagesKept(i64);

impl Default for MessagesKept {
    fn default() -> Self {
        MessagesKept(MESSAGES_KEPT_MS)
    }
}

/// A finding's device, rule, key and opening.
type FindingKey = (DeviceId, Arc<str>, Arc<str>, Timestamp);

#[derive(Clone, Debug, Default)]
struct Tables {
    position: Seq,
    time: Timestamp,
    audit: BTreeMap<EffectId, (Arc<str>, &'static str, String, String)>,
    cases: BTreeMap<EffectId, Case>,
    case_events: BTreeMap<EffectId, CaseEvent>,
    commands: BTreeMap<EffectId, CommandRow>,
    decisions: BTreeMap<EffectId, Decision>,
    devices: BTreeMap<DeviceId, Device>,
    day_sheets: BTreeMap<(DeviceId, String), String>,
    dispositions: BTreeMap<EffectId, Disposition>,
    explanations: BTreeMap<EffectId, (EffectId, &'static str, Evidence)>,
    incidents: BTreeMap<EffectId, Incident>,
    outbox: BTreeMap<EffectId, OutboxItem>,
    packs: BTreeMap<EffectId, ActivatedPack>,
    shadow: Option<ShadowRow>,
    /// By device, rule, key and opening; with the effect that brought it first.
    findings: BTreeMap<FindingKey, (EffectId, Finding)>,
    parameters: BTreeMap<ParameterKey, Value>,
    places: BTreeMap<EffectId, PlacesRow>,
    profile: Option<String>,
    reducer: BTreeMap<String, String>,
    sessions: BTreeMap<DeviceId, MqttSession>,
    silences: BTreeMap<EffectId, Silence>,
    users: BTreeMap<Arc<str>, User>,
}

/// Rule, name, scope.
type ParameterKey = (Arc<str>, Arc<str>, Arc<str>);

impl MemoryLedger {
    /// An empty ledger.
    #[must_use]
    pub fn new() -> MemoryLedger {
        MemoryLedger::default()
    }

    /// An empty ledger that lists what became of messages for this long, in milliseconds.
    #[must_use]
    pub fn keeping_messages(kept_ms: i64) -> MemoryLedger {
        let shared = Shared { messages_kept: MessagesKept(kept_ms), ..Shared::default() };
        MemoryLedger { shared: Arc::new(Mutex::new(shared)) }
    }

    /// A copy that goes its own way from here, and does not fail.
    #[must_use]
    pub fn snapshot(&self) -> MemoryLedger {
        let shared = Shared { failing: None, ..self.lock().clone() };
        MemoryLedger { shared: Arc::new(Mutex::new(shared)) }
    }

    /// Lets `commits` more commits pass; every later one fails, until [`MemoryLedger::mend`].
    pub fn fail_after(&self, commits: u64, failure: Failure) {
        self.lock().failing = Some((commits, failure));
    }

    /// Commits work again.
    pub fn mend(&self) {
        self.lock().failing = None;
    }

    /// Every outbox row, oldest first.
    #[must_use]
    pub fn outbox(&self) -> Vec<OutboxItem> {
        self.lock().tables.outbox.values().cloned().collect()
    }

    /// Every incident, open or not, by id.
    #[must_use]
    pub fn incidents(&self) -> Vec<Incident> {
        self.lock().tables.incidents.values().cloned().collect()
    }

    /// Every case, final or not, by id.
    #[must_use]
    pub fn cases(&self) -> Vec<Case> {
        self.lock().tables.cases.values().cloned().collect()
    }

    /// Every disposition, in the order of the effects.
    #[must_use]
    pub fn dispositions(&self) -> Vec<Disposition> {
        self.lock().tables.dispositions.values().cloned().collect()
    }

    /// The finished sheets: device, day (`YYYY-MM-DD`) and counts as JSON.
    #[must_use]
    pub fn day_sheets(&self) -> Vec<(DeviceId, String, String)> {
        let of =
            |((device, day), counts): (&(DeviceId, String), &String)| (device.clone(), day.clone(), counts.clone());
        self.lock().tables.day_sheets.iter().map(of).collect()
    }

    // A test that panicked while it held the lock has failed already; the others may go on.
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger for MemoryLedger {
    fn commit(&mut self, effects: &[(EffectId, Effect)], position: Seq, time: Timestamp) -> Result<(), LedgerError> {
        let mut shared = self.lock();
        match &mut shared.failing {
            Some((0, Failure::Full)) => return Err(LedgerError::Full),
            Some((0, Failure::Store)) => {
                let message = "the test wants it so".to_owned();
                return Err(LedgerError::Store { what: "commit".to_owned(), message });
            }
            Some((left, _)) => *left -= 1,
            None => {}
        }
        let tables = &mut shared.tables;
        if position < tables.position {
            return Err(super::behind(position, tables.position));
        }
        for (id, effect) in effects {
            tables.apply(*id, effect);
        }
        tables.position = position;
        tables.time = time;
        Ok(())
    }

    fn load(&self) -> Result<LedgerState, LedgerError> {
        self.lock().tables.load()
    }

    fn dump(&self, output: &mut dyn Write) -> Result<(), LedgerError> {
        let shared = self.lock();
        shared.tables.dump(shared.messages_kept, output)
    }
}

impl Tables {
    fn apply(&mut self, id: EffectId, effect: &Effect) {
        match effect {
            Effect::Incident(incident) => drop(self.incidents.insert(incident.id, (**incident).clone())),
            Effect::Explanation { incident, change, evidence } => {
                self.explanations.entry(id).or_insert_with(|| (*incident, change, (**evidence).clone()));
            }
            Effect::Case(case) => drop(self.cases.insert(case.id, (**case).clone())),
            Effect::CaseEvent(event) => {
                self.case_events.entry(id).or_insert_with(|| (**event).clone());
            }
            Effect::Silence(silence) => drop(self.silences.insert(silence.id, (**silence).clone())),
            Effect::Decision(decision) => {
                self.decisions.entry(id).or_insert_with(|| (**decision).clone());
            }
            Effect::Outbox(item) => {
                self.outbox.entry(item.id).or_insert_with(|| (**item).clone());
            }
            Effect::OutboxWithdrawn { case, into } => {
                let about = self.outbox.range_mut(..id).filter(|(_, item)| item.case == Some(*case));
                about.filter(|(_, item)| item.withdrawn.is_none()).for_each(|(_, item)| item.withdrawn = Some(*into));
            }
            Effect::ReducerState { key, value: Some(value) } => {
                self.reducer.insert(key.clone(), value.clone());
            }
            Effect::ReducerState { key, value: None } => drop(self.reducer.remove(key)),
            Effect::Device(device) => drop(self.devices.insert(device.id.clone(), (**device).clone())),
            Effect::Command(row) => drop(self.commands.insert(row.id, (**row).clone())),
            Effect::Session(change) => match &change.session {
                Some(session) => drop(self.sessions.insert(change.device.clone(), session.clone())),
                None => drop(self.sessions.remove(&change.device)),
            },
            Effect::User(user) => drop(self.users.insert(user.name.clone(), (**user).clone())),
            Effect::Pack { version, files, by, time, note } => {
                let pack = || ActivatedPack {
                    id,
                    version: version.clone(),
                    files: files.clone(),
                    by: by.clone(),
                    time: *time,
                    note: (**note).clone(),
                };
                self.packs.entry(id).or_insert_with(pack);
            }
            Effect::Finding(finding) => {
                let Finding { device, rule, key, opened, .. } = &**finding;
                let key = (device.clone(), rule.clone(), key.clone(), *opened);
                self.findings.entry(key).or_insert_with(|| (id, (**finding).clone()));
            }
            Effect::Shadow(row) => self.shadow = row.as_deref().cloned(),
            Effect::Places(row) => {
                self.places.entry(id).or_insert_with(|| (**row).clone());
                while self.places.len() > super::MAX_PLACES_KEPT {
                    self.places.pop_first();
                }
            }
            Effect::Profile { text } => self.profile = Some(text.clone()),
            Effect::Parameter { rule, name, scope, value } => {
                let key = (rule.clone(), name.clone(), scope.clone());
                match value {
                    Some(value) => drop(self.parameters.insert(key, value.clone())),
                    None => drop(self.parameters.remove(&key)),
                }
            }
            Effect::Audit { user, action, subject, verdict } => {
                self.audit.entry(id).or_insert_with(|| (user.clone(), action, subject.clone(), verdict.clone()));
            }
            Effect::Disposition(row) => {
                self.dispositions.entry(id).or_insert_with(|| (**row).clone());
            }
            Effect::Redecoded { message, outcome } => {
                let first = EffectId { seq: *message, ordinal: 0 };
                let last = EffectId { seq: *message, ordinal: u32::MAX };
                for (_, row) in self.dispositions.range_mut(first..=last) {
                    if row.kind == DispositionKind::Quarantined {
                        row.redecoded = Some(outcome.clone());
                    }
                }
            }
            Effect::DaySheet { device, day, counts } => {
                self.day_sheets.insert((device.clone(), day.clone()), counts.clone());
            }
        }
    }

    fn load(&self) -> Result<LedgerState, LedgerError> {
        let mut incidents: BTreeMap<EffectId, &Incident> = self
            .incidents
            .iter()
            .filter(|(_, incident)| incident.state == IncidentState::Open)
            .map(|(id, incident)| (*id, incident))
            .collect();
        let reducer: Vec<(String, String)> =
            self.reducer.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        for id in Reducer::incidents_in_cooldown(&reducer) {
            if let Some(incident) = self.incidents.get(&id) {
                incidents.insert(id, incident);
            }
        }
        Ok(LedgerState {
            position: self.position,
            time: self.time,
            incidents: incidents.into_values().cloned().collect(),
            cases: self.cases.values().filter(|case| !case.state.is_final()).cloned().collect(),
            reducer,
            commands: self
                .commands
                .values()
                .filter(|row| row.state.is_open() || row.created > super::commands_since(self.time))
                .cloned()
                .collect(),
            sessions: self.sessions.iter().map(|(device, session)| (device.clone(), session.clone())).collect(),
            users: self.users.values().cloned().collect(),
            profile: self.profile.clone(),
            packs: self.packs.values().cloned().collect(),
            parameters: self
                .parameters
                .iter()
                .map(|((rule, name, scope), value)| (rule.clone(), name.clone(), scope.clone(), value.clone()))
                .collect(),
        })
    }

    fn dump(&self, MessagesKept(kept_ms): MessagesKept, output: &mut dyn Write) -> Result<(), LedgerError> {
        for (id, (user, action, subject, verdict)) in &self.audit {
            line(output, "audit", &id.to_string(), &dump::Audit { user, action, subject, verdict })?;
        }
        by_id(output, "case", &self.cases)?;
        by_id(output, "case_event", &self.case_events)?;
        by_id(output, "command", &self.commands)?;
        let newest_day = self.day_sheets.keys().map(|(_, day)| day).max();
        let first_day = newest_day.and_then(|newest| first_day(newest, kept_ms)).unwrap_or_default();
        for ((device, day), counts) in self.day_sheets.iter().filter(|((_, day), _)| *day >= first_day) {
            line(output, "day_sheet", &format!("{device} {day}"), counts)?;
        }
        let newest = self.decisions.values().map(|decision| decision.time).max();
        for (id, decision) in &self.decisions {
            if newest.is_some_and(|newest| decision::is_kept(newest, decision.time)) {
                line(output, "decision", &id.to_string(), &DecisionRow::new(*id, decision))?;
            }
        }
        for (id, device) in &self.devices {
            line(output, "device", id.as_str(), device)?;
        }
        let newest = self.dispositions.values().map(|row| row.time).max().unwrap_or_default();
        for (id, row) in self.dispositions.iter().filter(|(_, row)| newest.since_ms(row.time) <= kept_ms) {
            line(output, "disposition", &id.to_string(), &DispositionRow::from(row))?;
        }
        for (id, (incident, change, evidence)) in &self.explanations {
            let explanation = dump::Explanation { incident: *incident, change, evidence };
            line(output, "explanation", &id.to_string(), &explanation)?;
        }
        let findings: BTreeMap<&EffectId, &Finding> = self.findings.values().map(|(id, row)| (id, row)).collect();
        for (id, row) in findings {
            line(output, "finding", &id.to_string(), row)?;
        }
        by_id(output, "incident", &self.incidents)?;
        for (device, session) in &self.sessions {
            line(output, "mqtt_session", device.as_str(), session)?;
        }
        by_id(output, "outbox", &self.outbox)?;
        for (id, pack) in &self.packs {
            let row = dump::Pack::of(pack);
            line(output, "pack", &id.to_string(), &row)?;
        }
        for ((rule, name, scope), value) in &self.parameters {
            let row = dump::Parameter { rule, name, scope, value };
            line(output, "parameter", &format!("{rule} {name} {scope}"), &row)?;
        }
        by_id(output, "places", &self.places)?;
        if let Some(text) = &self.profile {
            line(output, "profile", "1", text)?;
        }
        if let Some(row) = &self.shadow {
            line(output, "shadow", "1", row)?;
        }
        for (key, value) in &self.reducer {
            line(output, "reducer_state", key, value)?;
        }
        by_id(output, "silence", &self.silences)?;
        for (name, user) in &self.users {
            line(output, "user", name, user)?;
        }
        Ok(())
    }
}

fn by_id<T: serde::Serialize>(
    output: &mut dyn Write,
    table: &str,
    rows: &BTreeMap<EffectId, T>,
) -> Result<(), LedgerError> {
    rows.iter().try_for_each(|(id, row)| line(output, table, &id.to_string(), row))
}
