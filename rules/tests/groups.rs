//! Promise: groups of rules are judged by the engine as they are lived: members by messages, timers and silence, in
//! both tiers, with a checkpoint and a replay at any record, and over another pack.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::{Bench, MINUTE, START, V, device};
use gengfu_cases::Profile;
use gengfu_model::staff::{Action, Role, StaffRequest};
use gengfu_model::{
    Body, Case, Control, Decoded, Device, DeviceId, Effect, EffectId, Envelope, Incident, IncidentState, Kind,
    MessageKey, PayloadFormat, Quality, Reading, Record, Sample, Seq, Timestamp, Transport, Value,
};
use gengfu_rules::engine::{DecodedMessage, Engine, Output, Recovered};
use gengfu_rules::{Pack, Tier, library};

/// A rule whose member has memory and paths that say nothing.
const SURGE: &str = r#"/// Surge.
const RULE = #{ kind: "streetlight", key: "surge", severity: "minor", condition: "supply_voltage",
    group: "cabinet", distinct: 2, within: 10.min, group_condition: "feeder_outage", group_severity: "major",
    parameters: #{ high_v: #{ default: 250.0, min: 200.0, max: 300.0, unit: "V" } },
    text_zh: "过压", text_en: "surge" };
fn high(msg) { msg.voltage_v > param.high_v }
fn member(msg, dev) {
    if dev.silent { return false; }
    if msg.on { return held(high(msg), 30.s); }
}
fn on_message(msg, dev) { incident(held(high(msg), 5.min)); }
"#;

fn bench(tier: Tier) -> Bench {
    let files = BTreeMap::from([("surge.rhai".to_owned(), SURGE.to_owned())]);
    Bench::new(
        Pack::compile_in(&files, tier).unwrap_or_else(|found| panic!("{}", common::show(&found))),
        Kind::Streetlight,
    )
}

#[test]
fn a_member_is_judged_by_messages_timers_and_silence_in_both_tiers() {
    for tier in [Tier::Lowered, Tier::Interpreter] {
        let mut bench = bench(tier);
        let volts = |on: bool, volts: f64| [("on", V::B(on)), ("voltage_v", V::N(volts))];
        assert_eq!(bench.feed(&volts(true, 230.0)), [""; 0], "the first clear verdict is no news");
        assert_eq!(bench.feed(&volts(true, 260.0)), [""; 0]);
        assert_eq!(bench.advance(30_000), ["surge counts d-1"], "held for half a minute, without a message");
        assert_eq!(bench.advance(4 * MINUTE + 30_000), ["+surge/surge minor"], "its own incident has its own memory");
        assert_eq!(bench.feed(&volts(false, 230.0)), ["-surge/surge"], "off: of the group nothing is said");
        assert_eq!(bench.feed(&volts(true, 230.0)), ["surge counts not d-1"]);
        bench.feed(&volts(true, 260.0));
        assert_eq!(bench.advance(MINUTE), ["surge counts d-1"]);
        bench.feed(&volts(true, 260.0));
        let said = bench.advance(26 * MINUTE);
        assert_eq!(said, ["+surge/surge minor", "surge counts not d-1"], "{tier:?}: silent after 2.5 intervals");
        assert_eq!(bench.feed(&[("rssi_dbm", V::N(-90.0))]), [""; 0], "heard, and nothing known");
    }
}

#[test]
fn a_member_by_silence_counts_no_more_when_it_is_heard_whatever_the_message_carries() {
    let files: BTreeMap<String, String> =
        library::files().into_iter().filter(|(name, _)| name.contains("feeder-silent")).collect();
    for tier in [Tier::Lowered, Tier::Interpreter] {
        let mut bench = Bench::new(Pack::compile_in(&files, tier).unwrap(), Kind::Streetlight);
        bench.feed(&[("rssi_dbm", V::N(-90.0))]);
        assert_eq!(bench.advance(30 * MINUTE), ["streetlight-feeder-silent counts d-1"]);
        assert_eq!(bench.feed(&[("rssi_dbm", V::N(-90.0))]), ["streetlight-feeder-silent counts not d-1"]);
    }
}

#[test]
fn why_says_what_the_member_is_made_of() {
    let mut bench = bench(Tier::Lowered);
    bench.feed(&[("on", V::B(true)), ("voltage_v", V::N(260.0))]);
    bench.advance(MINUTE);
    let cx = gengfu_rules::Context::new(&bench.device, &bench.latest, &bench.parameters, bench.now, bench.seq);
    let why = bench.pack.why(&cx, &bench.state, "surge").unwrap();
    let member = why.keys.iter().find(|key| &*key.key == "member").unwrap();
    assert_eq!((&*member.is, &*member.says), ("counts", "counts"));
    assert!(why.steps.iter().any(|step| step.text == "member(msg, dev)" && step.value == "true"), "{:#?}", why.steps);
    let signal = bench.signals.last().unwrap();
    assert!(!signal.evidence.steps.is_empty());
    assert_eq!(bench.pack.replays("surge", &signal.evidence), Ok(true), "from its stored inputs alone");
}

/// What the ledger would hold.
#[derive(Clone, Default, Debug, PartialEq)]
struct Ledger {
    incidents: BTreeMap<EffectId, Incident>,
    cases: BTreeMap<EffectId, Case>,
    state: BTreeMap<String, String>,
}

impl Ledger {
    fn take(&mut self, out: &mut Output) {
        for (_, effect) in out.effects.take() {
            match effect {
                Effect::Incident(row) => drop(self.incidents.insert(row.id, *row)),
                Effect::Case(row) => drop(self.cases.insert(row.id, *row)),
                Effect::ReducerState { key, value: Some(value) } => drop(self.state.insert(key, value)),
                Effect::ReducerState { key, value: None } => drop(self.state.remove(&key)),
                _ => {}
            }
        }
        out.points.clear();
        out.verdicts.clear();
    }

    fn recovered(&self, position: Seq, packs: &[BTreeMap<String, String>]) -> Recovered {
        let files =
            packs.iter().map(|files| (Arc::clone(Pack::compile(files).unwrap().version()), Arc::new(files.clone())));
        Recovered {
            position,
            incidents: self.incidents.values().cloned().collect(),
            cases: self.cases.values().filter(|case| !case.state.is_final()).cloned().collect(),
            reducer: self.state.clone().into_iter().collect(),
            packs: files.collect(),
            ..Recovered::default()
        }
    }
}

fn profile() -> Arc<Profile> {
    Arc::new(Profile::parse(gengfu_cases::profile::YUNCHENG).unwrap())
}

fn shipped() -> BTreeMap<String, String> {
    library::files().into_iter().filter(|(name, _)| name.starts_with("streetlight")).collect()
}

fn lamp(number: usize) -> Device {
    Device {
        id: DeviceId::new(&format!("l-{number:02}")).unwrap(),
        asset_code: format!("A{number:02}").into(),
        asset_type: "01-37".into(),
        cabinet: "C7".into(),
        ..device(Kind::Streetlight)
    }
}

type Story = Vec<(Record, Option<DecodedMessage>)>;

/// A story of records.
struct Teller {
    story: Story,
    now: i64,
}

impl Teller {
    fn record(&mut self, body: Body, decoded: Option<DecodedMessage>) {
        let seq = Seq(self.story.len() as u64 + 1);
        self.story.push((Record { seq, time: Timestamp(self.now), body }, decoded));
    }

    fn ask(&mut self, action: Action) {
        let request = StaffRequest { user: "duty".into(), roles: Role::ALL.to_vec(), action };
        self.record(Body::Control(Control::Request(request)), None);
    }

    fn say(&mut self, number: usize, fields: &[(&str, f64)]) {
        let samples = fields.iter().map(|(name, value)| {
            let value = if *name == "on" { Value::Bool(*value > 0.0) } else { Value::Number(*value) };
            Sample { field: Kind::Streetlight.field(name).unwrap(), value, quality: Quality::Ok }
        });
        let reading = Reading { samples: samples.collect(), ..Reading::default() };
        let payload_hash = self.story.len() as u64;
        let result = Ok(Decoded { readings: vec![reading], ..Decoded::default() });
        let envelope = Envelope {
            device: lamp(number).id,
            kind: Kind::Streetlight,
            model: "".into(),
            transport: Transport::Generated,
            format: PayloadFormat::Json,
            key: MessageKey::None,
            received_at: Timestamp(self.now),
            payload: payload_hash.to_string().into_bytes().into(),
        };
        self.record(Body::Message(envelope), Some(DecodedMessage { result, payload_hash }));
    }

    fn pass(&mut self, ms: i64) {
        self.now += ms;
        self.record(Body::Control(Control::Tick), None);
    }
}

/// Three lamps of a cabinet lose their supply, fall silent, and are fed again; another pack comes in between.
fn outage() -> Story {
    let mut city = Teller { story: Vec::new(), now: START };
    city.ask(Action::AddDevices { devices: (1..=6).map(lamp).collect(), replace: false });
    city.ask(Action::ActivatePack { files: shipped() });
    for round in 0..2 {
        for number in 1..=6 {
            city.say(
                number,
                &[("on", 1.0), ("power_w", 60.0), ("voltage_v", 228.0), ("rssi_dbm", -80.0 - f64::from(round))],
            );
        }
        city.pass(5 * MINUTE);
    }
    for number in 1..=3 {
        city.say(number, &[("on", 0.0), ("power_w", 0.0), ("voltage_v", 0.0)]);
    }
    for _ in 0..4 {
        city.pass(8 * MINUTE);
        for number in 4..=6 {
            city.say(number, &[("on", 1.0), ("power_w", 60.0), ("voltage_v", 228.0), ("rssi_dbm", -70.0)]);
        }
    }
    let mut other = shipped();
    other.insert("surge.rhai".to_owned(), SURGE.to_owned());
    city.ask(Action::ActivatePack { files: other });
    city.pass(5 * MINUTE);
    for number in 1..=3 {
        city.say(number, &[("on", 1.0), ("power_w", 60.0), ("voltage_v", 228.0)]);
    }
    city.pass(10 * MINUTE);
    city.story
}

#[test]
fn an_outage_is_one_case_from_the_last_gasp_to_the_return_and_silence_calls_nobody() {
    let mut engine = Engine::new(profile());
    let (mut out, mut ledger) = (Output::default(), Ledger::default());
    let mut most = (0, 0);
    for (record, decoded) in outage() {
        engine.apply(&record, decoded.as_ref(), &mut out);
        ledger.take(&mut out);
        let open = ledger.incidents.values().filter(|row| row.state == IncidentState::Open);
        let silent: Vec<&Incident> = open.filter(|row| &*row.condition == "device_silent").collect();
        let explained = silent.iter().filter(|row| row.inhibited_by.is_some() && row.case.is_none()).count();
        most = most.max((silent.len(), explained));
    }
    let outages: Vec<&Incident> = ledger.incidents.values().filter(|row| &*row.condition == "feeder_outage").collect();
    assert_eq!(outages.len(), 1, "{outages:#?}");
    assert_eq!((&*outages[0].asset, &*outages[0].rule), ("cabinet:C7", "streetlight-supply"));
    assert_eq!(outages[0].state, IncidentState::Cleared);
    assert_eq!(most, (3, 3), "the three were silent in between, and the outage explained it");
    assert_eq!(ledger.cases.len(), 1, "{:#?}", ledger.cases.values().map(|case| &case.condition).collect::<Vec<_>>());
}

#[test]
fn a_checkpoint_and_a_replay_at_any_record_change_nothing() {
    let story = outage();
    let packs: Vec<BTreeMap<String, String>> = story
        .iter()
        .filter_map(|(record, _)| match &record.body {
            Body::Control(Control::Request(StaffRequest { action: Action::ActivatePack { files }, .. })) => {
                Some(files.clone())
            }
            _ => None,
        })
        .collect();
    let mut whole = Engine::new(profile());
    let (mut out, mut expected) = (Output::default(), Ledger::default());
    let mut states = Vec::new();
    for (record, decoded) in &story {
        whole.apply(record, decoded.as_ref(), &mut out);
        expected.take(&mut out);
        let mut copy = whole.clone();
        let mut round = copy.begin_round();
        // Every device that ever changed: the copy is the first that writes rows.
        let rows = copy.round_rows(&mut round, usize::MAX);
        states.push((expected.clone(), round.position, round.tables, rows));
    }
    assert!(!expected.incidents.is_empty());
    for (cut, (ledger, ..)) in states.iter().enumerate() {
        // The checkpoint is some records older than the ledger.
        let (_, position, tables, rows) = &states[cut.saturating_sub(cut % 7)];
        let ledger_position = story[cut].0.seq;
        let recovered = ledger.recovered(ledger_position, &packs);
        let mut engine = Engine::recover(profile(), recovered, Some((*position, tables))).unwrap();
        for row in rows {
            engine.restore_device(row).unwrap();
        }
        let (mut out, mut again) = (Output::default(), ledger.clone());
        for (record, decoded) in story.iter().filter(|(record, _)| record.seq > *position) {
            engine.apply(record, decoded.as_ref(), &mut out);
            again.take(&mut out);
            if record.seq == ledger_position {
                assert_eq!(again, *ledger, "nothing twice, at record {ledger_position}");
            }
        }
        assert_eq!(again, expected, "a restart at record {ledger_position} from {position}");
        assert_eq!(engine.reducer(), whole.reducer(), "at record {ledger_position}");
    }
}

#[test]
fn a_draft_that_groups_otherwise_is_judged_otherwise_and_a_pack_without_the_group_withdraws_it() {
    let mut engine = Engine::new(profile());
    let (mut out, mut ledger) = (Output::default(), Ledger::default());
    let story = outage();
    let gasps = 2 + 14 + 3;
    for (record, decoded) in &story[..gasps] {
        engine.apply(record, decoded.as_ref(), &mut out);
        ledger.take(&mut out);
    }
    let open = |ledger: &Ledger| {
        ledger
            .incidents
            .values()
            .filter(|row| row.state == IncidentState::Open && row.key.starts_with("group:"))
            .count()
    };
    assert_eq!(open(&ledger), 1);
    let mut draft = shipped();
    let six = draft["streetlight-supply.rhai"].replacen("distinct: 3, share: 0.3", "distinct: 6", 1);
    draft.insert("streetlight-supply.rhai".to_owned(), six);
    let mut side = (engine.clone(), ledger.clone());
    side.0.hold_pack(Pack::compile(&draft).unwrap(), Seq(gasps as u64 + 1), &mut out);
    side.1.take(&mut out);
    assert_eq!(open(&side.1), 0, "three are no more than half of the six that the draft wants");
    let mut without = shipped();
    without.remove("streetlight-supply.rhai");
    engine.hold_pack(Pack::compile(&without).unwrap(), Seq(gasps as u64 + 1), &mut out);
    ledger.take(&mut out);
    assert_eq!(open(&ledger), 0);
    assert!(ledger.incidents.values().any(|row| row.cleared_by.as_deref() == Some("withdrawn")));
    assert!(!ledger.state.keys().any(|key| key.starts_with("cases/member/") && key.contains("streetlight-supply")));
}
