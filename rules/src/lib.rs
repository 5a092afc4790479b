//! The rule language: a pack of `.rhai` files is parsed, checked against the catalogue, lowered, and
//! judges devices.
//!
//! Promises: everything here is a function of (state, event, now). There is no clock, no randomness,
//! no I/O and no iteration over an unordered map, so the same journal gives the same signals, live or
//! replayed. All mistakes of a pack are reported at load, with file, line, column and a hint; nothing
//! is half loaded. Judging a device does not allocate unless its state changes.
//!
//! A rule is lowered to flat typed nodes; what that cannot take (loops, lists, maps, recursion) runs in rhai's
//! interpreter with the same meaning. [`reference::reference`] writes the language's reference pages.
//!
//! It knows no transport, no store and no runtime, and it leaves incidents, groups and cases to
//! `gengfu-cases`: what comes out of here are [`gengfu_model::Signal`]s.

pub mod city;
pub mod diagnostic;
pub mod effective;
pub mod engine;
pub mod functions;
mod interp;
mod judge;
mod language;
pub mod latest;
pub mod library;
mod lower;
mod mapping;
pub mod pack;
pub mod parameters;
pub mod paused;
pub mod places;
mod program;
pub mod reference;
mod sandbox;
pub mod scaffold;
mod script;
mod template;
pub mod testing;
pub mod trial;

pub use city::City;
pub use diagnostic::{Diagnostic, Level};
pub use judge::{Context, FAULT_HALF_LIFE_MS, FAULTS_TO_QUARANTINE, MAX_WINDOW_SAMPLES, QUARANTINE_MS, RuleState};
pub use judge::{FaultNote, RuleCounts, Why, WhyKey, WhyReading, WhySlot, WhyStep, explained_by};
pub use language::Language;
pub use latest::{Latest, LatestValue};
pub use pack::{GroupInfo, Pack, ParameterInfo, RuleInfo, Tier, TierReason};
pub use parameters::{Effective, Parameters};
pub use paused::{Pause, PausedRules};
pub use places::Places;
