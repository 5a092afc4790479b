//! The stories of `library.rs` again, every rule forced through the interpreter.

#[path = "library.rs"]
mod library;
