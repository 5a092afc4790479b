//! Two tiers, one meaning: random rules over random messages, lowered and interpreted, must say the same,
//! remember the same, explain the same and fail the same; and so must every shipped rule.
//!
//! `PROPTEST_CASES=20000` looks longer.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;
mod random;

use std::collections::BTreeMap;

use common::{Bench, HOUR, MINUTE, SECOND, V, rule};
use gengfu_model::{FieldType, Kind};
use gengfu_rules::{Pack, Tier};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use random::{Event, Life, event, random_rule, write_rule};

/// Everything that must be the same.
/// Signals, state, and for each rule its counts.
type OutcomeOf = (String, serde_json::Value, Vec<(u64, u64, u64, String)>);

fn outcome(bench: &Bench) -> OutcomeOf {
    let counts = bench.pack.counts();
    let counts = counts.iter().map(|c| {
        let fault = c.last_fault.as_ref().map(|f| format!("{}:{} {}", f.line, f.column, f.message));
        (c.evaluations, c.faults, c.skipped, fault.unwrap_or_default())
    });
    (format!("{:#?}", bench.signals), serde_json::to_value(&bench.state).unwrap(), counts.collect())
}

/// Whether the rule compiled; it is judged in both tiers.
fn compare(rule: &str, events: &[Event]) -> Result<bool, TestCaseError> {
    let (mut lowered, mut interpreted) = match (Life::new(rule, Tier::Lowered), Life::new(rule, Tier::Interpreter)) {
        (Ok(lowered), Ok(interpreted)) => (lowered, interpreted),
        (Err(a), Err(b)) => {
            prop_assert_eq!(a, b);
            return Ok(false);
        }
        (a, b) => {
            return Err(TestCaseError::fail(format!("one tier refuses: {:?} {:?}", a.err(), b.err())));
        }
    };
    for (a, b) in lowered.bench.pack.rules().iter().zip(interpreted.bench.pack.rules()) {
        prop_assert_eq!(&a.slots, &b.slots);
        prop_assert_eq!((a.tier, b.tier), (Tier::Lowered, Tier::Interpreter));
    }
    for (number, event) in events.iter().enumerate() {
        lowered.play(event);
        interpreted.play(event);
        let (a, b) = (outcome(&lowered.bench), outcome(&interpreted.bench));
        prop_assert_eq!(&a.2, &b.2, "faults after event {}: {:?}", number, event);
        prop_assert_eq!(&a.1, &b.1, "state after event {}: {:?}", number, event);
        prop_assert_eq!(&a.0, &b.0, "signals after event {}: {:?}", number, event);
        for life in [&mut lowered, &mut interpreted] {
            for signal in std::mem::take(&mut life.bench.signals) {
                if !signal.evidence.inputs.is_empty() {
                    let again = life.bench.pack.replays(&signal.rule, &signal.evidence);
                    prop_assert_eq!(again, Ok(true), "{:#?}", signal);
                }
            }
        }
    }
    Ok(true)
}

fn cases(default: u32) -> Config {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    Config { cases, max_shrink_iters: 4_000, failure_persistence: None, ..Config::default() }
}

/// The same rules and messages at every run, so that what fails here failed for a reason; `PROPTEST_CASES` says how
/// many, and `PROPTEST_RNG_SEED` begins elsewhere.
#[test]
fn random_rules_mean_the_same_in_both_tiers() {
    let seed: Option<u64> = std::env::var("PROPTEST_RNG_SEED").ok().and_then(|seed| seed.parse().ok());
    let rng = match seed {
        None => TestRng::deterministic_rng(RngAlgorithm::ChaCha),
        Some(seed) => {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&seed.to_le_bytes());
            TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
        }
    };
    let mut runner = TestRunner::new_with_rng(cases(100), rng);
    let events = proptest::collection::vec(event(), 1..30);
    let found = runner.run(&(random_rule(), events), |(rule, events)| compare(&write_rule(&rule), &events).map(drop));
    assert!(found.is_ok(), "{}", found.unwrap_err());
}

#[test]
fn most_random_rules_compile_and_many_raise_and_fail() {
    let mut runner = TestRunner::deterministic();
    let (mut compiled, mut raised, mut failed) = (0, 0, 0);
    for _ in 0..200 {
        let rule = random_rule().new_tree(&mut runner).unwrap().current();
        let events = proptest::collection::vec(event(), 30).new_tree(&mut runner).unwrap().current();
        let Ok(mut life) = Life::new(&write_rule(&rule), Tier::Lowered) else { continue };
        compiled += 1;
        let mut faults = 0;
        for event in &events {
            let before = life.bench.pack.counts()[0].faults;
            life.play(event);
            faults += life.bench.pack.counts()[0].faults.saturating_sub(before);
        }
        raised += u32::from(life.bench.signals.len() > 2);
        failed += u32::from(faults > 0);
    }
    assert!(compiled >= 120 && raised >= 80 && failed >= 20, "{compiled} compiled, {raised} raised, {failed} failed");
}

/// A random rule that the tiers once judged differently, at its smallest: rhai takes zero for equal to the root of a
/// negative number, which is none, and the lowered tier did not.
#[test]
fn zero_is_not_the_root_of_a_negative_slope() {
    let body = "incident(held((msg.occupied && known(-(100 / (msg.visits - 6)))) == \
                (to_int(msg.visits) == sqrt(slope(or_else(msg.visits, 98) + msg.nh3_ppm, 1.h, \"a\"))), 7.s, \"b\"), \
                #{ value: max(prev(msg.h2s_ppm, \"c\"), -36.0) / avg(100 / (msg.visits - 7), 1.h, \"d\") });";
    let falling = |minute: i64| {
        let fields = vec![(0, Some(400 - i32::try_from(minute).unwrap() * 10)), (4, Some(1)), (8, Some(0))];
        [Event::Reading(fields, 0, false), Event::Wait(10 * MINUTE)]
    };
    let mut events: Vec<Event> = (0..6).flat_map(falling).collect();
    events.push(Event::Reading(vec![(0, Some(320)), (8, Some(0))], 90 * SECOND, false));
    events.push(Event::Wait(10 * SECOND));
    assert!(compare(&rule("toilet", body), &events).unwrap());
    // What is compared with something unknown is unknown: nothing is raised in either tier.
    let mut life = Life::new(&rule("toilet", body), Tier::Lowered).unwrap();
    events.iter().for_each(|event| life.play(event));
    assert!(life.bench.signals.is_empty(), "{:#?}", life.bench.signals);
}

/// Numbers that are none, infinite ones and zero, on both sides of every comparison.
#[test]
fn zero_infinity_and_what_is_no_number_compare_the_same_in_both_tiers() {
    let mut text = String::new();
    for (number, op) in [">", "<", ">=", "<=", "==", "!="].iter().enumerate() {
        text += &format!(
            "incident(msg.nh3_ppm / msg.h2s_ppm {op} msg.stay_min / msg.humidity_pct, #{{ key: \"k{number}\" }});\n"
        );
    }
    let numbers = [0, 1, 30];
    let mut events = Vec::new();
    for a in numbers {
        for b in numbers {
            for c in numbers {
                for d in numbers {
                    let fields = [a, b, c, d].into_iter().enumerate().map(|(field, v)| (field, Some(v))).collect();
                    events.push(Event::Reading(fields, 0, false));
                }
            }
        }
    }
    assert!(compare(&rule("toilet", &text), &events).unwrap());
}

/// Values all over the range of a field, and a little beyond what is usual.
fn sample(kind: Kind, field: usize, seed: u64) -> V {
    let share = (seed % 101) as f64 / 100.0;
    match kind.def().fields[field].ty {
        FieldType::Bool => V::B(seed.is_multiple_of(3)),
        FieldType::Number { min, max } => V::N(min + (max - min) * share * share),
        FieldType::Integer { min, max } => V::N((min as f64 + (max - min) as f64 * share).floor()),
        FieldType::Text { .. } => V::T(["collect", "sweep", "transport"][(seed % 3) as usize]),
    }
}

#[test]
fn every_shipped_rule_means_the_same_in_both_tiers() {
    let files = gengfu_rules::library::files();
    let mut transitions = 0;
    for kind in gengfu_model::catalogue::KINDS.iter().filter_map(|def| Kind::from_name(def.name)) {
        let make = |tier| Bench::new(Pack::compile_in(&files, tier).unwrap(), kind);
        let (mut lowered, mut interpreted) = (make(Tier::Lowered), make(Tier::Interpreter));
        let mut seed: u64 = 88_172_645_463_325_252;
        let mut next = move || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed
        };
        let fields = kind.def().fields;
        for step in 0..1_000 {
            let mut reading = BTreeMap::new();
            for _ in 0..1 + next() % 4 {
                let field = (next() % fields.len() as u64) as usize;
                let value = if next() % 12 == 0 { V::Faulty } else { sample(kind, field, next()) };
                reading.insert(fields[field].name, value);
            }
            let reading: Vec<(&str, V)> = reading.into_iter().collect();
            let wait = [0, SECOND, 20 * SECOND, 5 * MINUTE, 40 * MINUTE, 5 * HOUR][(next() % 6) as usize];
            for bench in [&mut lowered, &mut interpreted] {
                bench.feed(&reading);
                bench.advance(wait);
            }
            assert_eq!(lowered.state, interpreted.state, "{kind} step {step}: {reading:?}");
        }
        assert_eq!(outcome(&lowered), outcome(&interpreted), "{kind}");
        assert!(lowered.signals.len() > 20, "{kind}: {}", lowered.signals.len());
        transitions += lowered.signals.len();
    }
    assert!(transitions > 500, "{transitions}");
}
