//! Expressions: names, fields, operators, `if`.

use std::sync::Arc;

use gengfu_model::{FieldId, Value as ModelValue};

use super::value::{Bound, Constant, Type, Value};
use super::{Lowerer, metadata};
use crate::diagnostic::did_you_mean;
use crate::judge::number;
use crate::program::{BlockId, DeviceProperty, MAX_NODES, Node, NodeId, Op, Origin};
use crate::script::tree::{Binary, Block, Expr, ExprKind, If, Unary};
use crate::script::{Pos, render};

/// What every device has beside its attributes: the name in a rule, the type, the property.
const DEVICE: [(&str, Type, DeviceProperty); 15] = [
    ("id", Type::Text, DeviceProperty::Id),
    ("name", Type::Text, DeviceProperty::Name),
    ("model", Type::Text, DeviceProperty::Model),
    ("asset_code", Type::Text, DeviceProperty::Asset),
    ("district", Type::Text, DeviceProperty::District),
    ("grid", Type::Text, DeviceProperty::Grid),
    ("feeder", Type::Text, DeviceProperty::Feeder),
    ("cabinet", Type::Text, DeviceProperty::Cabinet),
    ("catchment", Type::Text, DeviceProperty::Catchment),
    ("carrier_cell", Type::Text, DeviceProperty::CarrierCell),
    ("department", Type::Text, DeviceProperty::Department),
    ("interval_s", Type::Int, DeviceProperty::IntervalS),
    ("silent", Type::Bool, DeviceProperty::Silent),
    ("latitude", Type::Float, DeviceProperty::Latitude),
    ("longitude", Type::Float, DeviceProperty::Longitude),
];

/// The names of `dev.` that every kind has.
pub(crate) fn device_names() -> impl Iterator<Item = &'static str> + Clone {
    DEVICE.iter().map(|(name, _, _)| *name)
}

impl Lowerer<'_> {
    /// Lowers an expression; its statements (calls of functions, `raise`) go to the current block.
    pub(super) fn expr(&mut self, expr: &Expr) -> Option<Value> {
        match &expr.kind {
            ExprKind::Unit => {
                self.error(expr.pos, "`()` is no value", "unknown is asked for by `known(x)`");
                None
            }
            ExprKind::Bool(v) => self.constant(Type::Bool, Constant::Bool(*v), expr),
            ExprKind::Int(v) => self.constant(Type::Int, Constant::Int(*v), expr),
            ExprKind::Float(v) => self.constant(Type::Float, Constant::Float(*v), expr),
            ExprKind::Text(v) => self.constant(Type::Text, Constant::Text(Arc::from(v.as_str())), expr),
            ExprKind::Map(_) => {
                self.error(expr.pos, "a map stands in `RULE`, `raise` and `incident` only", "");
                None
            }
            ExprKind::Name(name) => self.name(name, expr),
            ExprKind::Property { of, name, name_pos } => self.property(of, name, *name_pos, expr),
            ExprKind::Call { name, args } => self.call(name, args, expr),
            ExprKind::Unary(op, x) => self.unary(*op, x, expr),
            ExprKind::Binary(op, a, b) => {
                let (a, b) = (self.value(a), self.value(b));
                self.binary(*op, a?, b?, expr)
            }
            ExprKind::And(terms) => self.logic(terms, true, expr),
            ExprKind::Or(terms) => self.logic(terms, false, expr),
            ExprKind::If(branch) => self.branch(branch, expr),
            ExprKind::Block(block) => {
                let names = self.scope.len();
                let value = self.statements(block);
                self.scope.truncate(names);
                value
            }
        }
    }

    /// An expression that must have a value: no statement, no handle.
    pub(super) fn value(&mut self, expr: &Expr) -> Option<Value> {
        let value = self.expr(expr)?;
        match value.ty {
            Type::Unit => self.error(expr.pos, "a value stands here, this has none", ""),
            Type::Message => self.error(expr.pos, "`msg` is no value", "write the field: msg.FIELD"),
            Type::Device => self.error(expr.pos, "`dev` is no value", "write the attribute: dev.NAME"),
            Type::Parameters => self.error(expr.pos, "`param` is no value", "write the parameter: param.NAME"),
            _ => return Some(value),
        }
        None
    }

    /// An expression of a certain type; a whole number serves as a number.
    pub(super) fn typed(&mut self, expr: &Expr, wanted: Type) -> Option<Value> {
        let value = self.value(expr)?;
        self.expect(value, wanted)
    }

    pub(super) fn expect(&mut self, value: Value, wanted: Type) -> Option<Value> {
        if value.ty == wanted {
            return Some(value);
        }
        if value.ty == Type::Int && wanted == Type::Float {
            return self.to_float(value);
        }
        let hint = match (value.ty, wanted) {
            (Type::Int | Type::Float, Type::Bool) => "compare it with something, such as `x > 0`",
            (Type::Bool, Type::Float | Type::Int) => "a condition is used by itself, without comparing it",
            (Type::Int | Type::Float, Type::Duration) => "write a unit: 30.s, 10.min, 2.h, 7.d",
            (Type::Float, Type::Int) => "write `to_int(x)`",
            _ => "",
        };
        self.error(value.pos, format!("{} stands where {} should", value.ty.name(), wanted.name()), hint);
        None
    }

    /// Adds a node; the text is what an explanation shows.
    pub(super) fn emit(&mut self, node: Node, pos: Pos, text: &str) -> Option<NodeId> {
        if self.nodes.len() >= MAX_NODES {
            if !self.too_large {
                self.too_large = true;
                self.error(pos, format!("the rule takes more than {MAX_NODES} operations"), "split it into two rules");
            }
            return None;
        }
        let id = NodeId::try_from(self.nodes.len()).ok()?;
        self.nodes.push(node);
        self.origins.push(Origin { pos, text: Arc::from(text) });
        Some(id)
    }

    pub(super) fn emit_for(&mut self, node: Node, expr: &Expr) -> Option<NodeId> {
        self.emit(node, expr.pos, &render(expr, true))
    }

    pub(super) fn constant(&mut self, ty: Type, constant: Constant, expr: &Expr) -> Option<Value> {
        let node = match &constant {
            Constant::Bool(v) => Node::Bool(*v),
            Constant::Int(v) | Constant::Duration(v) => Node::Int(*v),
            Constant::Float(v) => Node::Float(*v),
            Constant::Text(v) => Node::Text(intern(&mut self.texts, v)?),
        };
        let node = self.emit_for(node, expr)?;
        Some(Value { ty, node, constant: Some(constant), reads: 0, stateful: false, pos: expr.pos })
    }

    pub(super) fn to_float(&mut self, value: Value) -> Option<Value> {
        let text = Arc::clone(&self.origins.get(usize::from(value.node))?.text);
        let (node, constant) = match value.constant {
            Some(Constant::Int(v)) => (Node::Float(v as f64), Some(Constant::Float(v as f64))),
            _ => (Node::ToFloat(value.node), None),
        };
        let node = self.emit(node, value.pos, &text)?;
        Some(Value { ty: Type::Float, node, constant, ..value })
    }

    fn name(&mut self, name: &str, expr: &Expr) -> Option<Value> {
        let bound = self.scope.iter().rev().find(|binding| binding.name == name).map(|binding| binding.bound.clone());
        match bound {
            Some(Bound::Constant(ty, constant)) => self.constant(ty, constant, expr),
            Some(Bound::Handle(ty)) => Some(handle(ty, expr.pos)),
            Some(Bound::Local { index, ty, reads }) => {
                let node = self.emit_for(Node::Local(index), expr)?;
                Some(Value { ty, node, constant: None, reads, stateful: false, pos: expr.pos })
            }
            Some(Bound::Broken) => None,
            None if name == "param" => Some(handle(Type::Parameters, expr.pos)),
            None => {
                let hint = if self.meta.kind.field(name).is_some() {
                    format!("a field is read as `msg.{name}`")
                } else {
                    let names: Vec<_> = self.scope.iter().map(|binding| binding.name.clone()).collect();
                    did_you_mean(name, names.iter().map(String::as_str))
                };
                self.error(expr.pos, format!("there is no `{name}` here"), hint);
                None
            }
        }
    }

    fn property(&mut self, of: &Expr, name: &str, name_pos: Pos, expr: &Expr) -> Option<Value> {
        if let ExprKind::Int(_) | ExprKind::Float(_) = of.kind {
            return self.duration(of, name, name_pos, expr);
        }
        let of = self.expr(of)?;
        match of.ty {
            Type::Message => self.field(name, name_pos, expr),
            Type::Device => self.attribute(name, name_pos, expr),
            Type::Parameters => self.parameter(name, name_pos, expr),
            other => {
                self.error(name_pos, format!("{} has no `{name}`", other.name()), "");
                None
            }
        }
    }

    /// `10.min`, `2.5.intervals`
    fn duration(&mut self, of: &Expr, unit: &str, unit_pos: Pos, expr: &Expr) -> Option<Value> {
        let amount = match of.kind {
            ExprKind::Int(v) => v as f64,
            ExprKind::Float(v) => v,
            _ => return None,
        };
        if unit == "intervals" {
            let text = render(expr, true);
            let interval = self.emit(Node::Device(DeviceProperty::IntervalMs), expr.pos, &text)?;
            let interval = self.emit(Node::ToFloat(interval), expr.pos, &text)?;
            let times = self.emit(Node::Float(amount), expr.pos, &text)?;
            let product = self.emit(Node::FloatOp { op: Binary::Multiply, a: times, b: interval }, expr.pos, &text)?;
            let node = self.emit(Node::ToInt(product), expr.pos, &text)?;
            return Some(Value {
                ty: Type::Duration,
                node,
                constant: None,
                reads: 0,
                stateful: false,
                pos: expr.pos,
            });
        }
        let Some((_, ms)) = metadata::UNITS.iter().find(|(name, _)| *name == unit) else {
            let units = metadata::UNITS.iter().map(|(name, _)| *name).chain(["intervals"]);
            self.error(unit_pos, format!("there is no unit `{unit}`"), did_you_mean(unit, units));
            return None;
        };
        let total = amount * *ms as f64;
        if !(0.0..=metadata::MAX_SPAN_MS as f64).contains(&total) {
            self.error(expr.pos, "the time is too long", "a rule waits or looks back 45 days at most");
            return None;
        }
        self.constant(Type::Duration, Constant::Duration(libm::round(total) as i64), expr)
    }

    fn field(&mut self, name: &str, name_pos: Pos, expr: &Expr) -> Option<Value> {
        let def = self.meta.kind.def();
        let Some(field) = self.meta.kind.field(name) else {
            let hint = did_you_mean(name, def.fields.iter().map(|field| field.name));
            self.error(name_pos, format!("a {} has no field `{name}`", def.en), hint);
            return None;
        };
        let ty = Type::of(def.fields.get(usize::from(field.0))?.ty);
        let reads = 1 << field.0;
        self.reads |= reads;
        let node = self.emit_for(Node::Field(field), expr)?;
        Some(Value { ty, node, constant: None, reads, stateful: false, pos: expr.pos })
    }

    pub(super) fn attribute(&mut self, name: &str, name_pos: Pos, expr: &Expr) -> Option<Value> {
        let def = self.meta.kind.def();
        let (ty, node) = if let Some((_, ty, property)) = DEVICE.iter().find(|(known, _, _)| *known == name) {
            (*ty, Node::Device(*property))
        } else if let Some(attribute) = def.attributes.iter().find(|attribute| attribute.name == name) {
            (Type::of(attribute.ty), Node::Attribute(intern(&mut self.attributes, attribute.name)?))
        } else {
            let names = def.attributes.iter().map(|attribute| attribute.name).chain(device_names());
            self.error(name_pos, format!("a {} has no attribute `{name}`", def.en), did_you_mean(name, names));
            return None;
        };
        let node = self.emit_for(node, expr)?;
        Some(Value { ty, node, constant: None, reads: 0, stateful: false, pos: expr.pos })
    }

    fn parameter(&mut self, name: &str, name_pos: Pos, expr: &Expr) -> Option<Value> {
        let meta = self.meta;
        let Some(index) = meta.parameters.iter().position(|parameter| &*parameter.name == name) else {
            let hint = did_you_mean(name, meta.parameters.iter().map(|parameter| &*parameter.name));
            self.error(name_pos, format!("the rule declares no parameter `{name}`"), hint);
            return None;
        };
        let parameter = meta.parameters.get(index)?;
        let ty = match (&parameter.default, parameter.is_duration) {
            (ModelValue::Bool(_), _) => Type::Bool,
            (_, true) => Type::Duration,
            _ => Type::Float,
        };
        let node = self.emit_for(Node::Parameter(u16::try_from(index).ok()?), expr)?;
        Some(Value { ty, node, constant: None, reads: 0, stateful: false, pos: expr.pos })
    }

    fn unary(&mut self, op: Unary, x: &Expr, expr: &Expr) -> Option<Value> {
        if op == Unary::Not {
            let x = self.typed(x, Type::Bool)?;
            if let Some(Constant::Bool(v)) = x.constant {
                return self.constant(Type::Bool, Constant::Bool(!v), expr);
            }
            let node = self.emit_for(Node::Not(x.node), expr)?;
            return Some(Value { node, pos: expr.pos, ..x });
        }
        let x = self.value(x)?;
        match (x.ty, &x.constant) {
            (Type::Float, Some(Constant::Float(v))) => self.constant(Type::Float, Constant::Float(-v), expr),
            (Type::Int, Some(Constant::Int(v))) if *v != i64::MIN => {
                self.constant(Type::Int, Constant::Int(-v), expr)
            }
            (Type::Float, _) => {
                let node = self.emit_for(Node::NegateFloat(x.node), expr)?;
                Some(Value { node, pos: expr.pos, ..x })
            }
            (Type::Int, _) => {
                self.can_fail = true;
                let node = self.emit_for(Node::NegateInt(x.node), expr)?;
                Some(Value { node, pos: expr.pos, ..x })
            }
            _ => self.expect(x, Type::Float),
        }
    }

    pub(super) fn binary(&mut self, op: Binary, a: Value, b: Value, expr: &Expr) -> Option<Value> {
        if op.is_comparison() { self.comparison(op, a, b, expr) } else { self.arithmetic(op, a, b, expr) }
    }

    fn comparison(&mut self, op: Binary, a: Value, b: Value, expr: &Expr) -> Option<Value> {
        let negated = op == Binary::NotEqual;
        let same = matches!(op, Binary::Equal | Binary::NotEqual);
        let (reads, stateful) = (a.reads | b.reads, a.stateful || b.stateful);
        let node = match (a.ty, b.ty) {
            (Type::Int, Type::Int) | (Type::Duration, Type::Duration) => {
                self.check_threshold(op, &a, &b, expr);
                if let (Some(Constant::Int(x)), Some(Constant::Int(y))) = (&a.constant, &b.constant) {
                    return self.constant(Type::Bool, Constant::Bool(number::compare_ints(op, *x, *y)), expr);
                }
                Node::CompareInt { op, a: a.node, b: b.node }
            }
            (x, y) if x.is_number() && y.is_number() => {
                self.check_threshold(op, &a, &b, expr);
                let (a, b) = (self.expect(a, Type::Float)?, self.expect(b, Type::Float)?);
                if let (Some(Constant::Float(x)), Some(Constant::Float(y))) = (&a.constant, &b.constant) {
                    return self.constant(Type::Bool, Constant::Bool(number::compare_floats(op, *x, *y)), expr);
                }
                Node::CompareFloat { op, a: a.node, b: b.node }
            }
            (Type::Bool, Type::Bool) if same => Node::SameBool { negated, a: a.node, b: b.node },
            (Type::Text, Type::Text) if same => Node::SameText { negated, a: a.node, b: b.node },
            (x, y) if x == y => {
                let message = format!("`{}` does not compare {}", op.symbol(), x.name());
                self.error(expr.pos, message, "there are == and != for it");
                return None;
            }
            (x, y) => {
                let message = format!("`{}` compares {} with {}", op.symbol(), x.name(), y.name());
                let hint = match (x, y) {
                    (Type::Bool, Type::Int | Type::Float) | (Type::Int | Type::Float, Type::Bool) => {
                        "a condition is used by itself, without comparing it"
                    }
                    (Type::Duration, _) | (_, Type::Duration) => "write a unit: 30.s, 10.min, 2.h, 7.d",
                    _ => "",
                };
                self.error(expr.pos, message, hint);
                return None;
            }
        };
        let node = self.emit_for(node, expr)?;
        Some(Value { ty: Type::Bool, node, constant: None, reads, stateful, pos: expr.pos })
    }

    fn arithmetic(&mut self, op: Binary, a: Value, b: Value, expr: &Expr) -> Option<Value> {
        let (reads, stateful) = (a.reads | b.reads, a.stateful || b.stateful);
        let ty = match (a.ty, b.ty, op) {
            (Type::Int, Type::Int, _) => Type::Int,
            (x, y, _) if x.is_number() && y.is_number() => Type::Float,
            (Type::Duration, Type::Duration, Binary::Add | Binary::Subtract)
            | (Type::Duration, Type::Int, Binary::Multiply | Binary::Divide)
            | (Type::Int, Type::Duration, Binary::Multiply) => Type::Duration,
            (x, y, _) => {
                let message = format!("`{}` cannot take {} and {}", op.symbol(), x.name(), y.name());
                self.error(expr.pos, message, "");
                return None;
            }
        };
        if ty == Type::Float {
            let (a, b) = (self.expect(a, Type::Float)?, self.expect(b, Type::Float)?);
            if let (Some(Constant::Float(x)), Some(Constant::Float(y))) = (&a.constant, &b.constant) {
                return self.constant(Type::Float, Constant::Float(number::float_op(op, *x, *y)), expr);
            }
            let node = self.emit_for(Node::FloatOp { op, a: a.node, b: b.node }, expr)?;
            return Some(Value { ty, node, constant: None, reads, stateful, pos: expr.pos });
        }
        if let (Some(x), Some(y)) = (whole(&a), whole(&b)) {
            return match number::int_op(op, x, y) {
                Ok(v) if ty == Type::Duration => self.constant(ty, Constant::Duration(v), expr),
                Ok(v) => self.constant(ty, Constant::Int(v), expr),
                Err(failure) => {
                    self.error(expr.pos, failure.to_string(), "");
                    None
                }
            };
        }
        self.can_fail = true;
        let node = self.emit_for(Node::IntOp { op, a: a.node, b: b.node }, expr)?;
        Some(Value { ty, node, constant: None, reads, stateful, pos: expr.pos })
    }

    /// `&&` and `||` from the left. The right side is a block of its own: what it needs is computed
    /// only when it is looked at, unless it holds a slot.
    fn logic(&mut self, terms: &[Expr], and: bool, expr: &Expr) -> Option<Value> {
        let (first, rest) = terms.split_first()?;
        let mut left = self.typed(first, Type::Bool);
        let mut text = render(first, true);
        for term in rest {
            let right = self.lazily(|lowerer| lowerer.typed(term, Type::Bool));
            let joined = if and { " && " } else { " || " };
            text = format!("{text}{joined}{}", render(term, true));
            let (Some(a), Some(b)) = (left, right) else {
                left = None;
                continue;
            };
            let eager = b.stateful;
            let node = if and {
                Node::And { a: a.node, b: b.node, eager }
            } else {
                Node::Or { a: a.node, b: b.node, eager }
            };
            let node = self.emit(node, expr.pos, &text)?;
            let (reads, stateful) = (a.reads | b.reads, a.stateful || b.stateful);
            left = Some(Value { ty: Type::Bool, node, constant: None, reads, stateful, pos: expr.pos });
        }
        left
    }

    /// Lowers into a block of its own; if that got statements, the value waits for them.
    fn lazily(&mut self, lower: impl FnOnce(&mut Self) -> Option<Value>) -> Option<Value> {
        self.ops.push(Vec::new());
        let names = self.scope.len();
        let value = lower(self);
        self.scope.truncate(names);
        let ops = self.ops.pop().unwrap_or_default();
        let value = value?;
        if ops.is_empty() {
            return Some(value);
        }
        let text = Arc::clone(&self.origins.get(usize::from(value.node))?.text);
        let block = self.block(ops)?;
        let node = self.emit(Node::Do { block, value: value.node }, value.pos, &text)?;
        // The statements may hold slots: then the value is not to be skipped.
        Some(Value { node, stateful: true, constant: None, ..value })
    }

    pub(super) fn block(&mut self, ops: Vec<Op>) -> Option<BlockId> {
        if ops.is_empty() {
            return Some(0);
        }
        let id = BlockId::try_from(self.blocks.len()).ok()?;
        self.blocks.push(ops);
        Some(id)
    }

    fn branch(&mut self, branch: &If, expr: &Expr) -> Option<Value> {
        let condition = self.typed(&branch.condition, Type::Bool);
        self.branches += 1;
        let number = self.branches;
        if let Some(condition) = &condition {
            self.conditions.push(condition.node);
        }
        let arm = |lowerer: &mut Self, which: u8, block: Option<&Block>| {
            lowerer.path.push((number, which));
            lowerer.ops.push(Vec::new());
            let names = lowerer.scope.len();
            let value = block.map(|block| lowerer.statements(block));
            lowerer.scope.truncate(names);
            lowerer.path.pop();
            (lowerer.ops.pop().unwrap_or_default(), value)
        };
        let (then_ops, then) = arm(self, 0, Some(&branch.then));
        let (else_ops, otherwise) = arm(self, 1, branch.otherwise.as_ref());
        if condition.is_some() {
            self.conditions.pop();
        }
        let returns = then_ops.last() == Some(&Op::Return) && branch.otherwise.is_none();
        let condition = condition?;
        let then = then??;
        let otherwise = match otherwise {
            Some(otherwise) => otherwise?,
            None => handle(Type::Unit, expr.pos),
        };
        if then.ty == Type::Unit || otherwise.ty == Type::Unit {
            let (then, otherwise) = (self.block(then_ops)?, self.block(else_ops)?);
            self.push(Op::If { condition: condition.node, then, otherwise });
            self.returning_branch = returns.then_some(number);
            return Some(handle(Type::Unit, expr.pos));
        }
        let (then, otherwise) = match (then.ty, otherwise.ty) {
            (Type::Float, Type::Int) => (then, self.to_float(otherwise)?),
            (Type::Int, Type::Float) => (self.to_float(then)?, otherwise),
            (a, b) if a == b => (then, otherwise),
            (a, b) => {
                let message = format!("one branch gives {}, the other {}", a.name(), b.name());
                self.error(expr.pos, message, "both branches of an `if` give the same type");
                return None;
            }
        };
        let (ty, reads) = (then.ty, condition.reads | then.reads | otherwise.reads);
        let stateful = condition.stateful || then.stateful || otherwise.stateful;
        let yes = self.after_statements(then_ops, then)?;
        let no = self.after_statements(else_ops, otherwise)?;
        let node = self.emit_for(Node::Choose { condition: condition.node, yes, no }, expr)?;
        Some(Value { ty, node, constant: None, reads, stateful, pos: expr.pos })
    }

    fn after_statements(&mut self, ops: Vec<Op>, value: Value) -> Option<NodeId> {
        if ops.is_empty() {
            return Some(value.node);
        }
        let text = Arc::clone(&self.origins.get(usize::from(value.node))?.text);
        let block = self.block(ops)?;
        self.emit(Node::Do { block, value: value.node }, value.pos, &text)
    }

    pub(super) fn push(&mut self, op: Op) {
        if let Some(ops) = self.ops.last_mut() {
            ops.push(op);
        }
    }

    /// The field that a value is, without anything around it.
    pub(super) fn plain_field(&self, value: &Value) -> Option<FieldId> {
        match self.nodes.get(usize::from(value.node)) {
            Some(Node::Field(field)) => Some(*field),
            Some(Node::ToFloat(inner)) => match self.nodes.get(usize::from(*inner)) {
                Some(Node::Field(field)) => Some(*field),
                _ => None,
            },
            _ => None,
        }
    }
}

/// A value that exists at load alone.
pub(super) fn handle(ty: Type, pos: Pos) -> Value {
    Value { ty, node: 0, constant: None, reads: 0, stateful: false, pos }
}

fn whole(value: &Value) -> Option<i64> {
    match value.constant {
        Some(Constant::Int(v) | Constant::Duration(v)) => Some(v),
        _ => None,
    }
}

/// The place of a text in a list of texts.
pub(super) fn intern(texts: &mut Vec<Arc<str>>, text: &str) -> Option<u16> {
    let place = texts.iter().position(|known| &**known == text).unwrap_or_else(|| {
        texts.push(Arc::from(text));
        texts.len() - 1
    });
    u16::try_from(place).ok()
}
