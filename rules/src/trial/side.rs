//! One side of a trial: what its pack's rules said.

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_model::{Case, Effect, EffectId, Evidence, Incident, Seq, Timestamp};

use super::Stretch;
use crate::engine::{Output, RULE_PREFIX};

/// The most incidents, and the most cases, that a side keeps. Those after it are counted and not compared.
pub const MAX_KEPT: usize = 100_000;
/// The most incidents of a side whose evidence is kept.
pub const MAX_EVIDENCE: usize = 2_000;

/// One side of a trial.
pub struct Side {
    name: String,
    incidents: BTreeMap<EffectId, Incident>,
    cases: BTreeMap<EffectId, Case>,
    evidence: BTreeMap<EffectId, Box<Evidence>>,
    /// Incidents and cases that had no place any more.
    left_out: u64,
    skipped: BTreeMap<&'static str, u64>,
    commands: u64,
    /// Those of rules, by rule.
    rule_commands: BTreeMap<String, u64>,
    fresh: Fresh,
}

/// What came since the sides were last compared.
#[derive(Debug, Default)]
pub(super) struct Fresh {
    pub(super) opened: Vec<Opened>,
    pub(super) judged: Vec<Judged>,
}

/// An incident that opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) id: EffectId,
    rule: Arc<str>,
    asset: Arc<str>,
    key: Arc<str>,
    opened: Timestamp,
}

impl Opened {
    pub(super) fn is_like(&self, other: &Opened) -> bool {
        (self.opened, &self.rule, &self.asset, &self.key) == (other.opened, &other.rule, &other.asset, &other.key)
    }
}

/// A request that was judged.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) seq: Seq,
    pub(super) action: &'static str,
    pub(super) accepted: bool,
}

impl Side {
    pub(super) fn new(name: String) -> Side {
        Side {
            name,
            incidents: BTreeMap::new(),
            cases: BTreeMap::new(),
            evidence: BTreeMap::new(),
            left_out: 0,
            skipped: BTreeMap::new(),
            commands: 0,
            rule_commands: BTreeMap::new(),
            fresh: Fresh::default(),
        }
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What opened within the stretch, as it stands now, by id.
    #[must_use]
    pub fn incidents(&self) -> &BTreeMap<EffectId, Incident> {
        &self.incidents
    }

    /// Cases that opened within the stretch, as they stand now, by id.
    #[must_use]
    pub fn cases(&self) -> &BTreeMap<EffectId, Case> {
        &self.cases
    }

    /// What decided an incident's opening, if that is kept.
    #[must_use]
    pub fn evidence(&self, incident: EffectId) -> Option<&Evidence> {
        self.evidence.get(&incident).map(Box::as_ref)
    }

    /// How many incidents and cases were too many to be kept.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// What staff did live and could not be done here, by action.
    #[must_use]
    pub fn skipped(&self) -> &BTreeMap<&'static str, u64> {
        &self.skipped
    }

    /// How many commands would have gone to devices.
    #[must_use]
    pub fn commands(&self) -> u64 {
        self.commands
    }

    /// How many commands each rule would have sent to devices.
    #[must_use]
    pub fn rule_commands(&self) -> &BTreeMap<String, u64> {
        &self.rule_commands
    }

    pub(super) fn skip(&mut self, action: &'static str) {
        *self.skipped.entry(action).or_default() += 1;
    }

    pub(super) fn take_fresh(&mut self) -> Fresh {
        std::mem::take(&mut self.fresh)
    }

    pub(super) fn forget_evidence(&mut self, incident: EffectId) {
        self.evidence.remove(&incident);
    }

    /// Takes what was said: keeps what opened within the stretch, and drops everything else.
    pub(super) fn collect(&mut self, output: &mut Output, stretch: Stretch) {
        output.verdicts.clear();
        if output.effects.effects().is_empty() {
            return;
        }
        for (id, effect) in output.effects.take() {
            match effect {
                Effect::Incident(incident) if stretch.contains(incident.opened) => self.keep_incident(*incident),
                Effect::Explanation { incident, change: "opened", evidence }
                    if self.incidents.contains_key(&incident) && self.evidence.len() < MAX_EVIDENCE =>
                {
                    self.evidence.insert(incident, evidence);
                }
                Effect::Case(case) if stretch.contains(case.opened) => {
                    if self.cases.len() < MAX_KEPT || self.cases.contains_key(&case.id) {
                        self.cases.insert(case.id, *case);
                    } else if case.opened == case.updated {
                        self.left_out += 1;
                    }
                }
                Effect::Command(row) if row.state.is_open() && stretch.contains(row.created) => {
                    self.commands += 1;
                    if let Some(rule) = row.by.strip_prefix(RULE_PREFIX) {
                        *self.rule_commands.entry(rule.to_owned()).or_default() += 1;
                    }
                }
                Effect::Audit { action, verdict, .. } => {
                    self.fresh.judged.push(Judged { seq: id.seq, action, accepted: verdict.starts_with("accepted") });
                }
                _ => {}
            }
        }
    }

    fn keep_incident(&mut self, incident: Incident) {
        let is_new = !self.incidents.contains_key(&incident.id);
        if is_new && self.incidents.len() >= MAX_KEPT {
            self.left_out += u64::from(incident.opened == incident.updated);
            return;
        }
        if is_new {
            self.fresh.opened.push(Opened {
                id: incident.id,
                rule: Arc::clone(&incident.rule),
                asset: Arc::clone(&incident.asset),
                key: Arc::clone(&incident.key),
                opened: incident.opened,
            });
        }
        self.incidents.insert(incident.id, incident);
    }
}
