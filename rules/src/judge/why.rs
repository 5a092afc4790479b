//! Why a rule says what it says of a device, or does not: one evaluation with everything shown, which
//! changes nothing.
//!
//! The rule is judged as a timer would judge it at that moment: with the latest values and the slots as
//! they are, and no new sample. Every sub-expression comes with its value, and one that is unknown with
//! the reason: never seen, stale, faulty, not in the register.

use std::sync::Arc;

use gengfu_model::signal::EvidenceStep;
use gengfu_model::{FieldId, Kind, Quality, Timestamp, Value};
use serde::Serialize;

use super::machine::{Machine, Outcome};
use super::occasion::{Occasion, Trigger};
use super::scalar::Scalar;
use super::state::{RuleState, Slot};
use super::{Context, evidence, faults, stops, timer_due, usable_ms};
use crate::pack::{Pack, Placed, Tier};
use crate::program::{MAX_LOCALS, Node, NodeId, PlaceWord, Rule};

/// The most steps that are shown.
const MAX_STEPS: usize = 256;

/// What a rule makes of a device at a moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Why {
    /// The rule's id.
    pub rule: Arc<str>,
    /// The pack's version.
    pub version: Arc<str>,
    /// The kind that it judges.
    pub kind: Kind,
    /// How it runs.
    pub tier: Tier,
    /// The moment.
    pub now: Timestamp,
    /// What keeps the rule from judging the device at all; empty if nothing does.
    pub kept_from: Vec<String>,
    /// Every key with what is open and what the rule would say.
    pub keys: Vec<WhyKey>,
    /// Every sub-expression that was evaluated, in the order of the source.
    pub steps: Vec<WhyStep>,
    /// Every field that the rule reads.
    pub readings: Vec<WhyReading>,
    /// What the rule remembers of the device.
    pub slots: Vec<WhySlot>,
    /// How the evaluation failed, if it did: line, column, message.
    pub fault: Option<(u32, u32, String)>,
}

/// A key of the rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WhyKey {
    /// Its name.
    pub key: Arc<str>,
    /// The verdict that is remembered: `unknown`, `clear` or a severity; for `member`, whether it `counts`.
    pub is: String,
    /// What the rule says now: `nothing`, `clear` or a severity.
    pub says: String,
}

/// A sub-expression.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WhyStep {
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// Its text.
    pub text: String,
    /// Its value; `unknown` for the third value.
    pub value: String,
    /// Why it is unknown, as far as that is known; empty for a known value.
    pub because: String,
}

/// A field of the device.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WhyReading {
    /// Its name.
    pub field: &'static str,
    /// Its newest value, usable or not.
    pub value: Option<Value>,
    /// When the device measured it.
    pub event_time: Option<Timestamp>,
    /// `usable`, `never seen`, `stale`, `faulty` or `warming up`, with the age where that counts.
    pub state: String,
}

/// A slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WhySlot {
    /// Its id.
    pub id: String,
    /// What it holds.
    pub holds: String,
    /// When its timer is due, if one runs.
    pub due: Option<Timestamp>,
}

impl Pack {
    /// Evaluates a rule for a device without changing anything. `None`: the device's kind has no such rule.
    #[must_use]
    pub fn why(&self, cx: &Context<'_>, state: &RuleState, rule: &str) -> Option<Why> {
        let set = self.set_of(cx.device)?;
        let placed = set.rules.iter().find(|placed| &*placed.rule.id == rule)?;
        let mut state = state.clone();
        state.fit(&set.layout, &set.slot_kinds);
        let range = placed.base..placed.base + placed.rule.slots.len();
        let mut slots = state.slots.get(range)?.to_vec();
        let kept_from = kept_from(placed, cx, &slots);
        let shown = slots_of(placed, &slots);
        let member = placed.rule.member.as_ref();
        let of_member = member.map(|member| &member.entry);
        let entry = placed.rule.on_message.as_ref().or(placed.rule.on_silent.as_ref()).or(of_member)?;
        let on = Occasion::new(cx, Trigger::Timer, state.heard);
        let mut recorder = evidence::Recorder::default();
        let mut locals = [Scalar::Unknown; MAX_LOCALS];
        let mut machine = Machine::new(&placed.rule, &on, &mut slots, &mut locals, &mut recorder);
        machine.run(entry);
        // An evaluation that fails says nothing, however far it came.
        let (mut outcomes, mut fault) = (machine.outcomes, machine.fault);
        if fault.is_some() {
            outcomes.fill(Outcome::None);
        }
        if let Some(member) = member {
            let mut locals = [Scalar::Unknown; MAX_LOCALS];
            let mut machine = Machine::new(&placed.rule, &on, &mut slots, &mut locals, &mut recorder);
            machine.run(&member.entry);
            if let Some((own, said)) = outcomes.get_mut(member.key).zip(machine.outcomes.get(member.key)) {
                *own = if machine.fault.is_some() { Outcome::None } else { *said };
            }
            fault = fault.or(machine.fault);
        }
        let counted = member.map(|member| member.key);
        let keys = placed.rule.keys.iter().zip(outcomes).enumerate().map(|(number, (key, outcome))| WhyKey {
            key: Arc::clone(&key.name),
            is: match slots.get(key.slot) {
                Some(Slot::Verdict(verdict)) if counted == Some(number) => counts(verdict.is_some()),
                Some(slot @ Slot::Verdict(_)) => slot.describe(),
                _ => "unknown".to_owned(),
            },
            says: match outcome {
                Outcome::None => "nothing".to_owned(),
                Outcome::Clear { .. } | Outcome::Raise { .. } if counted == Some(number) => {
                    counts(matches!(outcome, Outcome::Raise { .. }))
                }
                Outcome::Clear { .. } => "clear".to_owned(),
                Outcome::Raise { severity, .. } => severity.name().to_owned(),
            },
        });
        let keys = keys.collect();
        let fault = fault.map(|fault| {
            let pos = placed.rule.origins.get(usize::from(fault.node)).map(|origin| origin.pos).unwrap_or_default();
            (pos.line, pos.column, fault.failure.to_string())
        });
        let reads = entry.reads | of_member.map_or(0, |member| member.reads);
        let fields = cx.device.kind.def().fields.iter().zip(0..).filter(|(_, n)| reads & (1_u32 << n) != 0);
        Some(Why {
            rule: Arc::clone(&placed.rule.id),
            version: Arc::clone(self.version()),
            kind: placed.rule.kind,
            tier: if placed.rule.is_scripted() { Tier::Interpreter } else { Tier::Lowered },
            now: cx.now,
            kept_from,
            keys,
            steps: steps(placed, cx, &recorder, &slots),
            readings: fields.map(|(def, n)| reading(cx, def.name, FieldId(n))).collect(),
            slots: shown,
            fault,
        })
    }
}

/// What is said of a device in its rule's group.
fn counts(holds: bool) -> String {
    if holds { "counts" } else { "does not count" }.to_owned()
}

fn kept_from(placed: &Placed, cx: &Context<'_>, slots: &[Slot]) -> Vec<String> {
    let mut reasons = Vec::new();
    if let Some((_, pause)) = cx.paused.iter().find(|(rule, _)| **rule == placed.rule.id) {
        reasons.push(format!("the rule is paused by {}: {}", pause.by, pause.reason));
    }
    let faults = slots.get(placed.rule.faults_slot).cloned().unwrap_or_default();
    if faults::quarantined(&mut faults.clone(), cx.now) {
        reasons.push(format!("the device is kept from the rule, which failed on it: {}", faults.describe()));
    }
    let by_member = placed.rule.member.as_ref().is_some_and(|member| member.entry.reads != 0);
    if placed.rule.on_message.is_none() && !by_member {
        reasons.push("the rule judges no message, only silence or timers".to_owned());
    }
    reasons
}

fn slots_of(placed: &Placed, slots: &[Slot]) -> Vec<WhySlot> {
    let shown = placed.rule.slots.iter().zip(slots);
    shown.map(|(def, slot)| WhySlot { id: def.id.clone(), holds: slot.describe(), due: timer_due(slot) }).collect()
}

fn steps(placed: &Placed, cx: &Context<'_>, recorder: &evidence::Recorder, slots: &[Slot]) -> Vec<WhyStep> {
    let mut steps: Vec<WhyStep> = Vec::new();
    for node in recorder.nodes() {
        let memory = (slots, cx.city.places());
        let Some(EvidenceStep { line, column, text, value }) = evidence::step(&placed.rule, node, recorder, memory)
        else {
            continue;
        };
        let because = if value == "unknown" { because(placed, cx, recorder, node, slots) } else { String::new() };
        let step = WhyStep { line, column, text, value, because };
        if !steps.contains(&step) && steps.len() < MAX_STEPS {
            steps.push(step);
        }
    }
    steps.sort_by(|a, b| (a.line, a.column, b.text.len()).cmp(&(b.line, b.column, a.text.len())));
    steps
}

/// What makes a node unknown: the fields, attributes and slots beneath it that are.
fn because(placed: &Placed, cx: &Context<'_>, recorder: &evidence::Recorder, node: NodeId, slots: &[Slot]) -> String {
    let rule = &placed.rule;
    let mut reasons: Vec<String> = Vec::new();
    let mut open = vec![node];
    let mut seen: Vec<NodeId> = Vec::new();
    while let Some(node) = open.pop() {
        if seen.contains(&node) || !recorder.is_unknown(node) && !seen.is_empty() && recorder.knows(node) {
            continue;
        }
        seen.push(node);
        let reason = match rule.nodes.get(usize::from(node)) {
            Some(Node::Field(field)) => {
                let name = rule.kind.field_def(*field).map_or("", |def| def.name);
                Some(format!("msg.{name} is {}", state_of(cx, *field)))
            }
            Some(Node::Attribute(name)) => {
                let name = rule.attributes.get(usize::from(*name)).map_or("", AsRef::as_ref);
                Some(format!("dev.{name} is not in the register"))
            }
            Some(Node::Local(local)) => {
                let sources = rule.entries().filter_map(|entry| entry.local_sources.get(usize::from(*local)));
                open.extend(sources.flatten().copied().filter(|source| recorder.is_unknown(*source)));
                None
            }
            Some(Node::Band { .. }) => {
                Some("the value lies between the band's limits, and none was passed yet".to_owned())
            }
            Some(Node::Window { .. }) => Some("the window has too few samples".to_owned()),
            Some(Node::Place { word: PlaceWord::SpeedLimit, .. }) => Some("there is no speed limit here".to_owned()),
            Some(Node::Place { name, .. }) => Some(no_such_place(placed, cx, recorder, *name)),
            Some(Node::Implied { .. }) => Some("there is no earlier position that is near in time".to_owned()),
            Some(Node::MissedStops { slot, route, more, .. }) => {
                let from = day_of(rule, *more).first().copied().unwrap_or_default();
                let [route, from] = [*route, from].map(|text| text_of(placed, recorder, text).unwrap_or_default());
                Some(stops::why_untold(cx, slots.get(usize::from(*slot)), &route, &from))
            }
            Some(Node::Previous { .. } | Node::Changed { .. }) => Some("there is no earlier sample".to_owned()),
            _ => None,
        };
        let children = match rule.nodes.get(usize::from(node)) {
            // A position that is not known now is none of the reasons: it is remembered what was.
            Some(Node::MissedStops { route, more, .. }) => [vec![*route], day_of(rule, *more)].concat(),
            _ => rule.children(node),
        };
        let children = children.into_iter().flat_map(|child| match rule.nodes.get(usize::from(child)) {
            Some(Node::ToFloat(_) | Node::Pair { .. }) => rule.children(child),
            _ => vec![child],
        });
        let unknown: Vec<NodeId> = children.filter(|child| recorder.is_unknown(*child)).collect();
        match reason {
            // A word with memory over something unknown: that is the reason.
            Some(_) if !unknown.is_empty() => {}
            Some(reason) if !reasons.contains(&reason) => reasons.push(reason),
            _ => {}
        }
        open.extend(unknown);
    }
    reasons.join("; ")
}

/// When the day of `missed_stops` begins, and its dwell.
fn day_of(rule: &Rule, more: NodeId) -> Vec<NodeId> {
    rule.children(more).last().map_or_else(Vec::new, |day| rule.children(*day))
}

/// A text that was looked at: a constant one, or what it was.
fn text_of(placed: &Placed, recorder: &evidence::Recorder, node: NodeId) -> Option<String> {
    match placed.rule.nodes.get(usize::from(node)) {
        Some(Node::Text(text)) => placed.rule.texts.get(usize::from(*text)).map(ToString::to_string),
        _ => recorder.value(node).map(str::to_owned),
    }
}

/// The place that a question named and the city does not have.
fn no_such_place(placed: &Placed, cx: &Context<'_>, recorder: &evidence::Recorder, name: NodeId) -> String {
    let known = text_of(placed, recorder, name);
    match known.filter(|known| !cx.city.places().has(known)) {
        Some(known) => format!("the city has no place of the name or kind `{known}`"),
        None => "the city has no such place".to_owned(),
    }
}

fn reading(cx: &Context<'_>, name: &'static str, field: FieldId) -> WhyReading {
    let latest = cx.latest.get(field);
    WhyReading {
        field: name,
        value: latest.map(|latest| latest.value.clone()),
        event_time: latest.map(|latest| latest.event_time),
        state: state_of(cx, field),
    }
}

fn state_of(cx: &Context<'_>, field: FieldId) -> String {
    let Some(latest) = cx.latest.get(field) else { return "never seen".to_owned() };
    let (age, usable) = (cx.now.since_ms(latest.journal_time), usable_ms(cx.device));
    match latest.quality {
        Quality::Ok if age <= usable => "usable".to_owned(),
        Quality::Ok => format!("stale: {} s old, usable for {} s", age / 1_000, usable / 1_000),
        Quality::WarmingUp => "warming up".to_owned(),
        Quality::Faulty => "faulty".to_owned(),
    }
}
