//! Groups of rules: members that a rule counts are one incident of their group.

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_cases::RuleGroup;
use gengfu_cases::profile::GroupBy;
use gengfu_model::Severity::{Critical, Major, Minor};
use gengfu_model::silence::Matcher;
use gengfu_model::staff::CaseStep;
use gengfu_model::{Assertion, CaseState, Device, DeviceId, DeviceLife, Incident, IncidentState, NewSilence, Role};

use crate::support::{World, device, in_maintenance, lamp, profile, signal, yuncheng};

/// A lamp of feeder F7 on a road of its own.
fn fed(id: &str) -> Device {
    Device { feeder: "F7".into(), ..lamp(id, id) }
}

fn group() -> RuleGroup {
    RuleGroup {
        by: vec![GroupBy::Cabinet, GroupBy::Feeder],
        distinct: Some(3),
        share: Some(0.3),
        both: false,
        within_ms: 20 * 60_000,
        condition: "feeder_outage".into(),
        severity: Major,
        text_zh: "{group} 停电 {count}".into(),
        text_en: "{group} out, {count} lamps".into(),
    }
}

fn named(group: RuleGroup) -> BTreeMap<Arc<str>, RuleGroup> {
    BTreeMap::from([(RuleGroup::name(gengfu_model::Kind::Streetlight, "r"), group)])
}

/// A world whose rule `r` has a group, and a register with so many lamps on feeder F7.
fn world_of(lamps: usize) -> World {
    let mut world = World::new(yuncheng(), "2026-11-20 19:00");
    for n in 0..lamps {
        world.reducer.resize(None, Some(&fed(&format!("l{n}"))));
    }
    world.reducer.tell_groups(named(group()));
    world
}

fn says(world: &mut World, device: &Device, holds: bool) {
    let said = signal("member", Assertion::Member { holds });
    world.record(|reducer, at, out| reducer.signal(at, device, said, out));
}

fn members(world: &mut World, ids: &[&str]) {
    for id in ids {
        says(world, &fed(id), true);
    }
}

fn leave(world: &mut World, ids: &[&str]) {
    for id in ids {
        says(world, &fed(id), false);
    }
}

fn parents(world: &World) -> Vec<&Incident> {
    world.ledger.incidents.values().filter(|row| row.key.starts_with("group:")).collect()
}

fn open_parents(world: &World) -> usize {
    parents(world).into_iter().filter(|row| row.state == IncidentState::Open).count()
}

#[test]
fn enough_members_are_one_incident_with_one_case_before_any_of_them_has_an_incident() {
    let mut world = world_of(52);
    members(&mut world, &["l1", "l2"]);
    assert_eq!((parents(&world).len(), world.ledger.cases.len()), (0, 0));
    members(&mut world, &["l2", "l3"]);
    let found = parents(&world);
    let parent = found[0];
    assert_eq!((&*parent.condition, &*parent.asset, parent.severity), ("feeder_outage", "feeder:F7", Major));
    assert_eq!((&*parent.text_zh, &*parent.text_en), ("馈线 F7 停电 3", "feeder F7 out, 3 lamps"));
    assert_eq!((&*parent.rule, &*parent.rule_version, parent.value), ("r", "v1", Some(3.0)));
    let case = world.case();
    assert_eq!((&*case.asset, &*case.standard, parent.case), ("feeder:F7", "01-37.3", Some(case.id)));
    let decision = world.ledger.decisions.iter().find(|row| row.incident == Some(parent.id)).expect("a decision");
    assert_eq!((decision.why.word(), &*decision.note), ("storm_began", "A-l1, A-l2, A-l3"));
    assert_eq!(world.changes(), ["opened"], "what decided is kept");
    assert_eq!(world.topics(), ["case.opened"], "incidents go out from the profile's severity on");
}

#[test]
fn two_sensors_of_one_asset_are_one() {
    let mut world = world_of(52);
    members(&mut world, &["l1", "l2"]);
    says(&mut world, &Device { id: DeviceId::new("l1-b").expect("an id"), ..fed("l1") }, true);
    assert_eq!(parents(&world).len(), 0);
    members(&mut world, &["l3"]);
    assert_eq!(parents(&world).len(), 1);
    // One of the two sensors still counts the asset.
    leave(&mut world, &["l1", "l2"]);
    assert_eq!(open_parents(&world), 1);
    leave(&mut world, &["l3"]);
    assert_eq!(open_parents(&world), 0);
}

#[test]
fn a_short_feeder_needs_fewer_and_a_long_one_no_more() {
    let mut world = world_of(6);
    members(&mut world, &["l1", "l2"]);
    assert_eq!(parents(&world).len(), 1, "two of six are more than three in ten");
    let mut world = world_of(6);
    world.reducer.tell_groups(named(RuleGroup { both: true, ..group() }));
    members(&mut world, &["l1", "l2"]);
    assert_eq!(parents(&world).len(), 0, "both are needed");
    members(&mut world, &["l3"]);
    assert_eq!(parents(&world).len(), 1);
}

#[test]
fn only_who_became_a_member_lately_counts() {
    let mut world = world_of(52);
    members(&mut world, &["l1"]);
    world.minutes(15);
    members(&mut world, &["l2"]);
    world.minutes(15);
    members(&mut world, &["l3"]);
    assert_eq!(parents(&world).len(), 0, "the first was half an hour ago");
    members(&mut world, &["l4"]);
    assert_eq!(parents(&world).len(), 1);
    // The first one is a member all the same, and no sign that it goes on.
    leave(&mut world, &["l2", "l3"]);
    assert_eq!(open_parents(&world), 0);
}

#[test]
fn what_the_rule_has_held_against_an_asset_for_long_is_no_news() {
    let mut world = world_of(52);
    for id in ["l1", "l2", "l3"] {
        world.raise(&fed(id), "dark", Minor, "lamp_power");
    }
    world.minutes(12 * 60);
    members(&mut world, &["l1", "l2", "l3"]);
    assert_eq!(parents(&world).len(), 0, "dark since the morning");
    members(&mut world, &["l4", "l5", "l6"]);
    assert_eq!(parents(&world).len(), 1);
}

#[test]
fn own_incidents_of_members_stand_under_the_groups_and_split_off_when_it_is_over() {
    let mut world = world_of(52);
    // Its own case is there before the group.
    members(&mut world, &["l1"]);
    world.raise(&fed("l1"), "dark", Minor, "lamp_dark");
    assert_eq!(world.ledger.cases.len(), 1);
    members(&mut world, &["l2", "l3"]);
    let parent = parents(&world)[0].clone();
    assert_eq!(world.ledger.cases.values().filter(|case| case.state == CaseState::Merged).count(), 1, "folded");
    assert_eq!(world.reducer.cases().count(), 1);
    world.raise(&fed("l2"), "dark", Critical, "lamp_dark");
    let child = world.ledger.incidents.values().rfind(|row| &*row.asset == "A-l2").expect("one").clone();
    assert_eq!((child.parent, child.case), (Some(parent.id), None));
    assert_eq!(world.decided(child.id), [("grouped", "storm_member")]);
    assert_eq!(parents(&world)[0].severity, Critical, "the worst of them");
    // Of a lamp that is no member, the case is its own.
    world.raise(&fed("l9"), "dark", Minor, "lamp_power");
    assert_eq!(world.reducer.cases().count(), 2);
    leave(&mut world, &["l1", "l3"]);
    assert_eq!(open_parents(&world), 0);
    let child = &world.ledger.incidents[&child.id];
    assert!(child.parent.is_none() && child.case.is_some(), "{child:?}");
    assert_eq!(child.state, IncidentState::Open);
}

#[test]
fn what_lags_behind_when_a_group_is_over_has_time_to_clear() {
    for late in [true, false] {
        let mut world = World::new(profile(&[("outlast = \"0s\"", "outlast = \"15m\"")]), "2026-11-20 19:00");
        world.reducer.tell_groups(named(group()));
        members(&mut world, &["l1", "l2", "l3", "l4"]);
        let parent = parents(&world)[0].id;
        world.raise(&fed("l4"), "dark", Minor, "lamp_dark");
        leave(&mut world, &["l1", "l2", "l3"]);
        assert_eq!((open_parents(&world), world.reducer.cases().count()), (1, 1), "one is still dark");
        world.minutes(14);
        if late {
            world.minutes(1);
            let left = world.ledger.incidents.values().rfind(|row| &*row.asset == "A-l4").expect("one");
            assert!(left.parent.is_none() && left.case.is_some() && open_parents(&world) == 0, "{left:?}");
        } else {
            world.clear(&fed("l4"), "dark");
            leave(&mut world, &["l4"]);
            assert_eq!((open_parents(&world), world.reducer.cases().count()), (0, 1));
            assert_eq!(world.ledger.incidents[&parent].cleared, Some(world.now));
        }
    }
}

#[test]
fn a_group_that_grows_again_while_it_wanes_does_not_end() {
    let mut world = World::new(profile(&[("outlast = \"0s\"", "outlast = \"15m\"")]), "2026-11-20 19:00");
    world.reducer.tell_groups(named(group()));
    members(&mut world, &["l1", "l2", "l3"]);
    world.raise(&fed("l3"), "dark", Minor, "lamp_dark");
    leave(&mut world, &["l1", "l2"]);
    world.minutes(5);
    members(&mut world, &["l5", "l6"]);
    world.minutes(30);
    assert_eq!(open_parents(&world), 1);
    // With no incident of its own left, it ends as soon as its members are few.
    world.clear(&fed("l3"), "dark");
    leave(&mut world, &["l3", "l5"]);
    assert_eq!(open_parents(&world), 0);
}

#[test]
fn what_explains_is_looked_at_before_what_it_explains() {
    // A meter falls silent, then its feeder, both held back by the cell. When the cell is heard again, the feeder is
    // raised, and goes on to explain the meter, which is older.
    let mut world = World::new(yuncheng(), "2026-11-20 19:00");
    world.reducer.tell_groups(named(RuleGroup { condition: "feeder_silent".into(), ..group() }));
    let celled = |device: Device| Device { carrier_cell: "460-00-9".into(), ..device };
    let gateway = celled(device("gateway", "01-02"));
    world.raise(&gateway, "cell", Major, "cell_outage");
    let cell = world.incident().id;
    let meter = celled(Device { feeder: "F7".into(), ..device("meter", "01-02") });
    world.raise(&meter, "silent", Minor, "device_silent");
    for id in ["l1", "l2", "l3"] {
        says(&mut world, &celled(fed(id)), true);
    }
    let feeder = parents(&world)[0].id;
    let silent = world.ledger.incidents.values().rfind(|row| &*row.asset == "A-meter").expect("one").id;
    let held_by = |world: &World, id| world.ledger.incidents[&id].inhibited_by;
    assert_eq!((held_by(&world, feeder), held_by(&world, silent)), (Some(cell), Some(cell)));
    assert!(silent < feeder);
    world.clear(&gateway, "cell");
    assert_eq!((held_by(&world, feeder), held_by(&world, silent)), (None, Some(feeder)));
    assert!(world.ledger.incidents[&feeder].case.is_some());
}

#[test]
fn a_lamp_that_somebody_works_on_stays_a_case_of_its_own() {
    let mut world = world_of(52);
    members(&mut world, &["l1"]);
    world.raise(&fed("l1"), "dark", Minor, "lamp_dark");
    let own = world.case().id;
    world.done(Role::Acceptor, own, CaseStep::File);
    world.done(Role::Dispatcher, own, CaseStep::Dispatch { department: "lights".into() });
    assert_eq!(world.case().state, CaseState::Dispatched);
    members(&mut world, &["l2", "l3"]);
    assert_eq!(world.ledger.cases[&own].state, CaseState::Dispatched);
    assert_eq!(world.reducer.cases().count(), 2);
}

#[test]
fn what_leaves_the_register_or_goes_to_maintenance_counts_no_more() {
    let mut world = world_of(52);
    members(&mut world, &["l1", "l2"]);
    says(&mut world, &in_maintenance(&fed("l3")), true);
    assert_eq!(parents(&world).len(), 0, "nobody is called for a lamp that is worked on");
    world.record(|reducer, at, out| reducer.register(at, &fed("l3"), out));
    assert_eq!(open_parents(&world), 1, "out of maintenance, and still dark");
    let retired = Device { life: DeviceLife::Retired, ..fed("l1") };
    world.record(|reducer, at, out| reducer.register(at, &retired, out));
    assert_eq!(open_parents(&world), 1);
    let moved = Device { feeder: "F8".into(), ..fed("l2") };
    world.record(|reducer, at, out| reducer.register(at, &moved, out));
    assert_eq!(open_parents(&world), 0);
    for id in ["l4", "l5"] {
        says(&mut world, &Device { feeder: "F8".into(), ..fed(id) }, true);
    }
    let last = parents(&world)[1];
    assert_eq!((&*last.asset, last.state), ("feeder:F8", IncidentState::Open), "with the one that moved there");
}

#[test]
fn a_lamp_that_the_register_puts_nowhere_counts_when_it_gets_a_feeder() {
    let mut world = world_of(52);
    members(&mut world, &["l1", "l2"]);
    says(&mut world, &lamp("l3", "l3"), true);
    assert_eq!(parents(&world).len(), 0);
    world.record(|reducer, at, out| reducer.register(at, &fed("l3"), out));
    assert_eq!(open_parents(&world), 1);
}

/// A silence of the feeder for an hour.
fn planned(world: &World) -> NewSilence {
    NewSilence {
        matches: Matcher { feeder: Some("F7".into()), ..Matcher::default() },
        from: None,
        to: world.now.plus_ms(3_600_000),
        weekly: None,
        until_clear: false,
        work_order: None,
        reason: "planned work".into(),
        comment: String::new(),
    }
}

#[test]
fn a_silence_records_the_group_and_its_end_raises_it() {
    let mut world = world_of(52);
    let silence = planned(&world);
    world.silence(Role::ShiftLeader, &silence);
    members(&mut world, &["l1", "l2", "l3"]);
    let parent = parents(&world)[0].clone();
    assert!(parent.silenced_by.is_some() && parent.case.is_none());
    assert_eq!((world.ledger.cases.len(), world.topics().len()), (0, 0));
    world.minutes(61);
    let parent = world.ledger.incidents[&parent.id].clone();
    assert!(parent.silenced_by.is_none());
    assert_eq!(world.case().id, parent.case.expect("a case"));
    assert_eq!(world.topics(), ["silence.over", "case.opened"]);
    assert_eq!(world.decided(parent.id), [("silenced", "silence_covers"), ("released", "silence_over")]);
    leave(&mut world, &["l1", "l2"]);
    assert_eq!(open_parents(&world), 0);
}

#[test]
fn a_group_that_is_over_before_its_silence_calls_nobody() {
    let mut world = world_of(52);
    let silence = planned(&world);
    world.silence(Role::ShiftLeader, &silence);
    members(&mut world, &["l1", "l2", "l3"]);
    leave(&mut world, &["l1", "l2"]);
    assert_eq!(open_parents(&world), 0);
    world.minutes(61);
    assert_eq!(world.ledger.cases.len(), 0);
    assert!(!world.topics().iter().any(|topic| topic.starts_with("incident.")), "{:?}", world.topics());
}

#[test]
fn an_open_cause_explains_the_group() {
    let mut world = world_of(52);
    world.reducer.tell_groups(named(RuleGroup { condition: "feeder_silent".into(), ..group() }));
    let in_cell = |id: &str| Device { carrier_cell: "c1".into(), ..fed(id) };
    let gateway = Device { carrier_cell: "c1".into(), ..device("g1", "01-02") };
    world.raise(&gateway, "cell", Major, "cell_outage");
    for id in ["l1", "l2", "l3"] {
        says(&mut world, &in_cell(id), true);
    }
    let parent = parents(&world)[0].clone();
    assert!(parent.inhibited_by.is_some() && parent.case.is_none(), "{parent:?}");
    world.clear(&gateway, "cell");
    let parent = &world.ledger.incidents[&parent.id];
    assert!(parent.inhibited_by.is_none() && parent.case.is_some(), "still silent: it is the feeder's");
}

#[test]
fn the_group_explains_what_the_profile_says() {
    let mut world = world_of(52);
    members(&mut world, &["l1", "l2", "l3"]);
    world.raise(&fed("l1"), "silent", Minor, "device_silent");
    let silent = world.ledger.incidents.values().rfind(|row| &*row.key == "silent").expect("one").clone();
    // By the same rule it stands under the group; by another it is explained.
    assert_eq!(silent.parent, Some(parents(&world)[0].id));
    let said = gengfu_model::Signal { rule: "other".into(), ..world.raised("silent", Minor, "device_silent") };
    world.record(|reducer, at, out| reducer.signal(at, &fed("l2"), said, out));
    let silent = world.ledger.incidents.values().rfind(|row| &*row.rule == "other").expect("one");
    assert_eq!(silent.inhibited_by, Some(parents(&world)[0].id));
}

#[test]
fn another_pack_counts_anew_and_withdraws_what_it_does_not_have() {
    let mut world = world_of(52);
    members(&mut world, &["l1", "l2"]);
    let find = |id: &DeviceId| Some(Arc::new(fed(id.as_str())));
    let two = named(RuleGroup { distinct: Some(2), ..group() });
    world.record(|reducer, at, out| reducer.regroup(at, two, &find, out));
    assert_eq!(open_parents(&world), 1, "two are enough now");
    world.record(|reducer, at, out| reducer.regroup(at, named(RuleGroup { distinct: Some(8), ..group() }), &find, out));
    assert_eq!(open_parents(&world), 0, "eight would be needed");
    world.record(|reducer, at, out| reducer.regroup(at, named(group()), &find, out));
    members(&mut world, &["l3"]);
    assert_eq!(open_parents(&world), 1);
    world.record(|reducer, at, out| reducer.regroup(at, BTreeMap::new(), &find, out));
    assert_eq!(open_parents(&world), 0);
    let last = parents(&world).into_iter().next_back().expect("one");
    assert_eq!(last.cleared_by.as_deref(), Some("withdrawn"));
    assert!(!world.ledger.state.keys().any(|key| key.contains("member") || key.starts_with("cases/group/")));
}
