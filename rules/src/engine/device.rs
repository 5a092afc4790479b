//! Everything that the engine knows of one device, and how it is written into a checkpoint row.

use std::sync::Arc;

use gengfu_model::{Device, Seq, Timestamp};
use serde::{Deserialize, Serialize};

use super::duplicates::Seen;
use super::sheet::Sheet;
use crate::{Latest, RuleState};

/// The version of the row's encoding; a row of another version is refused.
const ROW_VERSION: u8 = 2;

/// One device: its register entry and all state that a message of it can change.
///
/// What only devices that have spoken need stands behind a box, so that a registered, silent device
/// stays small.
#[derive(Clone, Debug)]
pub(super) struct DeviceState {
    /// The register's entry.
    pub(super) device: Arc<Device>,
    /// Records up to this one are in the state already; only a replay meets older ones.
    pub(super) past: Seq,
    /// Journal time of the last message that was no repeat.
    pub(super) heard: Option<Timestamp>,
    /// The newest accepted event time.
    pub(super) newest: Option<Timestamp>,
    /// Newest values by field.
    pub(super) latest: Latest,
    /// Slots, timers and verdicts of the rules.
    pub(super) rules: RuleState,
    /// Keys and counts; made at the first message.
    pub(super) spoken: Option<Box<Spoken>>,
    /// When its next timer is due.
    pub(super) due: Option<Timestamp>,
    /// The entry that it has in the engine's timers: then, or earlier; [`NEVER`](super::timers::NEVER): none.
    pub(super) entry: Timestamp,
    /// Changed since its last row.
    pub(super) dirty: bool,
}

/// What a device has once it has spoken.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Spoken {
    /// Keys of its last messages.
    pub(super) seen: Seen,
    /// The day (since 1970-01-01, city time) that `today` counts.
    pub(super) day: i64,
    /// Counts of that day.
    pub(super) today: Sheet,
    /// Counts of the days before, since its first message.
    pub(super) before: Sheet,
    /// How far its clock was ahead at its last reading, in milliseconds; 0 if it was not.
    pub(super) ahead_ms: i64,
}

/// The same in a row, where the counts of all days stand together.
#[derive(Serialize, Deserialize)]
struct SpokenRow {
    seen: Seen,
    total: Sheet,
    day: i64,
    today: Sheet,
    ahead_ms: i64,
}

impl From<SpokenRow> for Spoken {
    fn from(SpokenRow { seen, total, day, today, ahead_ms }: SpokenRow) -> Spoken {
        Spoken { seen, day, today, before: total.less(&today), ahead_ms }
    }
}

impl From<Spoken> for SpokenRow {
    fn from(spoken: Spoken) -> SpokenRow {
        let total = spoken.total();
        let Spoken { seen, day, today, ahead_ms, .. } = spoken;
        SpokenRow { seen, total, day, today, ahead_ms }
    }
}

impl Spoken {
    /// Counts since its first message.
    pub(super) fn total(&self) -> Sheet {
        let mut total = self.before;
        total.add(&self.today);
        total
    }

    /// Another day begins: gives the day that is over and its counts.
    pub(super) fn turn_to(&mut self, day: i64) -> (i64, Sheet) {
        let finished = std::mem::take(&mut self.today);
        self.before.add(&finished);
        (std::mem::replace(&mut self.day, day), finished)
    }
}

/// A row as it is stored. Field order is the format: change it only with [`ROW_VERSION`].
#[derive(Serialize, Deserialize)]
struct Row {
    device: Device,
    heard: Option<Timestamp>,
    newest: Option<Timestamp>,
    latest: Latest,
    rules: RuleState,
    spoken: Option<SpokenRow>,
}

/// Why a checkpoint row cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// Written by another version of the program.
    #[error("checkpoint row has format {found}, this program reads format {ROW_VERSION}")]
    Version {
        /// The format found.
        found: u8,
    },
    /// The bytes are no row.
    #[error("checkpoint row cannot be read: {0}")]
    Corrupt(String),
}

impl DeviceState {
    /// A device that was just registered.
    pub(super) fn new(device: Arc<Device>) -> DeviceState {
        DeviceState {
            device,
            past: Seq(0),
            heard: None,
            newest: None,
            latest: Latest::default(),
            rules: RuleState::default(),
            spoken: None,
            due: None,
            entry: super::timers::NEVER,
            dirty: false,
        }
    }

    /// The state as bytes.
    pub(super) fn encode(&self) -> Vec<u8> {
        let row = Row {
            device: (*self.device).clone(),
            heard: self.heard,
            newest: self.newest,
            latest: self.latest.clone(),
            rules: self.rules.clone(),
            spoken: self.spoken.as_deref().map(|spoken| Spoken::clone(spoken).into()),
        };
        postcard::to_extend(&row, vec![ROW_VERSION]).expect("a row is plain data, writing it to memory cannot fail")
    }

    /// The state from bytes; records up to `past` are in it.
    pub(super) fn decode(bytes: &[u8], past: Seq) -> Result<DeviceState, RowError> {
        let (version, body) = bytes.split_first().ok_or_else(|| RowError::Corrupt("it is empty".to_owned()))?;
        if *version != ROW_VERSION {
            return Err(RowError::Version { found: *version });
        }
        let row: Row = postcard::from_bytes(body).map_err(|error| RowError::Corrupt(error.to_string()))?;
        Ok(DeviceState {
            device: Arc::new(row.device),
            past,
            heard: row.heard,
            newest: row.newest,
            latest: row.latest,
            rules: row.rules,
            spoken: row.spoken.map(|spoken| Box::new(spoken.into())),
            due: None,
            entry: super::timers::NEVER,
            dirty: false,
        })
    }

    /// Reads what stands in the state itself, for [`Engine::foresee`](super::Engine::foresee).
    #[inline]
    pub(super) fn look(&self) -> u64 {
        self.past.0 ^ u64::from(self.dirty) ^ self.entry.0 as u64 ^ u64::from(self.spoken.is_some())
    }

    /// Reads the register's entry.
    #[inline]
    pub(super) fn look_at_entry(&self) -> u64 {
        u64::from(self.device.interval_s) ^ self.device.life as u64 ^ self.device.id.as_str().len() as u64
    }

    /// Reads counts and keys.
    #[inline]
    pub(super) fn look_at_counts(&self) -> u64 {
        let look = |spoken: &Spoken| spoken.day as u64 ^ spoken.today.journaled ^ spoken.today.values_too_far_ahead;
        self.spoken.as_deref().map_or(0, look)
    }

    /// Reads one number of each newest value.
    #[inline]
    pub(super) fn look_at_values(&self) -> u64 {
        self.latest.look()
    }

    /// Reads a slot in each line of memory.
    #[inline]
    pub(super) fn look_at_slots(&self) -> u64 {
        self.rules.look()
    }

    /// Reads the id.
    #[inline]
    pub(super) fn look_at_id(&self) -> u64 {
        self.device.id.as_str().as_bytes().first().copied().unwrap_or_default().into()
    }

    /// Reads the beginning of what slots and keys point at.
    #[inline]
    pub(super) fn look_behind_slots(&self) -> u64 {
        self.rules.look_behind() ^ self.spoken.as_deref().map_or(0, |spoken| spoken.seen.look())
    }

    /// Reads the ends of the windows.
    #[inline]
    pub(super) fn look_at_samples(&self) -> u64 {
        self.rules.look_at_samples()
    }

    /// What a device has once it has spoken, made if need be.
    pub(super) fn spoken(&mut self) -> &mut Spoken {
        self.spoken.get_or_insert_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A city has a million of them: what is added here costs a megabyte a byte.
    #[test]
    fn a_silent_device_stays_small() {
        assert!(size_of::<Device>() <= 296, "{}", size_of::<Device>());
        assert!(size_of::<DeviceState>() <= 160, "{}", size_of::<DeviceState>());
    }
}
