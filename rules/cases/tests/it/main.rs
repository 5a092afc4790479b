//! What the reducer promises, one file per promise.

mod calendar;
mod cases;
mod deadlines;
mod decisions;
mod incidents;
mod numbers;
mod outbox;
mod profile;
mod properties;
mod restore;
mod silences;
mod storms;
mod support;
mod workflow;
