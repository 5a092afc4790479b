//! Functions that call themselves: found in the file, refused where they never end, and lowered as functions of the
//! script for the types of their arguments.

use std::collections::BTreeSet;

use super::function::block_returns;
use super::value::{Binding, Bound, Type, Value};
use super::{Frame, Lowerer};
use crate::interp::{ScriptFunction, ScriptNode};
use crate::program::Op;
use crate::script::tree::{Block, Expr, ExprKind, File, Function, Part, Stmt, StmtKind};

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

impl Lowerer<'_> {
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
            // What its arguments read is added where it is called: another call has other arguments.
            let (local, bound) = match value.ty {
                Type::Message | Type::Device | Type::Parameters => (None, Bound::Handle(value.ty)),
                ty => {
                    let index = self.new_local(expr.pos)?;
                    self.holds(index, ty);
                    (Some(index), Bound::Local { index, ty, reads: 0 })
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
