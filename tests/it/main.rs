//! End to end: one binary, one file per promise.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod arrows;
mod backup;
mod clients;
mod command_line;
mod docs;
mod harness;
mod kill;
mod line;
mod power_cut;
