//! The lowered form of a rule: typed nodes in one flat list, evaluated without looking up a name.
//!
//! Children come before their parents in the list and there are no loops, so an evaluation visits
//! each node at most once per place it is used: its cost is bounded by the list's length, which
//! [`MAX_NODES`] bounds. What an entry needs beyond that (loops, lists, recursion) stands in
//! [`Node::Script`] and [`Op::Script`]; such an entry is printed as a script and runs in the interpreter.

mod fold;
mod node;
mod op;
mod quick;
mod tape;

use std::sync::Arc;

use gengfu_model::catalogue::FieldDef;
use gengfu_model::{Kind, Severity};

use crate::interp::{Script, ScriptFunction, ScriptNode, ScriptOp};
use crate::judge::SlotKind;
use crate::lower::NamedPlace;
use crate::pack::ParameterInfo;
use crate::parameters::Parameters;
use crate::script::Pos;
use crate::template::Template;

pub(crate) use node::{DeviceProperty, Math, Node, PlaceWord, SunWord, WindowFunction};
pub(crate) use op::Op;
pub(crate) use quick::{Against, DURING_COST, Limit, Number, Quick, Ways, shorten};
pub(crate) use tape::{FEW_REGISTERS, MANY_REGISTERS, Needs, Place, Register, Step, Tape};

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
    /// How the live machine evaluates the nodes.
    pub(crate) ways: Ways,
    /// The same while no parameter of the rule is set for anybody; `None` if it has none.
    pub(crate) by_default: Option<Ways>,
    /// The rule's id as [`Parameters::may_set`] knows it.
    pub(crate) mark: u64,
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

    /// How the live machine evaluates the nodes under these settings.
    #[inline]
    pub(crate) fn ways(&self, parameters: &Parameters) -> &Ways {
        match &self.by_default {
            Some(ways) if !parameters.may_set(self.mark) => ways,
            _ => &self.ways,
        }
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
    /// The slots of its commands.
    pub(crate) command_slots: Vec<usize>,
    /// Set if it runs in the interpreter.
    pub(crate) script: Option<Box<Script>>,
    /// Its place in [`Rule::entry_places`].
    pub(crate) place: u8,
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
