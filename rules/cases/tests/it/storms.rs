//! Storms: many lamps of a feeder at once are one parent incident with one case.

use gengfu_model::Severity::{Critical, Major, Minor};
use gengfu_model::staff::CaseStep;
use gengfu_model::{CaseState, Device, EffectId, Incident, IncidentState, Role};

use crate::support::{World, device, in_maintenance, lamp, profile, yuncheng};

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

fn parents(world: &World) -> Vec<&Incident> {
    world.ledger.incidents.values().filter(|row| row.key.starts_with("group:")).collect()
}

/// The newest incident of an asset.
fn of<'a>(world: &'a World, asset: &str) -> &'a Incident {
    world.ledger.incidents.values().rfind(|row| &*row.asset == asset).expect("an incident of the asset")
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
fn it_ends_when_half_are_back_and_what_is_left_stands_for_itself() {
    let mut world = world();
    dark(&mut world, &["l1", "l2", "l3", "l4"]);
    let (storm, case) = (parent(&world).id, parent(&world).case.expect("a case"));
    world.clear(&fed("l4"), "dark");
    world.clear(&fed("l3"), "dark");
    assert_eq!(parent(&world).state, IncidentState::Open);
    world.clear(&fed("l2"), "dark");
    assert_eq!((parent(&world).state, parent(&world).cleared), (IncidentState::Cleared, Some(world.now)));
    let left = of(&world, "A-l1");
    assert_eq!((left.state, left.parent), (IncidentState::Open, None));
    let own = left.case.expect("a case of its own");
    assert_ne!(own, case);
    assert!(world.ledger.cases[&own].condition_holds, "one lamp is still dark");
    assert!(!world.ledger.cases[&case].condition_holds, "the feeder is not");
    assert_eq!(world.topics().last().map(String::as_str), Some("case.updated"));
    world.clear(&fed("l1"), "dark");
    assert!(!world.ledger.cases[&own].condition_holds);
    assert!(world.ledger.state.keys().all(|key| !key.starts_with("cases/storm/")));
    // The next storm is another one.
    world.minutes(60);
    dark(&mut world, &["l1", "l2", "l3"]);
    let parents: Vec<_> = world.ledger.incidents.values().filter(|row| row.key.starts_with("group:")).collect();
    assert_eq!((parents.len(), parents[0].id, parents[1].state), (2, storm, IncidentState::Open));
}

/// A storm of four lamps of which one is left, where what is left has a quarter of an hour.
fn waning() -> (World, EffectId) {
    let profile = profile(&[("outlast = \"0s\"", "outlast = \"15m\"")]);
    let mut world = World::new(profile, "2026-11-20 19:00");
    dark(&mut world, &["l1", "l2", "l3", "l4"]);
    for id in ["l4", "l3", "l2"] {
        world.clear(&fed(id), "dark");
    }
    let storm = parent(&world);
    assert_eq!(
        (storm.state, of(&world, "A-l1").parent),
        (IncidentState::Open, Some(storm.id)),
        "it goes on for a while"
    );
    let case = storm.case.expect("a case");
    assert!(world.ledger.cases[&case].condition_holds);
    (world, case)
}

#[test]
fn what_lags_behind_when_a_storm_wanes_gets_no_case_of_its_own() {
    let (mut world, case) = waning();
    world.minutes(14);
    world.clear(&fed("l1"), "dark");
    assert_eq!((parent(&world).state, parent(&world).cleared), (IncidentState::Cleared, Some(world.now)));
    assert!(!world.ledger.cases[&case].condition_holds);
    assert_eq!(open_cases(&world), [case]);
    world.minutes(60);
    assert_eq!(world.ledger.cases.len(), 1 + 2, "but for the two that were folded when it began");
    assert!(world.ledger.state.keys().all(|key| !key.starts_with("cases/storm/") && !key.starts_with("cases/ending/")));
}

#[test]
fn what_holds_when_a_storm_has_waned_for_long_stands_for_itself() {
    let (mut world, case) = waning();
    world.minutes(14);
    assert_eq!(open_cases(&world), [case]);
    world.minutes(1);
    let left = of(&world, "A-l1");
    assert_eq!((parent(&world).state, left.state, left.parent), (IncidentState::Cleared, IncidentState::Open, None));
    let own = left.case.expect("a case of its own");
    assert!(own != case && world.ledger.cases[&own].condition_holds && !world.ledger.cases[&case].condition_holds);
    assert_eq!(world.decided(left.id).last(), Some(&("split_off", "storm_over")));
}

#[test]
fn a_storm_that_grows_again_does_not_end() {
    let (mut world, case) = waning();
    world.minutes(14);
    dark(&mut world, &["l5"]);
    world.minutes(60);
    let storm = parent(&world);
    assert_eq!((storm.state, of(&world, "A-l5").parent), (IncidentState::Open, Some(storm.id)));
    assert_eq!(open_cases(&world), [case]);
    world.clear(&fed("l5"), "dark");
    world.minutes(15);
    assert_eq!(parent(&world).state, IncidentState::Cleared, "its time begins anew");
}

#[test]
fn how_long_what_is_left_waits_is_a_time() {
    let text = gengfu_cases::profile::YUNCHENG.replacen("outlast = \"15m\"", "outlast = \"soon\"", 1);
    let errors = gengfu_cases::Profile::parse(&text).expect_err("no time");
    assert!(errors.iter().any(|error| error.to_string().contains("`soon` is no duration")), "{errors:?}");
    let text = gengfu_cases::profile::YUNCHENG.replacen("outlast = \"15m\"\n", "", 1);
    assert_eq!(gengfu_cases::Profile::parse(&text).expect("a good profile").outlast_ms, 15 * 60_000);
}

#[test]
fn when_staff_ended_the_storms_case_they_judged_its_members_with_it() {
    let mut world = world();
    dark(&mut world, &["l1", "l2", "l3", "l4"]);
    let case = parent(&world).case.expect("a case");
    world.done(Role::ShiftLeader, case, CaseStep::ForceClose);
    for id in ["l4", "l3", "l2"] {
        world.clear(&fed(id), "dark");
    }
    let left = of(&world, "A-l1");
    assert_eq!((left.state, left.parent, left.case), (IncidentState::Open, None, Some(case)));
    assert!(open_cases(&world).is_empty());
}

#[test]
fn what_opened_before_the_storm_had_formed_is_folded_and_its_messages_are_replaced() {
    let mut world = world();
    dark(&mut world, &["l1", "l2"]);
    let earlier = open_cases(&world);
    dark(&mut world, &["l3"]);
    let storm_case = parent(&world).case.expect("a case");
    let seq = parent(&world).id.seq;
    for id in &earlier {
        let case = &world.ledger.cases[id];
        assert_eq!((case.state, case.merged_into, case.condition_holds), (CaseState::Merged, Some(storm_case), false));
        assert_eq!(case.updated, parent(&world).opened, "in the storm's own transaction");
    }
    let sent: Vec<serde_json::Value> = world
        .ledger
        .outbox
        .iter()
        .filter(|item| item.id.seq == seq)
        .map(|item| serde_json::from_str(&item.body).expect("JSON"))
        .collect();
    let topics: Vec<&str> = sent.iter().filter_map(|body| body["topic"].as_str()).collect();
    assert_eq!(topics, ["case.opened", "case.folded", "case.folded"]);
    let ids: Vec<String> = earlier.iter().map(ToString::to_string).collect();
    assert_eq!(sent[0]["replaces"], serde_json::json!(ids));
    assert_eq!(sent[1]["case"]["merged_into"], storm_case.to_string());
    assert_eq!(world.ledger.cases[&storm_case].incidents.len(), 3, "the parent and what was folded");
}

#[test]
fn a_member_whose_own_case_is_dispatched_stands_for_itself() {
    let mut world = world();
    dark(&mut world, &["l1"]);
    let own = world.case().id;
    // The lamp's case has something else in it that holds, so it is not folded.
    world.raise(&fed("l9"), "pole", Major, "pole_tilted");
    let other = of(&world, "A-l9").case.expect("a case");
    world.done(Role::Acceptor, other, CaseStep::Merge { into: own });
    dark(&mut world, &["l2", "l3", "l4"]);
    let storm = parent(&world).clone();
    assert_eq!((of(&world, "A-l1").parent, world.ledger.cases[&own].state), (Some(storm.id), CaseState::Reported));
    world.done(Role::Acceptor, own, CaseStep::File);
    world.done(Role::Dispatcher, own, CaseStep::Dispatch { department: "lights".into() });
    let first = of(&world, "A-l1").clone();
    assert_eq!((first.parent, first.case), (None, Some(own)));
    assert_eq!(world.decided(first.id).last(), Some(&("split_off", "own_case_dispatched")));
    assert_eq!(of(&world, "A-l2").parent, Some(storm.id), "the others stay");
}

#[test]
fn of_a_list_of_groups_the_first_that_the_device_has_counts() {
    let mut world = world();
    let water = |id: &str, catchment: &str, grid: &str| Device {
        catchment: catchment.into(),
        grid: grid.into(),
        ..device(id, "01-03")
    };
    // Two grid cells of one catchment, and a third cell without one.
    for n in 0..6 {
        world.raise(&water(&format!("a{n}"), "C1", &format!("g{}", n % 2)), "water", Major, "manhole_water");
        world.raise(&water(&format!("b{n}"), "", "g9"), "water", Major, "manhole_water");
    }
    let mut groups: Vec<&str> = parents(&world).iter().map(|row| &*row.asset).collect();
    groups.sort_unstable();
    assert_eq!(groups, ["catchment:C1", "grid:g9"]);
    assert!(parents(&world).iter().all(|row| &*row.condition == "flood" && row.severity == Critical));
    assert_eq!(open_cases(&world).len(), 2);
    assert!(world.reducer.cases().all(|case| &*case.standard == "E05-06.1"));
}

#[test]
fn so_many_metres_around_are_a_group_too() {
    let around =
        profile(&[("by = [\"catchment\", \"grid\", \"district\"]\ndistinct = 5", "by = \"radius:300\"\ndistinct = 3")]);
    let mut world = World::new(around, "2026-11-20 19:00");
    let at = |id: &str, east_m: f64| Device {
        latitude: Some(35.02),
        longitude: Some(111.0 + east_m / 91_150.0),
        ..device(id, "01-03")
    };
    // Every 250 m: each has two neighbours within 300 m, so the third begins a storm around the second's side.
    for (n, id) in ["w0", "w1", "w2", "w3", "w4"].iter().enumerate() {
        world.raise(&at(id, 250.0 * n as f64), "water", Major, "manhole_water");
    }
    assert!(parents(&world).is_empty(), "nobody has two others around");
    world.raise(&at("w5", 125.0), "water", Major, "manhole_water");
    let storm = parent(&world).clone();
    assert!(storm.asset.starts_with("radius:300m@35.02000,"), "{}", storm.asset);
    let members = |world: &World| world.ledger.incidents.values().filter(|row| row.parent == Some(storm.id)).count();
    assert_eq!(members(&world), 3);
    world.raise(&at("w6", 300.0), "water", Major, "manhole_water");
    world.raise(&at("w7", 2_000.0), "water", Major, "manhole_water");
    assert_eq!(members(&world), 4, "what comes within the circle joins, what is far off does not");
    for id in ["w0", "w1", "w5"] {
        let place = if id == "w0" {
            0.0
        } else if id == "w1" {
            250.0
        } else {
            125.0
        };
        world.clear(&at(id, place), "water");
    }
    assert_eq!(parent(&world).state, IncidentState::Cleared);
    assert_eq!(of(&world, "A-w6").parent, None);
    assert!(of(&world, "A-w6").case.is_some());
}

#[test]
fn a_share_asks_for_that_part_of_the_register() {
    let mut world = world();
    let covers: Vec<Device> =
        (0..100).map(|n| Device { carrier_cell: "460-1".into(), ..device(&format!("c{n}"), "01-02") }).collect();
    for cover in &covers {
        world.record(|reducer, _, _| reducer.resize(None, Some(cover)));
    }
    for cover in &covers[..9] {
        world.raise(cover, "silent", Minor, "device_silent");
    }
    assert!(parents(&world).is_empty(), "nine of a hundred are not a tenth");
    world.raise(&covers[9], "silent", Minor, "device_silent");
    assert_eq!(&*parent(&world).condition, "cell_outage");
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

#[test]
fn a_storm_that_ends_with_its_member_explains_that_member_no_more() {
    let mut world = world();
    dark(&mut world, &["l1", "l2", "l3"]);
    let storm = parent(&world).id;
    world.raise(&fed("l3"), "dark", Minor, "device_silent");
    assert_eq!(of(&world, "A-l3").inhibited_by, Some(storm), "the feeder is out, so of course it is silent");
    world.raise(&fed("l2"), "dark", Minor, "device_silent");
    assert_eq!(parent(&world).state, IncidentState::Cleared, "one dark lamp is no storm");
    for asset in ["A-l2", "A-l3"] {
        let incident = of(&world, asset);
        assert_eq!((incident.state, incident.inhibited_by, incident.parent), (IncidentState::Open, None, None));
    }
}

#[test]
fn what_opens_again_in_maintenance_is_in_no_storm_of_before() {
    let mut world = world();
    dark(&mut world, &["l1", "l2", "l3"]);
    let storm = parent(&world).id;
    assert_eq!(of(&world, "A-l3").parent, Some(storm));
    world.clear(&fed("l3"), "dark");
    world.clear(&fed("l2"), "dark");
    assert_eq!(parent(&world).state, IncidentState::Cleared);
    world.raise(&in_maintenance(&fed("l3")), "dark", Minor, "lamp_dark");
    let incident = of(&world, "A-l3");
    assert_eq!((incident.state, incident.reopened, incident.parent), (IncidentState::Open, 1, None));
}
