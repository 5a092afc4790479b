//! What only the interpreter does: loops, lists, maps, recursion. Checked and typed like the rest; the
//! entry that has it is marked, with the first reason.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::expr::handle;
use super::function::block_returns;
use super::value::{Binding, Bound, Constant, Item, Type, Value};
use super::{Frame, Lowerer};
use crate::diagnostic::did_you_mean;
use crate::interp::{ListWord, MAX_ITEMS, Plain, ScriptFunction, ScriptNode, ScriptOp};
use crate::program::{Node, NodeId, Op};
use crate::script::tree::{Binary, Block, Expr, ExprKind, File, Function, LoopForm, MapEntry, Part, Stmt, StmtKind};
use crate::script::{Pos, render};

/// The deepest path of an assignment into a list or map.
const MAX_PATH: usize = 2;

/// A recursive function with the types of its arguments.
#[derive(Clone, Debug)]
pub(super) struct Instance {
    name: String,
    function: u16,
    /// The variables of its arguments and their types; what exists at load alone has no variable.
    parameters: Vec<(Option<u8>, Type)>,
    /// The type of its value, and the fields that it reads, once that is known.
    result: Option<(Type, u32)>,
}

/// The functions of a file that call themselves, directly or through others.
pub(super) fn recursive(file: &File) -> BTreeSet<&str> {
    let calls = |function: &Function| {
        let mut called: Vec<&str> = Vec::new();
        function.body.walk(&mut |part| {
            if let Part::Expr(Expr { kind: ExprKind::Call { name, .. }, .. }) = part
                && let Some(known) = file.functions.iter().find(|other| other.name == *name)
                && !called.contains(&known.name.as_str())
            {
                called.push(&known.name);
            }
        });
        called
    };
    let graph: Vec<(&str, Vec<&str>)> = file.functions.iter().map(|f| (f.name.as_str(), calls(f))).collect();
    let reaches_itself = |start: &str| {
        let mut seen = BTreeSet::new();
        let mut open = vec![start];
        while let Some(name) = open.pop() {
            for next in graph.iter().filter(|(from, _)| *from == name).flat_map(|(_, to)| to) {
                if *next == start {
                    return true;
                }
                if seen.insert(*next) {
                    open.push(next);
                }
            }
        }
        false
    };
    graph.iter().map(|(name, _)| *name).filter(|name| reaches_itself(name)).collect()
}

/// The functions that call themselves whatever their arguments are, in the order of the file.
pub(super) fn endless(file: &File) -> Vec<&Function> {
    let always = |function: &Function| {
        let mut called = Vec::new();
        always_called(&function.body, &mut called);
        called
    };
    let graph: Vec<(&str, Vec<String>)> = file.functions.iter().map(|f| (f.name.as_str(), always(f))).collect();
    let ends = |start: &str| {
        let (mut name, mut steps) = (start.to_owned(), 0);
        while steps <= graph.len() {
            let own = graph.iter().find(|(from, _)| *from == name).into_iter().flat_map(|(_, to)| to);
            let Some(next) = own.into_iter().find(|to| graph.iter().any(|(from, _)| from == to)) else { return true };
            if next == start {
                return false;
            }
            (name, steps) = (next.clone(), steps + 1);
        }
        true
    };
    file.functions.iter().filter(|function| !ends(&function.name)).collect()
}

/// The calls that every evaluation of a block makes, as far as can be seen: up to a `return`, and
/// neither in branches, nor in loops, nor on the right of `&&`, `||`, `or_else`.
fn always_called(block: &Block, called: &mut Vec<String>) {
    for statement in &block.statements {
        let mut may_return = false;
        Block { statements: vec![statement.clone()] }
            .walk(&mut |part| may_return |= matches!(part, Part::Stmt(Stmt { kind: StmtKind::Return(_), .. })));
        if !matches!(statement.kind, StmtKind::Loop { .. }) {
            statement.kind.parts().0.into_iter().for_each(|expr| always_in(expr, called));
        }
        if may_return {
            return;
        }
    }
}

fn always_in(expr: &Expr, called: &mut Vec<String>) {
    match &expr.kind {
        ExprKind::Call { name, args } => {
            let looked_at = if name == "or_else" { &args[..args.len().min(1)] } else { &args[..] };
            looked_at.iter().for_each(|arg| always_in(arg, called));
            called.push(name.clone());
        }
        ExprKind::And(terms) | ExprKind::Or(terms) => {
            terms.iter().take(1).for_each(|term| always_in(term, called));
        }
        ExprKind::If(branch) => always_in(&branch.condition, called),
        ExprKind::Block(block) => always_called(block, called),
        ExprKind::List(items) => items.iter().for_each(|item| always_in(item, called)),
        ExprKind::Map(entries) => entries.iter().for_each(|entry| always_in(&entry.value, called)),
        ExprKind::Property { of: x, .. } | ExprKind::Unary(_, x) => always_in(x, called),
        ExprKind::Index { of: a, index: b } | ExprKind::Range { from: a, to: b, .. } | ExprKind::Binary(_, a, b) => {
            always_in(a, called);
            always_in(b, called);
        }
        ExprKind::Unit
        | ExprKind::Bool(_)
        | ExprKind::Int(_)
        | ExprKind::Float(_)
        | ExprKind::Text(_)
        | ExprKind::Name(_) => {}
    }
}

/// Whether a list or map is made of constants, so that a constant of the file can be it.
pub(super) fn is_table(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::List(items) => items.iter().all(is_table),
        ExprKind::Map(entries) => entries.iter().all(|entry| is_table(&entry.value)),
        ExprKind::Unary(_, x) => is_table(x),
        ExprKind::Property { of, .. } => matches!(of.kind, ExprKind::Int(_) | ExprKind::Float(_)),
        ExprKind::Bool(_) | ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Text(_) | ExprKind::Name(_) => true,
        _ => false,
    }
}

impl Lowerer<'_> {
    /// The current entry runs in the interpreter, for this reason unless there was one before.
    fn scripted(&mut self, pos: Pos, what: &str) {
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

    fn script_node(&mut self, node: ScriptNode, expr: &Expr) -> Option<NodeId> {
        let place = u16::try_from(self.script_nodes.len()).ok()?;
        self.script_nodes.push(node);
        self.can_fail = true;
        self.emit_for(Node::Script(place), expr)
    }

    fn script_value(&mut self, node: ScriptNode, of: &[&Value], ty: Type, expr: &Expr) -> Option<Value> {
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

    pub(super) fn list(&mut self, items: &[Expr], expr: &Expr) -> Option<Value> {
        self.scripted(expr.pos, "a list");
        if items.len() > MAX_ITEMS {
            self.error(expr.pos, format!("a list has at most {MAX_ITEMS} items"), "");
            return None;
        }
        let values: Vec<Option<Value>> = items.iter().map(|item| self.value(item)).collect();
        let mut values: Vec<Value> = values.into_iter().collect::<Option<_>>()?;
        let numbers = values.iter().all(|value| value.ty.is_number());
        let first = values.first().map_or(Type::Any, |value| value.ty);
        let item = if values.iter().all(|value| value.ty == first) {
            Item::of(first)
        } else if numbers {
            values = values.into_iter().map(|value| self.expect(value, Type::Float)).collect::<Option<_>>()?;
            Item::Float
        } else {
            Item::Any
        };
        let nodes = values.iter().map(|value| value.node).collect();
        self.script_value(ScriptNode::List(nodes), &values.iter().collect::<Vec<_>>(), Type::List(item), expr)
    }

    pub(super) fn map(&mut self, entries: &[MapEntry], expr: &Expr) -> Option<Value> {
        self.scripted(expr.pos, "a map");
        let values: Vec<Option<Value>> = entries.iter().map(|entry| self.value(&entry.value)).collect();
        let values: Vec<Value> = values.into_iter().collect::<Option<_>>()?;
        let named = entries.iter().zip(&values).map(|(entry, value)| (Arc::from(entry.key.as_str()), value.node));
        let node = ScriptNode::Map(named.collect());
        self.script_value(node, &values.iter().collect::<Vec<_>>(), Type::Map, expr)
    }

    pub(super) fn item(&mut self, of: &Expr, index: &Expr, expr: &Expr) -> Option<Value> {
        self.scripted(expr.pos, "an item of a list or map");
        let of = self.value(of)?;
        let (index, ty) = match of.ty {
            Type::List(item) => (self.typed(index, Type::Int)?, item.ty()),
            Type::Map => (self.typed(index, Type::Text)?, Type::Any),
            Type::Any => (self.value(index)?, Type::Any),
            other => {
                self.error(of.pos, format!("{} has no items", other.name()), "");
                return None;
            }
        };
        let node = ScriptNode::Item { of: of.node, index: index.node };
        self.script_value(node, &[&of, &index], ty, expr)
    }

    /// `map.name`
    pub(super) fn entry_of(&mut self, of: Value, name: &str, name_pos: Pos, expr: &Expr) -> Option<Value> {
        let key = Expr { pos: name_pos, kind: ExprKind::Text(name.to_owned()) };
        let key = self.constant(Type::Text, Constant::Text(Arc::from(name)), &key)?;
        let node = ScriptNode::Item { of: of.node, index: key.node };
        self.script_value(node, &[&of], Type::Any, expr)
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

    pub(super) fn length(&mut self, x: &Expr, expr: &Expr) -> Option<Value> {
        self.scripted(expr.pos, "`len`");
        let x = self.value(x)?;
        if !x.ty.may_be_list() && x.ty != Type::Text {
            self.error(x.pos, format!("{} has no length", x.ty.name()), "lists, maps and texts have");
            return None;
        }
        let node = ScriptNode::Word { word: ListWord::Len, x: x.node, arg: None };
        self.script_value(node, &[&x], Type::Int, expr)
    }

    pub(super) fn contains(&mut self, x: &Expr, wanted: &Expr, expr: &Expr) -> Option<Value> {
        self.scripted(expr.pos, "`contains`");
        let (x, wanted) = (self.value(x), self.value(wanted));
        let (x, mut wanted) = (x?, wanted?);
        match x.ty {
            Type::List(Item::Any) | Type::Any => {}
            Type::List(item) => wanted = self.expect(wanted, item.ty())?,
            Type::Map | Type::Text => wanted = self.expect(wanted, Type::Text)?,
            other => {
                self.error(x.pos, format!("{} contains nothing", other.name()), "lists, maps and texts do");
                return None;
            }
        }
        let node = ScriptNode::Word { word: ListWord::Contains, x: x.node, arg: Some(wanted.node) };
        self.script_value(node, &[&x, &wanted], Type::Bool, expr)
    }

    pub(super) fn keys(&mut self, x: &Expr, expr: &Expr) -> Option<Value> {
        self.scripted(expr.pos, "`keys`");
        let x = self.typed(x, Type::Map)?;
        let node = ScriptNode::Word { word: ListWord::Keys, x: x.node, arg: None };
        self.script_value(node, &[&x], Type::List(Item::Text), expr)
    }

    /// The variable that holds a list or map, with its type.
    fn variable(&mut self, expr: &Expr, what: &str) -> Option<(u8, Type)> {
        if let ExprKind::Name(name) = &expr.kind {
            let binding = self.scope.iter().rev().find(|binding| binding.name == *name);
            match binding.map(|binding| &binding.bound) {
                Some(Bound::Local { index, ty, .. }) if ty.may_be_list() => return Some((*index, *ty)),
                Some(Bound::Broken) => return None,
                Some(_) => {}
                None => {
                    let names: Vec<_> = self.scope.iter().map(|binding| binding.name.clone()).collect();
                    let hint = did_you_mean(name, names.iter().map(String::as_str));
                    self.error(expr.pos, format!("there is no `{name}` here"), hint);
                    return None;
                }
            }
        }
        self.error(
            expr.pos,
            format!("{what} a list or map that is in a variable"),
            "begin it with let, such as let list = [];",
        );
        None
    }

    fn adds_reads(&mut self, local: u8, value: &Value) {
        for binding in &mut self.scope {
            if let Bound::Local { index, reads, .. } = &mut binding.bound
                && *index == local
            {
                *reads |= value.reads;
            }
        }
        if let Some(sources) = self.local_sources.get_mut(usize::from(local)) {
            sources.push(value.node);
        }
    }

    pub(super) fn push_item(&mut self, list: &Expr, value: &Expr, expr: &Expr) -> Option<Value> {
        self.scripted(expr.pos, "`push`");
        let (local, ty) = self.variable(list, "`push` takes")?;
        let value = match ty {
            Type::List(Item::Any) | Type::Any => self.value(value)?,
            Type::List(item) => self.typed(value, item.ty())?,
            other => {
                self.error(list.pos, format!("`push` takes a list, this is {}", other.name()), "");
                return None;
            }
        };
        self.adds_reads(local, &value);
        self.push_script(ScriptOp::Push { local, value: value.node });
        Some(handle(Type::Unit, expr.pos))
    }

    pub(super) fn pop_item(&mut self, list: &Expr, expr: &Expr) -> Option<Value> {
        self.scripted(expr.pos, "`pop`");
        let (local, ty) = self.variable(list, "`pop` takes")?;
        let Type::List(item) = ty else {
            self.error(list.pos, format!("`pop` takes a list, this is {}", ty.name()), "");
            return None;
        };
        let popped = self.script_value(ScriptNode::Pop(local), &[], item.ty(), expr)?;
        // It changes the list: it is done where it stands, whatever becomes of the value.
        let text = render(expr, true);
        let Bound::Local { index, .. } = self.bind(popped.clone())? else { return None };
        let node = self.emit(Node::Local(index), expr.pos, &text)?;
        Some(Value { node, ..popped })
    }

    /// `name[index] = value`
    pub(super) fn put(&mut self, place: &Expr, op: Option<Binary>, value: &Expr, pos: Pos) -> Option<()> {
        self.scripted(pos, "a change of a list or map");
        let value = match op {
            None => value.clone(),
            Some(op) => Expr { pos, kind: ExprKind::Binary(op, Box::new(place.clone()), Box::new(value.clone())) },
        };
        let mut path = Vec::new();
        let mut base = place;
        loop {
            base = match &base.kind {
                ExprKind::Index { of, index } => {
                    path.push((**index).clone());
                    of
                }
                ExprKind::Property { of, name, name_pos } => {
                    path.push(Expr { pos: *name_pos, kind: ExprKind::Text(name.clone()) });
                    of
                }
                _ => break,
            };
        }
        path.reverse();
        let (local, ty) = self.variable(base, "only an item changes of")?;
        if path.len() > MAX_PATH {
            self.error(place.pos, format!("an item lies at most {MAX_PATH} deep"), "");
            return None;
        }
        let mut of = ty;
        let mut indices = Vec::new();
        for index in &path {
            let (wanted, item) = match of {
                Type::List(item) => (Some(Type::Int), item.ty()),
                Type::Map => (Some(Type::Text), Type::Any),
                _ => (None, Type::Any),
            };
            indices.push(match wanted {
                Some(wanted) => self.typed(index, wanted)?,
                None => self.value(index)?,
            });
            of = item;
        }
        let value = self.value(&value)?;
        let value = self.expect(value, of)?;
        self.adds_reads(local, &value);
        let path = indices.iter().map(|index| index.node).collect();
        self.push_script(ScriptOp::Put { local, path, value: value.node });
        Some(())
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

    /// A call of a function that calls itself: a function of the script.
    pub(super) fn invoke(&mut self, function: &Function, args: &[Expr], expr: &Expr) -> Option<Value> {
        self.scripted(expr.pos, "recursion");
        if self.endless.contains(&function.name.as_str()) {
            let message = format!("`{}` calls itself whatever its arguments are, so it never ends", function.name);
            self.called.extend(self.endless.iter().map(|name| (*name).to_owned()));
            self.error(expr.pos, message, "end it with a case that does not: if n == 0 { .. } else { .. }");
            return None;
        }
        let values: Vec<Option<Value>> = args.iter().map(|arg| self.expr(arg)).collect();
        let mut values: Vec<Value> = values.into_iter().collect::<Option<_>>()?;
        for value in &values {
            if value.ty == Type::Unit {
                self.error(value.pos, "a value stands here, this has none", "");
                return None;
            }
        }
        let same = |instance: &Instance| {
            // One that is being lowered takes what it was called with first.
            let open = instance.result.is_none();
            instance.name == function.name
                && (open || instance.parameters.iter().zip(&values).all(|((_, ty), value)| *ty == value.ty))
        };
        let place = match self.instances.iter().position(same) {
            Some(place) => place,
            None => self.instance(function, &values, expr)?,
        };
        let instance = self.instances.get(place)?.clone();
        let mut nodes = Vec::new();
        for ((parameter, ty), value) in instance.parameters.iter().zip(&mut values) {
            *value = if value.ty == *ty { value.clone() } else { self.expect(value.clone(), *ty)? };
            if let Some(parameter) = parameter {
                nodes.push(value.node);
                if let Some(sources) = self.local_sources.get_mut(usize::from(*parameter)) {
                    sources.push(value.node);
                }
            }
        }
        // Within itself its type is what its first `return` gave, and until then found out while running.
        let returned = self.frames.iter().rev().find(|frame| frame.is_recursive && frame.name == function.name);
        let returned = returned.and_then(|frame| frame.result).map_or(Type::Any, |(_, ty)| ty);
        let (ty, reads) = instance.result.unwrap_or((returned, 0));
        let node = ScriptNode::Invoke { function: instance.function, args: nodes };
        let mut value = self.script_value(node, &values.iter().collect::<Vec<_>>(), ty, expr)?;
        value.reads |= reads;
        if ty == Type::Unit {
            self.push(Op::Evaluate(value.node));
        }
        Some(value)
    }

    /// Lowers a recursive function for arguments of these types.
    fn instance(&mut self, function: &Function, args: &[Value], expr: &Expr) -> Option<usize> {
        let number = u16::try_from(self.script_functions.len()).ok()?;
        self.script_functions.push(ScriptFunction::default());
        let (mut parameters, mut bindings) = (Vec::new(), Vec::new());
        for (name, value) in function.parameters.iter().zip(args) {
            let (local, bound) = match value.ty {
                Type::Message | Type::Device | Type::Parameters => (None, Bound::Handle(value.ty)),
                ty => {
                    let index = self.new_local(expr.pos)?;
                    self.holds(index, ty);
                    (Some(index), Bound::Local { index, ty, reads: value.reads })
                }
            };
            parameters.push((local, value.ty));
            bindings.push(Binding { name: name.clone(), bound });
        }
        let place = self.instances.len();
        let name = function.name.clone();
        self.instances.push(Instance {
            name: name.clone(),
            function: number,
            parameters: parameters.clone(),
            result: None,
        });
        let outer_reads = std::mem::take(&mut self.reads);
        let globals: Vec<Binding> =
            self.scope.iter().take_while(|b| self.file.constants.iter().any(|c| c.name == b.name)).cloned().collect();
        let scope = std::mem::replace(&mut self.scope, globals);
        self.scope.extend(bindings);
        self.frames.push(Frame { name, result: None, is_entry: false, is_recursive: true });
        self.ops.push(Vec::new());
        let returns = block_returns(&function.body);
        if returns {
            self.ops.push(Vec::new());
        }
        let value = self.statements(&function.body);
        let value = if returns { self.early(value, expr) } else { value };
        let ops = self.ops.pop().unwrap_or_default();
        self.frames.pop();
        self.scope = scope;
        let inside = self.reads;
        self.reads |= outer_reads;
        let value = value?;
        let block = self.block(ops)?;
        if let Some(place) = self.script_functions.get_mut(usize::from(number)) {
            let parameters = parameters.iter().filter_map(|(local, _)| *local).collect();
            let node = (value.ty != Type::Unit).then_some(value.node);
            *place = ScriptFunction { parameters, block, value: node };
        }
        if let Some(instance) = self.instances.get_mut(place) {
            instance.result = Some((value.ty, inside | value.reads));
        }
        Some(place)
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
