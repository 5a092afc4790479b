//! `if`, as a statement and as a value, and the right sides that are looked at only if they count.

use std::sync::Arc;

use super::Lowerer;
use super::expr::handle;
use super::value::{Type, Value};
use crate::program::{Node, NodeId, Op};
use crate::script::tree::{Block, Expr, If};

impl Lowerer<'_> {
    pub(super) fn branch(&mut self, branch: &If, expr: &Expr) -> Option<Value> {
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
            let (mut then_ops, mut else_ops) = (then_ops, else_ops);
            then_ops.extend(self.still_runs(&then));
            else_ops.extend(self.still_runs(&otherwise));
            let (then, otherwise) = (self.block(then_ops)?, self.block(else_ops)?);
            self.push(Op::If { condition: condition.node, then, otherwise });
            self.returning_branch = returns.then_some(number);
            return Some(handle(Type::Unit, expr.pos));
        }
        let (then, otherwise) = match (then.ty, otherwise.ty) {
            (Type::Any, other) if other != Type::Any => (self.expect(then, other)?, otherwise),
            (other, Type::Any) if other != Type::Any => {
                let otherwise = self.expect(otherwise, other)?;
                (then, otherwise)
            }
            (Type::List(_), Type::List(_)) => (then, otherwise),
            (Type::Float, Type::Int) => (then, self.promoted(otherwise)?),
            (Type::Int, Type::Float) => (self.promoted(then)?, otherwise),
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

    /// What a value that nobody uses still does: it has a memory, or calls a function of the script.
    pub(super) fn still_runs(&self, value: &Value) -> Option<Op> {
        let runs = value.ty != Type::Unit && (value.stateful || self.invokes(value.node));
        runs.then_some(Op::Evaluate(value.node))
    }

    fn after_statements(&mut self, ops: Vec<Op>, value: Value) -> Option<NodeId> {
        if ops.is_empty() {
            return Some(value.node);
        }
        let text = Arc::clone(&self.origins.get(usize::from(value.node))?.text);
        let block = self.block(ops)?;
        self.emit(Node::Do { block, value: value.node }, value.pos, &text)
    }

    /// Lowers into a block of its own; if that got statements, the value waits for them.
    pub(super) fn lazily(&mut self, lower: impl FnOnce(&mut Self) -> Option<Value>) -> Option<Value> {
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
}
