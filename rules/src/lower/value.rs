//! What lowering knows of an expression: its type, and its value where that is constant.

use std::sync::Arc;

use gengfu_model::FieldType;

use crate::program::NodeId;
use crate::script::Pos;

/// The type of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Bool,
    Int,
    Float,
    Text,
    /// A length of time, in whole milliseconds.
    Duration,
    /// No value: a statement.
    Unit,
    /// `msg`
    Message,
    /// `dev`
    Device,
    /// `param`
    Parameters,
}

impl Type {
    pub(super) fn name(self) -> &'static str {
        match self {
            Type::Bool => "a condition (true or false)",
            Type::Int => "a whole number",
            Type::Float => "a number",
            Type::Text => "a text",
            Type::Duration => "a length of time",
            Type::Unit => "nothing",
            Type::Message => "the message",
            Type::Device => "the device",
            Type::Parameters => "the parameters",
        }
    }

    pub(super) fn of(ty: FieldType) -> Type {
        match ty {
            FieldType::Number { .. } => Type::Float,
            FieldType::Integer { .. } => Type::Int,
            FieldType::Bool => Type::Bool,
            FieldType::Text { .. } => Type::Text,
        }
    }

    pub(super) fn is_number(self) -> bool {
        matches!(self, Type::Int | Type::Float)
    }
}

/// A value that is known at load.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Constant {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Arc<str>),
    /// In milliseconds.
    Duration(i64),
}

/// A lowered expression.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) ty: Type,
    pub(super) node: NodeId,
    pub(super) constant: Option<Constant>,
    /// The fields that it reads, as a mask.
    pub(super) reads: u32,
    /// It has a slot in it.
    pub(super) stateful: bool,
    pub(super) pos: Pos,
}

/// A name in sight.
#[derive(Clone, Debug)]
pub(super) struct Binding {
    pub(super) name: String,
    pub(super) bound: Bound,
}

#[derive(Clone, Debug)]
pub(super) enum Bound {
    /// A constant of the file, or a constant argument.
    Constant(Type, Constant),
    /// `msg`, `dev`: exists at load alone.
    Handle(Type),
    /// A variable.
    Local { index: u8, ty: Type, reads: u32 },
    /// Its definition is wrong, and that was said.
    Broken,
}
