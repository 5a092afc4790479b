//! The clocks beside the handling limit: stages, the whole case, the ladder, suspension, holidays.

use gengfu_model::Role::{Acceptor, Dispatcher, Handler, ShiftLeader, Verifier};
use gengfu_model::Severity::{Major, Minor};
use gengfu_model::staff::CaseStep;
use gengfu_model::{CaseState, EffectId, LimitKind, Stage};

use crate::support::{World, clocked, device, lamp, local};

fn dispatch() -> CaseStep {
    CaseStep::Dispatch { department: "roads".into() }
}

/// A case of 1 working day, on a Friday evening, with the example city's clocks.
fn friday() -> (World, EffectId) {
    let mut world = World::new(clocked(), "2026-11-20 17:00");
    world.raise(&device("l1", "01-37"), "pole", Major, "pole_tilted");
    let case = world.case().id;
    (world, case)
}

fn stage(world: &World, case: EffectId) -> Option<(Stage, gengfu_model::Timestamp)> {
    world.ledger.cases[&case].clocks.stage.map(|clock| (clock.stage, clock.deadline.due))
}

fn total(world: &World, case: EffectId) -> gengfu_model::Timestamp {
    world.ledger.cases[&case].clocks.total.expect("a total").due
}

/// When each line of a kind came into the history.
fn when(world: &World, action: &str) -> Vec<gengfu_model::Timestamp> {
    world.ledger.events.iter().filter(|event| &*event.action == action).map(|event| event.time).collect()
}

#[test]
fn each_stage_has_its_clock_and_a_late_one_is_said_once() {
    let (mut world, case) = friday();
    assert_eq!(stage(&world, case), Some((Stage::File, local("2026-11-20 17:30"))));
    world.until("2026-11-20 17:40");
    assert_eq!(when(&world, "stage_overdue"), [local("2026-11-20 17:30")], "at the moment it was due");
    world.done(Acceptor, case, CaseStep::Verify);
    assert_eq!(stage(&world, case), Some((Stage::Verify, local("2026-11-20 19:40"))));
    world.done(Verifier, case, CaseStep::File);
    assert_eq!(stage(&world, case), Some((Stage::Dispatch, local("2026-11-20 18:10"))));
    world.done(Dispatcher, case, dispatch());
    assert_eq!(stage(&world, case), None, "handling has the table's limit");
    world.done(Handler, case, CaseStep::Return);
    assert_eq!(stage(&world, case), Some((Stage::Dispatch, local("2026-11-20 18:10"))));
    world.done(Dispatcher, case, dispatch());
    world.done(Handler, case, CaseStep::Receive);
    world.done(Handler, case, CaseStep::Handle);
    let check = Some((Stage::Check, local("2026-11-23 17:40")));
    assert_eq!(stage(&world, case), check, "1 working day from Friday 17:40");
    world.minutes(5);
    world.done(Verifier, case, CaseStep::Check);
    assert_eq!(stage(&world, case), check, "checking and closing are one stage");
    world.until("2026-11-24 00:00");
    let row = world.case();
    assert_eq!((row.clocks.stages_overdue, row.progress.returns), (2, 1));
    assert_eq!(when(&world, "stage_overdue").len(), 2);
}

#[test]
fn the_total_counts_from_filing_over_all_stages() {
    let (mut world, case) = friday();
    assert_eq!(world.case().clocks.total, None, "before the filing there is none");
    world.until("2026-11-20 17:10");
    world.done(Acceptor, case, CaseStep::File);
    // 30 minutes for the dispatch: 17:40. One working day from there: Monday 17:40. One for the check: Tuesday 17:40.
    assert_eq!(total(&world, case), local("2026-11-24 17:40"));
    world.done(Dispatcher, case, dispatch());
    world.until("2026-11-24 17:39");
    assert!(!world.case().clocks.total_overdue);
    world.until("2026-11-24 17:41");
    assert!(world.case().clocks.total_overdue);
    assert_eq!(when(&world, "total_overdue"), [local("2026-11-24 17:40")]);
}

#[test]
fn the_ladder_reminds_and_then_supervises() {
    let (mut world, case) = friday();
    world.until("2026-11-20 17:30");
    world.done(Acceptor, case, CaseStep::File);
    world.done(Dispatcher, case, dispatch());
    world.until("2026-11-24 17:00");
    // 75 % of 8 working hours from Friday 17:30; the deadline; 4 working hours after it.
    assert_eq!(when(&world, "remind"), [local("2026-11-23 15:30")]);
    assert_eq!(when(&world, "overdue"), [local("2026-11-23 17:30")]);
    assert_eq!(when(&world, "supervise"), [local("2026-11-24 11:30")]);
    assert!(world.case().progress.supervised);
    for topic in ["case.reminded", "case.overdue", "case.supervised"] {
        assert_eq!(world.topics().iter().filter(|sent| *sent == topic).count(), 1, "{topic}");
    }
}

#[test]
fn a_case_that_staff_supervise_already_is_not_supervised_again() {
    let (mut world, case) = friday();
    world.done(ShiftLeader, case, CaseStep::Supervise);
    world.until("2026-12-01 00:00");
    assert_eq!(when(&world, "supervise"), [local("2026-11-20 17:00")]);
}

#[test]
fn all_clocks_stand_still_while_a_case_is_suspended() {
    let (mut world, case) = friday();
    world.until("2026-11-20 17:10");
    world.done(Acceptor, case, CaseStep::File);
    world.done(Dispatcher, case, dispatch());
    let left_alone = total(&world, case);
    world.done(ShiftLeader, case, CaseStep::Suspend);
    world.until("2026-12-18 17:10");
    assert_eq!(world.case().clocks.stages_overdue, 0);
    assert!(when(&world, "remind").is_empty() && when(&world, "overdue").is_empty());
    world.done(ShiftLeader, case, CaseStep::Resume);
    let row = world.case();
    assert_eq!(row.deadline.expect("a limit").due, local("2026-12-21 17:10"), "the whole limit is left");
    assert_eq!(total(&world, case), left_alone.plus_ms(28 * gengfu_model::time::DAY_MS), "and so is the total");
    world.until("2026-12-21 17:10");
    assert_eq!(when(&world, "remind").len(), 1);
    assert_eq!(when(&world, "overdue").len(), 1);
}

#[test]
fn holidays_stop_the_clocks_and_make_up_days_run_them() {
    // The National Day holiday of 2026: 1 to 7 October; Saturday 10 October is worked for it.
    let mut world = World::new(clocked(), "2026-09-30 17:30");
    world.raise(&device("l1", "01-37"), "pole", Major, "pole_tilted");
    let case = world.case().id;
    world.done(Acceptor, case, CaseStep::File);
    world.done(Dispatcher, case, dispatch());
    assert_eq!(world.case().deadline.expect("a limit").due, local("2026-10-08 17:30"));

    let mut world = World::new(clocked(), "2026-10-09 17:30");
    world.raise(&lamp("l2", "road"), "dark", Minor, "lamp_dark");
    let case = world.case().id;
    world.done(Acceptor, case, CaseStep::File);
    world.done(Dispatcher, case, dispatch());
    let deadline = world.case().deadline.expect("a limit");
    assert_eq!((deadline.limit, deadline.amount), (LimitKind::WorkDay, 2));
    assert_eq!(deadline.due, local("2026-10-12 17:30"), "half an hour of Friday, all of Saturday, most of Monday");
}

#[test]
fn a_row_that_leaves_less_time_shortens_the_total_as_well() {
    let mut world = World::new(clocked(), "2026-11-23 09:00");
    let cover = device("c1", "01-02");
    world.raise(&cover, "tilt", Minor, "cover_tilted");
    let case = world.case().id;
    world.done(Acceptor, case, CaseStep::File);
    let before = total(&world, case);
    world.raise(&cover, "open", gengfu_model::Severity::Critical, "cover_displaced");
    assert_eq!(world.case().deadline.expect("a limit").limit, LimitKind::UrgentHour);
    assert!(total(&world, case) < before);
}

#[test]
fn final_cases_have_no_clock() {
    let (mut world, case) = friday();
    world.done(ShiftLeader, case, CaseStep::ForceClose);
    assert_eq!((world.case().state, world.case().clocks.stage), (CaseState::ForceClosed, None));
    // What is left is the incident's own; nothing of the case.
    world.until("2026-12-20 00:00");
    assert_eq!(world.history(case), ["opened", "force_close"]);
}
