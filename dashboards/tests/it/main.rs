//! The API as clients see it: a real server on a port of its own, a fake gateway, a real ledger.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod auth;
mod cases;
mod devices;
mod fake;
mod incidents;
mod messages;
mod rules;
mod seed;
mod server;
mod silences;
mod stream;
mod surface;
mod users;
