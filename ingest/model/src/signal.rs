//! What a rule says about a device: an event goes in, a rule gives a signal, the reducer an effect.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::command::JsonObject;
use crate::{Seq, Severity, Timestamp, Value};

/// A transition of one (rule, device, key), as a device rule found it.
///
/// Signals are given on transitions only: a condition that goes on holding is silent, unless its
/// severity changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// The rule's id.
    pub rule: Arc<str>,
    /// The pack version (hash) that judged.
    pub rule_version: Arc<str>,
    /// The key within the rule.
    pub key: Arc<str>,
    /// What changed.
    pub assertion: Assertion,
    /// What decided; boxed since most evaluations give no signal.
    pub evidence: Box<Evidence>,
}

/// What a signal says.
#[derive(Clone, Debug, PartialEq)]
pub enum Assertion {
    /// The condition holds (again, or with another severity).
    Raise {
        /// How bad it is.
        severity: Severity,
        /// What is wrong, in the city's words.
        condition: Arc<str>,
        /// A number for people, if the rule gave one.
        value: Option<f64>,
        /// For people, in Chinese, filled on the transition.
        text_zh: String,
        /// For people, in English, filled on the transition.
        text_en: String,
        /// Decided by a reading that came late.
        late: bool,
        /// The rule's cooldown in milliseconds: a condition that comes back within it opens the same
        /// incident again.
        cooldown_ms: i64,
    },
    /// The condition does not hold any more.
    Clear {
        /// `clear`, `withdrawn` or `retired`.
        reason: Arc<str>,
    },
    /// The device counts as a member of its rule's group, or does not any more. It says nothing of an
    /// incident of its own.
    Member {
        /// Whether it counts.
        holds: bool,
    },
    /// The device is to do something: what the rule wishes of it has changed.
    Command {
        /// A command of the kind's catalogue.
        name: Arc<str>,
        /// Its arguments, within their ranges.
        args: JsonObject,
        /// How long the device may take to answer, in seconds.
        expires_s: u32,
    },
}

/// What decided a signal: enough to read, and to evaluate again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Evidence {
    /// What was evaluated: `message`, `timer`, `silent`.
    pub trigger: String,
    /// `now` of the evaluation.
    pub now: Timestamp,
    /// The record that caused the evaluation.
    pub seq: Seq,
    /// The rule's file.
    pub file: String,
    /// Line of the deciding call, from 1.
    pub line: u32,
    /// Column of the deciding call, from 1.
    pub column: u32,
    /// The source line.
    pub source: String,
    /// The latest values that the rule read.
    pub readings: Vec<EvidenceReading>,
    /// Every sub-expression of the deciding call, outermost first.
    pub steps: Vec<EvidenceStep>,
    /// The rule's slots before and after, as text.
    pub slots: Vec<EvidenceSlot>,
    /// Everything that the evaluation read, as the rules wrote it: enough to evaluate it again. Empty where
    /// nothing was evaluated.
    #[serde(default)]
    pub inputs: String,
}

/// One value that a rule read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvidenceReading {
    /// The field's name.
    pub field: String,
    /// Its value; `None` if unknown.
    pub value: Option<Value>,
    /// When the device measured it.
    pub event_time: Option<Timestamp>,
    /// The record that brought it.
    pub seq: Option<Seq>,
}

/// The value of one sub-expression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvidenceStep {
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// The sub-expression as source text.
    pub text: String,
    /// Its value as text; `unknown` for the third value.
    pub value: String,
}

/// One slot of the rule before and after the evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvidenceSlot {
    /// The slot's id: function, primitive and first argument without its numbers.
    pub id: String,
    /// Its state before, as text.
    pub before: String,
    /// Its state after, as text.
    pub after: String,
}
