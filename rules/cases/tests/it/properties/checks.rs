//! What must be so after every step, by the ledger and the reference.

use std::collections::{BTreeMap, BTreeSet};

use gengfu_model::silence::SilenceState;
use gengfu_model::{CaseState, Device, DeviceId, DeviceLife, EffectId, Incident, IncidentState, Timestamp};

use super::model::Model;
use super::operations::KEYS;
use crate::support::World;

fn is_open(incident: &&Incident) -> bool {
    incident.state == IncidentState::Open
}

/// A storm says how many members it has, and is of the district where no fewer lie than in another.
fn check_extent(storm: &Incident, members: &[&Incident], fleet: &[Device]) {
    let number = format!("（{}）：", members.len());
    assert!(storm.text_zh.contains(&number), "{} members: {storm:?}", members.len());
    let mut districts: BTreeMap<&str, usize> = BTreeMap::new();
    for member in members {
        let device = fleet.iter().find(|device| device.id == member.device).expect("a device of the fleet");
        *districts.entry(&device.district).or_default() += 1;
    }
    let most = districts.values().max();
    assert_eq!(districts.get(&*storm.district), most, "{districts:?}: {storm:?}");
}

/// The open incidents are those of the model; with the flapping guard, at least those.
pub(super) fn check_incidents(world: &World, model: &Model, fleet: &[Device], guarded: bool, least: usize) {
    let mut open = BTreeMap::new();
    for incident in world.ledger.incidents.values().filter(is_open) {
        if incident.key.starts_with("group:") {
            let members = world.ledger.incidents.values().filter(|row| row.parent == Some(incident.id));
            let members: Vec<&Incident> = members.filter(is_open).collect();
            assert!(members.len() >= least, "a storm of nobody: {incident:?}");
            check_extent(incident, &members, fleet);
            continue;
        }
        if let Some(parent) = incident.parent {
            assert!(is_open(&&world.ledger.incidents[&parent]), "{incident:?}");
        }
        let key = KEYS.iter().position(|key| **key == *incident.key).expect("a key");
        let twin = open.insert((incident.asset.clone(), key), incident);
        assert!(twin.is_none(), "two open incidents of one (rule, asset, key): {twin:?} {incident:?}");
    }
    for (of, holders) in &model.holds {
        let incident = open.remove(of).unwrap_or_else(|| panic!("{of:?} holds, but there is no incident"));
        assert_eq!(Some(&incident.severity), holders.values().max(), "{incident:?}");
        assert!(holders.contains_key(&incident.device), "{incident:?}");
    }
    assert!(guarded || open.is_empty(), "nobody holds {open:?}");
    for incident in world.ledger.incidents.values() {
        assert!(incident.worst >= incident.severity);
        assert_eq!(incident.state == IncidentState::Open, incident.cleared.is_none());
    }
}

/// No case is lost, none is there twice, and each says what its incidents say.
pub(super) fn check_cases(world: &World, model: &Model, fleet: &[Device]) {
    let mut numbers = BTreeSet::new();
    let mut places = BTreeSet::new();
    let incidents = &world.ledger.incidents;
    for case in world.ledger.cases.values() {
        assert!(numbers.insert(&case.number), "number {} is there twice", case.number);
        assert!(case.incidents.iter().all(|id| incidents.contains_key(id)));
        assert!(case.incidents.is_sorted());
        assert_eq!(case.state.is_final(), case.closed.is_some());
        assert_eq!(world.reducer.case(case.id), (!case.state.is_final()).then_some(case));
        if case.state.is_final() {
            continue;
        }
        // Lamps are one case per road, not per asset.
        let by_road = &*case.class == "01-37";
        let merged = world.ledger.events.iter().any(|event| event.case == case.id && &*event.action == "merged_from");
        let condition = if case.class.is_empty() { &*case.condition } else { "" };
        assert!(
            merged || by_road || places.insert((&case.class_kind, &case.class, &case.asset, condition)),
            "two cases: {case:?}"
        );
        let own = case.incidents.iter().map(|id| &incidents[id]).filter(|incident| incident.case == Some(case.id));
        assert_eq!(case.condition_holds, own.clone().any(|incident| is_open(&incident)), "{case:?}");
        assert!(own.clone().filter(is_open).all(|incident| incident.severity <= case.severity));
        let runs = !matches!(case.state, CaseState::Suspended | CaseState::PendingCheck | CaseState::CheckPassed);
        if let Some(deadline) = case.deadline.filter(|_| runs) {
            assert_eq!(case.overdue, deadline.due <= world.now, "{case:?} at {:?}", world.now);
        }
    }
    for incident in incidents.values() {
        match incident.case {
            Some(case) => {
                // What a storm left behind after staff ended its case belongs to that case, which is history.
                let case = &world.ledger.cases[&case];
                assert!(case.state.is_final() || case.incidents.contains(&incident.id), "{incident:?}");
            }
            None if incident.parent.is_some() || incident.key.starts_with("group:") => {}
            None => {
                let key = KEYS.iter().position(|key| **key == *incident.key).expect("a key");
                let mut holders = model.holds.get(&(incident.asset.clone(), key)).into_iter().flatten();
                let quiet = |(id, _): (&DeviceId, _)| {
                    fleet.iter().any(|device| device.id == *id && device.life == DeviceLife::Maintenance)
                };
                let none_needed = matches!(&*incident.condition, "battery_low" | "device_silent");
                let held = incident.silenced_by.is_some() || incident.inhibited_by.is_some();
                assert!(incident.cleared.is_some() || none_needed || held || holders.all(quiet), "{incident:?}");
            }
        }
    }
}

/// What is open is seen in one place only: held back by an active silence or an open cause, in a storm, or in
/// its own case (or, by the profile or in maintenance, in none: see [`check_cases`]).
pub(super) fn check_places(world: &World) {
    let active = |id: &EffectId| world.reducer.silences().any(|row| row.id == *id && row.state == SilenceState::Active);
    for incident in world.ledger.incidents.values().filter(is_open) {
        let open_case = incident.case.filter(|id| world.reducer.case(*id).is_some());
        let storm = incident.parent.and_then(|id| world.ledger.incidents.get(&id));
        let places = [incident.silenced_by.is_some(), incident.inhibited_by.is_some(), incident.parent.is_some()];
        let count = places.into_iter().filter(|there| *there).count();
        assert!(count <= 1, "{incident:?}");
        assert!(incident.silenced_by.as_ref().is_none_or(active), "a silence that is over holds {incident:?}");
        let cause = incident.inhibited_by.and_then(|id| world.ledger.incidents.get(&id));
        assert!(cause.is_none_or(|cause| is_open(&cause)), "a cause that is over holds {incident:?}");
        match open_case {
            // What explains it has that case.
            Some(case) if cause.is_some_and(|cause| cause.case == Some(case)) => {}
            Some(_) if incident.silenced_by.is_some() || incident.inhibited_by.is_some() => {
                panic!("held back, and in a case: {incident:?}")
            }
            // A member in a case of its own waits there only until somebody is sent out.
            Some(case) if storm.is_some_and(|parent| parent.case != Some(case)) => {
                let state = world.ledger.cases[&case].state;
                assert!(
                    matches!(
                        state,
                        CaseState::Reported | CaseState::PendingVerify | CaseState::Filed | CaseState::Returned
                    ) || world.ledger.cases[&case].incidents.len() > 1,
                    "{incident:?} in a case that is {state:?}"
                );
            }
            _ => {}
        }
    }
}

/// What explains others, by the rows of the tracks: the cause and the groups in which it explains.
pub(super) fn causes(world: &World) -> BTreeMap<EffectId, BTreeSet<String>> {
    let tracks = world.ledger.state.iter().filter(|(key, _)| key.starts_with("cases/track/"));
    let rows = tracks.map(|(_, row)| serde_json::from_str::<serde_json::Value>(row).expect("JSON"));
    let causes = rows.filter_map(|row| {
        let groups = row["causes"].as_array()?.iter().filter_map(|cause| cause["group"].as_str());
        let id: EffectId = serde_json::from_value(row["incident"].clone()).ok()?;
        Some((id, groups.map(str::to_owned).collect()))
    });
    causes.collect()
}

/// Incidents that have an open case of their own: causes leave them there, whatever they turn into.
pub(super) fn own_cases(world: &World) -> BTreeSet<EffectId> {
    let open = world.ledger.incidents.values().filter(|row| row.inhibited_by.is_none());
    open.filter(|row| row.case.is_some_and(|id| world.reducer.case(id).is_some())).map(|row| row.id).collect()
}

/// While one cause after the other ends, no dark lamp gets a case of its own as long as one still explains it.
pub(super) fn check_causes(
    world: &World,
    (before, own, cases_before): (&BTreeMap<EffectId, BTreeSet<String>>, &BTreeSet<EffectId>, usize),
) {
    let after = causes(world);
    let stood = before.iter().filter(|(id, groups)| after.get(*id) == Some(*groups));
    let stood: Vec<_> = stood.filter(|(_, groups)| groups.contains("feeder:F7")).map(|(id, _)| *id).collect();
    for case in world.ledger.cases.values().skip(cases_before) {
        let Some(first) = case.incidents.first().map(|id| &world.ledger.incidents[id]) else { continue };
        let explained = &*case.condition == "lamp_dark"
            && !own.contains(&first.id)
            && matches!(first.device.as_str(), "l1" | "l2" | "l4");
        let cause =
            stood.iter().find(|id| **id != first.id && &*world.ledger.incidents[id].condition == "feeder_outage");
        assert!(!explained || cause.is_none(), "{cause:?} explains it, and it got a case: {case:?}");
    }
}

/// The history of each case begins with its opening and has no gap.
pub(super) fn check_history(world: &World) {
    let mut state: BTreeMap<EffectId, (CaseState, Timestamp)> = BTreeMap::new();
    for event in &world.ledger.events {
        let before = state.insert(event.case, (event.to, event.time));
        assert_eq!(before.map(|(state, _)| state), event.from, "{event:?}");
        assert!(before.is_none_or(|(_, time)| time <= event.time));
        assert_eq!(before.is_none(), &*event.action == "opened");
    }
    for case in world.ledger.cases.values() {
        assert_eq!(state.get(&case.id).map(|(state, _)| *state), Some(case.state));
    }
}
