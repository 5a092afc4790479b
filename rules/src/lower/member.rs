//! `fn member(msg, dev)`: which devices count in the rule's group.
//!
//! It is lowered as `incident(member(msg, dev))` over a key of its own that raises no incident, so that verdicts,
//! explanations, both tiers and coverage are those of every other condition. A path that gives no value says
//! nothing: the last verdict stays.

use std::sync::Arc;

use super::value::{Binding, Bound, Type};
use super::{EntryKind, Frame, Lowerer};
use crate::judge::SlotKind;
use crate::program::{
    DeviceProperty, Effect, Entry, Key, MAX_KEYS, Member, Node, NodeId, Op, Origin, SeverityOf, SlotDef, Span,
};
use crate::script::tree::{Expr, ExprKind, Function};
use crate::template::Template;

/// When a device counts as silent for a rule that does not say it: `dev.silent`.
pub(super) const SILENT_INTERVALS: Span = Span::Intervals(2.5);
/// What a device counts as, where a rule speaks of keys.
pub(crate) const MEMBER: &str = "member";

impl Lowerer<'_> {
    /// Lowers `member` if the rule has a group. Its slots come after those of all other functions.
    pub(super) fn member(&mut self) -> Option<Member> {
        let (file, meta) = (self.file, self.meta);
        let group = meta.group.as_ref()?;
        let function = file.functions.iter().find(|function| function.name == MEMBER)?;
        if function.parameters.len() != 2 {
            self.error(function.pos, "`member` has the wrong number of arguments", "write fn member(msg, dev)");
            return None;
        }
        if self.keys.len() >= MAX_KEYS {
            let hint = "the group takes the place of one: split the rule into two";
            self.error(function.pos, format!("a rule with a group has at most {} keys", MAX_KEYS - 1), hint);
            return None;
        }
        let (first_slot, first_node) = (self.slots.len(), self.nodes.len());
        let (key, slot) = (self.keys.len(), first_slot);
        self.slots.push(SlotDef { id: MEMBER.to_owned(), kind: SlotKind::Verdict, reads: 0, timer: None });
        self.keys.push(Key { name: Arc::from(MEMBER), slot, by_silence: false });
        self.begin_entry(function.pos, EntryKind::Member);
        let names = self.scope.len();
        let handles = [Type::Message, Type::Device];
        for (name, ty) in function.parameters.iter().zip(handles) {
            self.scope.push(Binding { name: name.clone(), bound: Bound::Handle(ty) });
        }
        self.ops.push(Vec::new());
        self.frames.push(Frame { name: "group".to_owned(), result: None, is_entry: true, is_recursive: false });
        if let Some(condition) = self.counts(function) {
            self.effects.push(Effect {
                key: u8::try_from(key).unwrap_or_default(),
                severity: SeverityOf::Fixed(group.severity),
                condition: Arc::clone(&group.condition),
                value: None,
                text_zh: Template::fallback(&group.condition),
                text_en: Template::fallback(&group.condition),
                origin: Origin { pos: function.pos, text: Arc::from("member(msg, dev)") },
                deciding: vec![condition],
            });
            let effect = u16::try_from(self.effects.len() - 1).unwrap_or_default();
            self.push(Op::Incident { effect, condition });
        }
        self.frames.pop();
        self.scope.truncate(names);
        let entry: Entry = self.end_entry(EntryKind::Member);
        self.silence_of_member(first_node, entry.reads != 0, function);
        Some(Member { entry, key, first_slot })
    }

    /// The call that says whether the device counts.
    fn counts(&mut self, function: &Function) -> Option<NodeId> {
        let name = |name: &String| Expr { pos: function.pos, kind: ExprKind::Name(name.clone()) };
        let args: Vec<Expr> = function.parameters.iter().map(name).collect();
        let kind = ExprKind::Call { name: MEMBER.to_owned(), args: args.clone() };
        let value = self.inline(function, &args, &Expr { pos: function.pos, kind })?;
        if value.ty == Type::Unit {
            let hint = "end it with a condition; a path without a value keeps the last verdict, such as after \
                        if msg.on { return msg.power_w < 5.0; }";
            self.error(function.pos, "`member` gives no value", hint);
            return None;
        }
        if value.constant.is_some() {
            self.error(value.pos, "`member` is the same for every device", "it depends on the device or its message");
            return None;
        }
        self.expect(value, Type::Bool).map(|value| value.node)
    }

    /// Silence is an event for `member` if it asks `dev.silent`; then it must know when.
    fn silence_of_member(&mut self, first_node: usize, reads: bool, function: &Function) {
        let own = self.nodes.get(first_node..).unwrap_or_default();
        let asks = own.contains(&Node::Device(DeviceProperty::Silent));
        let has = self.slots.iter().any(|slot| slot.kind == SlotKind::Silence);
        if asks && !has {
            self.slots.push(SlotDef { id: "silence".to_owned(), kind: SlotKind::Silence, reads: 0, timer: None });
        }
        let on_silent = self.file.functions.iter().any(|function| function.name == "on_silent");
        if !asks && self.meta.silent.is_some() && !on_silent {
            let hint = "`member` does not ask `dev.silent` either";
            self.error(self.meta.silent_pos, "`silent` without `fn on_silent(dev)`", hint);
        }
        if !asks && !reads && self.problems.iter().all(|problem| problem.level != crate::diagnostic::Level::Error) {
            let hint =
                "it is judged when a reading carries a field that it reads, and on silence if it asks `dev.silent`";
            self.error(function.pos, "`member` reads no field, so it is never judged", hint);
        }
    }
}
