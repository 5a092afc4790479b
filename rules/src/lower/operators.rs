//! Operators: comparison, arithmetic, logic. Types are settled here, so that evaluation need not ask.

use super::Lowerer;
use super::value::{Constant, Type, Value};
use crate::judge::number;
use crate::program::Node;
use crate::script::render;
use crate::script::tree::{Binary, Expr, Unary};

impl Lowerer<'_> {
    pub(super) fn unary(&mut self, op: Unary, x: &Expr, expr: &Expr) -> Option<Value> {
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
            (Type::Int, Some(Constant::Int(v))) if *v != i64::MIN => self.constant(Type::Int, Constant::Int(-v), expr),
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
        let (a, b) = self.sided(a, b)?;
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
    pub(super) fn logic(&mut self, terms: &[Expr], and: bool, expr: &Expr) -> Option<Value> {
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
            let node =
                if and { Node::And { a: a.node, b: b.node, eager } } else { Node::Or { a: a.node, b: b.node, eager } };
            let node = self.emit(node, expr.pos, &text)?;
            let (reads, stateful) = (a.reads | b.reads, a.stateful || b.stateful);
            left = Some(Value { ty: Type::Bool, node, constant: None, reads, stateful, pos: expr.pos });
        }
        left
    }
}

fn whole(value: &Value) -> Option<i64> {
    match value.constant {
        Some(Constant::Int(v) | Constant::Duration(v)) => Some(v),
        _ => None,
    }
}
