//! Judging devices: what the engine calls for every reading, timer and sign of life.
//!
//! Edges are kept here: per (rule, key) the state has the last known verdict, and a [`Signal`] is
//! pushed on a transition alone. An evaluation that fails has no effect at all.

mod branch;
mod clock;
mod command;
mod conditions;
mod cost;
mod count;
mod daytime;
mod evaluate;
mod evidence;
mod faults;
mod flapping;
mod machine;
mod memory;
pub(crate) mod number;
mod occasion;
mod place;
mod quick;
mod reads;
mod replay;
mod says;
mod scalar;
mod script;
mod state;
mod stops;
mod sun;
mod tape;
mod values;
mod way;
mod why;
mod window;

use std::sync::Arc;

use chrono_tz::Tz;
use gengfu_model::{Assertion, Device, DeviceLife, Evidence, Seq, Signal, Timestamp};

pub(crate) use clock::clock_minutes;
pub(crate) use command::COMMAND_GAP_MS;
pub(crate) use conditions::is_boolean;
pub(crate) use count::Counters;
pub use count::{FaultNote, RuleCounts};
pub use faults::{FAULT_HALF_LIFE_MS, FAULTS_TO_QUARANTINE, QUARANTINE_MS};
pub(crate) use flapping::MAX_TIMES;
pub(crate) use machine::Watch;
pub(crate) use number::Failure;
use occasion::{Occasion, Trigger};
pub(crate) use reads::parameter_value;
pub(crate) use replay::explained_as;
pub use replay::explained_by;
pub(crate) use scalar::Scalar;
pub use state::RuleState;
use state::Slot;
pub(crate) use state::SlotKind;
pub(crate) use values::is_int;
pub use why::{Why, WhyKey, WhyReading, WhySlot, WhyStep};
pub use window::MAX_WINDOW_SAMPLES;

use crate::city::City;
use crate::latest::Latest;
use crate::pack::{Pack, Placed, RuleSet};
use crate::parameters::Parameters;
use crate::paused::PausedRules;
use crate::program::Span;

/// What an evaluation may know beside the device's state.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The register's entry.
    pub device: &'a Device,
    /// The latest values, the reading that is judged included.
    pub latest: &'a Latest,
    /// The journal's time; for a timer, when it was due.
    pub now: Timestamp,
    /// The record that is applied.
    pub seq: Seq,
    /// The reading came late: carried into what it raises.
    pub late: bool,
    /// The asset has open incidents from another sensor: a first known verdict that is clear is said
    /// as well, not only a transition from open.
    pub inherits: bool,
    /// The city's time zone.
    pub zone: Tz,
    /// The city's working days and lighting hours.
    pub city: &'a City,
    /// The settings of the rules' parameters.
    pub parameters: &'a Parameters,
    /// The rules that judge nobody.
    pub paused: &'a PausedRules,
}

impl<'a> Context<'a> {
    /// A context of a reading that is not late, in the zone of China and a city without holidays.
    #[must_use]
    #[inline]
    pub fn new(device: &'a Device, latest: &'a Latest, parameters: &'a Parameters, now: Timestamp, seq: Seq) -> Self {
        let zone = chrono_tz::Asia::Shanghai;
        let (city, paused) = (City::usual(), PausedRules::NONE);
        Context { device, latest, now, seq, late: false, inherits: false, zone, city, parameters, paused }
    }
}

impl Pack {
    /// A reading was accepted in time and `cx.latest` updated. `event_time` is the reading's; `carried`
    /// has bit `n` set if the reading carries field `n`. Rules that read none of its fields do not run.
    /// Signals are pushed in the order of the rules.
    pub fn on_reading(
        &self,
        cx: &Context<'_>,
        event_time: Timestamp,
        carried: u32,
        state: &mut RuleState,
        out: &mut Vec<Signal>,
    ) {
        let Some(set) = self.sets.get(cx.device.kind as usize).filter(|set| !set.readers.is_empty()) else { return };
        state.fit(&set.layout, &set.slot_kinds);
        let on = Occasion::new(cx, Trigger::Reading { event_time, carried }, state.heard);
        for reader in &set.readers {
            if reader.fields & carried == 0 {
                continue;
            }
            let Some(placed) = set.rules.get(reader.rule) else { continue };
            evaluate::enter(self, placed, &reader.entrance, &on, None, state, out);
        }
    }

    /// Fires every timer of this device that is due at `cx.now`, rule by rule in the order of their
    /// ids; within a rule silence, `every`, held conditions (several due at once are judged once), and
    /// `after` in the order of the source.
    pub fn on_timer(&self, cx: &Context<'_>, state: &mut RuleState, out: &mut Vec<Signal>) {
        let Some(set) = self.set_of(cx.device) else { return };
        state.fit(&set.layout, &set.slot_kinds);
        for placed in &set.rules {
            self.fire_silence(placed, cx, state, out);
            self.fire_every(placed, cx, state, out);
            self.fire_held(placed, cx, state, out);
            self.fire_after(placed, cx, state, out);
        }
    }

    /// When this device's next timer is due: held conditions, silence, `after`, `every`. `None` if
    /// there is none. Silence counts only while the device is in service.
    #[must_use]
    pub fn next_due(&self, device: &Device, state: &RuleState) -> Option<Timestamp> {
        let set = self.set_of(device)?;
        let fits = state.fits(&set.layout);
        let silence = set.silences().filter_map(|placed| silence_due(placed, device, state, fits)).min();
        let timers = if fits {
            set.timer_slots.iter().filter_map(|place| timer_due(state.slots.get(*place)?)).min()
        } else {
            // A state of another pack has its timers in other places, but they are the same timers.
            state.slots.iter().filter_map(timer_due).min()
        };
        silence.into_iter().chain(timers).min()
    }

    /// The device came in service or was heard, with a message that may be anything: silence counts
    /// from `cx.now`, what `on_silent` raised is cleared, and the periods of `every` begin.
    pub fn arm(&self, cx: &Context<'_>, state: &mut RuleState, out: &mut Vec<Signal>) {
        state.heard = Some(cx.now);
        let Some(set) = self.set_of(cx.device) else { return };
        if state.slots.is_empty() && !set.has_every {
            return;
        }
        state.fit(&set.layout, &set.slot_kinds);
        for placed in set.armed() {
            begin_period(placed, cx, state);
            self.clear_silence(placed, cx, state, out);
        }
    }

    /// A pack was put to work while the device is in service: periods of `every` that it does not have yet begin
    /// now, and not with the device's next message.
    pub fn begin_periods(&self, cx: &Context<'_>, state: &mut RuleState) {
        let Some(set) = self.set_of(cx.device).filter(|set| set.has_every) else { return };
        state.fit(&set.layout, &set.slot_kinds);
        for placed in set.armed() {
            begin_period(placed, cx, state);
        }
    }

    /// A state that was restored carries a copy of its layout; where it is this pack's, one copy does for all.
    pub(crate) fn share_layout(&self, device: &Device, state: &mut RuleState) {
        if let Some(set) = self.set_of(device)
            && let Some(own) = &mut state.layout
            && *own == set.layout
            && state.slots.len() == set.layout.len()
        {
            *own = Arc::clone(&set.layout);
        }
    }

    pub(super) fn set_of(&self, device: &Device) -> Option<&RuleSet> {
        self.sets.get(device.kind as usize).filter(|set| !set.rules.is_empty())
    }

    fn clear_silence(&self, placed: &Placed, cx: &Context<'_>, state: &mut RuleState, out: &mut Vec<Signal>) {
        let Some((_, slot)) = placed.rule.silence else { return };
        let Some(fired) = state.slots.get_mut(placed.base + slot) else { return };
        if !matches!(fired, Slot::SilenceFired) {
            return;
        }
        *fired = Slot::Empty;
        // It is heard again, whatever its message carries.
        if let Some(member) = &placed.rule.member {
            let on = Occasion::new(cx, Trigger::Timer, state.heard);
            evaluate::run(self, placed, &member.entry, &on, None, state, out);
        }
        for key in placed.rule.keys.iter().filter(|key| key.by_silence) {
            let Some(verdict) = state.slots.get_mut(placed.base + key.slot) else { continue };
            if !matches!(verdict, Slot::Verdict(Some(_))) {
                continue;
            }
            *verdict = Slot::Verdict(None);
            placed.counters.signalled();
            let evidence = Evidence {
                trigger: "message".to_owned(),
                now: cx.now,
                seq: cx.seq,
                file: placed.rule.file.to_string(),
                ..Evidence::default()
            };
            out.push(Signal {
                rule: placed.rule.id.clone(),
                rule_version: self.version().clone(),
                key: key.name.clone(),
                assertion: Assertion::Clear { reason: "clear".into() },
                evidence: Box::new(evidence),
            });
        }
    }

    fn fire_silence(&self, placed: &Placed, cx: &Context<'_>, state: &mut RuleState, out: &mut Vec<Signal>) {
        if silence_due(placed, cx.device, state, true).is_none_or(|due| due > cx.now) {
            return;
        }
        let Some((_, slot)) = placed.rule.silence else { return };
        if let Some(place) = state.slots.get_mut(placed.base + slot) {
            *place = Slot::SilenceFired;
        }
        let on = Occasion::new(cx, Trigger::Silent, state.heard);
        if let Some(member) = &placed.rule.member {
            evaluate::run(self, placed, &member.entry, &on, None, state, out);
        }
        if let Some(entry) = &placed.rule.on_silent {
            evaluate::run(self, placed, entry, &on, None, state, out);
        }
    }

    fn fire_every(&self, placed: &Placed, cx: &Context<'_>, state: &mut RuleState, out: &mut Vec<Signal>) {
        let Some((period_ms, slot)) = placed.rule.every else { return };
        let Some(place) = state.slots.get_mut(placed.base + slot) else { return };
        let Some(due) = timer_due(place).filter(|due| *due <= cx.now) else { return };
        // After a gap it fires once, and goes on in its old rhythm.
        let periods = cx.now.since_ms(due) / period_ms.max(1) + 1;
        *place = Slot::Timer(due.plus_ms(periods.saturating_mul(period_ms)));
        if let Some(entry) = &placed.rule.on_timer {
            let on = Occasion::new(cx, Trigger::Timer, state.heard);
            evaluate::run(self, placed, entry, &on, Some("every"), state, out);
        }
    }

    fn fire_held(&self, placed: &Placed, cx: &Context<'_>, state: &mut RuleState, out: &mut Vec<Signal>) {
        let (mut any, mut of_member) = (false, false);
        let first_of_member = placed.rule.member.as_ref().map_or(usize::MAX, |member| member.first_slot);
        let own = state.slots.iter_mut().skip(placed.base).take(placed.rule.slots.len());
        for (number, slot) in own.enumerate() {
            let due = timer_due(slot).is_some_and(|due| due <= cx.now);
            if let Slot::Held { pending, .. } = slot
                && due
            {
                *pending = false;
                if number < first_of_member {
                    any = true;
                } else {
                    of_member = true;
                }
            }
        }
        if let Some(member) = placed.rule.member.as_ref().filter(|_| of_member) {
            let on = Occasion::new(cx, Trigger::Timer, state.heard);
            evaluate::run(self, placed, &member.entry, &on, None, state, out);
        }
        if let Some(entry) = placed.rule.on_message.as_ref().filter(|_| any) {
            let on = Occasion::new(cx, Trigger::Timer, state.heard);
            evaluate::run(self, placed, entry, &on, None, state, out);
        }
    }

    fn fire_after(&self, placed: &Placed, cx: &Context<'_>, state: &mut RuleState, out: &mut Vec<Signal>) {
        for (number, def) in placed.rule.slots.iter().enumerate() {
            let (Some(name), Some(place)) = (&def.timer, state.slots.get_mut(placed.base + number)) else { continue };
            if timer_due(place).is_none_or(|due| due > cx.now) {
                continue;
            }
            *place = Slot::Empty;
            if let Some(entry) = &placed.rule.on_timer {
                let on = Occasion::new(cx, Trigger::Timer, state.heard);
                evaluate::run(self, placed, entry, &on, Some(name), state, out);
            }
        }
    }
}

/// The period of a rule's `every` begins, if it does not run yet.
fn begin_period(placed: &Placed, cx: &Context<'_>, state: &mut RuleState) {
    if let Some((period_ms, slot)) = placed.rule.every
        && let Some(place) = state.slots.get_mut(placed.base + slot)
        && matches!(place, Slot::Empty)
    {
        *place = Slot::Timer(cx.now.plus_ms(period_ms));
    }
}

fn timer_due(slot: &Slot) -> Option<Timestamp> {
    match slot {
        Slot::Held { since, wait_ms, pending: true } => Some(since.plus_ms(i64::from(*wait_ms))),
        Slot::Timer(due) => Some(*due),
        _ => None,
    }
}

/// When the rule's silence is over; `fits`: the state is laid out for this pack.
fn silence_due(placed: &Placed, device: &Device, state: &RuleState, fits: bool) -> Option<Timestamp> {
    let (span, slot) = placed.rule.silence?;
    let heard = state.heard.filter(|_| device.life == DeviceLife::InService)?;
    if fits && matches!(state.slots.get(placed.base + slot), Some(Slot::SilenceFired)) {
        return None;
    }
    let wait_ms = match span {
        Span::Ms(ms) => ms,
        Span::Intervals(n) => libm::round(n * interval_ms(device) as f64) as i64,
    };
    Some(heard.plus_ms(wait_ms))
}

/// How often the device is expected to report; the kind's usual interval if the register says nothing.
pub(crate) fn interval_ms(device: &Device) -> i64 {
    i64::from(interval_s(device)) * 1_000
}

/// For how long a value of the device may be judged: two and a half intervals.
#[inline]
pub(crate) fn usable_ms(device: &Device) -> i64 {
    i64::from(interval_s(device)) * 2_500
}

#[inline]
fn interval_s(device: &Device) -> u32 {
    if device.interval_s == 0 { device.kind.def().interval_s } else { device.interval_s }
}
