//! What a device plays: its physics, or a recorded trace.

use std::sync::Arc;

use super::Fleet;
use crate::calendar::OFFSET_MS;
use crate::city::CityDevice;
use crate::faults::ActiveFaults;
use crate::physics::{Physics, Scene};
use crate::replay::Trace;
use crate::report::Report;

/// A recorded trace and how it is to be played.
#[derive(Clone, Debug)]
pub struct TracePart {
    /// The recorded positions.
    pub trace: Arc<Trace>,
    /// The recorded time that is played when the run starts.
    pub origin_ms: i64,
    /// Positions carry the time of playing instead of the recorded one.
    pub date_shift: bool,
}

pub(super) enum Part {
    Physics(Box<Physics>),
    Trace { part: TracePart, next: usize },
}

/// What a device says next, and when it will have something to say again.
pub(super) struct Said {
    pub(super) report: Report,
    /// Event time by the device's own understanding.
    pub(super) ts: i64,
    /// Milliseconds until it wants to speak again whatever its interval; `None`: at its interval.
    pub(super) event_in_ms: Option<i64>,
}

impl Part {
    pub(super) fn new(device: &CityDevice, fleet: &Fleet, trace: Option<TracePart>) -> Part {
        match trace {
            Some(part) => Part::Trace { part, next: 0 },
            None => Part::Physics(Box::new(Physics::new(device, fleet.options.seed, fleet.run_id))),
        }
    }

    /// Measures now; `None` when a trace is at its end.
    pub(super) fn say(&mut self, now_ms: i64, fleet: &Fleet, active: &ActiveFaults) -> Option<Said> {
        match self {
            Part::Physics(physics) => {
                let report = physics.sample(&Scene::at(now_ms, &fleet.weather, active));
                let event_in_ms = physics.next_event_ms(now_ms).map(|event_ms| event_ms - now_ms);
                Some(Said { report, ts: now_ms, event_in_ms })
            }
            Part::Trace { part, next } => {
                let position = part.trace.positions.get(*next)?;
                *next += 1;
                // The record has the local time of its place; played as it is, it is taken as the city's.
                let ts = if part.date_shift { now_ms } else { position.at_ms - OFFSET_MS };
                Some(Said { report: position.report(), ts, event_in_ms: None })
            }
        }
    }

    /// For a trace: milliseconds from the start of the run to its next position, before speed.
    /// `None` at its end.
    pub(super) fn trace_offset_ms(&self) -> Option<i64> {
        match self {
            Part::Physics(_) => None,
            Part::Trace { part, next } => part.trace.positions.get(*next).map(|next| next.at_ms - part.origin_ms),
        }
    }

    pub(super) fn is_trace(&self) -> bool {
        matches!(self, Part::Trace { .. })
    }

    pub(super) fn command(&mut self, name: &str, args: &serde_json::Value) -> bool {
        match self {
            Part::Physics(physics) => physics.command(name, args),
            Part::Trace { .. } => false,
        }
    }
}
