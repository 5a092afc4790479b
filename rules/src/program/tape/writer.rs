//! Writing a tape: steps, jumps, registers, statements.

use gengfu_model::FieldId;

use super::super::fold::int_of;
use super::super::{BlockId, Entry, MAX_LOCALS, Node, NodeId, Op, Rule, Ways};
use super::{Register, Step, Tape};

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
        tape: Tape::default(),
        cost: 0,
        types: [None; MAX_LOCALS],
        locals: [None; MAX_LOCALS],
        low: [0; 3],
        top: [registers; 3],
        sources: Vec::new(),
        returns: vec![Vec::new()],
    };
    writer.find_types(entry.block)?;
    writer.block(entry.block)?;
    let ends = writer.returns.pop()?;
    if !ends.is_empty() {
        writer.flush();
        writer.land(&ends)?;
    }
    writer.tape.cost = writer.cost;
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
    /// By function, the jumps to its end.
    pub(super) returns: Vec<Vec<usize>>,
}

impl Writer<'_> {
    pub(super) fn push(&mut self, step: Step) -> Option<()> {
        self.tape.steps.push(step);
        (self.tape.steps.len() < usize::from(u16::MAX)).then_some(())
    }

    pub(super) fn here(&self) -> usize {
        self.tape.steps.len()
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

    /// The jumps at these places end here.
    pub(super) fn land(&mut self, jumps: &[usize]) -> Option<()> {
        let here = u16::try_from(self.here()).ok()?;
        for jump in jumps {
            match self.tape.steps.get_mut(*jump)? {
                Step::SkipIf { to, .. } | Step::SkipIfKnown { to, .. } | Step::Jump { to, .. } => *to = here,
                _ => return None,
            }
        }
        Some(())
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
                let x = self.boolean(condition)?;
                let branch = self.branch(x)?;
                let known = self.sources.len();
                self.block(then)?;
                self.sources.truncate(known);
                let cost = self.take_cost();
                let end = self.here();
                self.push(Step::Jump { cost, to: 0 })?;
                self.otherwise(branch)?;
                self.block(otherwise)?;
                self.sources.truncate(known);
                self.flush();
                self.end(branch)?;
                self.land(&[end])
            }
            Op::Incident { effect, condition } => {
                let condition = self.boolean(condition)?;
                let verdict = self.verdict(effect)?;
                self.push(Step::Incident { condition, verdict })
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
                let cost = self.take_cost();
                let here = self.here();
                self.returns.last_mut()?.push(here);
                self.push(Step::Jump { cost, to: 0 })
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
        self.returns.push(Vec::new());
        self.block(block)?;
        let ends = self.returns.pop()?;
        if !ends.is_empty() {
            self.sources.truncate(known);
            self.flush();
            self.land(&ends)?;
        }
        Some(())
    }

    pub(super) fn branch(&mut self, x: u8) -> Option<usize> {
        let (here, cost) = (self.here(), self.take_cost());
        self.push(Step::Branch { x, cost, otherwise: 0, end: 0 })?;
        Some(here)
    }

    pub(super) fn otherwise(&mut self, branch: usize) -> Option<()> {
        let here = u16::try_from(self.here()).ok()?;
        let Step::Branch { otherwise, .. } = self.tape.steps.get_mut(branch)? else { return None };
        *otherwise = here;
        Some(())
    }

    pub(super) fn end(&mut self, branch: usize) -> Option<()> {
        let here = u16::try_from(self.here()).ok()?;
        let Step::Branch { end, .. } = self.tape.steps.get_mut(branch)? else { return None };
        *end = here;
        Some(())
    }

    /// One of two constant texts, such as a severity: its condition may remember, and that is all.
    pub(super) fn choose_text(&mut self, id: NodeId) -> Option<()> {
        let is_text = |id: NodeId| matches!(self.node(id), Some(Node::Text(_)));
        match self.node(id)? {
            Node::Text(_) => self.cost += 1,
            Node::Choose { condition, yes, no } if is_text(yes) && is_text(no) => {
                self.cost += 1;
                let x = self.boolean(condition)?;
                let branch = self.branch(x)?;
                self.otherwise(branch)?;
                self.cost += 1;
                self.flush();
                self.end(branch)?;
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
