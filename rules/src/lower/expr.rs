//! Expressions: each becomes a typed node. Names, operators and `if` have files of their own.

use std::sync::Arc;

use gengfu_model::FieldId;

use super::Lowerer;
use super::value::{Constant, Type, Value};
use crate::program::{BlockId, MAX_NODES, Node, NodeId, Op, Origin};
use crate::script::tree::{Expr, ExprKind};
use crate::script::{Pos, render};

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
            ExprKind::Map(entries) => self.map(entries, expr),
            ExprKind::List(items) => self.list(items, expr),
            ExprKind::Index { of, index } => self.item(of, index, expr),
            ExprKind::Range { .. } => {
                self.error(expr.pos, "a range stands in `for` only", "write for n in 0..10 { .. }");
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
            return self.promoted(value);
        }
        if value.ty == Type::Any {
            return self.checked(value, wanted);
        }
        if wanted == Type::Any && value.ty != Type::Unit {
            return Some(value);
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

    pub(super) fn promoted(&mut self, value: Value) -> Option<Value> {
        let text = Arc::clone(&self.origins.get(usize::from(value.node))?.text);
        let (node, constant) = match value.constant {
            Some(Constant::Int(v)) => (Node::Float(v as f64), Some(Constant::Float(v as f64))),
            _ => (Node::ToFloat(value.node), None),
        };
        let node = self.emit(node, value.pos, &text)?;
        Some(Value { ty: Type::Float, node, constant, ..value })
    }

    pub(super) fn block(&mut self, ops: Vec<Op>) -> Option<BlockId> {
        if ops.is_empty() {
            return Some(0);
        }
        let id = BlockId::try_from(self.blocks.len()).ok()?;
        self.blocks.push(ops);
        Some(id)
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

/// The place of a text in a list of texts.
pub(super) fn intern(texts: &mut Vec<Arc<str>>, text: &str) -> Option<u16> {
    let place = texts.iter().position(|known| &**known == text).unwrap_or_else(|| {
        texts.push(Arc::from(text));
        texts.len() - 1
    });
    u16::try_from(place).ok()
}
