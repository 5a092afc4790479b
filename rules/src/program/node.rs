//! Typed expressions of a lowered rule.

use gengfu_model::FieldId;

use super::{BlockId, NodeId};
use crate::script::tree::Binary;

/// A typed expression. Numbers are `Int` or `Float` as in rhai; durations are `Int` milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Node {
    Bool(bool),
    Int(i64),
    Float(f64),
    /// An index into the rule's texts.
    Text(u16),
    Field(FieldId),
    /// An index into the rule's attribute names.
    Attribute(u16),
    Device(DeviceProperty),
    /// An index into the rule's parameters.
    Parameter(u16),
    Local(u8),
    ToFloat(NodeId),
    ToInt(NodeId),
    Not(NodeId),
    /// `eager`: the right side holds a slot, and is evaluated whatever the left side says.
    And {
        a: NodeId,
        b: NodeId,
        eager: bool,
    },
    Or {
        a: NodeId,
        b: NodeId,
        eager: bool,
    },
    CompareInt {
        op: Binary,
        a: NodeId,
        b: NodeId,
    },
    CompareFloat {
        op: Binary,
        a: NodeId,
        b: NodeId,
    },
    /// Equal or not; `negated` for `!=`.
    SameBool {
        negated: bool,
        a: NodeId,
        b: NodeId,
    },
    SameText {
        negated: bool,
        a: NodeId,
        b: NodeId,
    },
    IntOp {
        op: Binary,
        a: NodeId,
        b: NodeId,
    },
    FloatOp {
        op: Binary,
        a: NodeId,
        b: NodeId,
    },
    NegateInt(NodeId),
    NegateFloat(NodeId),
    Math {
        f: Math,
        x: NodeId,
    },
    Smaller {
        a: NodeId,
        b: NodeId,
    },
    Larger {
        a: NodeId,
        b: NodeId,
    },
    Choose {
        condition: NodeId,
        yes: NodeId,
        no: NodeId,
    },
    Known(NodeId),
    OrElse {
        x: NodeId,
        otherwise: NodeId,
    },
    /// Statements, then a value.
    Do {
        block: BlockId,
        value: NodeId,
    },
    /// The body of a function with an early `return`: the value is in the variable.
    Call {
        block: BlockId,
        result: u8,
    },
    /// The local time of day is from the one to the other.
    At {
        from: NodeId,
        to: NodeId,
    },
    /// The lamp's hours, or the sun where they are not registered.
    Lit {
        from: NodeId,
        to: NodeId,
    },
    /// Today is worked in the city.
    Workday,
    /// A question about the sun at the device's position; the margin is a duration.
    Sun {
        word: SunWord,
        margin: NodeId,
    },
    /// Time since the last sunset or sunrise, a duration.
    SinceSun {
        sunset: bool,
    },
    /// A question about a position. `at`: a pair of longitude and latitude; `more`: a pair of whether the position is
    /// good, and the word's own number (a margin in metres, the vehicle's limit). `name`: the place, or for
    /// `Between` a pair of longitude and latitude.
    Place {
        word: PlaceWord,
        name: NodeId,
        at: NodeId,
        more: NodeId,
    },
    /// The speed from the position before to this one, in km/h. `at`: a pair of longitude and latitude.
    Implied {
        slot: u16,
        at: NodeId,
        fix: NodeId,
    },
    /// How many stops of a route were not served since the day began. `at`: a pair of longitude and latitude; `more`: a
    /// pair of whether the position is good, and a pair of when the day begins and how long a truck stops.
    MissedStops {
        slot: u16,
        route: NodeId,
        at: NodeId,
        more: NodeId,
    },
    /// `limits`: how many times, within how long.
    Flapping {
        slot: u16,
        condition: NodeId,
        limits: u16,
    },
    Band {
        slot: u16,
        x: NodeId,
        limits: u16,
    },
    Held {
        slot: u16,
        condition: NodeId,
        wait: NodeId,
    },
    Window {
        f: WindowFunction,
        slot: u16,
        x: NodeId,
        span: NodeId,
    },
    Changed {
        slot: u16,
        x: NodeId,
    },
    Previous {
        slot: u16,
        x: NodeId,
    },
    /// Two nodes that belong together: the limits of a band.
    Pair {
        a: NodeId,
        b: NodeId,
    },
    /// Only in the interpreter; an index into the rule's `script_nodes`.
    Script(u16),
    /// What a part without inputs comes to, and the operations that its nodes count. Lowering makes none; they stand
    /// in [`Ways`](super::Ways) alone.
    Folded {
        value: f64,
        cost: u16,
    },
    /// The same for a whole number.
    FoldedInt {
        value: i64,
        cost: u16,
    },
}

impl Node {
    /// The node with other children: `f` is called for each, in the order of evaluation. A block's
    /// statements and the sources of a variable are no children.
    pub(crate) fn map(self, f: &mut impl FnMut(NodeId) -> NodeId) -> Node {
        match self {
            Node::Bool(_)
            | Node::Int(_)
            | Node::Float(_)
            | Node::Text(_)
            | Node::Field(_)
            | Node::Attribute(_)
            | Node::Device(_)
            | Node::Parameter(_)
            | Node::Local(_)
            | Node::Call { .. }
            | Node::Workday
            | Node::SinceSun { .. }
            | Node::Script(_)
            | Node::Folded { .. }
            | Node::FoldedInt { .. } => self,
            Node::ToFloat(x) => Node::ToFloat(f(x)),
            Node::ToInt(x) => Node::ToInt(f(x)),
            Node::Not(x) => Node::Not(f(x)),
            Node::NegateInt(x) => Node::NegateInt(f(x)),
            Node::NegateFloat(x) => Node::NegateFloat(f(x)),
            Node::Known(x) => Node::Known(f(x)),
            Node::And { a, b, eager } => Node::And { a: f(a), b: f(b), eager },
            Node::Or { a, b, eager } => Node::Or { a: f(a), b: f(b), eager },
            Node::CompareInt { op, a, b } => Node::CompareInt { op, a: f(a), b: f(b) },
            Node::CompareFloat { op, a, b } => Node::CompareFloat { op, a: f(a), b: f(b) },
            Node::SameBool { negated, a, b } => Node::SameBool { negated, a: f(a), b: f(b) },
            Node::SameText { negated, a, b } => Node::SameText { negated, a: f(a), b: f(b) },
            Node::IntOp { op, a, b } => Node::IntOp { op, a: f(a), b: f(b) },
            Node::FloatOp { op, a, b } => Node::FloatOp { op, a: f(a), b: f(b) },
            Node::Math { f: math, x } => Node::Math { f: math, x: f(x) },
            Node::Smaller { a, b } => Node::Smaller { a: f(a), b: f(b) },
            Node::Larger { a, b } => Node::Larger { a: f(a), b: f(b) },
            Node::Choose { condition, yes, no } => Node::Choose { condition: f(condition), yes: f(yes), no: f(no) },
            Node::OrElse { x, otherwise } => Node::OrElse { x: f(x), otherwise: f(otherwise) },
            Node::Do { block, value } => Node::Do { block, value: f(value) },
            Node::At { from, to } => Node::At { from: f(from), to: f(to) },
            Node::Lit { from, to } => Node::Lit { from: f(from), to: f(to) },
            Node::Sun { word, margin } => Node::Sun { word, margin: f(margin) },
            Node::Place { word, name, at, more } => Node::Place { word, name: f(name), at: f(at), more: f(more) },
            Node::Implied { slot, at, fix } => Node::Implied { slot, at: f(at), fix: f(fix) },
            Node::MissedStops { slot, route, at, more } => {
                Node::MissedStops { slot, route: f(route), at: f(at), more: f(more) }
            }
            Node::Flapping { slot, condition, limits } => {
                Node::Flapping { slot, condition: f(condition), limits: f(limits) }
            }
            Node::Band { slot, x, limits } => Node::Band { slot, x: f(x), limits: f(limits) },
            Node::Held { slot, condition, wait } => Node::Held { slot, condition: f(condition), wait: f(wait) },
            Node::Window { f: word, slot, x, span } => Node::Window { f: word, slot, x: f(x), span: f(span) },
            Node::Changed { slot, x } => Node::Changed { slot, x: f(x) },
            Node::Previous { slot, x } => Node::Previous { slot, x: f(x) },
            Node::Pair { a, b } => Node::Pair { a: f(a), b: f(b) },
        }
    }
}

/// What every device has beside its attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeviceProperty {
    Id,
    Name,
    Model,
    Asset,
    District,
    Grid,
    Feeder,
    Cabinet,
    Catchment,
    CarrierCell,
    Department,
    IntervalS,
    IntervalMs,
    Silent,
    Latitude,
    Longitude,
}

/// What is asked of a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlaceWord {
    Inside,
    Distance,
    /// From one position to another.
    Between,
    OffRoute,
    SpeedLimit,
}

/// What is asked of the sun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SunWord {
    /// From sunrise to sunset.
    Up,
    /// From a margin after sunset to a margin before sunrise.
    Night,
    /// From civil dusk to civil dawn.
    CivilNight,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Math {
    Abs,
    Floor,
    Ceil,
    Round,
    Sqrt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WindowFunction {
    Avg,
    Min,
    Max,
    Sum,
    /// How many samples.
    Count,
    /// How many samples of a condition were true.
    CountTrue,
    Rate,
    Slope,
}
