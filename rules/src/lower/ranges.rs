//! Thresholds against the catalogue: a comparison that the field's range decides is a mistake.

use gengfu_model::{FieldType, Value as ModelValue};

use super::Lowerer;
use super::value::{Constant, Value};
use crate::program::Node;
use crate::script::tree::{Binary, Expr};

impl Lowerer<'_> {
    pub(super) fn check_threshold(&mut self, op: Binary, a: &Value, b: &Value, expr: &Expr) {
        let (op, field, limit) = match (self.range(a), self.limit(b)) {
            (Some(range), Some(limit)) => (op, range, limit),
            _ => match (self.limit(a), self.range(b)) {
                (Some(limit), Some(range)) => (op.mirrored(), range, limit),
                _ => return,
            },
        };
        let (name, unit, min, max) = field;
        if let Some(always) = decided(op, limit, min, max) {
            let answer = if always { "always" } else { "never" };
            let message = format!("`{name}` is {min} to {max} {unit}, so this is {answer} true");
            self.error(expr.pos, message.replace(" ,", ","), "take a threshold within the range");
        }
    }

    pub(super) fn check_band(&mut self, x: &Value, trip: &Value, reset: &Value) {
        let (Some((name, unit, min, max)), Some(on), Some(off)) = (self.range(x), self.limit(trip), self.limit(reset))
        else {
            return;
        };
        let high = on >= off;
        let (on_op, off_op) = if high {
            (Binary::GreaterOrEqual, Binary::LessOrEqual)
        } else {
            (Binary::LessOrEqual, Binary::GreaterOrEqual)
        };
        for (value, op, limit, what) in [(trip, on_op, on, "trips"), (reset, off_op, off, "resets")] {
            if let Some(always) = decided(op, limit, min, max) {
                let answer = if always { "always" } else { "never" };
                let message = format!("`{name}` is {min} to {max} {unit}, so the band {answer} {what}");
                self.error(value.pos, message.replace(" ,", ","), "take a threshold within the range");
            }
        }
    }

    /// The range of a value that is a field and nothing more.
    fn range(&self, value: &Value) -> Option<(&'static str, &'static str, f64, f64)> {
        let def = self.meta.kind.field_def(self.plain_field(value)?)?;
        match def.ty {
            FieldType::Number { min, max } => Some((def.name, def.unit, min, max)),
            FieldType::Integer { min, max } => Some((def.name, def.unit, min as f64, max as f64)),
            FieldType::Bool | FieldType::Text { .. } => None,
        }
    }

    /// A threshold that is known at load: a constant, or a parameter's default.
    fn limit(&self, value: &Value) -> Option<f64> {
        match &value.constant {
            Some(Constant::Int(v)) => return Some(*v as f64),
            Some(Constant::Float(v)) => return Some(*v),
            _ => {}
        }
        match self.nodes.get(usize::from(value.node)) {
            Some(Node::Parameter(index)) => match self.meta.parameters.get(usize::from(*index))?.default {
                ModelValue::Number(v) => Some(v),
                ModelValue::Bool(_) | ModelValue::Text(_) => None,
            },
            _ => None,
        }
    }
}

/// What `x op limit` is for every x of the range, if it is the same for all.
fn decided(op: Binary, limit: f64, min: f64, max: f64) -> Option<bool> {
    let (never, always) = match op {
        Binary::Greater => (limit >= max, limit < min),
        Binary::GreaterOrEqual => (limit > max, limit <= min),
        Binary::Less => (limit <= min, limit > max),
        Binary::LessOrEqual => (limit < min, limit >= max),
        Binary::Equal => (limit < min || limit > max, false),
        Binary::NotEqual => (false, limit < min || limit > max),
        _ => (false, false),
    };
    if never { Some(false) } else { always.then_some(true) }
}
