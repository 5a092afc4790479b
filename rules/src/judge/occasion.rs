//! What the evaluations of one device have in common: why they run, and what is fresh.

use gengfu_model::Timestamp;

use super::{Context, usable_ms};

/// Why an evaluation runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Trigger {
    /// A reading with its event time and the fields that it carries.
    Reading { event_time: Timestamp, carried: u32 },
    /// A timer is due.
    Timer,
    /// The device has been silent.
    Silent,
}

/// A device that is judged, by one rule or by many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Occasion<'a> {
    pub(crate) cx: &'a Context<'a>,
    pub(crate) trigger: Trigger,
    /// When the device was last heard.
    pub(crate) heard: Option<Timestamp>,
    /// Values that came before this moment are too old to be judged.
    pub(crate) fresh_from: Timestamp,
}

impl<'a> Occasion<'a> {
    #[inline]
    pub(super) fn new(cx: &'a Context<'a>, trigger: Trigger, heard: Option<Timestamp>) -> Occasion<'a> {
        Occasion { cx, trigger, heard, fresh_from: cx.now.plus_ms(-usable_ms(cx.device)) }
    }
}
