//! Storms: many lamps of a feeder at once are one parent incident with one case.

use gengfu_model::Severity::{Critical, Major, Minor};
use gengfu_model::staff::CaseStep;
use gengfu_model::{CaseState, Device, EffectId, Incident, IncidentState, Role};

use crate::support::{World, device, in_maintenance, lamp, yuncheng};

/// A lamp of feeder F7 on a road of its own.
fn fed(id: &str) -> Device {
    Device { feeder: "F7".into(), ..lamp(id, id) }
}

fn world() -> World {
    World::new(yuncheng(), "2026-11-20 19:00")
}

fn dark(world: &mut World, ids: &[&str]) {
    for id in ids {
        world.raise(&fed(id), "dark", Minor, "lamp_dark");
        world.minutes(1);
    }
}

fn parent(world: &World) -> &Incident {
    let mut parents = world.ledger.incidents.values().filter(|row| row.key.starts_with("group:"));
    let parent = parents.next().expect("a storm");
    assert!(parents.next().is_none(), "one storm");
    parent
}

fn open_cases(world: &World) -> Vec<EffectId> {
    world.reducer.cases().map(|case| case.id).collect()
}

#[test]
fn enough_assets_within_the_time_are_one_parent_incident_with_one_case() {
    let mut world = world();
    dark(&mut world, &["l1", "l2"]);
    assert_eq!(open_cases(&world).len(), 2, "two roads, two cases");
    dark(&mut world, &["l3", "l4", "l5"]);
    let storm = parent(&world);
    assert_eq!((&*storm.condition, &*storm.asset, storm.severity), ("feeder_outage", "feeder:F7", Major));
    assert_eq!(open_cases(&world), [storm.case.expect("a case")]);
    let case = world.reducer.cases().next().expect("a case");
    assert_eq!((&*case.standard, &*case.asset), ("01-37.3", "feeder:F7"));
    let merged = world.ledger.cases.values().filter(|case| case.state == CaseState::Merged).count();
    assert_eq!((world.ledger.cases.len(), merged), (3, 2), "earlier cases are folded, later ones never open");
    let members = world.ledger.incidents.values().filter(|row| row.parent == Some(storm.id)).count();
    assert_eq!(members, 5);
}

#[test]
fn slow_or_scattered_darkness_is_no_storm() {
    let mut world = world();
    for id in ["l1", "l2", "l3", "l4"] {
        dark(&mut world, &[id]);
        world.minutes(15);
    }
    let mut other = fed("l5");
    other.feeder = "F8".into();
    world.raise(&other, "dark", Minor, "lamp_dark");
    world.raise(&device("l6", "01-37"), "dark", Minor, "lamp_dark");
    assert!(world.ledger.incidents.values().all(|row| row.parent.is_none()));
    // Two sensors on one asset are one asset.
    let beside = Device { asset_code: "A-l5".into(), ..other.clone() };
    for id in ["m1", "m2", "m3"] {
        let sensor = Device { id: gengfu_model::DeviceId::new(id).expect("an id"), ..beside.clone() };
        world.raise(&sensor, "dark", Minor, "lamp_dark");
    }
    assert_eq!(open_cases(&world).len(), 6);
}

#[test]
fn it_ends_when_half_are_back_and_what_is_left_joins_its_case() {
    let mut world = world();
    dark(&mut world, &["l1", "l2", "l3", "l4"]);
    let (storm, case) = (parent(&world).id, parent(&world).case.expect("a case"));
    world.clear(&fed("l4"), "dark");
    world.clear(&fed("l3"), "dark");
    assert_eq!(parent(&world).state, IncidentState::Open);
    world.clear(&fed("l2"), "dark");
    assert_eq!((parent(&world).state, parent(&world).cleared), (IncidentState::Cleared, Some(world.now)));
    let left = world.ledger.incidents.values().find(|row| &*row.asset == "A-l1").expect("the first lamp");
    assert_eq!((left.state, left.parent, left.case), (IncidentState::Open, None, Some(case)));
    assert!(world.ledger.cases[&case].incidents.contains(&left.id));
    assert!(world.ledger.cases[&case].condition_holds, "one lamp is still dark");
    world.clear(&fed("l1"), "dark");
    assert!(!world.ledger.cases[&case].condition_holds);
    assert!(world.ledger.state.keys().all(|key| !key.starts_with("cases/storm/")));
    // The next storm is another one.
    world.minutes(60);
    dark(&mut world, &["l1", "l2", "l3"]);
    let parents: Vec<_> = world.ledger.incidents.values().filter(|row| row.key.starts_with("group:")).collect();
    assert_eq!((parents.len(), parents[0].id, parents[1].state), (2, storm, IncidentState::Open));
}

#[test]
fn what_was_dispatched_stays_apart() {
    let mut world = world();
    dark(&mut world, &["l1"]);
    let first = world.case().id;
    world.done(Role::Acceptor, first, CaseStep::File);
    world.done(Role::Dispatcher, first, CaseStep::Dispatch { department: "lights".into() });
    dark(&mut world, &["l2", "l3"]);
    assert_eq!(world.ledger.cases[&first].state, CaseState::Dispatched);
    assert_eq!(open_cases(&world).len(), 2);
}

#[test]
fn members_call_nobody_while_the_storm_lasts() {
    let mut world = world();
    dark(&mut world, &["l1", "l2", "l3"]);
    let told = world.topics().len();
    dark(&mut world, &["l4", "l5"]);
    world.raise(&fed("l4"), "dark", Major, "lamp_dark");
    world.clear(&fed("l4"), "dark");
    assert_eq!(world.topics().len(), told);
    // Another condition on a member is its own matter.
    world.raise(&fed("l5"), "leak", Critical, "leakage");
    world.raise(&fed("l3"), "dark", Critical, "pole_tilted");
    assert_eq!(open_cases(&world).len(), 3);
}

#[test]
fn a_member_that_gets_worse_than_the_storm_makes_the_storm_worse() {
    let mut world = world();
    dark(&mut world, &["l1", "l2", "l3", "l4"]);
    let told = world.topics().len();
    world.raise(&fed("l4"), "dark", Critical, "lamp_dark");
    assert_eq!((parent(&world).severity, parent(&world).worst), (Critical, Critical));
    assert_eq!(world.reducer.cases().next().map(|case| case.severity), Some(Critical));
    assert_eq!(world.topics()[told..], ["incident.updated", "case.updated"]);
}

#[test]
fn lamps_in_maintenance_make_no_storm() {
    let mut world = world();
    for id in ["l1", "l2", "l3", "l4"] {
        world.raise(&in_maintenance(&fed(id)), "dark", Minor, "lamp_dark");
    }
    assert!(world.ledger.cases.is_empty());
    for id in ["l1", "l2", "l3"] {
        world.record(|reducer, at, out| reducer.register(at, &fed(id), out));
    }
    assert_eq!(open_cases(&world), [parent(&world).case.expect("a case")]);
}

#[test]
fn a_silent_carrier_cell_is_an_incident_and_no_case() {
    let mut world = world();
    for id in ["c1", "c2", "c3", "c4", "c5", "c6"] {
        let cover = Device { carrier_cell: "460-00-1234".into(), ..device(id, "01-02") };
        world.raise(&cover, "silent", Minor, "device_silent");
    }
    assert_eq!(&*parent(&world).condition, "cell_outage");
    assert!(world.ledger.cases.is_empty());
}

#[test]
fn a_withdrawn_rule_ends_its_storm() {
    let mut world = world();
    dark(&mut world, &["l1", "l2", "l3"]);
    world.record(|reducer, at, out| reducer.withdraw(at, &|_, _| true, out));
    assert_eq!(parent(&world).state, IncidentState::Open);
    world.record(|reducer, at, out| reducer.withdraw(at, &|_, _| false, out));
    assert!(world.ledger.incidents.values().all(|row| row.state == IncidentState::Cleared));
}
