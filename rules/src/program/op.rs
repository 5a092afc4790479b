//! Statements of a lowered rule.

use super::{BlockId, NodeId};

/// A statement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Op {
    Set {
        local: u8,
        value: NodeId,
        /// The variable begins here.
        new: bool,
    },
    If {
        condition: NodeId,
        then: BlockId,
        otherwise: BlockId,
    },
    /// Raise while the condition holds, clear when it does not.
    Incident {
        effect: u16,
        condition: NodeId,
    },
    Raise {
        effect: u16,
    },
    Clear {
        effect: u16,
    },
    After {
        slot: u16,
        wait: NodeId,
    },
    Cancel {
        slot: u16,
    },
    /// An index into the rule's commands.
    Command {
        command: u16,
    },
    /// Evaluated for its slots.
    Evaluate(NodeId),
    /// The body of a function without a value: `return` ends it alone.
    Call(BlockId),
    Return,
    /// Only in the interpreter; an index into the rule's `script_ops`.
    Script(u16),
}

impl Op {
    /// The statement with other expressions: `f` is called for each, in the order of evaluation. What
    /// stands in blocks, in effects and in `script_ops` is not among them.
    pub(crate) fn map(self, f: &mut impl FnMut(NodeId) -> NodeId) -> Op {
        match self {
            Op::Set { local, value, new } => Op::Set { local, value: f(value), new },
            Op::If { condition, then, otherwise } => Op::If { condition: f(condition), then, otherwise },
            Op::Incident { effect, condition } => Op::Incident { effect, condition: f(condition) },
            Op::After { slot, wait } => Op::After { slot, wait: f(wait) },
            Op::Evaluate(node) => Op::Evaluate(f(node)),
            Op::Raise { .. }
            | Op::Clear { .. }
            | Op::Cancel { .. }
            | Op::Command { .. }
            | Op::Call(_)
            | Op::Return
            | Op::Script(_) => self,
        }
    }
}
