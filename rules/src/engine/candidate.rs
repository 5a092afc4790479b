//! A candidate: a pack beside the live one, over the same records, in the same engine.
//!
//! A trial asks what another pack would have said. What the engine knows of devices does not depend on the pack, so
//! it is kept once. Nor is a rule judged twice that both packs have alike: the candidate takes the live rule's
//! signals, under its own version. It judges itself, with a memory of its own, what differs: rules with another text,
//! and those for which a parameter is held. So a draft costs what it changes, and a sweep costs its one rule a value.
//!
//! What is alike stays alike by itself: the same rule with the same settings and pauses makes the same of the same
//! records, and requests about it are granted on both sides or on neither. Only another live pack can end that
//! ([`Engine::part`]) and begin it again ([`Engine::rejoin`]).

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use gengfu_cases::At;
use gengfu_model::staff::StaffRequest;
use gengfu_model::{Device, DeviceLife, Kind, Seq, Signal, Timestamp, Value};

use super::device::DeviceState;
use super::ruling::{Moment, Ruling, Tell};
use super::translate::{Translated, translate};
use super::{Engine, Output};
use crate::judge::explained_as;
use crate::pack::{RuleInfo, RuleSet};
use crate::{Latest, Pack, RuleCounts, RuleState};

/// A pack beside the live one.
#[derive(Clone)]
pub struct Candidate {
    pub(super) ruling: Ruling,
    files: BTreeMap<String, String>,
    /// The rules that it judges itself.
    own: Arc<Pack>,
    /// The ids of the others, which are judged with the live pack.
    shared: BTreeSet<Arc<str>>,
    /// What each rule had cost when its way of being judged changed last, in the order of the pack's rules.
    cost: Vec<Cost>,
    /// What the own rules remember, by the device's place. Empty where they are of other kinds.
    states: Vec<RuleState>,
    /// Signals of the record under way, in the order in which the whole pack would have given them.
    signals: Vec<Signal>,
    /// Steps of staff about cases that it does not have, since somebody asked.
    missed: Vec<&'static str>,
    /// What came of the records.
    pub(super) out: Output,
}

/// What a rule cost before, and where the counter stood that goes on.
#[derive(Clone, Debug, Default)]
struct Cost {
    before: RuleCounts,
    from: RuleCounts,
}

impl Cost {
    fn from_now(counts: &BTreeMap<(Kind, Arc<str>), RuleCounts>, info: &RuleInfo) -> Cost {
        let from = counts.get(&(info.kind, Arc::clone(&info.id))).cloned().unwrap_or_default();
        Cost { before: RuleCounts::default(), from }
    }
}

impl Candidate {
    /// Its rules at work.
    #[must_use]
    pub fn ruling(&self) -> &Ruling {
        &self.ruling
    }

    /// What came of the records since somebody asked. Ordinals of effects are those that the candidate would have
    /// given alone; what is said of devices by whatever rules is with the live output only.
    pub fn output(&mut self) -> &mut Output {
        &mut self.out
    }

    /// The steps of staff about cases that it does not have, since somebody asked.
    pub fn take_missed(&mut self) -> Vec<&'static str> {
        std::mem::take(&mut self.missed)
    }

    /// The rules that are judged once for it and the live pack.
    pub fn shared(&self) -> impl Iterator<Item = &Arc<str>> {
        self.shared.iter()
    }

    /// Tells its own rules of a device, and takes over what the live ones said.
    pub(super) fn tell(
        &mut self,
        index: u32,
        moment: Moment<'_>,
        (device, latest): (&Device, &Latest),
        tell: Tell,
        live: &[Signal],
    ) {
        let first = self.signals.len();
        if self.own.set_of(device).is_some()
            && let Some(state) = self.states.get_mut(index as usize)
        {
            let cx = self.ruling.context(moment, device, latest);
            tell.to(&self.own, &cx, state, &mut self.signals);
        }
        self.take_over(first, live);
    }

    /// Signals of rules that are judged with the live pack come among the own ones where the rules stand.
    fn take_over(&mut self, first: usize, live: &[Signal]) {
        let own = self.signals.len();
        let version = self.ruling.pack.version();
        for signal in live.iter().filter(|signal| self.shared.contains(&signal.rule)) {
            let mut signal = signal.clone();
            signal.rule_version = Arc::clone(version);
            signal.evidence.inputs = explained_as(&signal.evidence.inputs, version);
            self.signals.push(signal);
        }
        if self.signals.len() > own {
            // Stable: what one rule said stays in its order.
            self.signals[first..].sort_by(|a, b| a.rule.cmp(&b.rule));
        }
    }

    pub(super) fn settle(&mut self, at: At, device: &Arc<Device>) {
        for signal in self.signals.drain(..) {
            self.ruling.take(at, device, signal, &mut self.out.effects);
        }
    }

    /// When the device's next timer of an own rule is due.
    #[inline]
    pub(super) fn next_due(&self, index: u32, device: &Device) -> Option<Timestamp> {
        self.own.next_due(device, self.states.get(index as usize)?)
    }

    /// The next effect of the engine is none of its own; it is counted all the same.
    pub(super) fn count_along(&mut self, effects: u32) {
        for _ in 0..effects {
            self.out.effects.reserve();
        }
    }

    pub(super) fn add_device(&mut self) {
        self.states.push(RuleState::default());
    }

    /// Nobody kept time for `gap_ms`.
    pub(super) fn shift(&mut self, index: u32, gap_ms: i64) {
        if let Some(state) = self.states.get_mut(index as usize).filter(|state| state.heard().is_some()) {
            state.shift(gap_ms);
        }
    }

    /// Reads a bit of what its rules remember of a device, for [`Engine::foresee`].
    pub(super) fn look(&self, index: u32) -> u64 {
        self.states.get(index as usize).map_or(0, RuleState::look)
    }

    /// Forgets what its rules remember of a device.
    pub(super) fn forget(&mut self, index: u32) {
        if let Some(own) = self.states.get_mut(index as usize) {
            *own = RuleState::default();
        }
    }

    /// Begins what a device waits for by its rules; `live` is what the live ones said when they did.
    pub(super) fn begin(&mut self, index: u32, moment: Moment<'_>, state: &DeviceState, live: &[Signal]) {
        let Some(own) = self.states.get(index as usize).filter(|_| state.device.life == DeviceLife::InService) else {
            return;
        };
        let tell = if own.heard().is_none() { Tell::Heard } else { Tell::Begin };
        self.tell(index, moment, (&state.device, &state.latest), tell, live);
    }

    /// Asks a rule once more what it makes of a device: its own, or the live one that stands for it.
    pub(super) fn says(
        &self,
        index: u32,
        (moment, live): (Moment<'_>, &Ruling),
        state: &DeviceState,
        rule: &str,
        fields: u32,
    ) -> Vec<(Arc<str>, bool)> {
        if self.shared.contains(rule) {
            let cx = live.context(moment, &state.device, &state.latest);
            return live.pack.says(&cx, &state.rules, rule, fields);
        }
        let cx = self.ruling.context(moment, &state.device, &state.latest);
        self.states.get(index as usize).map_or_else(Vec::new, |own| self.own.says(&cx, own, rule, fields))
    }

    /// Staff did a step about a case that it does not have.
    pub(super) fn note_missed(&mut self, step: &'static str) {
        self.missed.push(step);
    }

    /// The ids of the rules that it judges itself.
    fn own_ids(&self) -> BTreeSet<Arc<str>> {
        self.ruling.pack.rules().iter().map(|info| &info.id).filter(|id| !self.shared.contains(*id)).cloned().collect()
    }

    /// Whether a rule can be judged with the live pack, as far as text and settings go.
    fn is_alike(&self, live: &Ruling, rule: &str) -> bool {
        let is_held = self.ruling.held.parameters.iter().any(|(of, _)| &**of == rule);
        !is_held
            && self.ruling.judges_like(&live.pack, rule)
            && self.ruling.parameters.of_rule(rule) == live.parameters.of_rule(rule)
            && self.ruling.paused.contains(rule) == live.paused.contains(rule)
    }

    /// What its rules cost, in the order of [`Pack::rules`]; a rule that is judged with the live pack costs what it
    /// costs there.
    fn counts(&self, live: &Pack) -> Vec<RuleCounts> {
        let (own, live) = (by_rule(&self.own), by_rule(live));
        let infos = self.ruling.pack.rules().iter().zip(&self.cost);
        let counts = infos.map(|(info, cost)| {
            let from = if self.shared.contains(&info.id) { &live } else { &own };
            let now = from.get(&(info.kind, Arc::clone(&info.id))).cloned().unwrap_or_default();
            let since = now.since(&cost.from);
            RuleCounts {
                rule: Arc::clone(&info.id),
                paused: self.ruling.paused.contains(&info.id),
                ..cost.before.plus(&since)
            }
        });
        counts.collect()
    }

    /// Changes which rules it judges itself: `devices` with what the live rules remember of them, from which the
    /// memory of the rules in `lost` is taken over. `live` and `next` are the live pack until now and from now on.
    fn rebuild(&mut self, devices: &[DeviceState], shared: BTreeSet<Arc<str>>, live: &Pack, next: &Pack) {
        let lost: BTreeSet<Arc<str>> = self.shared.difference(&shared).cloned().collect();
        let counted = self.counts(live);
        let before = std::mem::replace(&mut self.own, Arc::new(part_of(&self.files, &self.ruling.pack, &shared)));
        let wanted: Vec<HashSet<u32>> = self.own.sets.iter().map(|set| set.slots_of(&lost)).collect();
        self.states.resize_with(devices.len(), RuleState::default);
        for (own, state) in self.states.iter_mut().zip(devices) {
            let kind = state.device.kind;
            let Some(set) = self.own.sets.get(kind as usize).filter(|set| !set.rules.is_empty()) else {
                *own = RuleState::default();
                continue;
            };
            let had = before.set_of(&state.device).is_some();
            let heard = if had { own.heard() } else { state.rules.heard() };
            let wanted = wanted.get(kind as usize);
            let lent = state.rules.lend(|id| wanted.is_some_and(|wanted| wanted.contains(&id)));
            let old = std::mem::take(own);
            *own = old.joined(lent, heard);
            if !own.slots.is_empty() {
                own.fit(&set.layout, &set.slot_kinds);
            }
        }
        let (own, live) = (by_rule(&self.own), by_rule(next));
        let costs = self.ruling.pack.rules().iter().zip(counted).map(|(info, before)| {
            let counts = if shared.contains(&info.id) { &live } else { &own };
            Cost { before, ..Cost::from_now(counts, info) }
        });
        self.cost = costs.collect();
        self.shared = shared;
    }

    /// Whether a rule remembers of every device what the live rule does.
    fn remembers_alike(&self, devices: &[DeviceState], live: &Pack, rule: &str) -> bool {
        let pairs = live.sets.iter().zip(&self.own.sets).enumerate();
        let mut of_rule = pairs.filter_map(|(kind, (live, own))| {
            let find = |set: &'_ RuleSet| set.rules.iter().position(|placed| &*placed.rule.id == rule);
            Some((kind, (live, find(live)?), (own, find(own)?)))
        });
        of_rule.all(|(kind, (live, live_place), (own, own_place))| {
            devices.iter().zip(&self.states).filter(|(state, _)| state.device.kind as usize == kind).all(
                |(state, of_own)| {
                    state.rules.heard() == of_own.heard()
                        && state.rules.memory_of(live, live_place) == of_own.memory_of(own, own_place)
                },
            )
        })
    }
}

fn by_rule(pack: &Pack) -> BTreeMap<(Kind, Arc<str>), RuleCounts> {
    let keys = pack.rules().iter().map(|info| (info.kind, Arc::clone(&info.id)));
    keys.zip(pack.counts()).collect()
}

/// The pack without the shared rules, under the same version.
fn part_of(files: &BTreeMap<String, String>, pack: &Pack, shared: &BTreeSet<Arc<str>>) -> Pack {
    let own: BTreeSet<&str> =
        pack.rules().iter().filter(|info| !shared.contains(&info.id)).map(|info| info.file.as_str()).collect();
    let files = files.iter().filter(|(name, _)| own.contains(name.as_str()));
    let files = files.map(|(name, text)| (name.clone(), text.clone())).collect();
    let part = Pack::compile(&files).expect("each file has compiled with the others");
    part.under_version(pack.version())
}

impl Engine {
    /// The candidates beside the live pack, in the order in which they were added.
    #[must_use]
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// The candidates, to take what came of the records.
    pub fn candidates_mut(&mut self) -> &mut [Candidate] {
        &mut self.candidates
    }

    /// Puts a pack beside the live one, before the record `next`. It begins with everything as it is live, and keeps
    /// its pack and the parameters that are held for it (rule, name, value; checked by whoever calls) whatever the
    /// records say. Slots whose id the pack has keep their state; what it does not declare is withdrawn.
    pub fn add_candidate(
        &mut self,
        pack: Pack,
        files: &BTreeMap<String, String>,
        parameters: &[(String, String, Value)],
        next: Seq,
    ) {
        if self.candidates.is_empty() {
            // From here on the live rules' cost is to be compared.
            self.ruling.pack.reset_counts();
            self.spent.clear();
        }
        let pack = Arc::new(pack);
        let is_same = pack.version() == self.ruling.pack.version();
        let mut ruling = Ruling { pack: Arc::clone(&pack), ..self.ruling.clone() };
        ruling.held.pack = true;
        for (rule, name, value) in parameters {
            ruling.hold_parameter(rule, name, value.clone());
        }
        let all: BTreeSet<Arc<str>> = pack.rules().iter().map(|info| Arc::clone(&info.id)).collect();
        let mut candidate = Candidate {
            ruling,
            files: files.clone(),
            own: Arc::new(Pack::empty()),
            // As if all had been judged with the live pack: its memory is taken over for those that are not.
            shared: all.clone(),
            cost: Vec::new(),
            states: Vec::new(),
            signals: Vec::new(),
            missed: Vec::new(),
            out: Output::unplotted(),
        };
        let live = by_rule(&self.ruling.pack);
        candidate.cost = candidate.ruling.pack.rules().iter().map(|info| Cost::from_now(&live, info)).collect();
        let alike = all.into_iter().filter(|id| candidate.is_alike(&self.ruling, id)).collect();
        candidate.rebuild(&self.devices, alike, &self.ruling.pack, &self.ruling.pack);
        if !is_same {
            let at = At { seq: next, now: self.now };
            candidate.out.effects.start(next);
            candidate.ruling.withdraw(at, &mut candidate.out.effects);
            let (index, devices) = (&self.index, &self.devices);
            let find = super::finder(index, devices);
            candidate.ruling.regroup(at, true, &find, &mut candidate.out.effects);
            let moment = Moment { zone: self.zone, city: &self.city, now: self.now, seq: next };
            for (index, state) in self.devices.iter().enumerate() {
                let index = u32::try_from(index).expect("fewer than 2^32 devices");
                candidate.begin(index, moment, state, &[]);
                candidate.settle(at, &state.device);
            }
        }
        self.candidates.push(candidate);
        for index in 0..self.devices.len() {
            self.schedule(u32::try_from(index).expect("fewer than 2^32 devices"));
        }
    }

    /// Holds a pack as the live one from the record `next` on, whatever the records say.
    pub fn hold_pack(&mut self, pack: Pack, next: Seq, out: &mut Output) {
        self.ruling.held.pack = true;
        // In any case the new one, whose counters nobody else moves.
        let old = std::mem::replace(&mut self.ruling.pack, Arc::new(pack));
        self.ruling.pack.show_paused(&self.ruling.paused);
        self.part(&old);
        if old.version() == self.ruling.pack.version() {
            return;
        }
        out.effects.start(next);
        let at = At { seq: next, now: self.now };
        self.ruling.withdraw(at, &mut out.effects);
        self.regroup(at, out);
        for index in 0..self.devices.len() {
            self.begin(next, u32::try_from(index).expect("fewer than 2^32 devices"), false, out);
        }
        self.rejoin();
    }

    /// Another pack is live than `old`, and has not met a device yet: candidates judge themselves what it does not
    /// have like them any more.
    pub(super) fn part(&mut self, old: &Pack) {
        if self.candidates.is_empty() {
            return;
        }
        for (rule, counts) in by_rule(old) {
            let spent = self.spent.entry(rule).or_default();
            *spent = spent.plus(&counts);
        }
        for candidate in &mut self.candidates {
            let still = candidate.shared.iter().filter(|rule| candidate.is_alike(&self.ruling, rule)).cloned();
            let still = still.collect();
            candidate.rebuild(&self.devices, still, old, &self.ruling.pack);
        }
    }

    /// The live pack is another, and has begun with every device: what it has like a candidate, and remembers like
    /// it, is judged once from here on.
    pub(super) fn rejoin(&mut self) {
        for candidate in &mut self.candidates {
            let live = &self.ruling.pack;
            let alike = candidate.own_ids().into_iter().filter(|rule| {
                candidate.is_alike(&self.ruling, rule) && candidate.remembers_alike(&self.devices, live, rule)
            });
            let alike: BTreeSet<Arc<str>> = alike.collect();
            if !alike.is_empty() {
                let shared = candidate.shared.union(&alike).cloned().collect();
                candidate.rebuild(&self.devices, shared, live, live);
            }
        }
    }

    /// What the live rules cost since the first candidate was added, in the order of their [`Pack::rules`].
    #[must_use]
    pub fn live_counts(&self) -> Vec<RuleCounts> {
        let infos = self.ruling.pack.rules().iter().zip(self.ruling.pack.counts());
        let counts = infos.map(|(info, now)| {
            let spent = self.spent.get(&(info.kind, Arc::clone(&info.id)));
            RuleCounts {
                rule: Arc::clone(&now.rule),
                paused: now.paused,
                ..spent.map_or(now.clone(), |spent| spent.plus(&now))
            }
        });
        counts.collect()
    }

    /// What the candidate's rules cost since it was added, in the order of its [`Pack::rules`].
    #[must_use]
    pub fn candidate_counts(&self, candidate: usize) -> Vec<RuleCounts> {
        self.candidates.get(candidate).map_or_else(Vec::new, |candidate| candidate.counts(&self.ruling.pack))
    }

    /// A step of staff about a live case, as it applies to each candidate; before anybody has taken it.
    pub(super) fn steps(&self, request: &StaffRequest) -> Vec<Translated> {
        let of = |candidate: &Candidate| translate(request, self.ruling.reducer(), candidate.ruling.reducer());
        self.candidates.iter().map(of).collect()
    }

    /// The engine said something that follows from no rule: candidates count it along.
    pub(super) fn count_along(&mut self, effects: u32) {
        self.candidates.iter_mut().for_each(|candidate| candidate.count_along(effects));
    }
}
