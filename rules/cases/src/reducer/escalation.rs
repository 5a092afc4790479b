//! Who is called about a case, level by level, until somebody takes it over and gets it on its way.
//!
//! Where the calls stand is part of the case ([`Escalation`]), so it is visible and survives a restart. A chain
//! begins when a case opens or gets so much worse that another chain fits, and again when a department sends
//! the case back. An acknowledgement stops it and starts the clock of progress: the case must change its state
//! or go to somebody by name within that time, or else it comes back, unacknowledged. What is dispatched is on
//! its way; from there the city's limit counts.

use std::sync::Arc;

use gengfu_model::duty::{Escalation, EscalationChain, EscalationStep, StepTarget, WaitsFor};
use gengfu_model::time::MINUTE_MS;
use gengfu_model::{CaseEvent, CaseState, EffectId, EffectSink, Timestamp, Why};

use super::state::OpenCase;
use super::{At, Reducer, case};

/// People who are to be told of a case, and why.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// Which text.
    pub(super) kind: &'static str,
    pub(super) why: Why,
    pub(super) level: u8,
    /// Nobody: that is said in the decision log.
    pub(super) people: Vec<Arc<str>>,
}

/// Moves a case's escalation on by what just happened to it, before it is put out. What is to be told comes
/// back.
pub(super) fn plan(reducer: &Reducer, at: At, open: &mut OpenCase, events: &[CaseEvent]) -> Vec<Call> {
    let mut calls = Vec::new();
    for event in events {
        let moved = event.from.is_some_and(|from| from != event.to);
        match &*event.action {
            "opened" => begin(reducer, at, open, "alarm", Why::OnDuty, &mut calls),
            "severity_raised" => worsened(reducer, at, open, &mut calls),
            "acknowledge" => acknowledged(reducer, at, open),
            "overdue" => calls.extend(overdue(reducer, at, open)),
            "return" => begin(reducer, at, open, "returned", Why::SentBack, &mut calls),
            "assign" => progressed(reducer, at, open),
            _ if moved => progressed(reducer, at, open),
            _ => {}
        }
    }
    if open.case.state.is_final()
        && let Some(escalation) = &mut open.case.escalation
    {
        stop(escalation);
    }
    calls
}

/// A step's time has come.
pub(super) fn due(reducer: &mut Reducer, at: At, id: EffectId, out: &mut EffectSink) {
    let Some(mut open) = reducer.cases.get(&id).cloned() else { return };
    let Some(waits_for) = open.case.escalation.as_ref().map(|escalation| escalation.waits_for) else { return };
    let mut calls = Vec::new();
    let state = Some(open.case.state);
    match waits_for {
        WaitsFor::Acknowledgement => {
            take_steps(reducer, at, &mut open, None, &mut calls);
            let note = calls.iter().map(|call| format!("level {}: {}", call.level, call.people.join(", ")));
            let note = note.collect::<Vec<_>>().join("; ");
            let event = case::happening(&open.case, at, "called", state, note);
            case::put_out(reducer, at, open, vec![event], None, calls, out);
        }
        WaitsFor::Progress => {
            let by = open.case.acknowledged_by.take();
            open.case.acknowledged_at = None;
            open.case.updated = at.now;
            begin(reducer, at, &mut open, "came_back", Why::CameBack, &mut calls);
            if let Some(by) = &by {
                with_person(&mut calls, by);
            }
            let note = by.map(|by| by.to_string()).unwrap_or_default();
            let event = case::happening(&open.case, at, "came_back", state, note);
            case::put_out(reducer, at, open, vec![event], Some("case.updated"), calls, out);
        }
        WaitsFor::Nothing => {}
    }
}

/// The case went to another district: those on duty there are called, unless they are the same or somebody has it.
pub(super) fn moved(reducer: &Reducer, at: At, open: &mut OpenCase, from: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    let roster = |district: &str| reducer.duty.roster(district).map(|kept| &kept.roster.district);
    let taken = open.case.escalation.is_some() && !self::calls(open);
    if !taken && roster(from) != roster(&open.case.district) {
        begin(reducer, at, open, "alarm", Why::OnDuty, &mut calls);
    }
    calls
}

/// Whether calls go on until somebody acknowledges.
pub(super) fn calls(open: &OpenCase) -> bool {
    open.case.escalation.as_ref().is_some_and(|escalation| escalation.waits_for == WaitsFor::Acknowledgement)
}

/// Begins the chain that fits the case.
fn begin(reducer: &Reducer, at: At, open: &mut OpenCase, kind: &'static str, why: Why, calls: &mut Vec<Call>) {
    let told = open.case.escalation.take().map(|before| before.told).unwrap_or_default();
    let Some(chain) = reducer.duty.chain(&open.case) else {
        calls.push(Call { kind, why: Why::NoChain, level: 0, people: Vec::new() });
        return;
    };
    if reducer.duty.roster(&open.case.district).is_none() {
        calls.push(Call { kind, why: Why::NobodyOnDuty, level: 0, people: Vec::new() });
        return;
    }
    let first = chain.steps.first().map_or(0, |step| step.after_min);
    let wait_ms = if kind == "alarm" { waits_for_storm(reducer, open) } else { 0 };
    open.case.escalation = Some(Box::new(Escalation {
        chain: chain.name.clone(),
        level: 0,
        step: 0,
        repeats: 0,
        waits_for: WaitsFor::Acknowledgement,
        next_at: Some(after(at.now, first).plus_ms(wait_ms)),
        next_who: Vec::new(),
        within_min: None,
        told,
    }));
    take_steps(reducer, at, open, Some((kind, why)), calls);
}

/// How long nobody is called for a new case, since a storm may be forming that would take it in.
fn waits_for_storm(reducer: &Reducer, open: &OpenCase) -> i64 {
    reducer.profile.groups.get(&open.case.condition).map_or(0, |rule| rule.wait_ms)
}

/// Takes every step whose time has come. A step that finds nobody on duty gives way to the next one at once.
fn take_steps(
    reducer: &Reducer,
    at: At,
    open: &mut OpenCase,
    first: Option<(&'static str, Why)>,
    calls: &mut Vec<Call>,
) {
    let Some(chain) = reducer.duty.chain(&open.case) else { return finish(open) };
    let Some(mut escalation) = open.case.escalation.take() else { return };
    while escalation.next_at.is_some_and(|next| next <= at.now) {
        let index = usize::from(escalation.step);
        let last = chain.steps.len().saturating_sub(1);
        let Some(step) = chain.steps.get(index.min(last)) else { break };
        let people = reducer.called(&step.to, &open.case.district, at.now);
        let nobody = people.is_empty();
        let (kind, why) = match first {
            Some(first) if calls.is_empty() => first,
            _ if escalation.level == 0 => ("alarm", Why::OnDuty),
            _ if step.level > escalation.level => ("escalated", Why::NextLevel),
            _ => ("repeated", Why::CalledAgain),
        };
        let why = if nobody { Why::NobodyOnDuty } else { why };
        calls.push(Call { kind, why, level: step.level, people });
        if !nobody {
            escalation.level = escalation.level.max(step.level);
        }
        if index <= last {
            escalation.step = escalation.step.saturating_add(1);
        } else {
            escalation.repeats = escalation.repeats.saturating_add(1);
        }
        escalation.next_at = next_after(at.now, &chain, &escalation, nobody);
    }
    if escalation.next_at.is_none() && escalation.level == 0 {
        // Nobody at all is on duty: whoever comes next is called.
        escalation.step = 0;
        escalation.next_at = reducer.next_watch(&open.case.district, at.now);
    }
    look_ahead(reducer, &chain, &open.case.district, &mut escalation);
    open.case.escalation = Some(escalation);
}

/// When the step after the one just taken is due.
fn next_after(now: Timestamp, chain: &EscalationChain, escalation: &Escalation, nobody: bool) -> Option<Timestamp> {
    if let Some(next) = chain.steps.get(usize::from(escalation.step)) {
        return Some(if nobody { now } else { after(now, next.after_min) });
    }
    let again = chain.repeat_min > 0 && escalation.repeats < chain.repeats && escalation.level > 0;
    again.then(|| after(now, chain.repeat_min))
}

/// Who is called next, as the roster stands.
fn look_ahead(reducer: &Reducer, chain: &EscalationChain, district: &str, escalation: &mut Escalation) {
    let last = chain.steps.len().saturating_sub(1);
    let step: Option<&EscalationStep> = chain.steps.get(usize::from(escalation.step).min(last));
    let next = escalation.next_at.zip(step);
    escalation.next_who = next.map(|(at, step)| reducer.called(&step.to, district, at)).unwrap_or_default();
}

fn worsened(reducer: &Reducer, at: At, open: &mut OpenCase, calls: &mut Vec<Call>) {
    let chain = reducer.duty.chain(&open.case).map(|chain| chain.name);
    let now = open.case.escalation.as_ref();
    let on_its_way = now.is_some_and(|escalation| escalation.waits_for == WaitsFor::Nothing);
    if chain.is_some() && !on_its_way && now.map(|escalation| &escalation.chain) != chain.as_ref() {
        open.case.acknowledged_by = None;
        open.case.acknowledged_at = None;
        begin(reducer, at, open, "worsened", Why::SeverityUp, calls);
    }
}

fn acknowledged(reducer: &Reducer, at: At, open: &mut OpenCase) {
    let chain = reducer.duty.chain(&open.case);
    let waits = before_dispatch(open.case.state);
    let by = open.case.acknowledged_by.clone();
    let Some(escalation) = &mut open.case.escalation else { return };
    let minutes = escalation.within_min.or_else(|| chain.map(|chain| chain.progress_min)).unwrap_or(0);
    if !waits || minutes == 0 {
        return stop(escalation);
    }
    escalation.waits_for = WaitsFor::Progress;
    escalation.next_at = Some(after(at.now, minutes));
    escalation.next_who = by.into_iter().collect();
}

/// The case moved: it is on its way, or has the same time again until it is.
fn progressed(reducer: &Reducer, at: At, open: &mut OpenCase) {
    let waits_for = open.case.escalation.as_ref().map(|escalation| escalation.waits_for);
    if waits_for == Some(WaitsFor::Progress) && before_dispatch(open.case.state) {
        acknowledged(reducer, at, open);
    } else if !before_dispatch(open.case.state) {
        finish(open);
    }
}

/// The leader on duty hears of a case that is overdue.
fn overdue(reducer: &Reducer, at: At, open: &OpenCase) -> Option<Call> {
    let leaders = reducer.called(&StepTarget::Leader, &open.case.district, at.now);
    let people: Vec<Arc<str>> = leaders.into_iter().chain(open.case.assignee.clone()).collect();
    let known = reducer.duty.roster(&open.case.district).is_some();
    known.then_some(Call { kind: "overdue", why: Why::PastDue, level: 2, people })
}

fn with_person(calls: &mut [Call], who: &Arc<str>) {
    if let Some(call) = calls.iter_mut().find(|call| !call.people.contains(who)) {
        call.people.push(who.clone());
    }
}

fn finish(open: &mut OpenCase) {
    if let Some(escalation) = &mut open.case.escalation {
        stop(escalation);
    }
}

fn stop(escalation: &mut Escalation) {
    escalation.waits_for = WaitsFor::Nothing;
    escalation.next_at = None;
    escalation.next_who = Vec::new();
}

fn before_dispatch(state: CaseState) -> bool {
    matches!(state, CaseState::Reported | CaseState::PendingVerify | CaseState::Filed | CaseState::Returned)
}

fn after(now: Timestamp, minutes: u32) -> Timestamp {
    now.plus_ms(i64::from(minutes) * MINUTE_MS)
}
