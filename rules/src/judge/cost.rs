//! What rules cost, measured by whoever has a clock: time by samples on copies, memory by looking at states.
//!
//! Nothing here can change an outcome: a sample evaluates every rule of a device once more on a copy of its memory,
//! and only counters beside the pack take note of it.

use gengfu_model::{Kind, Timestamp};

use super::machine::{Machine, Unwatched};
use super::occasion::{Occasion, Trigger};
use super::scalar::Scalar;
use super::state::{RuleState, Slot};
use super::window::Window;
use super::{Context, evaluate};
use crate::pack::Pack;
use crate::program::MAX_LOCALS;

impl Pack {
    /// Evaluates each rule of the device's kind once on a copy of its memory, as if a reading brought all that the
    /// rule reads; `clock` gives nanoseconds and is asked before and after each.
    pub fn sample_cost(&self, cx: &Context<'_>, state: &RuleState, clock: &mut dyn FnMut() -> u64) {
        let Some(set) = self.set_of(cx.device) else { return };
        let mut copy = state.clone();
        copy.fit(&set.layout, &set.slot_kinds);
        for placed in &set.rules {
            let rule = &placed.rule;
            let member = rule.member.as_ref().map(|member| &member.entry);
            let Some(entry) = rule.on_message.as_ref().or(member) else { continue };
            let Some(slots) = copy.slots.get_mut(placed.base..placed.base + rule.slots.len()) else { continue };
            let mut locals = [Scalar::Unknown; MAX_LOCALS];
            let trigger = Trigger::Reading { event_time: cx.now, carried: entry.reads };
            let begun = clock();
            let on = Occasion::new(cx, trigger, state.heard);
            let entrance = placed.entrances.get(usize::from(entry.place)).and_then(Option::as_ref);
            if entrance.and_then(|entrance| evaluate::on_tape(placed, entrance, &on, slots)).is_none() {
                Machine::new(rule, &on, slots, &mut locals, Unwatched).run(entry);
            }
            placed.counters.timed(clock().saturating_sub(begun));
        }
    }

    /// The bytes that each rule of a kind keeps of a device, in the order of the kind's rules in [`Pack::rules`].
    pub(crate) fn state_bytes<'a>(&'a self, kind: Kind, state: &'a RuleState) -> impl Iterator<Item = u64> + 'a {
        let set = self.sets.get(kind as usize);
        set.into_iter().flat_map(|set| &set.rules).map(|placed| {
            let slots = state.slots.iter().skip(placed.base).take(placed.rule.slots.len());
            slots.map(bytes).sum()
        })
    }
}

/// A slot with what it holds elsewhere.
fn bytes(slot: &Slot) -> u64 {
    let outside = match slot {
        Slot::Window(window) => size_of::<Window>() + window.samples.capacity() * size_of::<(Timestamp, f64)>(),
        Slot::Last(last) => size_of_val(&**last),
        Slot::Stops(stops) => size_of_val(&**stops) + stops.bytes(),
        _ => 0,
    };
    (size_of::<Slot>() + outside) as u64
}
