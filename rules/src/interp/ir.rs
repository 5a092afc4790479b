//! What the interpreter does beyond the lowered form: lists, maps, loops, recursive functions.

use std::sync::Arc;

use crate::program::{BlockId, NodeId};
use crate::script::tree::LoopForm;

/// The most items of a list and entries of a map.
pub(crate) const MAX_ITEMS: usize = 1_024;

/// An expression that only the interpreter evaluates.
#[derive(Clone, Debug)]
pub(crate) enum ScriptNode {
    List(Vec<NodeId>),
    Map(Vec<(Arc<str>, NodeId)>),
    /// `of[index]`: unknown for an entry that a map does not have.
    Item {
        of: NodeId,
        index: NodeId,
    },
    Word {
        word: ListWord,
        x: NodeId,
        arg: Option<NodeId>,
    },
    /// Takes the last item off a list that is in a variable.
    Pop(u8),
    /// A call of a recursive function.
    Invoke {
        function: u16,
        args: Vec<NodeId>,
    },
    /// A value of a list or map, which must be of that type, or unknown.
    As {
        x: NodeId,
        ty: Plain,
    },
    /// What `for` runs over.
    Range {
        from: NodeId,
        to: NodeId,
        inclusive: bool,
    },
}

impl ScriptNode {
    /// What it is made of, in the order of evaluation.
    pub(crate) fn children(&self) -> Vec<NodeId> {
        match self {
            ScriptNode::List(items) | ScriptNode::Invoke { args: items, .. } => items.clone(),
            ScriptNode::Map(entries) => entries.iter().map(|(_, value)| *value).collect(),
            ScriptNode::Item { of: a, index: b } | ScriptNode::Range { from: a, to: b, .. } => vec![*a, *b],
            ScriptNode::Word { x, arg, .. } => std::iter::once(*x).chain(*arg).collect(),
            ScriptNode::As { x, .. } => vec![*x],
            ScriptNode::Pop(_) => Vec::new(),
        }
    }
}

/// A word over a list, map or text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListWord {
    Len,
    Contains,
    Keys,
}

/// A type that a value is checked for while running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plain {
    Bool,
    Int,
    /// A whole number becomes one.
    Float,
    Text,
    List,
    Map,
}

impl Plain {
    pub(crate) const ALL: [Plain; 6] = [Plain::Bool, Plain::Int, Plain::Float, Plain::Text, Plain::List, Plain::Map];
}

/// A statement that only the interpreter runs.
#[derive(Clone, Debug)]
pub(crate) enum ScriptOp {
    /// `condition` is `None` for `loop`. An unknown condition ends the loop.
    Loop {
        form: LoopForm,
        condition: Option<NodeId>,
        body: BlockId,
    },
    For {
        local: u8,
        counter: Option<u8>,
        over: NodeId,
        body: BlockId,
    },
    Break,
    Continue,
    /// Puts a value into the list or map of a variable.
    Put {
        local: u8,
        path: Vec<NodeId>,
        value: NodeId,
    },
    Push {
        local: u8,
        value: NodeId,
    },
}

/// A function that calls itself, directly or through others; other functions are copied in.
#[derive(Clone, Debug, Default)]
pub(crate) struct ScriptFunction {
    /// The variables of its arguments.
    pub(crate) parameters: Vec<u8>,
    pub(crate) block: BlockId,
    /// `None` if it has no value.
    pub(crate) value: Option<NodeId>,
}
