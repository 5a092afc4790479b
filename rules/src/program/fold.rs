//! Folding: what a part of a rule comes to that has no inputs but constants and parameters that nobody has set.

use super::{Node, NodeId, Rule};
use crate::judge::Scalar;
use crate::judge::number::{float_op, int_op, math};
use crate::judge::parameter_value;

/// A value, and the operations that its nodes count.
type Known<T> = (T, u16);

/// The rule's nodes with each parameter's default in its place, folded. What would fail stays as it is.
pub(super) fn by_default(rule: &Rule) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::with_capacity(rule.nodes.len());
    for node in &rule.nodes {
        // Children come first: theirs are folded.
        let folded = folded(rule, *node, &nodes).unwrap_or(*node);
        nodes.push(folded);
    }
    nodes
}

fn folded(rule: &Rule, node: Node, known: &[Node]) -> Option<Node> {
    let float = |id: NodeId| float_of(*known.get(usize::from(id))?);
    let int = |id: NodeId| int_of(*known.get(usize::from(id))?);
    let of_float = |value: f64, cost: u16| Some(Node::Folded { value, cost: cost + 1 });
    let of_int = |value: i64, cost: u16| Some(Node::FoldedInt { value, cost: cost + 1 });
    match node {
        Node::Parameter(number) => {
            let parameter = rule.parameters.get(usize::from(number))?;
            match parameter_value(parameter, &parameter.default) {
                Scalar::Float(value) => of_float(value, 0),
                Scalar::Int(value) => of_int(value, 0),
                Scalar::Bool(_) | Scalar::Text(_) | Scalar::Unknown => None,
            }
        }
        Node::ToFloat(x) => int(x).and_then(|(x, cost)| of_float(x as f64, cost)),
        Node::NegateFloat(x) => float(x).and_then(|(x, cost)| of_float(-x, cost)),
        Node::NegateInt(x) => int(x).and_then(|(x, cost)| of_int(x.checked_neg()?, cost)),
        Node::Math { f, x } => {
            let (x, cost) = float(x)?;
            of_float(math(f, x)?, cost)
        }
        Node::FloatOp { op, a, b } => {
            let ((a, first), (b, second)) = (float(a)?, float(b)?);
            of_float(float_op(op, a, b), first + second)
        }
        Node::IntOp { op, a, b } => {
            let ((a, first), (b, second)) = (int(a)?, int(b)?);
            of_int(int_op(op, a, b).ok()?, first + second)
        }
        Node::Smaller { a, b } => {
            let ((a, first), (b, second)) = (float(a)?, float(b)?);
            of_float(a.min(b), first + second)
        }
        Node::Larger { a, b } => {
            let ((a, first), (b, second)) = (float(a)?, float(b)?);
            of_float(a.max(b), first + second)
        }
        _ => None,
    }
}

/// A constant number.
pub(super) fn float_of(node: Node) -> Option<Known<f64>> {
    match node {
        Node::Float(value) => Some((value, 1)),
        Node::Folded { value, cost } => Some((value, cost)),
        _ => None,
    }
}

/// A constant whole number.
pub(super) fn int_of(node: Node) -> Option<Known<i64>> {
    match node {
        Node::Int(value) => Some((value, 1)),
        Node::FoldedInt { value, cost } => Some((value, cost)),
        _ => None,
    }
}
