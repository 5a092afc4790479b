//! One evaluation of one rule: run, keep or drop, and say what changed.

use std::sync::Arc;

use gengfu_model::{Assertion, Evidence, Severity, Signal, Timestamp};

use super::count::FaultNote;
use super::machine::{Fault, Machine, Outcome, Unwatched, Watch};
use super::occasion::{Occasion, Trigger};
use super::scalar::Scalar;
use super::state::{RuleState, Slot};
use super::stops::Missed;
use super::{command, evidence, faults, replay, tape};
use crate::pack::{Entrance, Pack, Placed};
use crate::program::{Entry, Key, MAX_LOCALS};
use crate::testing::coverage::Covering;

/// Most rules need few variables: a small array is cheaper to clear for each evaluation.
const FEW_LOCALS: usize = 8;

/// Runs an entry of a rule. `timer` is the name that `on_timer` gets.
pub(super) fn run(
    pack: &Pack,
    placed: &Placed,
    entry: &Entry,
    on: &Occasion<'_>,
    timer: Option<&str>,
    state: &mut RuleState,
    out: &mut Vec<Signal>,
) {
    if let Some(Some(entrance)) = placed.entrances.get(usize::from(entry.place)) {
        enter(pack, placed, entrance, on, timer, state, out);
    }
}

/// The same for who has the entry's entrance at hand.
#[inline(always)]
pub(super) fn enter(
    pack: &Pack,
    placed: &Placed,
    entrance: &Entrance,
    on: &Occasion<'_>,
    timer: Option<&str>,
    state: &mut RuleState,
    out: &mut Vec<Signal>,
) {
    if on.cx.paused.contains(&placed.rule.id) {
        placed.counters.skipped();
        return;
    }
    let Some(slots) = state.slots.get_mut(entrance.slots.0..entrance.slots.1) else { return };
    if let Some(slot) = slots.get_mut(entrance.faults)
        && faults::quarantined(slot, on.cx.now)
    {
        placed.counters.skipped();
        return;
    }
    if let Some(operations) = on_tape(placed, entrance, on, slots) {
        placed.counters.evaluated(operations);
        return;
    }
    evaluate(pack, placed, entrance, on, timer, slots, out);
}

/// The operations of an evaluation of which nobody is to be told, where the entry's tape shows that it is one.
#[inline(always)]
pub(super) fn on_tape(placed: &Placed, entrance: &Entrance, on: &Occasion<'_>, slots: &mut [Slot]) -> Option<u32> {
    let tape = entrance.tape(on.cx.parameters).filter(|_| placed.watched.is_none())?;
    tape::run(tape, &placed.rule, on, slots)
}

/// Runs the entry's nodes.
#[inline(never)]
fn evaluate(
    pack: &Pack,
    placed: &Placed,
    entrance: &Entrance,
    on: &Occasion<'_>,
    timer: Option<&str>,
    slots: &mut [Slot],
    out: &mut Vec<Signal>,
) {
    let Some(Some(entry)) = placed.rule.entry_places().get(usize::from(entrance.entry)).copied() else { return };
    let call = Call { pack, placed, entry, on, timer };
    match entry.locals {
        0 => call.watched(slots, &mut [], out),
        1..=FEW_LOCALS => call.watched(slots, &mut [Scalar::Unknown; FEW_LOCALS], out),
        _ => call.watched(slots, &mut [Scalar::Unknown; MAX_LOCALS], out),
    }
}

/// An evaluation that is to be run.
struct Call<'a> {
    pack: &'a Pack,
    placed: &'a Placed,
    entry: &'a Entry,
    on: &'a Occasion<'a>,
    timer: Option<&'a str>,
}

impl<'a> Call<'a> {
    #[inline(always)]
    fn watched(&self, slots: &mut [Slot], locals: &mut [Scalar<'a>], out: &mut Vec<Signal>) {
        if let (Some(name), Some(first)) = (self.timer, locals.first_mut()) {
            *first = Scalar::Text(name);
        }
        match &self.placed.watched {
            None => self.run(slots, locals, Unwatched, out),
            Some(coverage) => self.run(slots, locals, Covering(coverage.as_ref()), out),
        }
    }

    fn run<W: Watch>(&self, slots: &mut [Slot], locals: &mut [Scalar<'a>], watch: W, out: &mut Vec<Signal>) {
        let mut machine = Machine::new(&self.placed.rule, self.on, slots, locals, watch);
        machine.run(self.entry);
        self.placed.counters.evaluated(machine.operations);
        // By reference: what a machine holds is not worth moving.
        let Machine { slots, outcomes, before, fault, wishes, undecided, .. } = &mut machine;
        if let Some(fault) = fault {
            self.failed(*fault, before, slots);
            return;
        }
        let replay =
            evidence::Replay { placed: self.placed, entry: self.entry, on: self.on, timer: self.timer, before };
        commit(self.pack, &replay, outcomes, slots, out);
        if !self.entry.command_slots.is_empty() {
            command::commit(self.pack, &replay, wishes, *undecided, slots, out);
        }
    }

    /// An evaluation that fails has no effect but a note.
    #[cold]
    fn failed(&self, fault: Fault, before: &mut Vec<(u16, Slot)>, slots: &mut [Slot]) {
        for (slot, old) in before.drain(..).rev() {
            if let Some(place) = slots.get_mut(usize::from(slot)) {
                *place = old;
            }
        }
        let (rule, cx) = (&self.placed.rule, self.on.cx);
        if let Some(slot) = slots.get_mut(rule.faults_slot) {
            faults::failed(slot, cx.now);
        }
        let pos = rule.origins.get(usize::from(fault.node)).map(|origin| origin.pos).unwrap_or_default();
        self.placed.counters.failed(FaultNote {
            device: Arc::from(cx.device.id.as_str()),
            time_ms: cx.now.0,
            line: pos.line,
            column: pos.column,
            message: fault.failure.to_string(),
        });
    }
}

/// Verdicts that changed become signals.
#[inline(always)]
fn commit(pack: &Pack, replay: &evidence::Replay<'_>, outcomes: &[Outcome], slots: &mut [Slot], out: &mut Vec<Signal>) {
    for (number, (key, outcome)) in replay.placed.rule.keys.iter().zip(outcomes).enumerate() {
        let (new, verdict) = match (outcome, slots.get(key.slot)) {
            (Outcome::None, _) | (_, None) => continue,
            (Outcome::Clear { .. }, Some(verdict)) => (None, verdict),
            (Outcome::Raise { severity, .. }, Some(verdict)) => (Some(*severity), verdict),
        };
        let said = match verdict {
            Slot::Verdict(old) if *old == new => continue,
            Slot::Verdict(_) => true,
            // The first known verdict.
            _ => new.is_some() || replay.on.cx.inherits,
        };
        if said {
            say(pack, replay, (number, key), *outcome, new, slots, out);
        }
        if let Some(place) = slots.get_mut(key.slot) {
            *place = Slot::Verdict(new);
        }
    }
}

/// One verdict changed.
#[cold]
fn say(
    pack: &Pack,
    replay: &evidence::Replay<'_>,
    (number, key): (usize, &Key),
    outcome: Outcome,
    new: Option<Severity>,
    slots: &[Slot],
    out: &mut Vec<Signal>,
) {
    let (effect, value) = match outcome {
        Outcome::None => return,
        Outcome::Clear { effect } => (effect, None),
        Outcome::Raise { effect, value, .. } => (effect, value),
    };
    let (placed, cx) = (replay.placed, replay.on.cx);
    let Some(def) = placed.rule.effects.get(usize::from(effect)) else { return };
    let missed = || Missed::of(slots, cx.city.places());
    let assertion = match new {
        verdict if placed.rule.member.as_ref().is_some_and(|member| member.key == number) => {
            Assertion::Member { holds: verdict.is_some() }
        }
        Some(severity) => Assertion::Raise {
            severity,
            condition: Arc::clone(&def.condition),
            value,
            text_zh: def.text_zh.fill(cx.device, cx.latest, value, missed().map(|missed| missed.zh())),
            text_en: def.text_en.fill(cx.device, cx.latest, value, missed().map(|missed| missed.en())),
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

/// The event time of a trigger, for evidence.
pub(super) fn trigger_name(trigger: Trigger) -> (&'static str, Option<Timestamp>) {
    match trigger {
        Trigger::Reading { event_time, .. } => ("message", Some(event_time)),
        Trigger::Timer => ("timer", None),
        Trigger::Silent => ("silent", None),
    }
}
