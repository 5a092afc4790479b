//! Values of nodes: numbers, texts, and whatever a node has.

use super::conditions::is_boolean;
use super::daytime;
use super::machine::{MAX_OPERATIONS, Machine, Watch};
use super::number::{Failure, float_op, int_op, math};
use super::scalar::Scalar;
use crate::program::{BlockId, Node, NodeId};

impl<'a, W: Watch> Machine<'a, '_, W> {
    #[inline]
    pub(super) fn node(&mut self, id: NodeId) -> Node {
        self.operations += 1;
        if self.operations > MAX_OPERATIONS {
            self.fail(id, Failure::Budget);
            return Node::Pair { a: 0, b: 0 };
        }
        self.nodes.get(usize::from(id)).copied().unwrap_or(Node::Pair { a: 0, b: 0 })
    }

    /// A node of any type.
    pub(crate) fn scalar(&mut self, id: NodeId) -> Scalar<'a> {
        match self.nodes.get(usize::from(id)).copied() {
            None | Some(Node::Pair { .. } | Node::Script(_)) => Scalar::Unknown,
            Some(Node::Field(field)) => {
                self.operations += 1;
                let value = self.field_scalar(field);
                self.watch.saw(id, value);
                value
            }
            Some(Node::Attribute(_) | Node::Device(_) | Node::Parameter(_) | Node::Local(_)) => {
                self.operations += 1;
                let value = self.outer(id);
                self.watch.saw(id, value);
                value
            }
            Some(Node::Choose { condition, yes, no }) => {
                self.operations += 1;
                let value = match self.boolean(condition) {
                    Some(true) => self.scalar(yes),
                    Some(false) => self.scalar(no),
                    None => {
                        self.undecided = true;
                        Scalar::Unknown
                    }
                };
                self.watch.saw(id, value);
                value
            }
            Some(Node::Do { block, value }) => {
                self.block(block);
                let value = self.scalar(value);
                self.watch.saw(id, value);
                value
            }
            Some(Node::Call { block, result }) => {
                let value = self.called(block, result);
                self.watch.saw(id, value);
                value
            }
            Some(Node::OrElse { x, otherwise }) => {
                let value = match self.scalar(x) {
                    Scalar::Unknown => self.scalar(otherwise),
                    known => known,
                };
                self.watch.saw(id, value);
                value
            }
            Some(Node::Previous { slot, x }) => {
                self.operations += 1;
                let value = self.previous(slot, x);
                self.watch.saw(id, value);
                value
            }
            Some(Node::Text(_)) => self.text(id).into(),
            Some(node) if is_boolean(node) => self.boolean(id).into(),
            Some(node) if is_int(node) => self.int(id).into(),
            Some(_) => self.float(id).into(),
        }
    }

    /// A number. Most are constants and fields: these take no call.
    #[inline(always)]
    pub(crate) fn float(&mut self, id: NodeId) -> Option<f64> {
        match self.nodes.get(usize::from(id)) {
            Some(Node::Float(v)) => {
                self.operations += 1;
                Some(*v)
            }
            Some(Node::Folded { value, cost }) => {
                self.operations += u32::from(*cost);
                Some(*value)
            }
            Some(Node::Local(local)) => {
                self.operations += 1;
                let value = match self.locals.get(usize::from(*local)) {
                    Some(Scalar::Float(v)) => Some(*v),
                    _ => None,
                };
                self.watch.saw(id, value.into());
                value
            }
            Some(Node::Field(field)) => {
                self.operations += 1;
                let value = self.latest(*field).and_then(|latest| latest.value.as_number());
                self.watch.saw(id, value.into());
                value
            }
            _ => self.computed(id),
        }
    }

    /// A number that is no constant and no field.
    fn computed(&mut self, id: NodeId) -> Option<f64> {
        let value = match self.node(id) {
            Node::Attribute(_) | Node::Device(_) | Node::Parameter(_) | Node::Local(_) => match self.outer(id) {
                Scalar::Float(v) => Some(v),
                _ => None,
            },
            Node::OrElse { x, otherwise } => match self.float(x) {
                None => self.float(otherwise),
                known => known,
            },
            Node::ToFloat(x) => return self.int(x).map(|x| x as f64),
            Node::FloatOp { op, a, b } => {
                let (a, b) = (self.float(a), self.float(b));
                a.zip(b).map(|(a, b)| float_op(op, a, b))
            }
            Node::NegateFloat(x) => self.float(x).map(|x| -x),
            Node::Math { f, x } => self.float(x).and_then(|x| math(f, x)),
            Node::Smaller { a, b } => {
                let (a, b) = (self.float(a), self.float(b));
                a.zip(b).map(|(a, b)| a.min(b))
            }
            Node::Larger { a, b } => {
                let (a, b) = (self.float(a), self.float(b));
                a.zip(b).map(|(a, b)| a.max(b))
            }
            Node::Window { f, slot, x, span } => self.window(f, slot, x, span),
            Node::Place { word, name, at, more } => self.measure(word, name, at, more),
            Node::Implied { slot, at, fix } => self.implied_speed(slot, at, fix),
            _ => {
                return match self.scalar(id) {
                    Scalar::Float(v) => Some(v),
                    _ => None,
                };
            }
        };
        self.watch.saw(id, value.into());
        value
    }

    /// A whole number; durations mostly are constants.
    #[inline(always)]
    pub(crate) fn int(&mut self, id: NodeId) -> Option<i64> {
        match self.nodes.get(usize::from(id)) {
            Some(Node::Int(v)) => {
                self.operations += 1;
                Some(*v)
            }
            Some(Node::FoldedInt { value, cost }) => {
                self.operations += u32::from(*cost);
                Some(*value)
            }
            _ => self.computed_int(id),
        }
    }

    fn computed_int(&mut self, id: NodeId) -> Option<i64> {
        let value = match self.node(id) {
            Node::Field(field) => match self.field_scalar(field) {
                Scalar::Int(v) => Some(v),
                _ => None,
            },
            Node::Attribute(_) | Node::Device(_) | Node::Parameter(_) | Node::Local(_) => match self.outer(id) {
                Scalar::Int(v) => Some(v),
                _ => None,
            },
            Node::IntOp { op, a, b } => {
                let (a, b) = (self.int(a), self.int(b));
                match a.zip(b).map(|(a, b)| int_op(op, a, b)) {
                    Some(Ok(v)) => Some(v),
                    Some(Err(failure)) => {
                        self.fail(id, failure);
                        None
                    }
                    None => None,
                }
            }
            Node::NegateInt(x) => match self.int(x).map(i64::checked_neg) {
                Some(None) => {
                    self.fail(id, Failure::Overflow);
                    None
                }
                negated => negated.flatten(),
            },
            Node::ToInt(x) => {
                let whole = self.float(x).map(libm::trunc);
                whole.filter(|x| (-9.2e18..=9.2e18).contains(x)).map(|x| x as i64)
            }
            Node::Window { f, slot, x, span } => self.window(f, slot, x, span).map(|count| count as i64),
            Node::MissedStops { slot, route, at, more } => self.missed_stops(slot, route, at, more),
            Node::SinceSun { sunset } => daytime::since(self.on.cx, sunset),
            _ => {
                return match self.scalar(id) {
                    Scalar::Int(v) => Some(v),
                    _ => None,
                };
            }
        };
        self.watch.saw(id, value.into());
        value
    }

    pub(crate) fn text(&mut self, id: NodeId) -> Option<&'a str> {
        match self.node(id) {
            Node::Text(text) => self.rule.texts.get(usize::from(text)).map(AsRef::as_ref),
            _ => match self.scalar(id) {
                Scalar::Text(v) => Some(v),
                _ => None,
            },
        }
    }

    fn called(&mut self, block: BlockId, result: u8) -> Scalar<'a> {
        let place = usize::from(result);
        if let Some(local) = self.locals.get_mut(place) {
            *local = Scalar::Unknown;
        }
        self.block(block);
        self.locals.get(place).copied().unwrap_or_default()
    }
}

/// Whether a node of its own sort is a whole number.
pub(crate) fn is_int(node: Node) -> bool {
    use crate::program::WindowFunction::{Count, CountTrue};
    matches!(
        node,
        Node::Int(_)
            | Node::FoldedInt { .. }
            | Node::IntOp { .. }
            | Node::NegateInt(_)
            | Node::ToInt(_)
            | Node::SinceSun { .. }
            | Node::MissedStops { .. }
            | Node::Window { f: Count | CountTrue, .. }
    )
}
