//! End to end: one binary, one file per promise.

mod arrows;
mod clients;
mod command_line;
mod commands;
mod harness;
mod kill;
mod line;
mod power_cut;
