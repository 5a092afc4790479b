//! Calls: what each word of the language takes and becomes, and calls of the file's own functions.

use std::sync::Arc;

use super::expr::handle;
use super::metadata::MIN_PERIOD_MS;
use super::value::{Constant, Type, Value};
use super::{EntryKind, Lowerer};
use crate::diagnostic::did_you_mean;
use crate::functions::{self, FUNCTIONS};
use crate::judge::SlotKind;
use crate::program::{Math, Node, Op, SlotDef, SunWord, WindowFunction};
use crate::script::tree::{Binary, Expr};

impl Lowerer<'_> {
    pub(super) fn call(&mut self, name: &str, args: &[Expr], expr: &Expr) -> Option<Value> {
        match (name, args) {
            ("incident", [condition]) => self.incident(condition, None, expr),
            ("incident", [condition, more]) => self.incident(condition, Some(more), expr),
            ("raise", []) => self.raise(None, expr),
            ("raise", [map]) => self.raise(Some(map), expr),
            ("clear", []) => self.clear(None, expr),
            ("clear", [key]) => self.clear(Some(key), expr),
            ("held", [condition, wait, name @ ..]) if name.len() <= 1 => self.held(condition, wait, name.first(), expr),
            ("band", [x, trip, reset, name @ ..]) if name.len() <= 1 => self.band(x, trip, reset, name.first(), expr),
            ("flapping", [condition, times, span, slot @ ..]) if slot.len() <= 1 => {
                self.flapping(condition, times, span, slot.first(), expr)
            }
            ("changed" | "prev", [x, slot @ ..]) if slot.len() <= 1 => self.last(name, x, slot.first(), expr),
            ("avg", _) => self.window_call(WindowFunction::Avg, name, args, expr),
            ("sum", _) => self.window_call(WindowFunction::Sum, name, args, expr),
            ("count", _) => self.window_call(WindowFunction::Count, name, args, expr),
            ("rate", _) => self.window_call(WindowFunction::Rate, name, args, expr),
            ("slope", _) => self.window_call(WindowFunction::Slope, name, args, expr),
            ("min", [a, b]) => self.extreme(WindowFunction::Min, a, b, expr),
            ("max", [a, b]) => self.extreme(WindowFunction::Max, a, b, expr),
            ("min", [_, _, _]) => self.window_call(WindowFunction::Min, name, args, expr),
            ("max", [_, _, _]) => self.window_call(WindowFunction::Max, name, args, expr),
            ("at", [from, to]) => self.at(from, to, expr),
            ("scheduled_on", [device]) => self.scheduled_on(device, expr),
            ("inside", [name, of]) => self.inside(name, of, expr),
            ("distance_m", [a, b]) => self.distance(a, b, expr),
            ("off_route", [of, device]) => self.off_route(of, device, None, expr),
            ("off_route", [of, device, margin]) => self.off_route(of, device, Some(margin), expr),
            ("implied_speed", [of, slot @ ..]) if slot.len() <= 1 => self.implied_speed(of, slot.first(), expr),
            ("missed_stops", [route, of, from, dwell, slot @ ..]) if slot.len() <= 1 => {
                self.missed_stops([route, of, from, dwell], slot.first(), expr)
            }
            ("speed_limit", [of]) => self.speed_limit(of, None, expr),
            ("speed_limit", [of, device]) => self.speed_limit(of, Some(device), expr),
            ("workday", []) => self.workday(expr),
            ("sun", [device]) => self.sun(SunWord::Up, name, device, None, expr),
            ("night", [device]) => self.sun(SunWord::Night, name, device, None, expr),
            ("night", [device, margin]) => self.sun(SunWord::Night, name, device, Some(margin), expr),
            ("civil_night", [device]) => self.sun(SunWord::CivilNight, name, device, None, expr),
            ("since_sunset" | "since_sunrise", [device]) => self.since_sun(name, device, expr),
            ("after", [name, wait]) => self.after(name, wait, expr),
            ("command", [device, name, args]) => self.command(device, name, args, None, expr),
            ("command", [device, name, args, expires]) => self.command(device, name, args, Some(expires), expr),
            ("cancel", [name]) => {
                let slot = self.timer_slot(name)?;
                self.push(Op::Cancel { slot });
                Some(handle(Type::Unit, expr.pos))
            }
            ("known", [x]) => {
                let x = self.value(x)?;
                let node = self.emit_for(Node::Known(x.node), expr)?;
                Some(Value { ty: Type::Bool, node, constant: None, pos: expr.pos, ..x })
            }
            ("or_else", [x, otherwise]) => self.or_else(x, otherwise, expr),
            ("abs", [x]) => self.math(Math::Abs, x, expr),
            ("floor", [x]) => self.math(Math::Floor, x, expr),
            ("ceil", [x]) => self.math(Math::Ceil, x, expr),
            ("round", [x]) => self.math(Math::Round, x, expr),
            ("sqrt", [x]) => self.math(Math::Sqrt, x, expr),
            ("to_float", [x]) => self.typed(x, Type::Float),
            ("to_int", [x]) => self.truncated(x, expr),
            ("len", [x]) => self.length(x, expr),
            ("contains", [x, wanted]) => self.contains(x, wanted, expr),
            ("keys", [x]) => self.keys(x, expr),
            ("push", [list, value]) => self.push_item(list, value, expr),
            ("pop", [list]) => self.pop_item(list, expr),
            ("clamp", [x, low, high]) => self.clamp(x, low, high, expr),
            ("between", [x, low, high]) => self.between(x, low, high, expr),
            _ => self.other_call(name, args, expr),
        }
    }

    fn other_call(&mut self, name: &str, args: &[Expr], expr: &Expr) -> Option<Value> {
        if let Some(known) = functions::find(name) {
            self.error(expr.pos, format!("`{name}` cannot be called like this"), format!("write {}", known.form));
            return None;
        }
        let file = self.file;
        if let Some(own) = file.functions.iter().find(|function| function.name == name) {
            return self.inline(own, args, expr);
        }
        let own = file.functions.iter().map(|function| function.name.as_str()).filter(|name| !name.starts_with("on_"));
        let names: Vec<&str> = FUNCTIONS.iter().map(|function| function.name).chain(own).collect();
        self.error(expr.pos, format!("there is no function `{name}`"), did_you_mean(name, names.iter().copied()));
        None
    }

    fn window_call(&mut self, f: WindowFunction, name: &str, args: &[Expr], expr: &Expr) -> Option<Value> {
        match args {
            [x, span] => self.window(f, name, x, span, None, expr),
            [x, span, slot] => self.window(f, name, x, span, Some(slot), expr),
            _ => self.other_call(name, args, expr),
        }
    }

    /// `min(x, 1.h)` looks back, `min(a, b)` compares.
    fn extreme(&mut self, f: WindowFunction, a: &Expr, b: &Expr, expr: &Expr) -> Option<Value> {
        let second = self.value(b)?;
        if second.ty == Type::Duration {
            let name = if f == WindowFunction::Min { "min" } else { "max" };
            return self.window(f, name, a, b, None, expr);
        }
        let a = self.typed(a, Type::Float)?;
        let b = self.expect(second, Type::Float)?;
        let node = if f == WindowFunction::Min {
            Node::Smaller { a: a.node, b: b.node }
        } else {
            Node::Larger { a: a.node, b: b.node }
        };
        self.joined(node, &[a, b], Type::Float, expr)
    }

    /// A node over several values.
    pub(super) fn joined(&mut self, node: Node, values: &[Value], ty: Type, expr: &Expr) -> Option<Value> {
        let node = self.emit_for(node, expr)?;
        let reads = values.iter().fold(0, |mask, value| mask | value.reads);
        let stateful = values.iter().any(|value| value.stateful);
        Some(Value { ty, node, constant: None, reads, stateful, pos: expr.pos })
    }

    fn after(&mut self, name: &Expr, wait: &Expr, expr: &Expr) -> Option<Value> {
        let slot = self.timer_slot(name);
        let wait = self.typed(wait, Type::Duration)?;
        if let Some(Constant::Duration(ms)) = wait.constant
            && ms < MIN_PERIOD_MS
        {
            self.error(wait.pos, "a timer runs for one second at least", "");
            return None;
        }
        self.push(Op::After { slot: slot?, wait: wait.node });
        Some(handle(Type::Unit, expr.pos))
    }

    /// The slot of a named timer, which all calls share.
    fn timer_slot(&mut self, name: &Expr) -> Option<u16> {
        if self.entry == EntryKind::Member {
            self.error(name.pos, "`member` sets no timer", "arm it in `on_message`");
            return None;
        }
        let value = self.typed(name, Type::Text)?;
        let Some(Constant::Text(timer)) = value.constant else {
            self.error(name.pos, "the name of a timer must be constant", "");
            return None;
        };
        if &*timer == "every" {
            self.error(name.pos, "`every` is the timer of RULE", "take another name");
            return None;
        }
        let known = self.slots.iter().position(|slot| slot.timer.as_ref() == Some(&timer));
        let place = known.unwrap_or_else(|| {
            let id = format!("after:{timer}");
            self.slots.push(SlotDef { id, kind: SlotKind::Timer, reads: 0, timer: Some(Arc::clone(&timer)) });
            self.slots.len() - 1
        });
        u16::try_from(place).ok()
    }

    fn or_else(&mut self, x: &Expr, otherwise: &Expr, expr: &Expr) -> Option<Value> {
        let (x, otherwise) = (self.value(x), self.value(otherwise));
        let (mut x, mut otherwise) = (x?, otherwise?);
        if x.ty == Type::Any {
            x = self.expect(x, otherwise.ty)?;
        }
        if x.ty.is_number() && otherwise.ty == Type::Float {
            x = self.expect(x, Type::Float)?;
        }
        otherwise = self.expect(otherwise, x.ty)?;
        let ty = x.ty;
        self.joined(Node::OrElse { x: x.node, otherwise: otherwise.node }, &[x, otherwise], ty, expr)
    }

    fn math(&mut self, f: Math, x: &Expr, expr: &Expr) -> Option<Value> {
        let x = self.typed(x, Type::Float)?;
        self.joined(Node::Math { f, x: x.node }, &[x], Type::Float, expr)
    }

    fn truncated(&mut self, x: &Expr, expr: &Expr) -> Option<Value> {
        let x = self.value(x)?;
        if x.ty == Type::Int {
            return Some(x);
        }
        let x = self.expect(x, Type::Float)?;
        self.joined(Node::ToInt(x.node), &[x], Type::Int, expr)
    }

    fn clamp(&mut self, x: &Expr, low: &Expr, high: &Expr, expr: &Expr) -> Option<Value> {
        let (x, low, high) = (self.typed(x, Type::Float), self.typed(low, Type::Float), self.typed(high, Type::Float));
        let (x, low, high) = (x?, low?, high?);
        let inner = self.emit_for(Node::Larger { a: x.node, b: low.node }, expr)?;
        self.joined(Node::Smaller { a: inner, b: high.node }, &[x, low, high], Type::Float, expr)
    }

    fn between(&mut self, x: &Expr, low: &Expr, high: &Expr, expr: &Expr) -> Option<Value> {
        let (x, low, high) = (self.typed(x, Type::Float), self.typed(low, Type::Float), self.typed(high, Type::Float));
        let (x, low, high) = (x?, low?, high?);
        let above = self.emit_for(Node::CompareFloat { op: Binary::GreaterOrEqual, a: x.node, b: low.node }, expr)?;
        let below = self.emit_for(Node::CompareFloat { op: Binary::LessOrEqual, a: x.node, b: high.node }, expr)?;
        self.joined(Node::And { a: above, b: below, eager: x.stateful }, &[x, low, high], Type::Bool, expr)
    }
}
