//! What people look at: the HTTP API, the live stream and the console.
//!
//! Promises: nothing but health is open without a login; everything that staff change goes through
//! [`Gateway::request`] and comes back with the engine's verdict. Must not know: listeners, how
//! rules judge, how the ledger is written (it reads it).
//!
//! Where things are: `api/mod.rs` has the list of routes, `auth/` who may use them, `views/` the shapes
//! of answers, `register.rs` and `register_csv.rs` the register as people write it, `console/` the pages
//! (TypeScript, embedded by `build.rs`). To look at the pages without a gateway: `make console`, then
//! `cargo run -p gengfu-dashboards --example fake`.

pub mod accounts;
mod api;
mod assets;
pub mod auth;
pub mod error;
mod evaluation_file;
pub mod gateway;
pub mod quarantine;
pub mod register;
pub mod register_csv;
mod router;
pub mod rule_diff;
pub mod rule_text;
mod state;
pub mod time_text;
pub mod views;

pub use auth::TokenKey;
pub use auth::passwords::hash as hash_password;
pub use gateway::Gateway;
pub use router::router;
pub use state::{ApiState, Clock, Options};
