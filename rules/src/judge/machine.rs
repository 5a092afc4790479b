//! Evaluating lowered nodes: numbers that may be unknown, conditions in Kleene's logic.
//!
//! A failure (integer overflow, division by zero, budget) makes the value unknown and is remembered;
//! whoever started the evaluation then drops everything it did. A replay reads slots and changes
//! none: it runs after the evaluation it explains, and every primitive gives the same value again.

use gengfu_model::{Severity, Timestamp, Value};

use super::number::{Failure, compare_floats, compare_ints, float_op, int_op, root};
use super::scalar::Scalar;
use super::state::Slot;
use super::{Context, daytime};
use crate::program::{BlockId, Entry, MAX_KEYS, Math, Node, NodeId, Op, Rule, SeverityOf};

/// The most operations of one evaluation. Far above what a rule of the largest size needs: it is a
/// fence, not a ration.
pub(crate) const MAX_OPERATIONS: u32 = 100_000;

/// Why an evaluation runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Trigger {
    /// A reading with its event time and the fields that it carries.
    Reading { event_time: Timestamp, carried: u32 },
    /// A timer is due.
    Timer,
    /// The device has been silent.
    Silent,
}

/// What an evaluation says of a key; the last call for a key counts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Outcome {
    /// Nothing: not reached, or unknown.
    #[default]
    None,
    Clear {
        effect: u16,
    },
    Raise {
        effect: u16,
        severity: Severity,
        value: Option<f64>,
    },
}

/// Where an evaluation failed, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) node: NodeId,
    pub(crate) failure: Failure,
}

/// Looks on while nodes are evaluated.
pub(crate) trait Watch {
    /// Slots are read and not changed.
    const REPLAY: bool;
    fn saw(&mut self, node: NodeId, value: Scalar<'_>);
    /// A call of `incident`, `raise` or `clear` was reached.
    #[inline(always)]
    fn reached(&mut self, _effect: u16) {}
}

/// The hot path: nobody looks on.
pub(crate) struct Unwatched;

impl Watch for Unwatched {
    const REPLAY: bool = false;
    #[inline(always)]
    fn saw(&mut self, _: NodeId, _: Scalar<'_>) {}
}

/// One evaluation of one rule.
pub(crate) struct Machine<'a, 's, W> {
    pub(crate) rule: &'a Rule,
    pub(crate) cx: &'a Context<'a>,
    pub(crate) trigger: Trigger,
    /// When the device was last heard.
    pub(crate) heard: Option<Timestamp>,
    /// The rule's slots.
    pub(crate) slots: &'s mut [Slot],
    pub(crate) locals: &'s mut [Scalar<'a>],
    pub(crate) outcomes: [Outcome; MAX_KEYS],
    pub(crate) operations: u32,
    pub(crate) fault: Option<Fault>,
    /// Slots as they were before they changed, in order.
    pub(crate) before: Vec<(u16, Slot)>,
    pub(crate) watch: W,
}

/// Whether the statements of a function go on.
#[derive(PartialEq)]
pub(crate) enum Flow {
    On,
    Return,
}

impl<'a, 's, W: Watch> Machine<'a, 's, W> {
    pub(crate) fn new(
        rule: &'a Rule,
        cx: &'a Context<'a>,
        trigger: Trigger,
        heard: Option<Timestamp>,
        slots: &'s mut [Slot],
        locals: &'s mut [Scalar<'a>],
        watch: W,
    ) -> Self {
        let outcomes = [Outcome::None; MAX_KEYS];
        let before = Vec::new();
        Machine { rule, cx, trigger, heard, slots, locals, outcomes, operations: 0, fault: None, before, watch }
    }

    pub(crate) fn run(&mut self, entry: &'a Entry) {
        match &entry.script {
            None => {
                self.block(entry.block);
            }
            Some(script) => self.run_script(script),
        }
    }

    fn block(&mut self, block: BlockId) -> Flow {
        let rule = self.rule;
        for op in rule.blocks.get(usize::from(block)).map_or(&[][..], Vec::as_slice) {
            self.operations += 1;
            if self.op(*op) == Flow::Return {
                return Flow::Return;
            }
        }
        Flow::On
    }

    pub(crate) fn op(&mut self, op: Op) -> Flow {
        match op {
            Op::Set { local, value, .. } => {
                let value = self.scalar(value);
                if let Some(place) = self.locals.get_mut(usize::from(local)) {
                    *place = value;
                }
            }
            Op::If { condition, then, otherwise } => {
                return match self.boolean(condition) {
                    Some(true) => self.block(then),
                    Some(false) => self.block(otherwise),
                    None => Flow::On,
                };
            }
            Op::Incident { effect, condition } => {
                self.watch.reached(effect);
                match self.boolean(condition) {
                    Some(true) => self.raise(effect),
                    Some(false) => self.say(effect, Outcome::Clear { effect }),
                    None => {}
                }
            }
            Op::Raise { effect } => {
                self.watch.reached(effect);
                self.raise(effect);
            }
            Op::Clear { effect } => {
                self.watch.reached(effect);
                self.say(effect, Outcome::Clear { effect });
            }
            Op::After { slot, wait } => self.after(slot, wait),
            Op::Cancel { slot } => self.write(slot, Slot::Empty),
            Op::Evaluate(node) => {
                self.scalar(node);
            }
            Op::Call(block) => {
                self.block(block);
            }
            Op::Return => return Flow::Return,
            // Runs in the interpreter alone.
            Op::Script(_) => {}
        }
        Flow::On
    }

    fn raise(&mut self, effect: u16) {
        let Some(def) = self.rule.effects.get(usize::from(effect)) else { return };
        let value = def.value.and_then(|node| self.float(node));
        let severity = match def.severity {
            SeverityOf::Fixed(_) => None,
            SeverityOf::Node { node, .. } => self.text(node),
        };
        self.raise_as(effect, value, severity);
    }

    /// Raises with a value and a severity that are computed already.
    pub(crate) fn raise_as(&mut self, effect: u16, value: Option<f64>, severity: Option<&str>) {
        let Some(def) = self.rule.effects.get(usize::from(effect)) else { return };
        let severity = match def.severity {
            SeverityOf::Fixed(severity) => severity,
            SeverityOf::Node { otherwise, .. } => severity.and_then(Severity::from_name).unwrap_or(otherwise),
        };
        self.say(effect, Outcome::Raise { effect, severity, value });
    }

    pub(crate) fn say(&mut self, effect: u16, outcome: Outcome) {
        let key = self.rule.effects.get(usize::from(effect)).map_or(0, |effect| effect.key);
        if let Some(place) = self.outcomes.get_mut(usize::from(key)) {
            *place = outcome;
        }
    }

    /// Changes a slot and keeps what it was; nothing while replaying.
    pub(crate) fn write(&mut self, slot: u16, new: Slot) {
        if W::REPLAY {
            return;
        }
        if let Some(place) = self.slots.get_mut(usize::from(slot))
            && *place != new
        {
            let old = std::mem::replace(place, new);
            self.before.push((slot, old));
        }
    }

    pub(crate) fn slot(&self, slot: u16) -> &Slot {
        self.slots.get(usize::from(slot)).unwrap_or(&Slot::Empty)
    }

    pub(crate) fn fail(&mut self, node: NodeId, failure: Failure) {
        self.fault.get_or_insert(Fault { node, failure });
    }

    fn node(&mut self, id: NodeId) -> Node {
        self.operations += 1;
        if self.operations > MAX_OPERATIONS {
            self.fail(id, Failure::Budget);
            return Node::Pair { a: 0, b: 0 };
        }
        self.rule.nodes.get(usize::from(id)).copied().unwrap_or(Node::Pair { a: 0, b: 0 })
    }

    /// A node of any type.
    pub(crate) fn scalar(&mut self, id: NodeId) -> Scalar<'a> {
        match self.rule.nodes.get(usize::from(id)).copied() {
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
                    None => Scalar::Unknown,
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

    #[inline]
    pub(crate) fn boolean(&mut self, id: NodeId) -> Option<bool> {
        let value = match self.node(id) {
            Node::Bool(v) => return Some(v),
            Node::Field(field) => self.latest(field).and_then(|latest| match latest.value {
                Value::Bool(v) => Some(v),
                Value::Number(_) | Value::Text(_) => None,
            }),
            Node::CompareFloat { op, a, b } => {
                let (a, b) = (self.float(a), self.float(b));
                a.zip(b).map(|(a, b)| compare_floats(op, a, b))
            }
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
            Node::Known(x) => Some(self.scalar(x) != Scalar::Unknown),
            Node::At { from, to } => self.at(from, to),
            Node::Lit { from, to } => self.lit(from, to),
            Node::Workday => daytime::workday(self.cx),
            Node::Sun { word, margin } => self.sun(word, margin),
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

    #[inline]
    pub(crate) fn float(&mut self, id: NodeId) -> Option<f64> {
        let value = match self.node(id) {
            Node::Float(v) => return Some(v),
            Node::Field(field) => {
                let value = self.latest(field).and_then(|latest| latest.value.as_number());
                self.watch.saw(id, value.into());
                return value;
            }
            Node::ToFloat(x) => return self.int(x).map(|x| x as f64),
            Node::FloatOp { op, a, b } => {
                let (a, b) = (self.float(a), self.float(b));
                a.zip(b).map(|(a, b)| float_op(op, a, b))
            }
            Node::NegateFloat(x) => self.float(x).map(|x| -x),
            Node::Math { f, x } => self.float(x).and_then(|x| match f {
                Math::Abs => Some(x.abs()),
                Math::Floor => Some(libm::floor(x)),
                Math::Ceil => Some(libm::ceil(x)),
                Math::Round => Some(libm::round(x)),
                Math::Sqrt => root(x),
            }),
            Node::Smaller { a, b } => {
                let (a, b) = (self.float(a), self.float(b));
                a.zip(b).map(|(a, b)| a.min(b))
            }
            Node::Larger { a, b } => {
                let (a, b) = (self.float(a), self.float(b));
                a.zip(b).map(|(a, b)| a.max(b))
            }
            Node::Window { f, slot, x, span } => self.window(f, slot, x, span),
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

    pub(crate) fn int(&mut self, id: NodeId) -> Option<i64> {
        let value = match self.node(id) {
            Node::Int(v) => return Some(v),
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
            Node::SinceSun { sunset } => daytime::since(self.cx, sunset),
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

fn and(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn or(a: Option<bool>, b: Option<bool>) -> Option<bool> {
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
            | Node::Held { .. }
            | Node::Band { .. }
            | Node::Changed { .. }
    )
}

fn is_int(node: Node) -> bool {
    use crate::program::WindowFunction::{Count, CountTrue};
    matches!(
        node,
        Node::Int(_)
            | Node::IntOp { .. }
            | Node::NegateInt(_)
            | Node::ToInt(_)
            | Node::SinceSun { .. }
            | Node::Window { f: Count | CountTrue, .. }
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
