//! The one pure engine: records in journal order in, effects and points out.
//!
//! Promises: no clock, no randomness, no I/O; the same records give the same effects, whether live,
//! replayed after a crash, tested or back-tested, however they are batched. Time is the records'.
//! A record goes first to the rules of its device, which give signals; then the one reducer turns
//! signals into incidents and cases. Device rules never see the reducer's state. What is known of devices whatever the
//! rules stands in the engine itself, what follows from the rules in its [`Ruling`].
//!
//! Recovery: device rows carry the position they have seen, and skip what is older; the reducer
//! comes from the ledger at position P, and signals of records up to P are dropped.

pub mod acceptance;
mod accounts;
mod asked;
mod authority;
mod candidate;
mod checkpoint;
mod commands;
mod day_sheets;
mod device;
mod duplicates;
mod foresee;
mod index;
mod judging;
mod message;
mod parameters;
mod pauses;
mod redecode;
mod requests;
mod ruling;
mod sheet;
mod texts;
mod timers;
mod translate;
mod trial;
mod versions;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gengfu_cases::{At, Profile, Reducer};
use gengfu_model::record::OutcomeConfig;
use gengfu_model::staff::{User, Verdict};
use gengfu_model::{
    Body, CommandRow, Control, Decoded, Device, DeviceId, Effect, EffectSink, Kind, Point, QuarantineReason, Record,
    Seq, Signal, Timestamp,
};

use crate::{City, Latest, Pack, RuleCounts};
use device::DeviceState;

pub use candidate::Candidate;
pub use checkpoint::{CheckpointRow, Recovered, Round, TablesError};
pub use commands::RULE_PREFIX;
pub use device::RowError;
pub use duplicates::{REMEMBERED, hash as payload_hash};
pub use foresee::FORESEEN;
pub use ruling::Ruling;
pub use sheet::Sheet;

/// A message's payload after its codec, with the hash that duplicates are told by.
#[derive(Clone, Debug, PartialEq)]
pub struct DecodedMessage {
    /// What the codec made of it.
    pub result: Result<Decoded, (QuarantineReason, String)>,
    /// [`payload_hash`] of the bytes.
    pub payload_hash: u64,
}

/// What applying records brought forth, to be handed on in this order.
#[derive(Clone, Debug)]
pub struct Output {
    /// Changes of the ledger.
    pub effects: EffectSink,
    /// Values for the series store.
    pub points: Vec<Point>,
    /// Answers to staff requests, by the request's record.
    pub verdicts: Vec<(Seq, Verdict)>,
    /// Whether anybody stores the points; if not, none are made.
    pub plotted: bool,
}

impl Default for Output {
    fn default() -> Self {
        Output { effects: EffectSink::new(Seq(0)), points: Vec::new(), verdicts: Vec::new(), plotted: true }
    }
}

impl Output {
    /// For a trial, whose points nobody stores.
    #[must_use]
    pub fn unplotted() -> Output {
        Output { plotted: false, ..Output::default() }
    }
}

/// What the engine can tell of one device.
#[derive(Clone, Debug)]
pub struct DeviceView {
    /// The register's entry.
    pub device: Arc<Device>,
    /// Journal time of its last message that was no repeat.
    pub heard: Option<Timestamp>,
    /// Its newest values.
    pub latest: Latest,
    /// Its counts since its first message.
    pub total: Sheet,
}

/// The engine's whole state. A copy of it is for a trial ([`crate::trial`]).
#[derive(Clone)]
pub struct Engine {
    config: OutcomeConfig,
    zone: chrono_tz::Tz,
    /// What rules know of the city, as of the record that is applied.
    city: City,
    /// The moment up to which everything has been applied.
    now: Timestamp,
    /// The last record applied.
    applied: Seq,
    /// Signals and requests of records up to this one are in the ledger already.
    ledger: Seq,
    index: index::Index,
    devices: Vec<DeviceState>,
    /// What the register's entries have in common.
    texts: texts::Texts,
    /// Device timers in the order in which they fire; an entry may be too early.
    timers: BTreeSet<timers::Entry>,
    /// Devices with a state newer than their row.
    dirty: Vec<u32>,
    /// In a replay: devices whose row is ahead of it, by the record that it has seen last. Their timers
    /// stand still until then, since pack and parameters are not yet those that the row was made with.
    ahead: BTreeMap<Seq, Vec<u32>>,
    profile: Arc<Profile>,
    /// The live pack, and what comes of its signals.
    ruling: Ruling,
    /// In a trial: the packs beside it. The live engine has none.
    candidates: Vec<Candidate>,
    /// What rules of earlier live packs cost since there are candidates.
    spent: BTreeMap<(Kind, Arc<str>), RuleCounts>,
    users: BTreeMap<Arc<str>, User>,
    /// Counts of messages whose device is not in the register any more.
    orphans: Sheet,
    /// How much was refused at the door, by the listeners' summaries.
    refused: u64,
    /// Signals of the evaluation under way; kept to save the allocation.
    signals: Vec<Signal>,
    /// Readings of the message under way; empty between messages, kept to save the allocation.
    accepted: Vec<message::Accepted>,
    /// The quarter of an hour of the newest message, and its day: both begin and end with a quarter in every zone.
    quarter: (i64, i64),
}

impl Engine {
    /// An engine before the first record.
    #[must_use]
    pub fn new(profile: Arc<Profile>) -> Engine {
        let config = OutcomeConfig::default();
        Engine {
            zone: zone(&config),
            city: City::of(&profile),
            config,
            now: Timestamp::ZERO,
            applied: Seq(0),
            ledger: Seq(0),
            index: index::Index::default(),
            devices: Vec::new(),
            texts: texts::Texts::default(),
            timers: BTreeSet::new(),
            dirty: Vec::new(),
            ahead: BTreeMap::new(),
            ruling: Ruling::new(Arc::clone(&profile)),
            candidates: Vec::new(),
            spent: BTreeMap::new(),
            profile,
            users: BTreeMap::new(),
            orphans: Sheet::default(),
            refused: 0,
            signals: Vec::new(),
            accepted: Vec::new(),
            quarter: (i64::MIN, 0),
        }
    }

    /// Applies one record: first every timer that is due by then, then the record itself.
    ///
    /// `decoded` is the payload of a message after its codec, `None` for a control record (but for the
    /// request to decode a quarantined message again, which carries one).
    pub fn apply(&mut self, record: &Record, decoded: Option<&DecodedMessage>, out: &mut Output) {
        out.effects.start(record.seq);
        self.candidates.iter_mut().for_each(|candidate| candidate.out.effects.start(record.seq));
        self.advance(record.seq, record.time, out);
        match &record.body {
            Body::Message(envelope) => self.message(record, envelope, decoded, out),
            Body::Control(control) => self.control(record, control, decoded, out),
        }
        self.applied = record.seq;
        for index in self.ahead.remove(&record.seq).unwrap_or_default() {
            self.schedule(index);
        }
    }

    /// When the next timer is due, so that the journal's writer can let time pass then.
    pub fn next_due(&mut self) -> Option<Timestamp> {
        let device = self.first_timer();
        [device, self.ruling.next_due()].into_iter().flatten().min()
    }

    /// The last record applied.
    #[must_use]
    pub fn applied(&self) -> Seq {
        self.applied
    }

    /// The moment up to which everything has been applied.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Incidents, cases and duty.
    #[must_use]
    pub fn reducer(&self) -> &Reducer {
        &self.ruling.reducer
    }

    /// The live rule pack.
    #[must_use]
    pub fn pack(&self) -> &Arc<Pack> {
        &self.ruling.pack
    }

    /// Lets a test look on at the pack that was activated last.
    pub(crate) fn watch(&mut self, coverage: &Arc<crate::testing::coverage::Coverage>) {
        if let Some(pack) = Arc::get_mut(&mut self.ruling.pack) {
            let placed = pack.sets.iter_mut().flat_map(|set| &mut set.rules);
            placed.for_each(|placed| placed.watched = Some(Arc::clone(coverage)));
        }
    }

    /// What rules see of the city, its places among it.
    #[must_use]
    pub fn city(&self) -> &City {
        &self.city
    }

    /// How many devices are registered.
    #[must_use]
    pub fn device_count(&self) -> usize {
        self.devices.len()
    }

    /// The place of a device in the list.
    fn find(&self, id: &str) -> Option<u32> {
        self.index.get(id, |place| id_of(&self.devices, place))
    }

    /// What is known of one device.
    #[must_use]
    pub fn device(&self, id: &str) -> Option<DeviceView> {
        self.find(id).map(|index| self.view(index))
    }

    /// Why a rule says what it says of a device now, or does not; `None`: no such device, or its kind has no
    /// such rule.
    #[must_use]
    pub fn why(&self, device: &str, rule: &str) -> Option<crate::Why> {
        let state = &self.devices[self.find(device)? as usize];
        let moment = ruling::Moment { zone: self.zone, city: &self.city, now: self.now, seq: self.applied };
        let cx = self.ruling.context(moment, &state.device, &state.latest);
        self.ruling.pack.why(&cx, &state.rules, rule)
    }

    /// Every register entry, in the order of registration or of the checkpoint's rows.
    pub fn register(&self) -> impl Iterator<Item = &Arc<Device>> {
        self.devices.iter().map(|state| &state.device)
    }

    /// The commands that the devices have not answered, in the order in which they were asked.
    pub fn open_commands(&self) -> impl Iterator<Item = &CommandRow> {
        self.ruling.commands.open()
    }

    /// What is known of the devices after `after` in the order of ids, at most `limit`.
    #[must_use]
    pub fn devices_after(&self, after: Option<&DeviceId>, limit: usize) -> Vec<DeviceView> {
        let mut ids: Vec<(&DeviceId, u32)> = Vec::new();
        for (index, state) in self.devices.iter().enumerate() {
            if after.is_none_or(|after| state.device.id > *after) {
                ids.push((&state.device.id, u32::try_from(index).expect("fewer than 2^32 devices")));
            }
        }
        if ids.len() > limit {
            ids.select_nth_unstable(limit);
            ids.truncate(limit);
        }
        ids.sort_unstable();
        ids.into_iter().map(|(_, index)| self.view(index)).collect()
    }

    /// The sheets of all devices together, and how much was refused at the door.
    #[must_use]
    pub fn balance(&self) -> (Sheet, u64) {
        let mut sum = self.orphans;
        for spoken in self.devices.iter().filter_map(|state| state.spoken.as_ref()) {
            sum.add(&spoken.total());
        }
        (sum, self.refused)
    }

    fn view(&self, index: u32) -> DeviceView {
        let state = &self.devices[index as usize];
        DeviceView {
            device: Arc::clone(&state.device),
            heard: state.heard,
            latest: state.latest.clone(),
            total: state.spoken.as_ref().map(|spoken| spoken.total()).unwrap_or_default(),
        }
    }

    /// Lets time pass to `to`: timers fire in the order (due, device, rule, slot), with `now` = due;
    /// at the same moment, devices come before commands, and these before the reducer. A device's entry that was
    /// too early moves on, which is no event. (A candidate's timers fire in the same order, whatever is between them.)
    fn advance(&mut self, seq: Seq, to: Timestamp, out: &mut Output) {
        loop {
            let device = self.timers.first().map(|(due, _, _)| *due);
            let of_candidates = self.candidates.iter().filter_map(|candidate| candidate.ruling.next_due()).min();
            let dues = [device, self.ruling.next_due(), of_candidates];
            let Some(due) = dues.into_iter().flatten().min().filter(|due| *due <= to) else { break };
            if device == Some(due) {
                if let Some(index) = self.timer_at(due) {
                    self.now = self.now.max(due);
                    self.fire_device(seq, due, index, out);
                }
                continue;
            }
            self.now = self.now.max(due);
            if !self.is_live(seq) {
                // Reducer and commands come from the ledger at a later position: their timers are not due yet.
                break;
            }
            let at = At { seq, now: due };
            if self.ruling.next_due() == Some(due) {
                self.ruling.fire(at, &mut out.effects);
            }
            for candidate in self.candidates.iter_mut().filter(|one| one.ruling.next_due() == Some(due)) {
                candidate.ruling.fire(at, &mut candidate.out.effects);
            }
        }
        self.now = self.now.max(to);
    }

    /// Says something that follows from no rule: candidates have said it as well.
    fn say(&mut self, effect: Effect, out: &mut Output) {
        out.effects.push(effect);
        self.count_along(1);
    }

    /// Whether a record's signals, requests and dispositions still have to reach the ledger.
    fn is_live(&self, seq: Seq) -> bool {
        seq > self.ledger
    }

    fn control(&mut self, record: &Record, control: &Control, decoded: Option<&DecodedMessage>, out: &mut Output) {
        match control {
            Control::Tick => {}
            Control::Started { config, .. } => {
                self.zone = zone(config);
                self.quarter = (i64::MIN, 0);
                self.config = config.clone();
            }
            Control::Away { from, to } => self.away(record.seq, to.since_ms(*from)),
            Control::Refusals { counts } => self.refused += counts.iter().map(|row| row.count).sum::<u64>(),
            Control::Request(request) => self.request(record, request, decoded, out),
            // No rule knows of sessions: the ledger keeps them for the listener's next start.
            Control::Session(change) if self.is_live(record.seq) => {
                self.say(Effect::Session(Box::new(change.clone())), out);
            }
            Control::Session(_) => {}
        }
    }

    /// Nobody kept time for `gap_ms`: silence and held conditions wait that much longer.
    fn away(&mut self, seq: Seq, gap_ms: i64) {
        for index in 0..self.devices.len() {
            let state = &mut self.devices[index];
            // Who was never heard waits for nothing, whatever the rules are.
            if state.past >= seq || state.rules.heard().is_none() {
                continue;
            }
            let index = u32::try_from(index).expect("fewer than 2^32 devices");
            state.rules.shift(gap_ms);
            self.candidates.iter_mut().for_each(|candidate| candidate.shift(index, gap_ms));
            if !state.dirty {
                state.dirty = true;
                self.dirty.push(index);
            }
            self.schedule(index);
        }
    }
}

/// Finds a device's entry by its id.
fn finder<'a>(index: &'a index::Index, devices: &'a [DeviceState]) -> impl Fn(&DeviceId) -> Option<Arc<Device>> + 'a {
    |id| Some(Arc::clone(&devices.get(index.get(id.as_str(), |place| id_of(devices, place))? as usize)?.device))
}

/// The id of the device at a place.
fn id_of(devices: &[DeviceState], place: u32) -> Option<&DeviceId> {
    devices.get(place as usize).map(|state| &state.device.id)
}

fn zone(config: &OutcomeConfig) -> chrono_tz::Tz {
    // The configuration is checked before it is journaled; a name that this build's tables do not
    // have any more falls back to the default rather than to UTC.
    config.time_zone.parse().unwrap_or(chrono_tz::Asia::Shanghai)
}
