//! A rule that fails on many devices is paused as a whole, by a record; others go on, and a replay pauses
//! at the same place.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::{MINUTE, START, rule};
use gengfu_cases::Profile;
use gengfu_model::staff::{Action, Role, StaffRequest};
use gengfu_model::{
    Body, Control, Decoded, DeviceId, Effect, Envelope, Kind, MessageKey, PayloadFormat, Quality, Reading, Record,
    Sample, Seq, Timestamp, Transport, Value,
};
use gengfu_rules::engine::{DecodedMessage, Engine, Output, Recovered, payload_hash};
use gengfu_rules::paused::DEVICES_TO_PAUSE;

const BAD: &str = "let x = 100 / (to_int(msg.battery_pct) - 50);\nincident(msg.water && x != 0);";
const GOOD: &str = "incident(msg.water);";

/// An engine, and every record that it was given.
struct City {
    engine: Engine,
    records: Vec<(Record, Option<DecodedMessage>)>,
    opened: Vec<String>,
    audit: Vec<String>,
    time: i64,
}

fn profile() -> Arc<Profile> {
    Arc::new(Profile::parse(include_str!("../cases/profile/yuncheng.toml")).unwrap())
}

fn files(bad: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("bad.rhai".to_owned(), rule("manhole", bad)), ("good.rhai".to_owned(), rule("manhole", GOOD))])
}

impl City {
    fn new(devices: usize) -> City {
        let mut city = City {
            engine: Engine::new(profile()),
            records: Vec::new(),
            opened: Vec::new(),
            audit: Vec::new(),
            time: START,
        };
        city.ask("engineer", Action::ActivatePack { files: files(BAD) });
        let devices = (0..devices).map(|number| {
            let mut device = common::device(Kind::Manhole);
            device.id = DeviceId::new(&format!("d-{number}")).unwrap();
            device.asset_code = format!("a-{number}").into();
            device
        });
        city.ask("engineer", Action::AddDevices { devices: devices.collect(), replace: false });
        city
    }

    fn give(&mut self, body: Body, decoded: Option<DecodedMessage>) {
        self.time += 1;
        let record = Record { seq: Seq(self.records.len() as u64 + 1), time: Timestamp(self.time), body };
        self.records.push((record.clone(), decoded.clone()));
        let mut out = Output::default();
        self.engine.apply(&record, decoded.as_ref(), &mut out);
        for effect in out.effects.take().into_iter().map(|(_, effect)| effect) {
            match effect {
                Effect::Incident(incident) => {
                    let opened = format!("{}/{}", incident.rule, incident.device);
                    if !self.opened.contains(&opened) {
                        self.opened.push(opened);
                    }
                }
                Effect::Audit { user, action, subject, verdict } => {
                    self.audit.push(format!("{user} {action} {subject} {verdict}"));
                }
                _ => {}
            }
        }
    }

    fn ask(&mut self, user: &str, action: Action) {
        let request = StaffRequest { user: user.into(), roles: vec![Role::Engineer, Role::Administrator], action };
        self.give(Body::Control(Control::Request(request)), None);
    }

    fn say(&mut self, device: usize, battery: f64, water: bool) {
        let field = |name: &str| Kind::Manhole.field(name).unwrap();
        let sample = |name: &str, value| Sample { field: field(name), value, quality: Quality::Ok };
        let samples = vec![sample("battery_pct", Value::Number(battery)), sample("water", Value::Bool(water))];
        let payload: Arc<[u8]> = Arc::from(format!("{}", self.records.len()).into_bytes());
        let reading = Reading { samples, ..Reading::default() };
        let decoded = Decoded { readings: vec![reading], rejected: Vec::new() };
        let decoded = DecodedMessage { payload_hash: payload_hash(&payload), result: Ok(decoded) };
        let envelope = Envelope {
            device: DeviceId::new(&format!("d-{device}")).unwrap(),
            kind: Kind::Manhole,
            model: "".into(),
            transport: Transport::Mqtt,
            format: PayloadFormat::Json,
            key: MessageKey::Explicit(format!("m-{}", self.records.len()).into()),
            received_at: Timestamp(self.time),
            payload,
        };
        self.give(Body::Message(envelope), Some(decoded));
    }
}

#[test]
fn a_rule_that_fails_on_many_devices_is_paused_by_a_record_and_others_go_on() {
    let mut city = City::new(DEVICES_TO_PAUSE + 5);
    for device in 0..DEVICES_TO_PAUSE - 1 {
        city.say(device, 50.0, false);
        city.say(device, 50.0, false);
    }
    assert_eq!(city.engine.pause_wanted(), None, "one device fewer than it takes, however often each fails");
    city.say(DEVICES_TO_PAUSE, 50.0, false);
    let Some(action @ Action::PauseRule { .. }) = city.engine.pause_wanted() else { panic!("nothing is wanted") };
    let Action::PauseRule { rule, reason } = &action else { unreachable!() };
    assert_eq!(&**rule, "bad");
    assert!(reason.contains("20 devices") && reason.contains("division by zero"), "{reason}");
    // Until the record is there, nothing is paused: a device that does not fail is judged.
    city.say(DEVICES_TO_PAUSE + 1, 80.0, true);
    assert_eq!(city.opened, ["bad/d-21", "good/d-21"]);
    city.ask("system", action);
    assert_eq!(city.engine.pause_wanted(), None);
    assert!(city.audit.last().is_some_and(|line| line == "system pause_rule bad accepted"), "{:?}", city.audit);
    city.say(DEVICES_TO_PAUSE + 2, 80.0, true);
    assert_eq!(city.opened[2..], ["good/d-22"]);
    let counts = city.engine.pack().counts();
    assert_eq!(counts.iter().map(|c| (&*c.rule, c.paused)).collect::<Vec<_>>(), [("bad", true), ("good", false)]);

    city.ask("engineer", Action::ResumeRule { rule: "bad".into() });
    city.say(DEVICES_TO_PAUSE + 3, 80.0, true);
    assert_eq!(city.opened[3..], ["bad/d-23", "good/d-23"]);
    assert_eq!(city.engine.pause_wanted(), None, "what failed before the pause does not count again");
}

#[test]
fn requests_about_pauses_are_judged() {
    let mut city = City::new(1);
    for (action, verdict) in [
        (Action::PauseRule { rule: "goood".into(), reason: "r".to_owned() }, "not_found"),
        (Action::PauseRule { rule: "good".into(), reason: String::new() }, "invalid"),
        (Action::ResumeRule { rule: "good".into() }, "wrong_state"),
        (Action::PauseRule { rule: "good".into(), reason: "too many calls".to_owned() }, "accepted"),
        (Action::PauseRule { rule: "good".into(), reason: "again".to_owned() }, "wrong_state"),
        (Action::ResumeRule { rule: "good".into() }, "accepted"),
    ] {
        city.ask("lead", action.clone());
        let said = city.audit.last().cloned().unwrap_or_default();
        assert!(said.contains(verdict), "{action:?}: {said}");
    }
    let request = StaffRequest {
        user: "handler".into(),
        roles: vec![Role::Handler],
        action: Action::PauseRule { rule: "good".into(), reason: "r".to_owned() },
    };
    city.give(Body::Control(Control::Request(request)), None);
    assert!(city.audit.last().is_some_and(|line| line.contains("forbidden")), "{:?}", city.audit);
}

#[test]
fn a_pause_survives_a_checkpoint_and_a_replay() {
    let mut city = City::new(3);
    city.ask("lead", Action::PauseRule { rule: "bad".into(), reason: "under repair".to_owned() });
    city.say(0, 80.0, true);
    // Replayed from the first record.
    let mut again = Engine::new(profile());
    for (record, decoded) in &city.records {
        again.apply(record, decoded.as_ref(), &mut Output::default());
    }
    assert_eq!(again.paused(), city.engine.paused());
    // From a checkpoint.
    let round = city.engine.begin_round();
    let version = Arc::clone(city.engine.pack().version());
    let ledger = Recovered {
        position: round.position,
        packs: BTreeMap::from([(version, Arc::new(files(BAD)))]),
        ..Recovered::default()
    };
    let recovered = Engine::recover(profile(), ledger, Some((round.position, round.tables.as_slice()))).unwrap();
    assert_eq!(recovered.paused(), city.engine.paused());
    assert_eq!(
        recovered.paused().iter().map(|(rule, pause)| (&**rule, pause.reason.as_str())).collect::<Vec<_>>(),
        [("bad", "under repair")]
    );
}

#[test]
fn a_new_pack_resumes_what_was_mended_and_leaves_paused_what_is_as_it_was() {
    let mut city = City::new(1);
    for rule in ["bad", "good"] {
        city.ask("lead", Action::PauseRule { rule: rule.into(), reason: "r".to_owned() });
    }
    city.time += MINUTE;
    city.ask("engineer", Action::ActivatePack { files: files("incident(msg.water && msg.battery_pct > 1.0);") });
    let paused: Vec<_> = city.engine.paused().iter().map(|(rule, _)| rule.to_string()).collect();
    assert_eq!(paused, ["good"]);
}

#[test]
fn the_period_of_a_new_rule_begins_with_its_pack_and_not_with_the_next_message() {
    let mut city = City::new(1);
    city.say(0, 80.0, false);
    let clock = "const RULE = #{ kind: \"manhole\", key: \"k\", severity: \"minor\", condition: \"x\", every: 1.h };\n\
                 fn on_timer(dev, name) { raise(#{}); }\nfn on_message(msg, dev) { if msg.water { clear(); } }\n";
    city.ask("engineer", Action::ActivatePack { files: BTreeMap::from([("clock.rhai".to_owned(), clock.to_owned())]) });
    city.time += 3_600_000;
    city.give(Body::Control(Control::Tick), None);
    assert_eq!(city.opened, ["clock/d-0"]);
}
