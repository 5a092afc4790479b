//! What only the interpreter does: loops here, lists and maps in `lists.rs`, recursion in `recursion.rs`. Checked and
//! typed like the rest; the entry that has it is marked, with the first reason.

use std::sync::Arc;

use super::Lowerer;
use super::function::block_returns;
use super::value::{Binding, Bound, Constant, Item, Type, Value};
use crate::interp::{Plain, ScriptNode, ScriptOp};
use crate::program::{Node, NodeId, Op};
use crate::script::Pos;
use crate::script::tree::{Block, Expr, ExprKind, LoopForm, StmtKind};

impl Lowerer<'_> {
    /// The current entry runs in the interpreter, for this reason unless there was one before.
    pub(super) fn scripted(&mut self, pos: Pos, what: &str) {
        self.reason.get_or_insert_with(|| (pos, format!("{what} runs in the interpreter")));
    }

    /// Whether what is being lowered runs many times in one evaluation.
    pub(super) fn repeats(&self) -> bool {
        self.loops > 0 || self.frames.iter().any(|frame| frame.is_recursive)
    }

    pub(super) fn invokes(&self, node: NodeId) -> bool {
        let Some(Node::Script(place)) = self.nodes.get(usize::from(node)) else { return false };
        matches!(self.script_nodes.get(usize::from(*place)), Some(ScriptNode::Invoke { .. }))
    }

    pub(super) fn script_node(&mut self, node: ScriptNode, expr: &Expr) -> Option<NodeId> {
        let place = u16::try_from(self.script_nodes.len()).ok()?;
        self.script_nodes.push(node);
        self.can_fail = true;
        self.emit_for(Node::Script(place), expr)
    }

    pub(super) fn script_value(&mut self, node: ScriptNode, of: &[&Value], ty: Type, expr: &Expr) -> Option<Value> {
        let node = self.script_node(node, expr)?;
        let reads = of.iter().fold(0, |mask, value| mask | value.reads);
        let stateful = of.iter().any(|value| value.stateful);
        Some(Value { ty, node, constant: None, reads, stateful, pos: expr.pos })
    }

    pub(super) fn push_script(&mut self, op: ScriptOp) {
        if let Ok(place) = u16::try_from(self.script_ops.len()) {
            self.script_ops.push(op);
            self.can_fail = true;
            self.push(Op::Script(place));
        }
    }

    /// An item of any type where a certain one is wanted: found out while running.
    pub(super) fn checked(&mut self, value: Value, wanted: Type) -> Option<Value> {
        let ty = match wanted {
            Type::Bool => Plain::Bool,
            Type::Int | Type::Duration => Plain::Int,
            Type::Float => Plain::Float,
            Type::Text => Plain::Text,
            Type::List(_) => Plain::List,
            Type::Map => Plain::Map,
            Type::Any | Type::Unit | Type::Message | Type::Device | Type::Parameters => return Some(value),
        };
        let place = u16::try_from(self.script_nodes.len()).ok()?;
        self.script_nodes.push(ScriptNode::As { x: value.node, ty });
        self.can_fail = true;
        let text = Arc::clone(&self.origins.get(usize::from(value.node))?.text);
        let node = self.emit(Node::Script(place), value.pos, &text)?;
        let wanted = if let Type::List(_) = wanted { Type::List(Item::Any) } else { wanted };
        Some(Value { ty: wanted, node, constant: None, ..value })
    }

    /// Where one side is of any type, it is taken as the other one's; two of any type are numbers.
    pub(super) fn sided(&mut self, a: Value, b: Value) -> Option<(Value, Value)> {
        let as_other = |other: Type| if other == Type::Int || other == Type::Any { Type::Float } else { other };
        match (a.ty, b.ty) {
            (Type::Any, other) if !other.may_be_list() || other == Type::Any => {
                let a = self.checked(a, as_other(other))?;
                let b = if other == Type::Any { self.checked(b, Type::Float)? } else { b };
                Some((a, b))
            }
            (other, Type::Any) if !other.may_be_list() => {
                let b = self.checked(b, as_other(other))?;
                Some((a, b))
            }
            _ => Some((a, b)),
        }
    }

    /// The statements of a loop, as a block of their own.
    fn turns(&mut self, body: &Block, names: Vec<Binding>) -> Option<u16> {
        self.loops += 1;
        self.ops.push(Vec::new());
        let outer = self.scope.len();
        self.scope.extend(names);
        self.statements(body);
        self.scope.truncate(outer);
        self.loops -= 1;
        self.returning_branch = None;
        let ops = self.ops.pop().unwrap_or_default();
        self.block(ops)
    }

    pub(super) fn repeat(&mut self, form: LoopForm, condition: Option<&Expr>, body: &Block, pos: Pos) -> Option<()> {
        self.scripted(pos, "a loop");
        self.loops += 1;
        let condition = match condition {
            Some(condition) => {
                let value = self.lazily(|lowerer| lowerer.typed(condition, Type::Bool));
                if let Some(Constant::Bool(true)) = value.as_ref().and_then(|value| value.constant.clone())
                    && !leaves(body)
                {
                    self.endless(pos);
                }
                Some(value)
            }
            None => {
                if !leaves(body) {
                    self.endless(pos);
                }
                None
            }
        };
        self.loops -= 1;
        let known = condition.iter().flatten().map(|value| value.node).next();
        self.conditions.extend(known);
        let body = self.turns(body, Vec::new());
        if known.is_some() {
            self.conditions.pop();
        }
        let condition = match condition {
            Some(condition) => Some(condition?.node),
            None => None,
        };
        self.push_script(ScriptOp::Loop { form, condition, body: body? });
        Some(())
    }

    fn endless(&mut self, pos: Pos) {
        let hint = "leave it with `break` or `return`, or run over a list or range with `for`";
        self.error(pos, "the loop never ends", hint);
    }

    pub(super) fn run_over(
        &mut self,
        name: &str,
        counter: Option<&str>,
        over: &Expr,
        body: &Block,
        pos: Pos,
    ) -> Option<()> {
        self.scripted(pos, "a loop");
        let (over, ty) = match &over.kind {
            ExprKind::Range { from, to, inclusive } => {
                let (from, to) = (self.typed(from, Type::Int), self.typed(to, Type::Int));
                let (from, to) = (from?, to?);
                let node = ScriptNode::Range { from: from.node, to: to.node, inclusive: *inclusive };
                (self.script_value(node, &[&from, &to], Type::Any, over)?, Type::Int)
            }
            _ => {
                let list = self.value(over)?;
                let list = if list.ty == Type::Any { self.checked(list, Type::List(Item::Any))? } else { list };
                let Type::List(item) = list.ty else {
                    let hint =
                        if list.ty == Type::Map { "write keys(map)" } else { "write a list or a range, such as 0..10" };
                    self.error(over.pos, format!("`for` runs over a list, this is {}", list.ty.name()), hint);
                    return None;
                };
                (list, item.ty())
            }
        };
        let local = self.new_local(pos)?;
        self.holds(local, ty);
        if let Some(sources) = self.local_sources.get_mut(usize::from(local)) {
            sources.push(over.node);
        }
        let mut names =
            vec![Binding { name: name.to_owned(), bound: Bound::Local { index: local, ty, reads: over.reads } }];
        let counter = match counter {
            Some(counter) => {
                let index = self.new_local(pos)?;
                let bound = Bound::Local { index, ty: Type::Int, reads: 0 };
                names.push(Binding { name: counter.to_owned(), bound });
                Some(index)
            }
            None => None,
        };
        self.conditions.push(over.node);
        let body = self.turns(body, names);
        self.conditions.pop();
        self.push_script(ScriptOp::For { local, counter, over: over.node, body: body? });
        Some(())
    }
}

/// Whether a loop can be left: by `break` of its own, or by `return`.
fn leaves(body: &Block) -> bool {
    fn breaks(block: &Block) -> bool {
        block.statements.iter().any(|statement| match &statement.kind {
            StmtKind::Break => true,
            StmtKind::Expr(expr) => expr_breaks(expr),
            StmtKind::Let { value, .. } | StmtKind::Assign { value, .. } => expr_breaks(value),
            _ => false,
        })
    }
    fn expr_breaks(expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::If(branch) => breaks(&branch.then) || branch.otherwise.as_ref().is_some_and(breaks),
            ExprKind::Block(block) => breaks(block),
            _ => false,
        }
    }
    breaks(body) || block_returns(body)
}
