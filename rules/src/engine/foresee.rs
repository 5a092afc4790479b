//! A look ahead: brings near what the next records will need.
//!
//! A city's devices report in no order that a cache likes, so a message meets its device's state in far memory:
//! register entry, newest values, keys, slots and windows lie apart, and one is found through the other. Applied one
//! by one, each message would wait for each of them in turn. Here the places of some records to come are read side
//! by side, so that the waits are one. Nothing is changed and nothing depends on it: it can be left out.

use gengfu_model::{Body, Record};

use super::Engine;
use super::device::DeviceState;
use super::index::Tag;

/// So many records are looked at together: enough that their waits are one, few enough that what was brought near
/// stays there until it is needed.
pub const FORESEEN: usize = 16;

impl Engine {
    /// Looks at what the next records will need; of more than [`FORESEEN`], the first so many.
    pub fn foresee(&self, records: &[Record]) {
        let mut tags = [None; FORESEEN];
        for (tag, record) in tags.iter_mut().zip(records) {
            if let Body::Message(envelope) = &record.body {
                *tag = Some(Tag::of(envelope.device.as_str()));
            }
        }
        // From pointer to pointer, for all devices before the next: only what does not wait for each other overlaps,
        // and a processor sees only so far ahead. Each look is a loop of its own, so that it stays one of a few
        // instructions; through a list of functions they took a backtest 7 % longer.
        let looked = tags.iter().flatten().map(|tag| self.index.look(*tag)).fold(0, u64::wrapping_add);
        let places = tags.map(|tag| self.index.guess(tag?));
        let states = || places.iter().flatten().filter_map(|place| self.devices.get(*place as usize));
        let mut looked = [
            looked,
            states().map(DeviceState::look).fold(0, u64::wrapping_add),
            states().map(DeviceState::look_at_entry).fold(0, u64::wrapping_add),
            states().map(DeviceState::look_at_counts).fold(0, u64::wrapping_add),
            states().map(DeviceState::look_at_values).fold(0, u64::wrapping_add),
            states().map(DeviceState::look_at_slots).fold(0, u64::wrapping_add),
            states().map(DeviceState::look_at_id).fold(0, u64::wrapping_add),
            states().map(DeviceState::look_behind_slots).fold(0, u64::wrapping_add),
            states().map(DeviceState::look_at_samples).fold(0, u64::wrapping_add),
        ];
        for candidate in &self.candidates {
            let places = places.iter().flatten();
            looked[0] = places.map(|place| candidate.look(*place)).fold(looked[0], u64::wrapping_add);
        }
        std::hint::black_box(looked);
    }
}
