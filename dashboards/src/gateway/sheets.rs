//! The two sheets of devices and days, as the API asks for them.

use gengfu_model::Kind;
use serde::{Deserialize, Serialize};

/// The two sheets: of one device and day, of one device, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// Messages in the journal.
    pub journaled: u64,
    /// Messages decoded.
    pub decoded: u64,
    /// Messages seen before.
    pub duplicate: u64,
    /// Messages quarantined.
    pub quarantined: u64,
    /// Of the journaled, second tries of quarantined messages.
    pub redecoded: u64,
    /// Field values decoded.
    pub values_decoded: u64,
    /// Values stored in time.
    pub values_stored: u64,
    /// Values stored late.
    pub values_late: u64,
    /// Values of a duplicate reading within a message.
    pub values_duplicate: u64,
    /// Values that replaced one of the same field and time.
    pub values_replaced: u64,
    /// Values refused for their type or range.
    pub values_out_of_range: u64,
    /// Values whose time was too far ahead.
    pub values_too_far_ahead: u64,
    /// Messages refused at the door (not journaled), by the refusal summaries.
    pub refused: u64,
}

/// Whose sheets of which day.
#[derive(Clone, Debug)]
pub struct DayAsked {
    /// In the city's time zone.
    pub day: chrono::NaiveDate,
    /// Of one kind, or all.
    pub kind: Option<Kind>,
    /// Of these districts; none: all.
    pub districts: Vec<String>,
}

/// The two sheets of a day.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DaySheets {
    /// Devices that spoke.
    pub devices: u64,
    /// All of them together.
    pub sum: Balance,
    /// Those of which most was not simply stored, the worst first: at most [`WORST_DEVICES`].
    pub worst: Vec<(String, Balance)>,
}

/// Devices that are named in the sheets of a day.
pub const WORST_DEVICES: usize = 50;

impl Balance {
    /// Adds another's counts.
    pub fn add(&mut self, other: &Balance) {
        self.journaled += other.journaled;
        self.decoded += other.decoded;
        self.duplicate += other.duplicate;
        self.quarantined += other.quarantined;
        self.redecoded += other.redecoded;
        self.values_decoded += other.values_decoded;
        self.values_stored += other.values_stored;
        self.values_late += other.values_late;
        self.values_duplicate += other.values_duplicate;
        self.values_replaced += other.values_replaced;
        self.values_out_of_range += other.values_out_of_range;
        self.values_too_far_ahead += other.values_too_far_ahead;
        self.refused += other.refused;
    }

    /// How much was not simply stored: messages and values.
    #[must_use]
    pub fn trouble(&self) -> u64 {
        let messages = self.quarantined + self.duplicate;
        messages + self.values_late + self.values_duplicate + self.values_out_of_range + self.values_too_far_ahead
    }
}

impl DaySheets {
    /// Counts a device's sheet in.
    pub fn count(&mut self, device: &str, sheet: &Balance) {
        self.devices += 1;
        self.sum.add(sheet);
        if sheet.trouble() == 0 {
            return;
        }
        self.worst.push((device.to_owned(), *sheet));
        // Cut now and then, so that it stays short.
        if self.worst.len() >= 2 * WORST_DEVICES {
            self.cut();
        }
    }

    /// Sorts the worst, and leaves no more than are shown.
    pub fn cut(&mut self) {
        self.worst.sort_by(|(a_id, a), (b_id, b)| b.trouble().cmp(&a.trouble()).then_with(|| a_id.cmp(b_id)));
        self.worst.truncate(WORST_DEVICES);
    }
}
