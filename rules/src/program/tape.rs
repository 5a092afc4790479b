//! An entry as a tape: its nodes one after another, over registers.
//!
//! Nearly every evaluation finds what it found before: no verdict changes, and nobody is to be told. A tape is the
//! quickest way to see that. It is run from step to step, without a call for each node, and reads a field once however
//! often the rule names it. As soon as a verdict would change, or something fails, the tape is left, what it wrote is
//! taken back, and the machine evaluates the nodes, with everything that an explanation needs.
//!
//! Nothing here means anything that the nodes do not mean, and the operations that are counted are the same. What has
//! no place on a tape (texts, places, the sun, commands, loops) leaves its entry without one.

mod types;
mod values;
mod writer;

use gengfu_model::FieldId;

use super::quick::{Limit, Ways};
use super::{DeviceProperty, Entry, Math, Rule, WindowFunction};
use crate::script::tree::Binary;

/// So many registers of each sort suffice for most; clearing them is a part of each run's cost. Powers of two.
pub(crate) const FEW_REGISTERS: usize = 4;
/// So many are there at most.
pub(crate) const MANY_REGISTERS: usize = 16;

/// A register by its sort. Each holds a value or nothing, which is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Register {
    Float(u8),
    Int(u8),
    Bool(u8),
}

/// An entry's steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tape {
    pub(crate) steps: Vec<Step>,
    pub(crate) limits: Vec<Limit>,
    /// Trip and reset of bands.
    pub(crate) bands: Vec<(f64, f64)>,
    /// The operations of the last steps.
    pub(crate) cost: u32,
    /// It needs more than [`FEW_REGISTERS`].
    pub(crate) needs_many: bool,
}

/// One step. `to` is the register that is written; `cost` counts operations of the steps before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Step {
    Cost(u32),
    Unset(Register),
    Move {
        to: Register,
        from: Register,
    },
    Float {
        to: u8,
        value: f64,
    },
    Int {
        to: u8,
        value: i64,
    },
    Bool {
        to: u8,
        value: bool,
    },
    Field {
        to: Register,
        field: FieldId,
    },
    FieldKnown {
        to: u8,
        field: FieldId,
    },
    /// The place of the name.
    Attribute {
        to: Register,
        name: u16,
    },
    AttributeKnown {
        to: u8,
        name: u16,
    },
    Parameter {
        to: Register,
        index: u16,
    },
    Device {
        to: Register,
        property: DeviceProperty,
    },
    FloatOp {
        op: Binary,
        to: u8,
        a: u8,
        b: u8,
    },
    NegateFloat {
        to: u8,
        x: u8,
    },
    Math {
        f: Math,
        to: u8,
        x: u8,
    },
    Smaller {
        to: u8,
        a: u8,
        b: u8,
    },
    Larger {
        to: u8,
        a: u8,
        b: u8,
    },
    ToFloat {
        to: u8,
        x: u8,
    },
    IntOp {
        op: Binary,
        to: u8,
        a: u8,
        b: u8,
    },
    NegateInt {
        to: u8,
        x: u8,
    },
    ToInt {
        to: u8,
        x: u8,
    },
    Not {
        to: u8,
        x: u8,
    },
    And {
        to: u8,
        a: u8,
        b: u8,
        cost: u32,
    },
    Or {
        to: u8,
        a: u8,
        b: u8,
        cost: u32,
    },
    SameBool {
        negated: bool,
        to: u8,
        a: u8,
        b: u8,
    },
    Compare {
        op: Binary,
        to: u8,
        a: u8,
        b: u8,
    },
    CompareInt {
        op: Binary,
        to: u8,
        a: u8,
        b: u8,
    },
    /// An integer with a constant.
    CompareIntWith {
        op: Binary,
        to: u8,
        x: u8,
        value: i64,
    },
    /// A number with a constant; `limit` is a place in [`Tape::limits`].
    Against {
        to: u8,
        x: u8,
        limit: u16,
    },
    /// The same for a field that nothing else reads.
    FieldAgainst {
        to: u8,
        field: FieldId,
        limit: u16,
    },
    Known {
        to: u8,
        x: Register,
    },
    During {
        to: u8,
        from: u16,
        until: u16,
    },
    /// `limits` is a place in [`Tape::bands`].
    Band {
        to: u8,
        x: u8,
        slot: u16,
        limits: u16,
    },
    BandBetween {
        to: u8,
        x: u8,
        slot: u16,
        trip: u8,
        reset: u8,
    },
    Held {
        to: u8,
        condition: u8,
        slot: u16,
        wait_ms: u32,
    },
    /// `reads` are the fields whose arrival brings a sample.
    Changed {
        to: u8,
        slot: u16,
        x: Register,
        reads: u32,
    },
    Previous {
        to: Register,
        slot: u16,
        x: Register,
        reads: u32,
    },
    Window {
        f: WindowFunction,
        to: Register,
        slot: u16,
        x: Register,
        reads: u32,
        span_ms: i64,
    },
    /// Goes on at `to` if the condition is this.
    SkipIf {
        x: u8,
        value: bool,
        cost: u32,
        to: u16,
    },
    SkipIfKnown {
        x: Register,
        cost: u32,
        to: u16,
    },
    /// True goes on, false goes to `otherwise`, unknown to `end`.
    Branch {
        x: u8,
        cost: u32,
        otherwise: u16,
        end: u16,
    },
    Jump {
        cost: u32,
        to: u16,
    },
    /// The slot of the key's verdict.
    Incident {
        condition: u8,
        verdict: u16,
    },
    Clear {
        verdict: u16,
    },
    /// Left if the slot is empty, or if it is not.
    LeaveIf {
        slot: u16,
        empty: bool,
    },
    Leave,
}

/// Writes the tape of an entry, if all of it has a place on one.
pub(super) fn tape(rule: &Rule, ways: &Ways, entry: &Entry) -> Option<Tape> {
    if entry.script.is_some() || !entry.command_slots.is_empty() {
        return None;
    }
    let few = writer::write(rule, ways, entry, FEW_REGISTERS);
    few.or_else(|| Some(Tape { needs_many: true, ..writer::write(rule, ways, entry, MANY_REGISTERS)? }))
}
