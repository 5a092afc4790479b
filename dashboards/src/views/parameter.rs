//! The rules' parameters, as the engine explains them.

use gengfu_model::Kind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The parameters of a rule.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ParametersView {
    /// In the order of the rule's source.
    pub items: Vec<ParameterView>,
}

/// A parameter: what the rule declares, every setting, and what a device gets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ParameterView {
    /// The rule's id.
    pub rule: String,
    /// The kind that it judges.
    #[schema(value_type = String)]
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// The rule's own value: a number, a number of seconds for a length of time, or `true` or `false`.
    #[schema(value_type = Object)]
    pub default: serde_json::Value,
    /// The smallest setting.
    pub min: Option<f64>,
    /// The largest setting.
    pub max: Option<f64>,
    /// The unit as people write it; `s` for a length of time.
    pub unit: String,
    /// Whether it is a length of time.
    pub is_duration: bool,
    /// Every setting, by scope.
    pub settings: Vec<SettingView>,
    /// What the device of the question gets; `null`: none was asked for.
    pub effective: Option<EffectiveView>,
}

/// A setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SettingView {
    /// Where it applies.
    pub scope: String,
    /// The value.
    #[schema(value_type = Object)]
    pub value: serde_json::Value,
    /// How many devices of the kind are within the scope.
    pub devices: usize,
    /// Why the rule cannot use it; `null`: it can.
    pub unusable: Option<String>,
}

/// What a device gets, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EffectiveView {
    /// The device.
    pub device: String,
    /// The value.
    #[schema(value_type = Object)]
    pub value: serde_json::Value,
    /// The scope that gave it; `default`: the rule.
    pub from: String,
    /// Every scope of the device, the narrowest first: `scope, of, value, counts, unusable`.
    pub chain: Vec<serde_json::Value>,
}
