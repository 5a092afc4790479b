//! Names: variables, fields, attributes, parameters, and lengths of time.

use gengfu_model::Value as ModelValue;

use super::expr::{handle, intern};
use super::value::{Bound, Constant, Type, Value};
use super::{Lowerer, metadata};
use crate::diagnostic::did_you_mean;
use crate::program::{DeviceProperty, Node};
use crate::script::tree::{Binary, Expr, ExprKind};
use crate::script::{Pos, render};

/// What every device has beside its attributes: the name in a rule, the type, the property.
const DEVICE: [(&str, Type, DeviceProperty); 15] = [
    ("id", Type::Text, DeviceProperty::Id),
    ("name", Type::Text, DeviceProperty::Name),
    ("model", Type::Text, DeviceProperty::Model),
    ("asset_code", Type::Text, DeviceProperty::Asset),
    ("district", Type::Text, DeviceProperty::District),
    ("grid", Type::Text, DeviceProperty::Grid),
    ("feeder", Type::Text, DeviceProperty::Feeder),
    ("cabinet", Type::Text, DeviceProperty::Cabinet),
    ("catchment", Type::Text, DeviceProperty::Catchment),
    ("carrier_cell", Type::Text, DeviceProperty::CarrierCell),
    ("department", Type::Text, DeviceProperty::Department),
    ("interval_s", Type::Int, DeviceProperty::IntervalS),
    ("silent", Type::Bool, DeviceProperty::Silent),
    ("latitude", Type::Float, DeviceProperty::Latitude),
    ("longitude", Type::Float, DeviceProperty::Longitude),
];

/// The names of `dev.` that every kind has.
pub(crate) fn device_names() -> impl Iterator<Item = &'static str> + Clone {
    DEVICE.iter().map(|(name, _, _)| *name)
}

impl Lowerer<'_> {
    pub(super) fn name(&mut self, name: &str, expr: &Expr) -> Option<Value> {
        let bound = self.scope.iter().rev().find(|binding| binding.name == name).map(|binding| binding.bound.clone());
        match bound {
            Some(Bound::Constant(ty, constant)) => self.constant(ty, constant, expr),
            Some(Bound::Handle(ty)) => Some(handle(ty, expr.pos)),
            Some(Bound::Local { index, ty, reads }) => {
                let node = self.emit_for(Node::Local(index), expr)?;
                Some(Value { ty, node, constant: None, reads, stateful: false, pos: expr.pos })
            }
            Some(Bound::Table(table)) => self.expr(&Expr { pos: expr.pos, kind: table.kind }),
            Some(Bound::Broken) => None,
            None if name == "param" => Some(handle(Type::Parameters, expr.pos)),
            None => {
                let hint = if self.meta.kind.field(name).is_some() {
                    format!("a field is read as `msg.{name}`")
                } else {
                    let names: Vec<_> = self.scope.iter().map(|binding| binding.name.clone()).collect();
                    did_you_mean(name, names.iter().map(String::as_str))
                };
                self.error(expr.pos, format!("there is no `{name}` here"), hint);
                None
            }
        }
    }

    pub(super) fn property(&mut self, of: &Expr, name: &str, name_pos: Pos, expr: &Expr) -> Option<Value> {
        if let ExprKind::Int(_) | ExprKind::Float(_) = of.kind {
            return self.duration(of, name, name_pos, expr);
        }
        let of = self.expr(of)?;
        match of.ty {
            Type::Message => self.field(name, name_pos, expr),
            Type::Device => self.attribute(name, name_pos, expr),
            Type::Parameters => self.parameter(name, name_pos, expr),
            Type::Map | Type::Any => self.entry_of(of, name, name_pos, expr),
            other => {
                self.error(name_pos, format!("{} has no `{name}`", other.name()), "");
                None
            }
        }
    }

    /// `10.min`, `2.5.intervals`
    fn duration(&mut self, of: &Expr, unit: &str, unit_pos: Pos, expr: &Expr) -> Option<Value> {
        let amount = match of.kind {
            ExprKind::Int(v) => v as f64,
            ExprKind::Float(v) => v,
            _ => return None,
        };
        if unit == "intervals" {
            let text = render(expr, true);
            let interval = self.emit(Node::Device(DeviceProperty::IntervalMs), expr.pos, &text)?;
            let interval = self.emit(Node::ToFloat(interval), expr.pos, &text)?;
            let times = self.emit(Node::Float(amount), expr.pos, &text)?;
            let product = self.emit(Node::FloatOp { op: Binary::Multiply, a: times, b: interval }, expr.pos, &text)?;
            let node = self.emit(Node::ToInt(product), expr.pos, &text)?;
            return Some(Value { ty: Type::Duration, node, constant: None, reads: 0, stateful: false, pos: expr.pos });
        }
        let Some((_, ms)) = metadata::UNITS.iter().find(|(name, _)| *name == unit) else {
            let units = metadata::UNITS.iter().map(|(name, _)| *name).chain(["intervals"]);
            self.error(unit_pos, format!("there is no unit `{unit}`"), did_you_mean(unit, units));
            return None;
        };
        let total = amount * *ms as f64;
        if !(0.0..=metadata::MAX_SPAN_MS as f64).contains(&total) {
            self.error(expr.pos, "the time is too long", "a rule waits or looks back 45 days at most");
            return None;
        }
        self.constant(Type::Duration, Constant::Duration(libm::round(total) as i64), expr)
    }

    pub(super) fn field(&mut self, name: &str, name_pos: Pos, expr: &Expr) -> Option<Value> {
        let def = self.meta.kind.def();
        let Some(field) = self.meta.kind.field(name) else {
            let hint = did_you_mean(name, def.fields.iter().map(|field| field.name));
            self.error(name_pos, format!("a {} has no field `{name}`", def.en), hint);
            return None;
        };
        let ty = Type::of(def.fields.get(usize::from(field.0))?.ty);
        let reads = 1 << field.0;
        self.reads |= reads;
        let node = self.emit_for(Node::Field(field), expr)?;
        Some(Value { ty, node, constant: None, reads, stateful: false, pos: expr.pos })
    }

    pub(super) fn attribute(&mut self, name: &str, name_pos: Pos, expr: &Expr) -> Option<Value> {
        let def = self.meta.kind.def();
        let (ty, node) = if let Some((_, ty, property)) = DEVICE.iter().find(|(known, _, _)| *known == name) {
            (*ty, Node::Device(*property))
        } else if let Some(attribute) = def.attributes.iter().find(|attribute| attribute.name == name) {
            (Type::of(attribute.ty), Node::Attribute(intern(&mut self.attributes, attribute.name)?))
        } else {
            let names = def.attributes.iter().map(|attribute| attribute.name).chain(device_names());
            self.error(name_pos, format!("a {} has no attribute `{name}`", def.en), did_you_mean(name, names));
            return None;
        };
        let node = self.emit_for(node, expr)?;
        Some(Value { ty, node, constant: None, reads: 0, stateful: false, pos: expr.pos })
    }

    fn parameter(&mut self, name: &str, name_pos: Pos, expr: &Expr) -> Option<Value> {
        let meta = self.meta;
        let Some(index) = meta.parameters.iter().position(|parameter| &*parameter.name == name) else {
            let hint = did_you_mean(name, meta.parameters.iter().map(|parameter| &*parameter.name));
            self.error(name_pos, format!("the rule declares no parameter `{name}`"), hint);
            return None;
        };
        let parameter = meta.parameters.get(index)?;
        let ty = match (&parameter.default, parameter.is_duration) {
            (ModelValue::Bool(_), _) => Type::Bool,
            (_, true) => Type::Duration,
            _ => Type::Float,
        };
        let node = self.emit_for(Node::Parameter(u16::try_from(index).ok()?), expr)?;
        Some(Value { ty, node, constant: None, reads: 0, stateful: false, pos: expr.pos })
    }
}
