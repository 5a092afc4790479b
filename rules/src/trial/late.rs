//! Late findings: what devices would have raised, had their late readings come in time.
//!
//! Late readings never pass through the live slots. Here they do: a copy of the engine takes the readings of the
//! devices that were late, each at the moment of its measurement, with the records that apply to every trial in
//! between. What it opens and the live line had not is a finding: told, never a live incident.

use std::collections::{BTreeMap, BTreeSet};

use gengfu_model::{
    Body, Control, Decoded, DeviceId, DispositionKind, Effect, Envelope, Evidence, Incident, MessageKey, Record,
    Timestamp,
};

use super::Stretch;
use super::difference::added;
use super::side::Side;
use crate::engine::{DecodedMessage, Engine, Output};

/// The most readings of late devices that are put in order; more are left out and counted.
pub const MAX_READINGS: usize = 500_000;

/// A reading that stands at the moment of its measurement.
struct Placed {
    record: Record,
    decoded: DecodedMessage,
}

/// The first pass: the live line as it was, with a look at who was late.
pub struct Watching {
    engine: Engine,
    output: Output,
    live: Side,
    begin: Option<Engine>,
    stretch: Stretch,
    late_from: Timestamp,
    late: BTreeSet<DeviceId>,
}

impl Watching {
    /// Begins with an engine as it was live once. Findings may open within the stretch; readings that came late at
    /// or after `late_from` are looked at, since those of a day may speak of the day before.
    #[must_use]
    pub fn new(engine: Engine, stretch: Stretch, late_from: Timestamp) -> Watching {
        let (live, output) = (Side::new("live".to_owned()), Output::unplotted());
        Watching { engine, output, live, begin: None, stretch, late_from, late: BTreeSet::new() }
    }

    /// Keeps the state as of now: the second pass begins with it.
    pub fn mark(&mut self) {
        self.begin = Some(self.engine.clone());
    }

    /// Whether [`Watching::mark`] has been called.
    #[must_use]
    pub fn is_marked(&self) -> bool {
        self.begin.is_some()
    }

    /// Applies one record.
    pub fn apply(&mut self, record: &Record, decoded: Option<&DecodedMessage>) {
        self.engine.apply(record, decoded, &mut self.output);
        for (_, effect) in self.output.effects.effects() {
            if let Effect::Disposition(row) = effect
                && row.kind == DispositionKind::StoredLate
                && row.time >= self.late_from
            {
                self.late.insert(row.device.clone());
            }
        }
        self.live.collect(&mut self.output, self.stretch);
        self.live.take_fresh();
    }

    /// Who had readings that came late within the stretch, and the second pass; `None`: nobody, or nothing was
    /// marked.
    #[must_use]
    pub fn turn(self) -> Option<Again> {
        let engine = self.begin.filter(|_| !self.late.is_empty())?;
        Some(Again {
            live: self.live,
            late: self.late,
            stretch: self.stretch,
            engine,
            readings: Vec::new(),
            controls: Vec::new(),
            left_out: 0,
        })
    }
}

/// The second pass: the records again, from the mark on.
pub struct Again {
    live: Side,
    late: BTreeSet<DeviceId>,
    stretch: Stretch,
    engine: Engine,
    readings: Vec<Placed>,
    controls: Vec<Record>,
    left_out: u64,
}

/// What was found.
pub struct Found {
    /// What would have opened and had not, with what decided.
    pub findings: Vec<(Incident, Option<Evidence>)>,
    /// Whose readings came late.
    pub devices: usize,
    /// Readings that were too many to be put in order.
    pub left_out: u64,
}

impl Again {
    /// Whether a record is needed: a control record, or a message of a device that was late.
    #[must_use]
    pub fn needs(&self, record: &Record) -> bool {
        match &record.body {
            Body::Control(_) => true,
            Body::Message(envelope) => self.late.contains(&envelope.device),
        }
    }

    /// Takes a record that [`Again::needs`] said is needed.
    pub fn take(&mut self, record: &Record, decoded: Option<DecodedMessage>) {
        match &record.body {
            Body::Control(Control::Request(_) | Control::Started { .. } | Control::Away { .. }) => {
                self.controls.push(record.clone());
            }
            Body::Control(_) => {}
            Body::Message(envelope) => {
                if let Some(decoded) = decoded {
                    self.place(record, envelope, decoded);
                }
            }
        }
    }

    /// Each reading of a message becomes a message of its own, received when it was measured.
    fn place(&mut self, record: &Record, envelope: &Envelope, decoded: DecodedMessage) {
        let Ok(Decoded { readings, .. }) = decoded.result else { return };
        for (number, reading) in readings.into_iter().enumerate() {
            if self.readings.len() >= MAX_READINGS {
                self.left_out += 1;
                continue;
            }
            let received = envelope.received_at.min(record.time);
            // What a device says of the future was not measured then.
            let time = reading.event_time.map_or(received, |claimed| claimed.min(received)).max(Timestamp(0));
            let own = Envelope { received_at: time, key: MessageKey::None, ..envelope.clone() };
            self.readings.push(Placed {
                record: Record { seq: record.seq, time, body: Body::Message(own) },
                decoded: DecodedMessage {
                    result: Ok(Decoded { readings: vec![reading], ..Decoded::default() }),
                    payload_hash: decoded.payload_hash ^ number as u64,
                },
            });
        }
    }

    /// Judges what was taken, in the order of measurement.
    #[must_use]
    pub fn judge(mut self) -> Found {
        let mut engine = self.engine;
        let begin = engine.now();
        let (mut side, mut output) = (Side::new("late".to_owned()), Output::unplotted());
        let mut give = |record: &Record, decoded: Option<&DecodedMessage>| {
            engine.apply(record, decoded, &mut output);
            side.collect(&mut output, self.stretch);
        };
        self.readings.retain(|placed| placed.record.time >= begin);
        self.readings.sort_by_key(|placed| (placed.record.time, placed.record.seq));
        let mut readings = self.readings.into_iter().peekable();
        for control in self.controls {
            while let Some(placed) = readings.next_if(|placed| placed.record.time <= control.time) {
                give(&placed.record, Some(&placed.decoded));
            }
            give(&control, None);
        }
        for placed in readings {
            give(&placed.record, Some(&placed.decoded));
        }
        side.take_fresh();
        let of_late = |incidents: &BTreeMap<_, Incident>| -> Vec<Incident> {
            incidents.values().filter(|incident| self.late.contains(&incident.device)).cloned().collect()
        };
        let (live, again) = (of_late(self.live.incidents()), of_late(side.incidents()));
        let findings = added(&live, &again);
        Found {
            findings: findings.into_iter().map(|row| (row.clone(), side.evidence(row.id).cloned())).collect(),
            devices: self.late.len(),
            left_out: self.left_out,
        }
    }
}
