//! What can happen: random signals, requests, changes of the register and time, and how each is carried out.

use std::sync::Arc;

use gengfu_model::silence::{Matcher, NewSilence};
use gengfu_model::staff::CaseStep;
use gengfu_model::time::HOUR_MS;
use gengfu_model::{Device, DeviceLife, EffectId, Role, Severity};
use proptest::prelude::*;

use crate::support::{World, device, lamp, photo};

#[derive(Clone, Debug)]
pub(super) enum Op {
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

pub(super) const KEYS: [&str; 3] = ["a", "b", "c"];
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

/// Three sensors on two covers, four lamps of two roads in two districts, a tank.
pub(super) fn fleet() -> Vec<Device> {
    let first = device("c1", "01-02");
    let beside = Device { asset_code: first.asset_code.clone(), ..device("c2", "01-02") };
    vec![
        first,
        beside,
        device("c3", "01-11"),
        Device { feeder: "F7".into(), ..lamp("l1", "east") },
        Device { feeder: "F7".into(), ..lamp("l2", "east") },
        Device { district: "kaifaqu".into(), ..lamp("l3", "west") },
        Device { feeder: "F7".into(), district: "kaifaqu".into(), ..lamp("l4", "west") },
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

pub(super) fn op() -> impl Strategy<Value = Op> {
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

const ROLES: [Role; 6] =
    [Role::Acceptor, Role::DutyOfficer, Role::Dispatcher, Role::Handler, Role::Verifier, Role::ShiftLeader];

/// The role that the list of transitions names first for a step, so that most requests get through.
fn role_for(step: &CaseStep, other: usize) -> Role {
    let line = gengfu_cases::transitions::TRANSITIONS.iter().find(|line| line.step == step.name());
    if other == 0 { ROLES[other] } else { line.map_or(Role::Acceptor, |line| line.roles[other % line.roles.len()]) }
}

pub(super) fn play(world: &mut World, fleet: &mut [Device], op: &Op) {
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
