//! Shorter ways through a rule: conditions that take one step, and entries that most of the time change nothing.
//!
//! Nothing here means anything that the nodes do not mean: the machine takes these ways when nobody looks on, and an
//! explanation evaluates the nodes. The operations that are counted are the same on both ways.

use gengfu_model::{FieldId, FieldType};

use super::fold::{self, float_of, int_of};
use super::{BlockId, Entry, Node, NodeId, Op, Rule};
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
    pub(crate) glances: [Option<Glance>; 4],
}

/// A node's shorter way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Quick {
    /// None: as the node says.
    Plain,
    /// A field that is yes or no.
    Flag(FieldId),
    /// A condition that has a name.
    Local(u8),
    /// A field against a constant.
    Against(Against),
    /// A field within a band between constants.
    Band(Band),
    /// The time of day between two constants, in minutes after midnight.
    During {
        from: u16,
        to: u16,
    },
    /// The inner conditions have shorter ways too.
    Not(NodeId),
    /// `eager`: both sides are looked at, since the right one remembers.
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
    /// For a constant time; `cost` is what the time's nodes count.
    Held {
        slot: u16,
        condition: NodeId,
        wait_ms: u32,
        cost: u16,
    },
}

/// A field, a comparison and a constant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Against {
    pub(crate) op: Binary,
    pub(crate) field: FieldId,
    pub(crate) number: Number,
    /// What is said of numbers that are beyond doubt: above `high`, or below `low`.
    pub(crate) if_above: bool,
    pub(crate) if_below: bool,
    /// The operations that its nodes count.
    pub(crate) cost: u16,
    pub(crate) limit: f64,
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
    pub(crate) fn new(op: Binary, (field, number): (FieldId, Number), (limit, cost): (f64, u16)) -> Against {
        // rhai takes numbers for equal that differ by less than a relative epsilon, and by less than epsilon itself
        // beside a zero or where the product is too small for a float. Far from the limit, and with a limit that is
        // no tiny number, none of that matters.
        const MARGIN: f64 = 1e-12;
        let size = limit.abs();
        let (low, high) = if size == 0.0 {
            (-MARGIN, MARGIN)
        } else if (1e-3..1e300).contains(&size) {
            (limit - size * MARGIN, limit + size * MARGIN)
        } else {
            (f64::NEG_INFINITY, f64::INFINITY)
        };
        Against {
            op,
            field,
            number,
            if_above: matches!(op, Binary::Greater | Binary::GreaterOrEqual | Binary::NotEqual),
            if_below: matches!(op, Binary::Less | Binary::LessOrEqual | Binary::NotEqual),
            cost: 1 + number.cost() + cost,
            limit,
            low,
            high,
        }
    }
}

/// The operations that the nodes of [`Quick::During`] count.
pub(crate) const DURING_COST: u32 = 3;

/// The most variables that a glance knows.
pub(crate) const GLANCE_LOCALS: usize = 8;

/// An entry that is nothing but calls of `incident` over conditions with shorter ways. As long as each says of its key
/// what is remembered, and nothing else is to be remembered, nothing is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Glance {
    pub(crate) steps: Vec<GlanceStep>,
}

/// A statement of such an entry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum GlanceStep {
    /// A call of `incident`, and the slot of its key's verdict.
    Incident { condition: NodeId, verdict: usize },
    /// A condition that has a name.
    Let { local: u8, condition: NodeId },
    /// One of two constant texts, such as a severity, of which nobody needs to know as long as nothing is raised.
    Choose { condition: NodeId },
}

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
    let finder = Finder { rule, ways: &ways };
    let glances = rule.entry_places().map(|entry| entry.and_then(|entry| finder.of_entry(entry)));
    ways.glances = glances;
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
            Node::Field(field) if matches!(self.type_of(field), Some(FieldType::Bool)) => Quick::Flag(field),
            // What is set in a glance's block is a condition; nothing else has a place there.
            Node::Local(local) if usize::from(local) < GLANCE_LOCALS => Quick::Local(local),
            Node::CompareFloat { op, a, b } | Node::CompareInt { op, a, b } => {
                let right = self.field(a).zip(self.number(b)).map(|(field, limit)| Against::new(op, field, limit));
                let left = || {
                    let (field, limit) = self.field(b).zip(self.number(a))?;
                    Some(Against::new(op.mirrored(), field, limit))
                };
                Quick::Against(right.or_else(left)?)
            }
            Node::At { from, to } => Quick::During { from: self.minutes(from)?, to: self.minutes(to)? },
            Node::Not(x) if self.has_way(x) => Quick::Not(x),
            Node::And { a, b, eager } if self.has_way(a) && self.has_way(b) => Quick::And { a, b, eager },
            Node::Or { a, b, eager } if self.has_way(a) && self.has_way(b) => Quick::Or { a, b, eager },
            Node::Band { slot, x, limits } => {
                let Node::Pair { a, b } = self.node(limits)? else { return None };
                let ((trip, first), (reset, second)) = (self.float(a)?, self.float(b)?);
                let (field, number) = self.field(x).filter(|(_, number)| *number != Number::Int)?;
                Quick::Band(Band { slot, field, number, cost: 1 + number.cost() + first + second, trip, reset })
            }
            Node::Held { slot, condition, wait } if self.has_way(condition) => {
                let (wait, cost) = int_of(self.node(wait)?)?;
                let wait_ms = u32::try_from(wait.max(0)).unwrap_or(u32::MAX);
                Quick::Held { slot, condition, wait_ms, cost }
            }
            _ => return None,
        };
        Some(found)
    }

    fn has_way(&self, id: NodeId) -> bool {
        self.ways.quick.get(usize::from(id)).is_some_and(|quick| *quick != Quick::Plain)
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

    fn minutes(&self, id: NodeId) -> Option<u16> {
        let Node::Text(text) = self.node(id)? else { return None };
        u16::try_from(clock_minutes(self.rule.texts.get(usize::from(text))?)?).ok()
    }

    fn of_entry(&self, entry: &Entry) -> Option<Glance> {
        if entry.script.is_some() || !entry.command_slots.is_empty() {
            return None;
        }
        let steps = block(self.rule, entry.block).iter().map(|op| match *op {
            Op::Incident { effect, condition } if self.has_way(condition) => {
                let key = self.rule.effects.get(usize::from(effect))?.key;
                let verdict = self.rule.keys.get(usize::from(key))?.slot;
                Some(GlanceStep::Incident { condition, verdict })
            }
            Op::Set { local, value, .. } if usize::from(local) < GLANCE_LOCALS => match self.node(value)? {
                Node::Choose { condition, yes, no }
                    if self.has_way(condition) && self.is_text(yes) && self.is_text(no) =>
                {
                    Some(GlanceStep::Choose { condition })
                }
                // Another name for a variable counts otherwise than a condition.
                Node::Local(_) => None,
                _ => self.has_way(value).then_some(GlanceStep::Let { local, condition: value }),
            },
            _ => None,
        });
        let steps: Vec<GlanceStep> = steps.collect::<Option<_>>()?;
        steps.iter().any(|step| matches!(step, GlanceStep::Incident { .. })).then_some(Glance { steps })
    }

    fn is_text(&self, id: NodeId) -> bool {
        matches!(self.node(id), Some(Node::Text(_)))
    }
}

fn block(rule: &Rule, block: BlockId) -> &[Op] {
    rule.blocks.get(usize::from(block)).map_or(&[], Vec::as_slice)
}
