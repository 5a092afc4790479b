//! Evaluating lowered nodes: numbers that may be unknown, conditions in Kleene's logic.
//!
//! A failure (integer overflow, division by zero, budget) makes the value unknown and is remembered;
//! whoever started the evaluation then drops everything it did. A replay reads slots and changes
//! none: it runs after the evaluation it explains, and every primitive gives the same value again.

use gengfu_model::Severity;

use super::command::Wish;
use super::number::Failure;
use super::occasion::Occasion;
use super::scalar::Scalar;
use super::state::Slot;
use crate::program::{BlockId, Entry, MAX_KEYS, Node, NodeId, Op, Quick, Rule, SeverityOf};

/// The most operations of one evaluation. Far above what a rule of the largest size needs: it is a
/// fence, not a ration.
pub(crate) const MAX_OPERATIONS: u32 = 100_000;

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
    /// Every node is told: no shorter way is taken.
    const LOOKS: bool = true;
    fn saw(&mut self, node: NodeId, value: Scalar<'_>);
    /// A call of `incident`, `raise` or `clear` was reached.
    #[inline(always)]
    fn reached(&mut self, _effect: u16) {}
}

/// The hot path: nobody looks on.
pub(crate) struct Unwatched;

impl Watch for Unwatched {
    const REPLAY: bool = false;
    const LOOKS: bool = false;
    #[inline(always)]
    fn saw(&mut self, _: NodeId, _: Scalar<'_>) {}
}

/// One evaluation of one rule.
pub(crate) struct Machine<'a, 's, W> {
    pub(crate) rule: &'a Rule,
    /// The rule's nodes; folded, if nobody looks on.
    pub(crate) nodes: &'a [Node],
    /// Their shorter ways; none if somebody looks on.
    pub(crate) quick: &'a [Quick],
    pub(crate) on: &'a Occasion<'a>,
    /// The rule's slots.
    pub(crate) slots: &'s mut [Slot],
    pub(crate) locals: &'s mut [Scalar<'a>],
    pub(crate) outcomes: [Outcome; MAX_KEYS],
    pub(crate) operations: u32,
    pub(crate) fault: Option<Fault>,
    /// Slots as they were before they changed, in order.
    pub(crate) before: Vec<(u16, Slot)>,
    /// What the rule wishes of the device.
    pub(crate) wishes: Vec<Wish>,
    /// An `if` on something unknown ran neither branch: what was not reached may still be wished for.
    pub(crate) undecided: bool,
    pub(crate) watch: W,
}

/// Whether the statements of a function go on.
#[derive(PartialEq)]
pub(crate) enum Flow {
    On,
    Return,
}

impl<'a, 's, W: Watch> Machine<'a, 's, W> {
    #[inline(always)]
    pub(crate) fn new(
        rule: &'a Rule,
        on: &'a Occasion<'a>,
        slots: &'s mut [Slot],
        locals: &'s mut [Scalar<'a>],
        watch: W,
    ) -> Self {
        let (nodes, quick) = if W::LOOKS {
            (&rule.nodes[..], &[][..])
        } else {
            let ways = rule.ways(on.cx.parameters);
            (&ways.nodes[..], &ways.quick[..])
        };
        Machine {
            rule,
            nodes,
            quick,
            on,
            slots,
            locals,
            outcomes: [Outcome::None; MAX_KEYS],
            operations: 0,
            fault: None,
            before: Vec::new(),
            wishes: Vec::new(),
            undecided: false,
            watch,
        }
    }

    #[inline]
    pub(crate) fn run(&mut self, entry: &'a Entry) {
        match &entry.script {
            None => {
                self.block(entry.block);
            }
            Some(script) => self.run_script(script),
        }
    }

    pub(super) fn block(&mut self, block: BlockId) -> Flow {
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
                    None => {
                        self.undecided = true;
                        Flow::On
                    }
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
            Op::Command { command } => self.command(command),
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
}
