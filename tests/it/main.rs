//! End to end: one binary, one file per promise.

mod arrows;
mod power_cut;
