//! From lowered form to script: the text that rhai runs, and a second one that tells every value.
//!
//! Names in the text: `v3` is variable 3, `f2` the value of input 2, `r1` recursive function 1. Every
//! other word is a form of [`super::words`]. Each line of the text belongs to one node, so that a failure
//! finds its place in the rule: `lines` says which.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use super::ir::{ListWord, Plain, ScriptNode, ScriptOp};
use crate::program::{BlockId, Effect, Entry, Node, NodeId, Op, Origin, Rule, SeverityOf};
use crate::script::Pos;
use crate::script::tree::{Binary, LoopForm};

/// The most arguments of a site.
pub(crate) const MAX_ARGUMENTS: usize = 6;

/// An entry as rhai runs it.
#[derive(Debug)]
pub(crate) struct Script {
    /// Tells compiled scripts apart in the caches of a thread.
    pub(crate) id: u64,
    /// Why it is not lowered, and where.
    pub(crate) reason: (Pos, String),
    pub(crate) plain: String,
    /// The same, and every value is told.
    pub(crate) traced: String,
    /// The node that each line belongs to.
    pub(crate) lines: Vec<NodeId>,
    /// What is read before each evaluation (fields, attributes, parameters, the timer's name), and the
    /// variable that gets it.
    pub(crate) inputs: Vec<(NodeId, String)>,
    pub(crate) sites: Vec<Site>,
}

/// Something that the machine of the lowered tier does for the script; its arguments are the first
/// variables.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Site {
    Value(NodeId),
    Do(Op),
}

/// Prints an entry. Sites get nodes of their own, at the end of the rule's.
pub(crate) fn print(rule: &mut Rule, entry: &Entry, has_timer_name: bool, reason: (Pos, String)) -> Script {
    // Identity within the process only: no outcome depends on it.
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut printer = Printer {
        rule,
        plain: String::new(),
        traced: String::new(),
        lines: vec![0],
        inputs: Vec::new(),
        sites: Vec::new(),
        functions: Vec::new(),
        in_function: false,
        lists: entry.lists,
    };
    if has_timer_name {
        let name = printer.add(Node::Local(0), 0);
        printer.inputs.push((name, "v0".to_owned()));
    }
    printer.block(entry.block);
    printer.in_function = true;
    let mut printed = 0;
    while let Some(function) = printer.functions.get(printed).copied() {
        printed += 1;
        printer.function(function);
    }
    let Printer { plain, traced, lines, inputs, sites, .. } = printer;
    Script { id: NEXT.fetch_add(1, Ordering::Relaxed), reason, plain, traced, lines, inputs, sites }
}

/// A text as rhai reads it.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

struct Printer<'r> {
    rule: &'r mut Rule,
    plain: String,
    traced: String,
    lines: Vec<NodeId>,
    inputs: Vec<(NodeId, String)>,
    sites: Vec<Site>,
    /// Recursive functions in the order in which they were met.
    functions: Vec<u16>,
    in_function: bool,
    /// The variables that may hold a list or map, as a mask.
    lists: u64,
}

impl Printer<'_> {
    fn put(&mut self, text: &str) {
        self.plain.push_str(text);
        self.traced.push_str(text);
    }

    fn say(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        self.plain.write_fmt(text).and_then(|()| self.traced.write_fmt(text)).unwrap_or_default();
    }

    /// From here on a new line, which belongs to a node.
    fn mark(&mut self, node: NodeId) {
        self.put("\n");
        self.lines.push(node);
    }

    fn node(&self, id: NodeId) -> Node {
        self.rule.nodes.get(usize::from(id)).copied().unwrap_or(Node::Pair { a: 0, b: 0 })
    }

    /// A node of the printer's own, with the origin of another.
    fn add(&mut self, node: Node, like: NodeId) -> NodeId {
        let origin = self.rule.origins.get(usize::from(like)).cloned();
        let origin = origin.unwrap_or(Origin { pos: Pos::default(), text: "".into() });
        self.rule.nodes.push(node);
        self.rule.origins.push(origin);
        NodeId::try_from(self.rule.nodes.len() - 1).unwrap_or_default()
    }

    fn block(&mut self, block: BlockId) {
        let ops = self.rule.blocks.get(usize::from(block)).cloned().unwrap_or_default();
        for op in ops {
            self.op(op);
        }
    }

    fn braces(&mut self, block: BlockId) {
        self.put(" {");
        self.block(block);
        self.mark(0);
        self.put("}");
    }

    fn op(&mut self, op: Op) {
        match op {
            Op::Set { local, value, new } => {
                self.mark(value);
                let word = if new { "let " } else { "" };
                self.say(format_args!("{word}v{local} = "));
                self.expr(value);
                self.put(";");
            }
            Op::If { condition, then, otherwise: 0 } => {
                self.mark(condition);
                self.put("if yes(");
                self.condition(condition);
                self.put(")");
                self.braces(then);
            }
            Op::If { condition, then, otherwise } => {
                self.mark(condition);
                self.put("switch (");
                self.condition(condition);
                self.put(") { true => ");
                self.braces(then);
                self.put(", false => ");
                self.braces(otherwise);
                self.put(" }");
            }
            Op::Incident { effect, condition } => {
                self.mark(condition);
                let is_plain = self.raised_with(effect) == [None, None];
                self.say(format_args!("{}({effect}, ", if is_plain { "an_incident" } else { "incident" }));
                self.expr(condition);
                if is_plain {
                    self.put(");");
                } else {
                    self.effect(effect);
                }
            }
            Op::Raise { effect } => {
                self.mark(0);
                self.say(format_args!("raise({effect}"));
                self.effect(effect);
            }
            Op::Command { command } => {
                let args: Vec<NodeId> = match self.rule.commands.get(usize::from(command)) {
                    Some(call) => call.arguments.iter().map(|argument| argument.node).collect(),
                    None => Vec::new(),
                };
                self.mark(args.first().copied().unwrap_or_default());
                self.say(format_args!("command({command}, ["));
                self.list(&args);
                self.put("]);");
            }
            Op::Evaluate(node) => {
                self.mark(node);
                self.expr(node);
                self.put(";");
            }
            Op::Call(block) => {
                self.mark(0);
                self.put("body");
                self.braces(block);
                self.put(";");
            }
            Op::Return => {
                self.mark(0);
                self.put("return;");
            }
            Op::Script(op) => {
                if let Some(op) = self.rule.script_ops.get(usize::from(op)).cloned() {
                    self.script_op(&op);
                }
            }
            Op::Clear { .. } | Op::After { .. } | Op::Cancel { .. } => {
                let mut args = Vec::new();
                self.mark(0);
                let op = op.map(&mut |child| self.given(child, &mut args));
                self.call(Site::Do(op), &args);
                self.put(";");
            }
        }
    }

    /// The condition of an `if`. A rule that commands is told of an unknown one: what was not reached then may still
    /// be wished for.
    fn condition(&mut self, condition: NodeId) {
        if self.rule.commands.is_empty() {
            return self.expr(condition);
        }
        self.put("sure(");
        self.expr(condition);
        self.put(")");
    }

    /// The value and the severity of an effect: looked at only if it is raised.
    fn effect(&mut self, effect: u16) {
        for node in self.raised_with(effect) {
            self.put(", ");
            match node {
                Some(node) => self.expr(node),
                None => self.put("U"),
            }
        }
        self.put(");");
    }

    /// The value and the severity of an effect, where they are computed.
    fn raised_with(&self, effect: u16) -> [Option<NodeId>; 2] {
        let def = self.rule.effects.get(usize::from(effect));
        let severity = def.and_then(|def| match def.severity {
            SeverityOf::Node { node, .. } => Some(node),
            SeverityOf::Fixed(_) => None,
        });
        [def.and_then(|def: &Effect| def.value), severity]
    }

    fn script_op(&mut self, op: &ScriptOp) {
        match op {
            ScriptOp::Loop { form: LoopForm::While, condition: None, body } => {
                self.mark(0);
                self.put("loop");
                self.braces(*body);
            }
            ScriptOp::Loop { form, condition, body } => {
                let condition = condition.unwrap_or_default();
                self.mark(condition);
                if *form == LoopForm::While {
                    self.put("while yes(");
                    self.expr(condition);
                    self.put(")");
                    return self.braces(*body);
                }
                self.put("do");
                self.braces(*body);
                self.put(if *form == LoopForm::DoUntil { " while no(" } else { " while yes(" });
                self.expr(condition);
                self.put(");");
            }
            ScriptOp::For { local, counter, over, body } => {
                self.mark(*over);
                match counter {
                    Some(counter) => self.say(format_args!("for (v{local}, v{counter}) in each(")),
                    None => self.say(format_args!("for v{local} in each(")),
                }
                self.expr(*over);
                self.put(")");
                self.braces(*body);
            }
            ScriptOp::Break => {
                self.mark(0);
                self.put("break;");
            }
            ScriptOp::Continue => {
                self.mark(0);
                self.put("continue;");
            }
            ScriptOp::Put { local, path, value } => {
                self.mark(*value);
                self.say(format_args!("put{}(\"v{local}\", ", path.len()));
                for index in path {
                    self.expr(*index);
                    self.put(", ");
                }
                self.expr(*value);
                self.put(");");
            }
            ScriptOp::Push { local, value } => {
                self.mark(*value);
                self.say(format_args!("push(\"v{local}\", "));
                self.expr(*value);
                self.put(");");
            }
        }
    }

    fn expr(&mut self, id: NodeId) {
        let node = self.node(id);
        // As in the machine: what stands in the source as it is needs no telling.
        let told = !matches!(
            node,
            Node::Bool(_) | Node::Int(_) | Node::Float(_) | Node::Text(_) | Node::ToFloat(_) | Node::Pair { .. }
        );
        if told {
            write!(self.traced, "saw({id}, ").unwrap_or_default();
        }
        self.plain_expr(id, node);
        if told {
            self.traced.push(')');
        }
    }

    fn plain_expr(&mut self, id: NodeId, node: Node) {
        match node {
            Node::Bool(v) => self.say(format_args!("{v}")),
            Node::Int(v) if v >= 0 => self.say(format_args!("{v}")),
            Node::Int(v) if v != i64::MIN => self.say(format_args!("({v})")),
            Node::Float(v) if v.is_finite() => self.say(format_args!("({v:?})")),
            // A copy costs what it copies.
            Node::Local(local) if self.lists & (1 << local) != 0 => self.say(format_args!("copy(\"v{local}\")")),
            Node::Local(local) => self.say(format_args!("v{local}")),
            Node::Field(_) | Node::Attribute(_) | Node::Device(_) | Node::Parameter(_) => self.input(id, node),
            Node::ToFloat(x) => self.form("float", &[x]),
            Node::Not(x) => self.form("not", &[x]),
            Node::And { a, b, eager } => self.form(if eager { "both" } else { "and" }, &[a, b]),
            Node::Or { a, b, eager } => self.form(if eager { "either" } else { "or" }, &[a, b]),
            Node::Known(x) => self.form("known", &[x]),
            Node::OrElse { x, otherwise } => self.form("or_else", &[x, otherwise]),
            Node::FloatOp { op: Binary::Power, .. } => self.site(id, node),
            Node::CompareInt { op, a, b }
            | Node::CompareFloat { op, a, b }
            | Node::IntOp { op, a, b }
            | Node::FloatOp { op, a, b } => self.binary(id, op.symbol(), a, b),
            Node::SameBool { negated, a, b } | Node::SameText { negated, a, b } => {
                self.binary(id, if negated { "!=" } else { "==" }, a, b);
            }
            Node::NegateInt(x) | Node::NegateFloat(x) => {
                self.put("(");
                self.mark(id);
                self.put("-");
                self.expr(x);
                self.put(")");
            }
            Node::Choose { condition, yes, no } => {
                self.put("(switch (");
                self.condition(condition);
                self.put(") { true => ");
                self.expr(yes);
                self.put(", false => ");
                self.expr(no);
                self.put(", _ => U })");
            }
            Node::Do { block, value } => {
                self.put("({");
                self.block(block);
                self.mark(value);
                self.expr(value);
                self.put("})");
            }
            Node::Call { block, result } => {
                self.say(format_args!("({{ let v{result} = U; body"));
                self.braces(block);
                self.say(format_args!("; v{result} }})"));
            }
            Node::Script(script) => {
                if let Some(script) = self.rule.script_nodes.get(usize::from(script)).cloned() {
                    self.script_node(id, &script);
                }
            }
            Node::Text(text) => {
                let text = self.rule.texts.get(usize::from(text)).map(|text| quoted(text)).unwrap_or_default();
                self.put(&text);
            }
            Node::Int(_)
            | Node::Folded { .. }
            | Node::FoldedInt { .. }
            | Node::Float(_)
            | Node::ToInt(_)
            | Node::Math { .. }
            | Node::Smaller { .. }
            | Node::Larger { .. }
            | Node::At { .. }
            | Node::Lit { .. }
            | Node::Workday
            | Node::Sun { .. }
            | Node::SinceSun { .. }
            | Node::Place { .. }
            | Node::Implied { .. }
            | Node::MissedStops { .. }
            | Node::Flapping { .. }
            | Node::Band { .. }
            | Node::Held { .. }
            | Node::Window { .. }
            | Node::Changed { .. }
            | Node::Previous { .. }
            | Node::Pair { .. } => self.site(id, node),
        }
    }

    fn binary(&mut self, id: NodeId, symbol: &str, a: NodeId, b: NodeId) {
        self.put("(");
        self.expr(a);
        self.mark(id);
        self.say(format_args!("{symbol} "));
        self.expr(b);
        self.put(")");
    }

    fn form(&mut self, word: &str, args: &[NodeId]) {
        self.say(format_args!("{word}("));
        self.list(args);
        self.put(")");
    }

    fn list(&mut self, args: &[NodeId]) {
        for (number, arg) in args.iter().enumerate() {
            self.put(if number > 0 { ", " } else { "" });
            self.expr(*arg);
        }
    }

    /// What is read before the evaluation; a function does not see the scope, and asks for it.
    fn input(&mut self, id: NodeId, node: Node) {
        if self.in_function {
            return self.call(Site::Value(id), &[]);
        }
        let known = self.inputs.iter().position(|(input, _)| self.node(*input) == node);
        let place = known.unwrap_or(self.inputs.len());
        if known.is_none() {
            self.inputs.push((id, format!("f{place}")));
        }
        self.say(format_args!("f{place}"));
    }

    /// Evaluated by the machine of the lowered tier, over arguments that the script computes.
    fn site(&mut self, id: NodeId, node: Node) {
        let mut args = Vec::new();
        let node = node.map(&mut |child| self.given(child, &mut args));
        let node = self.add(node, id);
        self.call(Site::Value(node), &args);
    }

    /// The variable that brings a child's value to a site; a pair brings two.
    fn given(&mut self, child: NodeId, args: &mut Vec<NodeId>) -> NodeId {
        if let pair @ Node::Pair { .. } = self.node(child) {
            let pair = pair.map(&mut |inner| self.given(inner, args));
            return self.add(pair, child);
        }
        args.push(child);
        self.add(Node::Local(u8::try_from(args.len() - 1).unwrap_or_default()), child)
    }

    fn call(&mut self, site: Site, args: &[NodeId]) {
        let known = self.sites.iter().position(|known| *known == site);
        let place = known.unwrap_or_else(|| {
            self.sites.push(site);
            self.sites.len() - 1
        });
        debug_assert!(args.len() <= MAX_ARGUMENTS, "a word with more arguments than a site takes");
        self.say(format_args!("site{}({place}", args.len()));
        for arg in args {
            self.put(", ");
            self.expr(*arg);
        }
        self.put(")");
    }

    fn script_node(&mut self, id: NodeId, script: &ScriptNode) {
        match script {
            ScriptNode::List(items) => {
                self.mark(id);
                self.put("[");
                self.list(items);
                self.put("]");
            }
            ScriptNode::Map(entries) => {
                self.mark(id);
                self.put("#{");
                for (key, value) in entries {
                    self.say(format_args!("{}: ", quoted(key)));
                    self.expr(*value);
                    self.put(", ");
                }
                self.put("}");
            }
            ScriptNode::Item { of, index } => {
                self.mark(id);
                match self.node(*of) {
                    Node::Local(local) => self.say(format_args!("item(\"v{local}\", ")),
                    _ => {
                        self.put("item_of(");
                        self.expr(*of);
                        self.put(", ");
                    }
                }
                self.expr(*index);
                self.put(")");
            }
            ScriptNode::Word { word, x, arg } => {
                let name = match word {
                    ListWord::Len => "len",
                    ListWord::Contains => "contains",
                    ListWord::Keys => "keys",
                };
                self.mark(id);
                match self.node(*x) {
                    Node::Local(local) => self.say(format_args!("{name}(\"v{local}\"")),
                    _ => {
                        self.say(format_args!("{name}_of("));
                        self.expr(*x);
                    }
                }
                if let Some(arg) = arg {
                    self.put(", ");
                    self.expr(*arg);
                }
                self.put(")");
            }
            ScriptNode::Pop(local) => {
                self.mark(id);
                self.say(format_args!("pop(\"v{local}\")"));
            }
            ScriptNode::Invoke { function, args } => {
                if !self.functions.contains(function) {
                    self.functions.push(*function);
                }
                self.mark(id);
                self.say(format_args!("r{function}("));
                self.list(args);
                self.put(")");
            }
            ScriptNode::As { x, ty } => {
                let place = Plain::ALL.iter().position(|known| known == ty).unwrap_or_default();
                self.mark(id);
                self.say(format_args!("as_type({place}, "));
                self.expr(*x);
                self.put(")");
            }
            ScriptNode::Range { from, to, inclusive } => {
                self.form(if *inclusive { "through" } else { "range" }, &[*from, *to]);
            }
        }
    }

    fn function(&mut self, number: u16) {
        let Some(function) = self.rule.script_functions.get(usize::from(number)).cloned() else { return };
        self.mark(0);
        self.say(format_args!("fn r{number}("));
        for (place, parameter) in function.parameters.iter().enumerate() {
            self.say(format_args!("{}v{parameter}", if place > 0 { ", " } else { "" }));
        }
        self.put(") {");
        self.block(function.block);
        self.mark(function.value.unwrap_or_default());
        match function.value {
            Some(value) => self.expr(value),
            None => self.put("U"),
        }
        self.put("}");
    }
}
