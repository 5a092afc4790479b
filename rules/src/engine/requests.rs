//! What staff ask for: judged in journal order, applied, audited, answered.
//!
//! In a replay below the ledger's position only what belongs to device state and to the rules is
//! applied again (register, packs, parameters); the rest is in the ledger, and nothing is answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_cases::{At, Profile};
use gengfu_model::pack::PackNote;
use gengfu_model::places::{Place, PlacesRow, check as check_places};
use gengfu_model::staff::{Accepted, Action, StaffRequest, User, Verdict};
use gengfu_model::{Device, DeviceId, DeviceLife, Effect, EffectSink, Record, Refusal, Seq};

use super::asked::Register;
use super::commands::RULE_PREFIX;
use super::device::DeviceState;
use super::translate::Translated;
use super::{DecodedMessage, Engine, Output, authority, finder, versions};
use crate::Pack;

/// The most devices that one record may add, so that no transaction grows out of hand.
pub(super) const MAX_DEVICES_A_RECORD: usize = 1_000;

impl Engine {
    /// Judges one request and answers it.
    pub(super) fn request(
        &mut self,
        record: &Record,
        request: &StaffRequest,
        decoded: Option<&DecodedMessage>,
        out: &mut Output,
    ) {
        let (at, live) = (At { seq: record.seq, now: self.now }, self.is_live(record.seq));
        // Looked up before the step is taken.
        let steps = self.steps(request);
        let permitted = authority::check(&request.action, &request.roles);
        let of_ruling = permitted.clone().and_then(|()| {
            let find = finder(&self.index, &self.devices);
            let register = Register { users: &self.users, device: &find };
            self.ruling.asked(at, live, request, &register, &mut out.effects).transpose()
        });
        let verdict = match of_ruling.transpose() {
            Some(verdict) => verdict,
            None => self.carry_out(record, request, decoded, out),
        };
        if live {
            audit(request, &verdict, &mut out.effects);
        }
        let find = finder(&self.index, &self.devices);
        let register = Register { users: &self.users, device: &find };
        for (candidate, step) in self.candidates.iter_mut().zip(steps) {
            let request = match &step {
                Translated::Same => request,
                Translated::Other(own) => own,
                Translated::Missing(step) => {
                    candidate.note_missed(step);
                    continue;
                }
            };
            let effects = &mut candidate.out.effects;
            let own = permitted.clone().and_then(|()| {
                // What is no ruling's to answer has one answer for all, but that a candidate keeps its pack.
                let own = candidate.ruling.asked(at, true, request, &register, effects);
                own.unwrap_or_else(|| kept(&request.action).unwrap_or_else(|| verdict.clone()))
            });
            audit(request, &own, effects);
        }
        if live {
            out.verdicts.push((record.seq, verdict));
        }
    }

    fn carry_out(
        &mut self,
        record: &Record,
        request: &StaffRequest,
        decoded: Option<&DecodedMessage>,
        out: &mut Output,
    ) -> Verdict {
        let seq = record.seq;
        match &request.action {
            Action::AddDevices { devices, replace } => self.add_devices(seq, devices, *replace, out),
            Action::SetLife { device, life } => {
                if *life == DeviceLife::Retired {
                    self.hand_over(seq, device, out);
                }
                self.change_device(seq, device, out, |device| device.life = *life)?;
                Ok(rows(1))
            }
            Action::RotateKey { device, token_hash } => {
                self.change_device(seq, device, out, |device| device.token_hash = Some(*token_hash))?;
                Ok(rows(1))
            }
            Action::ActivatePack { files } => self.activate(seq, &request.user, files, &PackNote::default(), out),
            Action::PublishPack { files, note } => self.activate(seq, &request.user, files, note, out),
            Action::Redecode { message } => self.redecode(record, message, decoded, out),
            other => {
                // These follow from no rule.
                let said = out.effects.ordinal();
                let verdict = self.note(seq, &request.user, other, out);
                self.count_along(out.effects.ordinal() - said);
                verdict
            }
        }
    }

    fn note(&mut self, seq: Seq, by: &Arc<str>, action: &Action, out: &mut Output) -> Verdict {
        match action {
            Action::StartShadow { files, reason } => self.start_shadow(seq, by, files, reason, out),
            Action::StopShadow => self.stop_shadow(seq, out),
            Action::RecordFindings { findings } => self.record_findings(seq, findings, out),
            Action::SetProfile { text } => self.set_profile(seq, text, out),
            Action::PutPlaces { places } => self.put_places(seq, by, places, out),
            Action::PutUser { user } => self.put_user(seq, user, out),
            _ => Ok(Accepted::default()),
        }
    }

    fn add_devices(&mut self, seq: Seq, devices: &[Device], replace: bool, out: &mut Output) -> Verdict {
        if devices.len() > MAX_DEVICES_A_RECORD {
            let message = format!("{} devices in one request, at most {MAX_DEVICES_A_RECORD}", devices.len());
            return Err(Refusal::new("invalid", message).hint("send them in parts"));
        }
        let mut accepted = Accepted::default();
        for device in devices {
            match self.add_device(seq, device, replace, out) {
                Ok(()) => accepted.rows += 1,
                Err(refusal) => accepted.refused.push(refusal),
            }
        }
        match (accepted.rows, accepted.refused.as_slice()) {
            // A request for one device that is refused is a refusal, not an empty success.
            (0, [only]) if devices.len() == 1 => Err(only.clone()),
            _ => Ok(accepted),
        }
    }

    fn add_device(&mut self, seq: Seq, device: &Device, replace: bool, out: &mut Output) -> Result<(), Refusal> {
        check_device(device)?;
        if let Some(index) = self.find(device.id.as_str()) {
            if self.devices[index as usize].past >= seq {
                return Ok(());
            }
            if !replace {
                let message = format!("device `{}` is in the register already", device.id);
                return Err(Refusal::new("conflict", message).field("id").hint("import replaces, add does not"));
            }
            if self.devices[index as usize].device.kind != device.kind {
                let message =
                    format!("device `{}` is a {} already", device.id, self.devices[index as usize].device.kind);
                return Err(Refusal::new("conflict", message).field("kind").hint("register it under another id"));
            }
            return self.change_device(seq, &device.id, out, |old| {
                // An import that says nothing of key and life leaves them as they are.
                let token_hash = device.token_hash.or(old.token_hash);
                let life = if device.life == DeviceLife::Registered { old.life } else { device.life };
                *old = Device { token_hash, life, ..device.clone() };
            });
        }
        let index = u32::try_from(self.devices.len()).map_err(|_| Refusal::new("invalid", "the register is full"))?;
        let mut device = device.clone();
        self.texts.share(&mut device);
        self.index.insert(&device.id, index);
        self.resize(None, &device);
        self.devices.push(DeviceState::new(Arc::new(device)));
        self.candidates.iter_mut().for_each(super::Candidate::add_device);
        self.changed(seq, index, out);
        Ok(())
    }

    fn change_device(
        &mut self,
        seq: Seq,
        id: &DeviceId,
        out: &mut Output,
        change: impl FnOnce(&mut Device),
    ) -> Result<(), Refusal> {
        let index = self.find(id.as_str());
        let index =
            index.ok_or_else(|| Refusal::new("not_found", format!("there is no device `{id}`")).field("device"))?;
        let state = &mut self.devices[index as usize];
        if state.past >= seq {
            return Ok(());
        }
        let mut device = Device::clone(&state.device);
        change(&mut device);
        self.texts.share(&mut device);
        let device = Arc::new(device);
        let before = std::mem::replace(&mut state.device, Arc::clone(&device));
        self.resize(Some(&before), &device);
        self.changed(seq, index, out);
        Ok(())
    }

    /// A sensor is retired: another one of its kind on the same asset takes over what it holds.
    fn hand_over(&mut self, seq: Seq, from: &DeviceId, out: &mut Output) {
        if !self.is_live(seq) {
            return;
        }
        let Some(old) = self.find(from.as_str()).map(|index| Arc::clone(&self.devices[index as usize].device)) else {
            return;
        };
        let takes_over = |device: &&Arc<Device>| {
            let is_other = device.id != old.id && device.asset_code == old.asset_code && device.kind == old.kind;
            is_other && device.life != DeviceLife::Retired
        };
        // The smallest id, so that the order of registration in memory does not matter.
        let new = self.register().filter(takes_over).min_by(|a, b| a.id.cmp(&b.id)).cloned();
        if let Some(new) = new {
            let at = At { seq, now: self.now };
            self.ruling.reducer.hand_over(at, from, &new, &mut out.effects);
            for candidate in &mut self.candidates {
                candidate.ruling.reducer.hand_over(at, from, &new, &mut candidate.out.effects);
            }
        }
    }

    /// Groups are as large as the register's entries say.
    fn resize(&mut self, before: Option<&Device>, after: &Device) {
        self.ruling.reducer.resize(before, Some(after));
        for candidate in &mut self.candidates {
            candidate.ruling.reducer.resize(before, Some(after));
        }
    }

    /// A register entry changed: it goes to the ledger, the reducer hears of it, silence is armed anew.
    fn changed(&mut self, seq: Seq, index: u32, out: &mut Output) {
        if self.is_live(seq) {
            let (at, device) = (At { seq, now: self.now }, Arc::clone(&self.devices[index as usize].device));
            self.say(Effect::Device(Arc::clone(&device)), out);
            self.ruling.reducer.register(at, &device, &mut out.effects);
            for candidate in &mut self.candidates {
                candidate.ruling.reducer.register(at, &device, &mut candidate.out.effects);
            }
        }
        let state = &mut self.devices[index as usize];
        if state.device.life == DeviceLife::Retired {
            state.rules = crate::RuleState::default();
            self.candidates.iter_mut().for_each(|candidate| candidate.forget(index));
        }
        self.begin(seq, index, true, out);
    }

    fn activate(
        &mut self,
        seq: Seq,
        by: &Arc<str>,
        files: &BTreeMap<String, String>,
        note: &PackNote,
        out: &mut Output,
    ) -> Verdict {
        versions::check_note(note)?;
        if self.ruling.held.pack {
            return Ok(files_of(files));
        }
        let pack = versions::compile(files)?;
        // A rule that was mended judges again; one that is as it was stays paused.
        let old = std::mem::replace(&mut self.ruling.pack, Arc::new(pack));
        let same = |rule: &str| {
            let source =
                |pack: &Pack| pack.rules().iter().find(|info| &*info.id == rule).map(|info| info.source.clone());
            source(&old).is_some_and(|text| source(&self.ruling.pack) == Some(text))
        };
        self.ruling.paused.keep(same);
        self.ruling.pack.show_paused(&self.ruling.paused);
        self.part(&old);
        let at = At { seq, now: self.now };
        if self.is_live(seq) {
            out.effects.push(Effect::Pack {
                version: Arc::clone(self.ruling.pack.version()),
                files: Arc::new(files.clone()),
                by: Arc::clone(by),
                time: self.now,
                note: Box::new(note.clone()),
            });
            self.ruling.withdraw(at, &mut out.effects);
        }
        self.regroup(at, out);
        for index in 0..self.devices.len() {
            if self.devices[index].past < seq {
                self.begin(seq, u32::try_from(index).expect("fewer than 2^32 devices"), false, out);
            }
        }
        self.rejoin();
        Ok(files_of(files))
    }

    fn set_profile(&mut self, seq: Seq, text: &str, out: &mut Output) -> Verdict {
        let profile = Profile::parse(text).map_err(|mistakes| {
            let text: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            Refusal::new("invalid", text.join("\n")).hint("the profile in force stays")
        })?;
        // Rules see the calendar of each record's time, so a replay sets it as well.
        self.city.set_profile(&profile);
        if !self.is_live(seq) {
            return Ok(Accepted::default());
        }
        self.profile = Arc::new(profile);
        self.ruling.reducer.set_profile(Arc::clone(&self.profile));
        for candidate in &mut self.candidates {
            candidate.ruling.reducer.set_profile(Arc::clone(&self.profile));
        }
        out.effects.push(Effect::Profile { text: text.to_owned() });
        Ok(rows(1))
    }

    /// The places are part of what rules see of the city: a replay puts them in at their record again.
    fn put_places(&mut self, seq: Seq, by: &Arc<str>, places: &[Place], out: &mut Output) -> Verdict {
        check_places(places).map_err(|mistakes| {
            let text: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            Refusal::new("invalid", text.join("\n")).hint("the places in force stay")
        })?;
        self.city.put_places(places.to_vec());
        if self.is_live(seq) {
            let row = PlacesRow { by: Arc::clone(by), time: self.now, places: Arc::new(places.to_vec()) };
            out.effects.push(Effect::Places(Box::new(row)));
        }
        Ok(rows(u32::try_from(places.len()).unwrap_or(u32::MAX)))
    }

    fn put_user(&mut self, seq: Seq, user: &User, out: &mut Output) -> Verdict {
        let taken = ["local", "system"].contains(&&*user.name) || user.name.starts_with(RULE_PREFIX);
        if user.name.is_empty() || user.name.len() > 64 || taken {
            return Err(Refusal::new(
                "invalid",
                "an account's name has 1 to 64 bytes, is neither `local` nor `system`, and does not begin with `rule:`",
            )
            .field("name"));
        }
        if self.is_live(seq) {
            self.users.insert(Arc::clone(&user.name), user.clone());
            out.effects.push(Effect::User(Box::new(user.clone())));
        }
        Ok(rows(1))
    }
}

/// Writes down who asked for what, and what came of it.
fn audit(request: &StaffRequest, verdict: &Verdict, out: &mut EffectSink) {
    out.push(Effect::Audit {
        user: Arc::clone(&request.user),
        action: request.action.name(),
        subject: subject(&request.action),
        verdict: match verdict {
            Ok(accepted) if accepted.refused.is_empty() => "accepted".to_owned(),
            Ok(accepted) => format!("accepted, {} rows refused", accepted.refused.len()),
            Err(refusal) => format!("{}: {}", refusal.code, refusal.message),
        },
    });
}

/// What somebody says who keeps the pack that is held, whatever is activated.
fn kept(action: &Action) -> Option<Verdict> {
    match action {
        Action::ActivatePack { files } => Some(Ok(files_of(files))),
        Action::PublishPack { files, note } => Some(versions::check_note(note).map(|()| files_of(files))),
        _ => None,
    }
}

fn files_of(files: &BTreeMap<String, String>) -> Accepted {
    rows(u32::try_from(files.len()).unwrap_or(u32::MAX))
}

pub(super) fn rows(rows: u32) -> Accepted {
    Accepted { rows, ..Accepted::default() }
}

/// Checks what the register's CSV reader cannot promise for entries that come another way.
fn check_device(device: &Device) -> Result<(), Refusal> {
    let invalid = |field: &str, message: String| Err(Refusal::new("invalid", message).field(field));
    let id = &device.id;
    if device.asset_code.is_empty() {
        return invalid("asset_code", format!("device `{id}`: the asset's code is empty"));
    }
    if device.interval_s == 0 || device.interval_s > 30 * 86_400 {
        return invalid("interval_s", format!("device `{id}`: the reporting interval is 1 s to 30 days"));
    }
    let on_earth = |value: Option<f64>, limit: f64| value.is_none_or(|value| value.is_finite() && value.abs() <= limit);
    if !on_earth(device.latitude, 90.0) || !on_earth(device.longitude, 180.0) {
        return invalid("latitude", format!("device `{id}`: the position is not on earth"));
    }
    Ok(())
}

fn subject(action: &Action) -> String {
    match action {
        Action::Case { case, .. } => case.to_string(),
        Action::ReportCase { report } => format!("{} {}", report.class, report.asset),
        Action::AddDevices { devices, .. } => match devices.as_slice() {
            [only] => only.id.to_string(),
            many => format!("{} devices", many.len()),
        },
        Action::SetLife { device, .. } | Action::RotateKey { device, .. } => device.to_string(),
        Action::PutSilence { silence } => {
            let named: Vec<String> = silence.matches.words().map(|(field, word)| format!("{field} {word}")).collect();
            named.join(", ")
        }
        Action::EndSilence { silence, work_order } => {
            let silence = silence.map(|id| id.to_string());
            silence.or_else(|| work_order.as_deref().map(str::to_owned)).unwrap_or_default()
        }
        Action::SendCommand { device, name, .. } => format!("{name} to {device}"),
        Action::ActivatePack { files } => format!("{} files", files.len()),
        Action::PublishPack { files, note } => format!("{} files: {}", files.len(), note.reason),
        Action::StartShadow { files, reason } => format!("{} files: {reason}", files.len()),
        Action::StopShadow => String::new(),
        Action::RecordFindings { findings } => format!("{} findings", findings.len()),
        Action::SetProfile { .. } => String::new(),
        Action::SetParameter { rule, name, scope, .. } => format!("{rule}.{name} for {scope}"),
        Action::PauseRule { rule, .. } | Action::ResumeRule { rule } => rule.to_string(),
        Action::PutPlaces { places } => format!("{} places", places.len()),
        Action::PutUser { user } => user.name.to_string(),
        Action::Duty { ask } => ask.subject(),
        Action::Platform { platform, message, case, .. } => format!("{case} by {platform}, message {message}"),
        Action::Redecode { message } => format!("message {} of {}", message.seq, message.device),
    }
}
