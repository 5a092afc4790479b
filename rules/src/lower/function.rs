//! Statements, variables, and functions of the file: each call is a copy of the body.

use super::expr::handle;
use super::member::MEMBER;
use super::value::{Binding, Bound, Item, Type, Value};
use super::{EntryKind, Frame, Lowerer};
use crate::interp::ScriptOp;
use crate::program::{Entry, MAX_LOCALS, Node, NodeId, Op};
use crate::script::Pos;
use crate::script::tree::{Binary, Block, Expr, ExprKind, Function, Part, Stmt, StmtKind};

/// The deepest nesting of own functions; with the parser's limit on expressions it bounds the stack.
const MAX_CALL_DEPTH: usize = 8;

impl Lowerer<'_> {
    /// Lowers a function that the engine calls.
    pub(super) fn entry(&mut self, function: &Function, kind: EntryKind) -> Entry {
        self.begin_entry(function.pos, kind);
        let names = self.scope.len();
        self.entry_parameters(function, kind);
        self.ops.push(Vec::new());
        let frame = Frame { name: function.name.clone(), result: None, is_entry: true, is_recursive: false };
        self.frames.push(frame);
        if let Some(Value { ty, pos, .. }) = self.statements(&function.body)
            && ty != Type::Unit
        {
            self.warn(pos, "the value is not used", "call `incident(..)` with it");
        }
        self.frames.pop();
        self.scope.truncate(names);
        self.end_entry(kind)
    }

    /// What is collected of an entry begins anew.
    pub(super) fn begin_entry(&mut self, pos: Pos, kind: EntryKind) {
        self.entry = kind;
        self.local_sources = Vec::new();
        self.reads = 0;
        self.lists = 0;
        self.instances = Vec::new();
        self.reason = self.force.then(|| (pos, "everything was asked to run in the interpreter".to_owned()));
    }

    /// The entry of what was collected since [`Lowerer::begin_entry`] and of the current block.
    pub(super) fn end_entry(&mut self, kind: EntryKind) -> Entry {
        let ops = self.ops.pop().unwrap_or_default();
        if let Some(place) = self.reasons.get_mut(kind as usize) {
            *place = self.reason.take();
        }
        Entry {
            block: self.block(ops).unwrap_or_default(),
            locals: self.local_sources.len(),
            local_sources: std::mem::take(&mut self.local_sources),
            reads: self.reads,
            lists: self.lists,
            command_slots: self.command_slots(kind),
            script: None,
            place: kind as u8,
        }
    }

    fn entry_parameters(&mut self, function: &Function, kind: EntryKind) {
        let (message, device, name) = (Type::Message, Type::Device, Type::Text);
        let (forms, form): (&[&[Type]], _) = match kind {
            EntryKind::Message => (&[&[message, device], &[message]], "on_message(msg, dev)"),
            EntryKind::Silent => (&[&[device], &[message, device]], "on_silent(dev)"),
            EntryKind::Timer => (&[&[device, name], &[message, device, name]], "on_timer(dev, name)"),
            EntryKind::Member => (&[&[message, device]], "member(msg, dev)"),
        };
        let Some(types) = forms.iter().find(|types| types.len() == function.parameters.len()) else {
            let message = format!("`{}` has the wrong number of arguments", function.name);
            self.error(function.pos, message, format!("write fn {form}"));
            return;
        };
        for (parameter, ty) in function.parameters.iter().zip(*types) {
            // The timer's name is the one text, and so the first variable: the machine puts it there.
            let local = if *ty == Type::Text { self.new_local(function.pos) } else { None };
            let bound = local.map_or(Bound::Handle(*ty), |index| Bound::Local { index, ty: *ty, reads: 0 });
            self.scope.push(Binding { name: parameter.clone(), bound });
        }
    }

    /// Lowers the statements of a block into the current one; gives the value of its last expression.
    pub(super) fn statements(&mut self, block: &Block) -> Option<Value> {
        let path = self.path.len();
        let mut tail = Some(handle(Type::Unit, Pos::default()));
        for (number, statement) in block.statements.iter().enumerate() {
            self.returning_branch = None;
            let value = self.statement(statement);
            let is_last = number + 1 == block.statements.len();
            if is_last {
                tail = value;
            } else if let Some(value) = value.filter(|value| value.ty != Type::Unit) {
                if let Some(op) = self.still_runs(&value) {
                    self.push(op);
                } else {
                    self.warn(statement.pos, "the value is not used", "give it to `let`, `incident` or `return`");
                }
            }
            // After `if c { return; }` stands its other branch.
            if let Some(number) = self.returning_branch.take() {
                self.path.push((number, 1));
            }
        }
        self.path.truncate(path);
        tail
    }

    fn statement(&mut self, statement: &Stmt) -> Option<Value> {
        let unit = handle(Type::Unit, statement.pos);
        match &statement.kind {
            StmtKind::Let { name, value } => {
                let bound = self.value(value).and_then(|value| self.bind(value)).unwrap_or(Bound::Broken);
                self.scope.push(Binding { name: name.clone(), bound });
                Some(unit)
            }
            StmtKind::Assign { name, op, value } => {
                self.assign(name, *op, value, statement.pos)?;
                Some(unit)
            }
            StmtKind::Put { place, op, value } => {
                self.put(place, *op, value, statement.pos)?;
                Some(unit)
            }
            StmtKind::Loop { form, condition, body } => {
                self.repeat(*form, condition.as_ref(), body, statement.pos)?;
                Some(unit)
            }
            StmtKind::For { name, counter, over, body } => {
                self.run_over(name, counter.as_deref(), over, body, statement.pos)?;
                Some(unit)
            }
            StmtKind::Break => {
                self.push_script(ScriptOp::Break);
                Some(unit)
            }
            StmtKind::Continue => {
                self.push_script(ScriptOp::Continue);
                Some(unit)
            }
            StmtKind::Expr(expr) => self.expr(expr),
            StmtKind::Return(value) => {
                self.give_back(value.as_ref(), statement.pos)?;
                Some(unit)
            }
        }
    }

    /// Puts a value into a new variable.
    pub(super) fn bind(&mut self, value: Value) -> Option<Bound> {
        let index = self.new_local(value.pos)?;
        self.holds(index, value.ty);
        self.set(index, value.node, true);
        Some(Bound::Local { index, ty: value.ty, reads: value.reads })
    }

    /// A value with memory is judged where it stands, even if it is looked at only in some cases.
    pub(super) fn always_judged(&mut self, value: Value) -> Option<Value> {
        if !value.stateful {
            return Some(value);
        }
        let text = std::sync::Arc::clone(&self.origins.get(usize::from(value.node))?.text);
        let Bound::Local { index, .. } = self.bind(value.clone())? else { return None };
        let node = self.emit(Node::Local(index), value.pos, &text)?;
        Some(Value { node, ..value })
    }

    /// Notes what a variable may hold.
    pub(super) fn holds(&mut self, local: u8, ty: Type) {
        if ty.may_be_list() {
            self.lists |= 1 << local;
        }
    }

    pub(super) fn new_local(&mut self, pos: Pos) -> Option<u8> {
        if self.local_sources.len() >= MAX_LOCALS {
            if !self.too_large {
                let hint = "variables of called functions count as well";
                self.error(pos, format!("more than {MAX_LOCALS} variables"), hint);
            }
            // Said once; functions are not copied in any more.
            self.too_large = true;
            return None;
        }
        self.local_sources.push(Vec::new());
        u8::try_from(self.local_sources.len() - 1).ok()
    }

    /// `new`: the variable begins here.
    pub(super) fn set(&mut self, local: u8, value: NodeId, new: bool) {
        if let Some(sources) = self.local_sources.get_mut(usize::from(local)) {
            sources.push(value);
        }
        self.push(Op::Set { local, value, new });
    }

    fn assign(&mut self, name: &str, op: Option<Binary>, value: &Expr, pos: Pos) -> Option<()> {
        let value = match op {
            None => value.clone(),
            Some(op) => {
                let old = Expr { pos, kind: ExprKind::Name(name.to_owned()) };
                Expr { pos, kind: ExprKind::Binary(op, Box::new(old), Box::new(value.clone())) }
            }
        };
        let mut value = self.value(&value)?;
        let binding = self.scope.iter().rev().find(|binding| binding.name == name);
        if let (Some(Binding { bound: Bound::Local { ty, .. }, .. }), Type::Any) = (binding, value.ty) {
            let ty = *ty;
            value = self.expect(value, ty)?;
        }
        let binding = self.scope.iter_mut().rev().find(|binding| binding.name == name);
        match binding.map(|binding| &mut binding.bound) {
            Some(Bound::Local { index, ty, reads }) if takes(*ty, value.ty) => {
                *reads |= value.reads;
                let index = *index;
                self.set(index, value.node, false);
                return Some(());
            }
            Some(Bound::Local { ty, .. }) => {
                let message = format!("`{name}` is {}, and {} is assigned", ty.name(), value.ty.name());
                let hint = match (*ty, value.ty) {
                    (_, Type::Int) => "write the number with a point, such as 5.0",
                    (Type::Int, Type::Float) => "begin it with a point, such as let x = 0.0, or write to_int(..)",
                    _ => "",
                };
                self.error(pos, message, hint);
            }
            Some(Bound::Broken) => {}
            Some(_) => self.error(pos, format!("`{name}` cannot be assigned"), "only `let` variables change"),
            None => self.error(pos, format!("there is no `{name}` here"), "declare it with `let`"),
        }
        None
    }

    fn give_back(&mut self, value: Option<&Expr>, pos: Pos) -> Option<()> {
        let is_entry = self.frames.last().is_some_and(|frame| frame.is_entry);
        if let Some(value) = value {
            let value = self.value(value)?;
            if is_entry {
                self.warn(pos, "the value is not used", "");
            } else {
                self.result(value)?;
            }
        }
        self.push(Op::Return);
        Some(())
    }

    /// Puts a value into the variable of the current function's result.
    fn result(&mut self, value: Value) -> Option<()> {
        match self.frames.last().and_then(|frame| frame.result) {
            Some((index, ty)) => {
                let value = self.expect(value, ty)?;
                self.set(index, value.node, false);
            }
            None => {
                let index = self.new_local(value.pos)?;
                if let Some(frame) = self.frames.last_mut() {
                    frame.result = Some((index, value.ty));
                }
                self.holds(index, value.ty);
                self.set(index, value.node, false);
            }
        }
        Some(())
    }

    /// A call of one of the file's functions.
    pub(super) fn inline(&mut self, function: &Function, args: &[Expr], expr: &Expr) -> Option<Value> {
        let name = &function.name;
        if self.too_large {
            return None;
        }
        if self.frames.len() > MAX_CALL_DEPTH {
            self.error(expr.pos, format!("functions call each other more than {MAX_CALL_DEPTH} deep"), "");
            return None;
        }
        if !self.called.contains(name) {
            self.called.push(name.clone());
        }
        if args.len() != function.parameters.len() {
            let wanted = format!("fn {name}({})", function.parameters.join(", "));
            self.error(expr.pos, format!("`{name}` is called with {} arguments", args.len()), wanted);
            return None;
        }
        if self.recursive.contains(name.as_str()) {
            return self.invoke(function, args, expr);
        }
        let mut bindings = Vec::new();
        let (mut reads, mut stateful) = (0, false);
        for (parameter, arg) in function.parameters.iter().zip(args) {
            let value = self.expr(arg)?;
            reads |= value.reads;
            stateful |= value.stateful;
            let assigned = block_assigns(&function.body, parameter);
            let bound = match (value.ty, &value.constant) {
                (Type::Message | Type::Device | Type::Parameters, _) => Bound::Handle(value.ty),
                (Type::Unit, _) => {
                    self.error(arg.pos, "a value stands here, this has none", "");
                    return None;
                }
                (ty, Some(constant)) if !assigned => Bound::Constant(ty, constant.clone()),
                _ => self.bind(value)?,
            };
            bindings.push(Binding { name: parameter.clone(), bound });
        }
        let mut value = self.body(function, bindings, expr)?;
        value.reads |= reads;
        value.stateful |= stateful;
        Some(value)
    }

    fn body(&mut self, function: &Function, bindings: Vec<Binding>, expr: &Expr) -> Option<Value> {
        let slots = self.slots.len();
        let reads = std::mem::take(&mut self.reads);
        // A function sees the file's constants and its arguments, not its caller's names.
        let globals: Vec<Binding> =
            self.scope.iter().take_while(|b| self.file.constants.iter().any(|c| c.name == b.name)).cloned().collect();
        let scope = std::mem::replace(&mut self.scope, globals);
        self.scope.extend(bindings);
        let returns = block_returns(&function.body);
        self.frames.push(Frame { name: function.name.clone(), result: None, is_entry: false, is_recursive: false });
        if returns {
            self.ops.push(Vec::new());
        }
        let value = self.statements(&function.body);
        let value = if returns { self.early(value, expr) } else { value };
        self.frames.pop();
        self.scope = scope;
        let inside = self.reads;
        self.reads |= reads;
        let mut value = value?;
        if value.ty != Type::Unit {
            value.reads |= inside;
            value.stateful |= self.slots.len() > slots;
            value.pos = expr.pos;
        }
        Some(value)
    }

    /// The end of a function with an early `return`: its value goes through a variable.
    pub(super) fn early(&mut self, tail: Option<Value>, expr: &Expr) -> Option<Value> {
        let tail = match tail {
            Some(value) if value.ty != Type::Unit => {
                self.result(value);
                true
            }
            Some(_) => self.ops.last().and_then(|ops| ops.last()) == Some(&Op::Return),
            None => true,
        };
        let ops = self.ops.pop().unwrap_or_default();
        let block = self.block(ops)?;
        match self.frames.last().and_then(|frame| frame.result) {
            None => {
                self.push(Op::Call(block));
                Some(handle(Type::Unit, expr.pos))
            }
            Some((result, ty)) => {
                // On a path without a value, `member` says nothing: its value is unknown.
                let may_be_silent = self.frames.last().is_some_and(|frame| frame.name == MEMBER);
                if !tail && !may_be_silent {
                    let hint = "end the function with a value";
                    self.error(expr.pos, "not every path of the function gives a value", hint);
                    return None;
                }
                let node = self.emit_for(Node::Call { block, result }, expr)?;
                Some(Value { ty, node, constant: None, reads: 0, stateful: false, pos: expr.pos })
            }
        }
    }
}

/// Whether a variable of the one type takes a value of the other.
fn takes(variable: Type, value: Type) -> bool {
    variable == value || matches!((variable, value), (Type::List(Item::Any), Type::List(_)))
}

/// Whether there is a `return` in a block, at any depth.
pub(super) fn block_returns(block: &Block) -> bool {
    let mut found = false;
    block.walk(&mut |part| found |= matches!(part, Part::Stmt(Stmt { kind: StmtKind::Return(_), .. })));
    found
}

/// Whether a name is assigned in a block, at any depth.
fn block_assigns(block: &Block, wanted: &str) -> bool {
    let mut found = false;
    block.walk(&mut |part| {
        found |= matches!(part, Part::Stmt(Stmt { kind: StmtKind::Assign { name, .. }, .. }) if name == wanted);
    });
    found
}
