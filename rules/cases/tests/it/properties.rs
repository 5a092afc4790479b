//! Random signals, requests and time against a small reference model.
//!
//! `World` itself checks after every record that effect ids go up, that no row of state is removed that is not
//! there, and that restoring the ledger gives the live reducer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gengfu_cases::Profile;
use gengfu_model::silence::{Matcher, NewSilence, SilenceState};
use gengfu_model::staff::CaseStep;
use gengfu_model::time::HOUR_MS;
use gengfu_model::{
    CaseState, Device, DeviceId, DeviceLife, EffectId, Incident, IncidentState, Role, Severity, Timestamp,
};
use proptest::prelude::*;

use crate::support::{World, clocked, device, lamp, photo, profile, yuncheng};

#[derive(Clone, Debug)]
enum Op {
    Raise { device: usize, key: usize, severity: usize, condition: usize, cooldown: i64 },
    Clear { device: usize, key: usize },
    Wait { minutes: i64 },
    Ask { role: usize, case: usize, step: CaseStep, into: Option<usize> },
    Maintenance { device: usize, on: bool },
    Retire { device: usize },
    Move { device: usize, asset: usize },
    HandOver { from: usize, to: usize },
    Withdraw { key: usize },
    Silence { what: usize, hours: i64, until_clear: bool },
    EndSilence { which: usize },
}

const KEYS: [&str; 3] = ["a", "b", "c"];
const ASSETS: [&str; 3] = ["A-c1", "A-c3", "A-elsewhere"];
// Dark lamps stand there more often, so that storms happen.
const CONDITIONS: [&str; 14] = [
    "cover_displaced",
    "cover_tilted",
    "lamp_dark",
    "lamp_dark",
    "lamp_dark",
    "lamp_dark",
    "gas_alarm",
    "battery_low",
    "unmapped",
    "septic_high",
    "device_silent",
    "feeder_outage",
    "feeder_outage",
    "gateway_fault",
];

/// Three sensors on two covers, three lamps of two roads, a tank.
fn fleet() -> Vec<Device> {
    let first = device("c1", "01-02");
    let beside = Device { asset_code: first.asset_code.clone(), ..device("c2", "01-02") };
    vec![
        first,
        beside,
        device("c3", "01-11"),
        Device { feeder: "F7".into(), ..lamp("l1", "east") },
        Device { feeder: "F7".into(), ..lamp("l2", "east") },
        lamp("l3", "west"),
        Device { feeder: "F7".into(), ..lamp("l4", "west") },
        device("s1", "03-03"),
    ]
}

fn step() -> impl Strategy<Value = CaseStep> {
    prop::sample::select(vec![
        CaseStep::Acknowledge,
        CaseStep::Assign { to: "li".into() },
        CaseStep::Verify,
        CaseStep::File,
        CaseStep::File,
        CaseStep::Reject,
        CaseStep::Dispatch { department: "roads".into() },
        CaseStep::Dispatch { department: "lights".into() },
        CaseStep::Receive,
        CaseStep::Receive,
        CaseStep::Return,
        CaseStep::Handle,
        CaseStep::Handle,
        CaseStep::Suspend,
        CaseStep::Resume,
        CaseStep::Check,
        CaseStep::Check,
        CaseStep::Rework,
        CaseStep::Close { feedback: Some("real".into()) },
        CaseStep::ForceClose,
        CaseStep::Cancel,
        CaseStep::Supervise,
        CaseStep::Comment,
        CaseStep::Attach { attachment: Box::new(photo(7)) },
    ])
}

fn op() -> impl Strategy<Value = Op> {
    let device = 0..8usize;
    let merge = (0..12usize, 0..12usize).prop_map(|(case, into)| {
        let nowhere = EffectId { seq: gengfu_model::Seq(0), ordinal: 0 };
        Op::Ask { role: 5, case, step: CaseStep::Merge { into: nowhere }, into: Some(into) }
    });
    prop_oneof![
        12 => (device.clone(), 0..3usize, 0..4usize, 0..14usize, prop::sample::select(vec![0, 1, 30])).prop_map(
            |(device, key, severity, condition, cooldown)| Op::Raise { device, key, severity, condition, cooldown }
        ),
        10 => (device.clone(), 0..3usize).prop_map(|(device, key)| Op::Clear { device, key }),
        6 => prop::sample::select(vec![1i64, 5, 40, 600, 3_000]).prop_map(|minutes| Op::Wait { minutes }),
        20 => (0..6usize, 0..12usize, step())
            .prop_map(|(role, case, step)| Op::Ask { role, case, step, into: None }),
        2 => merge,
        3 => (device.clone(), any::<bool>()).prop_map(|(device, on)| Op::Maintenance { device, on }),
        1 => device.clone().prop_map(|device| Op::Retire { device }),
        1 => (device.clone(), 0..3usize).prop_map(|(device, asset)| Op::Move { device, asset }),
        1 => (device.clone(), device).prop_map(|(from, to)| Op::HandOver { from, to }),
        1 => (0..3usize).prop_map(|key| Op::Withdraw { key }),
        3 => (0..4usize, prop::sample::select(vec![1i64, 8, 24]), any::<bool>())
            .prop_map(|(what, hours, until_clear)| Op::Silence { what, hours, until_clear }),
        2 => (0..3usize).prop_map(|which| Op::EndSilence { which }),
    ]
}

/// What must be: who holds what, by the assertions alone.
#[derive(Default)]
struct Model {
    holds: BTreeMap<(Arc<str>, usize), BTreeMap<DeviceId, Severity>>,
}

impl Model {
    fn let_go(&mut self, device: &DeviceId, key: Option<usize>) {
        for ((_, of_key), holders) in &mut self.holds {
            if key.is_none_or(|key| key == *of_key) {
                holders.remove(device);
            }
        }
        self.holds.retain(|_, holders| !holders.is_empty());
    }

    fn apply(&mut self, op: &Op, fleet: &[Device]) {
        match op {
            Op::Raise { device, key, severity, .. } => {
                let device = &fleet[*device];
                let holders = self.holds.entry((device.asset_code.clone(), *key)).or_default();
                holders.insert(device.id.clone(), Severity::ALL[*severity]);
            }
            Op::Clear { device, key } => self.let_go(&fleet[*device].id, Some(*key)),
            Op::Retire { device } => self.let_go(&fleet[*device].id, None),
            Op::Move { device, .. } => {
                let Device { id, asset_code, .. } = &fleet[*device];
                for ((asset, _), holders) in &mut self.holds {
                    if asset != asset_code {
                        holders.remove(id);
                    }
                }
                self.holds.retain(|_, holders| !holders.is_empty());
            }
            Op::HandOver { from, to } => self.hand_over(&fleet[*from], &fleet[*to]),
            Op::Withdraw { key } => self.holds.retain(|(_, of_key), _| of_key != key),
            Op::Wait { .. } | Op::Ask { .. } | Op::Maintenance { .. } => {}
            Op::Silence { .. } | Op::EndSilence { .. } => {}
        }
    }

    fn hand_over(&mut self, from: &Device, to: &Device) {
        if from.id == to.id {
            return;
        }
        for ((asset, _), holders) in &mut self.holds {
            if *asset == to.asset_code
                && let Some(severity) = holders.remove(&from.id)
            {
                let stronger = holders.get(&to.id).map_or(severity, |own| severity.max(*own));
                holders.insert(to.id.clone(), stronger);
            }
        }
    }
}

const ROLES: [Role; 6] =
    [Role::Acceptor, Role::DutyOfficer, Role::Dispatcher, Role::Handler, Role::Verifier, Role::ShiftLeader];

/// The role that the list of transitions names first for a step, so that most requests get through.
fn role_for(step: &CaseStep, other: usize) -> Role {
    let line = gengfu_cases::transitions::TRANSITIONS.iter().find(|line| line.step == step.name());
    if other == 0 { ROLES[other] } else { line.map_or(Role::Acceptor, |line| line.roles[other % line.roles.len()]) }
}

fn play(world: &mut World, fleet: &mut [Device], op: &Op) {
    match op {
        Op::Raise { device, key, severity, condition, cooldown } => {
            world.cooldown(*cooldown);
            world.raise(&fleet[*device], KEYS[*key], Severity::ALL[*severity], CONDITIONS[*condition]);
        }
        Op::Clear { device, key } => world.clear(&fleet[*device], KEYS[*key]),
        Op::Wait { minutes } => world.minutes(*minutes),
        Op::Ask { role, case, step, into } => {
            let ids: Vec<EffectId> = world.ledger.cases.keys().copied().collect();
            let Some(case) = ids.iter().rev().nth(*case % 4).copied() else { return };
            let step = match into.and_then(|into| ids.get(into)) {
                Some(into) => CaseStep::Merge { into: *into },
                None => step.clone(),
            };
            let before = world.reducer.clone();
            if world.ask(role_for(&step, *role), case, step, "because").is_err() {
                assert_eq!(before, world.reducer, "a refused step changes nothing");
            }
        }
        Op::Maintenance { device, on } => {
            fleet[*device].life = if *on { DeviceLife::Maintenance } else { DeviceLife::InService };
            let device = fleet[*device].clone();
            world.record(|reducer, at, out| reducer.register(at, &device, out));
        }
        Op::Retire { device } => {
            let gone = Device { life: DeviceLife::Retired, ..fleet[*device].clone() };
            world.record(|reducer, at, out| reducer.register(at, &gone, out));
        }
        Op::Move { device, asset } => {
            fleet[*device].asset_code = ASSETS[*asset].into();
            let device = fleet[*device].clone();
            world.record(|reducer, at, out| reducer.register(at, &device, out));
        }
        Op::HandOver { from, to } => {
            let (from, to) = (fleet[*from].id.clone(), fleet[*to].clone());
            world.record(|reducer, at, out| reducer.hand_over(at, &from, &to, out));
        }
        Op::Withdraw { key } => {
            let gone = KEYS[*key];
            world.record(|reducer, at, out| reducer.withdraw(at, &|_, key| key != gone, out));
        }
        Op::Silence { what, hours, until_clear } => {
            let word = |word: &str| Some(Arc::from(word));
            let matches = match what {
                0 => Matcher { asset: word("A-c1"), ..Matcher::default() },
                1 => Matcher { feeder: word("F7"), ..Matcher::default() },
                2 => Matcher { condition: word("lamp_dark"), ..Matcher::default() },
                _ => Matcher { district: word("yanhu"), key: word(KEYS[0]), ..Matcher::default() },
            };
            let asked = NewSilence {
                matches,
                from: None,
                to: world.now.plus_ms(hours * HOUR_MS),
                weekly: None,
                until_clear: *until_clear,
                work_order: None,
                reason: "test".into(),
                comment: String::new(),
            };
            world.silence(Role::ShiftLeader, &asked);
        }
        Op::EndSilence { which } => {
            let Some(id) = world.reducer.silences().nth(*which).map(|silence| silence.id) else { return };
            let verdict = world.record(|reducer, at, out| reducer.end_silence(at, "li", Some(id), None, out));
            assert!(verdict.is_ok());
        }
    }
}

fn is_open(incident: &&Incident) -> bool {
    incident.state == IncidentState::Open
}

/// The open incidents are those of the model; with the flapping guard, at least those.
fn check_incidents(world: &World, model: &Model, guarded: bool, least: usize) {
    let mut open = BTreeMap::new();
    for incident in world.ledger.incidents.values().filter(is_open) {
        if incident.key.starts_with("group:") {
            let members = world.ledger.incidents.values().filter(|row| row.parent == Some(incident.id));
            assert!(members.filter(is_open).count() >= least, "a storm of nobody: {incident:?}");
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
fn check_cases(world: &World, model: &Model, fleet: &[Device]) {
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
fn check_places(world: &World) {
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
fn causes(world: &World) -> BTreeMap<EffectId, BTreeSet<String>> {
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
fn own_cases(world: &World) -> BTreeSet<EffectId> {
    let open = world.ledger.incidents.values().filter(|row| row.inhibited_by.is_none());
    open.filter(|row| row.case.is_some_and(|id| world.reducer.case(id).is_some())).map(|row| row.id).collect()
}

/// While one cause after the other ends, no dark lamp gets a case of its own as long as one still explains it.
fn check_causes(
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
fn check_history(world: &World) {
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

fn run(profile: Arc<Profile>, ops: &[Op]) -> World {
    let guarded = profile.flapping.is_some();
    // What is left of a storm of two that wanes.
    let least = if profile.outlast_ms == 0 { 2 } else { 1 };
    let mut world = World::new(profile, "2026-11-20 09:00");
    let mut fleet = fleet();
    let mut model = Model::default();
    for op in ops {
        let (causes, own, cases) = (causes(&world), own_cases(&world), world.ledger.cases.len());
        play(&mut world, &mut fleet, op);
        model.apply(op, &fleet);
        check_causes(&world, (&causes, &own, cases));
        check_incidents(&world, &model, guarded, least);
        check_cases(&world, &model, &fleet);
        check_places(&world);
        assert!(world.reducer.next_due().is_none_or(|due| due > world.now), "a timer was left behind");
    }
    check_history(&world);
    world
}

/// A run without what carries ids: ids name the record that moved time.
fn outcome(world: &World) -> impl PartialEq + std::fmt::Debug + use<> {
    let incidents = world.ledger.incidents.values();
    let incidents: Vec<_> = incidents
        .map(|row| {
            (row.asset.clone(), row.key.clone(), row.severity, row.opened, row.updated, row.cleared, row.reopened)
        })
        .collect();
    let cases: Vec<_> =
        world.ledger.cases.values().map(|case| (case.number.clone(), case.state, case.deadline)).collect();
    let events: Vec<_> = world.ledger.events.iter().map(|event| (event.time, event.action.clone(), event.to)).collect();
    let outbox: Vec<_> = world.ledger.outbox.iter().map(|item| (item.time, item.topic.clone())).collect();
    (incidents, cases, events, outbox)
}

fn unguarded() -> Arc<Profile> {
    profile(&[("[incident.flapping]\ntimes = 6\nwithin = \"1h\"\nquiet = \"15m\"", "")])
}

fn stormy() -> Arc<Profile> {
    profile(&[("distinct = 3", "distinct = 2"), ("auto_close = false", "auto_close = true")])
}

/// As [`stormy`], with storms that go on for a while with what is left of them.
fn waning() -> Arc<Profile> {
    profile(&[("distinct = 3", "distinct = 2"), ("outlast = \"0s\"", "outlast = \"15m\"")])
}

fn closing_by_itself() -> Arc<Profile> {
    profile(&[("auto_close = false", "auto_close = true"), ("times = 6", "times = 2")])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_reducer_does_what_the_model_says(ops in prop::collection::vec(op(), 1..120)) {
        run(unguarded(), &ops);
    }

    #[test]
    fn with_the_flapping_guard_nothing_that_holds_is_missed(ops in prop::collection::vec(op(), 1..120)) {
        run(yuncheng(), &ops);
        run(clocked(), &ops);
    }

    #[test]
    fn with_auto_close_and_a_quick_guard_nothing_is_lost(ops in prop::collection::vec(op(), 1..120)) {
        run(closing_by_itself(), &ops);
    }

    #[test]
    fn with_storms_nothing_is_lost(ops in prop::collection::vec(op(), 1..120)) {
        run(stormy(), &ops);
        run(waning(), &ops);
    }

    #[test]
    fn the_same_log_gives_the_same_ledger(ops in prop::collection::vec(op(), 1..60)) {
        let (first, second) = (run(yuncheng(), &ops), run(yuncheng(), &ops));
        prop_assert_eq!(first.ledger, second.ledger);
    }

    #[test]
    fn outcomes_do_not_depend_on_how_often_time_is_told(ops in prop::collection::vec(op(), 1..60)) {
        let ticked: Vec<Op> = ops
            .iter()
            .flat_map(|op| match op {
                Op::Wait { minutes } => vec![Op::Wait { minutes: minutes / 5 }; 5],
                other => vec![other.clone()],
            })
            .collect();
        let rounded: Vec<Op> = ops
            .iter()
            .map(|op| match op {
                Op::Wait { minutes } => Op::Wait { minutes: minutes / 5 * 5 },
                other => other.clone(),
            })
            .collect();
        prop_assert_eq!(outcome(&run(yuncheng(), &rounded)), outcome(&run(yuncheng(), &ticked)));
    }
}
