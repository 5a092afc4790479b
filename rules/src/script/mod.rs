//! From text to syntax tree.
pub(crate) mod tree;
pub(crate) use tree::Pos;
