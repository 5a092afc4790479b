//! Writing conditions that decide where a tape goes on.
//!
//! `a && b` is no value there: it is the way from `a` to `b`. What is true so far and what is unknown so far lead to
//! two copies of `b`, since an unknown left side makes a true right side unknown; so no register has to tell them
//! apart, and a comparison is one step.

use super::super::quick::Limit;
use super::super::{Node, NodeId};
use super::values::{Compared, Comparison};
use super::writer::Writer;
use super::{Near, Place, Step};
use crate::Latest;

/// A condition may be copied into so many tests; one that would need more is a value first.
const MAX_TESTS: usize = 16;

/// Where it goes on after a condition.
#[derive(Clone, Copy)]
pub(super) struct Exits {
    pub(super) yes: Place,
    pub(super) no: Place,
    pub(super) unknown: Place,
}

impl Writer<'_> {
    /// A condition, and what follows from it.
    pub(super) fn test(&mut self, id: NodeId, exits: Exits) -> Option<()> {
        match self.node(id)? {
            Node::And { a, b, eager: false } if self.tests(id)? <= MAX_TESTS => self.chain(false, (a, b), exits),
            Node::Or { a, b, eager: false } if self.tests(id)? <= MAX_TESTS => self.chain(true, (a, b), exits),
            Node::Not(x) => {
                self.cost += 1;
                self.test(x, Exits { yes: exits.no, no: exits.yes, ..exits })
            }
            Node::CompareFloat { op, a, b } => {
                let low = self.low;
                self.cost += 1;
                match self.with_constant(op, (a, b))? {
                    Some(Comparison { x, limit }) => self.compared(x, limit, exits)?,
                    None => {
                        let (a, b, cost) = (self.float(a)?, self.float(b)?, self.take_cost());
                        let Exits { yes, no, unknown } = exits;
                        self.push(Step::TestFloats { op, a, b, cost, yes, no, unknown })?;
                    }
                }
                self.low = low;
                Some(())
            }
            _ => {
                let low = self.low;
                let (x, cost) = (self.boolean(id)?, self.take_cost());
                self.low = low;
                let Exits { yes, no, unknown } = exits;
                self.push(Step::Branch { x, cost, yes, no, unknown })
            }
        }
    }

    /// `&&` and `||`: the left side is `decisive`, or the right one is looked at.
    fn chain(&mut self, decisive: bool, (a, b): (NodeId, NodeId), exits: Exits) -> Option<()> {
        self.cost += 1;
        let [sure, unsure] = [self.label()?, self.label()?];
        let (left, right) = if decisive {
            (Exits { no: sure, unknown: unsure, ..exits }, Exits { no: exits.unknown, ..exits })
        } else {
            (Exits { yes: sure, unknown: unsure, ..exits }, Exits { yes: exits.unknown, ..exits })
        };
        self.test(a, left)?;
        let known = self.sources.len();
        for (way, exits) in [(sure, exits), (unsure, right)] {
            self.place(way)?;
            self.test(b, exits)?;
            // The right side is not looked at on every way.
            self.sources.truncate(known);
        }
        Some(())
    }

    /// A number against a constant.
    fn compared(&mut self, x: Compared, limit: Limit, Exits { yes, no, unknown }: Exits) -> Option<()> {
        let (near, cost) = (u16::try_from(self.tape.near.len()).ok()?, self.take_cost());
        let side = |is_met: bool| if is_met { yes } else { no };
        let (low, high, above, below) = (limit.low, limit.high, side(limit.if_above), side(limit.if_below));
        self.tape.near.push(Near { limit, yes, no });
        self.push(match x {
            Compared::Field(field) => {
                let (bit, cost) = (Latest::bit(field)?, u16::try_from(cost).ok()?);
                Step::TestField { bit, near, cost, low, high, above, below, unknown }
            }
            Compared::Register(x) => Step::Test { x, near, cost, low, high, above, below, unknown },
        })
    }

    /// How many tests a condition becomes.
    fn tests(&self, id: NodeId) -> Option<usize> {
        Some(match self.node(id)? {
            Node::And { a, b, eager: false } | Node::Or { a, b, eager: false } => {
                self.tests(a)?.saturating_add(self.tests(b)?.saturating_mul(2))
            }
            Node::Not(x) => self.tests(x)?,
            _ => 1,
        })
    }
}
