//! Random rules, and what happens to the device that they judge: for the test that compares the tiers.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![allow(unreachable_pub, reason = "a module of a test")]

mod life;
mod subject;
mod terms;
mod writer;

pub use life::{Event, Life, event};
pub use subject::kind_of;
pub use terms::random_rule;
pub use writer::{write_roundabout, write_rule};
