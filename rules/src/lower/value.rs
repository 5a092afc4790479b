//! What lowering knows of an expression: its type, and its value where that is constant.

use std::sync::Arc;

use gengfu_model::FieldType;

use crate::program::NodeId;
use crate::script::Pos;
use crate::script::tree::Expr;

/// The type of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Bool,
    Int,
    Float,
    Text,
    /// A length of time, in whole milliseconds.
    Duration,
    /// A list, with the type of its items. In the interpreter alone, as are the next two.
    List(Item),
    Map,
    /// An item whose type is found out while running.
    Any,
    /// No value: a statement.
    Unit,
    /// `msg`
    Message,
    /// `dev`
    Device,
    /// `param`
    Parameters,
}

/// The type of a list's items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Any,
    Bool,
    Int,
    Float,
    Text,
    Duration,
}

impl Item {
    pub(super) fn of(ty: Type) -> Item {
        match ty {
            Type::Bool => Item::Bool,
            Type::Int => Item::Int,
            Type::Float => Item::Float,
            Type::Text => Item::Text,
            Type::Duration => Item::Duration,
            _ => Item::Any,
        }
    }

    pub(super) fn ty(self) -> Type {
        match self {
            Item::Any => Type::Any,
            Item::Bool => Type::Bool,
            Item::Int => Type::Int,
            Item::Float => Type::Float,
            Item::Text => Type::Text,
            Item::Duration => Type::Duration,
        }
    }
}

impl Type {
    pub(super) fn name(self) -> &'static str {
        match self {
            Type::Bool => "a condition (true or false)",
            Type::Int => "a whole number",
            Type::Float => "a number",
            Type::Text => "a text",
            Type::Duration => "a length of time",
            Type::List(_) => "a list",
            Type::Map => "a map",
            Type::Any => "an item of any type",
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

    /// Whether a variable of the type may hold a list or map.
    pub(super) fn may_be_list(self) -> bool {
        matches!(self, Type::List(_) | Type::Map | Type::Any)
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
    /// A constant list or map of the file: written out where it is used.
    Table(Box<Expr>),
    /// Its definition is wrong, and that was said.
    Broken,
}
