//! From syntax tree to lowered rule: names are resolved, types checked, own functions copied in.
//!
//! Every mistake becomes a [`Problem`] and lowering goes on with the next statement, so that one load
//! reports all mistakes. An expression that is broken gives `None`, and what is built on it is silent.

mod branch;
mod call;
mod command;
mod daytime;
mod effect;
mod expr;
mod function;
mod group;
mod lists;
mod member;
mod memory;
mod metadata;
mod names;
mod operators;
mod place;
mod ranges;
mod recursion;
mod script;
mod value;
mod verdicts;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::diagnostic::{Level, Problem};
use crate::functions;
use crate::interp::{self, ScriptFunction, ScriptNode, ScriptOp};
use crate::judge::SlotKind;
use crate::pack::{RuleInfo, Tier, TierReason};
use crate::parameters::Parameters;
use crate::program::{self, CommandCall, Effect, Entry, Key, MAX_SLOTS, Member, Node, Op, Origin, Rule, SlotDef};
use crate::script::tree::{File, Function};
use crate::script::{Pos, parse};
pub(crate) use metadata::{MAX_SPAN_MS, METADATA, UNITS, is_word};
pub(crate) use names::device_names;

use member::SILENT_INTERVALS;
use metadata::Metadata;
pub(crate) use place::NamedPlace;
use value::{Binding, Bound, Type, Value};
use verdicts::Site;

/// A rule that compiled.
#[derive(Debug)]
pub(crate) struct Lowered {
    pub(crate) info: RuleInfo,
    pub(crate) rule: Rule,
    /// Where its id stands.
    pub(crate) id_pos: Pos,
}

/// Compiles one file; with `force`, every function runs in the interpreter. Problems are recorded;
/// `None` if there is no rule to speak of.
pub(crate) fn lower_file(name: &str, text: &str, force: bool, problems: &mut Vec<Problem>) -> Option<Lowered> {
    let file = match parse(text) {
        Ok(file) => file,
        Err(found) => {
            problems.extend(found);
            return None;
        }
    };
    let meta = metadata::read(name, &file, problems)?;
    let mut lowerer = Lowerer::new(&meta, &file, problems);
    lowerer.force = force;
    lowerer.constants();
    let (on_message, on_silent, on_timer) = lowerer.entries();
    lowerer.unused(on_message.is_some() || on_silent.is_some() || on_timer.is_some());
    let member = lowerer.member();
    lowerer.verdicts(member.is_some());
    lowerer.check_stop_names();
    let lowered = lowerer.finish(name, text, (on_message, on_silent, on_timer, member));
    crate::testing::check::check(text, meta.kind, problems);
    Some(lowered)
}

/// Which function of the engine's is being lowered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum EntryKind {
    Message,
    Silent,
    Timer,
    Member,
}

impl EntryKind {
    /// The first part of its slots' ids.
    fn name(self) -> &'static str {
        match self {
            EntryKind::Message => "on_message",
            EntryKind::Silent => "on_silent",
            EntryKind::Timer => "on_timer",
            EntryKind::Member => "member",
        }
    }
}

/// A function whose body is being lowered.
#[derive(Debug)]
struct Frame {
    name: String,
    /// The variable and type of its value, once a `return` or the tail gave one.
    result: Option<(u8, value::Type)>,
    is_entry: bool,
    /// Runs many times in one evaluation.
    is_recursive: bool,
}

struct Lowerer<'a> {
    meta: &'a Metadata,
    file: &'a File,
    problems: &'a mut Vec<Problem>,
    nodes: Vec<Node>,
    origins: Vec<Origin>,
    blocks: Vec<Vec<Op>>,
    effects: Vec<Effect>,
    keys: Vec<Key>,
    texts: Vec<Arc<str>>,
    attributes: Vec<Arc<str>>,
    slots: Vec<SlotDef>,
    /// Calls of `command`.
    commands: Vec<CommandCall>,
    /// Places that the rule names.
    places: Vec<NamedPlace>,
    /// Names in sight, the innermost last.
    scope: Vec<Binding>,
    /// Statements of the blocks being lowered, the innermost last.
    ops: Vec<Vec<Op>>,
    frames: Vec<Frame>,
    /// Functions that were copied in.
    called: Vec<String>,
    /// The `if`s around, with the branch taken: two paths that differ in one cannot hold at once.
    path: Vec<(u32, u8)>,
    /// The conditions of the `if`s around.
    conditions: Vec<u16>,
    branches: u32,
    /// The newest `if` without value, if its first branch always returns.
    returning_branch: Option<u32>,
    sites: Vec<Site>,
    entry: EntryKind,
    local_sources: Vec<Vec<u16>>,
    reads: u32,
    can_fail: bool,
    /// The rule was found to be too large, and that was said.
    too_large: bool,
    script_nodes: Vec<ScriptNode>,
    script_ops: Vec<ScriptOp>,
    script_functions: Vec<ScriptFunction>,
    /// Functions of the file that call themselves, directly or through others.
    recursive: BTreeSet<&'a str>,
    /// Those of them that never end.
    endless: Vec<&'a str>,
    /// The recursive functions of the current entry.
    instances: Vec<recursion::Instance>,
    /// How many loops are around.
    loops: u32,
    /// Variables of the current entry that may hold a list or map, as a mask.
    lists: u64,
    /// Why the current entry cannot be lowered.
    reason: Option<(Pos, String)>,
    /// Why each entry runs in the interpreter, if it does: message, silent, timer, member.
    reasons: [Option<(Pos, String)>; 4],
    /// Every entry runs in the interpreter.
    force: bool,
}

impl<'a> Lowerer<'a> {
    fn new(meta: &'a Metadata, file: &'a File, problems: &'a mut Vec<Problem>) -> Lowerer<'a> {
        let mut lowerer = Lowerer {
            meta,
            file,
            problems,
            nodes: Vec::new(),
            origins: Vec::new(),
            blocks: vec![Vec::new()],
            effects: Vec::new(),
            keys: Vec::new(),
            texts: Vec::new(),
            attributes: Vec::new(),
            slots: Vec::new(),
            commands: Vec::new(),
            places: Vec::new(),
            scope: Vec::new(),
            ops: Vec::new(),
            frames: Vec::new(),
            called: Vec::new(),
            path: Vec::new(),
            conditions: Vec::new(),
            branches: 0,
            returning_branch: None,
            sites: Vec::new(),
            entry: EntryKind::Message,
            local_sources: Vec::new(),
            reads: 0,
            can_fail: false,
            too_large: false,
            script_nodes: Vec::new(),
            script_ops: Vec::new(),
            script_functions: Vec::new(),
            recursive: recursion::recursive(file),
            endless: recursion::endless(file).into_iter().map(|function| function.name.as_str()).collect(),
            instances: Vec::new(),
            loops: 0,
            lists: 0,
            reason: None,
            reasons: [None, None, None, None],
            force: false,
        };
        lowerer.slot_of_rule("faults", SlotKind::Faults);
        if meta.silent.is_some() {
            lowerer.slot_of_rule("silence", SlotKind::Silence);
        }
        if meta.every_ms.is_some() {
            lowerer.slot_of_rule("every", SlotKind::Timer);
        }
        lowerer
    }

    fn slot_of_rule(&mut self, id: &str, kind: SlotKind) {
        self.slots.push(SlotDef { id: id.to_owned(), kind, reads: 0, timer: None });
    }

    fn error(&mut self, pos: Pos, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.push(Problem::error(pos, message).hint(hint));
    }

    fn warn(&mut self, pos: Pos, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.push(Problem::warning(pos, message).hint(hint));
    }

    /// The file's constants become names in sight.
    fn constants(&mut self) {
        self.ops.push(Vec::new());
        self.frames.push(Frame { name: "const".to_owned(), result: None, is_entry: true, is_recursive: false });
        for constant in &self.file.constants {
            if constant.name == "RULE" {
                continue;
            }
            let bound = match self.expr(&constant.value) {
                Some(Value { ty: Type::List(_) | Type::Map, .. }) if lists::is_table(&constant.value) => {
                    Bound::Table(Box::new(constant.value.clone()))
                }
                Some(Value { ty, constant: Some(value), .. }) => Bound::Constant(ty, value),
                Some(_) => {
                    self.error(constant.pos, format!("`{}` is not constant", constant.name), "");
                    Bound::Broken
                }
                None => Bound::Broken,
            };
            self.scope.push(Binding { name: constant.name.clone(), bound });
        }
        self.frames.pop();
        self.ops.pop();
        self.reason = None;
    }

    fn entries(&mut self) -> (Option<Entry>, Option<Entry>, Option<Entry>) {
        for function in &self.file.functions {
            if functions::find(&function.name).is_some() {
                self.error(function.pos, format!("`{}` is a word of the language", function.name), "take another name");
            }
        }
        let find = |name: &str| self.file.functions.iter().find(|function| function.name == name);
        let (message, silent, timer) = (find("on_message"), find("on_silent"), find("on_timer"));
        let has_member = self.meta.group.is_some() && find("member").is_some();
        if message.is_none() && silent.is_none() && timer.is_none() && !has_member {
            self.error(self.meta.pos, "the rule has no `fn on_message(msg, dev)`", "without it, it never judges");
        }
        if silent.is_some() && self.meta.silent.is_none() {
            self.error(self.meta.pos, "`on_silent` never runs", "say in RULE after how long: silent: 2.5.intervals");
        }
        if silent.is_none() && self.meta.silent.is_some() && !has_member {
            self.error(self.meta.silent_pos, "`silent` without `fn on_silent(dev)`", "");
        }
        if timer.is_none() && self.meta.every_ms.is_some() {
            self.error(self.meta.every_pos, "`every` without `fn on_timer(dev, name)`", "");
        }
        let on_message = message.map(|function| self.entry(function, EntryKind::Message));
        if let (Some(entry), Some(function)) = (&on_message, message)
            && entry.reads == 0
            && self.problems.iter().all(|problem| problem.level != Level::Error)
        {
            let hint = "on_message runs when a reading carries a field that it reads";
            self.error(function.pos, "`on_message` reads no field, so it never runs", hint);
        }
        let on_silent = silent.map(|function| self.entry(function, EntryKind::Silent));
        let on_timer = timer.map(|function| self.entry(function, EntryKind::Timer));
        if on_timer.is_none()
            && let Some(slot) = self.slots.iter().find(|slot| slot.timer.is_some())
        {
            let message = format!("`{}` is armed, but there is no `fn on_timer(dev, name)`", slot.id);
            self.problems.push(Problem::error(self.meta.pos, message));
        }
        (on_message, on_silent, on_timer)
    }

    /// Functions that nothing calls are not checked.
    fn unused(&mut self, has_entry: bool) {
        let member: Option<&Function> = self.file.functions.iter().find(|function| function.name == "member");
        if let Some(group) = self.meta.group.as_ref().filter(|_| member.is_none()) {
            let hint = format!("write fn member(msg, dev) {{ .. }}: which devices count as {}", group.condition);
            self.error(self.meta.group_pos, "`group` without `fn member(msg, dev)`", hint);
        }
        // A `group` with a mistake of its own is one mistake, not two.
        let has_none = self.meta.group.is_none() && self.meta.group_pos == Pos::default();
        if let Some(member) = member.filter(|_| has_none) {
            let called = self.called.contains(&member.name);
            if !called {
                let hint = "give RULE a `group`, such as group: \"feeder\", distinct: 3, within: 20.min";
                self.error(member.pos, "`member` without `group` in RULE", hint);
            }
        }
        if !has_entry {
            return;
        }
        for function in &self.file.functions {
            let known = ["on_message", "on_silent", "on_timer", "member"].contains(&function.name.as_str());
            let taken = functions::find(&function.name).is_some();
            if !known && !taken && !self.called.contains(&function.name) {
                self.warn(function.pos, format!("`{}` is never called", function.name), "it was not checked");
            }
        }
    }

    fn finish(
        self,
        name: &str,
        text: &str,
        (on_message, on_silent, on_timer, member): (Option<Entry>, Option<Entry>, Option<Entry>, Option<Member>),
    ) -> Lowered {
        let meta = self.meta;
        if self.slots.len() > MAX_SLOTS {
            let message =
                format!("the rule has {} pieces of memory, at most {MAX_SLOTS} are allowed", self.slots.len());
            self.problems.push(Problem::error(meta.pos, message).hint("split it into two rules"));
        }
        let reads =
            [&on_message, &on_silent, &on_timer].into_iter().flatten().fold(0, |mask, entry| mask | entry.reads);
        let reads = reads | member.as_ref().map_or(0, |member| member.entry.reads);
        let of_member = member.as_ref().map(|member| member.key);
        let fields = meta.kind.def().fields.iter().enumerate();
        let mut conditions: Vec<Arc<str>> = Vec::new();
        for effect in self.effects.iter().filter(|effect| Some(usize::from(effect.key)) != of_member) {
            if !effect.condition.is_empty() && !conditions.contains(&effect.condition) {
                conditions.push(Arc::clone(&effect.condition));
            }
        }
        let mut info = RuleInfo {
            id: Arc::clone(&meta.id),
            kind: meta.kind,
            keys: {
                let keys = self.keys.iter().enumerate().filter(|(number, _)| Some(*number) != of_member);
                keys.map(|(_, key)| Arc::clone(&key.name)).collect()
            },
            severity: meta.severity,
            condition: meta.condition.clone(),
            conditions,
            doc: self.file.doc.clone(),
            text_zh: meta.text_zh.as_ref().map(|(text, _)| text.clone()).unwrap_or_default(),
            text_en: meta.text_en.as_ref().map(|(text, _)| text.clone()).unwrap_or_default(),
            parameters: meta.parameters.clone(),
            slots: self.slots.iter().map(|slot| slot.id.clone()).collect(),
            fields: fields.filter(|(n, _)| reads & (1 << n) != 0).map(|(_, field)| field.name).collect(),
            group: meta.group.clone(),
            file: name.to_owned(),
            source: text.to_owned(),
            tier: Tier::Lowered,
            tier_reason: None,
        };
        let place = |id: &str| self.slots.iter().position(|slot| slot.id == id);
        let reasons = self.reasons;
        let first = reasons.iter().flatten().min_by_key(|(pos, _)| *pos);
        let (tier, tier_reason) = match first {
            Some((pos, message)) => {
                let (line, column, message) = (pos.line, pos.column, message.clone());
                (Tier::Interpreter, Some(TierReason { line, column, message }))
            }
            None => (Tier::Lowered, None),
        };
        info.tier = tier;
        info.tier_reason = tier_reason;
        let mut rule = Rule {
            id: Arc::clone(&meta.id),
            kind: meta.kind,
            file: Arc::from(name),
            source: Arc::from(text),
            silence: meta.silent.or(Some(SILENT_INTERVALS)).zip(place("silence")),
            every: meta.every_ms.zip(place("every")),
            faults_slot: place("faults").unwrap_or_default(),
            nodes: self.nodes,
            ways: program::Ways::default(),
            by_default: None,
            mark: Parameters::mark(&meta.id),
            origins: self.origins,
            blocks: self.blocks,
            effects: self.effects,
            keys: self.keys,
            texts: self.texts,
            attributes: self.attributes,
            parameters: meta.parameters.clone(),
            slots: self.slots,
            commands: self.commands,
            places: self.places,
            on_message,
            on_silent,
            on_timer,
            member,
            cooldown_ms: meta.cooldown_ms,
            can_fail: self.can_fail,
            script_nodes: self.script_nodes,
            script_ops: self.script_ops,
            script_functions: self.script_functions,
        };
        if self.problems.iter().all(|problem| problem.level != Level::Error) {
            scripts(&mut rule, reasons, self.problems);
            program::shorten(&mut rule);
        }
        Lowered { info, rule, id_pos: meta.id_pos }
    }
}

/// Prints the entries that run in the interpreter; what rhai does not take is a problem.
fn scripts(rule: &mut Rule, reasons: [Option<(Pos, String)>; 4], problems: &mut Vec<Problem>) {
    let mut member = rule.member.take();
    let of_member = member.as_mut().map(|member| &mut member.entry);
    let mut entries = [rule.on_message.take(), rule.on_silent.take(), rule.on_timer.take()];
    let all = entries.iter_mut().map(Option::as_mut).chain([of_member]);
    for (number, (entry, reason)) in all.zip(reasons).enumerate() {
        let (Some(entry), Some(reason)) = (entry, reason) else { continue };
        let script = interp::print(rule, entry, number == 2, reason);
        if let Err(message) = interp::compiles(&script) {
            let (pos, _) = script.reason;
            let hint = "nest less deeply, or split the function";
            problems.push(Problem::error(pos, format!("the interpreter cannot take this: {message}")).hint(hint));
        }
        entry.script = Some(Box::new(script));
    }
    [rule.on_message, rule.on_silent, rule.on_timer] = entries;
    rule.member = member;
}
