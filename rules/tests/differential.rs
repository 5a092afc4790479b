//! Two tiers, one meaning: random rules over random messages, lowered and interpreted, must say the same,
//! remember the same, explain the same and fail the same; and so must every shipped rule.
//!
//! `PROPTEST_CASES=20000` looks longer.

mod common;
mod random;

use std::collections::BTreeMap;
use std::fmt::Debug;

use common::{Bench, HOUR, MINUTE, SECOND, V, rule};
use gengfu_model::{Assertion, FieldType, Kind};
use gengfu_rules::{FaultNote, Pack, Tier};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use random::{Event, Life, event, kind_of, random_rule, write_roundabout, write_rule};

/// How often each rule was evaluated, failed and was passed over, and how it failed last.
fn counts(bench: &Bench) -> Vec<(u64, u64, u64, Option<FaultNote>)> {
    let counts = bench.pack.counts();
    counts.into_iter().map(|c| (c.evaluations, c.faults, c.skipped, c.last_fault)).collect()
}

/// Fails with the first lines that differ. A number that is none is not itself, but shows as itself.
fn same<T: PartialEq + Debug>(what: &str, number: usize, event: &Event, a: &T, b: &T) -> Result<(), TestCaseError> {
    if a == b {
        return Ok(());
    }
    let (a, b) = (format!("{a:#?}"), format!("{b:#?}"));
    let Some(line) = a.lines().zip(b.lines()).position(|(a, b)| a != b) else {
        prop_assert_eq!(a.len(), b.len(), "{} after event {}: {:?}", what, number, event);
        return Ok(());
    };
    let near = |text: &str| text.lines().skip(line.saturating_sub(8)).take(12).collect::<Vec<_>>().join("\n");
    let (a, b) = (near(&a), near(&b));
    Err(TestCaseError::fail(format!("{what} after event {number}, {event:?}; lowered:\n{a}\ninterpreted:\n{b}")))
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
        let (a, b) = (&lowered.bench, &interpreted.bench);
        same("faults", number, event, &counts(a), &counts(b))?;
        same("state", number, event, &a.state, &b.state)?;
        same("signals", number, event, &a.signals, &b.signals)?;
        same("why", number, event, &lowered.why(), &interpreted.why())?;
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

/// What a rule says, without how it is explained, and how often it failed.
fn said(life: &Life) -> (Vec<(&str, &Assertion)>, u64) {
    let said = life.bench.signals.iter().map(|signal| (&*signal.key, &signal.assertion));
    (said.collect(), life.bench.pack.counts().iter().map(|counts| counts.faults).sum())
}

/// The same rule said plainly and lowered, and said with lists, maps, loops and recursion, which the interpreter takes:
/// both must say the same.
fn compare_roundabout(plain: &str, roundabout: &str, events: &[Event]) -> Result<(), TestCaseError> {
    let (Ok(mut lowered), Ok(mut scripted)) = (Life::new(plain, Tier::Lowered), Life::new(roundabout, Tier::Lowered))
    else {
        return Ok(());
    };
    for (number, event) in events.iter().enumerate() {
        lowered.play(event);
        scripted.play(event);
        same(roundabout, number, event, &said(&lowered), &said(&scripted))?;
        lowered.bench.signals.clear();
        scripted.bench.signals.clear();
    }
    Ok(())
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
    let found = runner.run(&(random_rule(), events), |(rule, events)| {
        let (plain, roundabout) = (write_rule(&rule), write_roundabout(&rule));
        if compare(&plain, &events)? {
            compare_roundabout(&plain, &roundabout, &events)?;
        }
        Ok(())
    });
    match found {
        Ok(()) => {}
        Err(TestError::Fail(reason, (rule, events))) => panic!("{reason}\n{}\n{events:?}", write_rule(&rule)),
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

/// What random rules of a kind come to.
#[derive(Debug, Default)]
struct Seen {
    rules: u32,
    compiled: u32,
    raised: u32,
    failed: u32,
    counted: u32,
    commanded: u32,
    /// What the checker said of those that do not compile.
    refusals: BTreeMap<String, u32>,
}

#[test]
fn random_rules_of_every_kind_compile_raise_fail_count_in_groups_and_command() {
    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeMap<Kind, Seen> = BTreeMap::new();
    for _ in 0..300 {
        let rule = random_rule().new_tree(&mut runner).unwrap().current();
        let events = proptest::collection::vec(event(), 30).new_tree(&mut runner).unwrap().current();
        let of_kind = seen.entry(kind_of(&rule)).or_default();
        of_kind.rules += 1;
        let mut life = match Life::new(&write_rule(&rule), Tier::Lowered) {
            Ok(life) => life,
            Err(said) => {
                let first = said.lines().find_map(|line| line.split_once("error: ")).map(|(_, said)| said.to_owned());
                *of_kind.refusals.entry(first.unwrap_or(said)).or_default() += 1;
                continue;
            }
        };
        of_kind.compiled += 1;
        let mut faults = 0;
        for event in &events {
            let before = life.bench.pack.counts()[0].faults;
            life.play(event);
            faults += life.bench.pack.counts()[0].faults.saturating_sub(before);
        }
        let said = |wanted: fn(&Assertion) -> bool| life.bench.signals.iter().filter(|s| wanted(&s.assertion)).count();
        of_kind.raised += u32::from(said(|said| matches!(said, Assertion::Raise { .. })) > 1);
        of_kind.counted += u32::from(said(|said| matches!(said, Assertion::Member { .. })) > 0);
        of_kind.commanded += u32::from(said(|said| matches!(said, Assertion::Command { .. })) > 0);
        of_kind.failed += u32::from(faults > 0);
    }
    for kind in [Kind::Toilet, Kind::Streetlight, Kind::Truck] {
        let Seen { rules, compiled, raised, failed, counted, commanded, .. } = seen[&kind];
        let enough = compiled * 3 >= rules * 2 && raised >= 20 && failed >= 5 && counted >= 8 && commanded >= 5;
        assert!(rules >= 60 && enough, "{kind}: {seen:#?}");
    }
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

/// An explanation once told what a failing evaluation had said before it failed, in the lowered tier alone.
#[test]
fn an_evaluation_that_fails_says_nothing_when_it_is_asked_why() {
    let text = rule("toilet", "incident(msg.sos);\nincident(100 / msg.visits > 3, #{ key: \"b\" });");
    for tier in [Tier::Lowered, Tier::Interpreter] {
        let mut life = Life::new(&text, tier).unwrap();
        life.play(&Event::Reading(vec![(5, Some(0)), (8, Some(0))], 0, false));
        let why = life.why();
        assert_eq!(why.fault, Some((4, 10, "integer division by zero".to_owned())), "{tier:?}");
        assert!(why.keys.iter().all(|key| key.says == "nothing"), "{tier:?}: {:?}", why.keys);
    }
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
        assert_eq!(lowered.signals, interpreted.signals, "{kind}");
        assert_eq!(counts(&lowered), counts(&interpreted), "{kind}");
        assert!(lowered.signals.len() > 20, "{kind}: {}", lowered.signals.len());
        transitions += lowered.signals.len();
    }
    assert!(transitions > 500, "{transitions}");
}
