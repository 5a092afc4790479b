//! `flapping`: how often a condition became true within a time.
//!
//! The slot is a window of edges, not of samples, so that a condition that stays as it is costs nothing:
//! a sample is taken when the condition changes, [`ROSE`] or [`FELL`]. The first known value is no change.

use gengfu_model::Timestamp;

use super::state::Slot;

/// The most changes to true that a rule may ask for: an edge each way must fit in a window.
pub(crate) const MAX_TIMES: i64 = 60;

/// The condition became true.
const ROSE: f64 = 1.0;
/// It became false, or was false at first.
const FELL: f64 = 0.0;
/// It was true at first.
const WAS_TRUE: f64 = 2.0;

/// The sample that a condition brings at a time: only a change is one. A reading from before the newest
/// change brings none.
pub(crate) fn edge(slot: &Slot, condition: bool, time: Timestamp) -> Option<f64> {
    let last = match slot {
        Slot::Window(window) => window.samples.back().copied(),
        _ => None,
    };
    match last {
        None => Some(if condition { WAS_TRUE } else { FELL }),
        Some((at, _)) if time < at => None,
        Some((_, code)) => ((code != FELL) != condition).then_some(if condition { ROSE } else { FELL }),
    }
}

/// Whether the condition became true `times` times or more from `start` (not included) to `end`. `None`
/// before its first known value.
pub(crate) fn judge(slot: &Slot, start: Timestamp, end: Timestamp, times: i64) -> Option<bool> {
    let Slot::Window(window) = slot else { return None };
    let rose = window.samples.iter().filter(|(t, code)| *code == ROSE && *t > start && *t <= end).count();
    Some(i64::try_from(rose).unwrap_or(i64::MAX) >= times)
}
