//! The sheets of one day, of the devices whose day is not in the ledger yet.
//!
//! A device's day is written into the ledger with its first message of a later day; until then it is counted here.

use chrono::NaiveDate;
use gengfu_model::{Device, DeviceId};

use super::{Engine, Sheet};

impl Engine {
    /// Gives every wanted device whose sheet of that day (in the city's time zone) is still being counted.
    pub fn day_sheets(
        &self,
        day: NaiveDate,
        wanted: &dyn Fn(&Device) -> bool,
        each: &mut dyn FnMut(&DeviceId, &Sheet),
    ) {
        let day = day.signed_duration_since(NaiveDate::default()).num_days();
        for state in &self.devices {
            let spoken = state.spoken.as_ref().filter(|spoken| spoken.day == day && spoken.today.journaled > 0);
            if let Some(spoken) = spoken.filter(|_| wanted(&state.device)) {
                each(&state.device.id, &spoken.today);
            }
        }
    }
}
