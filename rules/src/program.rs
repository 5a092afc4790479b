//! The lowered form of a rule: typed nodes in one flat list, evaluated without looking up a name.
//!
//! Children come before their parents in the list and there are no loops, so an evaluation visits
//! each node at most once per place it is used: its cost is bounded by the list's length, which
//! [`MAX_NODES`] bounds. What an entry needs beyond that (loops, lists, recursion) stands in
//! [`Node::Script`] and [`Op::Script`]; such an entry is printed as a script and runs in the interpreter.

use std::sync::Arc;

use gengfu_model::catalogue::FieldDef;
use gengfu_model::{FieldId, Kind, Severity};

use crate::interp::{Script, ScriptFunction, ScriptNode, ScriptOp};
use crate::judge::SlotKind;
use crate::lower::NamedPlace;
use crate::pack::ParameterInfo;
use crate::script::Pos;
use crate::script::tree::Binary;
use crate::template::Template;

/// The most nodes a rule may be lowered to; calls of own functions are copied in.
pub(crate) const MAX_NODES: usize = 4_096;
/// The most variables that one entry function may need, those of inlined functions included.
pub(crate) const MAX_LOCALS: usize = 64;
/// The most keys of a rule.
pub(crate) const MAX_KEYS: usize = 8;
/// The most slots of a rule.
pub(crate) const MAX_SLOTS: usize = 64;

/// The index of a node in its rule.
pub(crate) type NodeId = u16;
/// The index of a block of statements in its rule.
pub(crate) type BlockId = u16;

/// A rule, ready to judge.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) id: Arc<str>,
    pub(crate) kind: Kind,
    pub(crate) file: Arc<str>,
    pub(crate) source: Arc<str>,
    pub(crate) nodes: Vec<Node>,
    /// Where each node stands in the source, and its text.
    pub(crate) origins: Vec<Origin>,
    pub(crate) blocks: Vec<Vec<Op>>,
    pub(crate) effects: Vec<Effect>,
    pub(crate) keys: Vec<Key>,
    pub(crate) texts: Vec<Arc<str>>,
    pub(crate) attributes: Vec<Arc<str>>,
    pub(crate) parameters: Vec<ParameterInfo>,
    pub(crate) slots: Vec<SlotDef>,
    /// Its calls of `command`.
    pub(crate) commands: Vec<CommandCall>,
    /// The places that it names.
    pub(crate) places: Vec<NamedPlace>,
    pub(crate) on_message: Option<Entry>,
    pub(crate) on_silent: Option<Entry>,
    pub(crate) on_timer: Option<Entry>,
    /// Whether the device is a member of the rule's group.
    pub(crate) member: Option<Member>,
    /// How long until `on_silent`, and the place of its slot.
    pub(crate) silence: Option<(Span, usize)>,
    /// The period of `on_timer(dev, "every")` in milliseconds, and the place of its slot.
    pub(crate) every: Option<(i64, usize)>,
    pub(crate) cooldown_ms: i64,
    /// The place of the slot of evaluation errors.
    pub(crate) faults_slot: usize,
    /// Whether an evaluation can fail: then old slots are kept until it has not.
    pub(crate) can_fail: bool,
    /// What only the interpreter does: expressions, statements, recursive functions.
    pub(crate) script_nodes: Vec<ScriptNode>,
    pub(crate) script_ops: Vec<ScriptOp>,
    pub(crate) script_functions: Vec<ScriptFunction>,
}

impl Rule {
    /// The functions that the engine calls, in order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entry_places().into_iter().flatten()
    }

    /// The same with a place for each that may be missing.
    pub(crate) fn entry_places(&self) -> [Option<&Entry>; 4] {
        let member = self.member.as_ref().map(|member| &member.entry);
        [self.on_message.as_ref(), self.on_silent.as_ref(), self.on_timer.as_ref(), member]
    }

    /// Whether any of them runs in the interpreter.
    pub(crate) fn is_scripted(&self) -> bool {
        self.entries().any(|entry| entry.script.is_some())
    }

    /// What a node is made of, in the order of evaluation; a variable's sources are not among it.
    pub(crate) fn children(&self, node: NodeId) -> Vec<NodeId> {
        let mut children = Vec::new();
        match self.nodes.get(usize::from(node)) {
            Some(Node::Script(script)) => {
                if let Some(script) = self.script_nodes.get(usize::from(*script)) {
                    children.extend(script.children());
                }
            }
            Some(node) => {
                node.map(&mut |child| {
                    children.push(child);
                    child
                });
            }
            None => {}
        }
        children
    }
}

/// `fn member(msg, dev)`, judged like `incident(member(msg, dev))` over a key of its own.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) entry: Entry,
    /// The key's place in the rule's keys; it is no key of an incident.
    pub(crate) key: usize,
    /// The first of its slots; those of the rule's other functions come before.
    pub(crate) first_slot: usize,
}

/// A function that the engine calls.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) block: BlockId,
    /// How many variables it needs.
    pub(crate) locals: usize,
    /// The nodes that can have given a variable its value, for explanations.
    pub(crate) local_sources: Vec<Vec<NodeId>>,
    /// The fields that it reads, as a mask.
    pub(crate) reads: u32,
    /// The variables that may hold a list or map, as a mask.
    pub(crate) lists: u64,
    /// Set if it runs in the interpreter.
    pub(crate) script: Option<Box<Script>>,
}

/// A length of time that is fixed, or counted in the device's reporting intervals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Span {
    Ms(i64),
    Intervals(f64),
}

/// A key that the rule raises.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: Arc<str>,
    /// The place of its verdict.
    pub(crate) slot: usize,
    /// Raised by `on_silent`: the next message clears it.
    pub(crate) by_silence: bool,
}

#[derive(Debug)]
pub(crate) struct SlotDef {
    pub(crate) id: String,
    pub(crate) kind: SlotKind,
    /// The fields whose arrival brings a sample.
    pub(crate) reads: u32,
    /// The timer's name, for `after`.
    pub(crate) timer: Option<Arc<str>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) pos: Pos,
    pub(crate) text: Arc<str>,
}

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
            | Node::Script(_) => self,
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

/// A statement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Op {
    Set {
        local: u8,
        value: NodeId,
        /// The variable begins here.
        new: bool,
    },
    If {
        condition: NodeId,
        then: BlockId,
        otherwise: BlockId,
    },
    /// Raise while the condition holds, clear when it does not.
    Incident {
        effect: u16,
        condition: NodeId,
    },
    Raise {
        effect: u16,
    },
    Clear {
        effect: u16,
    },
    After {
        slot: u16,
        wait: NodeId,
    },
    Cancel {
        slot: u16,
    },
    /// An index into the rule's commands.
    Command {
        command: u16,
    },
    /// Evaluated for its slots.
    Evaluate(NodeId),
    /// The body of a function without a value: `return` ends it alone.
    Call(BlockId),
    Return,
    /// Only in the interpreter; an index into the rule's `script_ops`.
    Script(u16),
}

impl Op {
    /// The statement with other expressions: `f` is called for each, in the order of evaluation. What
    /// stands in blocks, in effects and in `script_ops` is not among them.
    pub(crate) fn map(self, f: &mut impl FnMut(NodeId) -> NodeId) -> Op {
        match self {
            Op::Set { local, value, new } => Op::Set { local, value: f(value), new },
            Op::If { condition, then, otherwise } => Op::If { condition: f(condition), then, otherwise },
            Op::Incident { effect, condition } => Op::Incident { effect, condition: f(condition) },
            Op::After { slot, wait } => Op::After { slot, wait: f(wait) },
            Op::Evaluate(node) => Op::Evaluate(f(node)),
            Op::Raise { .. }
            | Op::Clear { .. }
            | Op::Cancel { .. }
            | Op::Command { .. }
            | Op::Call(_)
            | Op::Return
            | Op::Script(_) => self,
        }
    }
}

/// A call of `incident`, `raise` or `clear`.
#[derive(Debug)]
pub(crate) struct Effect {
    pub(crate) key: u8,
    pub(crate) severity: SeverityOf,
    pub(crate) condition: Arc<str>,
    pub(crate) value: Option<NodeId>,
    pub(crate) text_zh: Template,
    pub(crate) text_en: Template,
    pub(crate) origin: Origin,
    /// What an explanation shows: the conditions of the `if`s around the call, then its arguments.
    pub(crate) deciding: Vec<NodeId>,
}

/// A call of `command`.
#[derive(Debug)]
pub(crate) struct CommandCall {
    pub(crate) name: &'static str,
    /// What was last commanded under the name.
    pub(crate) slot: u16,
    /// In the catalogue's order.
    pub(crate) arguments: Vec<CommandArgument>,
    /// How long the device may take to answer.
    pub(crate) expires_s: u32,
    pub(crate) origin: Origin,
}

/// An argument of a command.
#[derive(Debug)]
pub(crate) struct CommandArgument {
    pub(crate) def: &'static FieldDef,
    pub(crate) node: NodeId,
}

/// The severity of an effect.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum SeverityOf {
    Fixed(Severity),
    /// A text node; `otherwise` while it is unknown.
    Node {
        node: NodeId,
        otherwise: Severity,
    },
}
