//! What a parameter is worth for a device, and the chain of scopes that gave it.
//!
//! From the narrowest to the widest: the device, its groups (feeder, cabinet, catchment, grid cell, carrier cell),
//! its district, the kind, the rule's own default. The first setting that the rule can use counts; one that it
//! cannot use any more, since the rule was changed, is shown with the reason and passed over.

use std::sync::Arc;

use gengfu_model::{Device, DeviceLife, Kind, Value};
use serde::Serialize;

use crate::pack::{Pack, ParameterInfo};
use crate::parameters::Parameters;

/// A parameter of a rule: what it declares, every setting, and what a device gets.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ParameterView {
    /// The rule's id.
    pub rule: Arc<str>,
    /// The kind that it judges.
    pub kind: Kind,
    /// What the rule declares.
    #[serde(flatten)]
    pub declared: ParameterInfo,
    /// Every setting in force, by scope.
    pub settings: Vec<SettingView>,
    /// What the device that was asked for gets; `None`: none was asked for.
    pub effective: Option<EffectiveView>,
}

/// A setting of a parameter.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SettingView {
    /// Where it applies, such as `district:Yanhu`.
    pub scope: Arc<str>,
    /// The value.
    pub value: Value,
    /// How many devices of the kind are within the scope; a narrower setting may still win for some of them.
    pub devices: usize,
    /// Why the rule cannot use it; `None`: it can.
    pub unusable: Option<String>,
}

/// What a device gets, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EffectiveView {
    /// The device.
    pub device: Arc<str>,
    /// The value.
    pub value: Value,
    /// The scope that gave it; `default`: the rule.
    pub from: Arc<str>,
    /// Every scope of the device, the narrowest first.
    pub chain: Vec<ChainStep>,
}

/// One scope of a device.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChainStep {
    /// The scope, such as `group:F7`; `default` for the rule's own.
    pub scope: String,
    /// What the scope is of the device: `device`, `feeder`, `cabinet`, `catchment`, `grid`, `carrier_cell`,
    /// `district`, `kind`, `rule`.
    pub of: &'static str,
    /// The value that is set there; `None`: nothing is.
    pub value: Option<Value>,
    /// Whether this one counts.
    pub counts: bool,
    /// Why the rule cannot use it; `None`: it can, or nothing is set.
    pub unusable: Option<String>,
}

/// The scopes of a device, the narrowest first, and what each is of it.
fn scopes(device: &Device) -> Vec<(&'static str, String)> {
    let groups = [
        ("feeder", &device.feeder),
        ("cabinet", &device.cabinet),
        ("catchment", &device.catchment),
        ("grid", &device.grid),
        ("carrier_cell", &device.carrier_cell),
    ];
    let named = groups.into_iter().filter(|(_, name)| !name.is_empty());
    let mut scopes = vec![("device", format!("device:{}", device.id))];
    scopes.extend(named.map(|(of, name)| (of, format!("group:{name}"))));
    if !device.district.is_empty() {
        scopes.push(("district", format!("district:{}", device.district)));
    }
    scopes.push(("kind", "kind".to_owned()));
    scopes
}

/// Whether a device is within a scope.
#[must_use]
pub fn is_within(device: &Device, scope: &str) -> bool {
    device.life != DeviceLife::Retired && scopes(device).iter().any(|(_, own)| own == scope)
}

impl Pack {
    /// The parameters of a rule (or one of them), with their settings; `None`: there is no such rule, or it has no
    /// such parameter. `register` is every entry; `device` the one whose values are wanted.
    #[must_use]
    pub fn parameter_views<'a>(
        &self,
        parameters: &Parameters,
        rule: &str,
        name: Option<&str>,
        register: impl Iterator<Item = &'a Arc<Device>>,
        device: Option<&Device>,
    ) -> Option<Vec<ParameterView>> {
        let of_device = |kind: Kind| device.is_none_or(|device| device.kind == kind);
        let infos: Vec<_> = self.rules().iter().filter(|info| &*info.id == rule && of_device(info.kind)).collect();
        if infos.is_empty() {
            return None;
        }
        let mut views: Vec<ParameterView> = Vec::new();
        for info in infos {
            for declared in info.parameters.iter().filter(|info| name.is_none_or(|name| &*info.name == name)) {
                views.push(ParameterView {
                    rule: Arc::clone(&info.id),
                    kind: info.kind,
                    declared: declared.clone(),
                    settings: settings(parameters, rule, declared),
                    effective: device.map(|device| effective(parameters, rule, declared, device)),
                });
            }
        }
        if name.is_some() && views.is_empty() {
            return None;
        }
        for device in register {
            let of_kind = views.iter_mut().filter(|view| view.kind == device.kind);
            for setting in of_kind.flat_map(|view| &mut view.settings) {
                setting.devices += usize::from(is_within(device, &setting.scope));
            }
        }
        Some(views)
    }
}

fn settings(parameters: &Parameters, rule: &str, declared: &ParameterInfo) -> Vec<SettingView> {
    let own = parameters.iter().filter(|(of, name, _, _)| ***of == *rule && **name == declared.name);
    own.map(|(_, _, scope, value)| SettingView {
        scope: Arc::clone(scope),
        value: value.clone(),
        devices: 0,
        unusable: declared.check(value).err(),
    })
    .collect()
}

fn effective(parameters: &Parameters, rule: &str, declared: &ParameterInfo, device: &Device) -> EffectiveView {
    let mut chain = Vec::new();
    let mut found: Option<(Arc<str>, Value)> = None;
    for (of, scope) in scopes(device) {
        let value = parameters.get(rule, &declared.name, &scope).cloned();
        let unusable = value.as_ref().and_then(|value| declared.check(value).err());
        let counts = found.is_none() && value.is_some() && unusable.is_none();
        if let Some(value) = value.as_ref().filter(|_| counts) {
            found = Some((Arc::from(scope.as_str()), value.clone()));
        }
        chain.push(ChainStep { scope, of, value, counts, unusable });
    }
    let default = ChainStep {
        scope: "default".to_owned(),
        of: "rule",
        value: Some(declared.default.clone()),
        counts: found.is_none(),
        unusable: None,
    };
    chain.push(default);
    let (from, value) = found.unwrap_or_else(|| (Arc::from("default"), declared.default.clone()));
    EffectiveView { device: Arc::from(device.id.as_str()), value, from, chain }
}
