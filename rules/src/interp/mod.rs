//! The interpreter tier: what cannot be lowered runs in rhai's interpreter, with the same meaning.
//!
//! An entry function with loops, lists, maps or recursion is checked and lowered like any other; then
//! [`print`](print()) turns its lowered form into a script. So both tiers share the types, the catalogue's
//! checks, the identity of slots, the words with memory (which the script calls as "sites", evaluated by
//! the lowered tier's own machine) and the nodes that an explanation shows. What rhai does itself is
//! control flow, variables, comparison and arithmetic; `if`, `&&`, `||` and `!` are printed as
//! three-valued forms, and unknown is a value of its own type.
//!
//! Promises: judging is pure. What stays between messages is a cache ([`run`](mod@run)): the compiled
//! script, its scope with the places for what it reads, and rhai's caches of functions.
//! Only [`run`](mod@run) and [`words`] use rhai's `internals`, beside the parser.

mod ir;
mod print;
mod run;
mod unknown;
mod words;

pub(crate) use ir::{ListWord, MAX_ITEMS, Plain, ScriptFunction, ScriptNode, ScriptOp};
pub(crate) use print::{MAX_ARGUMENTS, Script, Site, print};
pub(crate) use run::{Host, compiles, evaluate};
pub(crate) use unknown::{Owned, dynamic as to_dynamic};
