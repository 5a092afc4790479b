//! Lists and maps: literals, items, changes, and the words over them. They run in the interpreter.

use std::sync::Arc;

use super::Lowerer;
use super::expr::handle;
use super::value::{Bound, Constant, Item, Type, Value};
use crate::diagnostic::did_you_mean;
use crate::interp::{ListWord, MAX_ITEMS, ScriptNode, ScriptOp};
use crate::program::Node;
use crate::script::tree::{Binary, Expr, ExprKind, MapEntry};
use crate::script::{Pos, render};

/// The deepest path of an assignment into a list or map.
const MAX_PATH: usize = 2;

/// Whether a list or map is made of constants, so that a constant of the file can be it.
pub(super) fn is_table(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::List(items) => items.iter().all(is_table),
        ExprKind::Map(entries) => entries.iter().all(|entry| is_table(&entry.value)),
        ExprKind::Unary(_, x) => is_table(x),
        ExprKind::Property { of, .. } => matches!(of.kind, ExprKind::Int(_) | ExprKind::Float(_)),
        ExprKind::Bool(_) | ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Text(_) | ExprKind::Name(_) => true,
        _ => false,
    }
}

impl Lowerer<'_> {
    pub(super) fn list(&mut self, items: &[Expr], expr: &Expr) -> Option<Value> {
        self.scripted(expr.pos, "a list");
        if items.len() > MAX_ITEMS {
            self.error(expr.pos, format!("a list has at most {MAX_ITEMS} items"), "");
            return None;
        }
        let values: Vec<Option<Value>> = items.iter().map(|item| self.value(item)).collect();
        let mut values: Vec<Value> = values.into_iter().collect::<Option<_>>()?;
        let numbers = values.iter().all(|value| value.ty.is_number());
        let first = values.first().map_or(Type::Any, |value| value.ty);
        let item = if values.iter().all(|value| value.ty == first) {
            Item::of(first)
        } else if numbers {
            values = values.into_iter().map(|value| self.expect(value, Type::Float)).collect::<Option<_>>()?;
            Item::Float
        } else {
            Item::Any
        };
        let nodes = values.iter().map(|value| value.node).collect();
        self.script_value(ScriptNode::List(nodes), &values.iter().collect::<Vec<_>>(), Type::List(item), expr)
    }

    pub(super) fn map(&mut self, entries: &[MapEntry], expr: &Expr) -> Option<Value> {
        self.scripted(expr.pos, "a map");
        let values: Vec<Option<Value>> = entries.iter().map(|entry| self.value(&entry.value)).collect();
        let values: Vec<Value> = values.into_iter().collect::<Option<_>>()?;
        let named = entries.iter().zip(&values).map(|(entry, value)| (Arc::from(entry.key.as_str()), value.node));
        let node = ScriptNode::Map(named.collect());
        self.script_value(node, &values.iter().collect::<Vec<_>>(), Type::Map, expr)
    }

    pub(super) fn item(&mut self, of: &Expr, index: &Expr, expr: &Expr) -> Option<Value> {
        self.scripted(expr.pos, "an item of a list or map");
        let of = self.value(of)?;
        let (index, ty) = match of.ty {
            Type::List(item) => (self.typed(index, Type::Int)?, item.ty()),
            Type::Map => (self.typed(index, Type::Text)?, Type::Any),
            Type::Any => (self.value(index)?, Type::Any),
            other => {
                self.error(of.pos, format!("{} has no items", other.name()), "");
                return None;
            }
        };
        let node = ScriptNode::Item { of: of.node, index: index.node };
        self.script_value(node, &[&of, &index], ty, expr)
    }

    /// `map.name`
    pub(super) fn entry_of(&mut self, of: Value, name: &str, name_pos: Pos, expr: &Expr) -> Option<Value> {
        let key = Expr { pos: name_pos, kind: ExprKind::Text(name.to_owned()) };
        let key = self.constant(Type::Text, Constant::Text(Arc::from(name)), &key)?;
        let node = ScriptNode::Item { of: of.node, index: key.node };
        self.script_value(node, &[&of], Type::Any, expr)
    }

    pub(super) fn length(&mut self, x: &Expr, expr: &Expr) -> Option<Value> {
        self.scripted(expr.pos, "`len`");
        let x = self.value(x)?;
        if !x.ty.may_be_list() && x.ty != Type::Text {
            self.error(x.pos, format!("{} has no length", x.ty.name()), "lists, maps and texts have");
            return None;
        }
        let node = ScriptNode::Word { word: ListWord::Len, x: x.node, arg: None };
        self.script_value(node, &[&x], Type::Int, expr)
    }

    pub(super) fn contains(&mut self, x: &Expr, wanted: &Expr, expr: &Expr) -> Option<Value> {
        self.scripted(expr.pos, "`contains`");
        let (x, wanted) = (self.value(x), self.value(wanted));
        let (x, mut wanted) = (x?, wanted?);
        match x.ty {
            Type::List(Item::Any) | Type::Any => {}
            Type::List(item) => wanted = self.expect(wanted, item.ty())?,
            Type::Map | Type::Text => wanted = self.expect(wanted, Type::Text)?,
            other => {
                self.error(x.pos, format!("{} contains nothing", other.name()), "lists, maps and texts do");
                return None;
            }
        }
        let node = ScriptNode::Word { word: ListWord::Contains, x: x.node, arg: Some(wanted.node) };
        self.script_value(node, &[&x, &wanted], Type::Bool, expr)
    }

    pub(super) fn keys(&mut self, x: &Expr, expr: &Expr) -> Option<Value> {
        self.scripted(expr.pos, "`keys`");
        let x = self.typed(x, Type::Map)?;
        let node = ScriptNode::Word { word: ListWord::Keys, x: x.node, arg: None };
        self.script_value(node, &[&x], Type::List(Item::Text), expr)
    }

    /// The variable that holds a list or map, with its type.
    fn variable(&mut self, expr: &Expr, what: &str) -> Option<(u8, Type)> {
        if let ExprKind::Name(name) = &expr.kind {
            let binding = self.scope.iter().rev().find(|binding| binding.name == *name);
            match binding.map(|binding| &binding.bound) {
                Some(Bound::Local { index, ty, .. }) if ty.may_be_list() => return Some((*index, *ty)),
                Some(Bound::Broken) => return None,
                Some(_) => {}
                None => {
                    let names: Vec<_> = self.scope.iter().map(|binding| binding.name.clone()).collect();
                    let hint = did_you_mean(name, names.iter().map(String::as_str));
                    self.error(expr.pos, format!("there is no `{name}` here"), hint);
                    return None;
                }
            }
        }
        self.error(
            expr.pos,
            format!("{what} a list or map that is in a variable"),
            "begin it with let, such as let list = [];",
        );
        None
    }

    fn adds_reads(&mut self, local: u8, value: &Value) {
        for binding in &mut self.scope {
            if let Bound::Local { index, reads, .. } = &mut binding.bound
                && *index == local
            {
                *reads |= value.reads;
            }
        }
        if let Some(sources) = self.local_sources.get_mut(usize::from(local)) {
            sources.push(value.node);
        }
    }

    pub(super) fn push_item(&mut self, list: &Expr, value: &Expr, expr: &Expr) -> Option<Value> {
        self.scripted(expr.pos, "`push`");
        let (local, ty) = self.variable(list, "`push` takes")?;
        let value = match ty {
            Type::List(Item::Any) | Type::Any => self.value(value)?,
            Type::List(item) => self.typed(value, item.ty())?,
            other => {
                self.error(list.pos, format!("`push` takes a list, this is {}", other.name()), "");
                return None;
            }
        };
        self.adds_reads(local, &value);
        self.push_script(ScriptOp::Push { local, value: value.node });
        Some(handle(Type::Unit, expr.pos))
    }

    pub(super) fn pop_item(&mut self, list: &Expr, expr: &Expr) -> Option<Value> {
        self.scripted(expr.pos, "`pop`");
        let (local, ty) = self.variable(list, "`pop` takes")?;
        let Type::List(item) = ty else {
            self.error(list.pos, format!("`pop` takes a list, this is {}", ty.name()), "");
            return None;
        };
        let popped = self.script_value(ScriptNode::Pop(local), &[], item.ty(), expr)?;
        // It changes the list: it is done where it stands, whatever becomes of the value.
        let text = render(expr, true);
        let Bound::Local { index, .. } = self.bind(popped.clone())? else { return None };
        let node = self.emit(Node::Local(index), expr.pos, &text)?;
        Some(Value { node, ..popped })
    }

    /// `name[index] = value`
    pub(super) fn put(&mut self, place: &Expr, op: Option<Binary>, value: &Expr, pos: Pos) -> Option<()> {
        self.scripted(pos, "a change of a list or map");
        let value = match op {
            None => value.clone(),
            Some(op) => Expr { pos, kind: ExprKind::Binary(op, Box::new(place.clone()), Box::new(value.clone())) },
        };
        let mut path = Vec::new();
        let mut base = place;
        loop {
            base = match &base.kind {
                ExprKind::Index { of, index } => {
                    path.push((**index).clone());
                    of
                }
                ExprKind::Property { of, name, name_pos } => {
                    path.push(Expr { pos: *name_pos, kind: ExprKind::Text(name.clone()) });
                    of
                }
                _ => break,
            };
        }
        path.reverse();
        let (local, ty) = self.variable(base, "only an item changes of")?;
        if path.len() > MAX_PATH {
            self.error(place.pos, format!("an item lies at most {MAX_PATH} deep"), "");
            return None;
        }
        let mut of = ty;
        let mut indices = Vec::new();
        for index in &path {
            let (wanted, item) = match of {
                Type::List(item) => (Some(Type::Int), item.ty()),
                Type::Map => (Some(Type::Text), Type::Any),
                _ => (None, Type::Any),
            };
            indices.push(match wanted {
                Some(wanted) => self.typed(index, wanted)?,
                None => self.value(index)?,
            });
            of = item;
        }
        let value = self.value(&value)?;
        let value = self.expect(value, of)?;
        self.adds_reads(local, &value);
        let path = indices.iter().map(|index| index.node).collect();
        self.push_script(ScriptOp::Put { local, path, value: value.node });
        Some(())
    }
}
