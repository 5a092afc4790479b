//! The city that is not there: a generated city, its devices' physics, faults with ground truth, and
//! load, for demonstrations, tests and benchmarks of the gateway.
//!
//! It promises that one seed gives one city and one script, that healthy devices look healthy, and
//! that what it counts as acknowledged was acknowledged on the wire. It speaks only the wire: it knows
//! the shared nouns, and nothing of listeners, codecs, rules or stores.

pub mod calendar;
pub mod city;
pub mod cli;
pub mod clock;
pub mod faults;
pub mod history;
pub mod load;
pub mod mqtt;
pub mod physics;
pub mod replay;
pub mod report;
pub mod rng;
pub mod run;
pub mod score;
pub mod storm;
