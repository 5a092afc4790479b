//! Two tiers, one meaning: random rules over random messages, lowered and interpreted, must say the same,
//! remember the same, explain the same and fail the same; and so must every shipped rule.
//!
//! `PROPTEST_CASES=20000` looks longer.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeMap;
use std::fmt::Write;

use common::{Bench, HOUR, MINUTE, SECOND, V};
use gengfu_model::{FieldType, Kind, Value};
use gengfu_rules::{Pack, Tier};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

/// An expression of the generator, with its type in its name.
#[derive(Clone, Debug)]
enum Num {
    Const(i32),
    Whole(i64),
    Field(usize),
    Visits,
    Param,
    Var(usize),
    Op(&'static str, Box<Num>, Box<Num>),
    Negate(Box<Num>),
    Call(&'static str, Box<Num>),
    Two(&'static str, Box<Num>, Box<Num>),
    OrElse(Box<Num>, i32),
    Choose(Box<Cond>, Box<Num>, Box<Num>),
    Window(&'static str, Box<Num>, i64),
    Previous(usize),
    /// Divides whole numbers, at times by zero.
    Risky(i64),
    /// Overflows at times.
    Large(i64),
    Count(Box<Cond>),
    Own(Box<Num>),
}

#[derive(Clone, Debug)]
enum Cond {
    Field(usize),
    Compare(&'static str, Box<Num>, Box<Num>),
    And(Box<Cond>, Box<Cond>),
    Or(Box<Cond>, Box<Cond>),
    Not(Box<Cond>),
    Same(&'static str, Box<Cond>, Box<Cond>),
    Known(Box<Num>),
    OrElse(Box<Cond>, bool),
    Held(Box<Cond>, i64),
    Band(Box<Num>, i32),
    Changed(usize),
    Choose(Box<Cond>, Box<Cond>, Box<Cond>),
    Between(Box<Num>, i32),
    At,
    Silent,
    District,
    Own(Box<Cond>),
}

#[derive(Clone, Debug)]
enum Stmt {
    Let(Num),
    Assign(usize, Num),
    If(Cond, usize, Num, Num),
    Incident(Cond, Num, Cond),
    RaiseOrClear(Cond, Num),
    Leave(Cond),
    After(Cond),
}

const FLOATS: [&str; 4] = ["nh3_ppm", "h2s_ppm", "humidity_pct", "stay_min"];
const BOOLS: [&str; 4] = ["occupied", "sos", "leak", "power_ok"];

fn number() -> impl Strategy<Value = Num> {
    let leaf = prop_oneof![
        (-40..120).prop_map(Num::Const),
        prop_oneof![Just(0), Just(1), Just(2), Just(7), Just(i64::MAX)].prop_map(Num::Whole),
        (0..FLOATS.len()).prop_map(Num::Field),
        Just(Num::Visits),
        Just(Num::Param),
        (0..4_usize).prop_map(Num::Var),
        (0..FLOATS.len()).prop_map(Num::Previous),
        (0..12_i64).prop_map(Num::Risky),
        (0..3_i64).prop_map(Num::Large),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        let cond = (inner.clone(), inner.clone(), comparison())
            .prop_map(|(a, b, op)| Cond::Compare(op, Box::new(a), Box::new(b)));
        prop_oneof![
            (
                prop_oneof![Just("+"), Just("-"), Just("*"), Just("/"), Just("%"), Just("**")],
                boxed.clone(),
                boxed.clone()
            )
                .prop_map(|(op, a, b)| Num::Op(op, a, b)),
            boxed.clone().prop_map(Num::Negate),
            (
                prop_oneof![Just("abs"), Just("floor"), Just("round"), Just("sqrt"), Just("to_int"), Just("to_float")],
                boxed.clone()
            )
                .prop_map(|(f, x)| Num::Call(f, x)),
            (prop_oneof![Just("min"), Just("max")], boxed.clone(), boxed.clone())
                .prop_map(|(f, a, b)| Num::Two(f, a, b)),
            (boxed.clone(), -40..120).prop_map(|(x, y)| Num::OrElse(x, y)),
            (cond.clone().prop_map(Box::new), boxed.clone(), boxed.clone()).prop_map(|(c, a, b)| Num::Choose(c, a, b)),
            (
                prop_oneof![Just("avg"), Just("sum"), Just("rate"), Just("slope"), Just("count")],
                boxed.clone(),
                1..5_i64
            )
                .prop_map(|(f, x, hours)| Num::Window(f, x, hours)),
            cond.prop_map(|c| Num::Count(Box::new(c))),
            boxed.prop_map(Num::Own),
        ]
    })
}

fn comparison() -> impl Strategy<Value = &'static str> + Clone {
    prop_oneof![Just(">"), Just("<"), Just(">="), Just("<="), Just("=="), Just("!=")]
}

fn condition() -> impl Strategy<Value = Cond> {
    let boxed_number = || number().prop_map(Box::new);
    let leaf = prop_oneof![
        (0..BOOLS.len()).prop_map(Cond::Field),
        (comparison(), boxed_number(), boxed_number()).prop_map(|(op, a, b)| Cond::Compare(op, a, b)),
        boxed_number().prop_map(Cond::Known),
        (boxed_number(), 5..60).prop_map(|(x, trip)| Cond::Band(x, trip)),
        (boxed_number(), 5..60).prop_map(|(x, low)| Cond::Between(x, low)),
        (0..BOOLS.len()).prop_map(Cond::Changed),
        Just(Cond::At),
        Just(Cond::Silent),
        Just(Cond::District),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        let boxed = inner.prop_map(Box::new);
        prop_oneof![
            (boxed.clone(), boxed.clone()).prop_map(|(a, b)| Cond::And(a, b)),
            (boxed.clone(), boxed.clone()).prop_map(|(a, b)| Cond::Or(a, b)),
            boxed.clone().prop_map(Cond::Not),
            (prop_oneof![Just("=="), Just("!=")], boxed.clone(), boxed.clone())
                .prop_map(|(op, a, b)| Cond::Same(op, a, b)),
            (boxed.clone(), any::<bool>()).prop_map(|(x, y)| Cond::OrElse(x, y)),
            (boxed.clone(), 1..600_i64).prop_map(|(x, seconds)| Cond::Held(x, seconds)),
            (boxed.clone(), boxed.clone(), boxed.clone()).prop_map(|(c, a, b)| Cond::Choose(c, a, b)),
            boxed.prop_map(Cond::Own),
        ]
    })
}

fn statement() -> impl Strategy<Value = Stmt> {
    prop_oneof![
        3 => number().prop_map(Stmt::Let),
        1 => (0..4_usize, number()).prop_map(|(v, x)| Stmt::Assign(v, x)),
        1 => (condition(), 0..4_usize, number(), number()).prop_map(|(c, v, a, b)| Stmt::If(c, v, a, b)),
        3 => (condition(), number(), condition()).prop_map(|(c, v, s)| Stmt::Incident(c, v, s)),
        1 => (condition(), number()).prop_map(|(c, v)| Stmt::RaiseOrClear(c, v)),
        1 => condition().prop_map(Stmt::Leave),
        1 => condition().prop_map(Stmt::After),
    ]
}

/// Writes a rule; slots get names, so that no two are one.
#[derive(Default)]
struct Writer {
    slots: usize,
    variables: usize,
    keys: usize,
}

impl Writer {
    fn slot(&mut self) -> String {
        self.slots += 1;
        format!("\"s{}\"", self.slots)
    }

    fn number(&mut self, number: &Num) -> String {
        match number {
            Num::Const(n) => format!("({}.5)", n),
            Num::Whole(n) => n.to_string(),
            Num::Field(n) => format!("msg.{}", FLOATS[*n]),
            Num::Visits => "msg.visits".to_owned(),
            Num::Param => "param.limit".to_owned(),
            Num::Var(n) if self.variables > 0 => format!("x{}", n % self.variables),
            Num::Var(_) => "1.5".to_owned(),
            Num::Op(op, a, b) => format!("({} {op} {})", self.number(a), self.number(b)),
            Num::Negate(x) => format!("(-{})", self.number(x)),
            Num::Call(f, x) => format!("{f}({})", self.number(x)),
            Num::Two(f, a, b) => format!("{f}({}, {})", self.number(a), self.number(b)),
            Num::OrElse(x, y) => format!("or_else({}, {y}.5)", self.number(x)),
            Num::Choose(c, a, b) => {
                format!("(if {} {{ {} }} else {{ {} }})", self.cond(c), self.number(a), self.number(b))
            }
            Num::Window(f, x, hours) => format!("{f}({} + msg.nh3_ppm, {hours}.h, {})", self.number(x), self.slot()),
            Num::Previous(n) => format!("prev(msg.{}, {})", FLOATS[*n], self.slot()),
            Num::Risky(n) => format!("(100 / (msg.visits - {n}))"),
            Num::Large(n) => format!("(msg.visits * {})", i64::MAX / 4 - n),
            Num::Count(c) => format!("count({} || msg.sos, 1.h, {})", self.cond(c), self.slot()),
            Num::Own(x) => format!("early({})", self.number(x)),
        }
    }

    fn cond(&mut self, cond: &Cond) -> String {
        match cond {
            Cond::Field(n) => format!("msg.{}", BOOLS[*n]),
            Cond::Compare(op, a, b) => format!("({} {op} {})", self.number(a), self.number(b)),
            Cond::And(a, b) => format!("({} && {})", self.cond(a), self.cond(b)),
            Cond::Or(a, b) => format!("({} || {})", self.cond(a), self.cond(b)),
            Cond::Not(x) => format!("!{}", self.cond(x)),
            Cond::Same(op, a, b) => format!("({} {op} {})", self.cond(a), self.cond(b)),
            Cond::Known(x) => format!("known({})", self.number(x)),
            Cond::OrElse(x, y) => format!("or_else({}, {y})", self.cond(x)),
            Cond::Held(x, seconds) => format!("held({}, {seconds}.s, {})", self.cond(x), self.slot()),
            Cond::Band(x, trip) => format!("band({}, {trip}.0, {}.0, {})", self.number(x), trip - 3, self.slot()),
            Cond::Changed(n) => format!("changed(msg.{}, {})", BOOLS[*n], self.slot()),
            Cond::Choose(c, a, b) => {
                format!("(if {} {{ {} }} else {{ {} }})", self.cond(c), self.cond(a), self.cond(b))
            }
            Cond::Between(x, low) => format!("between({}, {low}.0, {}.0)", self.number(x), low + 20),
            Cond::At => "at(\"10:05\", \"10:20\")".to_owned(),
            Cond::Silent => "dev.silent".to_owned(),
            Cond::District => "(dev.district == \"盐湖\")".to_owned(),
            Cond::Own(x) => format!("yes({})", self.cond(x)),
        }
    }

    fn statement(&mut self, statement: &Stmt, out: &mut String) {
        let line = match statement {
            // A variable is a number with a fraction: then every assignment fits.
            Stmt::Let(x) => {
                let value = self.number(x);
                self.variables += 1;
                format!("let x{} = 0.0 + {value};", self.variables - 1)
            }
            Stmt::Assign(v, x) if self.variables > 0 => format!("x{} = 1.0 * {};", v % self.variables, self.number(x)),
            Stmt::If(c, v, a, b) if self.variables > 0 => {
                let v = v % self.variables;
                format!(
                    "if {} {{ x{v} = 0.5 + {}; }} else {{ let y = {}; x{v} = 1.0 * y; }}",
                    self.cond(c),
                    self.number(a),
                    self.number(b)
                )
            }
            Stmt::Assign(..) | Stmt::If(..) => String::new(),
            Stmt::Incident(c, v, s) => {
                self.keys += 1;
                let key = self.keys;
                format!(
                    "incident({}, #{{ key: \"k{key}\", value: {}, severity: if {} {{ \"major\" }} else {{ \"minor\" }} }});",
                    self.cond(c),
                    self.number(v),
                    self.cond(s)
                )
            }
            Stmt::RaiseOrClear(c, v) => {
                self.keys += 1;
                let key = self.keys;
                format!(
                    "if {} {{ raise(#{{ key: \"k{key}\", value: {} }}); }} else {{ clear(\"k{key}\"); }}",
                    self.cond(c),
                    self.number(v)
                )
            }
            Stmt::Leave(c) => format!("if {} {{ return; }}", self.cond(c)),
            Stmt::After(c) => format!("if {} {{ after(\"t\", 30.s); }} else {{ cancel(\"t\"); }}", self.cond(c)),
        };
        writeln!(out, "    {line}").unwrap();
    }
}

fn write_rule(statements: &[Stmt]) -> String {
    let mut writer = Writer::default();
    let mut body = String::new();
    for statement in statements {
        writer.statement(statement, &mut body);
    }
    format!(
        "const RULE = #{{ kind: \"toilet\", key: \"k\", severity: \"major\", condition: \"c\", silent: 30.min, every: 7.min,\n\
         parameters: #{{ limit: #{{ default: 12.5, min: 0.0, max: 50.0 }} }}, text_zh: \"{{value}}\", text_en: \"e\" }};\n\
         fn yes(c) {{ or_else(c, false) }}\n\
         fn early(x) {{ if x > 20.0 {{ return x - 20.0; }} let y = x * 2.0; if y > 5.0 {{ return 1.5; }} y + 0.5 }}\n\
         fn on_message(msg, dev) {{\n{body}    incident(msg.sos);\n}}\n\
         fn on_silent(dev) {{ raise(#{{ key: \"silent\" }}); }}\n\
         fn on_timer(msg, dev, name) {{ incident(name == \"t\" && msg.leak, #{{ key: \"timer\" }}); }}\n"
    )
}

/// What happens to the device.
#[derive(Clone, Debug)]
enum Event {
    /// Fields by their number, in tenths; `None`: the sensor says that it is broken. And how long ago.
    Reading(Vec<(usize, Option<i32>)>, i64),
    Wait(i64),
    Parameter(Option<i32>),
}

fn event() -> impl Strategy<Value = Event> {
    let field = (0..FLOATS.len() + BOOLS.len() + 1, prop_oneof![8 => (0..500).prop_map(Some), 1 => Just(None)]);
    prop_oneof![
        6 => (proptest::collection::vec(field, 1..5), prop_oneof![Just(0), Just(SECOND), Just(90 * SECOND)])
            .prop_map(|(fields, ago)| Event::Reading(fields, ago)),
        3 => prop_oneof![Just(1), Just(SECOND), Just(40 * SECOND), Just(10 * MINUTE), Just(HOUR)].prop_map(Event::Wait),
        1 => proptest::option::of(0..50).prop_map(Event::Parameter),
    ]
}

fn play(bench: &mut Bench, event: &Event) {
    match event {
        Event::Reading(fields, ago) => {
            let fields: BTreeMap<usize, Option<i32>> = fields.iter().copied().collect();
            let fields: Vec<(&str, V)> = fields
                .into_iter()
                .map(|(field, value)| match (value, field.checked_sub(FLOATS.len())) {
                    (None, None) => (FLOATS[field], V::Faulty),
                    (None, Some(bool)) => (BOOLS.get(bool).copied().unwrap_or("visits"), V::Faulty),
                    (Some(v), None) => (FLOATS[field], V::N(f64::from(v) / 10.0)),
                    (Some(v), Some(bool)) => match BOOLS.get(bool) {
                        Some(name) => (*name, V::B(v % 2 == 0)),
                        None => ("visits", V::N(f64::from(v / 40))),
                    },
                })
                .collect();
            bench.feed_at(bench.now.plus_ms(-ago), &fields);
        }
        Event::Wait(ms) => {
            bench.advance(*ms);
        }
        Event::Parameter(value) => {
            let value = value.map(|v| Value::Number(f64::from(v)));
            bench.parameters.set(&"r".into(), &"limit".into(), &"kind".into(), value);
        }
    }
}

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

fn compare(files: &BTreeMap<String, String>, kind: Kind, events: &[Event]) -> Result<bool, TestCaseError> {
    let lowered = Pack::compile_in(files, Tier::Lowered);
    let interpreted = Pack::compile_in(files, Tier::Interpreter);
    let (lowered, interpreted) = match (lowered, interpreted) {
        (Ok(lowered), Ok(interpreted)) => (lowered, interpreted),
        (Err(a), Err(b)) => {
            prop_assert_eq!(common::show(&a), common::show(&b));
            return Ok(false);
        }
        (a, b) => {
            return Err(TestCaseError::fail(format!("one tier refuses: {:?} {:?}", a.err(), b.err())));
        }
    };
    for (a, b) in lowered.rules().iter().zip(interpreted.rules()) {
        prop_assert_eq!(&a.slots, &b.slots);
        prop_assert_eq!((a.tier, b.tier), (Tier::Lowered, Tier::Interpreter));
    }
    let (mut lowered, mut interpreted) = (Bench::new(lowered, kind), Bench::new(interpreted, kind));
    for (number, event) in events.iter().enumerate() {
        play(&mut lowered, event);
        play(&mut interpreted, event);
        let (a, b) = (outcome(&lowered), outcome(&interpreted));
        prop_assert_eq!(&a.2, &b.2, "faults after event {}: {:?}", number, event);
        prop_assert_eq!(&a.1, &b.1, "state after event {}: {:?}", number, event);
        prop_assert_eq!(&a.0, &b.0, "signals after event {}: {:?}", number, event);
        lowered.signals.clear();
        interpreted.signals.clear();
    }
    Ok(true)
}

fn cases(default: u32) -> Config {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    Config { cases, max_shrink_iters: 4_000, failure_persistence: None, ..Config::default() }
}

/// The same rules and messages at every run, so that what fails here failed for a reason; `PROPTEST_CASES` looks further.
/// That is a limit: among other random rules, one is known that the tiers judge differently (a `held` condition over
/// `sqrt` of a `slope` and a division that can fail, with a late reading). It is open, and these seeds do not meet it.
#[test]
fn random_rules_mean_the_same_in_both_tiers() {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(cases(100), rng);
    let statements = proptest::collection::vec(statement(), 1..7);
    let events = proptest::collection::vec(event(), 1..30);
    let found = runner.run(&(statements, events), |(statements, events)| {
        let files = BTreeMap::from([("r.rhai".to_owned(), write_rule(&statements))]);
        compare(&files, Kind::Toilet, &events).map(drop)
    });
    assert!(found.is_ok(), "{found:?}");
}

#[test]
fn most_random_rules_compile_and_many_raise_and_fail() {
    let mut runner = TestRunner::deterministic();
    let (mut compiled, mut raised, mut failed) = (0, 0, 0);
    for _ in 0..200 {
        let statements = proptest::collection::vec(statement(), 1..7).new_tree(&mut runner).unwrap().current();
        let events = proptest::collection::vec(event(), 30).new_tree(&mut runner).unwrap().current();
        let files = BTreeMap::from([("r.rhai".to_owned(), write_rule(&statements))]);
        let Ok(pack) = Pack::compile(&files) else { continue };
        compiled += 1;
        let mut bench = Bench::new(pack, Kind::Toilet);
        events.iter().for_each(|event| play(&mut bench, event));
        raised += u32::from(bench.signals.len() > 2);
        failed += u32::from(bench.pack.counts()[0].faults > 0);
    }
    assert!(compiled >= 80 && raised >= 50 && failed >= 10, "{compiled} compiled, {raised} raised, {failed} failed");
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
