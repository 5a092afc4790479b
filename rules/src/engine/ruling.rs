//! A pack at work, and what comes of its signals.
//!
//! What the engine knows of devices is the same whatever the rules; everything that follows from the rules stands
//! here. The live engine has one ruling; a trial has one more for each draft ([`super::candidate`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono_tz::Tz;
use gengfu_cases::{At, Heard, Profile, Reducer};
use gengfu_model::signal::EvidenceReading;
use gengfu_model::{Assertion, CommandRow, Device, DeviceId, EffectSink, Kind, Refusal, Seq, Signal, Timestamp, Value};

use super::commands::Commands;
use crate::{City, Context, Latest, Pack, Parameters, PausedRules, RuleState};

/// A pack at work: its settings, pauses, incidents, cases and commands.
#[derive(Clone)]
pub struct Ruling {
    pub(super) pack: Arc<Pack>,
    pub(super) parameters: Parameters,
    pub(super) paused: PausedRules,
    pub(super) reducer: Reducer,
    pub(super) commands: Commands,
    /// In a trial: what the journal's records may not change. The live engine holds nothing.
    pub(super) held: Held,
}

/// What the journal's records do not change in a ruling.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    /// The rule pack.
    pub(super) pack: bool,
    /// Parameters, by rule and name.
    pub(super) parameters: BTreeSet<(Arc<str>, Arc<str>)>,
}

impl Held {
    pub(super) fn has_parameter(&self, rule: &Arc<str>, name: &Arc<str>) -> bool {
        !self.parameters.is_empty() && self.parameters.contains(&(Arc::clone(rule), Arc::clone(name)))
    }
}

/// Whether each (rule, key) holds.
pub(super) type Said = BTreeMap<(Arc<str>, Arc<str>), bool>;

/// What every ruling sees alike when a device is judged.
#[derive(Clone, Copy)]
pub(super) struct Moment<'a> {
    pub(super) zone: Tz,
    pub(super) city: &'a City,
    pub(super) now: Timestamp,
    pub(super) seq: Seq,
}

/// What a pack is told of a device.
#[derive(Clone, Copy)]
pub(super) enum Tell {
    /// It was heard, or put in service.
    Heard,
    /// A pack is new to it.
    Begin,
    /// A reading was accepted and its values stand among the newest.
    Reading {
        /// The reading's event time.
        time: Timestamp,
        /// A bit for each field that it carries.
        carried: u32,
        /// It came late.
        late: bool,
    },
    /// One of its timers may be due.
    Timer,
}

impl Tell {
    /// Tells it to a pack.
    #[inline]
    pub(super) fn to(self, pack: &Pack, cx: &Context<'_>, state: &mut RuleState, signals: &mut Vec<Signal>) {
        match self {
            Tell::Heard => pack.arm(cx, state, signals),
            Tell::Begin => pack.begin_periods(cx, state),
            Tell::Reading { time, carried, late } => {
                pack.on_reading(&Context { late, ..*cx }, time, carried, state, signals);
            }
            // The timer may be another pack's: a state is not laid out anew for that.
            Tell::Timer if pack.next_due(cx.device, state).is_none_or(|due| due > cx.now) => {}
            Tell::Timer => pack.on_timer(cx, state, signals),
        }
    }
}

impl Ruling {
    pub(super) fn new(profile: Arc<Profile>) -> Ruling {
        Ruling {
            pack: Arc::new(Pack::empty()),
            parameters: Parameters::default(),
            paused: PausedRules::default(),
            reducer: Reducer::new(profile),
            commands: Commands::default(),
            held: Held::default(),
        }
    }

    /// The rule pack.
    #[must_use]
    pub fn pack(&self) -> &Arc<Pack> {
        &self.pack
    }

    /// Incidents, cases and duty.
    #[must_use]
    pub fn reducer(&self) -> &Reducer {
        &self.reducer
    }

    /// The commands that the devices have not answered, in the order in which they were asked.
    pub fn open_commands(&self) -> impl Iterator<Item = &CommandRow> {
        self.commands.open()
    }

    /// What an evaluation for a device may know.
    #[inline]
    pub(super) fn context<'a>(&'a self, moment: Moment<'a>, device: &'a Device, latest: &'a Latest) -> Context<'a> {
        Context {
            device,
            latest,
            now: moment.now,
            seq: moment.seq,
            late: false,
            inherits: false,
            zone: moment.zone,
            city: moment.city,
            parameters: &self.parameters,
            paused: &self.paused,
        }
    }

    /// When the next timer of commands or incidents is due.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        [self.commands.next_due(), self.reducer.next_due()].into_iter().flatten().min()
    }

    /// Fires what is due at a moment; of the same moment, commands come before incidents, which may need another
    /// call.
    pub(super) fn fire(&mut self, at: At, out: &mut EffectSink) {
        if self.commands.next_due().is_some_and(|first| first <= at.now) {
            self.commands.fire(at.now, out);
        } else {
            self.reducer.fire(at, out);
        }
    }

    /// Takes a signal of its pack.
    pub(super) fn take(&mut self, at: At, device: &Arc<Device>, signal: Signal, out: &mut EffectSink) {
        match signal.assertion {
            Assertion::Command { .. } => self.commands.wished(at.now, device, &signal, out),
            Assertion::Raise { .. } | Assertion::Clear { .. } | Assertion::Member { .. } => {
                self.reducer.signal(at, device, signal, out);
            }
        }
    }

    /// What `says` makes of each rule by which somebody waits for a device: whether each (rule, key) holds.
    pub(super) fn said(&self, device: &DeviceId, says: impl Fn(&str) -> Vec<(Arc<str>, bool)>) -> Said {
        let rules: BTreeSet<Arc<str>> = self.reducer.asked_of(device).into_iter().map(|(rule, _)| rule).collect();
        let said = rules.iter().flat_map(|rule| {
            says(rule).into_iter().map(|(key, holds)| ((Arc::clone(rule), key), holds)).collect::<Vec<_>>()
        });
        said.collect()
    }

    /// Somebody waits for what this device says of a repair: told with what the rules make of it.
    pub(super) fn verified(
        &mut self,
        at: At,
        device: &DeviceId,
        readings: &[EvidenceReading],
        said: &Said,
        out: &mut EffectSink,
    ) {
        self.reducer.heard(at, device, &Heard { readings, said }, out);
    }

    /// Tells the reducer what the pack groups. Below the ledger's position it is told alone: what came of it is in
    /// the ledger.
    pub(super) fn regroup(
        &mut self,
        at: At,
        live: bool,
        find: &dyn Fn(&DeviceId) -> Option<Arc<Device>>,
        out: &mut EffectSink,
    ) {
        let rules = self.pack.groups();
        if live {
            self.reducer.regroup(at, rules, find, out);
        } else {
            self.reducer.tell_groups(rules);
        }
    }

    /// Incidents that the pack does not declare clear as withdrawn.
    pub(super) fn withdraw(&mut self, at: At, out: &mut EffectSink) {
        let pack = Arc::clone(&self.pack);
        self.reducer.withdraw(at, &|rule, key| pack.declares(rule, key), out);
    }

    /// Sets a parameter for every device, whatever was and will be set for any scope.
    pub(super) fn hold_parameter(&mut self, rule: &str, name: &str, value: Value) {
        let (rule, name): (Arc<str>, Arc<str>) = (rule.into(), name.into());
        let mut parameters = Parameters::default();
        for (of, setting, scope, old) in self.parameters.iter() {
            if (of, setting) != (&rule, &name) {
                parameters.set(of, setting, scope, Some(old.clone()));
            }
        }
        parameters.set(&rule, &name, &Arc::from("kind"), Some(value));
        self.parameters = parameters;
        self.held.parameters.insert((rule, name));
    }

    /// Whether a rule of that id is the same in another pack: in every kind by the same text in the same file.
    pub(super) fn judges_like(&self, other: &Pack, rule: &str) -> bool {
        let of = |pack: &Pack| -> Vec<(Kind, String, String)> {
            let infos = pack.rules().iter().filter(|info| &*info.id == rule);
            infos.map(|info| (info.kind, info.file.clone(), info.source.clone())).collect()
        };
        let own = of(&self.pack);
        !own.is_empty() && own == of(other)
    }

    pub(super) fn knows_rule(&self, rule: &str) -> Result<(), Refusal> {
        let ids = self.pack.rules().iter().map(|info| &*info.id);
        if ids.clone().any(|id| id == rule) {
            return Ok(());
        }
        let hint = crate::diagnostic::did_you_mean(rule, ids);
        Err(Refusal::new("not_found", format!("there is no rule `{rule}`")).field("rule").hint(hint))
    }
}
