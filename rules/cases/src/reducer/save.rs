//! The only functions that change the reducer's state: what they change in memory, they also put out as
//! effects, so that restore and live cannot differ.

use std::sync::Arc;

use gengfu_model::{
    Case, DeviceId, Effect, EffectId, EffectSink, Incident, IncidentState, Silence, SilenceState, Timestamp,
};
use serde::Serialize;

use super::state::{
    CASE_PREFIX, KeptSilence, NUMBERS_KEY, OpenCase, SILENCE_PREFIX, STORM_PREFIX, StormKey, TRACK_PREFIX, Track,
    TrackKey,
};
use super::timer::Timer;
use super::{At, Reducer, silence};

/// The JSON text of a piece of state.
pub(super) fn json(value: &impl Serialize) -> String {
    // Maps with text keys, numbers and texts: nothing that JSON cannot say.
    serde_json::to_string(value).expect("reducer state is plain data")
}

fn track_row_key(key: &TrackKey) -> String {
    format!("{TRACK_PREFIX}{}", json(key))
}

fn case_row_key(id: EffectId) -> String {
    format!("{CASE_PREFIX}{id}")
}

impl Reducer {
    /// Puts an incident out and keeps it.
    pub(super) fn save_incident(&mut self, incident: Incident, out: &mut EffectSink) {
        out.push(Effect::Incident(Box::new(incident.clone())));
        self.keep_incident(incident);
    }

    /// Keeps an incident, and notes what holds it back.
    pub(super) fn keep_incident(&mut self, incident: Incident) {
        self.forget_incident(incident.id);
        let open = incident.state == IncidentState::Open;
        for holder in incident.silenced_by.iter().chain(&incident.inhibited_by).filter(|_| open) {
            self.held_back.entry(*holder).or_default().insert(incident.id);
        }
        self.incidents.insert(incident.id, incident);
    }

    /// An incident leaves the memory.
    pub(super) fn forget_incident(&mut self, id: EffectId) {
        let Some(incident) = self.incidents.remove(&id) else { return };
        for holder in incident.silenced_by.iter().chain(&incident.inhibited_by) {
            if let Some(held) = self.held_back.get_mut(holder) {
                held.remove(&id);
                if held.is_empty() {
                    self.held_back.remove(holder);
                }
            }
        }
    }

    /// Puts a silence out and keeps it; one that is over leaves the memory.
    pub(super) fn save_silence(&mut self, at: At, silence: Silence, out: &mut EffectSink) {
        let id = silence.id;
        out.push(Effect::Silence(Box::new(silence.clone())));
        let known = self.forget_silence(id);
        let key = format!("{SILENCE_PREFIX}{id}");
        if silence.state == SilenceState::Ended {
            if known {
                out.push(Effect::ReducerState { key, value: None });
            }
            return;
        }
        let (_, next) = silence::stands(self, &silence, at);
        let kept = KeptSilence { silence, next };
        out.push(Effect::ReducerState { key, value: Some(json(&kept)) });
        self.keep_silence(kept);
    }

    fn forget_silence(&mut self, id: EffectId) -> bool {
        let Some(kept) = self.silences.remove(&id) else { return false };
        if let Some(next) = kept.next {
            self.timers.remove(&(next, Timer::Silence(id)));
        }
        true
    }

    /// Keeps a silence with its timer.
    pub(super) fn keep_silence(&mut self, kept: KeptSilence) {
        let id = kept.silence.id;
        if let Some(next) = kept.next {
            self.timers.insert((next, Timer::Silence(id)));
        }
        self.silences.insert(id, kept);
    }

    /// The silence of that id, unless it is over.
    pub(super) fn silence(&self, id: EffectId) -> Option<&Silence> {
        self.silences.get(&id).map(|kept| &kept.silence)
    }

    /// Puts a track out if it changed, and keeps it; `None` forgets it.
    pub(super) fn save_track(&mut self, key: &TrackKey, track: Option<Track>, out: &mut EffectSink) {
        let before = self.forget_track(key);
        if before != track {
            out.push(Effect::ReducerState { key: track_row_key(key), value: track.as_ref().map(json) });
        }
        if let Some(track) = track {
            self.keep_track(key.clone(), track);
        }
    }

    fn forget_track(&mut self, key: &TrackKey) -> Option<Track> {
        let track = self.tracks.remove(key)?;
        if let Some(due) = track.due() {
            self.timers.remove(&(due, Timer::Track(key.clone())));
        }
        if let Some(member) = &track.member
            && let Some(members) = self.members_of.get_mut(&member.storm)
        {
            members.remove(member.since, key, track.place.as_deref());
            if members.is_empty() {
                self.members_of.remove(&member.storm);
            }
        }
        for (cause, id) in track.causes.iter().filter_map(|cause| Some((cause, track.incident?))) {
            if let Some(ids) = self.causes.get_mut(cause) {
                ids.remove(&id);
                if ids.is_empty() {
                    self.causes.remove(cause);
                }
            }
        }
        Some(track)
    }

    /// Keeps a track with its timer.
    pub(super) fn keep_track(&mut self, key: TrackKey, track: Track) {
        if let Some(due) = track.due() {
            self.timers.insert((due, Timer::Track(key.clone())));
        }
        if let Some(member) = &track.member {
            let members = self.members_of.entry(member.storm.clone()).or_default();
            members.insert(member.since, &key, track.place.as_deref());
        }
        for (cause, id) in track.causes.iter().filter_map(|cause| Some((cause, track.incident?))) {
            self.causes.entry(cause.clone()).or_default().insert(id);
        }
        self.tracks.insert(key, track);
    }

    /// Puts out which incident is a storm's parent, and keeps it; `None`: the storm is over.
    pub(super) fn save_storm(&mut self, storm: StormKey, parent: Option<EffectId>, out: &mut EffectSink) {
        let key = format!("{STORM_PREFIX}{}", json(&storm));
        out.push(Effect::ReducerState { key, value: parent.as_ref().map(json) });
        match parent {
            Some(parent) => self.storms.insert(storm, parent),
            None => self.storms.remove(&storm),
        };
    }

    /// Notes that a device holds a track.
    pub(super) fn note_hold(&mut self, device: &DeviceId, key: &TrackKey) {
        let index = (device.clone(), key.rule.clone(), key.key.clone());
        self.holds.insert(index, key.asset.clone());
    }

    /// Notes that a device does not hold a track any more.
    pub(super) fn drop_hold(&mut self, device: &DeviceId, key: &TrackKey) {
        let index = (device.clone(), key.rule.clone(), key.key.clone());
        if self.holds.get(&index) == Some(&key.asset) {
            self.holds.remove(&index);
        }
    }

    /// Puts a case out and keeps it; a final one leaves the memory.
    pub(super) fn save_case(&mut self, open: OpenCase, out: &mut EffectSink) {
        let id = open.case.id;
        out.push(Effect::Case(Box::new(open.case.clone())));
        let before = self.forget_case(id);
        if open.case.state.is_final() {
            if before.is_some() {
                out.push(Effect::ReducerState { key: case_row_key(id), value: None });
            }
            return;
        }
        if before.is_none_or(|before| before.extra != open.extra) {
            out.push(Effect::ReducerState { key: case_row_key(id), value: Some(json(&open.extra)) });
        }
        self.keep_case(open);
    }

    /// Keeps a changed case that is put out before the record ends.
    pub(super) fn keep_case_quietly(&mut self, open: OpenCase) {
        self.forget_case(open.case.id);
        self.keep_case(open);
    }

    fn forget_case(&mut self, id: EffectId) -> Option<OpenCase> {
        let open = self.cases.remove(&id)?;
        for timer in open.timers() {
            self.timers.remove(&timer);
        }
        for device in open.extra.verifying.iter().flat_map(|window| window.devices.keys()) {
            if let Some(cases) = self.verifying.get_mut(device) {
                cases.remove(&id);
                if cases.is_empty() {
                    self.verifying.remove(device);
                }
            }
        }
        for key in &open.extra.keys {
            self.case_of.remove(key);
        }
        Some(open)
    }

    /// Keeps a case with its timer and keys.
    pub(super) fn keep_case(&mut self, open: OpenCase) {
        let id = open.case.id;
        self.timers.extend(open.timers());
        for device in open.extra.verifying.iter().flat_map(|window| window.devices.keys()) {
            self.verifying.entry(device.clone()).or_default().insert(id);
        }
        for key in &open.extra.keys {
            self.case_of.insert(key.clone(), id);
        }
        self.cases.insert(id, open);
    }

    /// The next case number.
    pub(super) fn next_number(&mut self, now: Timestamp, out: &mut EffectSink) -> Arc<str> {
        let today = self.profile.calendar.local(now).date();
        let (day, sequence) = self.numbers.next(today);
        out.push(Effect::ReducerState { key: NUMBERS_KEY.to_owned(), value: Some(json(&self.numbers)) });
        self.profile.number.render(&self.profile.number_prefix, day, sequence).into()
    }

    /// Whether any incident of the case is open.
    pub(super) fn condition_holds(&self, case: &Case) -> bool {
        self.members(case).any(|incident| incident.state == IncidentState::Open)
    }

    /// The incidents of a case that are open or may open again.
    pub(super) fn members<'a>(&'a self, case: &'a Case) -> impl Iterator<Item = &'a Incident> {
        let loaded = case.incidents.iter().filter_map(|id| self.incidents.get(id));
        loaded.filter(|incident| incident.case == Some(case.id))
    }
}
