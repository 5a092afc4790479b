//! "Why did this not fire": an evaluation with everything shown, and nothing changed.

mod common;

use common::{Bench, MINUTE, SECOND, V, compile, rule};
use gengfu_model::Kind;
use gengfu_rules::{Context, Why};

fn why(bench: &Bench, rule: &str) -> Option<Why> {
    let cx = Context::new(&bench.device, &bench.latest, &bench.parameters, bench.now, bench.seq);
    bench.pack.why(&cx, &bench.state, rule)
}

fn value(why: &Why, text: &str) -> (String, String) {
    let found = why.steps.iter().find(|step| step.text == text);
    let found = found.unwrap_or_else(|| panic!("no step {text}: {:#?}", why.steps));
    (found.value.clone(), found.because.clone())
}

#[test]
fn every_sub_expression_has_its_value_and_unknown_its_reason() {
    for body in [
        "incident(held(msg.tilt_deg > 10.0, 1.min) && !msg.cover_open && msg.ch4_pct_lel < 20.0 && dev.baseline_tilt_deg < 90.0);",
        "let n = 0;\nfor x in [1] { n += x; }\nincident(held(msg.tilt_deg > 10.0, 1.min) && !msg.cover_open && msg.ch4_pct_lel < 20.0 && dev.baseline_tilt_deg < 90.0);",
    ] {
        let mut bench = Bench::of(Kind::Manhole, body);
        bench.feed(&[("ch4_pct_lel", 1.0.into())]);
        bench.advance(26 * MINUTE);
        bench.feed(&[("tilt_deg", 12.0.into()), ("h2s_ppm", V::Faulty)]);
        bench.advance(20 * SECOND);
        let before = bench.state.clone();
        let why = why(&bench, "r").unwrap();
        assert_eq!(bench.state, before);
        assert_eq!(value(&why, "msg.tilt_deg > 10.0"), ("true".to_owned(), String::new()));
        assert_eq!(value(&why, "held(msg.tilt_deg > 10.0, 1.min)").0.as_str(), "false");
    }
}

#[test]
fn a_rule_that_waits_for_a_field_says_so() {
    let mut bench =
        Bench::of(Kind::Manhole, "incident(msg.tilt_deg > 10.0 && msg.ch4_pct_lel < 20.0 && !msg.cover_open);");
    bench.feed(&[("ch4_pct_lel", 1.0.into())]);
    bench.advance(26 * MINUTE);
    bench.feed(&[("tilt_deg", 12.0.into())]);
    let why = why(&bench, "r").unwrap();
    assert_eq!((why.keys[0].is.as_str(), why.keys[0].says.as_str()), ("unknown", "nothing"));
    let (said, because) = value(&why, "msg.tilt_deg > 10.0 && msg.ch4_pct_lel < 20.0 && !msg.cover_open");
    assert_eq!(said, "unknown");
    assert!(because.contains("msg.cover_open is never seen"), "{because}");
    assert!(because.contains("msg.ch4_pct_lel is stale: 1560 s old, usable for 1500 s"), "{because}");
    assert!(!because.contains("tilt_deg"), "{because}");
    let states: Vec<_> = why.readings.iter().map(|reading| (reading.field, reading.state.as_str())).collect();
    assert_eq!(states[0], ("tilt_deg", "usable"));
    assert!(states.contains(&("cover_open", "never seen")), "{states:?}");
}

#[test]
fn a_length_of_time_is_shown_as_a_rule_writes_it() {
    let mut bench = Bench::shipped(Kind::Manhole);
    bench.feed(&[("tilt_deg", 12.0.into())]);
    let why = why(&bench, "manhole-tilt").unwrap();
    assert_eq!(value(&why, "param.hold").0, "10.s");
    assert_eq!(value(&why, "param.lean_deg").0, "10");
}

#[test]
fn timers_and_verdicts_are_shown() {
    let mut bench = Bench::of(Kind::Manhole, "incident(held(msg.tilt_deg > 10.0, 1.min));");
    bench.feed(&[("tilt_deg", 12.0.into())]);
    let early = why(&bench, "r").unwrap();
    let held = early.slots.iter().find(|slot| slot.id.contains(":held:")).unwrap();
    assert_eq!(held.due, Some(bench.now.plus_ms(MINUTE)));
    assert_eq!((early.keys[0].is.as_str(), early.keys[0].says.as_str()), ("clear", "clear"));
    bench.advance(MINUTE);
    let late = why(&bench, "r").unwrap();
    assert_eq!((late.keys[0].is.as_str(), late.keys[0].says.as_str()), ("major", "major"));
}

/// What a rule says of a device by a message that carried these fields.
fn says(bench: &Bench, rule: &str, fields: &[&str]) -> Vec<(String, bool)> {
    let bits = fields.iter().map(|name| 1_u32 << bench.device.kind.field(name).expect("a field of the kind").0);
    let cx = Context::new(&bench.device, &bench.latest, &bench.parameters, bench.now, bench.seq);
    let said = bench.pack.says(&cx, &bench.state, rule, bits.fold(0, |all, bit| all | bit));
    said.into_iter().map(|(key, holds)| (key.to_string(), holds)).collect()
}

#[test]
fn a_rule_is_asked_what_it_makes_of_each_message() {
    // A lamp that is dark at night; by day its rule says nothing, whatever comes.
    let mut lamp = Bench::shipped(Kind::Streetlight);
    let night = [("on", true.into()), ("power_w", 0.0.into()), ("voltage_v", 220.0.into())];
    let carried = ["on", "power_w", "voltage_v"];
    lamp.feed(&night);
    lamp.advance(11 * MINUTE);
    lamp.feed(&night);
    let before = lamp.state.clone();
    let dark = |bench: &Bench, fields: &[&str]| {
        says(bench, "streetlight-dark", fields).into_iter().find(|(key, _)| key == "dark").map(|(_, holds)| holds)
    };
    assert_eq!(dark(&lamp, &carried), Some(true));
    assert_eq!(dark(&lamp, &["temperature_c"]), None, "it reads nothing of that message");
    assert_eq!(lamp.state, before, "and nothing changes");
    lamp.feed(&[("on", false.into()), ("power_w", 0.0.into())]);
    assert_eq!(dark(&lamp, &carried), None, "it is switched off");
    lamp.feed(&[("on", true.into()), ("power_w", 90.0.into())]);
    assert_eq!(dark(&lamp, &carried), Some(false));
    assert_eq!(says(&lamp, "no-such-rule", &carried), []);

    let mut cover = Bench::of(Kind::Manhole, "incident(msg.tilt_deg > 30.0);");
    assert_eq!(says(&cover, "r", &["tilt_deg"]), [], "it was never heard");
    for (tilt, holds) in [(40.0, true), (41.0, true), (2.0, false), (1.0, false)] {
        cover.feed(&[("tilt_deg", tilt.into())]);
        assert_eq!(
            says(&cover, "r", &["tilt_deg"]).iter().map(|(_, holds)| *holds).collect::<Vec<_>>(),
            [holds],
            "{tilt}"
        );
    }
}

#[test]
fn a_failure_and_a_quarantine_are_shown() {
    let mut bench = Bench::of(Kind::Toilet, "incident(10 / msg.visits > 3 && msg.sos);");
    for _ in 0..gengfu_rules::FAULTS_TO_QUARANTINE {
        bench.feed(&[("visits", 0.0.into())]);
    }
    let why = why(&bench, "r").unwrap();
    assert_eq!(why.fault, Some((3, 10, "integer division by zero".to_owned())));
    assert!(why.kept_from[0].contains("kept from the rule"), "{:?}", why.kept_from);
}

#[test]
fn another_kind_has_no_such_rule() {
    let pack = compile(&[("r.rhai", &rule("manhole", "incident(msg.water);"))]);
    assert!(why(&Bench::new(pack, Kind::Bin), "r").is_none());
}
