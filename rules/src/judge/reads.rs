//! What a rule reads from outside: fields, attributes, parameters, the register.

use gengfu_model::{Device, FieldId, FieldType, Value};

use super::interval_ms;
use super::machine::{Machine, Watch};
use super::occasion::{Occasion, Trigger};
use super::quick::usable;
use super::scalar::Scalar;
use crate::latest::LatestValue;
use crate::pack::ParameterInfo;
use crate::program::{DeviceProperty, Node, NodeId, Rule};

impl<'a, W: Watch> Machine<'a, '_, W> {
    /// The latest value of a field, if it may be judged: good, and not older than 2.5 intervals.
    #[inline]
    pub(crate) fn latest(&self, field: FieldId) -> Option<&'a LatestValue> {
        usable(self.on.cx.latest, field, self.on.fresh_from)
    }

    pub(super) fn field_scalar(&self, field: FieldId) -> Scalar<'a> {
        let Some(latest) = self.latest(field) else { return Scalar::Unknown };
        let whole = matches!(self.rule.kind.field_def(field).map(|def| def.ty), Some(FieldType::Integer { .. }));
        scalar_of(&latest.value, whole)
    }

    pub(super) fn outer(&mut self, id: NodeId) -> Scalar<'a> {
        let (rule, device) = (self.rule, self.on.cx.device);
        match self.nodes.get(usize::from(id)).copied() {
            Some(Node::Local(local)) => self.locals.get(usize::from(local)).copied().unwrap_or_default(),
            Some(Node::Attribute(name)) => attribute(rule, name, device),
            Some(Node::Parameter(index)) => parameter(rule, index, self.on),
            Some(Node::Device(property)) => of_device(property, self.on),
            Some(Node::Folded { value, .. }) => Scalar::Float(value),
            Some(Node::FoldedInt { value, .. }) => Scalar::Int(value),
            _ => Scalar::Unknown,
        }
    }
}

/// An attribute of the device, by the place of its name.
pub(super) fn attribute<'a>(rule: &Rule, name: u16, device: &'a Device) -> Scalar<'a> {
    let name = rule.attributes.get(usize::from(name));
    let Some((name, value)) = name.and_then(|name| Some((name, device.attributes.get(name)?))) else {
        return Scalar::Unknown;
    };
    let is_whole = || {
        let mut known = rule.kind.def().attributes.iter().filter(|def| def.name == &**name);
        known.any(|def| matches!(def.ty, FieldType::Integer { .. }))
    };
    scalar_of(value, matches!(value, Value::Number(_)) && is_whole())
}

/// What is set of a parameter for the device, or its default.
pub(super) fn parameter<'a>(rule: &'a Rule, index: u16, on: &Occasion<'a>) -> Scalar<'a> {
    let Some(parameter) = rule.parameters.get(usize::from(index)) else { return Scalar::Unknown };
    let usable = |value: &Value| parameter.check(value).is_ok();
    let set = on.cx.parameters.nearest(&rule.id, &parameter.name, on.cx.device, usable);
    parameter_value(parameter, set.map_or(&parameter.default, |(_, value)| value))
}

/// What every device has beside its attributes.
pub(super) fn of_device<'a>(property: DeviceProperty, on: &Occasion<'a>) -> Scalar<'a> {
    let device = on.cx.device;
    match property {
        DeviceProperty::Id => Scalar::Text(device.id.as_str()),
        DeviceProperty::Name => Scalar::Text(&device.name),
        DeviceProperty::Model => Scalar::Text(&device.model),
        DeviceProperty::Asset => Scalar::Text(&device.asset_code),
        DeviceProperty::District => Scalar::Text(&device.district),
        DeviceProperty::Grid => Scalar::Text(&device.grid),
        DeviceProperty::Feeder => Scalar::Text(&device.feeder),
        DeviceProperty::Cabinet => Scalar::Text(&device.cabinet),
        DeviceProperty::Catchment => Scalar::Text(&device.catchment),
        DeviceProperty::CarrierCell => Scalar::Text(&device.carrier_cell),
        DeviceProperty::Department => Scalar::Text(&device.department),
        DeviceProperty::IntervalS => Scalar::Int(interval_ms(device) / 1_000),
        DeviceProperty::IntervalMs => Scalar::Int(interval_ms(device)),
        DeviceProperty::Silent if on.trigger == Trigger::Silent => Scalar::Bool(true),
        DeviceProperty::Silent => on.heard.map(|heard| heard < on.fresh_from).into(),
        DeviceProperty::Latitude => device.latitude.into(),
        DeviceProperty::Longitude => device.longitude.into(),
    }
}

/// A parameter's value while evaluating: a length of time is a whole number of milliseconds.
pub(crate) fn parameter_value<'a>(parameter: &ParameterInfo, value: &'a Value) -> Scalar<'a> {
    match value {
        Value::Number(seconds) if parameter.is_duration => Scalar::Int(libm::round(seconds * 1e3) as i64),
        value => scalar_of(value, false),
    }
}

pub(super) fn scalar_of(value: &Value, whole: bool) -> Scalar<'_> {
    match value {
        Value::Bool(v) => Scalar::Bool(*v),
        Value::Number(v) if whole => Scalar::Int(*v as i64),
        Value::Number(v) => Scalar::Float(*v),
        Value::Text(v) => Scalar::Text(v),
    }
}
