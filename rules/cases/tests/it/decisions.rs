//! The decision log: one row for each transition of an incident, with the word that says most.

use gengfu_model::Severity::{Critical, Minor};
use gengfu_model::{DecisionKind, Device, EffectId};

use crate::support::{World, device, in_maintenance, lamp, profile, yuncheng};

fn world() -> World {
    World::new(yuncheng(), "2026-11-20 19:00")
}

fn id_of(world: &World, asset: &str) -> EffectId {
    world.ledger.incidents.values().find(|row| &*row.asset == asset).expect("an incident of the asset").id
}

#[test]
fn the_life_of_an_incident_is_one_row_a_transition() {
    let mut world = world();
    let cover = device("c1", "01-02");
    world.raise(&cover, "tilt", Minor, "cover_tilted");
    world.raise(&cover, "tilt", Minor, "cover_tilted");
    world.raise(&cover, "tilt", Critical, "cover_tilted");
    world.clear(&cover, "tilt");
    world.minutes(1);
    world.raise(&cover, "tilt", Minor, "cover_displaced");
    let rows = world.decided(world.incident().id);
    assert_eq!(
        rows,
        [
            ("raised", "case_opened"),
            ("updated", "severity_up"),
            ("cleared", "condition_gone"),
            ("reopened", "case_joined"),
        ]
    );
    let first = &world.ledger.decisions[0];
    assert_eq!((&*first.rule, &*first.asset, first.case.is_some()), ("r", "A-c1", true));
}

#[test]
fn a_storm_is_one_row_for_each_member_and_one_for_each_folded_case() {
    let mut world = world();
    let fed = |id: &str| Device { feeder: "F7".into(), ..lamp(id, id) };
    for id in ["l1", "l2", "l3", "l4"] {
        world.raise(&fed(id), "dark", Minor, "lamp_dark");
    }
    let parent = world.ledger.incidents.values().find(|row| row.key.starts_with("group:")).expect("a storm").clone();
    assert_eq!(world.decided(parent.id)[0], ("raised", "storm_began"));
    let grouped = |asset: &str| world.decided(id_of(&world, asset));
    assert_eq!(grouped("A-l1"), [("raised", "case_opened"), ("grouped", "storm_member")]);
    assert_eq!(grouped("A-l3"), [("grouped", "storm_began")]);
    assert_eq!(grouped("A-l4"), [("grouped", "storm_member")]);
    let folded: Vec<_> =
        world.ledger.decisions.iter().filter(|row| row.what == DecisionKind::Folded).map(|row| &row.refs).collect();
    let into = vec![parent.case.expect("a case")];
    assert_eq!(folded, [&into, &into]);
    for id in ["l1", "l2", "l3"] {
        world.clear(&fed(id), "dark");
    }
    assert_eq!(world.decided(id_of(&world, "A-l4")).last(), Some(&("split_off", "storm_over")));
    assert_eq!(world.decided(parent.id).last(), Some(&("cleared", "storm_over")));
}

#[test]
fn maintenance_and_conditions_without_a_case_are_told_apart() {
    let mut world = world();
    let (cover, other) = (device("c1", "01-02"), device("c2", "01-02"));
    world.raise(&in_maintenance(&cover), "tilt", Minor, "cover_tilted");
    world.record(|reducer, at, out| reducer.register(at, &cover, out));
    assert_eq!(
        world.decided(id_of(&world, "A-c1")),
        [("held_by_maintenance", "device_in_maintenance"), ("released", "maintenance_over")]
    );
    world.raise(&other, "battery", Minor, "battery_low");
    assert_eq!(world.decided(id_of(&world, "A-c2")), [("raised", "incident_only")]);
}

#[test]
fn a_clear_that_waits_for_quiet_says_so() {
    let mut world = World::new(profile(&[("times = 6", "times = 2")]), "2026-11-20 19:00");
    let cover = device("c1", "01-02");
    for _ in 0..2 {
        world.raise(&cover, "tilt", Minor, "cover_tilted");
        world.clear(&cover, "tilt");
    }
    assert_eq!(world.decided(world.incident().id).last(), Some(&("flapping_held", "flapping")));
}
