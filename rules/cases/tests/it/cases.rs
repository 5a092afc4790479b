//! Incidents to cases: mapping, joining, grouping, limits, overdue.

use gengfu_cases::MAX_INCIDENTS_PER_CASE;
use gengfu_model::Severity::{Critical, Major, Minor};
use gengfu_model::staff::CaseStep;
use gengfu_model::{CaseState, LimitKind, Role};

use crate::support::{World, device, lamp, local, profile, yuncheng};

const NIGHT: &str = "2026-11-21 03:00";

fn world() -> World {
    World::new(yuncheng(), NIGHT)
}

#[test]
fn an_incident_opens_a_case_by_the_profile() {
    let mut world = world();
    world.raise(&device("c1", "01-02"), "tilt", Critical, "cover_displaced");
    let case = world.case();
    assert_eq!((&*case.class, &*case.class_kind, &*case.class_name), ("01-02", "component", "污水井盖"));
    assert_eq!((&*case.standard, &*case.source, case.state), ("01-02.1", "iot", CaseState::Reported));
    assert_eq!((&*case.asset, &*case.asset_name, &*case.department), ("A-c1", "asset of c1", "municipal"));
    let deadline = case.deadline.expect("a limit");
    assert_eq!((deadline.limit, deadline.amount), (LimitKind::UrgentHour, 2));
    assert_eq!((deadline.started, deadline.due), (local(NIGHT), local("2026-11-21 05:00")));
    assert_eq!(world.incident().case, Some(case.id));
    assert!(case.condition_holds);
    assert_eq!(world.history(case.id), ["opened"]);
}

#[test]
fn an_events_class_keeps_its_own_code() {
    let mut world = world();
    world.raise(&device("b1", "03-05"), "fill", Major, "bin_full");
    let case = world.case();
    assert_eq!((&*case.class, &*case.class_kind, &*case.standard), ("01-92", "event", "E01-92.1"));
    assert_eq!(case.deadline.map(|deadline| deadline.due), Some(local("2026-11-23 12:00")));
}

#[test]
fn silence_and_what_the_profile_says_open_no_case() {
    let mut world = world();
    world.raise(&device("c1", "01-02"), "silent", Critical, "device_silent");
    world.raise(&device("c1", "01-02"), "battery", Minor, "battery_low");
    assert_eq!(world.ledger.incidents.len(), 2);
    assert!(world.ledger.cases.is_empty());
}

#[test]
fn a_pair_without_mapping_goes_to_the_acceptor_without_limit() {
    let mut world = world();
    world.raise(&device("c1", "01-02"), "x", Major, "something_new");
    world.raise(&device("c1", "01-02"), "y", Major, "something_else");
    assert_eq!(world.ledger.cases.len(), 2, "what is not classified is not lumped together");
    for case in world.ledger.cases.values() {
        assert_eq!((&*case.class, &*case.standard, case.deadline), ("", "", None));
        assert_eq!(case.state, CaseState::Reported);
    }
}

#[test]
fn incidents_of_one_asset_and_class_share_a_case() {
    let mut world = world();
    let cover = device("c1", "01-02");
    world.raise(&cover, "tilt", Minor, "cover_tilted");
    assert_eq!(world.case().standard, "01-02.3".into());
    world.raise(&cover, "open", Critical, "cover_displaced");
    let case = world.case();
    assert_eq!((case.incidents.len(), case.severity), (2, Critical));
    assert_eq!((&*case.standard, &*case.condition), ("01-02.1", "cover_displaced"), "the shorter limit counts");
    assert_eq!(case.deadline.map(|deadline| deadline.due), Some(local("2026-11-21 05:00")));
    assert_eq!(world.history(case.id), ["opened", "incident_joined", "limit_changed", "severity_raised"]);
    // Another class on the same asset is another case.
    world.raise(&cover, "water", Major, "manhole_water");
    assert_eq!(world.ledger.cases.len(), 2);
}

#[test]
fn a_longer_limit_does_not_buy_time() {
    let mut world = world();
    let cover = device("c1", "01-02");
    world.raise(&cover, "open", Critical, "cover_displaced");
    let deadline = world.case().deadline;
    world.raise(&cover, "tilt", Minor, "cover_tilted");
    assert_eq!((world.case().deadline, world.case().severity), (deadline, Critical));
}

#[test]
fn dark_lamps_of_one_road_are_one_case() {
    let mut world = world();
    for id in ["l1", "l2", "l3"] {
        world.raise(&lamp(id, "解放路"), "dark", Minor, "lamp_dark");
    }
    assert_eq!(world.case().incidents.len(), 3);
    world.raise(&lamp("l4", "人民路"), "dark", Minor, "lamp_dark");
    let mut far = lamp("l5", "解放路");
    far.district = "linyi".into();
    world.raise(&far, "dark", Minor, "lamp_dark");
    world.raise(&device("l6", "01-37"), "dark", Minor, "lamp_dark");
    world.raise(&device("l7", "01-37"), "dark", Minor, "lamp_dark");
    assert_eq!(world.ledger.cases.len(), 5, "other roads, the same name in another district, lamps without a road");
}

#[test]
fn incidents_can_be_merged_by_cabinet() {
    let mut world = world();
    for (id, cabinet) in [("l1", "K7"), ("l2", "K7"), ("l3", "K8")] {
        let mut lamp = device(id, "01-37");
        lamp.cabinet = cabinet.into();
        world.raise(&lamp, "day", Minor, "day_burner");
    }
    assert_eq!(world.ledger.cases.len(), 2);
}

#[test]
fn when_everything_cleared_the_case_stays_for_staff() {
    let mut world = world();
    world.cooldown(15);
    let (one, two) = (lamp("l1", "解放路"), lamp("l2", "解放路"));
    world.raise(&one, "dark", Minor, "lamp_dark");
    world.raise(&two, "dark", Minor, "lamp_dark");
    world.clear(&one, "dark");
    assert!(world.case().condition_holds);
    world.clear(&two, "dark");
    assert!(!world.case().condition_holds);
    assert_eq!(world.case().state, CaseState::Reported);
    world.minutes(1);
    world.raise(&two, "dark", Minor, "lamp_dark");
    assert!(world.case().condition_holds);
    let case = world.case().id;
    assert_eq!(world.history(case), ["opened", "incident_joined", "condition_cleared", "condition_returned"]);
}

#[test]
fn with_auto_close_it_closes_when_nothing_can_come_back() {
    let mut world = World::new(profile(&[("auto_close = false", "auto_close = true")]), NIGHT);
    world.cooldown(15);
    let cover = device("c1", "01-02");
    world.raise(&cover, "tilt", Minor, "cover_tilted");
    world.clear(&cover, "tilt");
    world.minutes(14);
    assert_eq!(world.case().state, CaseState::Reported);
    world.minutes(1);
    assert_eq!(world.case().state, CaseState::Closed);
    assert_eq!(world.ledger.events.last().map(|event| (&*event.actor, &*event.action)), Some(("system", "auto_close")));
    // What was dispatched stays with the staff.
    world.raise(&cover, "tilt", Minor, "cover_tilted");
    let case = world.reducer.cases().next().expect("a new case").id;
    world.done(Role::Acceptor, case, CaseStep::File);
    world.done(Role::Dispatcher, case, CaseStep::Dispatch { department: "roads".into() });
    world.clear(&cover, "tilt");
    world.minutes(60);
    assert_eq!(world.ledger.cases[&case].state, CaseState::Dispatched);
}

#[test]
fn a_case_is_overdue_once_its_limit_is_up() {
    let mut world = world();
    world.raise(&device("c1", "01-02"), "open", Critical, "cover_displaced");
    assert_eq!(world.reducer.next_due(), Some(local("2026-11-21 05:00")));
    world.until("2026-11-21 04:59");
    assert!(!world.case().overdue);
    world.until("2026-11-21 09:00");
    let case = world.case();
    assert!(case.overdue);
    assert_eq!(case.updated, local("2026-11-21 05:00"), "at the moment it was due");
    assert_eq!(world.history(case.id), ["opened", "overdue"]);
    assert_eq!(world.topics().last().map(String::as_str), Some("case.overdue"));
    assert_eq!(world.reducer.next_due(), None);
}

#[test]
fn a_case_that_staff_ended_comes_back_only_when_it_gets_worse_or_opens_again() {
    let mut world = world();
    let cover = device("c1", "01-02");
    world.raise(&cover, "tilt", Minor, "cover_tilted");
    let first = world.case().id;
    world.done(Role::ShiftLeader, first, CaseStep::ForceClose);
    world.raise(&cover, "tilt", Minor, "cover_tilted");
    assert_eq!(world.ledger.cases.len(), 1);
    world.raise(&cover, "tilt", Major, "cover_tilted");
    assert_eq!(world.ledger.cases.len(), 2);
    assert_eq!(world.incident().case, world.ledger.cases.keys().last().copied());
}

#[test]
fn a_condition_that_turns_into_another_class_moves_to_another_case() {
    let mut world = world();
    let tank = device("s1", "03-03");
    world.raise(&tank, "level", Major, "septic_high");
    let first = world.case().id;
    world.raise(&tank, "level", Critical, "gas_alarm");
    assert_eq!(world.ledger.cases.len(), 2);
    assert!(!world.ledger.cases[&first].condition_holds);
    assert_ne!(world.incident().case, Some(first));
}

#[test]
fn a_full_case_keeps_its_incidents_and_the_next_one_opens_another() {
    let mut world = world();
    let step = MAX_INCIDENTS_PER_CASE;
    let mut out = gengfu_model::EffectSink::new(gengfu_model::Seq(1));
    for number in 0..step + 2 {
        let lamp = lamp(&format!("l{number}"), "解放路");
        let signal = world.raised("dark", Minor, "lamp_dark");
        let at = gengfu_cases::At { seq: gengfu_model::Seq(1), now: world.now };
        world.reducer.signal(at, &lamp, signal, &mut out);
    }
    world.ledger.apply(out.take());
    let sizes: Vec<usize> = world.ledger.cases.values().map(|case| case.incidents.len()).collect();
    assert_eq!(sizes, [step, 2]);
    assert_eq!(world.ledger.restore(yuncheng()), world.reducer);
}
