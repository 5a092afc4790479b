//! What a run has done, for people and for programs.

use serde::Serialize;

use crate::mqtt::Snapshot;

/// What a run has done so far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Devices that are played.
    pub devices: usize,
    /// Seconds since the start.
    pub seconds: f64,
    /// The counters.
    #[serde(flatten)]
    pub counts: Snapshot,
}

/// One plain line of progress; `before` is the summary of the line before.
#[must_use]
pub fn progress_line(now: &Summary, before: Option<&Summary>) -> String {
    let counts = &now.counts;
    let (acknowledged, seconds) = before.map_or((0, 0.0), |before| (before.counts.acknowledged, before.seconds));
    let rate = (counts.acknowledged - acknowledged) as f64 / (now.seconds - seconds).max(0.001);
    format!(
        "{:>6.0} s  devices {}  connected {}  sent {}  acknowledged {} ({rate:.0}/s)  waiting {}  lost connections {}  failed to connect {}",
        now.seconds,
        now.devices,
        counts.connected,
        counts.sent,
        counts.acknowledged,
        counts.failed,
        counts.lost,
        counts.connect_failures
    )
}
