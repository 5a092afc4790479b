//! The stories of `semantics.rs` again, every rule forced through the interpreter.

#[path = "semantics.rs"]
mod semantics;
