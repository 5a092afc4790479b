//! The test functions of a rule file, as far as rhai's own tree is needed: which there are, what they
//! call, and the sides of a condition.

use rhai::{AST, ASTNode, Expr as RhaiExpr, FnCallExpr, Stmt as RhaiStmt};

use super::ast::{MAX_DEPTH, expr, place, without_doc_comments};
use super::render::render;
use super::tree::{Expr, ExprKind, Pos};
use crate::sandbox;

/// Test functions are the interpreter's: they may loop, and the engine never runs them.
pub(crate) const TEST_PREFIX: &str = "test_";

/// A function for tests.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TestFunction {
    pub(crate) pos: Pos,
    pub(crate) name: String,
    /// With arguments it is a helper of the tests, without it is a test.
    pub(crate) arguments: usize,
}

/// A call within a test function.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) pos: Pos,
    pub(crate) name: String,
    /// A method's object counts.
    pub(crate) arguments: usize,
    /// The entries of a map literal that is the last argument.
    pub(crate) map: Vec<(String, Pos, Option<ExprKind>)>,
}

/// The file's text as the test engine compiles it; places stay.
pub(crate) fn testable(text: &str) -> String {
    without_doc_comments(text)
}

/// The test functions of a file in the order of the source, and the names of all its functions; empty
/// if it does not parse (which the checker says elsewhere).
pub(crate) fn test_functions(text: &str) -> Vec<TestFunction> {
    let Some(ast) = parsed(text) else { return Vec::new() };
    let mut found: Vec<TestFunction> = ast
        .shared_lib()
        .iter_script_fn_info()
        .filter(|(_, _, name, _, _)| name.starts_with(TEST_PREFIX))
        .map(|(_, _, name, arguments, def)| TestFunction {
            pos: place(def.body.start_position()),
            name: name.to_owned(),
            arguments,
        })
        .collect();
    found.sort();
    found
}

/// What the test functions of a file call, and the names of all functions of the file.
pub(crate) fn test_calls(text: &str) -> (Vec<Call>, Vec<String>) {
    let Some(ast) = parsed(text) else { return (Vec::new(), Vec::new()) };
    let names = ast.shared_lib().iter_script_fn_info().map(|(_, _, name, _, _)| name.to_owned()).collect();
    let mut only = ast.clone_functions_only();
    only.retain_functions(|_, _, name, _| name.starts_with(TEST_PREFIX));
    let mut calls = Vec::new();
    only.walk(&mut |path: &[ASTNode<'_>]| {
        match path.last() {
            Some(ASTNode::Stmt(RhaiStmt::FnCall(call, pos))) => calls.extend(one(call, place(*pos), false)),
            Some(ASTNode::Expr(RhaiExpr::FnCall(call, pos))) => calls.extend(one(call, place(*pos), false)),
            Some(ASTNode::Expr(RhaiExpr::MethodCall(call, pos))) => calls.extend(one(call, place(*pos), true)),
            _ => {}
        }
        true
    });
    (calls, names)
}

fn parsed(text: &str) -> Option<AST> {
    sandbox::parser(MAX_DEPTH).compile(without_doc_comments(text)).ok()
}

fn one(call: &FnCallExpr, pos: Pos, is_method: bool) -> Option<Call> {
    if call.is_operator_call() || call.is_qualified() {
        return None;
    }
    let map = match call.args.last() {
        Some(RhaiExpr::Map(map, _)) => map.0.iter(),
        _ => [].iter(),
    };
    let entry = |(key, value): &(rhai::Ident, RhaiExpr)| {
        (key.name.to_string(), place(key.pos), expr(value).ok().map(|value| value.kind))
    };
    Some(Call {
        pos,
        name: call.name.to_string(),
        arguments: call.args.len() + usize::from(is_method),
        map: map.map(entry).collect(),
    })
}

/// The parts of a condition whose values explain it: the sides of a comparison, what is negated, and
/// those of the terms of `&&` and `||`; with their source text. Literals explain nothing.
pub(crate) fn sides(condition: &RhaiExpr) -> Vec<(String, &RhaiExpr)> {
    let mut found = Vec::new();
    collect(condition, 0, &mut found);
    found
}

fn collect<'a>(condition: &'a RhaiExpr, depth: usize, out: &mut Vec<(String, &'a RhaiExpr)>) {
    match condition {
        RhaiExpr::And(terms, _) | RhaiExpr::Or(terms, _) => {
            for term in terms.iter() {
                collect(term, depth + 1, out);
            }
        }
        RhaiExpr::FnCall(call, _) if call.is_operator_call() => {
            for side in &call.args {
                collect(side, depth + 1, out);
            }
        }
        side if depth > 0 && !side.is_constant() => {
            let text = expr(side).map(|side: Expr| render(&side, true)).unwrap_or_else(|_| "it".to_owned());
            out.push((text, side));
        }
        _ => {}
    }
}
