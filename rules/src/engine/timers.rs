//! When devices' timers are due: one entry for each device that waits for something.
//!
//! Nearly every message puts its device's silence off. Moving the entry each time would cost more than many
//! rules do, so an entry that is too early stays until time comes there, or until somebody asks what is due next.
//! What fires and in which order does not depend on that: an entry is never later than its device's timer.

use gengfu_model::{DeviceId, Timestamp};

use super::Engine;

/// A timer's entry: due, device, and the device's place. Of equal dues the smaller id comes first.
pub(super) type Entry = (Timestamp, DeviceId, u32);

/// No entry: later than any. Eight bytes less for each device than an `Option`.
pub(super) const NEVER: Timestamp = Timestamp(i64::MAX);

impl Engine {
    /// When the first timer of a device is due.
    pub(super) fn first_timer(&mut self) -> Option<Timestamp> {
        loop {
            let due = self.timers.first().map(|(due, _, _)| *due)?;
            if self.timer_at(due).is_some() {
                return Some(due);
            }
        }
    }

    /// The device whose timer the first entry is, if that is due then; `None`: the entry was too early, and has
    /// moved on.
    pub(super) fn timer_at(&mut self, due: Timestamp) -> Option<u32> {
        let index = self.timers.first().map(|(_, _, index)| *index)?;
        let state = &mut self.devices[index as usize];
        if state.due == Some(due) {
            return Some(index);
        }
        let (_, id, _) = self.timers.pop_first()?;
        state.entry = state.due.unwrap_or(NEVER);
        if let Some(due) = state.due {
            self.timers.insert((due, id, index));
        }
        None
    }

    /// Takes a device's entry out, because its timer fires.
    pub(super) fn take_timer(&mut self, due: Timestamp, index: u32) {
        let state = &mut self.devices[index as usize];
        self.timers.remove(&(due, state.device.id.clone(), index));
        (state.due, state.entry) = (None, NEVER);
    }

    /// Looks up when the device's next timer is due, and sees that there is an entry for it.
    pub(super) fn schedule(&mut self, index: u32) {
        let state = &mut self.devices[index as usize];
        let live = self.ruling.pack.next_due(&state.device, &state.rules);
        let of_candidates = self.candidates.iter().filter_map(|candidate| candidate.next_due(index, &state.device));
        state.due = live.into_iter().chain(of_candidates).min();
        let due = state.due.unwrap_or(NEVER);
        if state.entry <= due {
            return;
        }
        if state.entry != NEVER {
            self.timers.remove(&(state.entry, state.device.id.clone(), index));
        }
        self.timers.insert((due, state.device.id.clone(), index));
        state.entry = due;
    }
}
