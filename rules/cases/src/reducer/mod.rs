//! The reducer: its state, and the doors through which it changes.
//!
//! Each door belongs to one journal record and writes its effects to the caller's sink, in a fixed order.
//! State is kept in ordered maps; what is not an incident or case goes through
//! [`Effect::ReducerState`](gengfu_model::Effect::ReducerState) with keys that begin with `cases/`.

mod attachment;
mod case;
mod clearing;
mod clocks;
mod covering;
mod decide;
mod device;
mod dispatch;
mod duty;
mod duty_request;
mod escalation;
mod group;
mod group_incident;
mod group_state;
mod incident;
mod members;
mod merge;
mod notify;
mod opening;
mod personal;
mod place;
mod platform;
mod radius;
mod report;
mod request;
mod restore;
mod save;
mod silence;
mod sizes;
mod standing;
mod state;
mod storm;
mod storm_extent;
mod storm_fold;
mod storm_over;
mod timer;
mod transition;
mod verify;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gengfu_model::duty::{Contact, EscalationChain, HandOverNote, Roster};
use gengfu_model::staff::CaseStep;
use gengfu_model::{
    Case, CaseReport, Device, DeviceId, DutyAction, EffectId, EffectSink, Incident, NewSilence, Role, Seq, Signal,
    Silence, Timestamp, Verdict,
};

use self::duty::Duty;
use self::members::Members;
pub use self::notify::FOLDED_TOPIC;
pub use self::personal::{CONSOLE_TOPIC, DIGEST_WAIT_MS, MAX_CALLS, WINDOW_MS};
pub use self::platform::PlatformMessage;
pub use self::request::{FEEDBACK, MAX_NAME_BYTES, MAX_NOTE_BYTES};
pub use self::restore::RestoreError;
pub use self::silence::{DUTY_OFFICER_MS, MAX_SILENCE_MS, MAX_SILENCES};
use self::sizes::Sizes;
use self::state::{CaseKey, KeptSilence, OpenCase, StormKey, Track, TrackKey};
use self::timer::Timer;
pub use self::verify::Heard;
use crate::group::RuleGroup;
use crate::number::NumberCounter;
use crate::profile::Profile;
use crate::roster::Watch;

/// The most incidents in one case. A case that is full keeps them; the next incident opens another case.
pub const MAX_INCIDENTS_PER_CASE: usize = 1_000;

/// Where in the journal, and at which time, something is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// The record that is applied; for a timer, the record that moved time.
    pub seq: Seq,
    /// The journal's time; for a timer, its due time.
    pub now: Timestamp,
}

/// Duty in a district at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct DutyNow {
    /// The district of the roster; empty for the one of all others.
    pub roster: Arc<str>,
    /// Who is on duty, in the order of the roster's shifts.
    pub now: Vec<Watch>,
    /// Who comes next.
    pub next: Option<Watch>,
    /// The plan of the next days: every watch that has not ended, by when it begins.
    pub ahead: Vec<Watch>,
    /// Whose hand-over is missing, of which shift, since when.
    pub owed: Option<(Arc<str>, Arc<str>, Timestamp)>,
    /// Open cases that the roster watches.
    pub open: u32,
    /// The newest hand-over notes, the oldest first.
    pub notes: Vec<HandOverNote>,
}

/// Signals and staff requests in, effects out.
///
/// The caller applies records in the order of the journal and, before a record at t, fires every timer due
/// at or before t.
#[derive(Clone, Debug, PartialEq)]
pub struct Reducer {
    profile: Arc<Profile>,
    /// Open incidents and those that may open again.
    incidents: BTreeMap<EffectId, Incident>,
    tracks: BTreeMap<TrackKey, Track>,
    /// On which asset a device holds (rule, key): found from `tracks`.
    holds: BTreeMap<(DeviceId, Arc<str>, Arc<str>), Arc<str>>,
    /// Open incidents by the group that they count in: found from `tracks`.
    members_of: BTreeMap<StormKey, Members>,
    /// Members of rules' groups.
    groups: group_state::Groups,
    /// The parent incidents of storms.
    storms: BTreeMap<StormKey, EffectId>,
    /// When those are over that have waned.
    ending: BTreeMap<StormKey, Timestamp>,
    /// Cases that are not final.
    cases: BTreeMap<EffectId, OpenCase>,
    /// Which case takes further incidents: found from `cases`.
    case_of: BTreeMap<CaseKey, EffectId>,
    numbers: NumberCounter,
    /// Rosters, chains, contacts, and what people were sent.
    duty: Duty,
    /// Silences that are not over.
    silences: BTreeMap<EffectId, KeptSilence>,
    /// Open incidents by the silence or the incident that holds them back: found from `incidents`.
    held_back: BTreeMap<EffectId, BTreeSet<EffectId>>,
    /// Open incidents that explain others, by condition and group: found from `tracks`.
    causes: BTreeMap<StormKey, BTreeSet<EffectId>>,
    /// Cases that a device's readings verify: found from `cases`.
    verifying: BTreeMap<DeviceId, BTreeSet<EffectId>>,
    /// The register's, told by the caller.
    sizes: Sizes,
    /// Found from `tracks` and `cases`.
    timers: BTreeSet<(Timestamp, Timer)>,
}

impl Reducer {
    /// A reducer that has seen nothing yet.
    #[must_use]
    pub fn new(profile: Arc<Profile>) -> Reducer {
        Reducer {
            profile,
            incidents: BTreeMap::new(),
            tracks: BTreeMap::new(),
            holds: BTreeMap::new(),
            members_of: BTreeMap::new(),
            groups: group_state::Groups::default(),
            storms: BTreeMap::new(),
            ending: BTreeMap::new(),
            cases: BTreeMap::new(),
            case_of: BTreeMap::new(),
            numbers: NumberCounter::default(),
            duty: Duty::default(),
            silences: BTreeMap::new(),
            held_back: BTreeMap::new(),
            causes: BTreeMap::new(),
            verifying: BTreeMap::new(),
            sizes: Sizes::default(),
            timers: BTreeSet::new(),
        }
    }

    /// The reducer as it was after the effects from which the ledger made these rows.
    ///
    /// `incidents`: at least the open ones and those that [`Reducer::incidents_in_cooldown`] names; more do
    /// no harm. `cases`: at least those that are not final. `state`: the live rows of
    /// [`Effect::ReducerState`](gengfu_model::Effect::ReducerState); keys of others are left alone.
    ///
    /// # Errors
    /// [`RestoreError`] names the row that is missing or cannot be read.
    pub fn restore(
        profile: Arc<Profile>,
        incidents: Vec<Incident>,
        cases: Vec<Case>,
        state: Vec<(String, String)>,
    ) -> Result<Reducer, RestoreError> {
        restore::restore(profile, incidents, cases, state)
    }

    /// The cleared incidents that [`Reducer::restore`] needs besides the open ones, by the rows of
    /// [`Effect::ReducerState`](gengfu_model::Effect::ReducerState). Rows that cannot be read are left to
    /// `restore` to report.
    #[must_use]
    pub fn incidents_in_cooldown(state: &[(String, String)]) -> Vec<EffectId> {
        restore::incidents_in_cooldown(state)
    }

    /// Applies what a rule said about a device. `device` is the register's entry at this record.
    pub fn signal(&mut self, at: At, device: &Device, signal: Signal, out: &mut EffectSink) {
        incident::signal(self, at, device, signal, out);
    }

    /// Judges and carries out what staff asked of a case. The audit of the verdict is the caller's.
    ///
    /// # Errors
    /// A refusal with code `not_found`, `forbidden`, `wrong_state` or `invalid`; nothing has changed then.
    #[expect(clippy::too_many_arguments, reason = "the parts of one staff request, as the journal has them")]
    pub fn request(
        &mut self,
        at: At,
        user: &str,
        roles: &[Role],
        case: EffectId,
        step: &CaseStep,
        note: &str,
        out: &mut EffectSink,
    ) -> Verdict {
        request::request(self, at, request::Asked { user, roles, case, step, note }, out)
    }

    /// Judges and carries out what was asked about duty. Accounts that it names are the caller's to check.
    ///
    /// # Errors
    /// A refusal with code `forbidden`, `not_found`, `wrong_state`, `too_many` or `invalid`; nothing has changed
    /// then.
    pub fn duty(&mut self, at: At, user: &Arc<str>, roles: &[Role], ask: &DutyAction, out: &mut EffectSink) -> Verdict {
        duty_request::request(self, at, user, roles, ask, out)
    }

    /// Takes what the city's platform says of a case, once however often it comes: a repeat has 0 rows.
    ///
    /// # Errors
    /// A refusal with code `not_found`, `wrong_state` or `invalid`; nothing has changed then, and the message
    /// may come again.
    pub fn platform(&mut self, at: At, said: PlatformMessage<'_>, out: &mut EffectSink) -> Verdict {
        platform::status(self, at, said, out)
    }

    /// Who is on duty in a district at that moment and next, and whose hand-over is missing.
    #[must_use]
    pub fn duty_now(&self, district: &str, now: Timestamp) -> Option<DutyNow> {
        let kept = self.duty.roster(district)?;
        let calendar = &self.profile.calendar;
        Some(DutyNow {
            roster: kept.roster.district.clone(),
            now: crate::roster::on_duty(&kept.roster, calendar, now),
            next: crate::roster::next(&kept.roster, calendar, now),
            ahead: crate::roster::ahead(&kept.roster, calendar, now),
            owed: kept.owed.as_ref().map(|owed| (owed.by.clone(), owed.shift.clone(), owed.since)),
            open: u32::try_from(self.open_in(&kept.roster.district).count()).unwrap_or(u32::MAX),
            notes: self.duty.notes.get(&kept.roster.district).cloned().unwrap_or_default(),
        })
    }

    /// Every roster, by district.
    pub fn rosters(&self) -> impl Iterator<Item = &Roster> {
        self.duty.rosters.values().map(|kept| &kept.roster)
    }

    /// The escalation chains in force, and whether they are the usual ones.
    #[must_use]
    pub fn chains(&self) -> (Vec<EscalationChain>, bool) {
        self.duty.chains.clone().map_or_else(|| (EscalationChain::usual(), true), |chains| (chains, false))
    }

    /// How somebody is reached, if that was set.
    #[must_use]
    pub fn contact(&self, user: &str) -> Option<&Contact> {
        self.duty.contacts.get(user)
    }

    /// Up to which notification somebody has read.
    #[must_use]
    pub fn read_up_to(&self, user: &str) -> Option<EffectId> {
        self.duty.read.get(user).copied()
    }

    /// The open cases that a roster watches: those of its district, or of every district without its own.
    fn open_in<'a>(&'a self, district: &'a str) -> impl Iterator<Item = EffectId> + 'a {
        let own = move |case: &&Case| match district {
            "" => !self.duty.rosters.contains_key(&case.district),
            _ => *case.district == *district,
        };
        self.cases().filter(own).map(|case| case.id)
    }

    /// Judges a silence that staff ask for, and begins it.
    ///
    /// # Errors
    /// A refusal with code `forbidden`, `invalid` or `limit`; nothing has changed then.
    pub fn put_silence(
        &mut self,
        at: At,
        user: &str,
        roles: &[Role],
        asked: &NewSilence,
        out: &mut EffectSink,
    ) -> Verdict {
        silence::put(self, at, user, roles, asked, out)
    }

    /// Ends a silence, or all of a work order: one message says what they held back, and what still holds is
    /// raised.
    ///
    /// # Errors
    /// `not_found` if none runs or is planned, `invalid` unless exactly one of the two is named.
    pub fn end_silence(
        &mut self,
        at: At,
        user: &str,
        silence: Option<EffectId>,
        work_order: Option<&str>,
        out: &mut EffectSink,
    ) -> Verdict {
        silence::end(self, at, user, silence, work_order, out)
    }

    /// Whether a device's readings are waited for, to verify what was handled.
    #[must_use]
    pub fn awaits(&self, device: &DeviceId) -> bool {
        self.verifying.contains_key(device)
    }

    /// What the cases that wait for a device go by: rule and key, each once, in order.
    #[must_use]
    pub fn asked_of(&self, device: &DeviceId) -> BTreeSet<(Arc<str>, Arc<str>)> {
        let cases = self.verifying.get(device).into_iter().flatten().filter_map(|id| self.cases.get(id));
        let asked = cases.flat_map(|open| open.extra.asked_of(device));
        asked.map(|sensor| (sensor.rule.clone(), sensor.key.clone())).collect()
    }

    /// A device that is awaited was heard, and its rules have judged: to be told before their signals.
    pub fn heard(&mut self, at: At, device: &DeviceId, heard: &Heard<'_>, out: &mut EffectSink) {
        verify::heard(self, at, device, heard, out);
    }

    /// The silences that are not over, in the order of their ids.
    pub fn silences(&self) -> impl Iterator<Item = &Silence> {
        self.silences.values().map(|kept| &kept.silence)
    }

    /// The register changed: groups that are asked for a share are as large as their entries say. To be told of
    /// every entry after [`Reducer::restore`] as well.
    pub fn resize(&mut self, before: Option<&Device>, after: Option<&Device>) {
        self.sizes.change(before, after);
    }

    /// Which rules have groups, by [`RuleGroup::name`](crate::RuleGroup::name): the live pack's, to be told after
    /// [`Reducer::restore`] and of every pack up to the ledger's position. It changes nothing by itself.
    pub fn tell_groups(&mut self, rules: BTreeMap<Arc<str>, RuleGroup>) {
        self.groups.tell(rules);
    }

    /// Another pack is live: what it does not group any more is withdrawn, the rest is counted as it says.
    /// `device` finds the register's entry.
    pub fn regroup(
        &mut self,
        at: At,
        rules: BTreeMap<Arc<str>, RuleGroup>,
        device: &dyn Fn(&DeviceId) -> Option<Arc<Device>>,
        out: &mut EffectSink,
    ) {
        group::regroup(self, at, rules, device, out);
    }

    /// Takes in what people report: a new case, or a line in the open one of the same class and asset.
    ///
    /// # Errors
    /// A refusal with code `invalid` that names the field; nothing has changed then.
    pub fn report(&mut self, at: At, user: &str, report: &CaseReport, out: &mut EffectSink) -> Verdict {
        report::report(self, at, user, report, out)
    }

    /// Fires the timers due at or before `at.now`, in the order of (due, kind, id), each with its due time
    /// as time.
    pub fn fire(&mut self, at: At, out: &mut EffectSink) {
        timer::fire(self, at, out);
    }

    /// When the next timer is due.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.timers.first().map(|(due, _)| *due)
    }

    /// The rule pack changed: open incidents whose (rule, key) is no longer declared clear as `withdrawn`.
    pub fn withdraw(&mut self, at: At, declared: &dyn Fn(&str, &str) -> bool, out: &mut EffectSink) {
        clearing::withdraw(self, at, declared, out);
    }

    /// The register's entry of a device changed.
    ///
    /// Retired, or fixed to another asset: what it holds clears as `retired`. Out of maintenance: what still
    /// holds gets its case and its messages.
    pub fn register(&mut self, at: At, device: &Device, out: &mut EffectSink) {
        device::register(self, at, device, out);
    }

    /// A sensor was swapped: `to` takes over what `from` holds on the asset of `to`, so that open incidents
    /// stay until the new sensor's first verdict.
    pub fn hand_over(&mut self, at: At, from: &DeviceId, to: &Device, out: &mut EffectSink) {
        device::hand_over(self, at, from, to, out);
    }

    /// Puts another profile to work. It counts for what happens from now on; deadlines already set stay.
    pub fn set_profile(&mut self, profile: Arc<Profile>) {
        self.profile = profile;
    }

    /// The profile at work.
    #[must_use]
    pub fn profile(&self) -> &Arc<Profile> {
        &self.profile
    }

    /// An open case by its id.
    #[must_use]
    pub fn case(&self, id: EffectId) -> Option<&Case> {
        self.cases.get(&id).map(|open| &open.case)
    }

    /// Every case that is not final, in the order of the ids.
    pub fn cases(&self) -> impl Iterator<Item = &Case> {
        self.cases.values().map(|open| &open.case)
    }

    /// An incident that is open, or may open again, by its id.
    #[must_use]
    pub fn incident(&self, id: EffectId) -> Option<&Incident> {
        self.incidents.get(&id)
    }

    /// Every open incident and every one that may open again, in the order of the ids.
    pub fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.incidents.values()
    }
}
