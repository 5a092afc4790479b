//! The city's case platform over HTTP: cases go out, their status comes back, both at least once.
//!
//! Out: a platform is a target of the outbox like a webhook, but nothing is ever given up, and the body is what
//! the configuration's mapping makes of a case ([`mapping`]), or a CloudEvent ([`cloudevents`]). The outbox
//! row's id is the idempotency key. Back: the platform posts to the gateway, or is asked for news
//! ([`status`]); each message becomes a record of the journal under the platform's own id of it.

pub mod cloudevents;
pub mod mapping;
pub mod platform;
pub mod status;
#[cfg(test)]
mod trouble_tests;

pub use mapping::{Mapping, MappingError};
pub use platform::{Authorization, Platform, PlatformBody};
pub use status::{StatusMapping, StatusMessage};
