//! What people look at: the HTTP API, the live stream and the console.
//!
//! Promises: nothing but health is open without a login; everything that staff change goes through
//! [`Gateway::request`] and comes back with the engine's verdict. Must not know: listeners, how
//! rules judge, how the ledger is written (it reads it).

pub mod gateway;

pub use gateway::Gateway;
