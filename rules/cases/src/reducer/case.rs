//! Incidents to cases: which case, opening, joining, the limit, overdue, and closing by itself.

use std::sync::Arc;

use gengfu_model::{
    Case, CaseEvent, CaseState, Deadline, Device, Effect, EffectId, EffectSink, Incident, IncidentState, Value,
};

use super::escalation::{self, Call};
use super::opening::{self, Opening};
use super::state::{CaseExtra, CaseKey, OpenCase, Sensor};
use super::{At, MAX_INCIDENTS_PER_CASE, Reducer, clocks, dispatch, notify, personal, verify};
use crate::deadline;
use crate::profile::{CaseTarget, GroupBy, IOT, Route};

/// The account in whose name the gateway acts.
pub(super) const SYSTEM: &str = "system";

/// Where an incident goes.
#[derive(Debug)]
pub(super) enum Placement {
    /// To no case.
    None,
    /// To that open case.
    Join(Plan),
    /// To a new case.
    Open(Plan),
}

/// A case and what the profile says of the incident that goes there.
#[derive(Debug)]
pub(super) struct Plan {
    case: EffectId,
    key: CaseKey,
    target: Option<CaseTarget>,
    /// Cases that it replaces, as others are told.
    replaces: Vec<EffectId>,
}

impl Placement {
    /// Says which cases are about to be folded into this one.
    pub(super) fn replaces(&mut self, cases: Vec<EffectId>) {
        match self {
            Placement::None => {}
            Placement::Join(plan) | Placement::Open(plan) => plan.replaces = cases,
        }
    }

    /// The case, if it is one.
    pub(super) fn case(&self) -> Option<EffectId> {
        match self {
            Placement::None => None,
            Placement::Join(plan) | Placement::Open(plan) => Some(plan.case),
        }
    }
}

/// Finds where an incident of that device goes; reserves the id of a new case.
pub(super) fn place(reducer: &Reducer, device: &Device, incident: &Incident, out: &mut EffectSink) -> Placement {
    let target = match reducer.profile.route(&incident.rule, &device.asset_type, &incident.condition) {
        Route::IncidentOnly => return Placement::None,
        Route::Case(target) => Some(target.clone()),
        Route::Unmapped => None,
    };
    let class =
        target.as_ref().map_or_else(|| format!("?{}", incident.condition).into(), |target| target.class.clone());
    let scope = scope(target.as_ref().and_then(|target| target.group_by.as_ref()), device);
    let key = CaseKey { class, scope };
    let takes = |id: &EffectId| {
        reducer.cases.get(id).is_some_and(|open| {
            open.case.incidents.len() < MAX_INCIDENTS_PER_CASE
                || open.case.incidents.binary_search(&incident.id).is_ok()
        })
    };
    match reducer.case_of.get(&key).copied().filter(takes) {
        Some(case) => Placement::Join(Plan { case, key, target, replaces: Vec::new() }),
        None => Placement::Open(Plan { case: out.reserve(), key, target, replaces: Vec::new() }),
    }
}

/// The asset, or the group that the mapping merges by. A device that does not say its group stands alone.
fn scope(group_by: Option<&GroupBy>, device: &Device) -> Arc<str> {
    let group = group_by.and_then(|group_by| group_of(group_by, device));
    group.unwrap_or_else(|| format!("asset:{}", device.asset_code).into())
}

/// The group of a device, such as `feeder:F7`, if the register says it.
pub(super) fn group_of(group_by: &GroupBy, device: &Device) -> Option<Arc<str>> {
    let (name, value) = match group_by {
        GroupBy::Feeder => ("feeder", &*device.feeder),
        GroupBy::Cabinet => ("cabinet", &*device.cabinet),
        GroupBy::Catchment => ("catchment", &*device.catchment),
        GroupBy::CarrierCell => ("carrier_cell", &*device.carrier_cell),
        GroupBy::Grid => ("grid", &*device.grid),
        GroupBy::District => ("district", &*device.district),
        GroupBy::Radius(_) => ("", ""),
        GroupBy::Attribute(name) => match device.attributes.get(name) {
            Some(Value::Text(text)) => (&**name, &**text),
            Some(Value::Bool(_) | Value::Number(_)) | None => ("", ""),
        },
    };
    if value.is_empty() {
        return None;
    }
    // Two districts may have a road of the same name.
    let in_district = matches!(group_by, GroupBy::Attribute(_));
    let group = if in_district { format!("{name}:{}/{value}", device.district) } else { format!("{name}:{value}") };
    Some(group.into())
}

/// Opens a case for an incident.
pub(super) fn open(
    reducer: &mut Reducer,
    at: At,
    device: &Device,
    incident: &Incident,
    plan: Plan,
    out: &mut EffectSink,
) {
    let Plan { case: id, key, target, replaces } = plan;
    take_key_from_full_case(reducer, &key, out);
    let class = target.as_ref().and_then(|target| reducer.profile.classes.get(&target.class)).cloned();
    let opening = Opening {
        id,
        source: IOT.into(),
        reporter: incident.rule.clone(),
        state: target.as_ref().map_or(CaseState::Reported, |target| target.start),
        severity: incident.severity,
        asset: incident.asset.clone(),
        asset_name: device.name.clone(),
        class,
        standard: target.and_then(|target| target.standard),
        condition: incident.condition.clone(),
        text_zh: incident.text_zh.clone(),
        text_en: incident.text_en.clone(),
        district: device.district.clone(),
        grid: device.grid.clone(),
        owner: device.department.clone(),
        position: (device.latitude, device.longitude),
        incident: Some((incident.id, incident.state == IncidentState::Open)),
    };
    let case = opening::case(reducer, at, opening, out);
    let extra = CaseExtra { keys: vec![key], sensors: vec![Sensor::of(incident)], ..CaseExtra::default() };
    let event = happening(&case, at, "opened", None, incident_note(incident));
    let told = case.clone();
    publish(reducer, at, OpenCase { case, extra }, vec![event.clone()], None, out);
    notify::case(reducer, at, "case.opened", &told, &event, &replaces, out);
    dispatch::auto(reducer, at, id, out);
}

/// A full case hands its key to the one that is about to open.
fn take_key_from_full_case(reducer: &mut Reducer, key: &CaseKey, out: &mut EffectSink) {
    let Some(mut full) = reducer.case_of.get(key).and_then(|id| reducer.cases.get(id)).cloned() else { return };
    full.extra.keys.retain(|kept| kept != key);
    reducer.save_case(full, out);
}

/// An incident joins an open case, or comes back to it; `quiet` tells nobody.
pub(super) fn join(reducer: &mut Reducer, at: At, incident: &Incident, plan: &Plan, quiet: bool, out: &mut EffectSink) {
    let Some(mut open) = reducer.cases.get(&plan.case).cloned() else { return };
    let mut events = Vec::new();
    // Oldest first: an incident that turned into this class may be older than the newest one.
    if let Err(index) = open.case.incidents.binary_search(&incident.id) {
        open.case.incidents.insert(index, incident.id);
        open.case.condition_holds = true;
        open.extra.watch(&[Sensor::of(incident)]);
        events.push(happening(&open.case, at, "incident_joined", Some(open.case.state), incident_note(incident)));
    }
    if let Some(target) = &plan.target {
        events.extend(tighten(reducer, at, &mut open, incident, target));
    }
    events.extend(condition_events(reducer, at, &mut open, Some(incident)));
    if let Some(last) = events.last().cloned() {
        open.case.updated = at.now;
        let told = open.case.clone();
        publish(reducer, at, open, events, None, out);
        if !quiet {
            notify::case(reducer, at, "case.updated", &told, &last, &plan.replaces, out);
        }
        verify::follow(reducer, at, plan.case, quiet, out);
    }
}

/// Brings a case up to date with its incidents; `quiet` tells nobody.
pub(super) fn refresh(
    reducer: &mut Reducer,
    at: At,
    id: EffectId,
    incident: Option<&Incident>,
    quiet: bool,
    out: &mut EffectSink,
) {
    let Some(mut open) = reducer.cases.get(&id).cloned() else { return };
    let events = condition_events(reducer, at, &mut open, incident);
    let unjudged = open.extra.unjudged || incident.is_some_and(verify::without_verdict);
    if !events.is_empty() || unjudged != open.extra.unjudged {
        open.extra.unjudged = unjudged;
        open.case.updated = at.now;
        publish(reducer, at, open, events, (!quiet).then_some("case.updated"), out);
        verify::follow(reducer, at, id, quiet, out);
    }
}

/// Severity and `condition_holds` from the incidents, and what is to be said of them.
fn condition_events(reducer: &Reducer, at: At, open: &mut OpenCase, incident: Option<&Incident>) -> Vec<CaseEvent> {
    let mut events = Vec::new();
    let state = Some(open.case.state);
    if let Some(incident) = incident.filter(|incident| incident.severity > open.case.severity) {
        open.case.severity = incident.severity;
        events.push(happening(&open.case, at, "severity_raised", state, incident_note(incident)));
    }
    let holds = reducer.condition_holds(&open.case);
    if holds != open.case.condition_holds {
        open.case.condition_holds = holds;
        let action = if holds { "condition_returned" } else { "condition_cleared" };
        events.push(happening(&open.case, at, action, state, String::new()));
    }
    events
}

/// Takes over the incident's row if it leaves less time than the case has.
fn tighten(
    reducer: &Reducer,
    at: At,
    open: &mut OpenCase,
    incident: &Incident,
    target: &CaseTarget,
) -> Option<CaseEvent> {
    let calendar = &reducer.profile.calendar;
    let standard = target.standard.as_ref()?;
    let offered = deadline::deadline(calendar, reducer.profile.limit(standard)?, at.now);
    let current = open.case.deadline.map(|current| match open.extra.left_ms {
        Some(left) => deadline::due_after(calendar, current.limit, left, at.now),
        None => current.due,
    });
    if current.is_some_and(|current| current <= offered.due) {
        return None;
    }
    if open.extra.left_ms.is_some() {
        open.extra.left_ms = Some(deadline::left_ms(calendar, &offered, at.now));
    }
    open.case.deadline = Some(offered);
    open.case.standard = standard.clone();
    // After a merge, the row may be of another class.
    if let Some(class) = reducer.profile.classes.get(&target.class) {
        open.case.class = class.code.clone();
        open.case.class_kind = class.kind.clone();
        open.case.class_name = class.name.clone();
    }
    open.case.condition = incident.condition.clone();
    open.case.text_zh.clone_from(&incident.text_zh);
    open.case.text_en.clone_from(&incident.text_en);
    let note = format!("{} ({})", standard, incident.condition);
    Some(happening(&open.case, at, "limit_changed", Some(open.case.state), note))
}

/// The deadline passed.
pub(super) fn overdue(reducer: &mut Reducer, at: At, id: EffectId, out: &mut EffectSink) {
    let Some(mut open) = reducer.cases.get(&id).cloned() else { return };
    let event = mark_overdue(at, &mut open);
    publish(reducer, at, open, vec![event], Some("case.overdue"), out);
}

fn mark_overdue(at: At, open: &mut OpenCase) -> CaseEvent {
    open.case.overdue = true;
    open.case.updated = at.now;
    happening(&open.case, at, "overdue", Some(open.case.state), String::new())
}

/// Marks a case whose clock goes on after its deadline has passed.
pub(super) fn overdue_by_now(at: At, open: &mut OpenCase) -> Option<CaseEvent> {
    open.due().filter(|due| *due <= at.now).map(|_| mark_overdue(at, open))
}

/// Closes a case that nobody dispatched yet, if the profile says so and no incident can come back to it.
pub(super) fn close_if_gone(reducer: &mut Reducer, at: At, id: EffectId, out: &mut EffectSink) {
    let Some(open) = reducer.cases.get(&id) else { return };
    let waits = matches!(open.case.state, CaseState::Reported | CaseState::PendingVerify | CaseState::Filed);
    if !reducer.profile.cases.auto_close || !waits || reducer.members(&open.case).next().is_some() {
        return;
    }
    let mut open = open.clone();
    let from = open.case.state;
    open.case.state = CaseState::Closed;
    open.case.closed = Some(at.now);
    open.case.updated = at.now;
    let event = happening(&open.case, at, "auto_close", Some(from), String::new());
    publish(reducer, at, open, vec![event], Some("case.closed"), out);
}

/// What the case's limit gives when its clock starts now.
pub(super) fn restarted(reducer: &Reducer, at: At, deadline: &Deadline) -> Deadline {
    let limit = deadline::Limit { kind: deadline.limit, amount: deadline.amount };
    deadline::deadline(&reducer.profile.calendar, limit, at.now)
}

/// Puts a case out with its history and one message about the last line of it.
pub(super) fn publish(
    reducer: &mut Reducer,
    at: At,
    mut open: OpenCase,
    events: Vec<CaseEvent>,
    topic: Option<&str>,
    out: &mut EffectSink,
) {
    let calls = escalation::plan(reducer, at, &mut open, &events);
    put_out(reducer, at, open, events, topic, calls, out);
}

/// Puts a case out with its history, one message about the last line of it, and calls to people.
pub(super) fn put_out(
    reducer: &mut Reducer,
    at: At,
    mut open: OpenCase,
    events: Vec<CaseEvent>,
    topic: Option<&str>,
    calls: Vec<Call>,
    out: &mut EffectSink,
) {
    let late = clocks::arrange(reducer, at, &mut open);
    // Told first, since whom the case has called is part of it.
    if let Some(mut escalation) = open.case.escalation.take() {
        let about = open.case.clone();
        personal::call(reducer, at, &about, &calls, &mut escalation.told, out);
        open.case.escalation = Some(escalation);
    } else {
        personal::call(reducer, at, &open.case.clone(), &calls, &mut Vec::new(), out);
    }
    if let Some((topic, event)) = topic.zip(events.last()) {
        notify::case(reducer, at, topic, &open.case, event, &[], out);
    }
    personal::withdraw(reducer, at, &open.case, out);
    let late = late.then(|| happening(&open.case, at, "total_overdue", Some(open.case.state), String::new()));
    for event in events.into_iter().chain(late) {
        out.push(Effect::CaseEvent(Box::new(event)));
    }
    reducer.save_case(open, out);
}

/// A line of a case's history in the gateway's own name.
pub(super) fn happening(case: &Case, at: At, action: &str, from: Option<CaseState>, note: String) -> CaseEvent {
    CaseEvent {
        case: case.id,
        time: at.now,
        actor: SYSTEM.into(),
        action: action.into(),
        from,
        to: case.state,
        note,
        attachment: None,
    }
}

fn incident_note(incident: &Incident) -> String {
    format!("incident {}: {}, {}", incident.id, incident.condition, incident.severity.name())
}
