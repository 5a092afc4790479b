//! What the reducer promises, one file per promise.

mod calendar;
mod cases;
mod deadlines;
mod decisions;
mod duty;
mod incidents;
mod numbers;
mod outbox;
mod profile;
mod properties;
mod restore;
mod storms;
mod support;
mod workflow;
