//! The life of a case: steps, roles, reasons, clocks, merging.

use std::sync::Arc;

use gengfu_cases::transitions::{OPEN, TRANSITIONS};
use gengfu_cases::{MAX_NAME_BYTES, MAX_NOTE_BYTES};
use gengfu_model::Role::{
    Acceptor, Administrator, Dispatcher, DutyOfficer, Engineer, Evaluator, Handler, ShiftLeader, Verifier,
};
use gengfu_model::Severity::{Critical, Major, Minor};
use gengfu_model::staff::CaseStep;
use gengfu_model::{CaseState, EffectId, Role, Seq};

use crate::support::{World, device, local, photo, profile, yuncheng};

fn dispatch() -> CaseStep {
    CaseStep::Dispatch { department: "roads".into() }
}

fn close() -> CaseStep {
    CaseStep::Close { feedback: Some("real".into()) }
}

/// A world on a Friday evening, with one case of 1 working day.
fn friday(profile: Arc<gengfu_cases::Profile>) -> (World, EffectId) {
    let mut world = World::new(profile, "2026-11-20 17:00");
    world.raise(&device("l1", "01-37"), "pole", Major, "pole_tilted");
    let case = world.case().id;
    (world, case)
}

fn due(world: &World, case: EffectId) -> gengfu_model::Timestamp {
    world.ledger.cases[&case].deadline.expect("a limit").due
}

#[test]
fn a_case_goes_through_its_whole_life() {
    let (mut world, case) = friday(yuncheng());
    world.done(DutyOfficer, case, CaseStep::Acknowledge);
    world.done(DutyOfficer, case, CaseStep::Assign { to: "li".into() });
    world.done(Acceptor, case, CaseStep::Verify);
    world.done(Verifier, case, CaseStep::File);
    assert_eq!(due(&world, case), local("2026-11-23 17:00"), "until dispatch it counts from the opening");
    world.until("2026-11-20 17:30");
    world.done(Dispatcher, case, dispatch());
    assert_eq!(due(&world, case), local("2026-11-23 17:30"), "and from the dispatch after it");
    world.done(Handler, case, CaseStep::Return);
    world.minutes(10);
    world.done(Dispatcher, case, CaseStep::Dispatch { department: "lights".into() });
    assert_eq!(due(&world, case), local("2026-11-23 17:30"), "a second dispatch buys no time");
    world.done(Handler, case, CaseStep::Receive);
    world.done(Handler, case, CaseStep::Handle);
    world.done(Verifier, case, CaseStep::Rework);
    world.done(Handler, case, CaseStep::Handle);
    world.done(Verifier, case, CaseStep::Check);
    world.done(ShiftLeader, case, CaseStep::Supervise);
    world.done(Handler, case, CaseStep::Comment);
    world.refused(Acceptor, case, close(), "", "wrong_state");
    world.clear(&device("l1", "01-37"), "pole");
    world.done(Acceptor, case, close());
    let closed = world.case();
    assert_eq!((closed.state, closed.closed), (CaseState::Closed, Some(world.now)));
    assert_eq!(closed.feedback.as_deref(), Some("real"));
    assert_eq!((closed.acknowledged_by.as_deref(), closed.assignee.as_deref()), (Some("zhang"), Some("li")));
    assert_eq!(&*closed.department, "lights");
    assert_eq!(
        world.history(case),
        [
            "opened",
            "acknowledge",
            "assign",
            "verify",
            "file",
            "dispatch",
            "return",
            "dispatch",
            "receive",
            "handle",
            "verification_began",
            "rework",
            "handle",
            "verification_began",
            "check",
            "supervise",
            "comment",
            "condition_cleared",
            "close"
        ]
    );
    let states: Vec<_> = world.ledger.events.iter().map(|event| (event.from, event.to)).collect();
    for pair in states.windows(2) {
        assert_eq!(Some(pair[0].1), pair[1].0, "the history has no gap");
    }
    world.refused(ShiftLeader, case, CaseStep::Comment, "too late", "not_found");
    world.until("2026-12-20 00:00");
    assert!(!world.case().overdue);
}

#[test]
fn every_step_is_in_the_list_and_every_line_is_a_step() {
    let all = every_step();
    for step in &all {
        assert!(TRANSITIONS.iter().any(|line| line.step == step.name()), "{step:?}");
    }
    for line in TRANSITIONS {
        assert!(all.iter().any(|step| step.name() == line.step), "{line:?}");
        assert!(!line.from.is_empty() && !line.roles.is_empty(), "{line:?}");
        assert!(line.from.iter().all(|state| OPEN.contains(state)), "{line:?}");
    }
}

fn every_step() -> Vec<CaseStep> {
    vec![
        CaseStep::Acknowledge,
        CaseStep::Assign { to: "li".into() },
        CaseStep::Verify,
        CaseStep::File,
        CaseStep::Reject,
        dispatch(),
        CaseStep::Receive,
        CaseStep::Return,
        CaseStep::Handle,
        CaseStep::Suspend,
        CaseStep::Resume,
        CaseStep::Check,
        CaseStep::Rework,
        CaseStep::Close { feedback: None },
        CaseStep::ForceClose,
        CaseStep::Cancel,
        CaseStep::Supervise,
        CaseStep::Comment,
        CaseStep::Attach { attachment: Box::new(photo(1)) },
        CaseStep::Merge { into: EffectId { seq: Seq(999), ordinal: 0 } },
    ]
}

/// The steps that lead to a state, by the shortest way, from a new case whose condition is gone.
fn way_to(state: CaseState) -> Vec<(Role, CaseStep)> {
    let last = |from: CaseState, role: Role, step: CaseStep| {
        let mut way = way_to(from);
        way.push((role, step));
        way
    };
    match state {
        CaseState::Reported => Vec::new(),
        CaseState::PendingVerify => last(CaseState::Reported, Acceptor, CaseStep::Verify),
        CaseState::Filed => last(CaseState::Reported, Acceptor, CaseStep::File),
        CaseState::Dispatched => last(CaseState::Filed, Dispatcher, dispatch()),
        CaseState::Returned => last(CaseState::Dispatched, Handler, CaseStep::Return),
        CaseState::Handling => last(CaseState::Dispatched, Handler, CaseStep::Receive),
        CaseState::Suspended => last(CaseState::Handling, ShiftLeader, CaseStep::Suspend),
        CaseState::PendingCheck => last(CaseState::Handling, Handler, CaseStep::Handle),
        CaseState::CheckPassed => last(CaseState::PendingCheck, Verifier, CaseStep::Check),
        other => panic!("{other:?} is final"),
    }
}

#[test]
fn in_every_state_every_role_may_do_what_the_list_says_and_nothing_else() {
    for state in OPEN {
        let (mut there, case) = friday(yuncheng());
        for (role, step) in way_to(*state) {
            there.done(role, case, step);
        }
        assert_eq!(there.case().state, *state);
        there.clear(&device("l1", "01-37"), "pole");
        for step in every_step() {
            for role in Role::ALL {
                let may_at_all = TRANSITIONS.iter().any(|line| line.step == step.name() && line.roles.contains(&role));
                let lines = || TRANSITIONS.iter().filter(|line| line.step == step.name() && line.from.contains(state));
                let may_here = lines().any(|line| line.roles.contains(&role));
                let mut reducer = there.reducer.clone();
                let mut out = gengfu_model::EffectSink::new(Seq(10_000));
                let at = gengfu_cases::At { seq: Seq(10_000), now: there.now };
                let verdict = reducer.request(at, "zhang", &[role], case, &step, "because", &mut out);
                let expected = match (may_at_all, lines().next().is_some(), may_here, &step) {
                    (false, ..) | (true, true, false, _) => Some("forbidden"),
                    (true, false, ..) => Some("wrong_state"),
                    (true, true, true, CaseStep::Merge { .. }) => Some("not_found"),
                    (true, true, true, _) => None,
                };
                let code = verdict.as_ref().err().map(|refusal| refusal.code.as_str());
                assert_eq!(code, expected, "{role:?} {step:?} in {state:?}");
                assert_eq!(verdict.is_ok(), !out.effects().is_empty(), "{role:?} {step:?} in {state:?}");
            }
        }
    }
}

#[test]
fn steps_that_need_a_reason_are_refused_without() {
    for line in TRANSITIONS.iter().filter(|line| line.needs_reason) {
        let (mut world, case) = friday(yuncheng());
        for (role, step) in way_to(line.from[0]) {
            world.done(role, case, step);
        }
        let step = every_step().into_iter().find(|step| step.name() == line.step).expect("a step");
        world.refused(line.roles[0], case, step.clone(), "  ", "invalid");
        world.done(line.roles[0], case, step);
    }
}

#[test]
fn roles_that_do_no_casework_may_do_nothing() {
    let (mut world, case) = friday(yuncheng());
    for role in [Evaluator, Engineer, Administrator] {
        for step in every_step() {
            world.refused(role, case, step, "because", "forbidden");
        }
    }
}

#[test]
fn what_is_asked_is_checked() {
    let (mut world, case) = friday(yuncheng());
    let unknown = EffectId { seq: Seq(4_711), ordinal: 0 };
    world.refused(Acceptor, unknown, CaseStep::File, "", "not_found");
    world.refused(Acceptor, case, CaseStep::Assign { to: " ".into() }, "", "invalid");
    world.refused(Acceptor, case, CaseStep::Assign { to: "x".repeat(MAX_NAME_BYTES + 1).into() }, "", "invalid");
    world.refused(Acceptor, case, CaseStep::Comment, &"x".repeat(MAX_NOTE_BYTES + 1), "invalid");
    world.refused(Acceptor, case, CaseStep::Merge { into: case }, "", "invalid");
    world.refused(Acceptor, case, CaseStep::Merge { into: unknown }, "", "not_found");
    world.clear(&device("l1", "01-37"), "pole");
    for (role, step) in way_to(CaseState::CheckPassed) {
        world.done(role, case, step);
    }
    world.refused(Acceptor, case, CaseStep::Close { feedback: Some("perhaps".into()) }, "", "invalid");
}

#[test]
fn an_acknowledged_case_is_not_acknowledged_by_another() {
    let (mut world, case) = friday(yuncheng());
    world.done(DutyOfficer, case, CaseStep::Acknowledge);
    let rows = world.ledger.events.len();
    world.done(DutyOfficer, case, CaseStep::Acknowledge);
    assert_eq!(world.ledger.events.len(), rows, "twice by the same one says nothing new");
    let verdict = world
        .record(|reducer, at, out| reducer.request(at, "wang", &[DutyOfficer], case, &CaseStep::Acknowledge, "", out));
    assert_eq!(verdict.expect_err("refused").code, "wrong_state");
}

#[test]
fn a_case_that_still_holds_can_only_be_closed_by_force() {
    let (mut world, case) = friday(yuncheng());
    for (role, step) in way_to(CaseState::CheckPassed) {
        world.done(role, case, step);
    }
    world.refused(Acceptor, case, close(), "", "wrong_state");
    world.refused(Acceptor, case, CaseStep::ForceClose, "because", "forbidden");
    world.done(ShiftLeader, case, CaseStep::ForceClose);
    assert_eq!(world.case().state, CaseState::ForceClosed);
    assert!(world.case().condition_holds, "and says so");
}

#[test]
fn a_suspended_case_goes_on_with_the_time_it_had() {
    let (mut world, case) = friday(yuncheng());
    for (role, step) in way_to(CaseState::Handling) {
        world.done(role, case, step);
    }
    assert_eq!(due(&world, case), local("2026-11-23 17:00"));
    world.until("2026-11-23 09:00");
    // One hour on Friday and one on Monday are used; six are left.
    world.done(ShiftLeader, case, CaseStep::Suspend);
    world.until("2026-12-05 12:00");
    assert!(!world.case().overdue, "the clock stands still");
    world.done(ShiftLeader, case, CaseStep::Resume);
    assert_eq!(world.case().state, CaseState::Handling, "it goes back to where it was");
    assert_eq!(due(&world, case), local("2026-12-07 16:00"));
    world.until("2026-12-07 16:00");
    assert!(world.case().overdue);
}

#[test]
fn a_worse_incident_shortens_the_limit_of_a_suspended_case() {
    let mut world = World::new(yuncheng(), "2026-11-20 09:00");
    let cover = device("c1", "01-02");
    world.raise(&cover, "tilt", Minor, "cover_tilted");
    let case = world.case().id;
    for (role, step) in way_to(CaseState::Suspended) {
        world.done(role, case, step);
    }
    world.raise(&cover, "open", Critical, "cover_displaced");
    assert_eq!(&*world.case().standard, "01-02.1");
    world.until("2026-11-21 20:00");
    world.done(ShiftLeader, case, CaseStep::Resume);
    assert_eq!(due(&world, case), local("2026-11-21 22:00"));
}

#[test]
fn the_clock_stops_when_the_work_is_handled_and_a_rework_after_the_limit_is_overdue_at_once() {
    let (mut world, case) = friday(yuncheng());
    for (role, step) in way_to(CaseState::PendingCheck) {
        world.done(role, case, step);
    }
    world.until("2026-11-24 10:00");
    assert!(!world.case().overdue);
    world.done(Verifier, case, CaseStep::Rework);
    assert!(world.case().overdue);
    assert_eq!(world.history(case).last().map(String::as_str), Some("overdue"));
    assert!(world.reducer.next_due().is_none_or(|due| due > world.now));
}

#[test]
fn an_overdue_case_stays_overdue_over_a_suspension() {
    let (mut world, case) = friday(yuncheng());
    for (role, step) in way_to(CaseState::Handling) {
        world.done(role, case, step);
    }
    world.until("2026-11-24 10:00");
    let was_due = due(&world, case);
    world.done(ShiftLeader, case, CaseStep::Suspend);
    world.minutes(60);
    world.done(ShiftLeader, case, CaseStep::Resume);
    assert!(world.case().overdue);
    assert_eq!(due(&world, case), was_due);
}

#[test]
fn a_case_overdue_before_its_dispatch_gets_its_handling_limit_anew() {
    let (mut world, case) = friday(yuncheng());
    world.done(Acceptor, case, CaseStep::File);
    world.until("2026-11-24 10:00");
    assert!(world.case().overdue);
    world.done(Dispatcher, case, dispatch());
    assert!(!world.case().overdue);
    assert_eq!(due(&world, case), local("2026-11-25 10:00"));
}

#[test]
fn a_city_may_start_the_limit_with_every_dispatch() {
    let changed = profile(&[("restart_on_redispatch = false", "restart_on_redispatch = true")]);
    let (mut world, case) = friday(changed);
    for (role, step) in way_to(CaseState::Returned) {
        world.done(role, case, step);
    }
    world.until("2026-11-23 10:00");
    world.done(Dispatcher, case, dispatch());
    assert_eq!(due(&world, case), local("2026-11-24 10:00"));
}

#[test]
fn a_merged_case_lives_on_in_the_other() {
    let mut world = World::new(yuncheng(), "2026-11-20 09:00");
    let (one, two) = (device("c1", "01-02"), device("c2", "01-02"));
    world.raise(&one, "tilt", Minor, "cover_tilted");
    world.raise(&two, "open", Critical, "cover_displaced");
    let ids: Vec<EffectId> = world.ledger.cases.keys().copied().collect();
    let (stays, folded) = (ids[0], ids[1]);
    world.done(Dispatcher, folded, CaseStep::Merge { into: stays });
    let merged = &world.ledger.cases[&folded];
    assert_eq!((merged.state, merged.merged_into), (CaseState::Merged, Some(stays)));
    let case = &world.ledger.cases[&stays];
    assert_eq!((case.incidents.len(), case.severity), (2, Critical));
    assert_eq!((&*case.standard, due(&world, stays)), ("01-02.1", local("2026-11-20 11:00")), "the sooner limit stays");
    assert!(world.ledger.incidents.values().all(|incident| incident.case == Some(stays)));
    world.clear(&one, "tilt");
    assert!(world.ledger.cases[&stays].condition_holds, "the other cover is still open");
    world.clear(&two, "open");
    assert!(!world.ledger.cases[&stays].condition_holds);
    world.raise(&two, "sunk", Major, "cover_tilted");
    assert_eq!(world.ledger.cases.len(), 2, "what comes later joins the case that stays");
    assert_eq!(world.history(folded), ["opened", "merge"]);
}

#[test]
fn a_mapping_may_send_cases_to_verification_first() {
    let from = "condition = \"bin_full\"";
    let (mut world, _) = friday(profile(&[(from, "condition = \"bin_full\"\nstart = \"pending_verify\"")]));
    world.raise(&device("b1", "03-05"), "fill", Minor, "bin_full");
    assert_eq!(world.ledger.cases.values().last().map(|case| case.state), Some(CaseState::PendingVerify));
}
