//! From text to syntax tree. Only [`ast`] knows rhai's internals.

mod ast;
mod render;
pub(crate) mod tree;

pub(crate) use ast::parse;
pub(crate) use render::render;
pub(crate) use tree::Pos;
