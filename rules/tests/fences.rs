//! Rules that try to break out: each is refused at load, or fails with its own evaluation undone; the
//! engine and every other rule go on.
//!
//! The traps of rhai 1.27, and where each is tried (those of the sandbox stand in `src/sandbox.rs`):
//! - functions that natives call escape `max_operations`: closures are refused here; the sandbox's meter is tried by
//!   `operations_in_functions_that_natives_call_count`;
//! - `sleep` is in the core package: refused here, and `there_is_no_way_out`;
//! - `m[k] = v` escapes `max_map_size`: `what_grows_without_end_fails_and_leaves_no_trace`, and
//!   `what_rhai_does_not_measure_ends_with_the_operations`;
//! - `() > 15.0` and `"abc" > 15.0` are silently false: refused here;
//! - deep nesting overflows the stack: `a_stack_of_eight_mebibytes_holds_the_deepest_recursion`, and
//!   `depth_is_bounded_in_text_and_in_calls`;
//! - unknown fields and functions show while running only: the checker's messages are in `golden/`.

mod common;

use std::collections::BTreeMap;

use common::{Bench, MINUTE, compile, rule};
use gengfu_model::Kind;
use gengfu_rules::{FAULTS_TO_QUARANTINE, Pack, QUARANTINE_MS, Tier};

fn refused(text: &str) -> String {
    let files = BTreeMap::from([("r.rhai".to_owned(), text.to_owned())]);
    common::show(&Pack::compile(&files).expect_err(text))
}

#[test]
fn what_leads_out_of_a_rule_is_refused_at_load() {
    for (body, said) in [
        ("eval(\"1\"); incident(msg.water);", "eval"),
        ("import \"x\" as x; incident(msg.water);", "cannot be used in a rule"),
        ("print(msg.tilt_deg); incident(msg.water);", "there is no function `print`"),
        ("debug(1); incident(msg.water);", "there is no function `debug`"),
        ("sleep(1.0); incident(msg.water);", "there is no function `sleep`"),
        ("exit(); incident(msg.water);", "there is no function `exit`"),
        ("let t = timestamp(); incident(msg.water);", "there is no function `timestamp`"),
        ("let r = rand(); incident(msg.water);", "there is no function `rand`"),
        ("let f = Fn(\"x\"); incident(msg.water);", "Fn"),
        ("let f = |x| x; incident(msg.water);", "a function without a name"),
        ("try { incident(msg.water); } catch { }", "`try` cannot be used"),
        ("throw 1; incident(msg.water);", "`throw` cannot be used"),
        ("let s = `${msg.tilt_deg}`; incident(msg.water);", "a text with `${}`"),
        ("let l = [1]; l.map(5); incident(msg.water);", "there is no function `map`"),
        ("let l = []; l.pad(100000000, 0); incident(msg.water);", "there is no function `pad`"),
        ("let s = \"x\" + \"y\"; incident(msg.water);", "cannot take"),
        // Two traps: rhai compares these, and says false.
        ("incident(\"abc\" > 15.0);", "compares a text with a number"),
        ("incident(() > 15.0);", "`()` is no value"),
        ("incident(msg.tilt_deg > \"15\");", "compares a number with a text"),
        ("loop { } incident(msg.water);", "the loop never ends"),
        ("incident(site0(0));", "there is no function `site0`"),
        ("saw(0, 1.0); incident(msg.water);", "there is no function `saw`"),
    ] {
        let text = rule("manhole", body);
        assert!(refused(&text).contains(said), "{body}: {}", refused(&text));
    }
}

#[test]
fn what_grows_without_end_fails_and_leaves_no_trace() {
    for (functions, body, said) in [
        ("", "let n = 0; while msg.tilt_deg > 0.0 { n += 1; }", "more operations than"),
        ("", "for a in 0..1000 { for b in 0..1000 { for c in 0..1000 { let x = a * b; } } }", "more operations than"),
        ("", "for n in 0..9223372036854775807 { let x = n; }", "more operations than"),
        ("", "let l = []; while msg.tilt_deg > 0.0 { l.push(1); }", "grows too large"),
        ("", "let m = #{}; let k = keys(#{ a: 1 }); for n in 0..100000 { m[k[0]] = [m.a, m.a]; }", "grows too large"),
        // Copies cost what they copy, so that few operations do not hide much work.
        ("", "let l = []; for n in 0..1000 { l.push(n); } for n in 0..20000 { let copy = l; }", "more operations than"),
        ("fn f(n) { if n > 0 { f(n - 1) + f(n - 1) } else { 0 } }\n", "let x = f(22);", "more operations than"),
        ("fn f(n) { if n > 0 { f(n - 1) + 1 } else { 0 } }\n", "let x = f(1000000);", "too deeply"),
        (
            "fn even(n) { if n == 0 { true } else { odd(n - 1) } }\nfn odd(n) { if n == 0 { false } else { even(n - 1) } }\n",
            "let x = even(100000);",
            "too deeply",
        ),
    ] {
        let text = format!("{functions}{}", rule("manhole", &format!("{body}\nincident(msg.water);")));
        let other = rule("manhole", "incident(msg.water);");
        let mut bench = Bench::new(compile(&[("bad.rhai", &text), ("other.rhai", &other)]), Kind::Manhole);
        let signals = bench.feed(&[("tilt_deg", 1.0.into()), ("water", true.into())]);
        assert_eq!(signals, ["+other/k major"], "{body}");
        let counts = bench.pack.counts();
        let fault = counts[0].last_fault.as_ref().unwrap_or_else(|| panic!("no fault: {body}"));
        assert!(fault.message.contains(said), "{body}: {}", fault.message);
        // A fence counts operations: the same number on every machine.
        assert!(counts[0].operations <= 110_000, "{body}: {}", counts[0].operations);
        let mut again = Bench::new(compile(&[("bad.rhai", &text), ("other.rhai", &other)]), Kind::Manhole);
        again.feed(&[("tilt_deg", 1.0.into()), ("water", true.into())]);
        assert_eq!(again.pack.counts()[0].operations, counts[0].operations, "{body}");
    }
}

#[test]
fn a_stack_of_eight_mebibytes_holds_the_deepest_recursion() {
    // The engine's thread has as much (src/supervise.rs).
    let deepest = |levels: usize| {
        let nested = (0..levels).fold("if n > 0 { f(n - 1) } else { 0.0 }".to_owned(), |inner, _| {
            format!("(1.0 + {inner})").replace("(1.0 + if", "1.0 + (if").replacen("else { 0.0 }", "else { 0.0 })", 1)
        });
        format!(
            "fn f(n) {{ let x = {nested}; x }}\n{}",
            rule("manhole", "let y = f(1000);\nincident(msg.water && y > 0.0);")
        )
    };
    let run = move || {
        for levels in [1, 4, 8, 12] {
            let text = deepest(levels);
            let files = BTreeMap::from([("r.rhai".to_owned(), text)]);
            let Ok(pack) = Pack::compile(&files) else { continue };
            let mut bench = Bench::new(pack, Kind::Manhole);
            bench.feed(&[("water", true.into())]);
            let fault = bench.pack.counts()[0].last_fault.clone().unwrap();
            assert!(fault.message.contains("too deeply"), "{levels}: {}", fault.message);
        }
    };
    std::thread::Builder::new().stack_size(8 << 20).spawn(run).unwrap().join().unwrap();
}

#[test]
fn a_device_that_fails_is_let_in_again_after_its_quarantine() {
    let mut bench = Bench::of(Kind::Toilet, "incident(10 / msg.visits > 3 && msg.sos);");
    for _ in 0..FAULTS_TO_QUARANTINE {
        bench.feed(&[("visits", 0.0.into()), ("sos", true.into())]);
    }
    assert_eq!(bench.feed(&[("visits", 2.0.into())]).len(), 0, "kept from the rule");
    bench.advance(QUARANTINE_MS - MINUTE);
    assert_eq!(bench.feed(&[("visits", 2.0.into()), ("sos", true.into())]).len(), 0);
    bench.advance(MINUTE);
    assert_eq!(bench.feed(&[("visits", 2.0.into()), ("sos", true.into())]), ["+r/k major"]);
}

#[test]
fn a_rule_that_fails_for_one_device_fails_for_no_other_and_stops_no_other_rule() {
    let bad = rule("toilet", "incident(10 / msg.visits > 3 && msg.sos);");
    let good = rule("toilet", "incident(msg.leak);");
    let mut bench = Bench::new(compile(&[("bad.rhai", &bad), ("good.rhai", &good)]), Kind::Toilet);
    // The other device, which waits in here while this one is judged.
    let mut other = (bench.device.clone(), bench.latest.clone(), bench.state.clone());
    other.0.id = gengfu_model::DeviceId::new("d-2").unwrap();
    let mut swap = |bench: &mut Bench| {
        std::mem::swap(&mut bench.device, &mut other.0);
        std::mem::swap(&mut bench.latest, &mut other.1);
        std::mem::swap(&mut bench.state, &mut other.2);
    };
    for turn in 0..3 * FAULTS_TO_QUARANTINE {
        let wet = turn % 2 == 0;
        let said = bench.feed(&[("visits", 0.0.into()), ("sos", true.into()), ("leak", wet.into())]);
        assert_eq!(said, [if wet { "+good/k major" } else { "-good/k" }], "{turn}");
        swap(&mut bench);
        let said = bench.feed(&[("visits", 2.0.into()), ("sos", wet.into())]);
        assert_eq!(said, [if wet { "+bad/k major" } else { "-bad/k" }], "{turn}");
        swap(&mut bench);
    }
    let counts = &bench.pack.counts()[0];
    assert_eq!(counts.faults, u64::from(FAULTS_TO_QUARANTINE), "then the device was kept from it");
    assert_eq!(counts.skipped, 2 * u64::from(FAULTS_TO_QUARANTINE));
    assert!(!counts.paused, "one device is no reason to pause the rule");
}

#[test]
fn a_pack_of_five_hundred_rules_loads_and_judges_in_both_tiers() {
    let files: BTreeMap<String, String> = (0..500)
        .map(|n| {
            let body = format!(
                "incident(held(band(msg.tilt_deg, {}.0, 8.0), 10.s) && msg.battery_pct > {}.0);",
                10 + n % 50,
                n % 90
            );
            (format!("rule-{n:03}.rhai"), rule("manhole", &body))
        })
        .collect();
    for tier in [Tier::Lowered, Tier::Interpreter] {
        let pack = Pack::compile_in(&files, tier).unwrap_or_else(|d| panic!("{}", common::show(&d)));
        assert_eq!(pack.rules().len(), 500);
        let mut bench = Bench::new(pack, Kind::Manhole);
        bench.feed(&[("tilt_deg", 5.0.into()), ("battery_pct", 95.0.into())]);
        bench.feed(&[("tilt_deg", 80.0.into())]);
        let opened = bench.advance(MINUTE);
        assert_eq!(opened.len(), 500, "{tier:?}");
        // Four slots a rule of 16 bytes and four of its identity: a device's memory is bounded by the pack.
        let bytes = serde_json::to_string(&bench.state).unwrap().len();
        assert!(bytes < 500 * 200, "{tier:?}: {bytes}");
    }
    let mut many = files;
    many.extend((500..520).map(|n| (format!("rule-{n}.rhai"), rule("manhole", "incident(msg.water);"))));
    let said = common::show(&Pack::compile(&many).unwrap_err());
    assert!(said.contains("a pack has at most 512 rule files"), "{said}");
}
