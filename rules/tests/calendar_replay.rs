//! The calendar that rules see is of the journal: a replay from a checkpoint judges each record with the calendar of
//! its time, also where the ledger has a newer one.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::sync::Arc;

use gengfu_cases::Profile;
use gengfu_model::staff::{Action, Role, StaffRequest};
use gengfu_model::{Body, Control, Device, DeviceLife, Effect, IncidentState, Kind, Record, Seq, Timestamp};
use gengfu_rules::engine::{Engine, Output, Recovered};

/// Says every hour whether the day is worked.
const RULE: &str = "const RULE = #{ kind: \"manhole\", key: \"work\", severity: \"info\", condition: \"gas_alarm\", \
    every: 1.h, text_zh: \"z\", text_en: \"e\" };\nfn on_timer(dev, name) { incident(workday()); }\n";

fn profile(weekend: &str) -> String {
    format!("name = \"x\"\n[calendar]\nweekend = [{weekend}]\n")
}

fn request(seq: u64, time: i64, action: Action) -> Record {
    let request = StaffRequest { user: "local".into(), roles: vec![Role::Administrator], action };
    Record { seq: Seq(seq), time: Timestamp(time), body: Body::Control(Control::Request(request)) }
}

fn tick(seq: u64, time: i64) -> Record {
    Record { seq: Seq(seq), time: Timestamp(time), body: Body::Control(Control::Tick) }
}

/// The incidents as they open and clear, by their time.
fn said(output: &mut Output) -> Vec<(i64, bool)> {
    let effects = output.effects.take();
    let incident = |effect: &Effect| match effect {
        Effect::Incident(incident) => Some((incident.updated.0, incident.state == IncidentState::Open)),
        _ => None,
    };
    let mut said: Vec<_> = effects.iter().filter_map(|(_, effect)| incident(effect)).collect();
    // An incident stands once more with its case.
    said.dedup();
    said
}

#[test]
fn a_calendar_change_is_replayed_at_its_place() {
    // START is a Sunday, 10:00.
    let start = common::START;
    let device = Device { life: DeviceLife::InService, ..common::device(Kind::Manhole) };
    let files = std::collections::BTreeMap::from([("r.rhai".to_owned(), RULE.to_owned())]);
    let records = [
        request(1, start, Action::SetProfile { text: profile("\"sat\", \"sun\"") }),
        request(2, start, Action::ActivatePack { files: files.clone() }),
        request(3, start, Action::AddDevices { devices: vec![device], replace: false }),
        tick(4, start + 2 * common::HOUR),
        request(5, start + 2 * common::HOUR + 1, Action::SetProfile { text: profile("\"sat\"") }),
        tick(6, start + 4 * common::HOUR),
    ];
    let plain = Arc::new(Profile::parse(&profile("\"fri\"")).unwrap());
    let mut engine = Engine::new(Arc::clone(&plain));
    let mut output = Output::default();
    for record in &records[..3] {
        engine.apply(record, None, &mut output);
    }
    let mut round = engine.begin_round();
    let rows = engine.round_rows(&mut round, 100);
    said(&mut output);
    for record in &records[3..] {
        engine.apply(record, None, &mut output);
    }
    let live = said(&mut output);
    assert_eq!(live, [(start + 3 * common::HOUR, true)], "Sunday is worked from the change on");

    // The ledger is at the checkpoint, but the profile that the process was given is already the newest.
    let newest = Arc::new(Profile::parse(&profile("\"sat\"")).unwrap());
    let packs = [(Arc::clone(engine.pack().version()), Arc::new(files))].into();
    let recovered = Recovered { position: round.position, packs, ..Recovered::default() };
    let mut replayed = Engine::recover(newest, recovered, Some((round.position, &round.tables))).unwrap();
    for row in &rows {
        replayed.restore_device(row).unwrap();
    }
    for record in &records[3..] {
        replayed.apply(record, None, &mut output);
    }
    assert_eq!(said(&mut output), live);
}
