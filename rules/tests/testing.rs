//! Tests of rules: what they can do, how a failure reads, coverage, mutation, pins and fences.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_cases::Profile;
use gengfu_model::{Quality, Timestamp, Value};
use gengfu_rules::testing::pin::{Pin, PinnedReading};
use gengfu_rules::testing::{Fate, Options, Report, mutate, run};
use gengfu_rules::{Pack, library};

const RULE: &str = r#"/// Fill level.
const RULE = #{
    kind: "bin", key: "full", severity: "minor", condition: "bin_full",
    parameters: #{ limit: #{ default: 80.0, min: 40.0, max: 99.0, unit: "%" }, hold: #{ default: 10.min, min: 1.s, max: 1.h } },
    text_zh: "满 {fill_pct}", text_en: "full {fill_pct}",
};
fn on_message(msg, dev) {
    incident(held(msg.fill_pct >= param.limit, param.hold), msg.fill_pct);
}
"#;

fn options() -> Options {
    let profile = Profile::parse(gengfu_cases::profile::YUNCHENG).unwrap();
    Options { profile: Arc::new(profile), filter: String::new(), coverage: false }
}

fn files(rule: &str, tables: &[(&str, &str)]) -> BTreeMap<String, String> {
    let rule = [("bin-full.rhai", rule)];
    rule.iter().chain(tables).map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn with(tests: &str) -> BTreeMap<String, String> {
    files(&format!("{RULE}{tests}"), &[])
}

fn report(files: &BTreeMap<String, String>) -> Report {
    run(files, &options()).unwrap_or_else(|found| {
        panic!("{}", found.iter().map(|one| format!("{one}\n")).collect::<String>());
    })
}

/// The only test of a pack, as people read it.
fn said(files: &BTreeMap<String, String>) -> String {
    let report = report(files);
    assert_eq!(report.tests.len(), 1, "{report:?}");
    report.tests[0].to_string()
}

#[test]
fn a_failure_shows_place_values_and_tape() {
    let tests = "fn test_it() {\n    let d = sim(\"bin\");\n    d.feed(#{ fill_pct: 85.0 });\n    d.advance(10.min);\n    \
                 expect(d.open(\"full\") && d.count(\"full\") == 2);\n}\n";
    let said = said(&with(tests));
    let expected = r#"FAIL  bin-full.rhai  test_it
  bin-full.rhai:14:12: expected this to be true
  |     expect(d.open("full") && d.count("full") == 2);
  |            ^
  = open(d, "full") = true
  = count(d, "full") = 1
  what happened:
    06-24 10:00:00  bin-1          in service
    06-24 10:00:00  bin-1          fed fill_pct 85
    06-24 10:10:00  bin-1          RAISED full minor bin_full value 85"#;
    assert!(said.starts_with(expected), "{said}");
    assert!(said.contains("CASE E01-92.1"), "{said}");
}

#[test]
fn equality_shows_both_sides_and_forgives_a_billionth() {
    let said = said(&with(
        "fn test_it() { let d = sim(\"bin\"); expect_eq(0.1 + 0.2, 0.3); expect_eq(d.severity(\"full\"), \"minor\"); }\n",
    ));
    assert!(said.contains("expected both to be equal"), "{said}");
    assert!(said.contains("left  = () (nothing is open)") && said.contains("right = \"minor\""), "{said}");
}

#[test]
fn several_devices_parameters_clock_lateness_and_maintenance() {
    let tests = r#"
fn test_it() {
    clock("2026-06-21 23:10");
    set("limit", 60.0);
    let a = sim("bin", #{ name: "A", interval_s: 7200 });
    let b = sim("bin", #{ interval_s: 7200 });
    b.set("hold", 20.min);
    b.set("limit", 90.0);
    for d in [a, b] { d.feed(#{ fill_pct: 70.0 }); }
    advance(10.min);
    expect(a.open("full") && !b.open("full"));
    b.feed(#{ fill_pct: 95.0 });
    advance(10.min);
    expect(!b.open("full"));
    advance(10.min);
    expect(b.open("full"));
    expect_eq(a.text_en("full"), "full 70");
    a.feed(#{ fill_pct: 10.0, ago: 1.h });
    expect(a.open("full"));
    a.feed(#{ fill_pct: 10.0, ts: "2026-06-21 23:40" });
    expect(!a.open("full"));
    clock("2026-06-22 08:00");
    let c = sim("bin");
    c.life("maintenance");
    c.feed(#{ fill_pct: 95.0 });
    c.advance(1.h);
    expect_eq(c.standard("full"), ());
}
"#;
    assert_eq!(said(&with(tests)), "ok    bin-full.rhai  test_it");
}

#[test]
fn the_checker_reads_tests_and_says_what_is_wrong() {
    let tests = "fn test_it() {\n    let d = sim(\"bin\", #{ height: 1.0 });\n    d.feed(#{ fil_pct: 1.0 });\n    \
                 d.feed(#{ fill_pct: 655.0 });\n    d.opn(\"full\");\n    d.open();\n}\n";
    let found = run(&with(tests), &options()).unwrap_err();
    let said: Vec<String> =
        found.iter().map(|one| format!("{}:{} {} = {}", one.line, one.column, one.message, one.hint)).collect();
    assert_eq!(said.len(), 5, "{said:#?}");
    assert!(said[0].contains("no attribute `height`") && said[0].contains("height_mm"), "{said:#?}");
    assert!(said[1].contains("no field `fil_pct`") && said[1].contains("`fill_pct`"), "{said:#?}");
    assert!(said[2].contains("a codec refuses 655"), "{said:#?}");
    assert!(said[3].contains("no function `opn`") && said[3].contains("`open`"), "{said:#?}");
    assert!(said[4].contains("`open` does not take that many arguments"), "{said:#?}");
}

#[test]
fn what_shows_only_when_it_runs_has_its_place_too() {
    for (test, wanted) in [
        ("sim(\"bim\");", "there is no kind `bim`"),
        ("set(\"limit\", 500.0);", "at most 99"),
        ("set(\"limt\", 50.0);", "did you mean `limit`"),
        ("let d = sim(\"bin\"); let x = 1000.0; d.feed(#{ fill_pct: x });", "a codec refuses 1000"),
        ("let d = sim(\"bin\"); d.advance(-1 * 5.s);", "only goes forward"),
        ("let d = sim(\"bin\"); clock(\"2026-06-24 09:00\");", "only goes forward"),
        ("clock(\"noon\");", "is no time"),
        ("expect(1);", "expected true or false"),
    ] {
        let said = said(&with(&format!("fn test_it() {{\n    {test}\n}}\n")));
        assert!(said.starts_with("FAIL") && said.contains(wanted) && said.contains("bin-full.rhai:11:"), "{said}");
    }
}

#[test]
fn a_test_that_never_ends_is_ended() {
    for test in [
        "loop { }",
        "let d = sim(\"bin\"); loop { d.feed(#{ fill_pct: 1.0 }); }",
        "let d = sim(\"bin\"); loop { d.advance(40.d); }",
        "loop { sim(\"bin\"); }",
    ] {
        let said = said(&with(&format!("fn test_it() {{ {test} }}\n")));
        assert!(said.starts_with("FAIL"), "{said}");
        assert!(said.contains("operations") || said.contains("at most"), "{said}");
    }
}

#[test]
fn tables_stand_beside_the_rule_and_differ_readably() {
    let table = r#"
[[test]]
name = "held"
set = { hold = "20min" }
rows = """
at     | fill_pct | open
0s     | 85       | -
20min  |          | full:minor
30min  | 10       | -
31min  | faulty   | -
"""

[[test]]
name = "wrong"
devices = { a = {}, b = { interval_s = 7200 } }
rows = """
at     | device | ago   | fill_pct | open
0s     | a      |       | 85       |
10min  | a      |       |          | full:major other
"""
"#;
    let pack = files(RULE, &[("bin-full.test.toml", table)]);
    let report = report(&pack);
    assert_eq!((report.passed, report.failed), (1, 1));
    let said = report.tests[1].to_string();
    let expected = r#"FAIL  bin-full.test.toml  wrong
  bin-full.test.toml:19:43: after this row full:minor is open
  | 10min  | a      |       |          | full:major other
  |                                           ^
  = severity:   full is minor, expected major
  = missing:    other"#;
    assert!(said.starts_with("FAIL  bin-full.test.toml  wrong\n"), "{said}");
    for line in expected.lines().skip(2).filter(|line| !line.contains('^')) {
        assert!(said.contains(line), "{line}\n{said}");
    }
}

#[test]
fn a_table_with_a_mistake_or_without_its_rule_fails() {
    for (name, table, wanted) in [
        (
            "bin-full.test.toml",
            "[[test]]\nname = \"x\"\nrows = \"\"\"\nat | fil_pct\n0s | 1\n\"\"\"\n",
            "no field `fil_pct`",
        ),
        (
            "bin-full.test.toml",
            "[[test]]\nname = \"x\"\nrows = \"\"\"\nat | fill_pct\n0s\n\"\"\"\n",
            "1 cells under a head of 2",
        ),
        ("bin-full.test.toml", "[[test]]\nname = \"x\"\nrowz = \"\"\n", "unknown field `rowz`"),
        (
            "bin-full.test.toml",
            "[[test]]\nname = \"x\"\nrows = \"\"\"\nat | fill_pct\nsoon | 1\n\"\"\"\n",
            "`soon` is no time",
        ),
        ("bin-ful.test.toml", "", "no rule file `bin-ful.rhai`"),
    ] {
        let said = said(&files(RULE, &[(name, table)]));
        assert!(said.starts_with("FAIL") && said.contains(wanted), "{said}");
    }
}

#[test]
fn coverage_tells_lines_and_sides() {
    let rule = RULE.replace("    incident(held", "    if msg.tipped {\n        return;\n    }\n    incident(held");
    let tests = "fn test_it() { let d = sim(\"bin\"); d.feed(#{ fill_pct: 10.0, tipped: false }); }\n";
    let files = files(&format!("{rule}{tests}"), &[]);
    let report = run(&files, &Options { coverage: true, ..options() }).unwrap();
    let coverage = &report.coverage[0];
    let text = coverage.annotated(&files["bin-full.rhai"]);
    let tipped = coverage.conditions.iter().find(|one| one.text == "msg.tipped").unwrap();
    assert!(tipped.was_false && !tipped.was_true && !tipped.was_unknown, "{text}");
    let full = coverage.conditions.iter().find(|one| one.text.contains(">=") && !one.text.contains("held")).unwrap();
    assert!(full.was_false && !full.was_true, "{text}");
    assert!(text.contains("msg.tipped  <- never true"), "{text}");
    assert!(coverage.gaps().count() >= 2 && coverage.branches_hit < coverage.branches);
}

#[test]
fn mutation_finds_the_number_that_nobody_tests() {
    // The limit is tested from both sides, the hold time from one.
    let tests = r#"
fn test_it() {
    let d = sim("bin");
    d.feed(#{ fill_pct: 79.0 });
    d.advance(1.h);
    expect(!d.open("full"));
    d.feed(#{ fill_pct: 81.0 });
    d.advance(1.h);
    expect(d.open("full"));
}
"#;
    let found = mutate(&with(tests), &options()).unwrap();
    let survived: Vec<_> = found.mutants.iter().filter(|one| one.fate == Fate::Survived).collect();
    let told: Vec<_> = survived.iter().map(|one| (one.line, one.from.as_str(), one.to.as_str())).collect();
    assert_eq!(told, [(4, "10", "11.0"), (4, "10", "9.0")]);
    assert_eq!((found.noticed, found.survived), (2, 2));
    assert!(found.to_string().contains("bin-full.rhai:4:98: 10 may as well be 11.0"), "{found}");
}

#[test]
fn a_pin_is_a_test_that_passes_and_notices_a_change() {
    let pack = Pack::compile(&files(RULE, &[])).unwrap();
    let mut device = pack_device();
    device.attributes.insert(Arc::from("height_mm"), Value::Number(1_200.0));
    let start = 1_782_259_200_000;
    let reading = |minutes: i64, value: Option<f64>| PinnedReading {
        received: Timestamp(start + minutes * 60_000),
        measured: Timestamp(start + minutes * 60_000 - 5_000),
        values: vec![match value {
            Some(value) => ("fill_pct".to_owned(), Value::Number(value), Quality::Ok),
            None => ("fill_pct".to_owned(), Value::Number(0.0), Quality::Faulty),
        }],
    };
    let info = pack.rules()[0].parameters.iter().find(|one| &*one.name == "hold").unwrap().clone();
    let open = BTreeMap::from([("full".to_owned(), "minor".to_owned())]);
    let pin = Pin {
        name: "what \"happened\"".to_owned(),
        about: "incident 12-0".to_owned(),
        device,
        parameters: vec![(info, Value::Number(1_200.0))],
        readings: vec![reading(0, Some(20.0)), reading(2, None), reading(5, Some(90.0)), reading(30, Some(5.0))],
        expected: vec![(Timestamp(start + 25 * 60_000), open), (Timestamp(start + 30 * 60_000), BTreeMap::new())],
    };
    let text = pin.text();
    let name = "bin-full.12-0.test.toml";
    let good = report(&files(RULE, &[(name, &text)]));
    assert!(good.is_green(), "{text}\n{}", good.tests[0]);
    let other = RULE.replace(">= param.limit", "> 95.0 + 0.0 * param.limit");
    let bad = report(&files(&other, &[(name, &text)]));
    assert!(!bad.is_green());
}

fn pack_device() -> gengfu_model::Device {
    serde_json::from_value(serde_json::json!({
        "id": "b-1", "kind": "bin", "asset_code": "x", "name": "人民路 | 1 号", "asset_type": "03-05", "interval_s": 3600
    }))
    .unwrap()
}

#[test]
fn the_same_files_give_the_same_report() {
    let one = run(&library::files(), &Options { coverage: true, ..options() }).unwrap();
    let two = run(&library::files(), &Options { coverage: true, ..options() }).unwrap();
    assert_eq!(one, two);
}

#[test]
fn the_library_is_tested_on_both_sides_of_every_condition() {
    let files = library::files();
    let report = run(&files, &Options { coverage: true, ..options() }).unwrap();
    let failed = report.tests.iter().filter(|test| test.failure.is_some());
    let failed: Vec<String> = failed.map(ToString::to_string).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert_eq!(report.untested, Vec::<String>::new());
    for file in &report.coverage {
        assert_eq!(file.gaps().count(), 0, "{}", file.annotated(&files[&file.file]));
        assert_eq!(file.lines, file.lines_hit, "{}", file.annotated(&files[&file.file]));
    }
}

#[test]
fn no_number_of_the_library_can_change_unnoticed() {
    let found = mutate(&library::files(), &options()).unwrap();
    assert_eq!(found.survived, 0, "{found}");
    assert!(found.noticed > 200, "{found}");
}
