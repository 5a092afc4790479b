//! A rule pack: every file of the rule engineers, compiled as a whole, or not at all.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use gengfu_cases::RuleGroup;
use gengfu_cases::profile::GroupBy;
use gengfu_model::{Device, Kind, Severity, Value};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::diagnostic::{Diagnostic, Level, Problem};
use crate::judge::{Counters, RuleCounts, SlotKind};
use crate::lower::{Lowered, lower_file};
use crate::parameters::{Effective, Parameters};
use crate::paused::PausedRules;
use crate::program::{Entry, Rule, Tape, Ways};
use crate::script::Pos;
use crate::testing::coverage::Coverage;

/// The most files a pack may have.
pub const MAX_FILES: usize = 512;

/// Every rule of a version. Immutable but for its counters; shared by `Arc`.
#[derive(Debug)]
pub struct Pack {
    version: Arc<str>,
    /// One set per kind, in the order of the kinds' numbers.
    pub(crate) sets: Vec<RuleSet>,
    infos: Vec<RuleInfo>,
    warnings: Vec<Diagnostic>,
}

/// The rules of one kind, in the order of their ids, and the layout of a device's state.
#[derive(Debug, Default)]
pub(crate) struct RuleSet {
    pub(crate) rules: Vec<Placed>,
    /// Hashes of the slots' ids.
    pub(crate) layout: Arc<[u32]>,
    pub(crate) slot_kinds: Vec<SlotKind>,
    /// What a reading can run, in the order of the rules, a rule's member before its `on_message`: what is of the
    /// group from the beginning needs no case of its own.
    pub(crate) readers: Vec<Reader>,
    /// Some rule has a period.
    pub(crate) has_every: bool,
    /// The slots that a timer can run in.
    pub(crate) timer_slots: Vec<usize>,
    /// The rules that wait for silence.
    silences: Vec<usize>,
    /// The rules that wait for silence or have a period.
    armed: Vec<usize>,
}

/// A function of a rule that readings run.
#[derive(Debug)]
pub(crate) struct Reader {
    /// The fields that it reads, as a mask.
    pub(crate) fields: u32,
    /// The rule's place.
    pub(crate) rule: usize,
    pub(crate) entrance: Entrance,
}

/// What an evaluation looks at first: most need no more of the rule.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entrance {
    /// Where the rule's slots begin in a device's state, and where they end.
    pub(crate) slots: (usize, usize),
    /// Of these, the slot of evaluation errors.
    pub(crate) faults: usize,
    /// The entry's place among the rule's.
    pub(crate) entry: u8,
    /// The entry's tape, while no parameter of the rule is set for anybody, and otherwise.
    tapes: [Option<Arc<Tape>>; 2],
    /// The rule's id as [`Parameters::may_set`] knows it; 0 if it has no parameters.
    mark: u64,
}

impl Entrance {
    fn new(rule: &Rule, base: usize, entry: &Entry) -> Entrance {
        let tape = |ways: &Ways| ways.tapes.get(usize::from(entry.place)).cloned().flatten();
        Entrance {
            slots: (base, base + rule.slots.len()),
            faults: rule.faults_slot,
            entry: entry.place,
            tapes: [tape(rule.by_default.as_ref().unwrap_or(&rule.ways)), tape(&rule.ways)],
            mark: if rule.by_default.is_some() { rule.mark } else { 0 },
        }
    }

    /// The tape under these settings.
    #[inline(always)]
    pub(crate) fn tape(&self, parameters: &Parameters) -> Option<&Tape> {
        self.tapes[usize::from(parameters.may_set(self.mark))].as_deref()
    }
}

impl RuleSet {
    /// The rules that wait for silence.
    pub(crate) fn silences(&self) -> impl Iterator<Item = &Placed> {
        self.silences.iter().filter_map(|place| self.rules.get(*place))
    }

    /// The ids of the slots of some rules, hashed.
    pub(crate) fn slots_of(&self, rules: &BTreeSet<Arc<str>>) -> HashSet<u32> {
        let placed = self.rules.iter().filter(|placed| rules.contains(&placed.rule.id));
        let slots = placed.filter_map(|placed| self.layout.get(placed.base..placed.base + placed.rule.slots.len()));
        slots.flatten().copied().collect()
    }

    /// The rules that a sign of life arms: those that wait for silence or have a period.
    pub(crate) fn armed(&self) -> impl Iterator<Item = &Placed> {
        self.armed.iter().filter_map(|place| self.rules.get(*place))
    }
}

/// A rule and where its slots begin.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) rule: Rule,
    pub(crate) base: usize,
    /// By the places of its entries.
    pub(crate) entrances: [Option<Entrance>; 4],
    pub(crate) counters: Counters,
    /// Who looks on in a test; live, nobody.
    pub(crate) watched: Option<Arc<Coverage>>,
}

/// What a rule is, for the API and the console.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleInfo {
    /// The rule's id.
    pub id: Arc<str>,
    /// The kind that it judges.
    pub kind: Kind,
    /// The keys that it can raise, in the order of the source.
    pub keys: Vec<Arc<str>>,
    /// The severity that its incidents have unless a call says otherwise.
    pub severity: Option<Severity>,
    /// The condition that its incidents have unless a call says otherwise.
    pub condition: Option<Arc<str>>,
    /// Every condition that it can raise.
    pub conditions: Vec<Arc<str>>,
    /// The `///` lines at the head of its file.
    pub doc: String,
    /// The text for duty staff, in Chinese, with its placeholders.
    pub text_zh: String,
    /// The text for duty staff, in English, with its placeholders.
    pub text_en: String,
    /// What a duty lead may tune.
    pub parameters: Vec<ParameterInfo>,
    /// The ids of its slots.
    pub slots: Vec<String>,
    /// The fields that it reads.
    pub fields: Vec<&'static str>,
    /// When its members are one incident of their group; counting them is the reducer's business.
    pub group: Option<GroupInfo>,
    /// How it runs.
    pub tier: Tier,
    /// Why it is not lowered.
    pub tier_reason: Option<TierReason>,
    /// The file in the pack.
    pub file: String,
    /// The file's text.
    pub source: String,
}

/// How a rule runs. Both tiers mean the same; the lowered one is some ten times as fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// As typed closures over flat data.
    Lowered,
    /// In rhai's interpreter, at least one of its functions.
    Interpreter,
}

/// What keeps a rule from being lowered: the first such place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TierReason {
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// What stands there.
    pub message: String,
}

/// A parameter of a rule.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ParameterInfo {
    /// The name, read as `param.NAME`.
    pub name: Arc<str>,
    /// The rule's own value: a number, a number of seconds for a duration, or yes or no.
    pub default: Value,
    /// The smallest setting; for a duration in seconds.
    pub min: Option<f64>,
    /// The largest setting; for a duration in seconds.
    pub max: Option<f64>,
    /// The unit as people write it; `s` for a duration.
    pub unit: String,
    /// Whether it is a length of time.
    pub is_duration: bool,
}

/// How members that the rule counts are one incident of their group: said here, counted by the reducer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupInfo {
    /// `feeder`, `cabinet`, `catchment`, `grid` or `carrier_cell`: the first of these that a device has.
    pub by: Vec<Arc<str>>,
    /// From how many assets on.
    pub distinct: Option<u32>,
    /// From which share of the group's devices of the kind on, above 0 to 1.
    pub share: Option<f64>,
    /// Both are needed, not either of them.
    pub both: bool,
    /// How long ago they may have become members, in milliseconds.
    pub within_ms: i64,
    /// The severity of the group's incident.
    pub severity: Severity,
    /// The condition of the group's incident.
    pub condition: Arc<str>,
    /// The text of the group's incident, in Chinese, with `{group}` and `{count}`.
    pub text_zh: String,
    /// The same in English.
    pub text_en: String,
}

impl GroupInfo {
    /// As the reducer counts it.
    fn counted(&self) -> RuleGroup {
        let by = self.by.iter().map(|by| match &**by {
            "cabinet" => GroupBy::Cabinet,
            "catchment" => GroupBy::Catchment,
            "grid" => GroupBy::Grid,
            "carrier_cell" => GroupBy::CarrierCell,
            _ => GroupBy::Feeder,
        });
        RuleGroup {
            by: by.collect(),
            distinct: self.distinct,
            share: self.share,
            both: self.both,
            within_ms: self.within_ms,
            condition: Arc::clone(&self.condition),
            severity: self.severity,
            text_zh: self.text_zh.clone(),
            text_en: self.text_en.clone(),
        }
    }
}

impl Pack {
    /// A pack without rules.
    pub(crate) fn empty() -> Pack {
        Pack::assemble(version(&BTreeMap::new()), Vec::new(), Vec::new())
    }

    /// The same rules as part of a pack of that version.
    pub(crate) fn under_version(self, version: &Arc<str>) -> Pack {
        Pack { version: Arc::clone(version), ..self }
    }

    /// Compiles the `.rhai` files of a pack (other files only count for the version).
    ///
    /// # Errors
    /// Every mistake of every file, ordered by file and place; warnings among them. A pack with
    /// warnings alone compiles, see [`Pack::warnings`].
    pub fn compile(files: &BTreeMap<String, String>) -> Result<Pack, Vec<Diagnostic>> {
        Pack::compile_in(files, Tier::Lowered)
    }

    /// Compiles for the lowered tier as far as it reaches, or everything for the interpreter, which
    /// tests and benchmarks compare it with.
    ///
    /// # Errors
    /// As [`Pack::compile`].
    pub fn compile_in(files: &BTreeMap<String, String>, tier: Tier) -> Result<Pack, Vec<Diagnostic>> {
        let mut diagnostics = Vec::new();
        let mut lowered: Vec<Lowered> = Vec::new();
        let rules = files.iter().filter(|(name, _)| name.ends_with(".rhai"));
        if let Some((name, text)) = rules.clone().nth(MAX_FILES) {
            let problem = Problem::error(Pos::default(), format!("a pack has at most {MAX_FILES} rule files"));
            diagnostics.push(problem.in_file(name, text));
        }
        for (name, text) in rules.take(MAX_FILES) {
            let mut problems = Vec::new();
            if let Some(one) = lower_file(name, text, tier == Tier::Interpreter, &mut problems) {
                match lowered.iter().find(|other| other.info.id == one.info.id && other.info.kind == one.info.kind) {
                    Some(other) => problems.push(
                        Problem::error(
                            one.id_pos,
                            format!("rule id `{}` is taken by {}", one.info.id, other.info.file),
                        )
                        .hint("give one of them another `id` in RULE, or another file name"),
                    ),
                    None => lowered.push(one),
                }
            }
            diagnostics.extend(problems.into_iter().map(|problem| problem.in_file(name, text)));
        }
        diagnostics.sort();
        diagnostics.dedup();
        if diagnostics.iter().any(|d| d.level == Level::Error) {
            return Err(diagnostics);
        }
        Ok(Pack::assemble(version(files), lowered, diagnostics))
    }

    fn assemble(version: Arc<str>, mut lowered: Vec<Lowered>, warnings: Vec<Diagnostic>) -> Pack {
        lowered.sort_by(|a, b| (a.info.kind, &a.info.id).cmp(&(b.info.kind, &b.info.id)));
        let mut sets: Vec<RuleSet> = gengfu_model::catalogue::KINDS.iter().map(|_| RuleSet::default()).collect();
        let mut layouts: Vec<Vec<u32>> = vec![Vec::new(); sets.len()];
        let mut infos = Vec::new();
        for Lowered { info, rule, .. } in lowered {
            let number = info.kind as usize;
            let (set, layout) = (&mut sets[number], &mut layouts[number]);
            let base = layout.len();
            for slot in &rule.slots {
                if matches!(slot.kind, SlotKind::Held | SlotKind::Timer) {
                    set.timer_slots.push(layout.len());
                }
                layout.push(slot_hash(&info.id, &slot.id));
                set.slot_kinds.push(slot.kind);
            }
            set.has_every |= rule.every.is_some();
            if rule.silence.is_some() {
                set.silences.push(set.rules.len());
            }
            if rule.silence.is_some() || rule.every.is_some() {
                set.armed.push(set.rules.len());
            }
            let entrance = |entry: &Entry| Entrance::new(&rule, base, entry);
            let member = rule.member.as_ref().map(|member| &member.entry);
            set.readers.extend(member.into_iter().chain(&rule.on_message).map(|entry| Reader {
                fields: entry.reads,
                rule: set.rules.len(),
                entrance: entrance(entry),
            }));
            let entrances = rule.entry_places().map(|entry| entry.map(entrance));
            set.rules.push(Placed { rule, base, entrances, counters: Counters::default(), watched: None });
            infos.push(info);
        }
        for (set, layout) in sets.iter_mut().zip(layouts) {
            set.layout = layout.into();
        }
        Pack { version, sets, infos, warnings }
    }

    /// The first 16 hexadecimal digits of the SHA-256 over the files' names and texts.
    #[must_use]
    pub fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// Whether a rule of that id can raise that key: an open incident that no rule declares any more
    /// is to be withdrawn.
    #[must_use]
    pub fn declares(&self, rule: &str, key: &str) -> bool {
        self.infos.iter().any(|info| &*info.id == rule && info.keys.iter().any(|k| &**k == key))
    }

    /// The groups of its rules, by [`RuleGroup::name`].
    #[must_use]
    pub fn groups(&self) -> BTreeMap<Arc<str>, RuleGroup> {
        let grouped = self.infos.iter().filter_map(|info| Some((info, info.group.as_ref()?)));
        grouped.map(|(info, group)| (RuleGroup::name(info.kind, &info.id), group.counted())).collect()
    }

    /// Every rule, ordered by kind and id.
    #[must_use]
    pub fn rules(&self) -> &[RuleInfo] {
        &self.infos
    }

    /// What somebody should look at, though the pack can go live.
    #[must_use]
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// What each rule cost and did since the pack was compiled, in the order of [`Pack::rules`].
    #[must_use]
    pub fn counts(&self) -> Vec<RuleCounts> {
        let placed = self.sets.iter().flat_map(|set| &set.rules);
        placed.map(|placed| placed.counters.read(&placed.rule.id)).collect()
    }

    /// What the rules cost and did is counted anew.
    pub(crate) fn reset_counts(&self) {
        self.sets.iter().flat_map(|set| &set.rules).for_each(|placed| placed.counters.reset());
    }

    /// The rules that fail on many devices: id, how many devices, the newest failure.
    pub(crate) fn failing(&self) -> Vec<(Arc<str>, usize, String)> {
        let placed = self.sets.iter().flat_map(|set| &set.rules);
        let failing = placed.filter_map(|placed| {
            let (devices, message) = placed.counters.fails_widely()?;
            Some((Arc::clone(&placed.rule.id), devices, message))
        });
        failing.collect()
    }

    /// A rule begins anew: what failed before does not count.
    pub(crate) fn forget_failing(&self, rule: &str) {
        let placed = self.sets.iter().flat_map(|set| &set.rules);
        placed.filter(|placed| &*placed.rule.id == rule).for_each(|placed| placed.counters.forget_failing());
    }

    /// Notes in the counters which rules are paused, for whoever shows them.
    pub(crate) fn show_paused(&self, paused: &PausedRules) {
        for placed in self.sets.iter().flat_map(|set| &set.rules) {
            placed.counters.show_paused(paused.contains(&placed.rule.id));
        }
    }

    /// Whether a setting is one that the rule declares and can use.
    ///
    /// # Errors
    /// A sentence that says why not: no such rule, no such parameter, wrong type, outside the limits.
    pub fn check_parameter(&self, rule: &str, name: &str, value: &Value) -> Result<(), String> {
        let rules: Vec<_> = self.infos.iter().filter(|info| &*info.id == rule).collect();
        if rules.is_empty() {
            return Err(format!("there is no rule `{rule}`"));
        }
        let parameters = rules.iter().flat_map(|info| &info.parameters);
        let Some(parameter) = parameters.clone().find(|p| &*p.name == name) else {
            let names = parameters.map(|p| &*p.name);
            let hint = crate::diagnostic::did_you_mean(name, names);
            return Err(format!("rule `{rule}` has no parameter `{name}`; {hint}"));
        };
        parameter.check(value)
    }

    /// The value of a parameter for a device, and where it came from; `None` if the device's kind has
    /// no such rule or the rule no such parameter.
    #[must_use]
    pub fn effective(&self, device: &Device, parameters: &Parameters, rule: &str, name: &str) -> Option<Effective> {
        let info = self.infos.iter().find(|info| &*info.id == rule && info.kind == device.kind)?;
        let parameter = info.parameters.iter().find(|p| &*p.name == name)?;
        let set = parameters.nearest(rule, name, device, |value| parameter.check(value).is_ok());
        Some(match set {
            Some((scope, value)) => Effective { value: value.clone(), from: Arc::clone(scope) },
            None => Effective { value: parameter.default.clone(), from: Arc::from("default") },
        })
    }
}

impl ParameterInfo {
    /// Whether a setting is of the parameter's type and within its limits.
    ///
    /// # Errors
    /// A sentence that says why not.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        match (&self.default, value) {
            (Value::Bool(_), Value::Bool(_)) => Ok(()),
            (Value::Number(_), Value::Number(n)) if n.is_finite() => {
                let name = &self.name;
                let unit = if self.unit.is_empty() { String::new() } else { format!(" {}", self.unit) };
                match (self.min.filter(|min| n < min), self.max.filter(|max| n > max)) {
                    (None, None) => Ok(()),
                    (Some(min), _) => Err(format!("parameter `{name}` is at least {min}{unit}, {n} is too small")),
                    (_, Some(max)) => Err(format!("parameter `{name}` is at most {max}{unit}, {n} is too large")),
                }
            }
            (Value::Bool(_), _) => Err(format!("parameter `{}` is true or false", self.name)),
            _ => Err(format!("parameter `{}` is a number", self.name)),
        }
    }
}

fn version(files: &BTreeMap<String, String>) -> Arc<str> {
    let mut hash = Sha256::new();
    for (name, text) in files {
        // Lengths keep ("ab", "c") and ("a", "bc") apart.
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name);
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>().into()
}

/// The identity of a slot over packs. Equal ids within a rule are refused at load, so 32 bits serve:
/// two ids of a kind that meet would have to be of the same kind of memory to do harm.
fn slot_hash(rule: &str, id: &str) -> u32 {
    let hash = Sha256::new().chain_update(rule).chain_update([0]).chain_update(id).finalize();
    hash.iter().take(4).fold(0, |sum, byte| sum << 8 | u32::from(*byte))
}
