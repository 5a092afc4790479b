//! Faults that are played on purpose, and the ground truth about them.
//!
//! A fault acts on one device (or on all lamps of a feeder, all devices of a carrier cell, all covers
//! of a catchment) for a time. What was injected is written as JSON lines, so that `gengfu-sim score`
//! can say what a rule pack found, missed and made up.

mod kind;
mod script;
mod truth;

pub use kind::{FAULTS, FaultDef, FaultKind, Target};
pub use script::{FaultSpec, Injection, ScriptError, Window, demo_script, parse_duration_ms, plan};
pub use truth::{Truth, TruthWriter, read_truth};

/// A lamp that loses its supply can speak for so many seconds more, from its capacitor.
pub const LAST_GASP_S: f64 = 4.0;

/// The faults that act on a device at one moment, each with the seconds since it began.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ActiveFaults {
    active: Vec<(FaultKind, f64)>,
}

impl ActiveFaults {
    /// These faults, with the seconds since each began.
    #[must_use]
    pub fn of(active: &[(FaultKind, f64)]) -> ActiveFaults {
        ActiveFaults { active: active.to_vec() }
    }

    /// Replaces the set by the windows that are open at `offset_ms` from the start of the run.
    pub fn update(&mut self, windows: &[Window], offset_ms: i64) {
        self.active.clear();
        let open = windows.iter().filter(|window| (window.from_ms..window.to_ms).contains(&offset_ms));
        self.active.extend(open.map(|window| (window.kind, (offset_ms - window.from_ms) as f64 / 1_000.0)));
    }

    /// Whether the same faults act in both sets, however long.
    #[must_use]
    pub fn same_kinds(&self, other: &ActiveFaults) -> bool {
        self.active.len() == other.active.len() && self.active.iter().all(|(kind, _)| other.has(*kind))
    }

    /// Whether this fault acts now.
    #[must_use]
    pub fn has(&self, kind: FaultKind) -> bool {
        self.elapsed_s(kind).is_some()
    }

    /// Seconds since this fault began, if it acts now.
    #[must_use]
    pub fn elapsed_s(&self, kind: FaultKind) -> Option<f64> {
        self.active.iter().find(|(active, _)| *active == kind).map(|(_, elapsed_s)| *elapsed_s)
    }

    /// The shortest time between two reports that the acting faults ask for, in seconds.
    #[must_use]
    pub fn cadence_s(&self) -> Option<u32> {
        self.active.iter().filter_map(|(kind, _)| kind.def().cadence_s).min()
    }

    /// Whether the device says nothing: dead, without network, or without supply after its last gasp.
    #[must_use]
    pub fn mute(&self) -> bool {
        let unfed = self.elapsed_s(FaultKind::FeederOutage).is_some_and(|elapsed_s| elapsed_s >= LAST_GASP_S);
        unfed || self.has(FaultKind::Silence) || self.has(FaultKind::CellOutage)
    }

    /// Whether the device cannot connect; it may still measure, and keep what it would say.
    #[must_use]
    pub fn offline(&self) -> bool {
        self.mute() || self.has(FaultKind::Backlog)
    }

    /// By how much the device's clock is wrong, in milliseconds.
    #[must_use]
    pub fn clock_error_ms(&self) -> i64 {
        self.active.iter().map(|(kind, _)| kind.def().clock_error_ms).sum()
    }
}
