//! What the reducer promises, one file per promise.

mod attachments;
mod calendar;
mod cases;
mod causes;
mod clocks;
mod deadlines;
mod decisions;
mod duty;
mod groups;
mod incidents;
mod numbers;
mod outbox;
mod profile;
mod properties;
mod reports;
mod restore;
mod silences;
mod storm_extent;
mod storm_load;
mod storms;
mod support;
mod verification;
mod workflow;
