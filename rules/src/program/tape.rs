//! An entry as a tape: its nodes one after another, over registers.
//!
//! Nearly every evaluation finds what it found before: no verdict changes, and nobody is to be told. A tape is the
//! quickest way to see that. It is run from step to step, without a call for each node, and reads a field once however
//! often the rule names it. As soon as a verdict would change, or something fails, the tape is left, what it wrote is
//! taken back, and the machine evaluates the nodes, with everything that an explanation needs.
//!
//! Nothing here means anything that the nodes do not mean, and the operations that are counted are the same. What has
//! no place on a tape (texts, places, the sun, commands, loops) leaves its entry without one.

use gengfu_model::{FieldId, FieldType, Value};

use super::fold::{float_of, int_of};
use super::quick::{Limit, Ways};
use super::{BlockId, DeviceProperty, Entry, MAX_LOCALS, Math, Node, NodeId, Op, Rule, WindowFunction};
use crate::judge::{is_boolean, is_int};
use crate::script::tree::Binary;

/// So many registers of each sort suffice for most; clearing them is a part of each run's cost. Powers of two.
pub(crate) const FEW_REGISTERS: usize = 4;
/// So many are there at most.
pub(crate) const MANY_REGISTERS: usize = 16;

/// A register by its sort. Each holds a value or nothing, which is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Register {
    Float(u8),
    Int(u8),
    Bool(u8),
}

/// An entry's steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tape {
    pub(crate) steps: Vec<Step>,
    pub(crate) limits: Vec<Limit>,
    /// Trip and reset of bands.
    pub(crate) bands: Vec<(f64, f64)>,
    /// The operations of the last steps.
    pub(crate) cost: u32,
    /// It needs more than [`FEW_REGISTERS`].
    pub(crate) needs_many: bool,
}

/// One step. `to` is the register that is written; `cost` counts operations of the steps before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Step {
    Cost(u32),
    Unset(Register),
    Move {
        to: Register,
        from: Register,
    },
    Float {
        to: u8,
        value: f64,
    },
    Int {
        to: u8,
        value: i64,
    },
    Bool {
        to: u8,
        value: bool,
    },
    Field {
        to: Register,
        field: FieldId,
    },
    FieldKnown {
        to: u8,
        field: FieldId,
    },
    /// The place of the name.
    Attribute {
        to: Register,
        name: u16,
    },
    AttributeKnown {
        to: u8,
        name: u16,
    },
    Parameter {
        to: Register,
        index: u16,
    },
    Device {
        to: Register,
        property: DeviceProperty,
    },
    FloatOp {
        op: Binary,
        to: u8,
        a: u8,
        b: u8,
    },
    NegateFloat {
        to: u8,
        x: u8,
    },
    Math {
        f: Math,
        to: u8,
        x: u8,
    },
    Smaller {
        to: u8,
        a: u8,
        b: u8,
    },
    Larger {
        to: u8,
        a: u8,
        b: u8,
    },
    ToFloat {
        to: u8,
        x: u8,
    },
    IntOp {
        op: Binary,
        to: u8,
        a: u8,
        b: u8,
    },
    NegateInt {
        to: u8,
        x: u8,
    },
    ToInt {
        to: u8,
        x: u8,
    },
    Not {
        to: u8,
        x: u8,
    },
    And {
        to: u8,
        a: u8,
        b: u8,
        cost: u32,
    },
    Or {
        to: u8,
        a: u8,
        b: u8,
        cost: u32,
    },
    SameBool {
        negated: bool,
        to: u8,
        a: u8,
        b: u8,
    },
    Compare {
        op: Binary,
        to: u8,
        a: u8,
        b: u8,
    },
    CompareInt {
        op: Binary,
        to: u8,
        a: u8,
        b: u8,
    },
    /// An integer with a constant.
    CompareIntWith {
        op: Binary,
        to: u8,
        x: u8,
        value: i64,
    },
    /// A number with a constant; `limit` is a place in [`Tape::limits`].
    Against {
        to: u8,
        x: u8,
        limit: u16,
    },
    /// The same for a field that nothing else reads.
    FieldAgainst {
        to: u8,
        field: FieldId,
        limit: u16,
    },
    Known {
        to: u8,
        x: Register,
    },
    During {
        to: u8,
        from: u16,
        until: u16,
    },
    /// `limits` is a place in [`Tape::bands`].
    Band {
        to: u8,
        x: u8,
        slot: u16,
        limits: u16,
    },
    BandBetween {
        to: u8,
        x: u8,
        slot: u16,
        trip: u8,
        reset: u8,
    },
    Held {
        to: u8,
        condition: u8,
        slot: u16,
        wait_ms: u32,
    },
    /// `reads` are the fields whose arrival brings a sample.
    Changed {
        to: u8,
        slot: u16,
        x: Register,
        reads: u32,
    },
    Previous {
        to: Register,
        slot: u16,
        x: Register,
        reads: u32,
    },
    Window {
        f: WindowFunction,
        to: Register,
        slot: u16,
        x: Register,
        reads: u32,
        span_ms: i64,
    },
    /// Goes on at `to` if the condition is this.
    SkipIf {
        x: u8,
        value: bool,
        cost: u32,
        to: u16,
    },
    SkipIfKnown {
        x: Register,
        cost: u32,
        to: u16,
    },
    /// True goes on, false goes to `otherwise`, unknown to `end`.
    Branch {
        x: u8,
        cost: u32,
        otherwise: u16,
        end: u16,
    },
    Jump {
        cost: u32,
        to: u16,
    },
    /// The slot of the key's verdict.
    Incident {
        condition: u8,
        verdict: u16,
    },
    Clear {
        verdict: u16,
    },
    /// Left if the slot is empty, or if it is not.
    LeaveIf {
        slot: u16,
        empty: bool,
    },
    Leave,
}

/// What a value is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Float,
    Int,
    Bool,
    /// One of some texts, of which nobody needs to know as long as nothing is raised.
    Text,
}

/// Where a value comes from that is read once.
#[derive(Clone, Copy, PartialEq)]
enum Source {
    Field(FieldId, Type),
    Attribute(u16),
}

/// Writes the tape of an entry, if all of it has a place on one.
pub(super) fn tape(rule: &Rule, ways: &Ways, entry: &Entry) -> Option<Tape> {
    if entry.script.is_some() || !entry.command_slots.is_empty() {
        return None;
    }
    let few = write(rule, ways, entry, FEW_REGISTERS);
    few.or_else(|| Some(Tape { needs_many: true, ..write(rule, ways, entry, MANY_REGISTERS)? }))
}

fn write(rule: &Rule, ways: &Ways, entry: &Entry, registers: usize) -> Option<Tape> {
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

struct Writer<'a> {
    rule: &'a Rule,
    nodes: &'a [Node],
    tape: Tape,
    /// Operations of the steps since the last one that counts.
    cost: u32,
    types: [Option<Type>; MAX_LOCALS],
    locals: [Option<Register>; MAX_LOCALS],
    /// Registers that are taken by parts of expressions, from below, and for good, from above; by sort.
    low: [usize; 3],
    top: [usize; 3],
    /// Registers that hold what was read on every way to here.
    sources: Vec<(Source, Register)>,
    /// By function, the jumps to its end.
    returns: Vec<Vec<usize>>,
}

impl Writer<'_> {
    fn push(&mut self, step: Step) -> Option<()> {
        self.tape.steps.push(step);
        (self.tape.steps.len() < usize::from(u16::MAX)).then_some(())
    }

    fn here(&self) -> usize {
        self.tape.steps.len()
    }

    fn take_cost(&mut self) -> u32 {
        std::mem::take(&mut self.cost)
    }

    /// What was counted belongs to the way that ends here.
    fn flush(&mut self) {
        if self.cost > 0 {
            let cost = self.take_cost();
            self.tape.steps.push(Step::Cost(cost));
        }
    }

    /// The jumps at these places end here.
    fn land(&mut self, jumps: &[usize]) -> Option<()> {
        let here = u16::try_from(self.here()).ok()?;
        for jump in jumps {
            match self.tape.steps.get_mut(*jump)? {
                Step::SkipIf { to, .. } | Step::SkipIfKnown { to, .. } | Step::Jump { to, .. } => *to = here,
                _ => return None,
            }
        }
        Some(())
    }

    fn temporary(&mut self, ty: Type) -> Option<Register> {
        let sort = sort(ty)?;
        let place = self.low[sort];
        self.low[sort] += 1;
        (self.low[sort] <= self.top[sort]).then(|| register(ty, place)).flatten()
    }

    fn for_good(&mut self, ty: Type) -> Option<Register> {
        let sort = sort(ty)?;
        self.top[sort] = self.top[sort].checked_sub(1)?;
        (self.low[sort] <= self.top[sort]).then(|| register(ty, self.top[sort])).flatten()
    }

    fn node(&self, id: NodeId) -> Option<Node> {
        self.nodes.get(usize::from(id)).copied()
    }

    fn field_type(&self, field: FieldId) -> Option<Type> {
        type_of(&self.rule.kind.field_def(field)?.ty)
    }

    fn type_of(&self, id: NodeId) -> Option<Type> {
        let node = self.node(id)?;
        match node {
            Node::Field(field) => self.field_type(field),
            Node::Attribute(name) => {
                let name = self.rule.attributes.get(usize::from(name))?;
                let known = self.rule.kind.def().attributes.iter().find(|def| def.name == &**name)?;
                type_of(&known.ty)
            }
            Node::Parameter(index) => {
                let parameter = self.rule.parameters.get(usize::from(index))?;
                match parameter.default {
                    Value::Number(_) if parameter.is_duration => Some(Type::Int),
                    Value::Number(_) => Some(Type::Float),
                    Value::Bool(_) => Some(Type::Bool),
                    Value::Text(_) => None,
                }
            }
            Node::Device(property) => match property {
                DeviceProperty::IntervalS | DeviceProperty::IntervalMs => Some(Type::Int),
                DeviceProperty::Latitude | DeviceProperty::Longitude => Some(Type::Float),
                DeviceProperty::Silent => Some(Type::Bool),
                _ => Some(Type::Text),
            },
            Node::Local(local) => self.types.get(usize::from(local)).copied().flatten(),
            Node::Text(_) => Some(Type::Text),
            Node::Choose { yes, no, .. } => self.type_of(yes).or_else(|| self.type_of(no)),
            Node::Do { value, .. } => self.type_of(value),
            Node::Call { result, .. } => self.types.get(usize::from(result)).copied().flatten(),
            Node::OrElse { x, otherwise } => self.type_of(x).or_else(|| self.type_of(otherwise)),
            Node::Previous { x, .. } => self.type_of(x),
            Node::Pair { .. } | Node::Script(_) => None,
            node if is_boolean(node) => Some(Type::Bool),
            node if is_int(node) => Some(Type::Int),
            _ => Some(Type::Float),
        }
    }

    /// The types of the variables; none if one has two.
    fn find_types(&mut self, block: BlockId) -> Option<()> {
        let mut sets = Vec::new();
        self.sets_of(block, &mut sets);
        loop {
            let mut found = false;
            for (local, value) in &sets {
                let (Some(ty), place) = (self.type_of(*value), usize::from(*local)) else { continue };
                match self.types.get(place)? {
                    None => {
                        *self.types.get_mut(place)? = Some(ty);
                        found = true;
                    }
                    Some(known) if *known == ty => {}
                    Some(_) => return None,
                }
            }
            if !found {
                return Some(());
            }
        }
    }

    /// Every value that a variable is given in a block and what is in it.
    fn sets_of(&self, block: BlockId, sets: &mut Vec<(u8, NodeId)>) {
        for op in self.rule.blocks.get(usize::from(block)).map_or(&[][..], Vec::as_slice) {
            if let Op::Set { local, value, .. } = op {
                sets.push((*local, *value));
            }
            match op {
                Op::If { then, otherwise, .. } => {
                    self.sets_of(*then, sets);
                    self.sets_of(*otherwise, sets);
                }
                Op::Call(block) => self.sets_of(*block, sets),
                _ => {}
            }
            op.map(&mut |node| {
                self.sets_in(node, sets);
                node
            });
        }
    }

    fn sets_in(&self, id: NodeId, sets: &mut Vec<(u8, NodeId)>) {
        let Some(node) = self.node(id) else { return };
        if let Node::Do { block, .. } | Node::Call { block, .. } = node {
            self.sets_of(block, sets);
        }
        node.map(&mut |child| {
            self.sets_in(child, sets);
            child
        });
    }

    /// Whether an expression reads a variable.
    fn reads(&self, id: NodeId, local: u8) -> bool {
        let Some(node) = self.node(id) else { return false };
        let mut found = node == Node::Local(local);
        if let Node::Do { block, .. } | Node::Call { block, .. } = node {
            let mut sets = Vec::new();
            self.sets_of(block, &mut sets);
            found |= sets.iter().any(|(_, value)| self.reads(*value, local));
        }
        node.map(&mut |child| {
            found |= self.reads(child, local);
            child
        });
        found
    }

    fn local(&mut self, local: u8) -> Option<Register> {
        let place = usize::from(local);
        if let Some(register) = self.locals.get(place)? {
            return Some(*register);
        }
        let register = self.for_good((*self.types.get(place)?)?)?;
        *self.locals.get_mut(place)? = Some(register);
        Some(register)
    }

    fn block(&mut self, block: BlockId) -> Option<()> {
        let rule = self.rule;
        for op in rule.blocks.get(usize::from(block))? {
            self.cost += 1;
            let low = self.low;
            self.op(*op)?;
            self.low = low;
        }
        Some(())
    }

    fn op(&mut self, op: Op) -> Option<()> {
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

    fn verdict(&self, effect: u16) -> Option<u16> {
        let key = self.rule.effects.get(usize::from(effect))?.key;
        u16::try_from(self.rule.keys.get(usize::from(key))?.slot).ok()
    }

    /// The body of a function, whose `return` ends it alone.
    fn function(&mut self, block: BlockId) -> Option<()> {
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

    fn branch(&mut self, x: u8) -> Option<usize> {
        let (here, cost) = (self.here(), self.take_cost());
        self.push(Step::Branch { x, cost, otherwise: 0, end: 0 })?;
        Some(here)
    }

    fn otherwise(&mut self, branch: usize) -> Option<()> {
        let here = u16::try_from(self.here()).ok()?;
        let Step::Branch { otherwise, .. } = self.tape.steps.get_mut(branch)? else { return None };
        *otherwise = here;
        Some(())
    }

    fn end(&mut self, branch: usize) -> Option<()> {
        let here = u16::try_from(self.here()).ok()?;
        let Step::Branch { end, .. } = self.tape.steps.get_mut(branch)? else { return None };
        *end = here;
        Some(())
    }

    /// One of two constant texts, such as a severity: its condition may remember, and that is all.
    fn choose_text(&mut self, id: NodeId) -> Option<()> {
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
    fn constant_int(&mut self, id: NodeId) -> Option<i64> {
        let (value, cost) = int_of(self.node(id)?)?;
        self.cost += u32::from(cost);
        Some(value)
    }

    /// A value of its own sort, in a register.
    fn scalar(&mut self, id: NodeId) -> Option<Register> {
        if let Node::Local(local) = self.node(id)? {
            self.cost += 1;
            return self.local(local);
        }
        let to = self.temporary(self.type_of(id)?)?;
        self.scalar_to(id, to)?;
        Some(to)
    }

    fn scalar_to(&mut self, id: NodeId, to: Register) -> Option<()> {
        let low = self.low;
        self.scalar_into(id, to)?;
        self.low = low;
        Some(())
    }

    fn scalar_into(&mut self, id: NodeId, to: Register) -> Option<()> {
        match self.node(id)? {
            Node::Field(_) | Node::Attribute(_) | Node::Device(_) | Node::Parameter(_) | Node::Local(_) => {
                self.cost += 1;
                self.read(id, to)
            }
            Node::Choose { condition, yes, no } => {
                self.cost += 1;
                self.choose(condition, yes, no, to)
            }
            Node::Do { block, value } => {
                self.function(block)?;
                self.scalar_to(value, to)
            }
            Node::Call { block, result } => {
                let local = self.local(result)?;
                self.push(Step::Unset(local))?;
                self.function(block)?;
                self.push(Step::Move { to, from: local })
            }
            Node::OrElse { x, otherwise } => {
                self.scalar_to(x, to)?;
                self.unless_known(to, |writer| writer.scalar_to(otherwise, to))
            }
            Node::Previous { slot, x } => {
                self.cost += 1;
                self.previous(slot, x, to)
            }
            _ => match to {
                Register::Float(to) => self.float_to(id, to),
                Register::Int(to) => self.int_to(id, to),
                Register::Bool(to) => self.boolean_to(id, to),
            },
        }
    }

    /// What is read from outside or from a variable.
    fn read(&mut self, id: NodeId, to: Register) -> Option<()> {
        let (ty, node) = (self.type_of(id)?, self.node(id)?);
        if sort(ty) != Some(sort_of(to)) {
            return None;
        }
        let source = match node {
            Node::Local(local) => {
                let from = self.local(local)?;
                return self.push(Step::Move { to, from });
            }
            Node::Parameter(index) => return self.push(Step::Parameter { to, index }),
            Node::Device(property) => return self.push(Step::Device { to, property }),
            Node::Field(field) => Source::Field(field, ty),
            Node::Attribute(name) => Source::Attribute(name),
            _ => return None,
        };
        let from = self.source(source, ty)?;
        self.push(Step::Move { to, from })
    }

    /// The register of what is read once.
    fn source(&mut self, source: Source, ty: Type) -> Option<Register> {
        if let Some((_, register)) = self.sources.iter().find(|(known, _)| *known == source) {
            return Some(*register);
        }
        let to = self.for_good(ty)?;
        self.push(match source {
            Source::Field(field, _) => Step::Field { to, field },
            Source::Attribute(name) => Step::Attribute { to, name },
        })?;
        self.sources.push((source, to));
        Some(to)
    }

    fn choose(&mut self, condition: NodeId, yes: NodeId, no: NodeId, to: Register) -> Option<()> {
        let x = self.boolean(condition)?;
        let branch = self.branch(x)?;
        let known = self.sources.len();
        let mut ends = Vec::new();
        for (number, value) in [yes, no].into_iter().enumerate() {
            if number == 1 {
                self.otherwise(branch)?;
            }
            self.scalar_to(value, to)?;
            self.sources.truncate(known);
            let cost = self.take_cost();
            ends.push(self.here());
            self.push(Step::Jump { cost, to: 0 })?;
        }
        self.end(branch)?;
        self.push(Step::Unset(to))?;
        self.land(&ends)
    }

    fn unless_known(&mut self, x: Register, write: impl FnOnce(&mut Self) -> Option<()>) -> Option<()> {
        let (here, cost, known) = (self.here(), self.take_cost(), self.sources.len());
        self.push(Step::SkipIfKnown { x, cost, to: 0 })?;
        write(self)?;
        self.sources.truncate(known);
        self.flush();
        self.land(&[here])
    }

    fn float(&mut self, id: NodeId) -> Option<u8> {
        let register = match self.node(id)? {
            Node::Local(local) if self.type_of(id)? == Type::Float => {
                self.cost += 1;
                self.local(local)?
            }
            Node::Field(field) if self.type_of(id)? == Type::Float => {
                self.cost += 1;
                self.source(Source::Field(field, Type::Float), Type::Float)?
            }
            Node::Attribute(name) if self.type_of(id)? == Type::Float => {
                self.cost += 1;
                self.source(Source::Attribute(name), Type::Float)?
            }
            _ => {
                let to = self.temporary(Type::Float)?;
                let Register::Float(place) = to else { return None };
                self.float_to(id, place)?;
                to
            }
        };
        let Register::Float(place) = register else { return None };
        Some(place)
    }

    fn float_to(&mut self, id: NodeId, to: u8) -> Option<()> {
        let low = self.low;
        self.float_into(id, to)?;
        self.low = low;
        Some(())
    }

    fn float_into(&mut self, id: NodeId, to: u8) -> Option<()> {
        let node = self.node(id)?;
        if let Some((value, cost)) = float_of(node) {
            self.cost += u32::from(cost);
            return self.push(Step::Float { to, value });
        }
        self.cost += 1;
        match node {
            Node::Field(_) | Node::Attribute(_) | Node::Device(_) | Node::Parameter(_) | Node::Local(_) => {
                self.read(id, Register::Float(to))
            }
            Node::OrElse { x, otherwise } => {
                self.float_to(x, to)?;
                self.unless_known(Register::Float(to), |writer| writer.float_to(otherwise, to))
            }
            Node::ToFloat(x) => {
                let x = self.int(x)?;
                self.push(Step::ToFloat { to, x })
            }
            Node::FloatOp { op, a, b } => {
                let (a, b) = (self.float(a)?, self.float(b)?);
                self.push(Step::FloatOp { op, to, a, b })
            }
            Node::NegateFloat(x) => {
                let x = self.float(x)?;
                self.push(Step::NegateFloat { to, x })
            }
            Node::Math { f, x } => {
                let x = self.float(x)?;
                self.push(Step::Math { f, to, x })
            }
            Node::Smaller { a, b } => {
                let (a, b) = (self.float(a)?, self.float(b)?);
                self.push(Step::Smaller { to, a, b })
            }
            Node::Larger { a, b } => {
                let (a, b) = (self.float(a)?, self.float(b)?);
                self.push(Step::Larger { to, a, b })
            }
            Node::Window { f, slot, x, span } if !is_int(node) => self.window(f, slot, (x, span), Register::Float(to)),
            Node::Choose { .. } | Node::Do { .. } | Node::Call { .. } | Node::Previous { .. }
                if self.type_of(id)? == Type::Float =>
            {
                self.scalar_to(id, Register::Float(to))
            }
            _ => None,
        }
    }

    fn int(&mut self, id: NodeId) -> Option<u8> {
        let register = match self.node(id)? {
            Node::Local(local) if self.type_of(id)? == Type::Int => {
                self.cost += 1;
                self.local(local)?
            }
            Node::Field(field) if self.type_of(id)? == Type::Int => {
                self.cost += 1;
                self.source(Source::Field(field, Type::Int), Type::Int)?
            }
            _ => {
                let to = self.temporary(Type::Int)?;
                let Register::Int(place) = to else { return None };
                self.int_to(id, place)?;
                to
            }
        };
        let Register::Int(place) = register else { return None };
        Some(place)
    }

    fn int_to(&mut self, id: NodeId, to: u8) -> Option<()> {
        let low = self.low;
        self.int_into(id, to)?;
        self.low = low;
        Some(())
    }

    fn int_into(&mut self, id: NodeId, to: u8) -> Option<()> {
        let node = self.node(id)?;
        if let Some((value, cost)) = int_of(node) {
            self.cost += u32::from(cost);
            return self.push(Step::Int { to, value });
        }
        self.cost += 1;
        match node {
            Node::Field(_) | Node::Attribute(_) | Node::Device(_) | Node::Parameter(_) | Node::Local(_) => {
                self.read(id, Register::Int(to))
            }
            Node::IntOp { op, a, b } => {
                let (a, b) = (self.int(a)?, self.int(b)?);
                self.push(Step::IntOp { op, to, a, b })
            }
            Node::NegateInt(x) => {
                let x = self.int(x)?;
                self.push(Step::NegateInt { to, x })
            }
            Node::ToInt(x) => {
                let x = self.float(x)?;
                self.push(Step::ToInt { to, x })
            }
            Node::Window { f, slot, x, span } if is_int(node) => self.window(f, slot, (x, span), Register::Int(to)),
            Node::Choose { .. } | Node::Do { .. } | Node::Call { .. } | Node::Previous { .. } | Node::OrElse { .. }
                if self.type_of(id)? == Type::Int =>
            {
                self.scalar_to(id, Register::Int(to))
            }
            _ => None,
        }
    }

    fn boolean(&mut self, id: NodeId) -> Option<u8> {
        let register = match self.node(id)? {
            Node::Local(local) if self.type_of(id)? == Type::Bool => {
                // As a condition, a variable counts twice.
                self.cost += 2;
                self.local(local)?
            }
            Node::Field(field) if self.type_of(id)? == Type::Bool => {
                self.cost += 1;
                self.source(Source::Field(field, Type::Bool), Type::Bool)?
            }
            _ => {
                let to = self.temporary(Type::Bool)?;
                let Register::Bool(place) = to else { return None };
                self.boolean_to(id, place)?;
                to
            }
        };
        let Register::Bool(place) = register else { return None };
        Some(place)
    }

    fn boolean_to(&mut self, id: NodeId, to: u8) -> Option<()> {
        let low = self.low;
        self.boolean_into(id, to)?;
        self.low = low;
        Some(())
    }

    fn boolean_into(&mut self, id: NodeId, to: u8) -> Option<()> {
        let node = self.node(id)?;
        self.cost += 1;
        match node {
            Node::Bool(value) => self.push(Step::Bool { to, value }),
            Node::Field(_) => self.read(id, Register::Bool(to)),
            Node::Attribute(_) | Node::Device(_) | Node::Parameter(_) | Node::Local(_) => {
                self.cost += 1;
                self.read(id, Register::Bool(to))
            }
            Node::CompareFloat { op, a, b } => self.compare(op, (a, b), to),
            Node::CompareInt { op, a, b } => {
                let x = self.int(a)?;
                if let Some((value, cost)) = int_of(self.node(b)?) {
                    self.cost += u32::from(cost);
                    return self.push(Step::CompareIntWith { op, to, x, value });
                }
                let b = self.int(b)?;
                self.push(Step::CompareInt { op, to, a: x, b })
            }
            Node::Not(x) => {
                let x = self.boolean(x)?;
                self.push(Step::Not { to, x })
            }
            Node::And { a, b, eager } => self.both(false, (a, b, eager), to),
            Node::Or { a, b, eager } => self.both(true, (a, b, eager), to),
            Node::SameBool { negated, a, b } => {
                let (a, b) = (self.boolean(a)?, self.boolean(b)?);
                self.push(Step::SameBool { negated, to, a, b })
            }
            Node::Known(x) => match self.node(x)? {
                Node::Field(field) => {
                    self.cost += 1;
                    self.push(Step::FieldKnown { to, field })
                }
                Node::Attribute(name) => {
                    self.cost += 1;
                    self.push(Step::AttributeKnown { to, name })
                }
                _ => {
                    let x = self.scalar(x)?;
                    self.push(Step::Known { to, x })
                }
            },
            Node::At { from, to: until } => {
                self.cost += 2;
                let (from, until) = (self.minutes(from)?, self.minutes(until)?);
                self.push(Step::During { to, from, until })
            }
            Node::Band { slot, x, limits } => self.band(slot, x, limits, to),
            Node::Held { slot, condition, wait } => {
                let condition = self.boolean(condition)?;
                let wait = self.constant_int(wait)?;
                let wait_ms = u32::try_from(wait.max(0)).unwrap_or(u32::MAX);
                self.push(Step::Held { to, condition, slot, wait_ms })
            }
            Node::Changed { slot, x } => {
                let (x, reads) = (self.scalar(x)?, self.slot_reads(slot)?);
                self.push(Step::Changed { to, slot, x, reads })
            }
            Node::Choose { .. } | Node::Do { .. } | Node::Call { .. } | Node::OrElse { .. } | Node::Previous { .. }
                if self.type_of(id)? == Type::Bool =>
            {
                self.scalar_to(id, Register::Bool(to))
            }
            _ => None,
        }
    }

    /// `&&` and `||`: the right side is not looked at if the left one is `decisive`, unless it remembers.
    fn both(&mut self, decisive: bool, (a, b, eager): (NodeId, NodeId, bool), to: u8) -> Option<()> {
        self.boolean_to(a, to)?;
        let known = self.sources.len();
        let mut skips = Vec::new();
        if !eager {
            let cost = self.take_cost();
            skips.push(self.here());
            self.push(Step::SkipIf { x: to, value: decisive, cost, to: 0 })?;
        }
        let b = self.boolean(b)?;
        let cost = if eager { 0 } else { self.take_cost() };
        self.push(match decisive {
            false => Step::And { to, a: to, b, cost },
            true => Step::Or { to, a: to, b, cost },
        })?;
        if !eager {
            self.sources.truncate(known);
        }
        self.land(&skips)
    }

    fn compare(&mut self, op: Binary, (a, b): (NodeId, NodeId), to: u8) -> Option<()> {
        let constant = |id: NodeId| float_of(self.node(id)?);
        let (side, other) = match (constant(b), constant(a)) {
            (Some(limit), _) => (a, Some((op, limit))),
            (None, Some(limit)) => (b, Some((op.mirrored(), limit))),
            (None, None) => (a, None),
        };
        let Some((op, (limit, cost))) = other else {
            let (a, b) = (self.float(a)?, self.float(b)?);
            return self.push(Step::Compare { op, to, a, b });
        };
        self.cost += u32::from(cost);
        let place = u16::try_from(self.tape.limits.len()).ok()?;
        self.tape.limits.push(Limit::new(op, limit));
        if let Node::Field(field) = self.node(side)?
            && self.field_type(field) == Some(Type::Float)
            && self.nodes.iter().filter(|node| **node == Node::Field(field)).count() == 1
        {
            self.cost += 1;
            return self.push(Step::FieldAgainst { to, field, limit: place });
        }
        let x = self.float(side)?;
        self.push(Step::Against { to, x, limit: place })
    }

    fn band(&mut self, slot: u16, x: NodeId, limits: NodeId, to: u8) -> Option<()> {
        let Node::Pair { a, b } = self.node(limits)? else { return None };
        let x = self.float(x)?;
        if let (Some((trip, first)), Some((reset, second))) = (float_of(self.node(a)?), float_of(self.node(b)?)) {
            self.cost += u32::from(first) + u32::from(second);
            let limits = u16::try_from(self.tape.bands.len()).ok()?;
            self.tape.bands.push((trip, reset));
            return self.push(Step::Band { to, x, slot, limits });
        }
        let (trip, reset) = (self.float(a)?, self.float(b)?);
        self.push(Step::BandBetween { to, x, slot, trip, reset })
    }

    /// What a window takes cannot be taken back, and need not be: the machine takes the same again. Where an
    /// evaluation can fail it would have to be.
    fn window(&mut self, f: WindowFunction, slot: u16, (x, span): (NodeId, NodeId), to: Register) -> Option<()> {
        if self.rule.can_fail {
            return None;
        }
        let x = self.scalar(x)?;
        let (span_ms, reads) = (self.constant_int(span)?.max(1), self.slot_reads(slot)?);
        self.push(Step::Window { f, to, slot, x, reads, span_ms })
    }

    fn previous(&mut self, slot: u16, x: NodeId, to: Register) -> Option<()> {
        let (x, reads) = (self.scalar(x)?, self.slot_reads(slot)?);
        self.push(Step::Previous { to, slot, x, reads })
    }

    fn slot_reads(&self, slot: u16) -> Option<u32> {
        Some(self.rule.slots.get(usize::from(slot))?.reads)
    }

    fn minutes(&self, id: NodeId) -> Option<u16> {
        super::quick::minutes(self.rule, self.node(id)?)
    }
}

fn type_of(ty: &FieldType) -> Option<Type> {
    match ty {
        FieldType::Number { .. } => Some(Type::Float),
        FieldType::Integer { .. } => Some(Type::Int),
        FieldType::Bool => Some(Type::Bool),
        FieldType::Text { .. } => None,
    }
}

/// Which registers hold a type; none hold texts.
fn sort(ty: Type) -> Option<usize> {
    match ty {
        Type::Float => Some(0),
        Type::Int => Some(1),
        Type::Bool => Some(2),
        Type::Text => None,
    }
}

fn sort_of(register: Register) -> usize {
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
