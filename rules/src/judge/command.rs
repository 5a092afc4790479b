//! Commands of rules: what an evaluation wishes for, and when a wish becomes a command.
//!
//! A rule states what it wants of the device; the engine owns the edge. A wish becomes a command when it is not what
//! the rule last commanded under that name: so it is sent once, however many messages repeat it. It is over, and would
//! be sent again, when an evaluation that met no unknown `if` did not wish for it. Nothing is sent, and nothing is
//! remembered, for a late reading, for a device that is not in service, and within [`COMMAND_GAP_MS`] of the last one:
//! the next evaluation looks again.

use std::sync::Arc;

use gengfu_model::command::JsonObject;
use gengfu_model::{Assertion, DeviceLife, Evidence, FieldType, Signal, Value};

use super::evaluate::trigger_name;
use super::evidence::Replay;
use super::machine::{Machine, Watch};
use super::number::Failure;
use super::scalar::Scalar;
use super::state::Slot;
use crate::pack::Pack;
use crate::program::{CommandArgument, CommandCall};

/// The shortest time between two commands of one rule and name to one device, in milliseconds.
pub(crate) const COMMAND_GAP_MS: i64 = 60_000;

/// What an evaluation wishes for: a call, and the values of its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    command: u16,
    args: Vec<Value>,
}

impl<W: Watch> Machine<'_, '_, W> {
    /// `command(..)` was reached.
    pub(super) fn command(&mut self, command: u16) {
        let rule = self.rule;
        let Some(call) = rule.commands.get(usize::from(command)) else { return };
        let values: Vec<Option<Value>> =
            call.arguments.iter().map(|argument| value_of(self.scalar(argument.node))).collect();
        self.wish(command, values);
    }

    /// The same, with arguments that are computed already; `None`: unknown.
    pub(super) fn wish(&mut self, command: u16, values: Vec<Option<Value>>) {
        let Some(call) = self.rule.commands.get(usize::from(command)) else { return };
        let Some(args) = values.into_iter().collect::<Option<Vec<Value>>>() else {
            // It wishes for something, and it is not known for what.
            self.undecided = true;
            return;
        };
        for (argument, value) in call.arguments.iter().zip(&args) {
            if !fits(argument, value) {
                self.fail(argument.node, Failure::Argument);
                return;
            }
        }
        self.wishes.push(Wish { command, args });
    }
}

pub(super) fn value_of(scalar: Scalar<'_>) -> Option<Value> {
    match scalar {
        Scalar::Unknown => None,
        Scalar::Bool(v) => Some(Value::Bool(v)),
        Scalar::Int(v) => Some(Value::Number(v as f64)),
        Scalar::Float(v) => Some(Value::Number(v)),
        Scalar::Text(v) => Some(Value::Text(Arc::from(v))),
    }
}

fn fits(argument: &CommandArgument, value: &Value) -> bool {
    match (argument.def.ty, value) {
        (FieldType::Number { min, max }, Value::Number(v)) => (min..=max).contains(v),
        (FieldType::Integer { min, max }, Value::Number(v)) => (min as f64..=max as f64).contains(v),
        (FieldType::Bool, Value::Bool(_)) => true,
        (FieldType::Text { max_bytes }, Value::Text(v)) => v.len() <= max_bytes,
        _ => false,
    }
}

/// Wishes that are not what was last commanded become signals; wishes that are over are forgotten.
pub(super) fn commit(
    pack: &Pack,
    replay: &Replay<'_>,
    wishes: &[Wish],
    undecided: bool,
    slots: &mut [Slot],
    out: &mut Vec<Signal>,
) {
    let (rule, cx) = (&replay.placed.rule, replay.on.cx);
    if cx.late || cx.device.life != DeviceLife::InService {
        return;
    }
    for &place in &replay.entry.command_slots {
        let Some(slot) = slots.get_mut(place) else { continue };
        let call_of = |wish: &Wish| rule.commands.get(usize::from(wish.command));
        // The last call of a name counts, as with the keys of `raise`.
        let wish = wishes.iter().rev().find(|wish| call_of(wish).is_some_and(|call| usize::from(call.slot) == place));
        let (last, at) = match slot {
            Slot::Command { wish, at } => (*wish, Some(*at)),
            _ => (0, None),
        };
        match wish.and_then(|wish| Some((wish, call_of(wish)?))) {
            Some((wish, call)) => {
                let args = object(call, &wish.args);
                let hash = hash(&args);
                if hash == last || at.is_some_and(|at| cx.now.since_ms(at) < COMMAND_GAP_MS) {
                    continue;
                }
                *slot = Slot::Command { wish: hash, at: cx.now };
                replay.placed.counters.signalled();
                out.push(signal(pack, replay, call, args));
            }
            None if undecided => {}
            None => {
                if let Some(at) = at {
                    *slot = Slot::Command { wish: 0, at };
                }
            }
        }
    }
}

fn object(call: &CommandCall, args: &[Value]) -> JsonObject {
    let json = |(argument, value): (&CommandArgument, &Value)| {
        let value = match (argument.def.ty, value) {
            (FieldType::Integer { .. }, Value::Number(v)) => serde_json::Value::from(*v as i64),
            (_, Value::Number(v)) => serde_json::Value::from(*v),
            (_, Value::Bool(v)) => serde_json::Value::from(*v),
            (_, Value::Text(v)) => serde_json::Value::from(&**v),
        };
        (argument.def.name.to_owned(), value)
    };
    call.arguments.iter().zip(args).map(json).collect()
}

/// Never zero, which stands for no wish.
fn hash(args: &JsonObject) -> u32 {
    let text = serde_json::to_string(args).unwrap_or_default();
    let hash = text.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash.max(1)
}

fn signal(pack: &Pack, replay: &Replay<'_>, call: &CommandCall, args: JsonObject) -> Signal {
    let (rule, cx) = (&replay.placed.rule, replay.on.cx);
    let pos = call.origin.pos;
    let source = rule.source.lines().nth(pos.line.saturating_sub(1) as usize).unwrap_or_default();
    Signal {
        rule: Arc::clone(&rule.id),
        rule_version: Arc::clone(pack.version()),
        key: Arc::from(call.name),
        assertion: Assertion::Command { name: Arc::from(call.name), args, expires_s: call.expires_s },
        evidence: Box::new(Evidence {
            trigger: trigger_name(replay.on.trigger).0.to_owned(),
            now: cx.now,
            seq: cx.seq,
            file: rule.file.to_string(),
            line: pos.line,
            column: pos.column,
            source: source.trim().to_owned(),
            ..Evidence::default()
        }),
    }
}
