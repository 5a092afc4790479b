//! Who may do what with a case, and where it leads: the one visible list.
//!
//! A step is allowed when a line of [`TRANSITIONS`] names it, the case's state and one of the asker's
//! roles. The order of the answers is: role before state before reason, so that nobody learns more about
//! a case than the role may know.

use gengfu_model::staff::CaseStep;
use gengfu_model::{CaseState, Refusal, Role};

use CaseState::{
    CheckPassed, Closed, Dispatched, Filed, ForceClosed, Handling, Merged, PendingCheck, PendingVerify, Rejected,
    Reported, Returned, Suspended,
};
use Role::{Acceptor, Dispatcher, DutyOfficer, Handler, ShiftLeader, Verifier};

/// Where a step leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The state stays.
    Stay,
    /// To that state.
    To(CaseState),
    /// Back to the state before the suspension.
    Back,
}

/// One line of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The step, by the name in [`CaseStep::name`].
    pub step: &'static str,
    /// States in which it is allowed.
    pub from: &'static [CaseState],
    /// Roles that may do it; any one of them is enough.
    pub roles: &'static [Role],
    /// Whether its note must say why.
    pub needs_reason: bool,
    /// Where it leads.
    pub next: Next,
}

/// Every state that is not final.
pub const OPEN: &[CaseState] =
    &[Reported, PendingVerify, Filed, Returned, Dispatched, Handling, Suspended, PendingCheck, CheckPassed];
const BEFORE_DISPATCH: &[CaseState] = &[Reported, PendingVerify, Filed, Returned];
const EVERYBODY: &[Role] = &[Acceptor, DutyOfficer, Dispatcher, Handler, Verifier, ShiftLeader];

const fn line(
    step: &'static str,
    from: &'static [CaseState],
    roles: &'static [Role],
    needs_reason: bool,
    next: Next,
) -> Transition {
    Transition { step, from, roles, needs_reason, next }
}

/// Every step: name, allowed states, allowed roles, needs a reason, next state.
#[rustfmt::skip]
pub static TRANSITIONS: &[Transition] = &[
    line("acknowledge", OPEN,                                EVERYBODY,                                        false, Next::Stay),
    line("assign",      OPEN,                                &[Acceptor, DutyOfficer, Dispatcher, ShiftLeader], false, Next::Stay),
    line("verify",      &[Reported],                         &[Acceptor, DutyOfficer, ShiftLeader],            false, Next::To(PendingVerify)),
    line("file",        &[Reported],                         &[Acceptor, ShiftLeader],                         false, Next::To(Filed)),
    line("file",        &[PendingVerify],                    &[Acceptor, Verifier, ShiftLeader],               false, Next::To(Filed)),
    line("reject",      &[Reported],                         &[Acceptor, ShiftLeader],                         true,  Next::To(Rejected)),
    line("reject",      &[PendingVerify],                    &[Acceptor, Verifier, ShiftLeader],               true,  Next::To(Rejected)),
    line("dispatch",    &[Filed, Returned],                  &[Dispatcher, ShiftLeader],                       false, Next::To(Dispatched)),
    line("receive",     &[Dispatched],                       &[Handler],                                       false, Next::To(Handling)),
    line("return",      &[Dispatched, Handling],             &[Handler],                                       true,  Next::To(Returned)),
    line("handle",      &[Handling],                         &[Handler],                                       false, Next::To(PendingCheck)),
    line("suspend",     &[Dispatched, Handling],             &[ShiftLeader],                                   true,  Next::To(Suspended)),
    line("resume",      &[Suspended],                        &[ShiftLeader],                                   false, Next::Back),
    line("check",       &[PendingCheck],                     &[Verifier],                                      false, Next::To(CheckPassed)),
    line("rework",      &[PendingCheck, CheckPassed],        &[Verifier, ShiftLeader],                         true,  Next::To(Handling)),
    line("close",       &[CheckPassed],                      &[Acceptor, ShiftLeader],                         false, Next::To(Closed)),
    line("force_close", OPEN,                                &[ShiftLeader],                                   true,  Next::To(ForceClosed)),
    line("cancel",      BEFORE_DISPATCH,                     &[Acceptor, ShiftLeader],                         true,  Next::To(CaseState::Cancelled)),
    line("cancel",      &[Dispatched, Handling, Suspended],  &[ShiftLeader],                                   true,  Next::To(CaseState::Cancelled)),
    line("supervise",   OPEN,                                &[ShiftLeader],                                   false, Next::Stay),
    line("comment",     OPEN,                                EVERYBODY,                                        true,  Next::Stay),
    line("attach",      OPEN,                                EVERYBODY,                                        false, Next::Stay),
    line("merge",       OPEN,                                &[Acceptor, Dispatcher, ShiftLeader],             false, Next::To(Merged)),
];

/// The line that lets somebody with these roles do the step to a case in that state.
///
/// # Errors
/// `forbidden` if none of the roles may ever do it, `wrong_state` if not in this state, `forbidden` if in
/// this state only others may, `invalid` if the reason is missing.
pub fn allowed(step: &CaseStep, state: CaseState, roles: &[Role], note: &str) -> Result<&'static Transition, Refusal> {
    let name = step.name();
    let lines = || TRANSITIONS.iter().filter(|line| line.step == name);
    let may = |line: &Transition| roles.iter().any(|role| line.roles.contains(role));
    if !lines().any(may) {
        return Err(forbidden(name, lines().flat_map(|line| line.roles)));
    }
    let in_state: Vec<&Transition> = lines().filter(|line| line.from.contains(&state)).collect();
    if in_state.is_empty() {
        let states = names(lines().flat_map(|line| line.from).map(|state| state_name(*state)));
        let message = format!("a case that is {} cannot take the step `{name}`", state_name(state));
        return Err(Refusal::new("wrong_state", message).hint(format!("it is possible when the case is {states}")));
    }
    let Some(found) = in_state.iter().find(|line| may(line)) else {
        return Err(forbidden(name, in_state.iter().flat_map(|line| line.roles)));
    };
    if found.needs_reason && note.trim().is_empty() {
        let message = format!("the step `{name}` needs a note");
        return Err(Refusal::new("invalid", message).field("note").hint("say why, in a few words"));
    }
    Ok(found)
}

fn forbidden<'a>(step: &str, roles: impl Iterator<Item = &'a Role>) -> Refusal {
    let roles = names(roles.map(|role| role_name(*role)));
    Refusal::new("forbidden", format!("your roles do not allow the step `{step}`")).hint(format!("ask a {roles}"))
}

/// The words, each once, in their order: `a, b or c`.
fn names(words: impl Iterator<Item = &'static str>) -> String {
    let mut unique: Vec<&str> = Vec::new();
    for word in words {
        if !unique.contains(&word) {
            unique.push(word);
        }
    }
    match unique.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, first)) => format!("{} or {last}", first.join(", ")),
        None => String::new(),
    }
}

/// The state as people read it in messages.
#[must_use]
pub fn state_name(state: CaseState) -> &'static str {
    match state {
        Reported => "reported",
        PendingVerify => "pending verification",
        Rejected => "rejected",
        Filed => "filed",
        Returned => "returned",
        Dispatched => "dispatched",
        Handling => "in handling",
        Suspended => "suspended",
        PendingCheck => "pending the check",
        CheckPassed => "checked",
        Closed => "closed",
        ForceClosed => "closed by force",
        CaseState::Cancelled => "cancelled",
        Merged => "merged",
    }
}

fn role_name(role: Role) -> &'static str {
    match role {
        Acceptor => "acceptor",
        DutyOfficer => "duty officer",
        Dispatcher => "dispatcher",
        Handler => "handler",
        Verifier => "verifier",
        ShiftLeader => "shift leader",
        Role::Evaluator => "evaluator",
        Role::Engineer => "engineer",
        Role::Administrator => "administrator",
    }
}
