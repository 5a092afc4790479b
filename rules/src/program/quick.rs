//! Shorter ways through a rule's nodes: conditions that take one step.
//!
//! Nothing here means anything that the nodes do not mean: the machine takes these ways when nobody looks on, and an
//! explanation evaluates the nodes. The operations that are counted are the same on both ways.

use std::sync::Arc;

use gengfu_model::{FieldId, FieldType};

use super::fold::{self, float_of, int_of};
use super::tape::{Tape, tape};
use super::{Node, NodeId, Rule};
use crate::judge::clock_minutes;
use crate::script::tree::Binary;

/// How the live machine evaluates a rule's nodes.
#[derive(Debug, Default)]
pub(crate) struct Ways {
    /// The rule's nodes, some of them folded.
    pub(crate) nodes: Vec<Node>,
    /// The shorter way of each.
    pub(crate) quick: Vec<Quick>,
    /// By the entries' places: set if most evaluations of the entry need no machine.
    pub(crate) tapes: [Option<Arc<Tape>>; 4],
}

/// A node's shorter way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Quick {
    /// None: as the node says.
    Plain,
    /// A field against a constant.
    Against(Against),
    /// A field within a band between constants.
    Band(Band),
    /// The time of day between two constants, in minutes after midnight.
    During { from: u16, to: u16 },
}

/// A field, a comparison and a constant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Against {
    pub(crate) field: FieldId,
    pub(crate) number: Number,
    /// The operations that its nodes count.
    pub(crate) cost: u16,
    pub(crate) limit: Limit,
}

/// A comparison with a constant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Limit {
    pub(crate) op: Binary,
    /// What is said of numbers that are beyond doubt: above `high`, or below `low`.
    pub(crate) if_above: bool,
    pub(crate) if_below: bool,
    pub(crate) value: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// A field and the limits of a band.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Band {
    pub(crate) slot: u16,
    pub(crate) field: FieldId,
    pub(crate) number: Number,
    /// The operations that its nodes count.
    pub(crate) cost: u16,
    pub(crate) trip: f64,
    pub(crate) reset: f64,
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

impl Number {
    /// The operations that the field's nodes count.
    fn cost(self) -> u16 {
        match self {
            Number::Float | Number::Int => 1,
            Number::Whole => 2,
        }
    }
}

impl Against {
    fn new(op: Binary, (field, number): (FieldId, Number), (limit, cost): (f64, u16)) -> Against {
        Against { field, number, cost: 1 + number.cost() + cost, limit: Limit::new(op, limit) }
    }
}

impl Limit {
    pub(crate) fn new(op: Binary, value: f64) -> Limit {
        // rhai takes numbers for equal that differ by less than a relative epsilon, and by less than epsilon itself
        // beside a zero or where the product is too small for a float. Far from the limit, and with a limit that is
        // no tiny number, none of that matters.
        const MARGIN: f64 = 1e-12;
        let size = value.abs();
        let (low, high) = if size == 0.0 {
            (-MARGIN, MARGIN)
        } else if (1e-3..1e300).contains(&size) {
            (value - size * MARGIN, value + size * MARGIN)
        } else {
            (f64::NEG_INFINITY, f64::INFINITY)
        };
        Limit {
            op,
            if_above: matches!(op, Binary::Greater | Binary::GreaterOrEqual | Binary::NotEqual),
            if_below: matches!(op, Binary::Less | Binary::LessOrEqual | Binary::NotEqual),
            value,
            low,
            high,
        }
    }
}

/// The operations that the nodes of [`Quick::During`] count.
pub(crate) const DURING_COST: u32 = 3;

/// Finds the shorter ways of a rule that is lowered.
pub(crate) fn shorten(rule: &mut Rule) {
    rule.ways = ways(rule, rule.nodes.clone());
    rule.by_default = (!rule.parameters.is_empty()).then(|| ways(rule, fold::by_default(rule)));
}

fn ways(rule: &Rule, nodes: Vec<Node>) -> Ways {
    let mut ways = Ways { nodes, ..Ways::default() };
    for place in 0..ways.nodes.len() {
        // Children come first: theirs are known.
        let found = Finder { rule, ways: &ways }.of_node(ways.nodes[place]).unwrap_or(Quick::Plain);
        ways.quick.push(found);
    }
    let tapes = rule.entry_places().map(|entry| entry.and_then(|entry| tape(rule, &ways, entry)).map(Arc::new));
    ways.tapes = tapes;
    ways
}

/// Looks for shorter ways among those of the nodes before.
struct Finder<'a> {
    rule: &'a Rule,
    ways: &'a Ways,
}

impl Finder<'_> {
    fn of_node(&self, node: Node) -> Option<Quick> {
        let found = match node {
            Node::CompareFloat { op, a, b } | Node::CompareInt { op, a, b } => {
                let right = self.field(a).zip(self.number(b)).map(|(field, limit)| Against::new(op, field, limit));
                let left = || {
                    let (field, limit) = self.field(b).zip(self.number(a))?;
                    Some(Against::new(op.mirrored(), field, limit))
                };
                Quick::Against(right.or_else(left)?)
            }
            Node::At { from, to } => {
                let minutes = |id| minutes(self.rule, self.node(id)?);
                Quick::During { from: minutes(from)?, to: minutes(to)? }
            }
            Node::Band { slot, x, limits } => {
                let Node::Pair { a, b } = self.node(limits)? else { return None };
                let ((trip, first), (reset, second)) = (self.float(a)?, self.float(b)?);
                let (field, number) = self.field(x).filter(|(_, number)| *number != Number::Int)?;
                Quick::Band(Band { slot, field, number, cost: 1 + number.cost() + first + second, trip, reset })
            }
            _ => return None,
        };
        Some(found)
    }

    fn type_of(&self, field: FieldId) -> Option<FieldType> {
        self.rule.kind.field_def(field).map(|def| def.ty)
    }

    fn node(&self, id: NodeId) -> Option<Node> {
        self.ways.nodes.get(usize::from(id)).copied()
    }

    fn float(&self, id: NodeId) -> Option<(f64, u16)> {
        float_of(self.node(id)?)
    }

    /// A field that is a number, and how it is read there.
    fn field(&self, id: NodeId) -> Option<(FieldId, Number)> {
        let (field, inner) = match self.node(id)? {
            Node::Field(field) => (field, Number::Int),
            Node::ToFloat(x) => match self.node(x)? {
                Node::Field(field) => (field, Number::Whole),
                _ => return None,
            },
            _ => return None,
        };
        match (self.type_of(field)?, inner) {
            (FieldType::Number { .. }, Number::Int) => Some((field, Number::Float)),
            (FieldType::Integer { .. }, number) => Some((field, number)),
            _ => None,
        }
    }

    /// A constant with the operations that it counts; a whole one only if a float holds it.
    fn number(&self, id: NodeId) -> Option<(f64, u16)> {
        const EXACT: i64 = 1 << 53;
        let whole = || int_of(self.node(id)?).filter(|(v, _)| (-EXACT..=EXACT).contains(v));
        self.float(id).or_else(|| whole().map(|(v, cost)| (v as f64, cost)))
    }
}

/// A constant time of day, in minutes after midnight.
pub(super) fn minutes(rule: &Rule, node: Node) -> Option<u16> {
    let Node::Text(text) = node else { return None };
    u16::try_from(clock_minutes(rule.texts.get(usize::from(text))?)?).ok()
}
