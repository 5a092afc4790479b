//! The two sheets that must add up, counted where things happen.
//!
//! Messages: journaled = decoded + duplicate + quarantined.
//! Field values: decoded = stored in time + stored late + duplicate + replaced + out of range + too
//! far ahead. No term is computed from the others; [`Sheet::difference`] tells whether they add up.

use serde::{Deserialize, Serialize};

/// Counts of messages and of field values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sheet {
    /// Messages that came from the journal.
    pub journaled: u64,
    /// Messages that were decoded (a notice or a reply counts here too).
    pub decoded: u64,
    /// Messages seen before.
    pub duplicate: u64,
    /// Messages of which nothing could be used.
    pub quarantined: u64,
    /// Of the journaled, those that were a quarantined message's second try: requests, not messages of a device.
    pub redecoded: u64,
    /// Field values that a codec recognised.
    pub values_decoded: u64,
    /// Values stored and judged live.
    pub values_stored: u64,
    /// Values stored, but too old to be judged live.
    pub values_late: u64,
    /// Values of a reading whose own id was seen before.
    pub values_duplicate: u64,
    /// Values that took the place of one of the same field and time.
    pub values_replaced: u64,
    /// Values of the wrong type or out of range.
    pub values_out_of_range: u64,
    /// Values whose time was too far ahead.
    pub values_too_far_ahead: u64,
}

impl Sheet {
    /// Adds another sheet's counts.
    pub fn add(&mut self, other: &Sheet) {
        *self = self.with(other, |a, b| a + b);
    }

    /// What is left without another sheet's counts, which are a part of these.
    pub(super) fn less(&self, part: &Sheet) -> Sheet {
        self.with(part, u64::saturating_sub)
    }

    fn with(&self, other: &Sheet, both: impl Fn(u64, u64) -> u64) -> Sheet {
        Sheet {
            journaled: both(self.journaled, other.journaled),
            decoded: both(self.decoded, other.decoded),
            duplicate: both(self.duplicate, other.duplicate),
            quarantined: both(self.quarantined, other.quarantined),
            redecoded: both(self.redecoded, other.redecoded),
            values_decoded: both(self.values_decoded, other.values_decoded),
            values_stored: both(self.values_stored, other.values_stored),
            values_late: both(self.values_late, other.values_late),
            values_duplicate: both(self.values_duplicate, other.values_duplicate),
            values_replaced: both(self.values_replaced, other.values_replaced),
            values_out_of_range: both(self.values_out_of_range, other.values_out_of_range),
            values_too_far_ahead: both(self.values_too_far_ahead, other.values_too_far_ahead),
        }
    }

    /// How far each sheet is from adding up (messages, values); both are 0, or there is a bug.
    #[must_use]
    pub fn difference(&self) -> (i128, i128) {
        let sum = |terms: &[u64]| terms.iter().map(|&term| i128::from(term)).sum::<i128>();
        let messages = i128::from(self.journaled) - sum(&[self.decoded, self.duplicate, self.quarantined]);
        let values = i128::from(self.values_decoded)
            - sum(&[
                self.values_stored,
                self.values_late,
                self.values_duplicate,
                self.values_replaced,
                self.values_out_of_range,
                self.values_too_far_ahead,
            ]);
        (messages, values)
    }
}
