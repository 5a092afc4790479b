//! What is asked about the rules' parameters: read only.

use super::Engine;
use crate::effective::{ParameterView, is_within};

impl Engine {
    /// The parameters of a rule, or the one of that name, with every setting; for a device, what it gets and why.
    /// `None`: no such device, no rule of that id for its kind, or no such parameter.
    #[must_use]
    pub fn parameters_of(&self, rule: &str, name: Option<&str>, device: Option<&str>) -> Option<Vec<ParameterView>> {
        let device = match device {
            Some(id) => Some(&self.devices[self.find(id)? as usize].device),
            None => None,
        };
        self.ruling.pack.parameter_views(
            &self.ruling.parameters,
            rule,
            name,
            self.register(),
            device.map(AsRef::as_ref),
        )
    }

    /// How many devices that a rule judges are within a scope: `None` if there is no such rule.
    #[must_use]
    pub fn devices_within(&self, rule: &str, scope: &str) -> Option<usize> {
        let kinds: Vec<_> =
            self.ruling.pack.rules().iter().filter(|info| &*info.id == rule).map(|info| info.kind).collect();
        let judged = self.register().filter(|device| kinds.contains(&device.kind) && is_within(device, scope));
        (!kinds.is_empty()).then(|| judged.count())
    }
}
