//! Verification by sensor: what it confirms is checked, what it contradicts goes back, and what it does not say is
//! left to a person.

use std::sync::Arc;

use gengfu_cases::{Heard, Profile};
use gengfu_model::Severity::Critical;
use gengfu_model::signal::EvidenceReading;
use gengfu_model::staff::CaseStep;
use gengfu_model::time::MINUTE_MS;
use gengfu_model::{Case, CaseState, Device, EffectId, Role, Timestamp, Value};

use crate::support::{World, device, in_maintenance, lamp, profile, yuncheng};

/// The profile's first window, with its readings and whether it closes.
fn window(readings: u32, more: &str) -> Arc<Profile> {
    let grace = "grace = \"10m\"\nwindow = \"2h\"";
    profile(&[(&format!("readings = 2\n{grace}"), &format!("readings = {readings}\n{grace}\n{more}"))])
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

/// Five minutes later a reading comes, by which its rules say nothing new: whether it holds.
fn heard(world: &mut World, device: &Device, value: f64, holds: bool) {
    world.minutes(5);
    let reading = reading("tilt_deg", value, world.now);
    assert!(world.reducer.awaits(&device.id), "a window is open");
    said(world, device, reading, Some(holds));
}

/// A reading by which rule `r` says that its key holds, does not, or says nothing.
fn said(world: &mut World, device: &Device, reading: EvidenceReading, holds: Option<bool>) {
    world.record(|reducer, at, out| {
        let asked = reducer.asked_of(&device.id);
        let said = asked.into_iter().filter_map(|asked| Some((asked, holds?))).collect();
        reducer.heard(at, &device.id, &Heard { readings: &[reading], said: &said }, out);
    });
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
    heard(&mut world, &cover, 41.0, true);
    world.clear(&cover, "tilt");
    heard(&mut world, &cover, 1.5, false);
    assert_eq!(state(&world, case), (CaseState::PendingCheck, 0), "one reading is not enough");
    heard(&mut world, &cover, 1.25, false);
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
        let said = reducer.asked_of(&cover.id).into_iter().map(|asked| (asked, false)).collect();
        reducer.heard(at, &cover.id, &Heard { readings: &[reading("tilt_deg", 2.0, now)], said: &said }, out);
        let clear = gengfu_model::Assertion::Clear { reason: "clear".into() };
        reducer.signal(at, &cover, crate::support::signal("tilt", clear), out);
    });
    assert!(!world.case().condition_holds);
    assert_eq!(state(&world, case), (CaseState::PendingCheck, 0));
    world.minutes(5);
    said(&mut world, &cover, reading("tilt_deg", 2.0, before), Some(false));
    assert_eq!(state(&world, case), (CaseState::PendingCheck, 0), "measured before it was handled");
    heard(&mut world, &cover, 1.0, false);
    assert_eq!(state(&world, case), (CaseState::CheckPassed, 0));
}

#[test]
fn one_further_reading_is_enough_when_the_window_ends() {
    let (mut world, cover, case) = handling(window(9, ""));
    world.clear(&cover, "tilt");
    world.done(Role::Handler, case, CaseStep::Handle);
    heard(&mut world, &cover, 1.5, false);
    world.until("2026-11-20 11:59");
    assert_eq!(state(&world, case), (CaseState::PendingCheck, 0));
    world.until("2026-11-20 12:00");
    assert_eq!(state(&world, case), (CaseState::CheckPassed, 0));
}

#[test]
fn a_reading_that_shows_it_to_hold_still_goes_back_at_once_after_the_grace() {
    let (mut world, cover, case) = handling(yuncheng());
    world.done(Role::Handler, case, CaseStep::Handle);
    heard(&mut world, &cover, 38.0, true);
    assert_eq!(state(&world, case), (CaseState::PendingCheck, 0), "the lid may be about to be closed");
    // Measured within the grace, and heard after it.
    world.minutes(7);
    let measured = world.now.plus_ms(-4 * MINUTE_MS);
    said(&mut world, &cover, reading("tilt_deg", 37.5, measured), Some(true));
    assert_eq!(state(&world, case), (CaseState::PendingCheck, 0));
    heard(&mut world, &cover, 37.0, true);
    assert_eq!(state(&world, case), (CaseState::Handling, 1));
    let note = last_note(&world, case, "rework");
    assert!(
        note.contains("by this reading it still holds (c1: cover_displaced) 11-20 10:17:00 c1 tilt_deg = 37;"),
        "{note}"
    );
    let (_, change, evidence) = world.ledger.explanations.last().expect("an explanation");
    assert_eq!((*change, evidence.readings.len()), ("verified", 3));
    assert_eq!(verdict(&world), ("verified", "sensor_contradicts"));
    assert!(!world.reducer.awaits(&cover.id));
    world.until("2026-11-20 12:00");
    assert_eq!(state(&world, case), (CaseState::Handling, 1), "the window is over, and was before");
}

#[test]
fn a_reading_of_which_the_rule_says_nothing_proves_nothing() {
    // A lamp that is switched off, a battery's own message.
    let (mut world, cover, case) = handling(yuncheng());
    world.done(Role::Handler, case, CaseStep::Handle);
    world.minutes(30);
    let off = reading("battery_pct", 90.0, world.now);
    said(&mut world, &cover, off.clone(), None);
    assert_eq!(state(&world, case), (CaseState::PendingCheck, 0));
    world.clear(&cover, "tilt");
    for _ in 0..3 {
        said(&mut world, &cover, off.clone(), None);
    }
    assert_eq!(state(&world, case), (CaseState::PendingCheck, 0), "nor that it is mended");
    world.until("2026-11-20 12:00");
    last_note(&world, case, "verification_inconclusive");
}

#[test]
fn the_grace_is_the_tables() {
    let (mut world, cover, case) = handling(profile(&[("grace = \"10m\"", "grace = \"1h\"")]));
    world.done(Role::Handler, case, CaseStep::Handle);
    world.minutes(50);
    heard(&mut world, &cover, 38.0, true);
    assert_eq!(state(&world, case), (CaseState::PendingCheck, 0));
    heard(&mut world, &cover, 38.0, true);
    assert_eq!(state(&world, case), (CaseState::Handling, 1));
}

#[test]
fn another_lamp_of_the_case_that_is_not_heard_contradicts_nothing() {
    let mut world = World::new(yuncheng(), "2026-11-20 20:00");
    let lamps = [lamp("l1", "east"), lamp("l2", "east")];
    for lamp in &lamps {
        world.raise(lamp, "dark", Critical, "lamp_dark");
    }
    let case = world.case().id;
    receive(&mut world, case);
    world.done(Role::Handler, case, CaseStep::Handle);
    world.clear(&lamps[0], "dark");
    world.minutes(60);
    heard(&mut world, &lamps[0], 90.0, false);
    assert_eq!(state(&world, case), (CaseState::PendingCheck, 0));
    heard(&mut world, &lamps[1], 0.0, true);
    assert_eq!(state(&world, case), (CaseState::Handling, 1));
    assert!(last_note(&world, case, "rework").contains("(l2: lamp_dark)"));
}

#[test]
fn what_still_holds_in_maintenance_or_silenced_is_work_that_goes_on() {
    let (mut world, cover, case) = handling(yuncheng());
    world.done(Role::Handler, case, CaseStep::Handle);
    let serviced = in_maintenance(&cover);
    world.record(|reducer, at, out| reducer.register(at, &serviced, out));
    world.minutes(30);
    heard(&mut world, &cover, 38.0, true);
    assert_eq!(state(&world, case), (CaseState::PendingCheck, 0));
    world.record(|reducer, at, out| reducer.register(at, &cover, out));
    heard(&mut world, &cover, 38.0, true);
    assert_eq!(state(&world, case), (CaseState::Handling, 1));
}

#[test]
fn what_was_read_within_the_grace_and_still_holds_when_the_window_ends_goes_back() {
    let (mut world, cover, case) = handling(yuncheng());
    world.done(Role::Handler, case, CaseStep::Handle);
    heard(&mut world, &cover, 38.0, true);
    world.until("2026-11-20 11:59");
    assert_eq!(state(&world, case), (CaseState::PendingCheck, 0), "there is time left to mend it");
    world.until("2026-11-20 12:00");
    assert_eq!(state(&world, case), (CaseState::Handling, 1));
    let note = last_note(&world, case, "rework");
    assert!(
        note.contains("still holds at the window's end (c1: cover_displaced) 11-20 10:05:00 c1 tilt_deg = 38"),
        "{note}"
    );
    assert!(world.case().overdue, "the handling limit runs again, and these were its two hours");
    assert_eq!(verdict(&world), ("verified", "sensor_contradicts"));
    assert!(!world.reducer.awaits(&cover.id));
}

#[test]
fn what_comes_back_within_the_grace_has_until_its_end() {
    for stays in [true, false] {
        let (mut world, cover, case) = handling(yuncheng());
        world.clear(&cover, "tilt");
        world.done(Role::Handler, case, CaseStep::Handle);
        world.minutes(3);
        world.raise(&cover, "tilt", Critical, "cover_displaced");
        assert_eq!(state(&world, case), (CaseState::PendingCheck, 0), "moved once more, and about to be closed");
        world.reducer = world.ledger.restore(yuncheng());
        if !stays {
            world.clear(&cover, "tilt");
        }
        world.until("2026-11-20 10:10");
        let expected = if stays { (CaseState::Handling, 1) } else { (CaseState::PendingCheck, 0) };
        assert_eq!(state(&world, case), expected);
        if stays {
            assert!(last_note(&world, case, "rework").contains("it came back (c1: cover_displaced)"));
        } else {
            heard(&mut world, &cover, 1.0, false);
            heard(&mut world, &cover, 1.0, false);
            assert_eq!(state(&world, case), (CaseState::CheckPassed, 0));
        }
    }
}

#[test]
fn what_comes_back_in_the_window_goes_back_at_once_and_is_verified_anew() {
    let (mut world, cover, case) = handling(yuncheng());
    world.clear(&cover, "tilt");
    world.done(Role::Handler, case, CaseStep::Handle);
    heard(&mut world, &cover, 1.0, false);
    world.minutes(5);
    world.raise(&cover, "tilt", Critical, "cover_displaced");
    assert_eq!(state(&world, case), (CaseState::Handling, 1));
    let note = last_note(&world, case, "rework");
    assert!(note.contains("it came back (c1: cover_displaced) 11-20 10:05:00 c1 tilt_deg = 1"), "{note}");
    world.clear(&cover, "tilt");
    world.done(Role::Handler, case, CaseStep::Handle);
    heard(&mut world, &cover, 1.0, false);
    assert_eq!(state(&world, case), (CaseState::PendingCheck, 1), "what was read for the first try does not count");
    heard(&mut world, &cover, 1.0, false);
    assert_eq!(state(&world, case), (CaseState::CheckPassed, 1));
}

#[test]
fn what_comes_back_in_maintenance_only_starts_the_count_anew() {
    let (mut world, cover, case) = handling(yuncheng());
    world.clear(&cover, "tilt");
    world.done(Role::Handler, case, CaseStep::Handle);
    heard(&mut world, &cover, 1.0, false);
    let serviced = in_maintenance(&cover);
    world.record(|reducer, at, out| reducer.register(at, &serviced, out));
    world.raise(&serviced, "tilt", Critical, "cover_displaced");
    assert_eq!(state(&world, case), (CaseState::PendingCheck, 0));
    world.clear(&serviced, "tilt");
    heard(&mut world, &cover, 1.0, false);
    assert_eq!(state(&world, case), (CaseState::PendingCheck, 0));
    heard(&mut world, &cover, 1.0, false);
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
        heard(&mut world, &lamps[0], 90.0, false);
    }
    heard(&mut world, &lamps[1], 88.0, false);
    assert_eq!(state(&world, case), (CaseState::PendingCheck, 0), "the other lamp spoke once");
    heard(&mut world, &lamps[1], 88.0, false);
    assert_eq!(state(&world, case), (CaseState::CheckPassed, 0));
}

#[test]
fn a_person_may_check_at_once_which_ends_the_window() {
    for (step, then) in [(CaseStep::Check, CaseState::CheckPassed), (CaseStep::Rework, CaseState::Handling)] {
        let (mut world, cover, case) = handling(yuncheng());
        world.clear(&cover, "tilt");
        world.done(Role::Handler, case, CaseStep::Handle);
        world.done(Role::Acceptor, case, CaseStep::Comment);
        heard(&mut world, &cover, 1.0, false);
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
    heard(&mut world, &cover, 1.0, false);
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
    heard(&mut world, &cover, 1.5, false);
    world.reducer = world.ledger.restore(yuncheng());
    assert!(world.reducer.awaits(&cover.id));
    heard(&mut world, &cover, 1.25, false);
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
    let now = world.now;
    said(&mut world, &cover, reading("tilt_deg", 1.0, now), Some(false));
    world.minutes(300);
    assert_eq!(state(&world, case), (CaseState::Suspended, 1));
    world.done(Role::ShiftLeader, case, CaseStep::Resume);
    world.done(Role::Handler, case, CaseStep::Handle);
    heard(&mut world, &cover, 1.0, false);
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
    let mute = with("condition = [\"bin_fire\"]\nreadings = 1\ngrace = \"2h\"\nwindow = \"2h\"");
    assert!(mute.contains("the grace is as long as the window"), "{mute}");
}
