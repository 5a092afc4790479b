//! Telling rules of devices, and what they say to incidents, cases and commands: for the live pack, and for each
//! candidate beside it.

use gengfu_cases::At;
use gengfu_model::signal::EvidenceReading;
use gengfu_model::{DeviceId, DeviceLife, Record, Seq, Timestamp};

use super::ruling::{Moment, Tell};
use super::{Engine, Output, finder};

impl Engine {
    /// Tells the rules of a device; what they say is collected until [`Engine::settle`].
    pub(super) fn tell(&mut self, index: u32, at: At, tell: Tell) {
        let moment = Moment { zone: self.zone, city: &self.city, now: at.now, seq: at.seq };
        let state = &mut self.devices[index as usize];
        let first = self.signals.len();
        let cx = self.ruling.context(moment, &state.device, &state.latest);
        tell.to(&self.ruling.pack, &cx, &mut state.rules, &mut self.signals);
        for candidate in &mut self.candidates {
            candidate.tell(index, moment, (&state.device, &state.latest), tell, &self.signals[first..]);
        }
    }

    pub(super) fn fire_device(&mut self, seq: Seq, due: Timestamp, index: u32, out: &mut Output) {
        self.take_timer(due, index);
        let at = At { seq, now: due };
        self.tell(index, at, Tell::Timer);
        self.settle(index, at, out);
    }

    /// Hands the collected signals to commands and incidents, puts the device's next timer in place and marks it.
    pub(super) fn settle(&mut self, index: u32, at: At, out: &mut Output) {
        let live = self.is_live(at.seq);
        let state = &mut self.devices[index as usize];
        for signal in self.signals.drain(..) {
            if live {
                self.ruling.take(at, &state.device, signal, &mut out.effects);
            }
        }
        for candidate in &mut self.candidates {
            candidate.settle(at, &state.device);
        }
        if !state.dirty {
            state.dirty = true;
            self.dirty.push(index);
        }
        self.schedule(index);
    }

    /// Begins what a device in service waits for: silence if it has not been heard yet, and the periods of rules that
    /// are new to it. Puts its next timer in place. `all`: not of the live rules alone, but of the candidates' as well.
    pub(super) fn begin(&mut self, seq: Seq, index: u32, all: bool, out: &mut Output) {
        let at = At { seq, now: self.now };
        let moment = Moment { zone: self.zone, city: &self.city, now: at.now, seq };
        let state = &mut self.devices[index as usize];
        let first = self.signals.len();
        if state.device.life == DeviceLife::InService {
            let tell = if state.rules.heard().is_none() { Tell::Heard } else { Tell::Begin };
            let cx = self.ruling.context(moment, &state.device, &state.latest);
            tell.to(&self.ruling.pack, &cx, &mut state.rules, &mut self.signals);
        }
        if all {
            for candidate in &mut self.candidates {
                candidate.begin(index, moment, state, &self.signals[first..]);
            }
        }
        self.settle(index, at, out);
    }

    /// Whether anybody waits for what this device says of a repair.
    pub(super) fn is_awaited(&self, seq: Seq, device: &DeviceId) -> bool {
        (self.is_live(seq) && self.ruling.reducer.awaits(device))
            || self.candidates.iter().any(|candidate| candidate.ruling.reducer.awaits(device))
    }

    /// Tells whoever waits for a repair what the device says of it, and what the rules make of that.
    pub(super) fn verify(
        &mut self,
        index: u32,
        record: &Record,
        readings: &[EvidenceReading],
        fields: u32,
        out: &mut Output,
    ) {
        let at = At { seq: record.seq, now: self.now };
        let moment = Moment { zone: self.zone, city: &self.city, now: at.now, seq: at.seq };
        let (live, state) = (self.is_live(record.seq), &self.devices[index as usize]);
        let device = &state.device.id;
        let awaiting = self.candidates.iter_mut().filter(|candidate| candidate.ruling.reducer.awaits(device));
        for candidate in awaiting {
            let said = candidate
                .ruling
                .said(device, |rule| candidate.says(index, (moment, &self.ruling), state, rule, fields));
            candidate.ruling.verified(at, device, readings, &said, &mut candidate.out.effects);
        }
        if live && self.ruling.reducer.awaits(device) {
            let cx = self.ruling.context(moment, &state.device, &state.latest);
            let said = self.ruling.said(device, |rule| self.ruling.pack.says(&cx, &state.rules, rule, fields));
            self.ruling.verified(at, device, readings, &said, &mut out.effects);
        }
    }

    /// Tells the reducer what the live pack groups.
    pub(super) fn regroup(&mut self, at: At, out: &mut Output) {
        let live = self.is_live(at.seq);
        self.ruling.regroup(at, live, &finder(&self.index, &self.devices), &mut out.effects);
    }
}
