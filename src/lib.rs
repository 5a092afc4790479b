//! The composition root: configuration, wiring, supervision, command line.
//!
//! This is the only place that sees every crate. It promises that the parts are started in the order
//! in which data flows against, and stopped in the order in which it flows; what a part does is that
//! part's business.

mod attachments;
pub mod cli;
pub mod config;
mod delivery;
mod downlink;
mod feed;
pub mod gateway;
pub mod handle;
mod listeners;
pub mod local;
pub mod metrics;
pub mod packs;
pub mod pipeline;
mod places_file;
mod platform_file;
mod platform_poll;
mod remote_series;
pub mod secret;
pub mod supervise;
pub mod trial;

/// Payloads, readings and signals are small blocks that one thread makes and another frees, millions a minute: a fifth
/// of a backtest's time with the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub use gateway::{Addresses, Gateway, StartError, StartOptions};
