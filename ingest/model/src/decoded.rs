//! What a codec makes of a payload.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{FieldId, Quality, Timestamp, Value};

/// One field's value within a reading.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Which field of the device's kind.
    pub field: FieldId,
    /// Its value, within the field's type and range.
    pub value: Value,
    /// How far it can be trusted.
    pub quality: Quality,
}

/// One sample of one device at one time: what it measured together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// When the device measured, by its own clock; `None` if it did not say (then received time is taken).
    pub event_time: Option<Timestamp>,
    /// The reading's own explicit id, in an array whose elements carry ids.
    pub id: Option<Arc<str>>,
    /// The values that can be used, at most one per field.
    pub samples: Vec<Sample>,
    /// The values that cannot be used.
    pub problems: Vec<FieldProblem>,
    /// How many names in the payload are no field of the kind.
    pub unknown_fields: u32,
}

/// Why one value of a reading was refused; the other fields are not affected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldProblem {
    /// The field's name.
    pub field: Arc<str>,
    /// What is wrong.
    pub kind: ProblemKind,
    /// The value as it came, shortened to 64 bytes.
    pub raw: String,
}

/// What can be wrong with one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// Not of the field's type.
    WrongType,
    /// Outside the field's range, NaN or infinite.
    OutOfRange,
}

/// Why a message, or an element of one, cannot be decoded at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuarantineReason {
    /// No JSON, no CBOR, or not of a shape that telemetry has.
    Malformed,
    /// Nested deeper or longer than the decoder's limits.
    TooComplex,
    /// No codec for this model and format.
    NoCodec,
    /// The bytes fail the model's own check (length, checksum, channel table).
    BadFrame,
    /// The event time is more than the allowed skew ahead of the received time.
    TooFarAhead,
    /// The event time is no time that a device could have had.
    BadTime,
    /// Not one field of the kind in it.
    NothingKnown,
    /// The device is not in the register any more, or is of another kind by now.
    UnknownDevice,
}

/// A payload after its codec. One bad element of an array does not lose the others: it becomes a
/// `rejected` entry, and the message is quarantined only when nothing else is left.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded {
    /// The readings, in the order of the payload.
    pub readings: Vec<Reading>,
    /// Elements that could not be decoded, with the reason and a short text for people.
    pub rejected: Vec<(QuarantineReason, String)>,
}
