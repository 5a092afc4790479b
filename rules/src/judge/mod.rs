//! Judging devices: what the engine calls for every reading, timer and sign of life.

mod count;
mod state;

use chrono_tz::Tz;
use gengfu_model::{Device, Seq, Signal, Timestamp};

pub(crate) use count::Counters;
pub(crate) use state::SlotKind;
pub use state::{MAX_WINDOW_SAMPLES, RuleState};

use crate::latest::Latest;
use crate::pack::Pack;
use crate::parameters::Parameters;

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
    /// The settings of the rules' parameters.
    pub parameters: &'a Parameters,
}

impl<'a> Context<'a> {
    /// A context of a reading that is not late, in the zone of China.
    #[must_use]
    pub fn new(device: &'a Device, latest: &'a Latest, parameters: &'a Parameters, now: Timestamp, seq: Seq) -> Self {
        let zone = chrono_tz::Asia::Shanghai;
        Context { device, latest, now, seq, late: false, inherits: false, zone, parameters }
    }
}

impl Pack {
    /// A reading was accepted in time and `cx.latest` updated. `event_time` is the reading's, `carried`
    /// has bit `n` set if the reading carries field `n`. Signals are pushed in the order of the rules.
    pub fn on_reading(
        &self,
        cx: &Context<'_>,
        event_time: Timestamp,
        carried: u32,
        state: &mut RuleState,
        out: &mut Vec<Signal>,
    ) {
    }

    /// Fires every timer of this device that is due at `cx.now`, in (rule, slot) order.
    pub fn on_timer(&self, cx: &Context<'_>, state: &mut RuleState, out: &mut Vec<Signal>) {}

    /// When this device's next timer is due: held conditions, silence, `after`, `every`.
    #[must_use]
    pub fn next_due(&self, device: &Device, state: &RuleState) -> Option<Timestamp> {
        None
    }

    /// The device came in service or was heard: silence counts from `cx.now`, and what `on_silent`
    /// raised is cleared.
    pub fn arm(&self, cx: &Context<'_>, state: &mut RuleState, out: &mut Vec<Signal>) {}
}
