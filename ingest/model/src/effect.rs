//! What comes out of the engine: rows of the ledger, points of the series, dispositions of messages.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::pack::{PackNote, ShadowRow};
use crate::places::PlacesRow;
use crate::staff::User;
use crate::{
    Case, CaseEvent, CommandRow, Decision, Device, DeviceId, EffectId, Evidence, FieldId, Finding, Incident, Kind,
    Redecoded, Seq, SessionChange, Silence, Source, Timestamp, Value,
};

/// One change of the ledger. Effects of one record carry ids (sequence, ordinal) in the order given.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// The incident stands like this now (insert or replace by its id).
    Incident(Box<Incident>),
    /// What decided an incident's opening or change (append).
    Explanation {
        /// The incident.
        incident: EffectId,
        /// `opened`, `updated`, `reopened` or `cleared`.
        change: &'static str,
        /// What decided.
        evidence: Box<Evidence>,
    },
    /// The case stands like this now (insert or replace by its id).
    Case(Box<Case>),
    /// A line of a case's history (append).
    CaseEvent(Box<CaseEvent>),
    /// The silence stands like this now (insert or replace by its id).
    Silence(Box<Silence>),
    /// What was decided, and why (append; the oldest are forgotten).
    Decision(Box<Decision>),
    /// Somebody outside is to be told (append).
    Outbox(Box<OutboxItem>),
    /// Rows of the outbox about a case that came before this: whoever has not had them yet is told of another case
    /// instead.
    OutboxWithdrawn {
        /// The case that they are about.
        case: EffectId,
        /// The case whose messages stand in their place.
        into: EffectId,
    },
    /// A piece of the reducer's own state (insert, replace, or remove with `None`).
    ReducerState {
        /// The piece's key.
        key: String,
        /// The piece as JSON text.
        value: Option<String>,
    },
    /// The register's entry stands like this now (insert or replace by its id).
    Device(Arc<Device>),
    /// The command to a device stands like this now (insert or replace by its id).
    Command(Box<CommandRow>),
    /// A device's MQTT session stands like this now, or is over (insert, replace or remove by its device).
    Session(Box<SessionChange>),
    /// A staff account stands like this now (insert or replace by its name).
    User(Box<User>),
    /// A rule pack became live (append; the newest is the live one).
    Pack {
        /// The pack's hash.
        version: Arc<str>,
        /// Its files.
        files: Arc<BTreeMap<String, String>>,
        /// Who activated it.
        by: Arc<str>,
        /// When, in journal time.
        time: Timestamp,
        /// What was said with it.
        note: Box<PackNote>,
    },
    /// Late readings would have raised this (append; the same finding again changes nothing).
    Finding(Box<Finding>),
    /// The draft in the shadow (replace, or remove with `None`).
    Shadow(Option<Box<ShadowRow>>),
    /// The city profile became live (replace).
    Profile {
        /// As TOML text.
        text: String,
    },
    /// The city's places became these (append; the newest are in force, the oldest are forgotten).
    Places(Box<PlacesRow>),
    /// A parameter's setting (insert, replace, or remove with `None`).
    Parameter {
        /// The rule's id.
        rule: Arc<str>,
        /// The parameter's name.
        name: Arc<str>,
        /// Where it applies.
        scope: Arc<str>,
        /// The value.
        value: Option<Value>,
    },
    /// A staff request was judged (append).
    Audit {
        /// Who.
        user: Arc<str>,
        /// What, by name.
        action: &'static str,
        /// What it was about (a case, a device), as text.
        subject: String,
        /// `accepted`, or the refusal's code and message.
        verdict: String,
    },
    /// What became of a message or value that was not simply stored (append).
    Disposition(Box<Disposition>),
    /// A quarantined message was decoded again: its rows in the quarantine say so.
    Redecoded {
        /// The record that first brought it.
        message: Seq,
        /// What came of it.
        outcome: Redecoded,
    },
    /// A device's day is over: its sheets (insert or replace by device and day).
    DaySheet {
        /// The device.
        device: DeviceId,
        /// The day in the city's time zone, `YYYY-MM-DD`.
        day: String,
        /// The counts by name, as JSON text.
        counts: String,
    },
}

/// Collects the effects of one record and numbers them.
#[derive(Clone, Debug)]
pub struct EffectSink {
    seq: Seq,
    next_ordinal: u32,
    effects: Vec<(EffectId, Effect)>,
}

impl EffectSink {
    /// A sink for the effects of the record at `seq`.
    #[must_use]
    pub fn new(seq: Seq) -> EffectSink {
        EffectSink { seq, next_ordinal: 0, effects: Vec::new() }
    }

    /// Goes on with the record at `seq`; ordinals start at 0 again, collected effects stay.
    pub fn start(&mut self, seq: Seq) {
        self.seq = seq;
        self.next_ordinal = 0;
    }

    /// Reserves an id for something that is put together before it is pushed (a new incident or case).
    pub fn reserve(&mut self) -> EffectId {
        let id = EffectId { seq: self.seq, ordinal: self.next_ordinal };
        self.next_ordinal += 1;
        id
    }

    /// The ordinal that comes next: how many ids this record has been given.
    #[must_use]
    pub fn ordinal(&self) -> u32 {
        self.next_ordinal
    }

    /// Adds an effect under the next id.
    pub fn push(&mut self, effect: Effect) -> EffectId {
        let id = self.reserve();
        self.effects.push((id, effect));
        id
    }

    /// The effects so far, in order.
    #[must_use]
    pub fn effects(&self) -> &[(EffectId, Effect)] {
        &self.effects
    }

    /// Takes the effects out.
    pub fn take(&mut self) -> Vec<(EffectId, Effect)> {
        std::mem::take(&mut self.effects)
    }
}

/// A message to somebody outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutboxItem {
    /// Its id, the receiver's idempotency key.
    pub id: EffectId,
    /// `incident.opened`, `case.opened`, `case.updated` and so on.
    pub topic: Arc<str>,
    /// When it came to be.
    pub time: Timestamp,
    /// The body, as JSON text.
    pub body: String,
    /// The case that it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<EffectId>,
    /// The case whose messages stand in its place: it is sent to nobody any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<EffectId>,
}

/// What became of a message, or of one value of it, that was not simply stored in time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Disposition {
    /// The message's record.
    pub seq: Seq,
    /// The device.
    pub device: DeviceId,
    /// Journal time of the message.
    pub time: Timestamp,
    /// What became of it.
    pub kind: DispositionKind,
    /// Why, for people: the reason, the field, the bad value.
    pub detail: String,
    /// The message's bytes, for what is quarantined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Arc<[u8]>>,
    /// How it came in, for what is quarantined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// What came of decoding it again, if that was tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redecoded: Option<Redecoded>,
}

impl Disposition {
    /// Whether it is in quarantine with its bytes, and nothing of it has been decoded since.
    #[must_use]
    pub fn waits(&self) -> bool {
        let can_be = self.payload.is_some() && self.source.is_some();
        self.kind == DispositionKind::Quarantined && can_be && self.redecoded.as_ref().is_none_or(|last| !last.decoded)
    }
}

/// What can become of a message or value, other than being stored in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DispositionKind {
    /// A message: seen before.
    Duplicate,
    /// A message or an element of one: cannot be decoded.
    Quarantined,
    /// Values: stored, but too old to be judged live.
    StoredLate,
    /// A value: there was one of the same field and time.
    Replaced,
    /// A value: wrong type or out of range.
    OutOfRange,
    /// A value: its time is too far ahead.
    TooFarAhead,
}

/// One value for the series store. Same device, field and time: the higher sequence wins.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The device.
    pub device: DeviceId,
    /// Its kind, which gives the field its name and type.
    pub kind: Kind,
    /// The field.
    pub field: FieldId,
    /// Event time.
    pub time: Timestamp,
    /// The record that brought it.
    pub seq: Seq,
    /// The value.
    pub value: Value,
}
