//! Settings of the rules' parameters, and which of them a device gets.
//!
//! A parameter is declared by its rule (default, limits, unit); staff set it for a scope. The nearest
//! scope wins: device, then group, district, kind, then the rule's default. A `group:NAME` setting is
//! for the devices whose feeder, cabinet, catchment, grid cell or carrier cell (looked at in that order)
//! is `NAME`.

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_model::{Device, Value};

/// Every setting of every parameter. Ordered maps: a replay walks them in the same order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameters {
    by_rule: BTreeMap<Arc<str>, BTreeMap<Arc<str>, Scopes>>,
    /// The marks of the rules that have settings.
    marks: u64,
}

/// The settings of one parameter, by scope.
pub(crate) type Scopes = BTreeMap<Arc<str>, Value>;

/// The value of a parameter for one device, and where it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Effective {
    /// The value: a number, a number of seconds for a duration, or yes or no.
    pub value: Value,
    /// The scope that gave it, such as `district:Yanhu`; `default` for the rule's own.
    pub from: Arc<str>,
}

impl Parameters {
    /// Whether a text is a scope: `kind`, `district:NAME`, `group:NAME` or `device:ID`.
    #[must_use]
    pub fn is_scope(scope: &str) -> bool {
        scope == "kind"
            || ["district:", "group:", "device:"]
                .iter()
                .any(|prefix| scope.strip_prefix(prefix).is_some_and(|name| !name.is_empty()))
    }

    /// Sets a parameter for a scope, or takes the setting away with `None`. The value is not checked
    /// here (see [`crate::Pack::check_parameter`]): one that its rule cannot use is passed over.
    pub fn set(&mut self, rule: &Arc<str>, name: &Arc<str>, scope: &Arc<str>, value: Option<Value>) {
        if let Some(value) = value {
            let names = self.by_rule.entry(Arc::clone(rule)).or_default();
            names.entry(Arc::clone(name)).or_default().insert(Arc::clone(scope), value);
        } else if let Some(names) = self.by_rule.get_mut(rule) {
            if let Some(scopes) = names.get_mut(name) {
                scopes.remove(scope);
            }
            names.retain(|_, scopes| !scopes.is_empty());
            self.by_rule.retain(|_, names| !names.is_empty());
        }
        self.marks = self.by_rule.keys().fold(0, |marks, rule| marks | Parameters::mark(rule));
    }

    /// A rule's id as one bit of 64.
    pub(crate) fn mark(rule: &str) -> u64 {
        // FNV-1a, of which the upper bits are mixed best.
        let hash = rule
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        1 << (hash >> 58)
    }

    /// Whether anything may be set for a rule with that mark: asked at every evaluation, and mostly no.
    #[inline]
    pub(crate) fn may_set(&self, mark: u64) -> bool {
        self.marks & mark != 0
    }

    /// What is set for a rule, by name and scope.
    pub(crate) fn of_rule(&self, rule: &str) -> Option<&BTreeMap<Arc<str>, Scopes>> {
        self.by_rule.get(rule)
    }

    /// Whether nothing is set at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_rule.is_empty()
    }

    /// The settings, ordered by rule, name and scope.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<str>, &Arc<str>, &Value)> {
        self.by_rule.iter().flat_map(|(rule, names)| {
            names.iter().flat_map(move |(name, scopes)| scopes.iter().map(move |(scope, v)| (rule, name, scope, v)))
        })
    }

    /// What is set for exactly that scope.
    #[must_use]
    pub fn get(&self, rule: &str, name: &str, scope: &str) -> Option<&Value> {
        self.by_rule.get(rule)?.get(name)?.get(scope)
    }

    /// The nearest setting for a device that `usable` takes, with its scope.
    pub(crate) fn nearest(
        &self,
        rule: &str,
        name: &str,
        device: &Device,
        usable: impl Fn(&Value) -> bool,
    ) -> Option<(&Arc<str>, &Value)> {
        let scopes = self.by_rule.get(rule)?.get(name)?;
        let groups = [&device.feeder, &device.cabinet, &device.catchment, &device.grid, &device.carrier_cell];
        let wanted = std::iter::once(("device:", device.id.as_str()))
            .chain(groups.into_iter().map(|group| ("group:", group.as_ref())))
            .chain([("district:", device.district.as_ref()), ("kind", "")]);
        wanted
            .filter_map(|(prefix, name)| scopes.iter().find(|(scope, _)| scope.strip_prefix(prefix) == Some(name)))
            .find(|(_, value)| usable(value))
    }
}
