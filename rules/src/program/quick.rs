//! Shorter ways through a rule: conditions that take one step, and entries that most of the time change nothing.
//!
//! Nothing here means anything that the nodes do not mean: the machine takes these ways when nobody looks on, and an
//! explanation evaluates the nodes. The operations that are counted are the same on both ways.

use gengfu_model::{FieldId, FieldType};

use super::{BlockId, Entry, Node, NodeId, Op, Rule};
use crate::judge::clock_minutes;
use crate::script::tree::Binary;

/// A node's shorter way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Quick {
    /// None: as the node says.
    Plain,
    /// A field that is yes or no.
    Flag(FieldId),
    /// A field against a constant.
    Against(Against),
    /// The time of day between two constants, in minutes after midnight.
    During {
        from: u16,
        to: u16,
    },
    /// The inner conditions have shorter ways too, and no memory.
    Not(NodeId),
    And {
        a: NodeId,
        b: NodeId,
    },
    Or {
        a: NodeId,
        b: NodeId,
    },
}

/// A field, a comparison and a constant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Against {
    pub(crate) op: Binary,
    pub(crate) field: FieldId,
    pub(crate) number: Number,
    pub(crate) limit: f64,
}

/// How the field's number is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    /// As it is.
    Float,
    /// As a whole number that became a float.
    Whole,
    /// As a whole number with a whole number.
    Int,
}

impl Against {
    /// The operations that its nodes count.
    pub(crate) fn cost(self) -> u32 {
        match self.number {
            Number::Float | Number::Int => 3,
            Number::Whole => 4,
        }
    }
}

/// The operations that the nodes of [`Quick::During`] count.
pub(crate) const DURING_COST: u32 = 3;

/// An entry that is nothing but calls of `incident` over conditions with shorter ways. As long as each says of its key
/// what is remembered, nothing is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Glance {
    pub(crate) calls: Vec<GlanceCall>,
}

/// A call of `incident`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct GlanceCall {
    pub(crate) condition: NodeId,
    /// The slot of its key's verdict.
    pub(crate) verdict: usize,
}

/// Finds the shorter ways of a rule that is lowered.
pub(crate) fn shorten(rule: &mut Rule) {
    let mut quick: Vec<Quick> = Vec::with_capacity(rule.nodes.len());
    for node in &rule.nodes {
        // Children come first: theirs are known.
        let found = of_node(rule, *node, &quick);
        quick.push(found);
    }
    rule.quick = quick;
    let glance = |entry: &Option<Entry>| entry.as_ref().and_then(|entry| of_entry(rule, entry));
    let found = [glance(&rule.on_message), glance(&rule.on_silent), glance(&rule.on_timer)];
    let of_member = rule.member.as_ref().and_then(|member| of_entry(rule, &member.entry));
    for (entry, glance) in [&mut rule.on_message, &mut rule.on_silent, &mut rule.on_timer].into_iter().zip(found) {
        if let Some(entry) = entry {
            entry.glance = glance;
        }
    }
    if let Some(member) = &mut rule.member {
        member.entry.glance = of_member;
    }
}

fn of_node(rule: &Rule, node: Node, known: &[Quick]) -> Quick {
    let has_way = |id: NodeId| known.get(usize::from(id)).is_some_and(|quick| *quick != Quick::Plain);
    match node {
        Node::Field(field) if matches!(type_of(rule, field), Some(FieldType::Bool)) => Quick::Flag(field),
        Node::CompareFloat { op, a, b } | Node::CompareInt { op, a, b } => {
            let (left, right) = (number(rule, a), number(rule, b));
            let found = match (field(rule, a), right, left, field(rule, b)) {
                (Some((field, number)), Some(limit), _, _) => Some(Against { op, field, number, limit }),
                (_, _, Some(limit), Some((field, number))) => Some(Against { op: op.mirrored(), field, number, limit }),
                _ => None,
            };
            found.map_or(Quick::Plain, Quick::Against)
        }
        Node::At { from, to } => match (minutes(rule, from), minutes(rule, to)) {
            (Some(from), Some(to)) => Quick::During { from, to },
            _ => Quick::Plain,
        },
        Node::Not(x) if has_way(x) => Quick::Not(x),
        Node::And { a, b, eager: false } if has_way(a) && has_way(b) => Quick::And { a, b },
        Node::Or { a, b, eager: false } if has_way(a) && has_way(b) => Quick::Or { a, b },
        _ => Quick::Plain,
    }
}

fn type_of(rule: &Rule, field: FieldId) -> Option<FieldType> {
    rule.kind.field_def(field).map(|def| def.ty)
}

fn node(rule: &Rule, id: NodeId) -> Option<Node> {
    rule.nodes.get(usize::from(id)).copied()
}

/// A field that is a number, and how it is read there.
fn field(rule: &Rule, id: NodeId) -> Option<(FieldId, Number)> {
    let (field, inner) = match node(rule, id)? {
        Node::Field(field) => (field, Number::Int),
        Node::ToFloat(x) => match node(rule, x)? {
            Node::Field(field) => (field, Number::Whole),
            _ => return None,
        },
        _ => return None,
    };
    match (type_of(rule, field)?, inner) {
        (FieldType::Number { .. }, Number::Int) => Some((field, Number::Float)),
        (FieldType::Integer { .. }, number) => Some((field, number)),
        _ => None,
    }
}

/// A constant; a whole one only if a float holds it.
fn number(rule: &Rule, id: NodeId) -> Option<f64> {
    const EXACT: i64 = 1 << 53;
    match node(rule, id)? {
        Node::Float(v) => Some(v),
        Node::Int(v) if (-EXACT..=EXACT).contains(&v) => Some(v as f64),
        _ => None,
    }
}

fn minutes(rule: &Rule, id: NodeId) -> Option<u16> {
    let Node::Text(text) = node(rule, id)? else { return None };
    u16::try_from(clock_minutes(rule.texts.get(usize::from(text))?)?).ok()
}

fn of_entry(rule: &Rule, entry: &Entry) -> Option<Glance> {
    if entry.script.is_some() || !entry.command_slots.is_empty() {
        return None;
    }
    let calls = block(rule, entry.block).iter().map(|op| match *op {
        Op::Incident { effect, condition } => {
            let key = rule.effects.get(usize::from(effect))?.key;
            let verdict = rule.keys.get(usize::from(key))?.slot;
            let has_way = rule.quick.get(usize::from(condition)).is_some_and(|quick| *quick != Quick::Plain);
            has_way.then_some(GlanceCall { condition, verdict })
        }
        _ => None,
    });
    let calls: Vec<GlanceCall> = calls.collect::<Option<_>>()?;
    (!calls.is_empty()).then_some(Glance { calls })
}

fn block(rule: &Rule, block: BlockId) -> &[Op] {
    rule.blocks.get(usize::from(block)).map_or(&[], Vec::as_slice)
}
