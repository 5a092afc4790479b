//! The clocks of a case: the stage that it stands in, the handling limit with its ladder, and the whole case.
//!
//! The handling limit runs from the first dispatch (before that, from the opening), the total from the filing.
//! A stage's clock starts when the case enters the stage. All of them stand still while the case is suspended,
//! and what is left then is kept on the limit's own clock.

use gengfu_model::{CaseState, Deadline, EffectId, EffectSink, Stage, StageClock, Timestamp};

use super::state::{NextRung, OpenCase, clock_runs};
use super::{At, Reducer, case};
use crate::deadline;
use crate::profile::{Rung, RungAction};

/// Brings a case's clocks in line with its state and its handling limit. True: the total deadline turns out to have
/// passed by now, which is to be said.
pub(super) fn arrange(reducer: &Reducer, at: At, open: &mut OpenCase) -> bool {
    arrange_stage(reducer, at, open);
    arrange_total(reducer, at, open);
    arrange_rung(reducer, at, open);
    let clocks = &mut open.case.clocks;
    let runs = !matches!(open.case.state, CaseState::Suspended) && !open.case.state.is_final();
    let late = runs && !clocks.total_overdue && clocks.total.is_some_and(|total| total.due <= at.now);
    clocks.total_overdue |= late;
    late
}

/// The stage between people that a state belongs to.
fn stage_of(state: CaseState) -> Option<Stage> {
    match state {
        CaseState::Reported => Some(Stage::File),
        CaseState::PendingVerify => Some(Stage::Verify),
        CaseState::Filed | CaseState::Returned => Some(Stage::Dispatch),
        CaseState::PendingCheck | CaseState::CheckPassed => Some(Stage::Check),
        CaseState::Dispatched
        | CaseState::Handling
        | CaseState::Suspended
        | CaseState::Rejected
        | CaseState::Closed
        | CaseState::ForceClosed
        | CaseState::Cancelled
        | CaseState::Merged => None,
    }
}

fn arrange_stage(reducer: &Reducer, at: At, open: &mut OpenCase) {
    let state = open.case.state;
    // Checking and closing are one stage: its clock goes on.
    let goes_on = open.extra.stage_of == Some(CaseState::PendingCheck) && state == CaseState::CheckPassed;
    if open.extra.stage_of != Some(state) && !goes_on {
        let limit = stage_of(state).and_then(|stage| Some((stage, reducer.profile.clocks.of(stage)?)));
        open.case.clocks.stage = limit.map(|(stage, limit)| StageClock {
            stage,
            deadline: deadline::deadline(&reducer.profile.calendar, limit, at.now),
            overdue: false,
        });
    }
    open.extra.stage_of = (!state.is_final()).then_some(state);
}

fn arrange_total(reducer: &Reducer, at: At, open: &mut OpenCase) {
    let calendar = &reducer.profile.calendar;
    if open.case.state == CaseState::Filed {
        open.case.progress.filed.get_or_insert(at.now);
    }
    let (Some(filed), Some(handling)) = (open.case.progress.filed, open.case.deadline) else { return };
    let total = open.case.clocks.total.filter(|total| (total.limit, total.amount) == (handling.limit, handling.amount));
    let mut total = total.unwrap_or_else(|| whole(reducer, &handling, filed));
    match (open.case.state, open.extra.total_left_ms) {
        (CaseState::Suspended, None) => {
            open.extra.total_left_ms = Some(deadline::left_ms(calendar, &total, at.now));
        }
        (CaseState::Suspended, Some(_)) | (_, None) => {}
        (_, Some(left)) => {
            open.extra.total_left_ms = None;
            // What was overdue before stays due when it was due.
            if !open.case.clocks.total_overdue {
                total.due = deadline::due_after(calendar, total.limit, left, at.now);
            }
        }
    }
    open.case.clocks.total = Some(total);
}

/// The deadline of a whole case that is filed at `filed`: dispatch, handling and check one after the other,
/// each with its full limit.
fn whole(reducer: &Reducer, handling: &Deadline, filed: Timestamp) -> Deadline {
    let calendar = &reducer.profile.calendar;
    let limits = &reducer.profile.clocks;
    let own = deadline::Limit { kind: handling.limit, amount: handling.amount };
    let stages = [limits.dispatch, Some(own), limits.check];
    let due = stages.into_iter().flatten().fold(filed, |start, limit| deadline::due(calendar, limit, start));
    Deadline { limit: handling.limit, amount: handling.amount, started: filed, due }
}

fn arrange_rung(reducer: &Reducer, at: At, open: &mut OpenCase) {
    let handling = open.case.deadline.filter(|_| clock_runs(open.case.state));
    match (handling, open.extra.rung) {
        (None, _) => open.extra.rung = None,
        (Some(handling), Some(rung)) if rung.handling_due == handling.due => {}
        (Some(handling), _) => open.extra.rung = next_rung(reducer, &handling, (at.now, usize::MAX)),
    }
}

/// The first rung after one that was reached at that time.
fn next_rung(reducer: &Reducer, handling: &Deadline, reached: (Timestamp, usize)) -> Option<NextRung> {
    let rungs = reducer.profile.ladder.iter().enumerate();
    let time = |rung: &Rung| rung.time(&reducer.profile.calendar, handling, reached.0);
    let times = rungs.filter_map(|(index, rung)| Some((time(rung)?, index)));
    let (time, index) = times.filter(|time| *time > reached).min()?;
    Some(NextRung { handling_due: handling.due, index, time })
}

/// The limit of the stage passed.
pub(super) fn stage_overdue(reducer: &mut Reducer, at: At, id: EffectId, out: &mut EffectSink) {
    let Some(mut open) = reducer.cases.get(&id).cloned() else { return };
    let Some(clock) = &mut open.case.clocks.stage else { return };
    clock.overdue = true;
    let stage = match clock.stage {
        Stage::File => "file",
        Stage::Verify => "verify",
        Stage::Dispatch => "dispatch",
        Stage::Check => "check",
    };
    open.case.clocks.stages_overdue += 1;
    open.case.updated = at.now;
    let event = case::happening(&open.case, at, "stage_overdue", Some(open.case.state), stage.to_owned());
    case::publish(reducer, at, open, vec![event], Some("case.stage_overdue"), out);
}

/// The total deadline passed.
pub(super) fn total_overdue(reducer: &mut Reducer, at: At, id: EffectId, out: &mut EffectSink) {
    let Some(mut open) = reducer.cases.get(&id).cloned() else { return };
    open.case.clocks.total_overdue = true;
    open.case.updated = at.now;
    let event = case::happening(&open.case, at, "total_overdue", Some(open.case.state), String::new());
    case::publish(reducer, at, open, vec![event], Some("case.overdue"), out);
}

/// A rung of the ladder is reached.
pub(super) fn rung(reducer: &mut Reducer, at: At, id: EffectId, out: &mut EffectSink) {
    let Some(mut open) = reducer.cases.get(&id).cloned() else { return };
    let (Some(rung), Some(handling)) = (open.extra.rung, open.case.deadline) else { return };
    open.extra.rung = next_rung(reducer, &handling, (rung.time, rung.index));
    // The profile may have changed since; what it does not say any more does not happen.
    let action = reducer.profile.ladder.get(rung.index).map(|rung| rung.action);
    let told = match action {
        Some(RungAction::Remind) => Some(("remind", "case.reminded")),
        Some(RungAction::Supervise) if !open.case.progress.supervised => {
            open.case.progress.supervised = true;
            Some(("supervise", "case.supervised"))
        }
        Some(RungAction::Supervise) | None => None,
    };
    let Some((action, topic)) = told else {
        reducer.save_case(open, out);
        return;
    };
    open.case.updated = at.now;
    let note = if open.case.overdue { "overdue" } else { "" };
    let event = case::happening(&open.case, at, action, Some(open.case.state), note.to_owned());
    case::publish(reducer, at, open, vec![event], Some(topic), out);
}

/// The handling limit counts from the dispatch.
pub(super) fn start_handling(reducer: &Reducer, at: At, open: &mut OpenCase) {
    open.case.progress.dispatched = Some(at.now);
    if open.extra.dispatched && !reducer.profile.cases.restart_on_redispatch {
        return;
    }
    open.extra.dispatched = true;
    if let Some(deadline) = &mut open.case.deadline {
        *deadline = case::restarted(reducer, at, deadline);
        open.case.overdue = false;
    }
}
