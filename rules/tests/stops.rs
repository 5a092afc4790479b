//! `missed_stops`: what it says over days of positions, in both tiers, across a restart, and how it is explained.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::{Bench, HOUR, MINUTE, SECOND, START, V, rule};
use gengfu_cases::Profile;
use gengfu_model::places::geojson::from_geojson;
use gengfu_model::places::{Place, Shape};
use gengfu_model::staff::{Action, Role, StaffRequest};
use gengfu_model::{
    Assertion, Body, Control, Decoded, Effect, Envelope, Kind, MessageKey, PayloadFormat, Quality, Reading, Record,
    Sample, Seq, Timestamp, Transport, Value,
};
use gengfu_rules::engine::{DecodedMessage, Engine, Output, Recovered, payload_hash};
use gengfu_rules::{Context, Pack, RuleState, Tier};

/// Stops of `R7` along a parallel, 900 m from one to the next; every third is of `R8` as well.
fn places(stops: usize) -> Vec<Place> {
    let route = |name: &str| {
        format!(
            r#"{{"type":"Feature","properties":{{"name":"{name}","kind":"route"}},
               "geometry":{{"type":"LineString","coordinates":[[111.0,35.0],[111.2,35.0]]}}}}"#
        )
    };
    let stop = |n: usize| {
        let routes = if n.is_multiple_of(3) { r#"["R7","R8"]"# } else { r#""R7""# };
        format!(
            r#"{{"type":"Feature","properties":{{"name":"点{n}","kind":"stop","route":{routes}}},
               "geometry":{{"type":"Point","coordinates":[{},35.0]}}}}"#,
            lon(n)
        )
    };
    let features: Vec<String> = ["R7", "R8"].into_iter().map(route).chain((0..stops).map(stop)).collect();
    from_geojson(&format!(r#"{{"type":"FeatureCollection","features":[{}]}}"#, features.join(",")), None).unwrap()
}

fn lon(stop: usize) -> f64 {
    111.01 + stop as f64 * 0.01
}

/// Raises from five in the afternoon on while something is missing.
const BODY: &str = r#"let missed = missed_stops(dev.route, msg, "06:00", 20.s);
    incident(!at("06:00", "17:00") && missed > 0, #{ value: missed, text_zh: "漏收{value}处[：{missed_stops}]",
        text_en: "{value} missed[: {missed_stops}]" });"#;

fn bench(tier: Tier, body: &str, stops: usize) -> Bench {
    let pack = Pack::compile_in(&[("r.rhai".to_owned(), rule("truck", body))].into(), tier);
    let pack = pack.unwrap_or_else(|found| panic!("{}", common::show(&found)));
    assert_eq!(pack.rules()[0].tier, tier);
    let mut bench = Bench::new(pack, Kind::Truck);
    bench.city.put_places(places(stops));
    bench.device.attributes.insert("route".into(), Value::Text("R7".into()));
    bench
}

/// A position of a device that was measured now.
fn at(bench: &mut Bench, lon: f64, good: bool) -> Vec<String> {
    bench.feed(&[("longitude", V::N(lon)), ("latitude", V::N(35.0)), ("fix", V::B(good))])
}

/// A halt of half a minute at a stop; the way to the next is not seen.
fn halt(bench: &mut Bench, stop: usize) {
    at(bench, lon(stop), true);
    bench.advance(30 * SECOND);
    at(bench, lon(stop), true);
    bench.advance(3 * MINUTE);
}

/// From START, Sunday 10:00, to Monday 06:30, with a position before the day begins.
fn to_monday(bench: &mut Bench) {
    at(bench, 111.0, true);
    bench.advance(20 * HOUR + 30 * MINUTE);
}

#[test]
fn what_is_missing_is_said_with_its_names_and_explained() {
    for tier in [Tier::Lowered, Tier::Interpreter] {
        let mut bench = bench(tier, BODY, 12);
        to_monday(&mut bench);
        for stop in [0, 2, 5, 6] {
            halt(&mut bench, stop);
        }
        bench.advance(11 * HOUR);
        assert_eq!(at(&mut bench, 111.0, true), ["+r/k major"], "{tier:?}");
        let signal = bench.signals.last().unwrap().clone();
        let Assertion::Raise { value, text_zh, text_en, .. } = &signal.assertion else { panic!("{signal:?}") };
        assert_eq!(*value, Some(8.0));
        assert_eq!(text_zh, "漏收8处：点1、点3、点4、点7、点8等 8 处");
        assert_eq!(text_en, "8 missed: 点1, 点3, 点4, 点7, 点8 and 3 more");
        let step = signal.evidence.steps.iter().find(|step| step.text.starts_with("missed_stops(")).unwrap();
        assert_eq!(step.value, "8: 点1, 点3, 点4, 点7, 点8, 点9, 点10, 点11");
        let slot = signal.evidence.slots.iter().find(|slot| slot.id.contains("missed_stops")).unwrap();
        assert!(slot.after.starts_with("4 stops of R7 served since "), "{slot:?}");
        assert_eq!(bench.pack.replays("r", &signal.evidence), Ok(true), "{tier:?}");
        // Of the city, an explanation keeps what was missing.
        assert!(!signal.evidence.inputs.contains("\"点5\"") && signal.evidence.inputs.contains("\"点7\""));
    }
}

#[test]
fn why_nothing_is_known_is_told() {
    let told = |bench: &Bench| {
        let cx = Context::new(&bench.device, &bench.latest, &bench.parameters, bench.now, bench.seq);
        let why = bench.pack.why(&Context { city: &bench.city, ..cx }, &bench.state, "r").unwrap();
        let step = why.steps.iter().find(|step| step.text.starts_with("missed_stops(")).unwrap();
        if step.because.is_empty() { step.value.clone() } else { step.because.clone() }
    };
    let mut none = bench(Tier::Lowered, BODY, 0);
    at(&mut none, 111.0, true);
    assert_eq!(told(&none), "the city has no stops of the route `R7`");
    let mut some = bench(Tier::Lowered, BODY, 3);
    at(&mut some, 111.0, false);
    assert_eq!(told(&some), "no good position of the truck is known since the day began");
    at(&mut some, 111.0, true);
    assert_eq!(told(&some), "the day was not seen from its beginning: stops may have been served before");
    some.advance(21 * HOUR);
    assert_eq!(told(&some), "no good position of the truck is known since the day began");
    at(&mut some, lon(1), true);
    assert_eq!(told(&some), "3: 点0, 点1, 点2");
    some.advance(25 * SECOND);
    at(&mut some, lon(1), true);
    assert_eq!(told(&some), "2: 点0, 点2");
    some.device.attributes = gengfu_model::Attributes::default();
    assert_eq!(told(&some), "dev.route is not in the register");
}

#[test]
fn places_may_be_put_anew_and_routes_may_change_in_the_middle_of_a_day() {
    let mut bench = bench(Tier::Lowered, BODY, 6);
    to_monday(&mut bench);
    for stop in 0..4 {
        halt(&mut bench, stop);
    }
    // A stop more, in another order, and one moved: what was served stays served, by its name.
    let mut anew = places(7);
    anew.reverse();
    for place in anew.iter_mut().filter(|place| &*place.name == "点0") {
        place.shape = Shape::Point { at: [111.5, 35.0], radius_m: 30.0 };
    }
    bench.city.put_places(anew);
    bench.advance(11 * HOUR);
    at(&mut bench, 111.0, true);
    let Assertion::Raise { text_en, .. } = &bench.signals.last().unwrap().assertion else { panic!() };
    assert_eq!(text_en, "3 missed: 点6, 点5, 点4");
    // The truck gets another route: what it did before on that is not known, until the next day.
    bench.device.attributes.insert("route".into(), Value::Text("R8".into()));
    assert_eq!(at(&mut bench, 111.0, true), [""; 0], "the incident is neither confirmed nor cleared");
    bench.advance(13 * HOUR);
    assert_eq!(at(&mut bench, 111.0, true), ["-r/k"], "the next day");
    bench.advance(11 * HOUR);
    assert_eq!(at(&mut bench, 111.0, true), ["+r/k major"]);
    let Assertion::Raise { text_en, .. } = &bench.signals.last().unwrap().assertion else { panic!() };
    assert_eq!(text_en, "3 missed: 点6, 点3, 点0");
}

#[test]
fn late_and_untrusted_positions_and_a_gateway_that_was_down() {
    let mut bench = bench(Tier::Lowered, BODY, 2);
    to_monday(&mut bench);
    halt(&mut bench, 0);
    // Without a fix or from few satellites: no proof. Nor is what comes more and more late, each older than the one before.
    for _ in 0..3 {
        at(&mut bench, lon(1), false);
        bench.advance(30 * SECOND);
    }
    let at_1 = [("longitude", V::N(lon(1))), ("latitude", V::N(35.0)), ("fix", V::B(true)), ("satellites", V::N(3.0))];
    for _ in 0..3 {
        bench.feed(&at_1);
        bench.advance(30 * SECOND);
    }
    bench.feed(&[("longitude", V::N(111.0)), ("latitude", V::N(35.0)), ("fix", V::B(true)), ("satellites", V::N(9.0))]);
    for seconds in [30, 60, 90] {
        let then = bench.now.plus_ms(-seconds * SECOND);
        bench.feed_at(then, &[("longitude", V::N(lon(1))), ("latitude", V::N(35.0))]);
    }
    bench.advance(11 * HOUR);
    assert_eq!(at(&mut bench, 111.0, true), ["+r/k major"]);
    // Of a day on which nobody kept time it is not said what was missed.
    bench.advance(13 * HOUR);
    assert_eq!(at(&mut bench, 111.0, true), ["-r/k"]);
    bench.state.shift(5 * MINUTE);
    bench.advance(11 * HOUR);
    assert_eq!(at(&mut bench, 111.0, true), [""; 0]);
}

#[test]
fn mistakes_are_said_at_load() {
    for (kind, body, wanted) in [
        ("manhole", r#"incident(missed_stops("R7", msg, "06:00", 20.s) > 0);"#, "has no field `longitude`"),
        ("truck", r#"incident(missed_stops(dev.route, msg, "26:00", 20.s) > 0);"#, "\"26:00\" is no time of day"),
        ("truck", r#"incident(missed_stops(dev.route, dev, "06:00", 20.s) > 0);"#, "takes the message after the route"),
        (
            "truck",
            r#"incident(missed_stops(dev.route, msg, "06:00", 20) > 0);"#,
            "a whole number stands where a length of time",
        ),
        ("truck", r#"incident(missed_stops(dev.route, msg, "06:00", 2.h) > 0);"#, "longer than an hour"),
        ("truck", r#"incident(missed_stops("", msg, "06:00", 20.s) > 0);"#, "a place without a name"),
        ("truck", r#"incident(missed_stops(dev.route, msg, 20.s) > 0);"#, "cannot be called like this"),
        (
            "truck",
            r#"incident(missed_stops(dev.route, msg, "06:00", 20.s));"#,
            "a whole number stands where a condition",
        ),
        (
            "truck",
            r#"let m = 0; for n in 0..2 { m = missed_stops(dev.route, msg, "06:00", 20.s); } incident(m > 0);"#,
            "this call runs many times",
        ),
        (
            "truck",
            r#"incident(missed_stops(dev.route, msg, "06:00", 20.s) > missed_stops(dev.route, msg, "12:00", 9.s));"#,
            "two slots are",
        ),
        (
            "truck",
            r#"incident(msg.speed_kmh > 9.0, #{ text_en: "[{missed_stops}]" });"#,
            "does not call `missed_stops`",
        ),
    ] {
        let mistakes = Pack::compile(&[("r.rhai".to_owned(), rule(kind, body))].into()).unwrap_err();
        assert!(common::show(&mistakes).contains(wanted), "{body}\n{}", common::show(&mistakes));
    }
    let named = rule("truck", r#"incident(missed_stops("R9", msg, "06:00", 20.s) > 0);"#);
    let pack = Pack::compile(&[("r.rhai".to_owned(), named)].into()).unwrap();
    let told = common::show(&pack.unknown_places(&gengfu_rules::Places::from(places(1))));
    assert!(told.contains("no place of the name or kind `R9`"), "{told}");
    assert_eq!(pack.memory_ms(), 24 * HOUR, "a trial warms up for a day");
}

/// Any numbers, the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

#[test]
fn both_tiers_remember_the_same_and_so_does_a_state_that_was_stored() {
    let mut dice = Dice(3);
    let body = r#"let a = missed_stops(dev.route, msg, "06:00", 20.s);
        let b = missed_stops("R8", msg, "20:30", 0.s, "b");
        incident(a > 2 || b == 0, a);"#;
    let mut benches = [Tier::Lowered, Tier::Interpreter, Tier::Lowered].map(|tier| bench(tier, body, 5));
    let (mut raised, mut cleared, mut restored) = (0, 0, 0);
    for _ in 0..6_000 {
        // Mostly a halt or a way from stop to stop; now and then elsewhere, without a fix, or in the wrong order.
        let lon = lon(dice.below(6) as usize) + (dice.below(5) as f64 - 2.0) * 0.000_15;
        let good = dice.below(12) > 0;
        let back = if dice.below(15) == 0 { 40 * SECOND } else { 0 };
        let pass = [10, 20, 30, 90, 400, 3_000][dice.below(6) as usize] * SECOND;
        let route = (dice.below(200) == 0).then(|| if dice.below(2) == 0 { "R7" } else { "R8" });
        let said = benches.each_mut().map(|bench| {
            if let Some(route) = route {
                bench.device.attributes.insert("route".into(), Value::Text(route.into()));
            }
            let time = bench.now.plus_ms(-back);
            let mut said =
                bench.feed_at(time, &[("longitude", V::N(lon)), ("latitude", V::N(35.0)), ("fix", V::B(good))]);
            said.extend(bench.advance(pass));
            said
        });
        assert_eq!(said[0], said[1]);
        assert_eq!(said[0], said[2]);
        if dice.below(20) == 0 {
            // The third one is stopped and started again.
            let stored = serde_json::to_string(&benches[2].state).unwrap();
            benches[2].state = serde_json::from_str::<RuleState>(&stored).unwrap();
            restored += 1;
        }
        raised += said[0].iter().filter(|said| said.starts_with('+')).count();
        cleared += said[0].iter().filter(|said| said.starts_with('-')).count();
    }
    let [a, b, c] = &benches;
    assert_eq!((&a.state, &a.state), (&b.state, &c.state));
    for (a, b) in a.signals.iter().zip(&b.signals) {
        assert_eq!((&a.assertion, &a.evidence.steps), (&b.assertion, &b.evidence.steps));
        assert_eq!(benches[0].pack.replays("r", &a.evidence), Ok(true));
        assert_eq!(benches[1].pack.replays("r", &b.evidence), Ok(true));
    }
    assert!(raised > 20 && cleared > 20 && restored > 100, "{raised} raised, {cleared} cleared: it looks at nothing");
}

/// Records of a journal with one truck.
#[derive(Default)]
struct Journal(Vec<(Record, Option<DecodedMessage>)>);

impl Journal {
    fn ask(&mut self, time: i64, action: Action) {
        let roles = vec![Role::Engineer, Role::Administrator];
        let request = Control::Request(StaffRequest { user: "local".into(), roles, action });
        self.give(time, Body::Control(request), None);
    }

    fn say(&mut self, time: i64, lon: f64) {
        let sample =
            |name: &str, value| Sample { field: Kind::Truck.field(name).unwrap(), value, quality: Quality::Ok };
        let samples = vec![
            sample("longitude", Value::Number(lon)),
            sample("latitude", Value::Number(35.0)),
            sample("fix", Value::Bool(true)),
        ];
        let payload: Arc<[u8]> = Arc::from(format!("{}", self.0.len()).into_bytes());
        let result = Ok(Decoded { readings: vec![Reading { samples, ..Reading::default() }], rejected: Vec::new() });
        let decoded = DecodedMessage { payload_hash: payload_hash(&payload), result };
        let envelope = Envelope {
            device: common::device(Kind::Truck).id,
            kind: Kind::Truck,
            model: "".into(),
            transport: Transport::Mqtt,
            format: PayloadFormat::Json,
            key: MessageKey::Explicit(format!("m-{}", self.0.len()).into()),
            received_at: Timestamp(time),
            payload,
        };
        self.give(time, Body::Message(envelope), Some(decoded));
    }

    fn give(&mut self, time: i64, body: Body, decoded: Option<DecodedMessage>) {
        let seq = Seq(self.0.len() as u64 + 1);
        self.0.push((Record { seq, time: Timestamp(time), body }, decoded));
    }
}

#[test]
fn a_replay_from_a_checkpoint_in_the_middle_of_the_round_misses_the_same_stops() {
    let files = BTreeMap::from([("r.rhai".to_owned(), rule("truck", BODY))]);
    let mut device = common::device(Kind::Truck);
    device.attributes.insert("route".into(), Value::Text("R7".into()));
    let mut journal = Journal::default();
    journal.ask(START, Action::ActivatePack { files: files.clone() });
    journal.ask(START, Action::AddDevices { devices: vec![device], replace: false });
    journal.ask(START, Action::PutPlaces { places: places(6) });
    let morning = START + 20 * HOUR;
    journal.say(START, 111.0);
    for stop in [0, 1, 3] {
        let time = morning + stop as i64 * 10 * MINUTE;
        journal.say(time, lon(stop));
        journal.say(time + 15 * SECOND, lon(stop));
        journal.say(time + 30 * SECOND, lon(stop));
    }
    journal.say(morning + 12 * HOUR, 111.0);

    let profile = Arc::new(Profile::parse(gengfu_cases::profile::YUNCHENG).unwrap());
    let texts = |output: &mut Output| {
        let effects = output.effects.take();
        let text = |effect: &Effect| match effect {
            Effect::Incident(incident) => Some(incident.text_en.to_string()),
            _ => None,
        };
        let mut texts: Vec<String> = effects.iter().filter_map(|(_, effect)| text(effect)).collect();
        texts.dedup();
        texts
    };
    // A checkpoint between the two positions of a halt, and one after each record.
    for cut in 4..journal.0.len() {
        let (before, after) = journal.0.split_at(cut);
        let mut engine = Engine::new(Arc::clone(&profile));
        let mut output = Output::default();
        for (record, decoded) in before {
            engine.apply(record, decoded.as_ref(), &mut output);
        }
        let mut round = engine.begin_round();
        let rows = engine.round_rows(&mut round, 100);
        let packs = [(Arc::clone(engine.pack().version()), Arc::new(files.clone()))].into();
        let recovered = Recovered { position: round.position, packs, ..Recovered::default() };
        let mut replayed =
            Engine::recover(Arc::clone(&profile), recovered, Some((round.position, &round.tables))).unwrap();
        for row in &rows {
            replayed.restore_device(row).unwrap();
        }
        texts(&mut output);
        for (record, decoded) in after {
            replayed.apply(record, decoded.as_ref(), &mut output);
        }
        assert_eq!(texts(&mut output), ["3 missed: 点2, 点4, 点5"], "cut at {cut}");
    }
}
