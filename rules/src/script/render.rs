//! Expressions as text: for explanations, and without their numbers as identity of slots.

use super::tree::{Block, Expr, ExprKind, StmtKind, Unary};

/// The expression in one line; with `numbers: false` every number is `#`, so that tuning one does
/// not change the text.
pub(crate) fn render(expr: &Expr, numbers: bool) -> String {
    let mut out = String::new();
    Renderer { numbers, out: &mut out }.expr(expr, 0);
    out
}

struct Renderer<'a> {
    numbers: bool,
    out: &'a mut String,
}

impl Renderer<'_> {
    fn number(&mut self, text: &str) {
        self.out.push_str(if self.numbers { text } else { "#" });
    }

    /// `outer` is how strongly the surrounding operator binds.
    fn expr(&mut self, expr: &Expr, outer: u8) {
        match &expr.kind {
            ExprKind::Unit => self.out.push_str("()"),
            ExprKind::Bool(v) => self.out.push_str(if *v { "true" } else { "false" }),
            ExprKind::Int(v) => self.number(&v.to_string()),
            ExprKind::Float(v) => self.number(&format!("{v:?}")),
            ExprKind::Text(v) => self.out.push_str(&format!("{v:?}")),
            ExprKind::Name(name) => self.out.push_str(name),
            ExprKind::List(items) => {
                self.out.push('[');
                self.list(items, ", ", 0);
                self.out.push(']');
            }
            ExprKind::Index { of, index } => {
                self.expr(of, 9);
                self.out.push('[');
                self.expr(index, 0);
                self.out.push(']');
            }
            ExprKind::Range { from, to, inclusive } => {
                self.expr(from, 4);
                self.out.push_str(if *inclusive { "..=" } else { ".." });
                self.expr(to, 4);
            }
            ExprKind::Map(entries) => {
                self.out.push_str("#{ ");
                for (i, entry) in entries.iter().enumerate() {
                    self.out.push_str(if i > 0 { ", " } else { "" });
                    self.out.push_str(&entry.key);
                    self.out.push_str(": ");
                    self.expr(&entry.value, 0);
                }
                self.out.push_str(" }");
            }
            ExprKind::Property { of, name, .. } => {
                if !self.numbers && matches!(of.kind, ExprKind::Int(_) | ExprKind::Float(_)) {
                    return self.out.push('#');
                }
                self.expr(of, 9);
                self.out.push('.');
                self.out.push_str(name);
            }
            ExprKind::Call { name, args } => {
                self.out.push_str(name);
                self.out.push('(');
                self.list(args, ", ", 0);
                self.out.push(')');
            }
            ExprKind::Unary(op, x) => {
                self.out.push(if *op == Unary::Not { '!' } else { '-' });
                self.expr(x, 8);
            }
            ExprKind::Binary(op, a, b) => self.grouped(op.strength() < outer, |r| {
                r.expr(a, op.strength());
                r.out.push_str(&format!(" {} ", op.symbol()));
                r.expr(b, op.strength() + 1);
            }),
            ExprKind::And(terms) => self.grouped(outer > 2, |r| r.list(terms, " && ", 2)),
            ExprKind::Or(terms) => self.grouped(outer > 1, |r| r.list(terms, " || ", 1)),
            ExprKind::If(branch) => {
                self.out.push_str("if ");
                self.expr(&branch.condition, 0);
                self.block(&branch.then);
                if let Some(otherwise) = &branch.otherwise {
                    self.out.push_str(" else");
                    self.block(otherwise);
                }
            }
            ExprKind::Block(block) => self.block(block),
        }
    }

    fn grouped(&mut self, parentheses: bool, inside: impl FnOnce(&mut Self)) {
        if parentheses {
            self.out.push('(');
        }
        inside(self);
        if parentheses {
            self.out.push(')');
        }
    }

    fn list(&mut self, items: &[Expr], between: &str, outer: u8) {
        for (i, item) in items.iter().enumerate() {
            self.out.push_str(if i > 0 { between } else { "" });
            self.expr(item, outer);
        }
    }

    /// A block shows its last value only: what comes before has lines of its own.
    fn block(&mut self, block: &Block) {
        self.out.push_str(" { ");
        match block.statements.split_last() {
            Some((last, before)) => {
                self.out.push_str(if before.is_empty() { "" } else { ".. " });
                match &last.kind {
                    StmtKind::Expr(value) => self.expr(value, 0),
                    _ => self.out.push_str(".."),
                }
            }
            None => self.out.push_str("()"),
        }
        self.out.push_str(" }");
    }
}
