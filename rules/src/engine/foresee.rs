//! A look ahead: brings near what the next records will need.
//!
//! A city's devices report in no order that a cache likes, so a message meets its device's state in far memory:
//! register entry, newest values, keys, slots and windows lie apart, and one is found through the other. Applied one
//! by one, each message would wait for each of them in turn. Here the places of some records to come are read side
//! by side, so that the waits are one. Nothing is changed and nothing depends on it: it can be left out.

use gengfu_model::{Body, Record};

use super::Engine;
use super::device::DeviceState;

/// So many records are looked at together: enough that their waits are one, few enough that what was brought near
/// stays there until it is needed.
pub const FORESEEN: usize = 16;

impl Engine {
    /// Looks at what the next records will need; of more than [`FORESEEN`], the first so many.
    pub fn foresee(&self, records: &[Record]) {
        let mut places = [u32::MAX; FORESEEN];
        for (place, record) in places.iter_mut().zip(records) {
            if let Body::Message(envelope) = &record.body
                && let Some(index) = self.index.get(&envelope.device)
            {
                *place = *index;
            }
        }
        // From pointer to pointer, for all devices at each step: only what does not wait for each other overlaps.
        let states = || places.iter().filter_map(|place| self.devices.get(*place as usize));
        let looked: [u64; 3] = [
            states().map(DeviceState::look).fold(0, u64::wrapping_add),
            states().map(DeviceState::look_behind).fold(0, u64::wrapping_add),
            states().map(DeviceState::look_into_windows).fold(0, u64::wrapping_add),
        ];
        std::hint::black_box(looked);
        for candidate in &self.candidates {
            let places = places.iter().filter(|place| **place != u32::MAX);
            std::hint::black_box(places.map(|place| candidate.look(*place)).fold(0, u64::wrapping_add));
        }
    }
}
