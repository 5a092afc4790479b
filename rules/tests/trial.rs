//! Promise of a trial: the live side is what the live engine is, a draft keeps its pack and its settings, and
//! the difference names what was added, removed, moved and of another severity.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::{HOUR, MINUTE, START, device};
use gengfu_cases::Profile;
use gengfu_model::staff::{Action, CaseStep, Role, StaffRequest};
use gengfu_model::{
    Body, Control, Decoded, DeviceId, Envelope, Kind, MessageKey, PayloadFormat, Quality, Reading, Record, Sample, Seq,
    Timestamp, Transport, Value,
};
use gengfu_rules::engine::{DecodedMessage, Engine};
use gengfu_rules::trial::{Change, Draft, Stretch, Trial};

fn rule(limit: &str, severity: &str, hold: &str) -> BTreeMap<String, String> {
    let text = format!(
        "/// Tilted.\nconst RULE = #{{ kind: \"manhole\", key: \"tilt\", severity: \"{severity}\", condition: \"cover_displaced\",\n\
         parameters: #{{ limit: #{{ default: {limit}, min: 1.0, max: 90.0, unit: \"°\" }} }},\n\
         text_zh: \"倾斜\", text_en: \"tilted\" }};\n\
         fn on_message(msg, dev) {{ incident(held(msg.tilt_deg > param.limit, {hold})); }}\n"
    );
    BTreeMap::from([("tilt.rhai".to_owned(), text)])
}

/// A journal that is made up as it goes.
struct Journal {
    trial: Trial,
    seq: u64,
    now: i64,
}

impl Journal {
    fn new(files: &BTreeMap<String, String>) -> Journal {
        let profile = Arc::new(Profile::parse(gengfu_cases::profile::YUNCHENG).unwrap());
        let stretch = Stretch { from: Timestamp(START), to: Timestamp(START + 100 * HOUR) };
        let trial = Trial::new(Engine::new(profile), stretch);
        let mut journal = Journal { trial, seq: 0, now: START - MINUTE };
        let mut devices = Vec::new();
        for number in 1..=3 {
            let mut one = device(Kind::Manhole);
            one.id = DeviceId::new(&format!("d-{number}")).unwrap();
            one.asset_code = format!("a-{number}").into();
            devices.push(one);
        }
        journal.ask(Action::AddDevices { devices, replace: false });
        journal.ask(Action::ActivatePack { files: files.clone() });
        journal.now = START;
        journal
    }

    fn record(&mut self, body: Body, decoded: Option<DecodedMessage>) {
        self.seq += 1;
        let record = Record { seq: Seq(self.seq), time: Timestamp(self.now), body };
        self.trial.apply(&[record], &[decoded], &mut |work| work());
    }

    fn ask(&mut self, action: Action) {
        let request = StaffRequest { user: "duty".into(), roles: Role::ALL.to_vec(), action };
        self.record(Body::Control(Control::Request(request)), None);
    }

    fn say(&mut self, device: &str, tilt: f64) {
        let field = Kind::Manhole.field("tilt_deg").unwrap();
        let reading = Reading {
            samples: vec![Sample { field, value: Value::Number(tilt), quality: Quality::Ok }],
            ..Reading::default()
        };
        let decoded = DecodedMessage {
            result: Ok(Decoded { readings: vec![reading], ..Decoded::default() }),
            payload_hash: self.seq,
        };
        let envelope = Envelope {
            device: DeviceId::new(device).unwrap(),
            kind: Kind::Manhole,
            model: "".into(),
            transport: Transport::Generated,
            format: PayloadFormat::Json,
            key: MessageKey::None,
            received_at: Timestamp(self.now),
            payload: self.seq.to_string().into_bytes().into(),
        };
        self.record(Body::Message(envelope), Some(decoded));
    }

    fn pass(&mut self, ms: i64) {
        self.now += ms;
        self.record(Body::Control(Control::Tick), None);
    }

    fn fork(&mut self, name: &str, files: &BTreeMap<String, String>, parameters: &[(&str, &str, f64)]) {
        let parameters = parameters
            .iter()
            .map(|(rule, name, value)| ((*rule).to_owned(), (*name).to_owned(), Value::Number(*value)));
        let draft = Draft { name: name.to_owned(), files: files.clone(), parameters: parameters.collect() };
        self.trial.fork(Seq(self.seq + 1), &draft).unwrap();
    }
}

#[test]
fn each_sort_of_change_is_found_and_staff_speak_to_the_drafts_own_case() {
    let live = rule("20.0", "major", "10.s");
    let mut journal = Journal::new(&live);
    journal.fork("same", &live, &[]);
    journal.fork("higher", &rule("30.0", "major", "10.s"), &[]);
    journal.fork("later", &rule("20.0", "major", "20.s"), &[]);
    journal.fork("worse", &rule("20.0", "critical", "10.s"), &[]);
    journal.fork("lower", &live, &[("tilt", "limit", 5.0)]);
    journal.say("d-1", 25.0);
    journal.say("d-2", 40.0);
    journal.say("d-3", 10.0);
    journal.pass(11_000);
    journal.pass(11_000);
    let case = journal.trial.engine().reducer().cases().next().unwrap().clone();
    assert_eq!(&*case.asset, "a-1");
    journal.ask(Action::Case { case: case.id, step: CaseStep::Acknowledge, note: String::new() });
    // A pack and a setting of the journal do not touch a draft that holds its own.
    journal.ask(Action::SetParameter {
        rule: "tilt".into(),
        name: "limit".into(),
        scope: "device:d-3".into(),
        value: Some(Value::Number(50.0)),
    });
    journal.ask(Action::ActivatePack { files: live.clone() });
    journal.trial.set_end(Timestamp(journal.now + HOUR));
    journal.trial.finish(Seq(journal.seq + 1));

    // What is alike is judged once, and counted for both.
    let shared: Vec<bool> = (0..5).map(|draft| journal.trial.is_shared(draft, "tilt")).collect();
    assert_eq!(shared, [true, false, false, false, false]);
    let evaluations: Vec<u64> = journal.trial.rule_counts().iter().map(|side| side[0].evaluations).collect();
    assert_eq!(evaluations[0], evaluations[1], "{evaluations:?}");
    assert!(evaluations.iter().all(|count| *count >= 4), "{evaluations:?}");
    let tally = |draft: usize| journal.trial.difference(draft, 3);
    assert_eq!((tally(0).incidents.same, tally(0).incidents.changes()), (2, 0));
    assert_eq!(journal.trial.drafts()[0].evidence(*journal.trial.drafts()[0].incidents().keys().next().unwrap()), None);
    let higher = tally(1);
    assert_eq!((higher.incidents.removed, higher.incidents.same, higher.cases.removed), (1, 1, 1), "{higher:?}");
    assert_eq!(higher.examples[0].change, Change::Removed);
    let evidence = higher.examples[0].evidence.as_ref().unwrap();
    assert!(evidence.source.contains("held("), "the live side's reasons are kept: {evidence:?}");
    assert_eq!(journal.trial.drafts()[1].skipped().get("acknowledge"), Some(&1));
    let later = tally(2);
    assert_eq!((later.incidents.moved, later.incidents.changes()), (2, 2), "{later:?}");
    let worse = tally(3);
    assert_eq!((worse.incidents.severity, worse.incidents.changes()), (2, 2), "{worse:?}");
    let lower = tally(4);
    assert_eq!((lower.incidents.added, lower.incidents.same), (1, 2), "{lower:?}");
    assert_eq!((lower.devices.len(), lower.devices[0].name.as_str()), (1, "d-3"));
    assert_eq!(lower.shifts[0].name, "08:00-16:00");
    // The acknowledgement reached every draft that had the case, under whatever id.
    for draft in [0, 2, 3, 4] {
        let side = &journal.trial.drafts()[draft];
        assert!(side.skipped().is_empty(), "{}: {:?}", side.name(), side.skipped());
        let acknowledged = side.cases().values().find(|case| &*case.asset == "a-1").unwrap();
        assert_eq!(acknowledged.acknowledged_by.as_deref(), Some("duty"), "{}", side.name());
    }
    assert_eq!(journal.trial.counts().generated, 3);
}

#[test]
fn a_fork_keeps_the_slots_that_it_shares_with_the_live_pack() {
    let mut journal = Journal::new(&rule("20.0", "major", "1.h"));
    journal.say("d-1", 25.0);
    for _ in 0..5 {
        journal.pass(10 * MINUTE);
        journal.say("d-1", 25.0);
    }
    // Another number, the same slot: it has been held for 50 minutes already.
    journal.fork("tuned", &rule("22.0", "major", "1.h"), &[]);
    journal.pass(11 * MINUTE);
    assert_eq!(journal.trial.difference(0, 0).incidents.same, 1);
}

#[test]
fn the_live_side_is_what_the_engine_alone_would_be() {
    let files = rule("20.0", "major", "10.s");
    let mut journal = Journal::new(&files);
    journal.fork("other", &rule("5.0", "critical", "1.s"), &[]);
    for round in 0..40 {
        journal.say(&format!("d-{}", 1 + round % 3), f64::from(round * 7 % 50));
        journal.pass(7_000);
    }
    // The same records, through an engine of its own.
    let mut alone = Journal::new(&files);
    for round in 0..40 {
        alone.say(&format!("d-{}", 1 + round % 3), f64::from(round * 7 % 50));
        alone.pass(7_000);
    }
    assert!(journal.trial.live().incidents().len() > 3);
    assert_eq!(journal.trial.live().incidents(), alone.trial.live().incidents());
    assert_eq!(journal.trial.live().cases(), alone.trial.live().cases());
    assert_ne!(journal.trial.drafts()[0].incidents(), alone.trial.live().incidents());
}

#[test]
fn a_pack_remembers_as_long_as_its_longest_word() {
    let memory = |files: &BTreeMap<String, String>| gengfu_rules::Pack::compile(files).unwrap().memory_ms();
    assert_eq!(memory(&rule("20.0", "major", "10.s")), 10_000);
    assert_eq!(memory(&rule("20.0", "major", "90.min")), 90 * MINUTE);
    assert!(memory(&gengfu_rules::library::files()) >= HOUR);
}

#[test]
fn a_drafts_commands_are_counted_by_rule_and_go_nowhere() {
    let quiet = rule("20.0", "major", "10.s");
    let mut commanding = quiet.clone();
    let text = commanding.get_mut("tilt.rhai").unwrap();
    *text = text.replace(
        "incident(",
        "if msg.tilt_deg > param.limit { command(dev, \"set_interval\", #{ interval_s: 30 }); } incident(",
    );
    let mut journal = Journal::new(&quiet);
    journal.fork("commanding", &commanding, &[]);
    for _ in 0..3 {
        journal.say("d-1", 25.0);
        journal.say("d-2", 26.0);
        journal.pass(2 * MINUTE);
    }
    journal.say("d-1", 1.0);
    journal.pass(2 * MINUTE);
    journal.say("d-1", 25.0);
    journal.trial.finish(Seq(journal.seq + 1));
    let [draft] = journal.trial.drafts() else { panic!("one draft") };
    assert_eq!(draft.rule_commands().get("tilt"), Some(&3), "twice at d-1, once at d-2");
    assert_eq!((journal.trial.live().commands(), draft.commands()), (0, 3));
    assert_eq!(journal.trial.engine().open_commands().count(), 0);
}
