//! What the reducer keeps about duty: rosters, chains, contacts, hand-overs; and who is on duty by them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gengfu_model::duty::{Contact, EscalationChain, HandOverNote, Roster, StepTarget};
use gengfu_model::{Case, Effect, EffectId, EffectSink, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Reducer;
use super::personal::Load;
use super::timer::Timer;
use crate::roster::{self, Watch};

/// Keys of the rows about duty begin so, then comes what it is and whose.
pub(super) const DUTY_PREFIX: &str = "cases/duty/";
/// Hand-over notes that are kept of a district.
pub(super) const NOTES_KEPT: usize = 50;
/// How long the ids of a platform's messages are remembered.
pub(super) const MESSAGES_KEPT_MS: i64 = 30 * gengfu_model::time::DAY_MS;
/// The most ids of messages that are remembered; beyond, the oldest are forgotten.
pub(super) const MAX_MESSAGES: usize = 100_000;

/// Everything about duty. All of it is rows of the ledger.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Duty {
    pub(super) rosters: BTreeMap<Arc<str>, Kept>,
    /// `None`: the usual ones.
    pub(super) chains: Option<Vec<EscalationChain>>,
    pub(super) contacts: BTreeMap<Arc<str>, Contact>,
    pub(super) notes: BTreeMap<Arc<str>, Vec<HandOverNote>>,
    /// What each person was sent lately, and what waits for them.
    pub(super) loads: BTreeMap<Arc<str>, Load>,
    /// Up to where each person has read.
    pub(super) read: BTreeMap<Arc<str>, EffectId>,
    /// The platforms' messages that were taken, by `NAME/ID`.
    pub(super) messages: BTreeMap<Arc<str>, Timestamp>,
    /// The same, the oldest first: found from `messages`.
    pub(super) messages_by_age: BTreeSet<(Timestamp, Arc<str>)>,
}

/// A roster and where its shifts stand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    pub(super) roster: Roster,
    /// When somebody comes or leaves next.
    pub(super) next_change: Option<Timestamp>,
    /// Whose hand-over is missing: stays on duty beside the others until it is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) owed: Option<Owed>,
}

/// A hand-over that is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Owed {
    pub(super) by: Arc<str>,
    pub(super) shift: Arc<str>,
    pub(super) since: Timestamp,
}

impl Duty {
    /// The roster of a district: its own, or the one of all others.
    pub(super) fn roster(&self, district: &str) -> Option<&Kept> {
        self.rosters.get(district).or_else(|| self.rosters.get(""))
    }

    /// The first chain that fits a case.
    pub(super) fn chain(&self, case: &Case) -> Option<EscalationChain> {
        let usual;
        let chains = match &self.chains {
            Some(chains) => chains,
            None => {
                usual = EscalationChain::usual();
                &usual
            }
        };
        let any = |list: &[Arc<str>], value: &Arc<str>| list.is_empty() || list.contains(value);
        let fits = |chain: &&EscalationChain| {
            case.severity >= chain.severity_from
                && any(&chain.conditions, &case.condition)
                && any(&chain.districts, &case.district)
        };
        chains.iter().find(fits).filter(|chain| !chain.steps.is_empty()).cloned()
    }
}

impl Reducer {
    /// The watches of a district at that moment.
    pub(super) fn watches(&self, district: &str, now: Timestamp) -> Vec<Watch> {
        let Some(kept) = self.duty.roster(district) else { return Vec::new() };
        roster::on_duty(&kept.roster, &self.profile.calendar, now)
    }

    /// When somebody comes on duty in a district, or leaves.
    pub(super) fn next_watch(&self, district: &str, now: Timestamp) -> Option<Timestamp> {
        roster::next_change(&self.duty.roster(district)?.roster, &self.profile.calendar, now)
    }

    /// Whom a step of a chain calls about something in a district at that moment; each once.
    pub(super) fn called(&self, to: &StepTarget, district: &str, now: Timestamp) -> Vec<Arc<str>> {
        let mut people: Vec<Arc<str>> = match to {
            StepTarget::User(user) => vec![user.clone()],
            StepTarget::Leader => self.watches(district, now).into_iter().filter_map(|watch| watch.leader).collect(),
            StepTarget::Officer => {
                let officers = self.watches(district, now).into_iter().filter_map(|watch| watch.officer);
                // Who has not handed over has not gone home.
                let owed = self.duty.roster(district).and_then(|kept| kept.owed.as_ref()).map(|owed| owed.by.clone());
                officers.chain(owed).collect()
            }
        };
        let mut seen = BTreeSet::new();
        people.retain(|who| seen.insert(who.clone()));
        people
    }

    /// Keeps the roster of a district, or takes it away.
    pub(super) fn save_roster(&mut self, district: &Arc<str>, kept: Option<Kept>, out: &mut EffectSink) {
        if let Some(due) = self.duty.rosters.get(district).and_then(|before| before.next_change) {
            self.timers.remove(&(due, Timer::ShiftChange(district.clone())));
        }
        put_row("roster", district, kept.as_ref(), out);
        match kept {
            Some(kept) => self.keep_roster(district.clone(), kept),
            None => drop(self.duty.rosters.remove(district)),
        }
    }

    fn keep_roster(&mut self, district: Arc<str>, kept: Kept) {
        if let Some(due) = kept.next_change {
            self.timers.insert((due, Timer::ShiftChange(district.clone())));
        }
        self.duty.rosters.insert(district, kept);
    }

    /// Keeps what a person was sent and what waits for them.
    pub(super) fn save_load(&mut self, who: &Arc<str>, load: Load, out: &mut EffectSink) {
        if let Some(due) = self.duty.loads.get(who).and_then(Load::due) {
            self.timers.remove(&(due, Timer::Digest(who.clone())));
        }
        put_row("load", who, Some(&load), out);
        self.keep_load(who.clone(), load);
    }

    fn keep_load(&mut self, who: Arc<str>, load: Load) {
        if let Some(due) = load.due() {
            self.timers.insert((due, Timer::Digest(who.clone())));
        }
        self.duty.loads.insert(who, load);
    }

    /// Remembers that a platform's message was taken, and forgets those that are too old.
    pub(super) fn save_message(&mut self, key: Arc<str>, now: Timestamp, out: &mut EffectSink) {
        put_row("message", &key, Some(&now), out);
        self.keep_message(key, now);
        while let Some((time, oldest)) = self.duty.messages_by_age.first().cloned() {
            if now.since_ms(time) < MESSAGES_KEPT_MS && self.duty.messages.len() <= MAX_MESSAGES {
                break;
            }
            self.duty.messages_by_age.pop_first();
            self.duty.messages.remove(&oldest);
            put_row::<Timestamp>("message", &oldest, None, out);
        }
    }

    fn keep_message(&mut self, key: Arc<str>, time: Timestamp) {
        self.duty.messages_by_age.insert((time, key.clone()));
        self.duty.messages.insert(key, time);
    }

    /// Puts a row of the ledger back; `key` is what follows [`DUTY_PREFIX`].
    pub(super) fn restore_duty(&mut self, key: &str, json: &str) -> Result<(), String> {
        let (kind, name) = key.split_once('/').ok_or("no such piece of state")?;
        let name: Arc<str> = name.into();
        match kind {
            "roster" => self.keep_roster(name, read(json)?),
            "chains" => self.duty.chains = Some(read(json)?),
            "contact" => drop(self.duty.contacts.insert(name, read(json)?)),
            "notes" => drop(self.duty.notes.insert(name, read(json)?)),
            "load" => self.keep_load(name, read(json)?),
            "read" => {
                self.duty.read.insert(name, read(json)?);
            }
            "message" => self.keep_message(name, read(json)?),
            _ => return Err("no such piece of state".to_owned()),
        }
        Ok(())
    }
}

fn read<T: DeserializeOwned>(json: &str) -> Result<T, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

/// Puts a row out; `None` takes it away.
pub(super) fn put_row<T: Serialize>(kind: &str, name: &str, value: Option<&T>, out: &mut EffectSink) {
    // Plain data with text keys: nothing that JSON cannot say.
    let value = value.map(|value| serde_json::to_string(value).expect("duty state is plain data"));
    out.push(Effect::ReducerState { key: format!("{DUTY_PREFIX}{kind}/{name}"), value });
}
