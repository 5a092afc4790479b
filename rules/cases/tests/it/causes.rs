//! A cause that is found late takes in what it explains, and nothing else.

use gengfu_model::Severity::{Major, Minor};
use gengfu_model::silence::{Matcher, NewSilence};
use gengfu_model::staff::CaseStep;
use gengfu_model::time::HOUR_MS;
use gengfu_model::{Case, CaseState, Device, EffectId, Incident, IncidentState, Role};

use crate::support::{World, device, in_maintenance, lamp, profile, yuncheng};

/// A lamp of feeder F7 on a road of its own.
fn fed(id: &str) -> Device {
    Device { feeder: "F7".into(), ..lamp(id, id) }
}

fn dark(world: &mut World, lamp: &Device) -> EffectId {
    world.raise(lamp, "dark", Minor, "lamp_dark");
    of(world, lamp).case.expect("a case")
}

/// The meter of feeder F7 says that there is no power.
fn outage(world: &mut World) -> Incident {
    let meter = Device { feeder: "F7".into(), ..device("meter", "01-02") };
    world.raise(&meter, "outage", Major, "feeder_outage");
    of(world, &meter).clone()
}

fn restored(world: &mut World) {
    world.clear(&Device { feeder: "F7".into(), ..device("meter", "01-02") }, "outage");
}

/// The newest incident of a device's asset.
fn of<'a>(world: &'a World, device: &Device) -> &'a Incident {
    world.ledger.incidents.values().rfind(|row| row.asset == device.asset_code).expect("an incident of the asset")
}

fn case(world: &World, id: EffectId) -> &Case {
    &world.ledger.cases[&id]
}

#[test]
fn what_opened_shortly_before_its_cause_goes_under_it() {
    let mut world = World::new(yuncheng(), "2026-11-20 19:00");
    let lamp = fed("l1");
    let own = dark(&mut world, &lamp);
    world.minutes(2);
    let cause = outage(&mut world);
    let into = cause.case.expect("the cause's case");
    assert_eq!((case(&world, own).state, case(&world, own).merged_into), (CaseState::Merged, Some(into)));
    let covered = of(&world, &lamp).clone();
    assert_eq!((covered.inhibited_by, covered.case), (Some(cause.id), Some(into)));
    assert_eq!(world.decided(covered.id), [("raised", "case_opened"), ("inhibited", "cause_covers")]);
    let folded = world.ledger.decisions.iter().find(|row| row.case == Some(own) && row.what.word() == "folded");
    assert_eq!(folded.map(|row| row.why.word()), Some("cause_covers"));
    let told: Vec<_> = world.ledger.outbox.iter().filter(|item| item.case == Some(own)).collect();
    assert!(told.iter().any(|item| item.withdrawn == Some(into)), "what was to be told of it is withdrawn: {told:#?}");
    assert_eq!(world.reducer.cases().count(), 1, "one piece of work");

    // The lamp flickers under the outage: no case of its own for that.
    world.clear(&lamp, "dark");
    world.raise(&lamp, "dark", Minor, "lamp_dark");
    assert_eq!((of(&world, &lamp).reopened, of(&world, &lamp).inhibited_by), (1, Some(cause.id)));
    assert_eq!(world.reducer.cases().count(), 1);

    // The power is back and the lamp is not: it stands for itself.
    restored(&mut world);
    let left = of(&world, &lamp).clone();
    assert_eq!((left.state, left.inhibited_by), (IncidentState::Open, None));
    let again = left.case.expect("a case of its own");
    assert!(again != into && again != own && case(&world, again).condition_holds);
    assert!(!case(&world, into).condition_holds, "the feeder's case is about the feeder");
    world.done(Role::ShiftLeader, into, CaseStep::ForceClose);
    assert_eq!(world.reducer.cases().map(|case| case.id).collect::<Vec<_>>(), [again]);
}

/// Another meter of feeder F7 says the same.
fn second_meter() -> Device {
    Device { feeder: "F7".into(), ..device("meter2", "01-02") }
}

#[test]
fn what_two_causes_explain_waits_for_the_end_of_both() {
    // Before both causes, or after them: once in the case of the first, once in none.
    for before in [true, false] {
        let mut world = World::new(yuncheng(), "2026-11-20 19:00");
        let lamp = fed("l1");
        if before {
            dark(&mut world, &lamp);
            world.minutes(2);
        }
        let first = outage(&mut world);
        world.raise(&second_meter(), "outage", Major, "feeder_outage");
        let second = of(&world, &second_meter()).clone();
        if !before {
            world.raise(&lamp, "dark", Minor, "lamp_dark");
        }
        let held = of(&world, &lamp).clone();
        assert_eq!((held.inhibited_by, held.case), (Some(first.id), before.then_some(first.case).flatten()));
        let cases = world.reducer.cases().count();

        world.minutes(30);
        restored(&mut world);
        let held = of(&world, &lamp).clone();
        assert_eq!((held.inhibited_by, held.case), (Some(second.id), None), "the second goes on to explain it");
        assert_eq!(world.decided(held.id).last(), Some(&("inhibited", "cause_covers")));
        assert_eq!(world.reducer.cases().count(), cases, "nobody is called");
        assert!(!case(&world, first.case.expect("a case")).condition_holds, "the first one's case is about the first");

        world.clear(&second_meter(), "outage");
        let left = of(&world, &lamp).clone();
        assert_eq!((left.state, left.inhibited_by), (IncidentState::Open, None));
        assert!(case(&world, left.case.expect("a case of its own")).condition_holds, "now it is raised");
    }
}

#[test]
fn what_is_in_the_case_of_its_cause_stays_there_whatever_else_explains_it() {
    let mut world = World::new(yuncheng(), "2026-11-20 19:00");
    // The older of two causes is the first that is found; the lamp is in the case of the younger one.
    let lamp = fed("l1");
    let older = Device { feeder: "".into(), ..second_meter() };
    world.raise(&older, "outage", Major, "feeder_outage");
    dark(&mut world, &lamp);
    world.minutes(1);
    let cause = outage(&mut world);
    world.raise(&second_meter(), "again", Major, "feeder_outage");
    world.clear(&lamp, "dark");
    world.raise(&lamp, "dark", Minor, "lamp_dark");
    let held = of(&world, &lamp);
    assert_eq!((held.inhibited_by, held.case), (Some(cause.id), cause.case));
}

#[test]
fn a_cause_that_turns_into_something_else_explains_no_more() {
    let mut world = World::new(yuncheng(), "2026-11-20 19:00");
    let lamp = fed("l1");
    dark(&mut world, &lamp);
    let into = outage(&mut world).case.expect("a case");
    assert_eq!(of(&world, &lamp).case, Some(into));
    let meter = Device { feeder: "F7".into(), ..device("meter", "01-02") };
    world.raise(&meter, "outage", Major, "cover_displaced");
    let left = of(&world, &lamp);
    assert_eq!(left.inhibited_by, None);
    let own = left.case.expect("a case of its own");
    assert!(own != into && case(&world, own).condition_holds);
}

#[test]
fn a_silence_or_maintenance_takes_what_a_cause_held_out_of_its_case() {
    for maintenance in [true, false] {
        let mut world = World::new(yuncheng(), "2026-11-20 19:00");
        let lamp = fed("l1");
        dark(&mut world, &lamp);
        world.minutes(2);
        let into = outage(&mut world).case.expect("a case");
        let cases = world.reducer.cases().count();
        if maintenance {
            let serviced = in_maintenance(&lamp);
            world.record(|reducer, at, out| reducer.register(at, &serviced, out));
        } else {
            let matches = Matcher { asset: Some(lamp.asset_code.clone()), ..Matcher::default() };
            let to = world.now.plus_ms(HOUR_MS);
            let asked = NewSilence {
                matches,
                from: None,
                to,
                weekly: None,
                until_clear: false,
                work_order: None,
                reason: "test".into(),
                comment: String::new(),
            };
            world.silence(Role::ShiftLeader, &asked);
        }
        restored(&mut world);
        assert_eq!((of(&world, &lamp).inhibited_by, of(&world, &lamp).case), (None, None));
        assert!(!case(&world, into).condition_holds);
        assert_eq!(world.reducer.cases().count(), cases, "nobody is called");
        if maintenance {
            world.record(|reducer, at, out| reducer.register(at, &lamp, out));
        } else {
            world.minutes(61);
        }
        let own = of(&world, &lamp).case.expect("raised once that is over");
        assert!(own != into && case(&world, own).condition_holds);
    }
}

#[test]
fn what_is_older_elsewhere_on_its_way_or_in_maintenance_stays_where_it_is() {
    let mut world = World::new(yuncheng(), "2026-11-20 19:00");
    let old = dark(&mut world, &fed("old"));
    world.minutes(21);
    let elsewhere = dark(&mut world, &Device { feeder: "F8".into(), ..lamp("l8", "l8") });
    let sent = dark(&mut world, &fed("sent"));
    world.done(Role::Acceptor, sent, CaseStep::File);
    world.done(Role::Dispatcher, sent, CaseStep::Dispatch { department: "lamps".into() });
    let quiet = in_maintenance(&fed("quiet"));
    world.raise(&quiet, "dark", Minor, "lamp_dark");
    outage(&mut world);
    for (own, device) in [(old, fed("old")), (elsewhere, lamp("l8", "l8")), (sent, fed("sent"))] {
        assert!(!case(&world, own).state.is_final(), "{own}");
        assert_eq!((of(&world, &device).inhibited_by, of(&world, &device).case), (None, Some(own)));
    }
    assert_eq!((of(&world, &quiet).inhibited_by, of(&world, &quiet).case), (None, None));
}

#[test]
fn a_case_in_which_something_else_holds_too_stays() {
    let mut world = World::new(yuncheng(), "2026-11-20 19:00");
    let lamp = fed("l1");
    let own = dark(&mut world, &lamp);
    world.raise(&lamp, "again", Minor, "lamp_dark");
    world.raise(&lamp, "leak", Major, "pole_leaning");
    let other = world.ledger.incidents.values().rfind(|row| &*row.key == "leak").expect("it").case.expect("a case");
    world.done(Role::Acceptor, other, CaseStep::Merge { into: own });
    outage(&mut world);
    assert!(!case(&world, own).state.is_final(), "its pole leans whatever the feeder does");
    assert_eq!(of(&world, &lamp).inhibited_by, None);
}

#[test]
fn silent_devices_are_explained_by_the_storm_that_comes_after_them() {
    let mut world = World::new(yuncheng(), "2026-11-20 19:00");
    let quiet: Vec<Device> = (0..3).map(|n| fed(&format!("q{n}"))).collect();
    for device in &quiet {
        world.raise(device, "silent", Minor, "device_silent");
    }
    for n in 0..3 {
        world.raise(&fed(&format!("l{n}")), "dark", Minor, "lamp_dark");
    }
    let storm = world.ledger.incidents.values().find(|row| row.key.starts_with("group:")).expect("a storm");
    let (storm, into) = (storm.id, storm.case.expect("a case"));
    for device in &quiet {
        assert_eq!((of(&world, device).inhibited_by, of(&world, device).case), (Some(storm), None));
    }
    assert_eq!(world.reducer.cases().map(|case| case.id).collect::<Vec<_>>(), [into]);
    for n in 0..3 {
        world.clear(&fed(&format!("l{n}")), "dark");
    }
    assert!(quiet.iter().all(|device| of(&world, device).inhibited_by.is_none()), "they are looked at again");
}

#[test]
fn a_cause_without_a_case_takes_no_case_away() {
    let (first, table) = (
        "[[inhibition]]\ncause = \"feeder_outage\"",
        "[[inhibition]]\ncause = \"battery_low\"\ninhibits = [\"lamp_dark\"]\nby = \"feeder\"\nwithin = \"1h\"\n\n",
    );
    let mut world = World::new(profile(&[(first, &format!("{table}{first}"))]), "2026-11-20 19:00");
    let own = dark(&mut world, &fed("l1"));
    world.raise(&fed("l2"), "battery", Minor, "battery_low");
    assert_eq!(of(&world, &fed("l2")).case, None, "the profile wants none");
    assert_eq!((case(&world, own).state.is_final(), of(&world, &fed("l1")).inhibited_by), (false, None));
    world.raise(&fed("l3"), "dark", Minor, "lamp_dark");
    assert!(of(&world, &fed("l3")).inhibited_by.is_some(), "what comes after it is explained");
}
