//! A device's message: repeats, times, counts, newest values, rules.

use std::sync::Arc;

use chrono::Offset;
use gengfu_cases::At;
use gengfu_model::signal::EvidenceReading;
use gengfu_model::time::MINUTE_MS;
use gengfu_model::{
    Device, DeviceLife, Disposition, DispositionKind, Effect, Envelope, Kind, PayloadFormat, Point, ProblemKind,
    Quality, QuarantineReason, Reading, Record, Source, Timestamp,
};

use super::acceptance::{Acceptance, accept_later};
use super::device::DeviceState;
use super::ruling::Tell;
use super::{DecodedMessage, Engine, Output, Sheet};
use crate::LatestValue;

impl Engine {
    /// Applies one message.
    pub(super) fn message(
        &mut self,
        record: &Record,
        envelope: &Envelope,
        decoded: Option<&DecodedMessage>,
        out: &mut Output,
    ) {
        let index = self.find(envelope.device.as_str());
        let Some(index) = index.filter(|&index| self.devices[index as usize].device.kind == envelope.kind) else {
            return self.orphan(record, envelope, out);
        };
        if self.devices[index as usize].past >= record.seq {
            return;
        }
        let decoded = decoded.expect("a message comes with what its codec made of it");
        let said = out.effects.ordinal();
        let live = self.is_live(record.seq);
        let mut dispositions = Dispositions { record, envelope, live, out };
        self.roll_day(index, record.time, &mut dispositions);

        let state = &mut self.devices[index as usize];
        if is_repeat(state, record, envelope, decoded) {
            count(state, |sheet| {
                sheet.journaled += 1;
                sheet.duplicate += 1;
            });
            dispositions.add(DispositionKind::Duplicate, "seen before".to_owned(), false);
            self.count_along(out.effects.ordinal() - said);
            return self.settle(index, At { seq: record.seq, now: self.now }, out);
        }
        count(state, |sheet| sheet.journaled += 1);
        // Kept between messages, to save the allocation.
        let mut accepted = std::mem::take(&mut self.accepted);
        let readings: &[Reading] = match &decoded.result {
            Err((reason, detail)) => {
                count(state, |sheet| sheet.quarantined += 1);
                dispositions.quarantine(*reason, detail);
                &[]
            }
            Ok(decoded) => {
                // A model's codec may say that a frame is good and holds the device's own notices only.
                let is_notice = matches!(envelope.format, PayloadFormat::Event | PayloadFormat::Reply)
                    || (decoded.readings.is_empty() && decoded.rejected.is_empty());
                for (reason, detail) in &decoded.rejected {
                    dispositions.quarantine(*reason, detail);
                }
                let received = envelope.received_at.min(record.time);
                self.sort_out(index, received, &decoded.readings, &mut accepted, &mut dispositions);
                let usable = !accepted.is_empty();
                let state = &mut self.devices[index as usize];
                count(state, |sheet| if usable || is_notice { sheet.decoded += 1 } else { sheet.quarantined += 1 });
                decoded.readings.as_slice()
            }
        };
        self.put_in_service(index, live, out);
        // What was said so far follows from no rule.
        self.count_along(out.effects.ordinal() - said);
        let at = At { seq: record.seq, now: self.now };
        if envelope.format == PayloadFormat::Reply {
            self.reply(at, envelope, out);
        }
        self.tell(index, at, Tell::Heard);
        let (carried, fields) = if self.is_awaited(record.seq, &envelope.device) {
            carried(record, envelope.kind, readings, &accepted)
        } else {
            (Vec::new(), 0)
        };
        self.judge(index, record, readings, &accepted, out);
        accepted.clear();
        self.accepted = accepted;
        if !carried.is_empty() {
            self.verify(index, record, &carried, fields, out);
        }
        self.settle(index, at, out);
    }

    /// A device's reply to a command.
    fn reply(&mut self, at: At, envelope: &Envelope, out: &mut Output) {
        let (device, payload) = (&envelope.device, &envelope.payload);
        if self.is_live(at.seq) {
            self.ruling.commands.reply(at.now, device, payload, &mut out.effects);
        }
        for candidate in &mut self.candidates {
            candidate.ruling.commands.reply(at.now, device, payload, &mut candidate.out.effects);
        }
    }

    /// Takes the readings in the order of time and tells what becomes of each; counts every value once. Those
    /// that can be used are added to `accepted`. Their age is judged as of `now`, which is when they were
    /// received, unless they are decoded again.
    pub(super) fn sort_out(
        &mut self,
        index: u32,
        now: Timestamp,
        readings: &[Reading],
        accepted: &mut Vec<Accepted>,
        dispositions: &mut Dispositions<'_>,
    ) {
        let record = dispositions.record;
        let received = dispositions.envelope.received_at.min(record.time);
        let order = in_time_order(readings, received);
        let state = &mut self.devices[index as usize];
        // One id belongs to the message and was judged with it; several are ids of the readings.
        let own_ids = readings.len() > 1;
        for turn in 0..readings.len() {
            let place = order.get(turn).copied().unwrap_or(turn);
            let reading = &readings[place];
            let values = reading.samples.len() as u64;
            let problems = reading.problems.len() as u64;
            count(state, |sheet| {
                sheet.values_decoded += values + problems;
                sheet.values_out_of_range += problems;
            });
            dispositions.problems(reading);
            if own_ids && let Some(id) = &reading.id {
                let key = gengfu_model::MessageKey::Explicit(Arc::clone(id));
                if state.spoken().seen.check(&key, None, None, super::payload_hash(id.as_bytes()), record.time) {
                    count(state, |sheet| sheet.values_duplicate += values);
                    dispositions.add(DispositionKind::Duplicate, format!("reading `{id}` seen before"), false);
                    continue;
                }
            }
            let (time, late) = match accept_later(reading.event_time, received, now, state.newest, &self.config) {
                Acceptance::InTime(time) => (time, Lateness::InTime),
                Acceptance::LateNewest(time) => (time, Lateness::Newest),
                Acceptance::Late(time) => (time, Lateness::Older),
                Acceptance::TooFarAhead => {
                    count(state, |sheet| sheet.values_too_far_ahead += values);
                    let ahead = reading.event_time.unwrap_or(received).since_ms(received);
                    dispositions.add(DispositionKind::TooFarAhead, format!("{ahead} ms ahead of received time"), true);
                    continue;
                }
                Acceptance::BadTime => {
                    count(state, |sheet| sheet.values_out_of_range += values);
                    let time = reading.event_time.unwrap_or(received).as_millis();
                    dispositions.quarantine(
                        QuarantineReason::BadTime,
                        &format!("event time {time} ms is before 2010: `ts` is in milliseconds"),
                    );
                    continue;
                }
            };
            let ahead_ms = reading.event_time.map_or(0, |claimed| claimed.since_ms(received).max(0));
            state.spoken().ahead_ms = ahead_ms;
            if late != Lateness::Older {
                state.newest = Some(state.newest.map_or(time, |newest| newest.max(time)));
            }
            if late != Lateness::InTime {
                let age_ms = now.since_ms(time);
                dispositions.add(DispositionKind::StoredLate, format!("{age_ms} ms old, {values} values"), false);
            }
            accepted.push(Accepted { time, late, place });
        }
    }

    /// A message was heard: the device is in service from its first one on.
    fn put_in_service(&mut self, index: u32, live: bool, out: &mut Output) {
        let state = &mut self.devices[index as usize];
        state.heard = Some(self.now);
        if state.device.life == DeviceLife::Registered {
            let mut device = Device::clone(&state.device);
            device.life = DeviceLife::InService;
            state.device = Arc::new(device);
            if live {
                out.effects.push(Effect::Device(Arc::clone(&state.device)));
            }
        }
    }

    /// Stores the readings' values and lets the rules judge them.
    ///
    /// Of a backlog, the newest reading alone is judged, and what it raises is marked late.
    pub(super) fn judge(
        &mut self,
        index: u32,
        record: &Record,
        readings: &[Reading],
        accepted: &[Accepted],
        out: &mut Output,
    ) {
        let last_late = accepted.iter().rposition(|accepted| accepted.late == Lateness::Newest);
        let mut backlog_carried = 0;
        for (position, Accepted { time, late, place }) in accepted.iter().copied().enumerate() {
            let state = &mut self.devices[index as usize];
            let carried = store(state, record, time, late, &readings[place], out);
            let (judged, carried) = match late {
                Lateness::InTime => (true, carried),
                Lateness::Older => (false, 0),
                Lateness::Newest => {
                    backlog_carried |= carried;
                    (last_late == Some(position), backlog_carried)
                }
            };
            if judged {
                let at = At { seq: record.seq, now: self.now };
                self.tell(index, at, Tell::Reading { time, carried, late: late == Lateness::Newest });
            }
        }
    }

    /// A message whose device is not in the register any more, or is of another kind by now.
    fn orphan(&mut self, record: &Record, envelope: &Envelope, out: &mut Output) {
        // Orphans belong to no device row; they are counted from the checkpoint's position on.
        self.orphans.journaled += 1;
        self.orphans.quarantined += 1;
        let (live, said) = (self.is_live(record.seq), out.effects.ordinal());
        Dispositions { record, envelope, live, out }
            .quarantine(QuarantineReason::UnknownDevice, "the device is not in the register with this kind");
        self.count_along(out.effects.ordinal() - said);
    }

    /// At a device's first message of a new day, the day before is written into the ledger.
    pub(super) fn roll_day(&mut self, index: u32, time: Timestamp, dispositions: &mut Dispositions<'_>) {
        let day = self.day(time);
        let state = &mut self.devices[index as usize];
        let spoken = state.spoken.get_or_insert_default();
        // A zone that lies further west may put the clock back over midnight: the day that has begun goes on, or its
        // sheet would come twice.
        if day <= spoken.day {
            return;
        }
        let (finished_day, finished) = spoken.turn_to(day);
        if finished.journaled > 0 && dispositions.live {
            let counts = serde_json::to_string(&finished).expect("counts are plain data");
            let date = chrono::DateTime::from_timestamp(finished_day * 86_400, 0).unwrap_or_default();
            let day = date.format("%Y-%m-%d").to_string();
            dispositions.out.effects.push(Effect::DaySheet { device: state.device.id.clone(), day, counts });
        }
    }

    /// The day of a moment in the city's time zone, counted from 1970-01-01.
    fn day(&mut self, time: Timestamp) -> i64 {
        let quarter = time.as_millis().div_euclid(15 * MINUTE_MS);
        if self.quarter.0 != quarter {
            self.quarter = (quarter, self.day_of(time));
        }
        self.quarter.1
    }

    fn day_of(&self, time: Timestamp) -> i64 {
        let utc = chrono::DateTime::from_timestamp_millis(time.as_millis()).unwrap_or_default();
        let offset = utc.with_timezone(&self.zone).offset().fix().local_minus_utc();
        (time.as_millis().div_euclid(1_000) + i64::from(offset)).div_euclid(86_400)
    }
}

/// How a reading stands to what is known of the device.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lateness {
    InTime,
    /// From a backlog, and the newest that is known.
    Newest,
    /// Older than what is known.
    Older,
}

/// A reading of a message that can be used.
#[derive(Clone, Copy)]
pub(super) struct Accepted {
    time: Timestamp,
    late: Lateness,
    /// Its place among the message's readings.
    pub(super) place: usize,
}

/// The places of the readings in the order of their times; empty if they stand in it already, as nearly all do.
fn in_time_order(readings: &[Reading], received: Timestamp) -> Vec<usize> {
    let time_of = |reading: &Reading| reading.event_time.unwrap_or(received);
    if readings.is_sorted_by_key(time_of) {
        return Vec::new();
    }
    let mut order: Vec<usize> = (0..readings.len()).collect();
    order.sort_by_key(|&place| time_of(&readings[place]));
    order
}

/// What a message's readings say now, for whoever verifies by it, with a bit for each of its fields. What is older
/// than what is known says nothing.
fn carried(record: &Record, kind: Kind, readings: &[Reading], accepted: &[Accepted]) -> (Vec<EvidenceReading>, u32) {
    let current = accepted.iter().filter(|accepted| accepted.late != Lateness::Older);
    let of = |accepted: &Accepted| readings.get(accepted.place).map_or(&[][..], |reading| reading.samples.as_slice());
    let samples = current.flat_map(|accepted| of(accepted).iter().map(|sample| (accepted.time, sample)));
    let fields = samples.clone().fold(0, |fields, (_, sample)| fields | (1_u32 << sample.field.0));
    let named = samples.filter_map(|(time, sample)| Some((time, sample, kind.field_def(sample.field)?.name)));
    let said = named
        .map(|(time, sample, name)| EvidenceReading {
            field: name.to_owned(),
            value: Some(sample.value.clone()),
            event_time: Some(time),
            seq: Some(record.seq),
        })
        .collect();
    (said, fields)
}

pub(super) fn count(state: &mut DeviceState, change: impl Fn(&mut Sheet)) {
    change(&mut state.spoken().today);
}

fn is_repeat(state: &mut DeviceState, record: &Record, envelope: &Envelope, decoded: &DecodedMessage) -> bool {
    let readings = decoded.result.as_ref().map(|decoded| decoded.readings.as_slice()).unwrap_or_default();
    let explicit = match readings {
        [only] => only.id.as_deref(),
        _ => None,
    };
    let event_time = readings.iter().filter_map(|reading| reading.event_time).max();
    state.spoken().seen.check(&envelope.key, explicit, event_time, decoded.payload_hash, record.time)
}

/// Puts a reading's values into the newest values and the series; gives the mask of the fields that
/// it carries in good quality.
fn store(
    state: &mut DeviceState,
    record: &Record,
    time: Timestamp,
    late: Lateness,
    reading: &Reading,
    out: &mut Output,
) -> u32 {
    let mut carried = 0;
    let DeviceState { device, latest, spoken, .. } = state;
    let sheet = &mut spoken.get_or_insert_default().today;
    for sample in &reading.samples {
        let known = latest.get_mut(sample.field);
        let same_time = known.as_ref().is_some_and(|known| known.event_time == time);
        let same_value =
            known.as_ref().is_some_and(|known| known.value == sample.value && known.quality == sample.quality);
        match (same_time, late) {
            (true, _) if same_value => sheet.values_duplicate += 1,
            (true, _) => sheet.values_replaced += 1,
            (false, Lateness::InTime) => sheet.values_stored += 1,
            (false, _) => sheet.values_late += 1,
        }
        if late != Lateness::Older {
            carried |= 1 << sample.field.0;
            let value = LatestValue {
                value: sample.value.clone(),
                quality: sample.quality,
                event_time: time,
                journal_time: record.time,
                seq: record.seq,
            };
            match known {
                Some(known) if known.event_time <= time => *known = value,
                Some(_) => {}
                None => latest.set(sample.field, value),
            }
        }
        // A value that must not be judged must not be plotted either.
        if sample.quality == Quality::Ok && out.plotted {
            out.points.push(Point {
                device: device.id.clone(),
                kind: device.kind,
                field: sample.field,
                time,
                seq: record.seq,
                value: sample.value.clone(),
            });
        }
    }
    carried
}

/// Writes what became of a message, unless the ledger has it already.
pub(super) struct Dispositions<'a> {
    pub(super) record: &'a Record,
    pub(super) envelope: &'a Envelope,
    pub(super) live: bool,
    pub(super) out: &'a mut Output,
}

impl Dispositions<'_> {
    fn add(&mut self, kind: DispositionKind, detail: String, with_payload: bool) {
        if self.live {
            let source = Source {
                transport: self.envelope.transport,
                format: self.envelope.format,
                received_at: self.envelope.received_at.min(self.record.time),
            };
            self.out.effects.push(Effect::Disposition(Box::new(Disposition {
                seq: self.record.seq,
                device: self.envelope.device.clone(),
                time: self.record.time,
                kind,
                detail,
                payload: with_payload.then(|| Arc::clone(&self.envelope.payload)),
                source: with_payload.then_some(source),
                redecoded: None,
            })));
        }
    }

    pub(super) fn quarantine(&mut self, reason: QuarantineReason, detail: &str) {
        let reason = serde_json::to_value(reason).expect("a reason is a plain name");
        let reason = reason.as_str().unwrap_or_default();
        self.add(DispositionKind::Quarantined, format!("{reason}: {detail}"), true);
    }

    fn problems(&mut self, reading: &Reading) {
        for problem in &reading.problems {
            let what = match problem.kind {
                ProblemKind::WrongType => "wrong type",
                ProblemKind::OutOfRange => "out of range",
            };
            let detail = format!("field `{}`: {what}: {}", problem.field, problem.raw);
            self.add(DispositionKind::OutOfRange, detail, false);
        }
    }
}
