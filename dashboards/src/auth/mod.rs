//! Who asks: passwords, signed tokens, the limit on log-in attempts, sessions, and the roles that
//! each route needs.
//!
//! Promises: no route but the listed open ones answers without a session; an account that is
//! disabled, or whose password or roles changed, loses its sessions with the next request.

pub mod attempts;
pub mod passwords;
pub mod roles;
pub mod session;
pub mod tokens;

pub use passwords::Passwords;
pub use roles::Access;
pub use session::Session;
pub use tokens::TokenKey;
