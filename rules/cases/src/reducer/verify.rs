//! Verification by sensor: after the work is reported as done, the sensors of what was wrong say whether it is.
//!
//! When a case is handled all of whose conditions the profile can verify, a window opens. Once nothing of the case
//! holds, every sensor must go on to say so for as many further readings as the profile asks for, or for at least
//! one when the window ends: then the case is checked by the sensor (and closed, where the profile says so). A
//! reading by which it still holds sends the case back to rework at once, and so does what comes back; but for the
//! grace at the window's beginning, in which the lid may still be open. What came back within the grace goes back at
//! its end, what was read then and still holds at the window's end. A reading counts by what its rule makes of it: of
//! a lamp that is off by day nothing follows, whatever it carries. When the sensors said too little, the check is
//! left to a person. Each outcome is a line of the history with the readings' times and values, an explanation
//! `verified` of the case's newest incident, and a row of the decision log.

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_model::signal::EvidenceReading;
use gengfu_model::{
    Case, CaseState, Decision, DecisionKind, DeviceId, Effect, EffectId, EffectSink, Evidence, Incident, IncidentState,
    Timestamp, Value, Why,
};

use super::state::{MAX_SENSORS, Message, OpenCase, Sensor, TrackKey, Verifying};
use super::{At, MAX_NOTE_BYTES, Reducer, case, decide, silence};
use crate::calendar::Calendar;
use crate::profile::Verification;

/// The most messages that are kept as evidence: the newest.
const MAX_EVIDENCE: usize = 10;
/// The most values of one message that are kept.
const MAX_VALUES: usize = 16;
/// Why a case goes back whose condition was gone for a while.
const CAME_BACK: &str = "情况再次出现 / it came back";

/// What an awaited device said.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    /// The values of its message that are not older than what is known.
    pub readings: &'a [EvidenceReading],
    /// What the rules that were asked say of them, by rule and key: whether it holds. A rule that reads none of
    /// them, or says nothing of them, is not there.
    pub said: &'a BTreeMap<(Arc<str>, Arc<str>), bool>,
}

/// The work was reported as done: opens the window, if all that was wrong can be verified.
pub(super) fn begin(reducer: &mut Reducer, at: At, id: EffectId, out: &mut EffectSink) {
    let Some(open) = reducer.cases.get(&id).filter(|open| open.case.state == CaseState::PendingCheck) else { return };
    let told = !open.extra.unjudged && !open.extra.sensors.is_empty();
    let Some(rule) = rule_for(reducer, &open.case).filter(|_| told) else { return };
    let mut open = open.clone();
    let until = at.now.plus_ms(rule.window_ms);
    let note = format!("传感器核查至 / by sensor until {}", clock(&reducer.profile.calendar, until));
    let event = case::happening(&open.case, at, "verification_began", Some(open.case.state), note);
    open.extra.verifying = Some(Verifying {
        since: at.now,
        grace_until: at.now.plus_ms(rule.grace_ms),
        returned: false,
        until,
        readings: rule.readings,
        auto_close: rule.auto_close,
        devices: open.extra.sensors.iter().map(|sensor| (sensor.device.clone(), 0)).collect(),
        clear: (!open.case.condition_holds).then_some(at.seq),
        evidence: Vec::new(),
    });
    case::publish(reducer, at, open, vec![event], None, out);
}

/// What confirms all that was wrong in a case: of several tables the longest window and the most readings. `None`:
/// something of it is no sensor's to tell.
fn rule_for(reducer: &Reducer, case: &Case) -> Option<Verification> {
    let own = std::iter::once(&case.condition);
    let conditions = own.chain(reducer.members(case).map(|incident| &incident.condition));
    let rules = conditions.map(|condition| reducer.profile.verifications.get(condition).copied());
    rules.reduce(|one, other| one.zip(other).map(|(one, other)| one.and(other)))?
}

/// A device was heard; the signals of its rules come after.
pub(super) fn heard(reducer: &mut Reducer, at: At, device: &DeviceId, heard: &Heard<'_>, out: &mut EffectSink) {
    for id in reducer.verifying.get(device).cloned().unwrap_or_default() {
        let Some(mut open) = reducer.cases.get(&id).cloned() else { continue };
        let asked: Vec<Sensor> = open.extra.asked_of(device).cloned().collect();
        let verdict = |sensor: &Sensor| heard.said.get(&(sensor.rule.clone(), sensor.key.clone())).copied();
        let said: Vec<bool> = asked.iter().filter_map(verdict).collect();
        let Some(window) = &mut open.extra.verifying else { continue };
        let readings = newest(heard.readings, window);
        if readings.is_empty() || said.is_empty() {
            continue;
        }
        let holds = said.contains(&true);
        // What was measured within the grace contradicts nothing, however late it comes.
        let counts = at.now >= window.grace_until
            && readings.iter().any(|reading| reading.event_time.is_some_and(|time| time >= window.grace_until));
        window.evidence.push(Message { device: device.clone(), holds, readings });
        let surplus = window.evidence.len().saturating_sub(MAX_EVIDENCE);
        window.evidence.drain(..surplus);
        // The reading that cleared it is evidence; it is the further ones that count.
        if !holds
            && window.clear.is_some_and(|clear| clear < at.seq)
            && let Some(count) = window.devices.get_mut(device)
        {
            *count = count.saturating_add(1);
        }
        let confirmed = window.confirmed(window.readings);
        let still = |sensor: &&Sensor| verdict(sensor) == Some(true) && stands(reducer, sensor);
        if confirmed {
            confirm(reducer, at, open, out);
        } else if counts && asked.iter().any(|sensor| still(&sensor)) {
            contradict(reducer, at, open, "读数表明情况仍在 / by this reading it still holds", out);
        } else {
            reducer.save_case(open, out);
        }
    }
}

/// Whether what a sensor is asked for is open, and calls people: in maintenance or silenced it is work that goes on.
fn stands(reducer: &Reducer, sensor: &Sensor) -> bool {
    let Sensor { device, rule, key } = sensor;
    let Some(asset) = reducer.holds.get(&(device.clone(), rule.clone(), key.clone())) else { return false };
    let key = TrackKey { rule: rule.clone(), asset: asset.clone(), key: key.clone() };
    let Some(track) = reducer.tracks.get(&key).filter(|track| !track.is_quiet()) else { return false };
    let Some(incident) = track.incident.and_then(|id| reducer.incidents.get(&id)) else { return false };
    let place = track.place.as_ref().map(|place| place.device(incident));
    let silenced = place.is_some_and(|device| silence::covering(reducer, &device, incident).is_some());
    incident.state == IncidentState::Open && !silenced
}

/// The newest value of each field that was measured since the window opened.
fn newest(readings: &[EvidenceReading], window: &Verifying) -> Vec<EvidenceReading> {
    let mut fields: BTreeMap<&str, &EvidenceReading> = BTreeMap::new();
    let since = readings.iter().filter(|reading| reading.event_time.is_some_and(|time| time >= window.since));
    for reading in since {
        let known = fields.entry(&reading.field).or_insert(reading);
        if reading.event_time >= known.event_time {
            *known = reading;
        }
    }
    fields.into_values().take(MAX_VALUES).cloned().collect()
}

/// Whether an incident cleared since its rule or device was taken away, and not since the rule said so.
pub(super) fn without_verdict(incident: &Incident) -> bool {
    incident.state == IncidentState::Cleared && incident.cleared_by.as_deref().is_some_and(|word| word != "clear")
}

/// What holds of the case may have changed. `quiet`: what came back is in maintenance or silenced, so it is work
/// that goes on and no failure of it.
pub(super) fn follow(reducer: &mut Reducer, at: At, id: EffectId, quiet: bool, out: &mut EffectSink) {
    let Some(open) = reducer.cases.get(&id).filter(|open| open.extra.verifying.is_some()) else { return };
    let mut open = open.clone();
    if open.extra.unjudged {
        let note = "规则或传感器已撤下，请人工核查 / its rule or sensor is gone, somebody must check";
        return leave(reducer, at, open, note.to_owned(), out);
    }
    let holds = open.case.condition_holds;
    let Some(window) = &mut open.extra.verifying else { return };
    match (holds, window.clear) {
        (false, None) => {
            window.clear = Some(at.seq);
            window.returned = false;
        }
        (true, Some(_)) => {
            window.clear = None;
            window.devices.values_mut().for_each(|count| *count = 0);
            if !quiet && at.now >= window.grace_until {
                return contradict(reducer, at, open, CAME_BACK, out);
            }
            window.returned = !quiet;
        }
        _ => return,
    }
    reducer.save_case(open, out);
}

/// The window is over, or the grace in which something came back.
pub(super) fn due(reducer: &mut Reducer, at: At, id: EffectId, out: &mut EffectSink) {
    let Some(open) = reducer.cases.get(&id).cloned() else { return };
    let Some(window) = &open.extra.verifying else { return };
    if window.returned {
        return contradict(reducer, at, open, CAME_BACK, out);
    }
    if window.clear.is_some() && window.confirmed(1) {
        return confirm(reducer, at, open, out);
    }
    if window.clear.is_none() && window.evidence.iter().any(|heard| heard.holds) {
        return contradict(reducer, at, open, "核查期满情况仍在 / it still holds at the window's end", out);
    }
    let silent = window.devices.iter().filter(|(_, count)| **count == 0).map(|(device, _)| device.to_string());
    let silent = silent.collect::<Vec<_>>().join(", ");
    let note = format!("传感器未上报，请人工核查 / the sensor said nothing, somebody must check: {silent}");
    leave(reducer, at, open, note, out);
}

/// Leaves the check to a person.
fn leave(reducer: &mut Reducer, at: At, mut open: OpenCase, note: String, out: &mut EffectSink) {
    open.extra.verifying = None;
    open.case.updated = at.now;
    decided(reducer, at, &open, Why::SensorSilent, out);
    let event = case::happening(&open.case, at, "verification_inconclusive", Some(open.case.state), cut(note));
    case::publish(reducer, at, open, vec![event], Some("case.updated"), out);
}

fn confirm(reducer: &mut Reducer, at: At, mut open: OpenCase, out: &mut EffectSink) {
    let Some(mut window) = open.extra.verifying.take() else { return };
    window.evidence.retain(|heard| !heard.holds);
    let from = open.case.state;
    open.case.progress.checked = Some(at.now);
    open.case.updated = at.now;
    open.case.state = CaseState::CheckPassed;
    let words = words(&reducer.profile.calendar, &window);
    let note = cut(format!("传感器确认已恢复 / confirmed by the sensor: {words}"));
    let mut events = vec![case::happening(&open.case, at, "verified_by_sensor", Some(from), note)];
    if window.auto_close {
        open.case.state = CaseState::Closed;
        open.case.closed = Some(at.now);
        events.push(case::happening(&open.case, at, "auto_close", Some(CaseState::CheckPassed), String::new()));
    }
    explain(at, &open, &window, out);
    decided(reducer, at, &open, Why::SensorConfirms, out);
    let topic = if window.auto_close { "case.closed" } else { "case.updated" };
    case::publish(reducer, at, open, events, Some(topic), out);
}

/// Back to the department, with the reason and what was read.
fn contradict(reducer: &mut Reducer, at: At, mut open: OpenCase, reason: &str, out: &mut EffectSink) {
    let Some(window) = open.extra.verifying.take() else { return };
    let from = open.case.state;
    open.case.progress.reworks += 1;
    open.case.updated = at.now;
    open.case.state = CaseState::Handling;
    let holding = reducer.members(&open.case).filter(|incident| incident.state == IncidentState::Open);
    let mut what: Vec<String> =
        holding.map(|incident| format!("{}: {}", incident.device, incident.condition)).collect();
    what.truncate(MAX_SENSORS);
    let words = words(&reducer.profile.calendar, &window);
    let note = cut(format!("传感器显示情况仍在，{reason} ({}) {words}", what.join(", ")));
    let mut events = vec![case::happening(&open.case, at, "rework", Some(from), note)];
    explain(at, &open, &window, out);
    decided(reducer, at, &open, Why::SensorContradicts, out);
    // The handling limit runs again, and may have run out meanwhile.
    let overdue = case::overdue_by_now(at, &mut open);
    let topic = if overdue.is_some() { "case.overdue" } else { "case.updated" };
    events.extend(overdue);
    case::publish(reducer, at, open, events, Some(topic), out);
}

/// The readings in words, the newest first: what is cut off is the oldest.
fn words(calendar: &Calendar, window: &Verifying) -> String {
    let value = |value: &Option<Value>| value.as_ref().map_or_else(|| "-".to_owned(), said);
    let of_message = |heard: &Message| {
        let time = heard.readings.iter().filter_map(|row| row.event_time).max().unwrap_or(window.since);
        let values = heard.readings.iter().map(|row| format!("{} = {}", row.field, value(&row.value)));
        format!("{} {} {}", clock(calendar, time), heard.device, values.collect::<Vec<_>>().join(", "))
    };
    window.evidence.iter().rev().map(of_message).collect::<Vec<_>>().join("; ")
}

fn said(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::Text(value) => value.to_string(),
    }
}

/// A local time as duty staff read it.
fn clock(calendar: &Calendar, time: Timestamp) -> String {
    calendar.local(time).format("%m-%d %H:%M:%S").to_string()
}

fn cut(mut note: String) -> String {
    let end = (0..=MAX_NOTE_BYTES.min(note.len())).rev().find(|end| note.is_char_boundary(*end)).unwrap_or(0);
    note.truncate(end);
    note
}

/// The readings as the evidence of the case's newest incident.
fn explain(at: At, open: &OpenCase, window: &Verifying, out: &mut EffectSink) {
    let Some(incident) = open.case.incidents.last().copied() else { return };
    let evidence = Evidence {
        trigger: "verification".to_owned(),
        now: at.now,
        seq: at.seq,
        readings: window.evidence.iter().flat_map(|heard| heard.readings.iter().cloned()).collect(),
        ..Evidence::default()
    };
    out.push(Effect::Explanation { incident, change: "verified", evidence: Box::new(evidence) });
}

fn decided(reducer: &Reducer, at: At, open: &OpenCase, why: Why, out: &mut EffectSink) {
    let incident = open.case.incidents.last().and_then(|id| reducer.incidents.get(id));
    let decision = Decision {
        time: at.now,
        incident: open.case.incidents.last().copied(),
        case: Some(open.case.id),
        rule: incident.map_or_else(|| "".into(), |incident| incident.rule.clone()),
        asset: open.case.asset.clone(),
        device: incident.map(|incident| incident.device.clone()),
        district: open.case.district.clone(),
        what: DecisionKind::Verified,
        who: None,
        why,
        note: String::new(),
        refs: Vec::new(),
    };
    decide::put(decision, out);
}
