//! Writing a tape: steps, jumps, registers, statements.

use gengfu_model::FieldId;

use super::super::fold::int_of;
use super::super::{BlockId, Entry, MAX_LOCALS, Node, NodeId, Op, Rule, Ways};
use super::conditions::Exits;
use super::{Place, Register, Step, Tape};

/// What a value is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Float,
    Int,
    Bool,
    /// One of some texts, of which nobody needs to know as long as nothing is raised.
    Text,
}

/// Where a value comes from that is read once.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Source {
    Field(FieldId, Type),
    Attribute(u16),
}

/// Writes the tape of an entry with so many registers of each sort.
pub(super) fn write(rule: &Rule, ways: &Ways, entry: &Entry, registers: usize) -> Option<Tape> {
    let mut writer = Writer {
        rule,
        nodes: &ways.nodes,
        tape: Tape { steps: vec![Step::Leave], ..Tape::default() },
        cost: 0,
        types: [None; MAX_LOCALS],
        locals: [None; MAX_LOCALS],
        low: [0; 3],
        top: [registers; 3],
        sources: Vec::new(),
        homes: Vec::new(),
        labels: vec![Some(0)],
        returns: Vec::new(),
    };
    writer.find_types(entry.block)?;
    writer.function(entry.block)?;
    writer.tape.cost = writer.cost;
    writer.resolve()?;
    Some(writer.tape)
}

/// A tape in the making.
pub(super) struct Writer<'a> {
    pub(super) rule: &'a Rule,
    pub(super) nodes: &'a [Node],
    pub(super) tape: Tape,
    /// Operations of the steps since the last one that counts.
    pub(super) cost: u32,
    pub(super) types: [Option<Type>; MAX_LOCALS],
    pub(super) locals: [Option<Register>; MAX_LOCALS],
    /// Registers that are taken by parts of expressions, from below, and for good, from above; by sort.
    pub(super) low: [usize; 3],
    pub(super) top: [usize; 3],
    /// Registers that hold what was read on every way to here.
    pub(super) sources: Vec<(Source, Register)>,
    /// The registers of all that is read once on some way.
    pub(super) homes: Vec<(Source, Register)>,
    /// Where the labels stand; while a tape is written, its steps name labels for places.
    labels: Vec<Option<Place>>,
    /// By function, the label of its end, and whether a `return` goes there.
    returns: Vec<(Place, bool)>,
}

/// The label of [`Step::Leave`].
pub(super) const LEAVE: Place = 0;

impl Writer<'_> {
    pub(super) fn push(&mut self, step: Step) -> Option<()> {
        self.tape.steps.push(step);
        (self.tape.steps.len() < usize::from(u16::MAX)).then_some(())
    }

    /// A label for a place that is not known yet.
    pub(super) fn label(&mut self) -> Option<Place> {
        let label = Place::try_from(self.labels.len()).ok()?;
        self.labels.push(None);
        Some(label)
    }

    /// The label stands here.
    pub(super) fn place(&mut self, label: Place) -> Option<()> {
        *self.labels.get_mut(usize::from(label))? = Some(Place::try_from(self.tape.steps.len()).ok()?);
        Some(())
    }

    /// Puts places for labels.
    fn resolve(&mut self) -> Option<()> {
        let labels = &self.labels;
        let resolve = |label: &mut Place| {
            *label = labels.get(usize::from(*label)).copied().flatten()?;
            Some(())
        };
        for step in &mut self.tape.steps {
            step.targets().into_iter().flatten().try_for_each(resolve)?;
        }
        for near in &mut self.tape.near {
            [&mut near.yes, &mut near.no].into_iter().try_for_each(resolve)?;
        }
        Some(())
    }

    pub(super) fn take_cost(&mut self) -> u32 {
        std::mem::take(&mut self.cost)
    }

    /// What was counted belongs to the way that ends here.
    pub(super) fn flush(&mut self) {
        if self.cost > 0 {
            let cost = self.take_cost();
            self.tape.steps.push(Step::Cost(cost));
        }
    }

    pub(super) fn jump(&mut self, to: Place) -> Option<()> {
        let cost = self.take_cost();
        self.push(Step::Jump { cost, to })
    }

    pub(super) fn temporary(&mut self, ty: Type) -> Option<Register> {
        let sort = sort(ty)?;
        let place = self.low[sort];
        self.low[sort] += 1;
        (self.low[sort] <= self.top[sort]).then(|| register(ty, place)).flatten()
    }

    pub(super) fn for_good(&mut self, ty: Type) -> Option<Register> {
        let sort = sort(ty)?;
        self.top[sort] = self.top[sort].checked_sub(1)?;
        (self.low[sort] <= self.top[sort]).then(|| register(ty, self.top[sort])).flatten()
    }

    pub(super) fn node(&self, id: NodeId) -> Option<Node> {
        self.nodes.get(usize::from(id)).copied()
    }

    pub(super) fn local(&mut self, local: u8) -> Option<Register> {
        let place = usize::from(local);
        if let Some(register) = self.locals.get(place)? {
            return Some(*register);
        }
        let register = self.for_good((*self.types.get(place)?)?)?;
        *self.locals.get_mut(place)? = Some(register);
        Some(register)
    }

    pub(super) fn block(&mut self, block: BlockId) -> Option<()> {
        let rule = self.rule;
        for op in rule.blocks.get(usize::from(block))? {
            self.cost += 1;
            let low = self.low;
            self.op(*op)?;
            self.low = low;
        }
        Some(())
    }

    pub(super) fn op(&mut self, op: Op) -> Option<()> {
        match op {
            Op::Set { local, value, .. } => match self.type_of(value)? {
                Type::Text => self.choose_text(value),
                ty => {
                    let to = self.local(local)?;
                    if self.reads(value, local) {
                        let from = self.temporary(ty)?;
                        self.scalar_to(value, from)?;
                        self.push(Step::Move { to, from })
                    } else {
                        self.scalar_to(value, to)
                    }
                }
            },
            Op::If { condition, then, otherwise } => {
                let [yes, no, end] = [self.label()?, self.label()?, self.label()?];
                self.test(condition, Exits { yes, no, unknown: end })?;
                let known = self.sources.len();
                self.place(yes)?;
                self.block(then)?;
                self.sources.truncate(known);
                self.jump(end)?;
                self.place(no)?;
                self.block(otherwise)?;
                self.sources.truncate(known);
                self.flush();
                self.place(end)
            }
            Op::Incident { effect, condition } => {
                // Whatever is raised, or is raised already, is the machine's.
                let [no, unknown] = [self.label()?, self.label()?];
                self.test(condition, Exits { yes: LEAVE, no, unknown })?;
                self.place(no)?;
                let verdict = self.verdict(effect)?;
                self.push(Step::Clear { verdict })?;
                self.place(unknown)
            }
            Op::Raise { .. } => self.push(Step::Leave),
            Op::Clear { effect } => {
                let verdict = self.verdict(effect)?;
                self.push(Step::Clear { verdict })
            }
            Op::After { slot, wait } => {
                self.constant_int(wait)?;
                self.push(Step::LeaveIf { slot, empty: true })
            }
            Op::Cancel { slot } => self.push(Step::LeaveIf { slot, empty: false }),
            Op::Evaluate(node) => {
                let ty = self.type_of(node)?;
                let to = self.temporary(ty)?;
                self.scalar_to(node, to)
            }
            Op::Call(block) => self.function(block),
            Op::Return => {
                let (end, is_used) = self.returns.last_mut()?;
                *is_used = true;
                let end = *end;
                self.jump(end)
            }
            Op::Command { .. } | Op::Script(_) => None,
        }
    }

    pub(super) fn verdict(&self, effect: u16) -> Option<u16> {
        let key = self.rule.effects.get(usize::from(effect))?.key;
        u16::try_from(self.rule.keys.get(usize::from(key))?.slot).ok()
    }

    /// The body of a function, whose `return` ends it alone.
    pub(super) fn function(&mut self, block: BlockId) -> Option<()> {
        let known = self.sources.len();
        let end = self.label()?;
        self.returns.push((end, false));
        self.block(block)?;
        if self.returns.pop()?.1 {
            self.sources.truncate(known);
            self.flush();
        }
        self.place(end)
    }

    /// One of two constant texts, such as a severity: its condition may remember, and that is all.
    pub(super) fn choose_text(&mut self, id: NodeId) -> Option<()> {
        let is_text = |id: NodeId| matches!(self.node(id), Some(Node::Text(_)));
        match self.node(id)? {
            Node::Text(_) => self.cost += 1,
            Node::Choose { condition, yes, no } if is_text(yes) && is_text(no) => {
                self.cost += 1;
                let [known, unknown] = [self.label()?, self.label()?];
                self.test(condition, Exits { yes: known, no: known, unknown })?;
                self.place(known)?;
                self.cost += 1;
                self.flush();
                self.place(unknown)?;
            }
            _ => return None,
        }
        Some(())
    }

    /// A constant, whose operations are counted.
    pub(super) fn constant_int(&mut self, id: NodeId) -> Option<i64> {
        let (value, cost) = int_of(self.node(id)?)?;
        self.cost += u32::from(cost);
        Some(value)
    }
}

/// Which registers hold a type; none hold texts.
pub(super) fn sort(ty: Type) -> Option<usize> {
    match ty {
        Type::Float => Some(0),
        Type::Int => Some(1),
        Type::Bool => Some(2),
        Type::Text => None,
    }
}

pub(super) fn sort_of(register: Register) -> usize {
    match register {
        Register::Float(_) => 0,
        Register::Int(_) => 1,
        Register::Bool(_) => 2,
    }
}

fn register(ty: Type, place: usize) -> Option<Register> {
    let place = u8::try_from(place).ok()?;
    match ty {
        Type::Float => Some(Register::Float(place)),
        Type::Int => Some(Register::Int(place)),
        Type::Bool => Some(Register::Bool(place)),
        Type::Text => None,
    }
}
