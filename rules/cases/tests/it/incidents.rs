//! Incidents: edges, severities, cooldown, flapping, two devices, maintenance, withdrawal.

use gengfu_model::Severity::{Critical, Info, Major, Minor};
use gengfu_model::{Assertion, Device, DeviceLife, IncidentState, Signal};

use crate::support::{World, device, in_maintenance, profile, signal, yuncheng};

fn world() -> World {
    World::new(yuncheng(), "2026-11-20 10:00")
}

#[test]
fn one_incident_opens_updates_and_clears_on_transitions() {
    let mut world = world();
    let cover = device("c1", "01-02");
    world.raise(&cover, "tilt", Minor, "cover_tilted");
    world.raise(&cover, "tilt", Minor, "cover_tilted");
    world.minutes(1);
    world.raise(&cover, "tilt", Critical, "cover_tilted");
    world.raise(&cover, "tilt", Major, "cover_tilted");
    assert_eq!(world.incident().severity, Major);
    assert_eq!(world.incident().worst, Critical);
    assert_eq!(world.incident().state, IncidentState::Open);
    world.minutes(1);
    world.clear(&cover, "tilt");
    world.clear(&cover, "tilt");
    let incident = world.incident();
    assert_eq!(incident.state, IncidentState::Cleared);
    assert_eq!(incident.cleared, Some(world.now));
    assert_eq!(incident.cleared_by.as_deref(), Some("clear"));
    assert_eq!(incident.opened, world.now.plus_ms(-120_000));
    assert_eq!(world.changes(), ["opened", "updated", "updated", "cleared"]);
    assert_eq!(world.ledger.explanations[0].2.line, 7, "the evidence goes with it");
}

#[test]
fn rules_keys_and_assets_have_incidents_of_their_own() {
    let mut world = world();
    let (one, two) = (device("c1", "01-02"), device("c2", "01-02"));
    world.raise(&one, "tilt", Minor, "cover_tilted");
    world.raise(&one, "water", Minor, "manhole_water");
    world.raise(&two, "tilt", Minor, "cover_tilted");
    let other_rule = Signal { rule: "s".into(), ..world.raised("tilt", Minor, "cover_tilted") };
    world.record(|reducer, at, out| reducer.signal(at, &one, other_rule, out));
    assert_eq!(world.ledger.incidents.len(), 4);
    world.clear(&one, "tilt");
    assert_eq!(world.reducer.incidents().filter(|incident| incident.state == IncidentState::Open).count(), 3);
}

#[test]
fn within_its_cooldown_a_condition_opens_the_same_incident_again() {
    let mut world = world();
    let cover = device("c1", "01-02");
    world.cooldown(15);
    world.raise(&cover, "tilt", Major, "cover_tilted");
    world.clear(&cover, "tilt");
    world.minutes(14);
    world.raise(&cover, "tilt", Minor, "cover_tilted");
    let incident = world.incident();
    assert_eq!((incident.reopened, incident.severity, incident.worst), (1, Minor, Major));
    assert_eq!((incident.cleared, &incident.cleared_by), (None, &None));
    assert_eq!(world.changes(), ["opened", "cleared", "reopened"]);
    world.clear(&cover, "tilt");
    world.minutes(15);
    world.raise(&cover, "tilt", Minor, "cover_tilted");
    assert_eq!(world.ledger.incidents.len(), 2, "the cooldown ends at its last millisecond");
}

#[test]
fn without_cooldown_every_opening_is_a_new_incident() {
    let mut world = world();
    let cover = device("c1", "01-02");
    world.cooldown(0);
    for _ in 0..3 {
        world.raise(&cover, "tilt", Major, "cover_tilted");
        world.clear(&cover, "tilt");
        world.minutes(1);
    }
    assert_eq!(world.ledger.incidents.len(), 3);
    assert_eq!(world.case().incidents.len(), 3, "they join one case");
    world.minutes(120);
    assert!(world.ledger.state.keys().all(|key| !key.starts_with("cases/track/")), "all is forgotten in time");
}

#[test]
fn a_flapping_incident_clears_only_after_quiet() {
    let mut world = world();
    let cover = device("c1", "01-02");
    for _ in 0..5 {
        world.raise(&cover, "tilt", Major, "cover_tilted");
        world.clear(&cover, "tilt");
        world.minutes(1);
    }
    world.raise(&cover, "tilt", Major, "cover_tilted");
    let explained = world.changes().len();
    // The sixth opening within the hour: from here on it stays open and silent.
    for _ in 0..10 {
        world.clear(&cover, "tilt");
        world.minutes(1);
        world.raise(&cover, "tilt", Major, "cover_tilted");
        world.minutes(1);
    }
    assert_eq!(world.incident().state, IncidentState::Open);
    assert_eq!(world.incident().reopened, 5);
    assert_eq!(world.changes().len(), explained);
    world.clear(&cover, "tilt");
    world.minutes(14);
    assert_eq!(world.incident().state, IncidentState::Open);
    world.minutes(1);
    let incident = world.incident();
    assert_eq!(incident.state, IncidentState::Cleared);
    assert_eq!(incident.cleared, Some(world.now), "it cleared when the quiet was long enough");
    assert_eq!(
        world.ledger.explanations.last().map(|(_, change, evidence)| (*change, evidence.line)),
        Some(("cleared", 7))
    );
}

#[test]
fn without_the_guard_it_flaps() {
    let text = "[incident.flapping]\ntimes = 6\nwithin = \"1h\"\nquiet = \"15m\"";
    let mut world = World::new(profile(&[(text, "")]), "2026-11-20 10:00");
    let cover = device("c1", "01-02");
    for _ in 0..20 {
        world.raise(&cover, "tilt", Major, "cover_tilted");
        world.clear(&cover, "tilt");
    }
    assert_eq!(world.incident().reopened, 19);
    assert_eq!(world.incident().state, IncidentState::Cleared);
}

/// A second sensor on the asset of `first`.
fn beside(first: &Device, id: &str) -> Device {
    Device { asset_code: first.asset_code.clone(), ..device(id, &first.asset_type) }
}

#[test]
fn two_devices_on_one_asset_share_the_incident_until_the_last_lets_go() {
    let mut world = world();
    let one = device("c1", "01-02");
    let two = beside(&one, "c2");
    world.raise(&one, "gas", Major, "gas_alarm");
    world.raise(&two, "gas", Minor, "gas_alarm");
    assert_eq!((&world.incident().device, world.incident().severity), (&one.id, Major), "the worse one leads");
    world.raise(&two, "gas", Critical, "gas_alarm");
    assert_eq!((&world.incident().device, world.incident().severity), (&two.id, Critical));
    world.clear(&two, "gas");
    assert_eq!((&world.incident().device, world.incident().severity), (&one.id, Major), "the first still sees it");
    assert_eq!(world.incident().state, IncidentState::Open);
    world.clear(&one, "gas");
    assert_eq!(world.incident().state, IncidentState::Cleared);
    assert_eq!(world.incident().worst, Critical);
}

#[test]
fn a_device_that_does_not_hold_it_cannot_clear_it() {
    let mut world = world();
    let one = device("c1", "01-02");
    let two = beside(&one, "c2");
    world.raise(&one, "gas", Major, "gas_alarm");
    world.clear(&two, "gas");
    assert_eq!(world.incident().state, IncidentState::Open);
    world.raise(&two, "gas", Minor, "gas_alarm");
    world.clear(&two, "gas");
    assert_eq!(world.changes(), ["opened"]);
    world.clear(&one, "gas");
    assert_eq!(world.incident().state, IncidentState::Cleared);
}

#[test]
fn when_the_leader_of_a_flapping_incident_let_go_another_device_leads() {
    let mut world = world();
    let one = device("c1", "01-02");
    let two = beside(&one, "c2");
    for _ in 0..6 {
        world.raise(&one, "gas", Critical, "gas_alarm");
        world.clear(&one, "gas");
    }
    assert_eq!(world.incident().state, IncidentState::Open, "it waits for quiet");
    world.raise(&two, "gas", Minor, "gas_alarm");
    assert_eq!((&world.incident().device, world.incident().severity), (&two.id, Minor));
    world.minutes(60);
    assert_eq!(world.incident().state, IncidentState::Open);
    world.clear(&two, "gas");
    assert_eq!(world.incident().state, IncidentState::Cleared);
}

#[test]
fn a_swapped_sensor_takes_over_and_its_first_verdict_counts() {
    let mut world = world();
    let old = device("c1", "01-02");
    let new = beside(&old, "c2");
    world.raise(&old, "gas", Major, "gas_alarm");
    world.record(|reducer, at, out| reducer.hand_over(at, &old.id, &new, out));
    let retired = Device { life: DeviceLife::Retired, ..old };
    world.record(|reducer, at, out| reducer.register(at, &retired, out));
    assert_eq!((world.incident().state, &world.incident().device), (IncidentState::Open, &new.id));
    world.clear(&new, "gas");
    assert_eq!(world.incident().cleared_by.as_deref(), Some("clear"));
}

#[test]
fn a_retired_or_moved_device_lets_go() {
    let mut world = world();
    let (one, two) = (device("c1", "01-02"), device("c2", "01-02"));
    world.raise(&one, "gas", Major, "gas_alarm");
    world.raise(&two, "gas", Major, "gas_alarm");
    let retired = Device { life: DeviceLife::Retired, ..one };
    world.record(|reducer, at, out| reducer.register(at, &retired, out));
    let moved = Device { asset_code: "elsewhere".into(), ..two };
    world.raise(&moved, "gas", Major, "gas_alarm");
    let states: Vec<_> =
        world.ledger.incidents.values().map(|row| (&*row.asset, row.state, row.cleared_by.as_deref())).collect();
    let cleared = IncidentState::Cleared;
    assert_eq!(
        states,
        [
            ("A-c1", cleared, Some("retired")),
            ("A-c2", cleared, Some("retired")),
            ("elsewhere", IncidentState::Open, None)
        ]
    );
}

#[test]
fn in_maintenance_incidents_are_recorded_and_call_nobody() {
    let mut world = world();
    let cover = device("c1", "01-02");
    let worked_on = in_maintenance(&cover);
    world.raise(&worked_on, "tilt", Critical, "cover_displaced");
    world.clear(&worked_on, "tilt");
    world.raise(&worked_on, "tilt", Critical, "cover_displaced");
    assert_eq!(world.changes(), ["opened", "cleared", "reopened"]);
    assert!(world.ledger.cases.is_empty() && world.ledger.outbox.is_empty());
    // What still holds when the work is done gets its case.
    world.record(|reducer, at, out| reducer.register(at, &cover, out));
    assert_eq!(world.incident().case, Some(world.case().id));
    assert_eq!(world.topics(), ["incident.opened", "case.opened"]);
    world.record(|reducer, at, out| reducer.register(at, &cover, out));
    assert_eq!(world.topics().len(), 2);
}

#[test]
fn maintenance_of_a_device_with_a_case_keeps_the_case_true_and_tells_nobody() {
    let mut world = world();
    let cover = device("c1", "01-02");
    world.raise(&cover, "tilt", Critical, "cover_displaced");
    let told = world.topics().len();
    world.clear(&in_maintenance(&cover), "tilt");
    assert!(!world.case().condition_holds);
    assert_eq!(world.topics().len(), told);
    world.raise(&cover, "tilt", Critical, "cover_displaced");
    assert!(world.case().condition_holds);
    assert!(world.topics().len() > told);
}

#[test]
fn what_the_pack_no_longer_declares_is_withdrawn() {
    let mut world = world();
    let cover = device("c1", "01-02");
    world.raise(&cover, "tilt", Major, "cover_tilted");
    world.raise(&cover, "water", Major, "manhole_water");
    world.record(|reducer, at, out| reducer.withdraw(at, &|rule, key| rule == "r" && key == "water", out));
    let withdrawn: Vec<_> = world.ledger.incidents.values().filter_map(|row| row.cleared_by.as_deref()).collect();
    assert_eq!(withdrawn, ["withdrawn"]);
    assert_eq!(world.ledger.explanations.last().map(|(_, _, evidence)| &*evidence.trigger), Some("withdrawn"));
    world.raise(&cover, "tilt", Major, "cover_tilted");
    assert_eq!(world.ledger.incidents.len(), 3, "no cooldown after a withdrawal");
}

#[test]
fn a_late_opening_is_marked() {
    let mut world = world();
    let cover = device("c1", "01-02");
    let mut late = world.raised("tilt", Info, "cover_tilted");
    if let Assertion::Raise { late, .. } = &mut late.assertion {
        *late = true;
    }
    world.record(|reducer, at, out| reducer.signal(at, &cover, late, out));
    world.raise(&cover, "tilt", Minor, "cover_tilted");
    assert!(world.incident().late);
}

#[test]
fn a_clear_of_nothing_has_no_effect() {
    let mut world = world();
    let clear = signal("tilt", Assertion::Clear { reason: "clear".into() });
    world.record(|reducer, at, out| reducer.signal(at, &device("c1", "01-02"), clear, out));
    assert!(world.ledger.incidents.is_empty() && world.ledger.state.is_empty());
}
