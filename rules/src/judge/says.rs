//! What a rule makes of a device that was just heard, asked for once more: whether what it raises holds.
//!
//! A signal tells of transitions alone. Whoever waits for a repair to show wants to know of each message whether the
//! rule still says the same by it, or says nothing, as of a lamp that is switched off.

use std::sync::Arc;

use super::machine::{Machine, Outcome};
use super::occasion::{Occasion, Trigger};
use super::scalar::Scalar;
use super::state::RuleState;
use super::{Context, evidence, faults};
use crate::pack::Pack;
use crate::program::MAX_LOCALS;

impl Pack {
    /// Whether each key of a rule holds, by what a message says that was judged already: `carried` has bit `n` set if
    /// it carried field `n`. A key of which the rule says nothing is not there. Empty for a rule that reads none of the
    /// fields, is paused, is kept from the device, or is not in the pack. Changes nothing.
    #[must_use]
    pub fn says(&self, cx: &Context<'_>, state: &RuleState, rule: &str, carried: u32) -> Vec<(Arc<str>, bool)> {
        let nothing = Vec::new();
        let Some(set) = self.set_of(cx.device).filter(|_| !cx.paused.contains(rule)) else { return nothing };
        let Some(placed) = set.rules.iter().find(|placed| &*placed.rule.id == rule) else { return nothing };
        let on_message = placed.rule.on_message.as_ref().filter(|entry| entry.reads & carried != 0);
        let Some(entry) = on_message.filter(|_| state.fits(&set.layout)) else { return nothing };
        let Some(slots) = state.slots.get(placed.base..placed.base + placed.rule.slots.len()) else { return nothing };
        let mut slots = slots.to_vec();
        if slots.get_mut(placed.rule.faults_slot).is_some_and(|slot| faults::quarantined(slot, cx.now)) {
            return nothing;
        }
        let mut recorder = evidence::Recorder::default();
        let mut locals = [Scalar::Unknown; MAX_LOCALS];
        let on = Occasion::new(cx, Trigger::Timer, state.heard);
        let mut machine = Machine::new(&placed.rule, &on, &mut slots, &mut locals, &mut recorder);
        machine.run(entry);
        if machine.fault.is_some() {
            return nothing;
        }
        let said = placed.rule.keys.iter().zip(machine.outcomes).filter_map(|(key, outcome)| match outcome {
            Outcome::None => None,
            Outcome::Clear { .. } => Some((Arc::clone(&key.name), false)),
            Outcome::Raise { .. } => Some((Arc::clone(&key.name), true)),
        });
        said.collect()
    }
}
