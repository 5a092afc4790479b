//! Incidents and what decided them.

use gengfu_model::{EffectId, Evidence, Incident};
use serde::Serialize;
use utoipa::ToSchema;

use crate::time_text::Time;
use crate::views::name_of;

/// One thing that is wrong with one asset.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct IncidentView {
    /// Its id, `SEQUENCE-ORDINAL`.
    pub id: String,
    /// The rule's id.
    pub rule: String,
    /// The pack version that last judged.
    pub rule_version: String,
    /// The city's code of the asset.
    pub asset: String,
    /// The device whose readings decided.
    pub device: String,
    /// The device's kind.
    pub kind: String,
    /// The rule's key.
    pub key: String,
    /// What is wrong, in the city's words.
    pub condition: String,
    /// `info`, `minor`, `major`, `critical`: now.
    pub severity: String,
    /// The worst it has been.
    pub worst: String,
    /// `open` or `cleared`.
    pub state: String,
    /// District of the device when it opened.
    pub district: String,
    /// When it opened.
    pub opened: Time,
    /// When it last changed.
    pub updated: Time,
    /// When it cleared.
    pub cleared: Option<Time>,
    /// `clear`, `withdrawn` or `retired`.
    pub cleared_by: Option<String>,
    /// The number that the rule gave.
    pub value: Option<f64>,
    /// Opened from a reading that came late.
    pub late: bool,
    /// How often it opened again within its cooldown.
    pub reopened: u32,
    /// For people, in Chinese.
    pub text_zh: String,
    /// For people, in English.
    pub text_en: String,
    /// The incident that it is a member of.
    pub parent: Option<String>,
    /// The case that it belongs to.
    pub case: Option<String>,
    /// The silence that holds it back.
    pub silenced_by: Option<String>,
    /// The incident that explains it and holds it back.
    pub inhibited_by: Option<String>,
}

impl From<Incident> for IncidentView {
    fn from(incident: Incident) -> IncidentView {
        IncidentView {
            id: incident.id.to_string(),
            rule: incident.rule.to_string(),
            rule_version: incident.rule_version.to_string(),
            asset: incident.asset.to_string(),
            device: incident.device.to_string(),
            kind: incident.kind.name().to_owned(),
            key: incident.key.to_string(),
            condition: incident.condition.to_string(),
            severity: incident.severity.name().to_owned(),
            worst: incident.worst.name().to_owned(),
            state: name_of(&incident.state),
            district: incident.district.to_string(),
            opened: incident.opened.into(),
            updated: incident.updated.into(),
            cleared: incident.cleared.map(Time),
            cleared_by: incident.cleared_by.map(|by| by.to_string()),
            value: incident.value,
            late: incident.late,
            reopened: incident.reopened,
            text_zh: incident.text_zh,
            text_en: incident.text_en,
            parent: incident.parent.map(|id| id.to_string()),
            case: incident.case.map(|id| id.to_string()),
            silenced_by: incident.silenced_by.map(|id| id.to_string()),
            inhibited_by: incident.inhibited_by.map(|id| id.to_string()),
        }
    }
}

/// What decided an incident, change by change.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ExplanationView {
    /// The incident.
    pub incident: String,
    /// The rule's id.
    pub rule: String,
    /// The pack version that last judged.
    pub rule_version: String,
    /// Its changes, oldest first.
    pub changes: Vec<ExplanationChange>,
}

/// What decided one change of an incident.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ExplanationChange {
    /// The change's id.
    pub id: String,
    /// `opened`, `updated`, `reopened` or `cleared`.
    pub change: String,
    /// `now` of the evaluation.
    pub time: Time,
    /// What was evaluated: `message`, `timer`, `silent`.
    pub trigger: String,
    /// The record that caused it.
    pub seq: u64,
    /// The rule's file.
    pub file: String,
    /// Line of the deciding call, from 1.
    pub line: u32,
    /// Column of the deciding call, from 1.
    pub column: u32,
    /// The source line.
    pub source: String,
    /// The latest values that the rule read.
    pub readings: Vec<ReadingView>,
    /// Every sub-expression of the deciding call, outermost first.
    pub steps: Vec<StepView>,
    /// The rule's slots before and after.
    pub slots: Vec<SlotView>,
    /// Whether the stored inputs alone evaluate again to these values: `same`, `different`, or why that cannot
    /// be told.
    pub replay: String,
}

/// One value that a rule read.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ReadingView {
    /// The field's name.
    pub field: String,
    /// Its value; `null` if unknown.
    #[schema(value_type = Option<Object>)]
    pub value: Option<gengfu_model::Value>,
    /// When the device measured it.
    pub time: Option<Time>,
    /// The record that brought it.
    pub seq: Option<u64>,
}

/// The value of one sub-expression.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct StepView {
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// The sub-expression as source text.
    pub text: String,
    /// Its value as text.
    pub value: String,
}

/// One slot of the rule before and after the evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct SlotView {
    /// The slot's id.
    pub id: String,
    /// Its state before.
    pub before: String,
    /// Its state after.
    pub after: String,
}

impl ExplanationChange {
    /// The view of one stored explanation.
    #[must_use]
    pub fn new(id: EffectId, change: &str, evidence: Evidence) -> ExplanationChange {
        ExplanationChange {
            id: id.to_string(),
            change: change.to_owned(),
            replay: String::new(),
            time: evidence.now.into(),
            trigger: evidence.trigger,
            seq: evidence.seq.0,
            file: evidence.file,
            line: evidence.line,
            column: evidence.column,
            source: evidence.source,
            readings: evidence
                .readings
                .into_iter()
                .map(|reading| ReadingView {
                    field: reading.field,
                    value: reading.value,
                    time: reading.event_time.map(Time),
                    seq: reading.seq.map(|seq| seq.0),
                })
                .collect(),
            steps: evidence
                .steps
                .into_iter()
                .map(|step| StepView { line: step.line, column: step.column, text: step.text, value: step.value })
                .collect(),
            slots: evidence
                .slots
                .into_iter()
                .map(|slot| SlotView { id: slot.id, before: slot.before, after: slot.after })
                .collect(),
        }
    }
}
