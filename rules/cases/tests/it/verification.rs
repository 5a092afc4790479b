//! Verification by sensor: what it confirms is checked, what it contradicts goes back, and what it does not say is
//! left to a person.

use std::sync::Arc;

use gengfu_cases::Profile;
use gengfu_model::Severity::Critical;
use gengfu_model::signal::EvidenceReading;
use gengfu_model::staff::CaseStep;
use gengfu_model::{Case, CaseState, Device, EffectId, Role, Timestamp, Value};

use crate::support::{World, device, in_maintenance, lamp, profile, yuncheng};

/// The profile's first window, with its readings and whether it closes.
fn window(readings: u32, more: &str) -> Arc<Profile> {
    profile(&[("readings = 2\nwindow = \"2h\"", &format!("readings = {readings}\nwindow = \"2h\"\n{more}"))])
}

/// A displaced cover whose case is in handling, on a Friday at ten.
fn handling(profile: Arc<Profile>) -> (World, Device, EffectId) {
    let mut world = World::new(profile, "2026-11-20 10:00");
    let cover = device("c1", "01-02");
    world.raise(&cover, "tilt", Critical, "cover_displaced");
    let case = world.case().id;
    receive(&mut world, case);
    assert!(!world.reducer.awaits(&cover.id), "nobody said yet that it is done");
    (world, cover, case)
}

fn receive(world: &mut World, case: EffectId) {
    world.done(Role::Acceptor, case, CaseStep::File);
    world.done(Role::Dispatcher, case, CaseStep::Dispatch { department: "roads".into() });
    world.done(Role::Handler, case, CaseStep::Receive);
}

fn reading(field: &str, value: f64, time: Timestamp) -> EvidenceReading {
    EvidenceReading { field: field.to_owned(), value: Some(Value::Number(value)), event_time: Some(time), seq: None }
}

/// Five minutes later a reading comes, and its rules have nothing new to say.
fn heard(world: &mut World, device: &Device, value: f64) {
    world.minutes(5);
    let reading = reading("tilt_deg", value, world.now);
    assert!(world.reducer.awaits(&device.id), "a window is open");
    world.record(|reducer, at, out| reducer.heard(at, &device.id, &[reading], out));
}

fn state(world: &World, case: EffectId) -> (CaseState, u32) {
    let Case { state, progress, .. } = &world.ledger.cases[&case];
    (*state, progress.reworks)
}

/// The note of the newest line of that action, which is the gateway's own.
fn last_note(world: &World, case: EffectId, action: &str) -> String {
    let mut lines = world.ledger.events.iter().filter(|event| event.case == case && &*event.action == action);
    let line = lines.next_back().unwrap_or_else(|| panic!("no {action} in {:?}", world.history(case)));
    assert_eq!(&*line.actor, "system");
    line.note.clone()
}

fn verdict(world: &World) -> (&'static str, &'static str) {
    *world.decided(world.incident().id).last().expect("a decision")
}

#[test]
fn what_the_sensor_confirms_is_checked_with_the_evidence() {
    let (mut world, cover, case) = handling(yuncheng());
    world.done(Role::Handler, case, CaseStep::Handle);
    assert!(last_note(&world, case, "verification_began").ends_with("until 11-20 12:00:00"));
    heard(&mut world, &cover, 41.0);
    world.clear(&cover, "tilt");
    heard(&mut world, &cover, 1.5);
    assert_eq!(state(&world, case), (CaseState::PendingCheck, 0), "one reading is not enough");
    heard(&mut world, &cover, 1.25);
    assert_eq!(state(&world, case), (CaseState::CheckPassed, 0));
    let note = last_note(&world, case, "verified_by_sensor");
    assert!(note.ends_with("by the sensor: 11-20 10:15:00 c1 tilt_deg = 1.25; 11-20 10:10:00 c1 tilt_deg = 1.5"));
    assert_eq!(world.case().progress.checked, Some(world.now));
    let (_, change, evidence) = world.ledger.explanations.last().expect("an explanation");
    assert_eq!((*change, evidence.readings.len()), ("verified", 2), "what it said while it held confirms nothing");
    assert_eq!(verdict(&world), ("verified", "sensor_confirms"));
    assert_eq!(world.topics().last().map(String::as_str), Some("case.updated"));
    assert!(!world.reducer.awaits(&cover.id));
    world.done(Role::Acceptor, case, CaseStep::Close { feedback: Some("real".into()) });
}

#[test]
fn the_reading_that_clears_it_and_those_from_before_do_not_count() {
    let (mut world, cover, case) = handling(window(1, ""));
    world.done(Role::Handler, case, CaseStep::Handle);
    world.minutes(5);
    let (now, before) = (world.now, world.now.plus_ms(-600_000));
    // The message that clears it, in one record.
    world.record(|reducer, at, out| {
        let clear = gengfu_model::Assertion::Clear { reason: "clear".into() };
        reducer.signal(at, &cover, crate::support::signal("tilt", clear), out);
        reducer.heard(at, &cover.id, &[reading("tilt_deg", 2.0, now)], out);
    });
    assert!(!world.case().condition_holds);
    assert_eq!(state(&world, case), (CaseState::PendingCheck, 0));
    world.minutes(5);
    world.record(|reducer, at, out| reducer.heard(at, &cover.id, &[reading("tilt_deg", 2.0, before)], out));
    assert_eq!(state(&world, case), (CaseState::PendingCheck, 0), "measured before it was handled");
    heard(&mut world, &cover, 1.0);
    assert_eq!(state(&world, case), (CaseState::CheckPassed, 0));
}

#[test]
fn one_further_reading_is_enough_when_the_window_ends() {
    let (mut world, cover, case) = handling(window(9, ""));
    world.clear(&cover, "tilt");
    world.done(Role::Handler, case, CaseStep::Handle);
    heard(&mut world, &cover, 1.5);
    world.until("2026-11-20 11:59");
    assert_eq!(state(&world, case), (CaseState::PendingCheck, 0));
    world.until("2026-11-20 12:00");
    assert_eq!(state(&world, case), (CaseState::CheckPassed, 0));
}

#[test]
fn what_still_holds_when_the_window_ends_goes_back_with_the_reason() {
    let (mut world, cover, case) = handling(yuncheng());
    world.done(Role::Handler, case, CaseStep::Handle);
    for tilt in [38.0, 37.5, 37.0] {
        heard(&mut world, &cover, tilt);
    }
    world.until("2026-11-20 11:59");
    assert_eq!(state(&world, case), (CaseState::PendingCheck, 0), "there is time left to mend it");
    world.until("2026-11-20 12:00");
    assert_eq!(state(&world, case), (CaseState::Handling, 1));
    let note = last_note(&world, case, "rework");
    assert!(
        note.contains("still holds at the window's end (c1: cover_displaced) 11-20 10:15:00 c1 tilt_deg = 37;"),
        "{note}"
    );
    assert!(world.case().overdue, "the handling limit runs again, and these were its two hours");
    assert_eq!(verdict(&world), ("verified", "sensor_contradicts"));
    assert!(!world.reducer.awaits(&cover.id));
}

#[test]
fn what_comes_back_in_the_window_goes_back_at_once_and_is_verified_anew() {
    let (mut world, cover, case) = handling(yuncheng());
    world.clear(&cover, "tilt");
    world.done(Role::Handler, case, CaseStep::Handle);
    heard(&mut world, &cover, 1.0);
    world.minutes(5);
    world.raise(&cover, "tilt", Critical, "cover_displaced");
    assert_eq!(state(&world, case), (CaseState::Handling, 1));
    let note = last_note(&world, case, "rework");
    assert!(note.contains("it came back (c1: cover_displaced) 11-20 10:05:00 c1 tilt_deg = 1"), "{note}");
    world.clear(&cover, "tilt");
    world.done(Role::Handler, case, CaseStep::Handle);
    heard(&mut world, &cover, 1.0);
    assert_eq!(state(&world, case), (CaseState::PendingCheck, 1), "what was read for the first try does not count");
    heard(&mut world, &cover, 1.0);
    assert_eq!(state(&world, case), (CaseState::CheckPassed, 1));
}

#[test]
fn what_comes_back_in_maintenance_only_starts_the_count_anew() {
    let (mut world, cover, case) = handling(yuncheng());
    world.clear(&cover, "tilt");
    world.done(Role::Handler, case, CaseStep::Handle);
    heard(&mut world, &cover, 1.0);
    let serviced = in_maintenance(&cover);
    world.record(|reducer, at, out| reducer.register(at, &serviced, out));
    world.raise(&serviced, "tilt", Critical, "cover_displaced");
    assert_eq!(state(&world, case), (CaseState::PendingCheck, 0));
    world.clear(&serviced, "tilt");
    heard(&mut world, &cover, 1.0);
    assert_eq!(state(&world, case), (CaseState::PendingCheck, 0));
    heard(&mut world, &cover, 1.0);
    assert_eq!(state(&world, case), (CaseState::CheckPassed, 0));
}

#[test]
fn a_silent_sensor_leaves_the_check_to_a_person() {
    for clear in [true, false] {
        let (mut world, cover, case) = handling(yuncheng());
        if clear {
            world.clear(&cover, "tilt");
        }
        world.done(Role::Handler, case, CaseStep::Handle);
        world.until("2026-11-20 12:00");
        assert!(!world.reducer.awaits(&cover.id));
        assert_eq!(state(&world, case), (CaseState::PendingCheck, 0));
        let note = last_note(&world, case, "verification_inconclusive");
        assert!(note.contains("请人工核查") && note.ends_with(": c1"), "{note}");
        assert_eq!(verdict(&world), ("verified", "sensor_silent"));
        world.done(Role::Verifier, case, CaseStep::Check);
        assert_eq!(state(&world, case), (CaseState::CheckPassed, 0));
    }
}

#[test]
fn every_sensor_of_the_case_must_say_so() {
    let mut world = World::new(yuncheng(), "2026-11-20 20:00");
    let lamps = [lamp("l1", "east"), lamp("l2", "east")];
    for lamp in &lamps {
        world.raise(lamp, "dark", Critical, "lamp_dark");
    }
    let case = world.case().id;
    receive(&mut world, case);
    world.done(Role::Handler, case, CaseStep::Handle);
    for lamp in &lamps {
        world.clear(lamp, "dark");
    }
    for _ in 0..4 {
        heard(&mut world, &lamps[0], 90.0);
    }
    heard(&mut world, &lamps[1], 88.0);
    assert_eq!(state(&world, case), (CaseState::PendingCheck, 0), "the other lamp spoke once");
    heard(&mut world, &lamps[1], 88.0);
    assert_eq!(state(&world, case), (CaseState::CheckPassed, 0));
}

#[test]
fn a_person_may_check_at_once_which_ends_the_window() {
    for (step, then) in [(CaseStep::Check, CaseState::CheckPassed), (CaseStep::Rework, CaseState::Handling)] {
        let (mut world, cover, case) = handling(yuncheng());
        world.clear(&cover, "tilt");
        world.done(Role::Handler, case, CaseStep::Handle);
        world.done(Role::Acceptor, case, CaseStep::Comment);
        heard(&mut world, &cover, 1.0);
        world.done(Role::Verifier, case, step);
        assert!(!world.reducer.awaits(&cover.id));
        world.until("2026-11-20 13:00");
        let said = world.history(case).iter().filter(|action| action.starts_with("verif")).count();
        assert_eq!((state(&world, case).0, said), (then, 1), "the window's end says nothing more");
    }
}

#[test]
fn the_profile_may_close_what_the_sensor_confirms() {
    let (mut world, cover, case) = handling(window(1, "auto_close = true"));
    world.clear(&cover, "tilt");
    world.done(Role::Handler, case, CaseStep::Handle);
    heard(&mut world, &cover, 1.0);
    assert_eq!((world.case().state, world.case().closed), (CaseState::Closed, Some(world.now)));
    assert!(world.history(case).ends_with(&["verified_by_sensor".to_owned(), "auto_close".to_owned()]));
    assert_eq!(world.topics().last().map(String::as_str), Some("case.closed"));
    assert!(!world.reducer.awaits(&cover.id));
}

#[test]
fn a_window_outlasts_a_restart() {
    let (mut world, cover, case) = handling(yuncheng());
    world.clear(&cover, "tilt");
    world.done(Role::Handler, case, CaseStep::Handle);
    heard(&mut world, &cover, 1.5);
    world.reducer = world.ledger.restore(yuncheng());
    assert!(world.reducer.awaits(&cover.id));
    heard(&mut world, &cover, 1.25);
    assert_eq!(state(&world, case), (CaseState::CheckPassed, 0), "what was heard before counts");

    let (mut world, _, case) = handling(yuncheng());
    world.done(Role::Handler, case, CaseStep::Handle);
    world.reducer = world.ledger.restore(yuncheng());
    world.until("2026-11-20 12:00");
    last_note(&world, case, "verification_inconclusive");
}

#[test]
fn nothing_is_verified_while_the_case_is_suspended() {
    let (mut world, cover, case) = handling(window(1, ""));
    world.clear(&cover, "tilt");
    world.done(Role::Handler, case, CaseStep::Handle);
    world.refused(Role::ShiftLeader, case, CaseStep::Suspend, "waits for parts", "wrong_state");
    assert!(world.reducer.awaits(&cover.id), "what is refused leaves the window open");
    world.done(Role::Verifier, case, CaseStep::Rework);
    world.done(Role::ShiftLeader, case, CaseStep::Suspend);
    assert!(!world.reducer.awaits(&cover.id));
    world.record(|reducer, at, out| reducer.heard(at, &cover.id, &[reading("tilt_deg", 1.0, at.now)], out));
    world.minutes(300);
    assert_eq!(state(&world, case), (CaseState::Suspended, 1));
    world.done(Role::ShiftLeader, case, CaseStep::Resume);
    world.done(Role::Handler, case, CaseStep::Handle);
    heard(&mut world, &cover, 1.0);
    assert_eq!(state(&world, case), (CaseState::CheckPassed, 1));
}

#[test]
fn readings_that_no_rule_judges_confirm_nothing() {
    let (mut world, cover, case) = handling(yuncheng());
    world.done(Role::Handler, case, CaseStep::Handle);
    world.record(|reducer, at, out| reducer.withdraw(at, &|_, _| false, out));
    assert!(!world.case().condition_holds && !world.reducer.awaits(&cover.id));
    assert!(last_note(&world, case, "verification_inconclusive").contains("its rule or sensor is gone"));
    world.done(Role::Verifier, case, CaseStep::Rework);
    world.done(Role::Handler, case, CaseStep::Handle);
    assert!(!world.reducer.awaits(&cover.id), "nor later");
}

#[test]
fn what_no_sensor_can_tell_is_not_waited_for() {
    let mut world = World::new(yuncheng(), "2026-11-20 10:00");
    let cover = device("c1", "01-02");
    world.raise(&cover, "gas", Critical, "gas_alarm");
    let case = world.case().id;
    receive(&mut world, case);
    world.done(Role::Handler, case, CaseStep::Handle);
    assert!(!world.reducer.awaits(&cover.id));
    assert_eq!(world.history(case).last().map(String::as_str), Some("handle"));
}

#[test]
fn a_bad_table_is_told_with_its_line() {
    let with = |table: &str| {
        let errors = Profile::parse(&format!("{}\n[[verification]]\n{table}\n", gengfu_cases::profile::YUNCHENG));
        errors.expect_err("a bad table").iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let twice = with("condition = [\"bin_full\"]\nreadings = 2\nwindow = \"1h\"");
    assert!(twice.contains("`bin_full` is verified twice"), "{twice}");
    let never = with("condition = [\"bin_fire\"]\nreadings = 0\nwindow = \"soon\"");
    assert!(never.contains("0 is not between 1 and 100") && never.contains("`soon` is no duration"), "{never}");
}
