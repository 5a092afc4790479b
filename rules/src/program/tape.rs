//! An entry as a tape: its nodes one after another, over registers.
//!
//! Nearly every evaluation finds what it found before: no verdict changes, and nobody is to be told. A tape is the
//! quickest way to see that. It is run from step to step, without a call for each node, and reads a field once however
//! often the rule names it. As soon as a verdict would change, or something fails, the tape is left, what it wrote is
//! taken back, and the machine evaluates the nodes, with everything that an explanation needs.
//!
//! Nothing here means anything that the nodes do not mean, and the operations that are counted are the same. What has
//! no place on a tape (texts, places, the sun, commands, loops) leaves its entry without one.

mod conditions;
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

/// A step's place on its tape.
pub(crate) type Place = u16;

/// An entry's steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tape {
    /// The first is [`Step::Leave`], which others go to; an evaluation begins at the second.
    pub(crate) steps: Vec<Step>,
    pub(crate) limits: Vec<Limit>,
    pub(crate) near: Vec<Near>,
    /// Trip and reset of bands.
    pub(crate) bands: Vec<(f64, f64)>,
    /// The operations of the last steps.
    pub(crate) cost: u32,
    pub(crate) needs: Needs,
}

/// The registers that a tape needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Needs {
    /// None: its steps are [`Step::TestField`], [`Step::Clear`] and [`Step::Leave`].
    #[default]
    Nothing,
    /// Up to [`FEW_REGISTERS`].
    Few,
    /// Up to [`MANY_REGISTERS`].
    Many,
}

/// What is asked when a number is too near to its limit for a plain comparison, and where it goes on then.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Near {
    pub(crate) limit: Limit,
    pub(crate) yes: Place,
    pub(crate) no: Place,
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
        to: Place,
    },
    SkipIfKnown {
        x: Register,
        cost: u32,
        to: Place,
    },
    /// Goes on by what the condition says.
    Branch {
        x: u8,
        cost: u32,
        yes: Place,
        no: Place,
        unknown: Place,
    },
    /// A number with a constant: above `high`, below `low`, or between them, which [`Tape::near`] decides.
    Test {
        x: u8,
        near: u16,
        cost: u32,
        low: f64,
        high: f64,
        above: Place,
        below: Place,
        unknown: Place,
    },
    /// The same for a field that nothing else reads, as [`Latest::bit`](crate::Latest) tells it.
    TestField {
        bit: u32,
        near: u16,
        cost: u16,
        low: f64,
        high: f64,
        above: Place,
        below: Place,
        unknown: Place,
    },
    /// Two numbers, compared as rules compare them.
    TestFloats {
        op: Binary,
        a: u8,
        b: u8,
        cost: u32,
        yes: Place,
        no: Place,
        unknown: Place,
    },
    Jump {
        cost: u32,
        to: Place,
    },
    /// The slot of the key's verdict: left unless it is clear.
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

impl Step {
    /// Where it may go on beside the next step.
    fn targets(&mut self) -> [Option<&mut Place>; 3] {
        match self {
            Step::SkipIf { to, .. } | Step::SkipIfKnown { to, .. } | Step::Jump { to, .. } => [Some(to), None, None],
            Step::Branch { yes, no, unknown, .. } | Step::TestFloats { yes, no, unknown, .. } => {
                [Some(yes), Some(no), Some(unknown)]
            }
            Step::Test { above, below, unknown, .. } | Step::TestField { above, below, unknown, .. } => {
                [Some(above), Some(below), Some(unknown)]
            }
            _ => [None, None, None],
        }
    }
}

/// Writes the tape of an entry, if all of it has a place on one.
pub(super) fn tape(rule: &Rule, ways: &Ways, entry: &Entry) -> Option<Tape> {
    if entry.script.is_some() || !entry.command_slots.is_empty() {
        return None;
    }
    let few = writer::write(rule, ways, entry, FEW_REGISTERS).map(|tape| (tape, Needs::Few));
    let many = || Some((writer::write(rule, ways, entry, MANY_REGISTERS)?, Needs::Many));
    let (tape, needs) = few.or_else(many)?;
    let is_light = |step: &Step| matches!(step, Step::TestField { .. } | Step::Clear { .. } | Step::Leave);
    let needs = if tape.steps.iter().all(is_light) { Needs::Nothing } else { needs };
    Some(Tape { needs, ..tape })
}
