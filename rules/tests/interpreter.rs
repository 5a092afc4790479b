//! What only the interpreter does: loops, lists, maps and recursion, with the language's own meaning.

mod common;

use common::{Bench, MINUTE, SECOND, V, compile, rule};
use gengfu_model::{Assertion, Kind};
use gengfu_rules::{FAULTS_TO_QUARANTINE, Pack, Tier};

fn manhole(body: &str) -> Bench {
    Bench::of(Kind::Manhole, body)
}

/// The value with which a rule raises for one reading; `None` if it does not, or the value is unknown.
fn value(text: &str, fields: &[(&str, V)]) -> Option<f64> {
    let mut bench = Bench::new(compile(&[("r.rhai", text)]), Kind::Manhole);
    bench.feed(fields);
    let counts = bench.pack.counts();
    assert_eq!(counts[0].faults, 0, "{text}: {:?}", counts[0].last_fault);
    assert_eq!(bench.pack.rules()[0].tier, Tier::Interpreter, "{text}");
    match &bench.signals.first()?.assertion {
        Assertion::Raise { value, .. } => *value,
        Assertion::Clear { .. } | Assertion::Command { .. } | Assertion::Member { .. } => None,
    }
}

/// The fault of a rule for one reading: line, column, message.
fn fault(text: &str, fields: &[(&str, V)]) -> (u32, u32, String) {
    let mut bench = Bench::new(compile(&[("r.rhai", text)]), Kind::Manhole);
    assert_eq!(bench.feed(fields).len(), 0, "a failed evaluation says nothing");
    let note = bench.pack.counts()[0].last_fault.clone().unwrap_or_else(|| panic!("no fault: {text}"));
    (note.line, note.column, note.message)
}

fn computes(body: &str) -> Option<f64> {
    value(
        &rule("manhole", &format!("{body}\nincident(msg.water || true, #{{ value: x }});")),
        &[("water", true.into())],
    )
}

#[test]
fn loops_lists_and_maps_compute() {
    for (body, wanted) in [
        ("let x = 0.0; for n in 0..5 { x += 2.0; }", 10.0),
        ("let x = 0; for n in 0..=5 { x += n; }", 15.0),
        ("let x = 0.0; for v in [1.0, 2.5, 4] { x += v; }", 7.5),
        ("let x = 0; for (v, n) in [10, 20, 30] { x += v * n; }", 80.0),
        ("let x = 1.0; while x < 100.0 { x *= 3.0; }", 243.0),
        ("let x = 0; loop { x += 1; if x >= 7 { break; } }", 7.0),
        ("let x = 0; do { x += 1; } while x < 4;", 4.0),
        ("let x = 0; do { x += 1; } until x == 6;", 6.0),
        ("let x = 0; for n in 0..10 { if n % 2 == 0 { continue; } x += n; }", 25.0),
        ("let a = [1.0, 2.0, 3.0]; let x = a[1] + a[-1];", 5.0),
        ("let a = [1, 2]; a[0] = 5; a[1] += 3; let x = a[0] * a[1];", 25.0),
        ("let a = []; a.push(1.5); a.push(2.5); let x = a[0] + a[1];", 4.0),
        ("let a = [1.0, 2.0]; let b = a; b.push(3.0); let x = a.len() * 10 + b.len();", 23.0),
        ("let a = [1, 2, 3]; let x = a.pop() * 10 + a.len();", 32.0),
        ("let m = #{ low: 1.0, high: 2.0 }; let x = m.low + m[\"high\"];", 3.0),
        ("let m = #{}; m.a = 1.0; m[\"b\"] = 2.0; m.a += 5.0; let x = m.a * m.b;", 12.0),
        ("let m = #{ a: [1.0, 2.0] }; m.a[1] = 7.0; let x = m.a[1];", 7.0),
        ("let t = [[1.0, 2.0], [3.0, 4.0]]; let x = t[1][0];", 3.0),
        ("let t = [#{ v: 4.0 }]; let x = t[0].v;", 4.0),
        ("let x = 0; for k in keys(#{ b: 1, a: 2, c: 3 }) { x += k.len(); }", 3.0),
        ("let x = if [1, 2].contains(2) { 1.0 } else { 0.0 };", 1.0),
        ("let x = if contains(#{ a: 1 }, \"a\") && !contains(#{ a: 1 }, \"b\") { 1.0 } else { 0.0 };", 1.0),
        ("let x = if dev.name.contains(\"民\") { dev.name.len() } else { 0 };", 5.0),
        ("let x = 0.0; for a in [[1, 2], [3]] { for v in a { x += v; } }", 6.0),
        ("let x = 0; for n in 5..2 { x += 1; }", 0.0),
        ("let x = 0; let n = 0; while true { n += 1; if n > 5 { return; } x = n; break; } ", 1.0),
        ("let x = 0.1 + 0.2; let same = [0.3].contains(x); x = if same { 1.0 } else { 0.0 };", 1.0),
    ] {
        // `for x += 2.0` on an integer variable would be a mistake of the table.
        assert_eq!(computes(body), Some(wanted), "{body}");
    }
}

#[test]
fn functions_that_call_themselves_compute() {
    let around = |functions: &str, x: &str| {
        format!(
            "{functions}\n{}",
            rule("manhole", &format!("let x = {x};\nincident(msg.water || true, #{{ value: x }});"))
        )
    };
    for (functions, x, wanted) in [
        ("fn fact(n) { if n <= 1 { 1.0 } else { n * fact(n - 1) } }", "fact(5)", 120.0),
        ("fn fib(n) { if n < 2 { return n; } fib(n - 1) + fib(n - 2) }", "fib(10)", 55.0),
        (
            "fn even(n) { if n == 0 { 1.0 } else { odd(n - 1) } }\nfn odd(n) { if n == 0 { 0.0 } else { even(n - 1) } }",
            "even(10) * 10.0 + even(7)",
            10.0,
        ),
        (
            "fn total(a, n) { if n == a.len() { 0.0 } else { a[n] + total(a, n + 1) } }",
            "total([1.5, 2.5, 3.0], 0)",
            7.0,
        ),
        // `msg`, `dev` and `param` are seen in there as well.
        (
            "fn deep(msg, n) { if n == 0 { if msg.water { 9.0 } else { 1.0 } } else { deep(msg, n - 1) } }",
            "deep(msg, 3)",
            9.0,
        ),
        // The same function with other types is another one.
        ("fn twice(v, n) { if n == 0 { v } else { twice(v + v, n - 1) } }", "twice(1.5, 2) + twice(1, 3)", 14.0),
    ] {
        assert_eq!(value(&around(functions, x), &[("water", true.into())]), Some(wanted), "{functions}");
    }
}

#[test]
fn a_return_ends_its_own_function_from_within_loops() {
    let text = format!(
        "fn first(limit) {{ for n in 0..10 {{ for k in 0..10 {{ if n * k > limit {{ return n * 100 + k; }} }} }} 0 }}\n{}",
        rule("manhole", "let x = first(20); let y = first(1000);\nincident(msg.water, #{ value: x + y });")
    );
    assert_eq!(value(&text, &[("water", true.into())]), Some(307.0));
    let mut bench = manhole("for n in 0..3 { if n == 1 && msg.water { return; } }\nincident(msg.tilt_deg > 10.0);");
    assert_eq!(bench.feed(&[("tilt_deg", 20.0.into()), ("water", true.into())]).len(), 0);
    assert_eq!(bench.feed(&[("water", false.into())]), ["+r/k major"]);
}

#[test]
fn unknown_is_carried_through_lists_and_ends_loops() {
    // `tilt_deg` is known, `ch4_pct_lel` is not.
    for (body, wanted) in [
        ("let a = [msg.ch4_pct_lel, 2.0]; let x = a[0] + a[1];", None),
        ("let a = [msg.ch4_pct_lel, 2.0]; let x = or_else(a[0], 5.0) + a[1];", Some(7.0)),
        ("let a = [msg.ch4_pct_lel, msg.tilt_deg]; let x = 0; for v in a { if known(v) { x += 1; } }", Some(1.0)),
        ("let x = 0; while msg.ch4_pct_lel > 1.0 { x += 1; }", Some(0.0)),
        ("let x = 0; do { x += 1; } until msg.ch4_pct_lel > 1.0;", Some(1.0)),
        ("let x = 0; for n in 0..3 { if msg.ch4_pct_lel > 1.0 { x += 1; } else { x += 10; } }", Some(0.0)),
        ("let m = #{}; let x = or_else(m.nothing, 3.0);", Some(3.0)),
        ("let a = []; let x = or_else(a.pop(), 4.0);", Some(4.0)),
        ("let a = if msg.ch4_pct_lel > 1.0 { [1.0] } else { [2.0] }; let x = 0; for v in a { x += 1; }", Some(0.0)),
        ("let a = if msg.ch4_pct_lel > 1.0 { [1.0] } else { [2.0] }; let x = or_else(a[0], 6.0);", Some(6.0)),
        ("let x = if [1.0].contains(msg.ch4_pct_lel) { 1.0 } else { 2.0 };", None),
    ] {
        let text = rule("manhole", &format!("{body}\nincident(msg.tilt_deg > 1.0, #{{ value: x }});"));
        assert_eq!(value(&text, &[("tilt_deg", 20.0.into())]), wanted, "{body}");
    }
}

#[test]
fn words_with_memory_work_beside_a_loop() {
    let mut bench = manhole(
        "let worst = 0.0;\nfor v in [msg.ch4_pct_lel, msg.h2s_ppm] { worst = max(worst, or_else(v, 0.0)); }\n\
         incident(held(band(worst, 10.0, 8.0), 10.s), #{ value: worst });",
    );
    assert_eq!(bench.feed(&[("ch4_pct_lel", 12.0.into())]).len(), 0);
    assert_eq!(bench.advance(10 * SECOND), ["+r/k major"], "the timer judges again, through the interpreter");
    assert_eq!(bench.feed(&[("ch4_pct_lel", 9.0.into())]).len(), 0);
    assert_eq!(bench.feed(&[("ch4_pct_lel", 7.0.into())]), ["-r/k"]);
    let info = &bench.pack.rules()[0];
    assert!(info.slots.iter().any(|slot| slot == "on_message:band:worst"), "{:?}", info.slots);
    assert_eq!(info.fields, ["ch4_pct_lel", "h2s_ppm"]);
}

#[test]
fn a_window_over_a_computed_value_takes_a_sample_of_each_reading_that_it_read() {
    let mut bench = manhole(
        "let sum = 0.0;\nfor v in [msg.ch4_pct_lel, msg.h2s_ppm] { sum += or_else(v, 0.0); }\n\
         incident(count(sum, 1.h) >= 3);",
    );
    for minute in 0..3 {
        assert!(!bench.is_open(), "{minute}");
        bench.feed(&[("ch4_pct_lel", 1.0.into())]);
        // No sample: the rule did not read it.
        bench.feed(&[("battery_pct", 50.0.into())]);
        bench.advance(MINUTE);
    }
    assert!(bench.is_open());
}

#[test]
fn constants_may_be_tables() {
    let text = format!(
        "const STEPS = [#{{ over: 50.0, level: 3.0 }}, #{{ over: 20.0, level: 2.0 }}, #{{ over: 10.0, level: 1.0 }}];\n{}",
        rule(
            "manhole",
            "let level = 0.0;\nfor step in STEPS { if msg.tilt_deg > step.over { level = step.level; break; } }\n\
             incident(level > 0.5, #{ value: level });"
        )
    );
    for (tilt, level) in [(60.0, Some(3.0)), (21.0, Some(2.0)), (11.0, Some(1.0)), (5.0, None)] {
        assert_eq!(value(&text, &[("tilt_deg", tilt.into())]), level, "{tilt}");
    }
}

#[test]
fn a_failed_evaluation_is_undone_and_says_where() {
    let body = |bad: &str| {
        rule("manhole", &format!("let a = [1, 2];\nlet n = to_int(msg.tilt_deg);\n{bad}\nincident(msg.water);"))
    };
    for (bad, place, message) in [
        ("let y = a[n];", (5, 9), "the list has no such item"),
        ("a[n] = 1;", (5, 8), "the list has no such item"),
        ("let y = 10 / (n - 20);", (5, 9), "integer division by zero"),
        ("let y = 9223372036854775807 + n;", (5, 9), "integer overflow"),
        ("let y = 0; while n > 0 { y += 1; }", (5, 0), "more operations than an evaluation may take"),
        ("let b = []; while n > 0 { b.push(1); }", (5, 0), "a list, a map or a text grows too large"),
        (
            "let m = #{ t: \"x\" }; let y = m.t > 15.0;",
            (5, 30),
            "an item of a list or map is of another type than it is used as",
        ),
        (
            "let y = if a.len() > 1 { [1.0, \"b\"][1] * 2.0 } else { 0.0 };",
            (5, 0),
            "an item of a list or map is of another type than it is used as",
        ),
        ("let b = []; b[0] = 1;", (5, 0), "the list has no such item"),
    ] {
        let (line, column, said) = fault(&body(bad), &[("tilt_deg", 20.0.into()), ("water", true.into())]);
        assert_eq!(said, message, "{bad}");
        assert_eq!(line, place.0, "{bad}");
        if place.1 > 0 {
            assert_eq!(column, place.1, "{bad}");
        }
    }
}

#[test]
fn what_a_failed_evaluation_changed_is_as_before() {
    let mut bench = manhole(
        "let tripped = band(msg.tilt_deg, 10.0, 8.0);\nlet a = [1];\nlet y = a[to_int(msg.battery_pct)];\nincident(tripped);",
    );
    bench.feed(&[("tilt_deg", 5.0.into()), ("battery_pct", 0.0.into())]);
    let before = bench.state.clone();
    bench.feed(&[("tilt_deg", 50.0.into()), ("battery_pct", 1.0.into())]);
    assert_eq!(bench.pack.counts()[0].faults, 1);
    let text = |state| serde_json::to_value(state).unwrap();
    let (old, new) = (text(&before), text(&bench.state));
    // The score of failures alone differs.
    assert_eq!(old["slots"].as_array().unwrap()[1..], new["slots"].as_array().unwrap()[1..]);
    assert_eq!(bench.feed(&[("tilt_deg", 9.0.into()), ("battery_pct", 0.0.into())]).len(), 0, "not tripped at 50");
}

#[test]
fn a_call_of_a_recursive_function_reads_what_its_own_arguments_read() {
    let text = format!(
        "fn times(x, n) {{ if n == 0 {{ 0.0 }} else {{ times(x, n - 1) + x }} }}\n{}",
        rule(
            "manhole",
            "let charge = times(msg.battery_pct, 2);\nlet n = count(times(msg.tilt_deg, 2) > 1.0, 1.d);\n\
             incident(n >= 2, charge);"
        )
    );
    let mut bench = Bench::new(compile(&[("r.rhai", &text)]), Kind::Manhole);
    bench.feed(&[("tilt_deg", 5.0.into()), ("battery_pct", 80.0.into())]);
    bench.advance(MINUTE);
    assert_eq!(bench.feed(&[("battery_pct", 81.0.into())]).len(), 0, "no sample of the tilt");
    bench.advance(MINUTE);
    assert_eq!(bench.feed(&[("tilt_deg", 5.0.into())]), ["+r/k major"]);
}

#[test]
fn recursion_without_an_end_in_sight_ends() {
    let text = format!(
        "fn f(n) {{ if n > 0.0 {{ f(n + 1.0) }} else {{ 0.0 }} }}\n{}",
        rule("manhole", "let x = f(msg.tilt_deg);\nincident(x > 1.0);")
    );
    let (line, _, said) = fault(&text, &[("tilt_deg", 1.0.into())]);
    // The call that began it.
    assert_eq!((line, said.as_str()), (4, "functions call each other too deeply"));
}

#[test]
fn a_device_that_fails_is_kept_from_the_rule_and_others_are_not() {
    let mut bench = manhole("let a = [1];\nlet y = a[to_int(msg.battery_pct)];\nincident(msg.water);");
    for _ in 0..FAULTS_TO_QUARANTINE {
        bench.feed(&[("battery_pct", 5.0.into()), ("water", true.into())]);
    }
    assert_eq!(bench.pack.counts()[0].faults, u64::from(FAULTS_TO_QUARANTINE));
    assert_eq!(bench.feed(&[("battery_pct", 0.0.into())]).len(), 0);
    assert_eq!(bench.pack.counts()[0].skipped, 1);
    bench.state = gengfu_rules::RuleState::default();
    assert_eq!(bench.feed(&[("battery_pct", 0.0.into())]), ["+r/k major"], "another device");
}

#[test]
fn the_loader_says_which_tier_and_why() {
    let plain = rule("manhole", "incident(msg.water);");
    let looping =
        rule("septic", "let n = 0;\n    for v in [1] { n += v; }\n    incident(msg.level_pct > 80.0 && n > 0);");
    let pack = compile(&[("plain.rhai", &plain), ("looping.rhai", &looping)]);
    let infos: Vec<_> = pack.rules().iter().map(|info| (&*info.id, info.tier)).collect();
    assert_eq!(infos, [("plain", Tier::Lowered), ("looping", Tier::Interpreter)]);
    let reason = pack.rules()[1].tier_reason.clone().unwrap();
    assert_eq!((reason.line, reason.column, reason.message.as_str()), (4, 5, "a loop runs in the interpreter"));
    assert_eq!(pack.rules()[0].tier_reason, None);
}

#[test]
fn an_explanation_shows_the_values_of_the_last_turn() {
    let mut bench = manhole(
        "let worst = 0.0;\nfor v in [msg.ch4_pct_lel, msg.h2s_ppm] { if v > worst { worst = v; } }\n\
         incident(worst > 10.0, #{ value: worst });",
    );
    bench.feed(&[("ch4_pct_lel", 12.0.into()), ("h2s_ppm", 3.0.into())]);
    let evidence = &bench.signals[0].evidence;
    let steps: Vec<_> =
        evidence.steps.iter().map(|step| (step.text.as_str(), step.value.as_str(), step.line)).collect();
    assert!(steps.contains(&("worst > 10.0", "true", 5)), "{steps:?}");
    assert!(steps.contains(&("worst", "12", 5)), "{steps:?}");
    let readings: Vec<_> = evidence.readings.iter().map(|reading| reading.field.as_str()).collect();
    assert_eq!(readings, ["ch4_pct_lel", "h2s_ppm"]);
}

#[test]
fn the_same_messages_give_the_same_signals_on_another_thread() {
    let text = rule("manhole", "let n = 0;\nfor v in [msg.tilt_deg] { if v > 10.0 { n += 1; } }\nincident(n > 0);");
    let run = move || {
        let mut bench = Bench::new(compile(&[("r.rhai", &text)]), Kind::Manhole);
        for tilt in [5.0, 11.0, 12.0, 3.0, 40.0] {
            bench.feed(&[("tilt_deg", tilt.into())]);
        }
        format!("{:?} {:?}", bench.signals, bench.state)
    };
    let here = run();
    assert_eq!(std::thread::spawn(run.clone()).join().unwrap(), here);
    assert_eq!(run(), here);
}

#[test]
fn a_pack_moves_between_threads() {
    fn sent<T: Send + Sync>(_: &T) {}
    let pack = Pack::compile(&gengfu_rules::library::files()).unwrap();
    sent(&pack);
}
