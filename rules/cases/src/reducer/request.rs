//! Staff requests about cases: judged by the list of transitions, then carried out.

use gengfu_model::staff::{Accepted, CaseStep};
use gengfu_model::{CaseEvent, CaseState, EffectId, EffectSink, Refusal, Role, Verdict};

use super::state::OpenCase;
use super::{At, Reducer, attachment, case, clocks, dispatch, escalation, merge, storm, verify};
use crate::deadline;
use crate::transitions::{self, Next};

/// The longest note, in bytes.
pub const MAX_NOTE_BYTES: usize = 2_000;
/// The longest name of an account or department, in bytes.
pub const MAX_NAME_BYTES: usize = 128;
/// The longest take-over, in minutes: a day.
const MAX_TAKE_OVER_MIN: u32 = 1_440;
/// What feedback can say about a closed case's alarm.
pub const FEEDBACK: [&str; 4] = ["real", "false", "nuisance", "duplicate"];

/// What was asked, and by whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) user: &'a str,
    pub(super) roles: &'a [Role],
    pub(super) case: EffectId,
    pub(super) step: &'a CaseStep,
    pub(super) note: &'a str,
}

pub(super) fn request(reducer: &mut Reducer, at: At, asked: Asked<'_>, out: &mut EffectSink) -> Verdict {
    let Some(open) = reducer.cases.get(&asked.case).cloned() else {
        return Err(not_found(asked.case));
    };
    let line = transitions::allowed(asked.step, open.case.state, asked.roles, asked.note)?;
    check_texts(&asked)?;
    let next = match line.next {
        Next::Stay => open.case.state,
        Next::To(state) => state,
        Next::Back => open.extra.resume.unwrap_or(CaseState::Handling),
    };
    if let CaseStep::Merge { into } = asked.step {
        merge::merge(reducer, at, &asked, open, *into, out)?;
    } else {
        take_step(reducer, at, &asked, open, next, out)?;
    }
    Ok(Accepted { id: Some(asked.case), ..Accepted::default() })
}

pub(super) fn not_found(id: EffectId) -> Refusal {
    Refusal::new("not_found", format!("there is no open case `{id}`"))
        .field("case")
        .hint("a case that is closed, rejected, cancelled or merged takes no more steps")
}

fn check_texts(asked: &Asked<'_>) -> Result<(), Refusal> {
    if asked.note.len() > MAX_NOTE_BYTES {
        let message = format!("the note has {} bytes, it may have {MAX_NOTE_BYTES}", asked.note.len());
        return Err(Refusal::new("invalid", message).field("note").hint("make it shorter"));
    }
    match asked.step {
        CaseStep::TakeOver { within_min } if !(1..=MAX_TAKE_OVER_MIN).contains(within_min) => {
            let message = format!("a case is taken over for 1 to {MAX_TAKE_OVER_MIN} minutes");
            Err(Refusal::new("invalid", message).field("within_min"))
        }
        CaseStep::Assign { to } => check_name("to", to),
        CaseStep::Dispatch { department } => check_name("department", department),
        CaseStep::Close { feedback: Some(feedback) } if !FEEDBACK.contains(&&**feedback) => {
            let message = format!("`{feedback}` is no feedback");
            Err(Refusal::new("invalid", message).field("feedback").hint("real, false, nuisance or duplicate"))
        }
        _ => Ok(()),
    }
}

fn check_name(field: &str, name: &str) -> Result<(), Refusal> {
    if name.trim().is_empty() || name.len() > MAX_NAME_BYTES {
        let message = format!("`{field}` must have 1 to {MAX_NAME_BYTES} bytes");
        return Err(Refusal::new("invalid", message).field(field));
    }
    Ok(())
}

fn take_step(
    reducer: &mut Reducer,
    at: At,
    asked: &Asked<'_>,
    mut open: OpenCase,
    next: CaseState,
    out: &mut EffectSink,
) -> Result<(), Refusal> {
    let from = open.case.state;
    match asked.step {
        CaseStep::Acknowledge | CaseStep::TakeOver { .. } => {
            if let Some(by) = open.case.acknowledged_by.as_ref().filter(|_| !escalation::calls(&open)) {
                if **by == *asked.user {
                    return Ok(());
                }
                let message = format!("`{by}` has acknowledged the case already");
                return Err(Refusal::new("wrong_state", message).hint("assign it, or comment on it"));
            }
            open.case.acknowledged_by = Some(asked.user.into());
            open.case.acknowledged_at = Some(at.now);
            if let (CaseStep::TakeOver { within_min }, Some(escalation)) = (asked.step, &mut open.case.escalation) {
                escalation.within_min = Some(*within_min);
            }
        }
        CaseStep::Assign { to } => open.case.assignee = Some(to.clone()),
        CaseStep::Dispatch { department } => {
            open.case.department = department.clone();
            clocks::start_handling(reducer, at, &mut open);
        }
        CaseStep::Suspend => suspend(reducer, at, &mut open, from),
        CaseStep::Resume => resume(reducer, at, &mut open),
        CaseStep::Close { feedback } => {
            if open.case.condition_holds {
                let message = "the condition still holds by the sensor";
                let hint = "wait until it clears, send it to rework, or let a shift leader close it by force";
                return Err(Refusal::new("wrong_state", message).hint(hint));
            }
            open.case.feedback.clone_from(feedback);
        }
        CaseStep::Receive => open.case.progress.received = Some(at.now),
        CaseStep::Return => open.case.progress.returns += 1,
        CaseStep::Handle => open.case.progress.handled = Some(at.now),
        CaseStep::Check => open.case.progress.checked = Some(at.now),
        CaseStep::Rework => open.case.progress.reworks += 1,
        CaseStep::Supervise => open.case.progress.supervised = true,
        CaseStep::Verify
        | CaseStep::File
        | CaseStep::Reject
        | CaseStep::ForceClose
        | CaseStep::Cancel
        | CaseStep::Comment
        | CaseStep::Merge { .. } => {}
        CaseStep::Attach { attachment } => {
            if !attachment::add(&mut open, attachment)? {
                return Ok(());
            }
        }
    }
    open.case.state = next;
    open.case.updated = at.now;
    if next != CaseState::PendingCheck {
        open.extra.verifying = None;
    }
    if next.is_final() {
        open.case.closed = Some(at.now);
    }
    let event = asked.event(at, from, next);
    let topic = match asked.step {
        _ if next.is_final() => "case.closed",
        CaseStep::Supervise => "case.supervised",
        _ => "case.updated",
    };
    case::publish(reducer, at, open, vec![event], Some(topic), out);
    if matches!(asked.step, CaseStep::Handle) {
        verify::begin(reducer, at, asked.case, out);
    }
    if matches!(asked.step, CaseStep::Dispatch { .. }) {
        storm::dispatched(reducer, at, asked.case, out);
    }
    // A limit that ran out while nobody's clock ran is noticed as soon as the clock runs again.
    if let Some(mut open) = reducer.cases.get(&asked.case).cloned()
        && let Some(overdue) = case::overdue_by_now(at, &mut open)
    {
        case::publish(reducer, at, open, vec![overdue], Some("case.overdue"), out);
    }
    dispatch::auto(reducer, at, asked.case, out);
    Ok(())
}

impl Asked<'_> {
    /// The line of the case's history. What a step names (an account, a department) stands in front of the
    /// note.
    pub(super) fn event(&self, at: At, from: CaseState, to: CaseState) -> CaseEvent {
        let named = match self.step {
            CaseStep::Assign { to } => Some(to.to_string()),
            CaseStep::Dispatch { department } => Some(department.to_string()),
            CaseStep::Close { feedback } => feedback.as_deref().map(str::to_owned),
            CaseStep::Merge { into } => Some(into.to_string()),
            CaseStep::TakeOver { within_min } => Some(format!("{within_min} min")),
            CaseStep::Acknowledge
            | CaseStep::Verify
            | CaseStep::File
            | CaseStep::Reject
            | CaseStep::Receive
            | CaseStep::Return
            | CaseStep::Handle
            | CaseStep::Suspend
            | CaseStep::Resume
            | CaseStep::Check
            | CaseStep::Rework
            | CaseStep::ForceClose
            | CaseStep::Cancel
            | CaseStep::Supervise
            | CaseStep::Comment => None,
            CaseStep::Attach { attachment } => Some(attachment.name.to_string()).filter(|name| !name.is_empty()),
        };
        let attachment = if let CaseStep::Attach { attachment } = self.step { Some(attachment.clone()) } else { None };
        let note = match named {
            Some(named) if self.note.is_empty() => named,
            Some(named) => format!("{named}: {}", self.note),
            None => self.note.to_owned(),
        };
        CaseEvent {
            case: self.case,
            time: at.now,
            actor: self.user.into(),
            action: self.step.name().into(),
            from: Some(from),
            to,
            note,
            attachment,
        }
    }
}

fn suspend(reducer: &Reducer, at: At, open: &mut OpenCase, from: CaseState) {
    open.extra.resume = Some(from);
    let left = open.case.deadline.map(|deadline| deadline::left_ms(&reducer.profile.calendar, &deadline, at.now));
    open.extra.left_ms = left;
}

fn resume(reducer: &Reducer, at: At, open: &mut OpenCase) {
    open.extra.resume = None;
    let left = open.extra.left_ms.take();
    // What was overdue before stays due when it was due.
    if let Some((deadline, left)) = open.case.deadline.as_mut().zip(left)
        && !open.case.overdue
    {
        deadline.due = deadline::due_after(&reducer.profile.calendar, deadline.limit, left, at.now);
    }
}
