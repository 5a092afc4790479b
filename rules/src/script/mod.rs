//! From text to syntax tree. Only [`ast`] and [`tests`] know rhai's internals.

mod ast;
mod render;
mod tests;
pub(crate) mod tree;

pub(crate) use ast::{parse, place};
pub(crate) use render::render;
pub(crate) use tests::{sides, test_calls, test_functions, testable};
pub(crate) use tree::Pos;
