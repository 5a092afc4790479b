//! The words with memory: `held`, `band`, windows, `changed`, `prev`, and the identity of their slots.

use super::value::{Constant, Type, Value};
use super::{EntryKind, Lowerer};
use crate::judge::{MAX_TIMES, MAX_WINDOW_SAMPLES, SlotKind};
use crate::program::{Node, SlotDef, WindowFunction};
use crate::script::tree::Expr;
use crate::script::{Pos, render};

impl Lowerer<'_> {
    pub(super) fn held(&mut self, condition: &Expr, wait: &Expr, name: Option<&Expr>, expr: &Expr) -> Option<Value> {
        let value = self.typed(condition, Type::Bool);
        let wait = self.typed(wait, Type::Duration);
        let (value, wait) = (value?, wait?);
        if wait.constant == Some(Constant::Duration(0)) {
            self.error(wait.pos, "`held` with no time", "leave it out, or write how long, such as 10.s");
            return None;
        }
        let slot = self.slot("held", SlotKind::Held, condition, name, value.reads, expr.pos)?;
        let node = Node::Held { slot, condition: value.node, wait: wait.node };
        self.remembered(node, &[value, wait], Type::Bool, expr)
    }

    pub(super) fn band(
        &mut self,
        x: &Expr,
        trip: &Expr,
        reset: &Expr,
        name: Option<&Expr>,
        expr: &Expr,
    ) -> Option<Value> {
        let value = self.typed(x, Type::Float);
        let (trip, reset) = (self.typed(trip, Type::Float), self.typed(reset, Type::Float));
        let (value, trip, reset) = (value?, trip?, reset?);
        if trip.constant.is_some() && trip.constant == reset.constant {
            self.error(trip.pos, "the band has no width", "trip and reset must differ, such as band(x, 10.0, 8.0)");
            return None;
        }
        self.check_band(&value, &trip, &reset);
        let slot = self.slot("band", SlotKind::Band, x, name, value.reads, expr.pos)?;
        let limits = self.emit_for(Node::Pair { a: trip.node, b: reset.node }, expr)?;
        self.remembered(Node::Band { slot, x: value.node, limits }, &[value, trip, reset], Type::Bool, expr)
    }

    pub(super) fn window(
        &mut self,
        mut f: WindowFunction,
        word: &str,
        x: &Expr,
        span: &Expr,
        name: Option<&Expr>,
        expr: &Expr,
    ) -> Option<Value> {
        let value = self.value(x);
        let span = self.typed(span, Type::Duration);
        let (mut value, span) = (value?, span?);
        if f == WindowFunction::Count && value.ty == Type::Bool {
            f = WindowFunction::CountTrue;
        } else {
            value = self.expect(value, Type::Float)?;
        }
        self.needs_field(word, &value)?;
        let interval_ms = i64::from(self.meta.kind.def().interval_s) * 1_000;
        if let Some(Constant::Duration(ms)) = span.constant
            && ms / interval_ms.max(1) > MAX_WINDOW_SAMPLES as i64
        {
            let message = format!("the window is longer than the {MAX_WINDOW_SAMPLES} samples that it keeps");
            let kind = self.meta.kind.def().en;
            self.warn(span.pos, message, format!("a {kind} usually reports every {} s", interval_ms / 1_000));
        }
        let slot = self.slot(word, SlotKind::Window, x, name, value.reads, expr.pos)?;
        let ty = if word == "count" { Type::Int } else { Type::Float };
        self.remembered(Node::Window { f, slot, x: value.node, span: span.node }, &[value, span], ty, expr)
    }

    pub(super) fn flapping(
        &mut self,
        condition: &Expr,
        times: &Expr,
        span: &Expr,
        name: Option<&Expr>,
        expr: &Expr,
    ) -> Option<Value> {
        let value = self.typed(condition, Type::Bool);
        let (times, span) = (self.typed(times, Type::Int), self.typed(span, Type::Duration));
        let (value, times, span) = (value?, times?, span?);
        self.needs_field("flapping", &value)?;
        if let Some(Constant::Int(n)) = times.constant
            && !(2..=MAX_TIMES).contains(&n)
        {
            let hint = "flapping(condition, 6, 1.h): it became true six times within an hour";
            self.error(times.pos, format!("the number of times must be 2 to {MAX_TIMES}"), hint);
            return None;
        }
        let slot = self.slot("flapping", SlotKind::Window, condition, name, value.reads, expr.pos)?;
        let limits = self.emit_for(Node::Pair { a: times.node, b: span.node }, expr)?;
        let node = Node::Flapping { slot, condition: value.node, limits };
        self.remembered(node, &[value, times, span], Type::Bool, expr)
    }

    pub(super) fn last(&mut self, word: &str, x: &Expr, name: Option<&Expr>, expr: &Expr) -> Option<Value> {
        let value = self.value(x)?;
        self.needs_field(word, &value)?;
        if word == "prev" && value.ty == Type::Text {
            self.error(x.pos, "`prev` keeps numbers and conditions, no texts", "`changed` takes texts");
            return None;
        }
        let slot = self.slot(word, SlotKind::Last, x, name, value.reads, expr.pos)?;
        let ty = if word == "prev" { value.ty } else { Type::Bool };
        let node =
            if word == "prev" { Node::Previous { slot, x: value.node } } else { Node::Changed { slot, x: value.node } };
        self.remembered(node, &[value], ty, expr)
    }

    pub(super) fn remembered(&mut self, node: Node, values: &[Value], ty: Type, expr: &Expr) -> Option<Value> {
        let value = self.joined(node, values, ty, expr)?;
        Some(Value { stateful: true, ..value })
    }

    fn needs_field(&mut self, word: &str, value: &Value) -> Option<()> {
        // Where it runs many times, there is no place for memory at all: the slot says so.
        if value.reads != 0 || self.repeats() {
            return Some(());
        }
        self.error(value.pos, format!("`{word}` over something that reads no field"), "a sample comes with a field");
        None
    }

    /// A new slot. Its id is the function, the word, the source of the first argument without its
    /// numbers, and the name if one is given: tuning a number keeps what is remembered.
    pub(super) fn slot(
        &mut self,
        word: &str,
        kind: SlotKind,
        first: &Expr,
        name: Option<&Expr>,
        reads: u32,
        pos: Pos,
    ) -> Option<u16> {
        if !matches!(self.entry, EntryKind::Message | EntryKind::Member) {
            self.error(pos, format!("`{word}` has memory, which works in `on_message` and `member` alone"), "");
            return None;
        }
        if self.repeats() {
            let hint = format!("put the values into a variable first, and call `{word}` once after the loop");
            self.error(
                pos,
                format!("`{word}` has memory of its own for each call, and this call runs many times"),
                hint,
            );
            return None;
        }
        let name = match name {
            None => String::new(),
            Some(name) => match self.typed(name, Type::Text)?.constant {
                Some(Constant::Text(text)) => format!(":{text}"),
                _ => {
                    self.error(name.pos, "the name of a slot must be constant", "");
                    return None;
                }
            },
        };
        let function = self.frames.last().map(|frame| frame.name.clone()).unwrap_or_default();
        // A function that `on_message` calls as well has memory of its own for each of the two.
        let group = if self.entry == EntryKind::Member { "group:" } else { "" };
        let id = format!("{group}{function}:{word}:{}{name}", render(first, false));
        if self.slots.iter().any(|slot| slot.id == id) {
            let hint = format!("give one of them a name as last argument, such as {word}(.., \"second\")");
            self.error(pos, format!("two slots are `{id}`"), hint);
            return None;
        }
        self.slots.push(SlotDef { id, kind, reads, timer: None });
        u16::try_from(self.slots.len() - 1).ok()
    }
}
