//! Why a verdict changed: the evaluation is replayed with somebody looking on. Off the hot path: this
//! runs on transitions alone.

use std::collections::BTreeMap;

use gengfu_model::signal::{EvidenceReading, EvidenceSlot, EvidenceStep};
use gengfu_model::{Evidence, FieldId};

use super::Context;
use super::evaluate::trigger_name;
use super::machine::{Machine, Watch};
use super::occasion::{Occasion, Trigger};
use super::scalar::Scalar;
use super::state::{Last, Slot, Stored};
use super::stops;
use super::window::Window;
use crate::lower::UNITS;
use crate::pack::Placed;
use crate::places::Places;
use crate::program::{Effect, Entry, MAX_LOCALS, Node, NodeId, Rule};

/// The most steps of one explanation.
pub(crate) const MAX_STEPS: usize = 64;

/// An evaluation that is over, with what a replay needs.
pub(super) struct Replay<'a> {
    pub(super) placed: &'a Placed,
    pub(super) entry: &'a Entry,
    pub(super) on: &'a Occasion<'a>,
    pub(super) timer: Option<&'a str>,
    /// Slots as they were before they changed.
    pub(super) before: &'a [(u16, Slot)],
}

/// Keeps the value of every node that was evaluated.
#[derive(Default)]
pub(super) struct Recorder {
    seen: BTreeMap<NodeId, String>,
}

impl Recorder {
    /// The nodes that were evaluated, in their order.
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.seen.keys().copied()
    }

    pub(super) fn knows(&self, node: NodeId) -> bool {
        self.seen.contains_key(&node)
    }

    pub(super) fn value(&self, node: NodeId) -> Option<&str> {
        self.seen.get(&node).map(String::as_str)
    }

    pub(super) fn is_unknown(&self, node: NodeId) -> bool {
        self.seen.get(&node).is_some_and(|value| value == "unknown")
    }
}

impl Watch for &mut Recorder {
    const REPLAY: bool = true;
    fn saw(&mut self, node: NodeId, value: Scalar<'_>) {
        let text = match value {
            Scalar::Unknown => "unknown".to_owned(),
            Scalar::Bool(v) => v.to_string(),
            Scalar::Int(v) => v.to_string(),
            Scalar::Float(v) => v.to_string(),
            Scalar::Text(v) => v.to_owned(),
        };
        self.seen.insert(node, text);
    }
}

/// Evaluates again and tells what decided `effect`.
pub(super) fn explain(replay: &Replay<'_>, effect: &Effect, slots: &[Slot]) -> Evidence {
    let rule = &replay.placed.rule;
    let mut recorder = Recorder::default();
    let mut copy = slots.to_vec();
    let mut locals = [Scalar::Unknown; MAX_LOCALS];
    if let (Some(name), Some(first)) = (replay.timer, locals.first_mut()) {
        *first = Scalar::Text(name);
    }
    let cx = replay.on.cx;
    Machine::new(rule, replay.on, &mut copy, &mut locals, &mut recorder).run(replay.entry);

    let mut nodes = Vec::new();
    for root in &effect.deciding {
        collect(rule, replay.entry, *root, &recorder, &mut nodes);
    }
    let pos = effect.origin.pos;
    let source = rule.source.lines().nth(pos.line.saturating_sub(1) as usize).unwrap_or_default();
    Evidence {
        trigger: trigger_name(replay.on.trigger).0.to_owned(),
        now: cx.now,
        seq: cx.seq,
        file: rule.file.to_string(),
        line: pos.line,
        column: pos.column,
        source: source.trim().to_owned(),
        readings: readings(rule, cx, &recorder),
        steps: nodes.iter().filter_map(|node| step(rule, *node, &recorder, (slots, cx.city.places()))).collect(),
        slots: slots_of(replay, slots),
        inputs: String::new(),
    }
}

/// The node and what it is made of, outermost first, as far as it was evaluated; no literals.
fn collect(rule: &Rule, entry: &Entry, node: NodeId, recorder: &Recorder, out: &mut Vec<NodeId>) {
    let Some(kind) = rule.nodes.get(usize::from(node)) else { return };
    if out.len() >= MAX_STEPS || out.contains(&node) {
        return;
    }
    if recorder.seen.contains_key(&node) {
        out.push(node);
    }
    let mut go = |inner: NodeId| collect(rule, entry, inner, recorder, out);
    match *kind {
        Node::Local(local) | Node::Call { result: local, .. } => {
            for source in entry.local_sources.get(usize::from(local)).into_iter().flatten() {
                if recorder.seen.contains_key(source) {
                    go(*source);
                }
            }
        }
        _ => rule.children(node).into_iter().for_each(go),
    }
}

/// A node with its value; `memory` is the rule's slots and the city's places, for the names of stops.
pub(super) fn step(rule: &Rule, node: NodeId, recorder: &Recorder, memory: (&[Slot], &Places)) -> Option<EvidenceStep> {
    let origin = rule.origins.get(usize::from(node))?;
    Some(EvidenceStep {
        line: origin.pos.line,
        column: origin.pos.column,
        text: origin.text.to_string(),
        value: shown(rule, node, recorder.seen.get(&node)?, memory),
    })
}

/// A value as people read it: a length of time that a parameter gives comes with its unit, a number of missing stops
/// with their names.
fn shown(rule: &Rule, node: NodeId, value: &str, (slots, places): (&[Slot], &Places)) -> String {
    if let Some(Node::MissedStops { slot, .. }) = rule.nodes.get(usize::from(node)) {
        return stops::shown(value, slots.get(usize::from(*slot)), places);
    }
    let Some(Node::Parameter(number)) = rule.nodes.get(usize::from(node)) else { return value.to_owned() };
    let is_duration = rule.parameters.get(usize::from(*number)).is_some_and(|parameter| parameter.is_duration);
    let Some(ms) = value.parse::<i64>().ok().filter(|_| is_duration) else { return value.to_owned() };
    let units = UNITS.iter().rev().filter(|(_, unit_ms)| ms >= *unit_ms && ms % unit_ms == 0);
    units.map(|(unit, unit_ms)| format!("{}.{unit}", ms / unit_ms)).next().unwrap_or_else(|| format!("{ms}.ms"))
}

/// The latest value of every field that was looked at.
fn readings(rule: &Rule, cx: &Context<'_>, recorder: &Recorder) -> Vec<EvidenceReading> {
    let mut fields: Vec<FieldId> = Vec::new();
    for node in recorder.seen.keys() {
        if let Some(Node::Field(field)) = rule.nodes.get(usize::from(*node))
            && !fields.contains(field)
        {
            fields.push(*field);
        }
    }
    fields.sort_unstable();
    let reading = |field: FieldId| {
        let latest = cx.latest.get(field);
        Some(EvidenceReading {
            field: rule.kind.field_def(field)?.name.to_owned(),
            value: latest.map(|latest| latest.value.clone()),
            event_time: latest.map(|latest| latest.event_time),
            seq: latest.map(|latest| latest.seq),
        })
    };
    fields.into_iter().filter_map(reading).collect()
}

fn slots_of(replay: &Replay<'_>, slots: &[Slot]) -> Vec<EvidenceSlot> {
    let defs = replay.placed.rule.slots.iter().zip(slots).enumerate();
    let shown = defs.filter(|(_, (_, slot))| **slot != Slot::Empty || !replay.before.is_empty());
    let described = shown.map(|(number, (def, slot))| {
        let old = replay.before.iter().find(|(changed, _)| usize::from(*changed) == number).map(|(_, old)| old);
        let before = old.map_or_else(|| before_sample(slot, replay.on.trigger), Slot::describe);
        EvidenceSlot { id: def.id.clone(), before, after: slot.describe() }
    });
    described.filter(|slot| slot.before != slot.after || slot.after != Slot::Empty.describe()).collect()
}

/// Windows keep no copy of what they were: the sample that the reading brought is taken away again.
fn before_sample(slot: &Slot, trigger: Trigger) -> String {
    let (_, Some(event_time)) = trigger_name(trigger) else { return slot.describe() };
    match slot {
        Slot::Window(window) if window.samples.iter().any(|(t, _)| *t == event_time) => {
            let samples = window.samples.iter().filter(|(t, _)| *t != event_time).copied().collect();
            Slot::Window(Box::new(Window::new(samples))).describe()
        }
        Slot::Last(last) if last.previous == Stored::Unknown => Slot::Empty.describe(),
        Slot::Last(last) => Slot::Last(Box::new(Last { newest: last.previous, ..Last::default() })).describe(),
        other => other.describe(),
    }
}
