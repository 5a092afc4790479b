//! One evaluation of one rule: run, keep or drop, and say what changed.

use std::sync::Arc;

use gengfu_model::{Assertion, Evidence, Signal, Timestamp};

use super::machine::{Fault, Machine, Outcome, Trigger, Unwatched, Watch};
use super::scalar::Scalar;
use super::state::{RuleState, Slot};
use super::{Context, command, evidence, faults, replay};
use crate::pack::{FaultNote, Pack, Placed};
use crate::program::{Entry, MAX_KEYS, MAX_LOCALS};
use crate::testing::coverage::Covering;

/// Most rules need few variables: a small array is cheaper to clear for each evaluation.
const FEW_LOCALS: usize = 8;

/// Runs an entry of a rule. `timer` is the name that `on_timer` gets.
#[expect(clippy::too_many_arguments, reason = "the call is the seam between the engine's events and the machine")]
pub(super) fn run(
    pack: &Pack,
    placed: &Placed,
    entry: &Entry,
    cx: &Context<'_>,
    trigger: Trigger,
    timer: Option<&str>,
    state: &mut RuleState,
    out: &mut Vec<Signal>,
) {
    let rule = &placed.rule;
    if cx.paused.contains(&rule.id) {
        placed.counters.skipped();
        return;
    }
    let heard = state.heard;
    let Some(slots) = state.slots.get_mut(placed.base..placed.base + rule.slots.len()) else { return };
    if let Some(slot) = slots.get_mut(rule.faults_slot)
        && faults::quarantined(slot, cx.now)
    {
        placed.counters.skipped();
        return;
    }
    let (mut few, mut many);
    let locals: &mut [Scalar<'_>] = match entry.locals {
        0 => &mut [],
        1..=FEW_LOCALS => {
            few = [Scalar::Unknown; FEW_LOCALS];
            &mut few
        }
        _ => {
            many = [Scalar::Unknown; MAX_LOCALS];
            &mut many
        }
    };
    if let (Some(name), Some(first)) = (timer, locals.first_mut()) {
        *first = Scalar::Text(name);
    }
    let Finished { outcomes, before, fault, operations, wishes, undecided } = match &placed.watched {
        None => finish(Machine::new(rule, cx, trigger, heard, slots, locals, Unwatched), entry),
        Some(coverage) => {
            finish(Machine::new(rule, cx, trigger, heard, slots, locals, Covering(coverage.as_ref())), entry)
        }
    };
    placed.counters.evaluated(operations);
    if let Some(fault) = fault {
        for (slot, old) in before.into_iter().rev() {
            if let Some(place) = slots.get_mut(usize::from(slot)) {
                *place = old;
            }
        }
        if let Some(slot) = slots.get_mut(rule.faults_slot) {
            faults::failed(slot, cx.now);
        }
        let pos = rule.origins.get(usize::from(fault.node)).map(|origin| origin.pos).unwrap_or_default();
        placed.counters.failed(FaultNote {
            device: Arc::from(cx.device.id.as_str()),
            time_ms: cx.now.0,
            line: pos.line,
            column: pos.column,
            message: fault.failure.to_string(),
        });
        return;
    }
    let replay = evidence::Replay { placed, entry, cx, trigger, timer, heard, before: &before };
    commit(pack, &replay, &outcomes, slots, out);
    command::commit(pack, &replay, &wishes, undecided, slots, out);
}

/// What a machine leaves behind.
pub(super) struct Finished {
    pub(super) outcomes: [Outcome; MAX_KEYS],
    /// The slots as they were.
    pub(super) before: Vec<(u16, Slot)>,
    pub(super) fault: Option<Fault>,
    pub(super) operations: u32,
    pub(super) wishes: Vec<command::Wish>,
    pub(super) undecided: bool,
}

/// Lets a machine run to its end.
#[inline(always)]
pub(super) fn finish<'a, W: Watch>(mut machine: Machine<'a, '_, W>, entry: &'a Entry) -> Finished {
    machine.run(entry);
    let Machine { outcomes, before, fault, operations, wishes, undecided, .. } = machine;
    Finished { outcomes, before, fault, operations, wishes, undecided }
}

/// Verdicts that changed become signals.
fn commit(pack: &Pack, replay: &evidence::Replay<'_>, outcomes: &[Outcome], slots: &mut [Slot], out: &mut Vec<Signal>) {
    let (placed, cx) = (replay.placed, replay.cx);
    let counted = placed.rule.member.as_ref().map(|member| member.key);
    for (number, (key, outcome)) in placed.rule.keys.iter().zip(outcomes).enumerate() {
        let Some(verdict) = slots.get(key.slot) else { continue };
        let (effect, new, said) = match (*outcome, verdict) {
            (Outcome::None, _) => continue,
            (Outcome::Clear { effect }, Slot::Verdict(Some(_))) => (effect, None, true),
            (Outcome::Clear { effect }, Slot::Verdict(None)) => (effect, None, false),
            (Outcome::Clear { effect }, _) => (effect, None, cx.inherits),
            (Outcome::Raise { effect, severity, .. }, Slot::Verdict(Some(old))) => {
                (effect, Some(severity), *old != severity)
            }
            (Outcome::Raise { effect, severity, .. }, _) => (effect, Some(severity), true),
        };
        if said && let Some(def) = placed.rule.effects.get(usize::from(effect)) {
            let value = match *outcome {
                Outcome::Raise { value, .. } => value,
                Outcome::Clear { .. } | Outcome::None => None,
            };
            let assertion = match new {
                verdict if counted == Some(number) => Assertion::Member { holds: verdict.is_some() },
                Some(severity) => Assertion::Raise {
                    severity,
                    condition: Arc::clone(&def.condition),
                    value,
                    text_zh: def.text_zh.fill(cx.device, cx.latest, value),
                    text_en: def.text_en.fill(cx.device, cx.latest, value),
                    late: cx.late,
                    cooldown_ms: placed.rule.cooldown_ms,
                },
                None => Assertion::Clear { reason: Arc::from("clear") },
            };
            placed.counters.signalled();
            out.push(Signal {
                rule: Arc::clone(&placed.rule.id),
                rule_version: Arc::clone(pack.version()),
                key: Arc::clone(&key.name),
                assertion,
                evidence: Box::new(Evidence {
                    inputs: replay::inputs(replay, pack.version(), effect, slots),
                    ..evidence::explain(replay, def, slots)
                }),
            });
        }
        if let Some(place) = slots.get_mut(key.slot)
            && (said || !matches!(place, Slot::Verdict(_)))
        {
            *place = Slot::Verdict(new);
        }
    }
}

/// The event time of a trigger, for evidence.
pub(super) fn trigger_name(trigger: Trigger) -> (&'static str, Option<Timestamp>) {
    match trigger {
        Trigger::Reading { event_time, .. } => ("message", Some(event_time)),
        Trigger::Timer => ("timer", None),
        Trigger::Silent => ("silent", None),
    }
}
