//! Writing expressions: values of any sort, numbers, whole numbers, conditions.
//!
//! Of each sort there are three ways: into a register of the writer's choice, into a given one, and the same with the
//! registers in between given back. What is counted is what the machine counts where it evaluates a node as that sort.

use gengfu_model::FieldId;

use super::super::fold::{float_of, int_of};
use super::super::quick::{Limit, minutes};
use super::super::{Node, NodeId, WindowFunction};
use super::conditions::Exits;
use super::writer::{Source, Type, Writer, sort, sort_of};
use super::{Register, Step};
use crate::judge::is_int;
use crate::script::tree::Binary;

/// A comparison with a constant.
pub(super) struct Comparison {
    pub(super) x: Compared,
    pub(super) limit: Limit,
}

/// What is compared.
pub(super) enum Compared {
    Field(FieldId),
    Register(u8),
}

impl Writer<'_> {
    /// A value of its own sort, in a register.
    pub(super) fn scalar(&mut self, id: NodeId) -> Option<Register> {
        if let Node::Local(local) = self.node(id)? {
            self.cost += 1;
            return self.local(local);
        }
        let to = self.temporary(self.type_of(id)?)?;
        self.scalar_to(id, to)?;
        Some(to)
    }

    pub(super) fn scalar_to(&mut self, id: NodeId, to: Register) -> Option<()> {
        let low = self.low;
        self.scalar_into(id, to)?;
        self.low = low;
        Some(())
    }

    pub(super) fn scalar_into(&mut self, id: NodeId, to: Register) -> Option<()> {
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
    pub(super) fn read(&mut self, id: NodeId, to: Register) -> Option<()> {
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
    pub(super) fn source(&mut self, source: Source, ty: Type) -> Option<Register> {
        if let Some((_, register)) = self.sources.iter().find(|(known, _)| *known == source) {
            return Some(*register);
        }
        let home = self.homes.iter().find(|(known, _)| *known == source).map(|(_, register)| *register);
        let to = match home {
            Some(to) => to,
            None => {
                let to = self.for_good(ty)?;
                self.homes.push((source, to));
                to
            }
        };
        self.push(match source {
            Source::Field(field, _) => Step::Field { to, field },
            Source::Attribute(name) => Step::Attribute { to, name },
        })?;
        self.sources.push((source, to));
        Some(to)
    }

    pub(super) fn choose(&mut self, condition: NodeId, yes: NodeId, no: NodeId, to: Register) -> Option<()> {
        let [first, second, unknown, end] = [self.label()?, self.label()?, self.label()?, self.label()?];
        self.test(condition, Exits { yes: first, no: second, unknown })?;
        let known = self.sources.len();
        for (way, value) in [(first, yes), (second, no)] {
            self.place(way)?;
            self.scalar_to(value, to)?;
            self.sources.truncate(known);
            self.jump(end)?;
        }
        self.place(unknown)?;
        self.push(Step::Unset(to))?;
        self.place(end)
    }

    pub(super) fn unless_known(&mut self, x: Register, write: impl FnOnce(&mut Self) -> Option<()>) -> Option<()> {
        let (end, cost, known) = (self.label()?, self.take_cost(), self.sources.len());
        self.push(Step::SkipIfKnown { x, cost, to: end })?;
        write(self)?;
        self.sources.truncate(known);
        self.flush();
        self.place(end)
    }

    pub(super) fn float(&mut self, id: NodeId) -> Option<u8> {
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

    pub(super) fn float_to(&mut self, id: NodeId, to: u8) -> Option<()> {
        let low = self.low;
        self.float_into(id, to)?;
        self.low = low;
        Some(())
    }

    pub(super) fn float_into(&mut self, id: NodeId, to: u8) -> Option<()> {
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

    pub(super) fn int(&mut self, id: NodeId) -> Option<u8> {
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

    pub(super) fn int_to(&mut self, id: NodeId, to: u8) -> Option<()> {
        let low = self.low;
        self.int_into(id, to)?;
        self.low = low;
        Some(())
    }

    pub(super) fn int_into(&mut self, id: NodeId, to: u8) -> Option<()> {
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

    pub(super) fn boolean(&mut self, id: NodeId) -> Option<u8> {
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

    pub(super) fn boolean_to(&mut self, id: NodeId, to: u8) -> Option<()> {
        let low = self.low;
        self.boolean_into(id, to)?;
        self.low = low;
        Some(())
    }

    pub(super) fn boolean_into(&mut self, id: NodeId, to: u8) -> Option<()> {
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
    pub(super) fn both(&mut self, decisive: bool, (a, b, eager): (NodeId, NodeId, bool), to: u8) -> Option<()> {
        self.boolean_to(a, to)?;
        let known = self.sources.len();
        let end = self.label()?;
        if !eager {
            let cost = self.take_cost();
            self.push(Step::SkipIf { x: to, value: decisive, cost, to: end })?;
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
        self.place(end)
    }

    fn compare(&mut self, op: Binary, (a, b): (NodeId, NodeId), to: u8) -> Option<()> {
        let Some(Comparison { x, limit }) = self.with_constant(op, (a, b))? else {
            let (a, b) = (self.float(a)?, self.float(b)?);
            return self.push(Step::Compare { op, to, a, b });
        };
        let place = u16::try_from(self.tape.limits.len()).ok()?;
        self.tape.limits.push(limit);
        self.push(match x {
            Compared::Field(field) => Step::FieldAgainst { to, field, limit: place },
            Compared::Register(x) => Step::Against { to, x, limit: place },
        })
    }

    /// A number with a constant, and what it is compared with in a register unless nothing else reads the field.
    pub(super) fn with_constant(&mut self, op: Binary, (a, b): (NodeId, NodeId)) -> Option<Option<Comparison>> {
        let constant = |id: NodeId| float_of(self.node(id)?);
        let (side, op, (value, cost)) = match (constant(b), constant(a)) {
            (Some(limit), _) => (a, op, limit),
            (None, Some(limit)) => (b, op.mirrored(), limit),
            (None, None) => return Some(None),
        };
        self.cost += u32::from(cost);
        let limit = Limit::new(op, value);
        if let Node::Field(field) = self.node(side)?
            && self.field_type(field) == Some(Type::Float)
            && self.nodes.iter().filter(|node| **node == Node::Field(field)).count() == 1
        {
            self.cost += 1;
            return Some(Some(Comparison { x: Compared::Field(field), limit }));
        }
        Some(Some(Comparison { x: Compared::Register(self.float(side)?), limit }))
    }

    pub(super) fn band(&mut self, slot: u16, x: NodeId, limits: NodeId, to: u8) -> Option<()> {
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
    pub(super) fn window(
        &mut self,
        f: WindowFunction,
        slot: u16,
        (x, span): (NodeId, NodeId),
        to: Register,
    ) -> Option<()> {
        if self.rule.can_fail {
            return None;
        }
        let x = self.scalar(x)?;
        let (span_ms, reads) = (self.constant_int(span)?.max(1), self.slot_reads(slot)?);
        self.push(Step::Window { f, to, slot, x, reads, span_ms })
    }

    pub(super) fn previous(&mut self, slot: u16, x: NodeId, to: Register) -> Option<()> {
        let (x, reads) = (self.scalar(x)?, self.slot_reads(slot)?);
        self.push(Step::Previous { to, slot, x, reads })
    }

    pub(super) fn slot_reads(&self, slot: u16) -> Option<u32> {
        Some(self.rule.slots.get(usize::from(slot))?.reads)
    }

    pub(super) fn minutes(&self, id: NodeId) -> Option<u16> {
        minutes(self.rule, self.node(id)?)
    }
}
