//! What rules cost: the time of samples, and the memory that they keep of devices. Nothing here changes a state.

use gengfu_model::DeviceId;

use super::Engine;
use super::ruling::Moment;

impl Engine {
    /// Evaluates the rules of a device once more on copies and notes what each took; `clock` gives nanoseconds.
    pub fn sample_cost(&self, device: &DeviceId, clock: &mut dyn FnMut() -> u64) {
        let Some(state) = self.find(device.as_str()).and_then(|index| self.devices.get(index as usize)) else { return };
        let moment = Moment { zone: self.zone, city: &self.city, now: self.now, seq: self.applied };
        let cx = self.ruling.context(moment, &state.device, &state.latest);
        self.ruling.pack.sample_cost(&cx, &state.rules, clock);
    }

    /// The bytes that each rule keeps of all devices, in the order of [`crate::Pack::rules`]. At most `most` devices
    /// are looked at, evenly over the register; the rest is reckoned from them.
    #[must_use]
    pub fn state_bytes(&self, most: usize) -> Vec<u64> {
        let step = self.devices.len().div_ceil(most.max(1)).max(1);
        let infos = self.ruling.pack.rules();
        let mut bytes = vec![0; infos.len()];
        for state in self.devices.iter().step_by(step) {
            // Rules are ordered by kind: those of the device's kind stand together.
            let first = infos.partition_point(|info| info.kind < state.device.kind);
            let own = self.ruling.pack.state_bytes(state.device.kind, &state.rules);
            for (sum, of_rule) in bytes.iter_mut().skip(first).zip(own) {
                *sum += of_rule * step as u64;
            }
        }
        bytes
    }
}
