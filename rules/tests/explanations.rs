//! Every incident's stored inputs alone evaluate again to the same values.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeMap;

use common::{Bench, HOUR, MINUTE, SECOND, V};
use gengfu_model::{Evidence, FieldType, Kind, Value};
use gengfu_rules::{Pack, Tier, explained_by};

fn sample(ty: FieldType, seed: u64) -> V {
    let share = (seed % 101) as f64 / 100.0;
    match ty {
        FieldType::Bool => V::B(seed.is_multiple_of(3)),
        FieldType::Number { min, max } => V::N(min + (max - min) * share * share),
        FieldType::Integer { min, max } => V::N((min as f64 + (max - min) as f64 * share).floor()),
        FieldType::Text { .. } => V::T("collect"),
    }
}

/// A mixed run over a kind: readings of all fields, some faulty, with gaps and a parameter that changes.
fn run(kind: Kind, tier: Tier) -> Bench {
    let mut bench = Bench::new(Pack::compile_in(&gengfu_rules::library::files(), tier).unwrap(), kind);
    bench.device.token_hash = Some([0xab; 32]);
    let mut seed: u64 = 2_463_534_242;
    let mut next = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let fields = kind.def().fields;
    for step in 0..400 {
        let mut reading = BTreeMap::new();
        for _ in 0..1 + next() % 4 {
            let field = &fields[(next() % fields.len() as u64) as usize];
            let value = if next() % 12 == 0 { V::Faulty } else { sample(field.ty, next()) };
            reading.insert(field.name, value);
        }
        bench.feed(&reading.into_iter().collect::<Vec<_>>());
        bench.advance([0, SECOND, 20 * SECOND, 5 * MINUTE, 40 * MINUTE, 5 * HOUR][(next() % 6) as usize]);
        if step == 200 {
            bench.parameters.set(&"manhole-tilt".into(), &"lean_deg".into(), &"kind".into(), Some(Value::Number(7.5)));
        }
    }
    bench
}

#[test]
fn every_signal_of_a_mixed_run_evaluates_again_to_the_same_values() {
    let mut replayed = 0;
    for kind in gengfu_model::catalogue::KINDS.iter().filter_map(|def| Kind::from_name(def.name)) {
        for tier in [Tier::Lowered, Tier::Interpreter] {
            let bench = run(kind, tier);
            for signal in &bench.signals {
                // As it comes back from the ledger.
                let stored = serde_json::to_string(&signal.evidence).unwrap();
                let evidence: Evidence = serde_json::from_str(&stored).unwrap();
                if evidence.inputs.is_empty() {
                    assert_eq!(evidence.trigger, "message", "a clear by the end of silence evaluates nothing");
                    continue;
                }
                assert!(!stored.contains("abababab"), "no credential: {stored}");
                assert_eq!(explained_by(&evidence).as_ref(), Some(bench.pack.version()));
                let again = bench.pack.replays(&signal.rule, &evidence);
                assert_eq!(again, Ok(true), "{kind} {}/{}: {evidence:#?}", signal.rule, signal.key);
                replayed += 1;
            }
        }
    }
    assert!(replayed > 200, "{replayed}");
}

#[test]
fn other_inputs_or_other_values_are_told() {
    let mut bench = Bench::of(Kind::Manhole, "incident(msg.tilt_deg > 30.0);");
    bench.feed(&[("tilt_deg", 50.0.into())]);
    let evidence = bench.signals[0].evidence.clone();
    assert_eq!(bench.pack.replays("r", &evidence), Ok(true));
    let mut changed = evidence.clone();
    changed.inputs = changed.inputs.replace("50.0", "20.0");
    assert_ne!(changed.inputs, evidence.inputs);
    assert_eq!(bench.pack.replays("r", &changed), Ok(false));
    let mut said = evidence.clone();
    said.steps[0].value = "false".to_owned();
    assert_eq!(bench.pack.replays("r", &said), Ok(false));
    assert!(bench.pack.replays("other", &evidence).is_err());
    assert!(bench.pack.replays("r", &Evidence::default()).is_err());
}
