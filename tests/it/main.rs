//! End to end: one binary, one file per promise.

mod arrows;
mod bad_input;
mod clients;
mod clock;
mod command_line;
mod disk_full;
mod harness;
mod kill;
mod line;
mod power_cut;
mod restart;
mod webhook;
