//! Conditions in Kleene's logic: true, false or unknown.

use gengfu_model::Value;

use super::daytime;
use super::machine::{Machine, Watch};
use super::number::{compare_floats, compare_ints};
use super::quick::{against, number};
use super::scalar::Scalar;
use crate::program::{Node, NodeId, PlaceWord, Quick};
use crate::script::tree::Binary;

impl<W: Watch> Machine<'_, '_, W> {
    /// A condition. Comparisons of numbers, the most of all, have a small function of their own.
    #[inline]
    pub(crate) fn boolean(&mut self, id: NodeId) -> Option<bool> {
        if !W::LOOKS {
            match self.quick.get(usize::from(id)) {
                Some(Quick::Against(comparison)) => {
                    self.operations += u32::from(comparison.cost);
                    return against(self.on, comparison);
                }
                Some(Quick::Band(band)) => {
                    self.operations += u32::from(band.cost);
                    let x = number(self.on, band.field, band.number)?;
                    return self.within(band.slot, x, band.trip, band.reset);
                }
                _ => {}
            }
        }
        match self.nodes.get(usize::from(id)) {
            Some(Node::CompareFloat { op, a, b }) => self.compare(id, *op, *a, *b),
            Some(Node::Local(local)) => {
                self.operations += 2;
                let value = self.locals.get(usize::from(*local)).copied().unwrap_or_default();
                self.watch.saw(id, value);
                match value {
                    Scalar::Bool(v) => Some(v),
                    _ => None,
                }
            }
            _ => self.condition(id),
        }
    }

    fn compare(&mut self, id: NodeId, op: Binary, a: NodeId, b: NodeId) -> Option<bool> {
        self.operations += 1;
        let (a, b) = (self.float(a), self.float(b));
        let value = match (a, b) {
            (Some(a), Some(b)) => Some(compare_floats(op, a, b)),
            _ => None,
        };
        self.watch.saw(id, value.into());
        value
    }

    /// A condition that is no comparison of numbers.
    fn condition(&mut self, id: NodeId) -> Option<bool> {
        let value = match self.node(id) {
            Node::Bool(v) => return Some(v),
            Node::Field(field) => self.latest(field).and_then(|latest| match latest.value {
                Value::Bool(v) => Some(v),
                Value::Number(_) | Value::Text(_) => None,
            }),
            Node::CompareFloat { op, a, b } => return self.compare(id, op, a, b),
            Node::CompareInt { op, a, b } => {
                let (a, b) = (self.int(a), self.int(b));
                a.zip(b).map(|(a, b)| compare_ints(op, a, b))
            }
            Node::Not(x) => self.boolean(x).map(|x| !x),
            Node::And { a, b, eager } => match self.boolean(a) {
                Some(false) if !eager => Some(false),
                a => and(a, self.boolean(b)),
            },
            Node::Or { a, b, eager } => match self.boolean(a) {
                Some(true) if !eager => Some(true),
                a => or(a, self.boolean(b)),
            },
            Node::SameBool { negated, a, b } => {
                let (a, b) = (self.boolean(a), self.boolean(b));
                a.zip(b).map(|(a, b)| (a == b) != negated)
            }
            Node::SameText { negated, a, b } => {
                let (a, b) = (self.text(a), self.text(b));
                a.zip(b).map(|(a, b)| (a == b) != negated)
            }
            Node::Known(x) => Some(!matches!(self.scalar(x), Scalar::Unknown)),
            Node::At { from, to } => self.at(id, from, to),
            Node::Lit { from, to } => self.lit(from, to),
            Node::Workday => daytime::workday(self.on.cx),
            Node::Sun { word, margin } => self.sun(word, margin),
            Node::Place { word, name, at, more } => self.is_at(word, name, at, more),
            Node::Flapping { slot, condition, limits } => self.flapping(slot, condition, limits),
            Node::Held { slot, condition, wait } => self.held(slot, condition, wait),
            Node::Band { slot, x, limits } => self.band(slot, x, limits),
            Node::Changed { slot, x } => self.changed(slot, x),
            Node::Attribute(_)
            | Node::Device(_)
            | Node::Parameter(_)
            | Node::Local(_)
            | Node::Choose { .. }
            | Node::Do { .. }
            | Node::Call { .. }
            | Node::OrElse { .. }
            | Node::Previous { .. } => {
                return match self.scalar(id) {
                    Scalar::Bool(v) => Some(v),
                    _ => None,
                };
            }
            _ => None,
        };
        self.watch.saw(id, value.into());
        value
    }
}

pub(super) fn and(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

pub(super) fn or(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}

pub(crate) fn is_boolean(node: Node) -> bool {
    matches!(
        node,
        Node::Bool(_)
            | Node::Not(_)
            | Node::And { .. }
            | Node::Or { .. }
            | Node::CompareInt { .. }
            | Node::CompareFloat { .. }
            | Node::SameBool { .. }
            | Node::SameText { .. }
            | Node::Known(_)
            | Node::At { .. }
            | Node::Lit { .. }
            | Node::Workday
            | Node::Sun { .. }
            | Node::Flapping { .. }
            | Node::Place { word: PlaceWord::Inside | PlaceWord::OffRoute, .. }
            | Node::Held { .. }
            | Node::Band { .. }
            | Node::Changed { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn and_and_or_follow_kleene() {
        let (t, f, u) = (Some(true), Some(false), None);
        for (a, b, both, either) in [
            (t, t, t, t),
            (t, f, f, t),
            (t, u, u, t),
            (f, t, f, t),
            (f, f, f, f),
            (f, u, f, u),
            (u, t, u, t),
            (u, f, f, u),
            (u, u, u, u),
        ] {
            assert_eq!(and(a, b), both, "{a:?} && {b:?}");
            assert_eq!(or(a, b), either, "{a:?} || {b:?}");
        }
    }
}
