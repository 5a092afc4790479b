//! What a rule engineer reads when something is wrong: every file of `golden/` gives the text beside it.
//!
//! With `GENGFU_UPDATE_GOLDEN=1` the texts are written anew; look at the difference before committing.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use gengfu_rules::{Level, Pack};

fn report(name: &str, text: &str) -> String {
    let files = BTreeMap::from([(name.to_owned(), text.to_owned())]);
    match Pack::compile(&files) {
        Ok(pack) => format!("compiles\n{}", common::show(pack.warnings())),
        Err(diagnostics) => common::show(&diagnostics),
    }
}

#[test]
fn diagnostics_read_as_they_should() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut names: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".rhai"))
        .collect();
    names.sort();
    assert!(names.len() > 15, "{names:?}");
    for name in names {
        let got = report(&name, &fs::read_to_string(folder.join(&name)).unwrap());
        let golden = folder.join(name.replace(".rhai", ".txt"));
        if std::env::var_os("GENGFU_UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &got).unwrap();
        }
        assert_eq!(got, fs::read_to_string(&golden).unwrap_or_default(), "{name}");
    }
}

/// `docs/rule-errors.md`: every rule of `golden/` with what its author reads.
#[test]
fn the_page_of_mistakes_is_current() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut names: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .filter_map(|entry| Some(entry.unwrap().file_name().to_str()?.strip_suffix(".rhai")?.to_owned()))
        .collect();
    names.sort();
    let mut page = String::from(
        "<!-- Written by `rules/tests/diagnostics.rs` from `rules/tests/golden`: change a rule there, not this page. -->\n\
         # What a rule engineer reads when something is wrong\n\n\
         Every mistake of every file is reported at load, with file, line, column, the line itself and a hint. Nothing is \
         half loaded: the pack that is live stays. `gengfu rules check FOLDER` shows it; with `--json` and by \
         `POST /api/v1/rules/check` it comes as data for editors.\n\n\
         规则加载时一次报告全部错误，给出文件、行、列、该行原文和提示；有错误时线上规则包保持不变。\n",
    );
    for name in names {
        let rule = fs::read_to_string(folder.join(format!("{name}.rhai"))).unwrap();
        let said = fs::read_to_string(folder.join(format!("{name}.txt"))).unwrap();
        let mut title = name.replace('-', " ");
        title[..1].make_ascii_uppercase();
        page += &format!("\n## {title}\n```rhai\n{}\n```\n```text\n{}\n```\n", rule.trim_end(), said.trim_end());
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/rule-errors.md");
    if fs::read_to_string(&path).is_ok_and(|found| found == page) {
        return;
    }
    fs::write(&path, page).unwrap();
    panic!("docs/rule-errors.md was not up to date; it is now: look at the change and commit it");
}

#[test]
fn all_mistakes_of_all_files_come_at_once_in_order() {
    let bad = |field: &str| common::rule("manhole", &format!("incident(msg.{field});\nincident(msg.nothing);"));
    let files = BTreeMap::from([("b.rhai".to_owned(), bad("x")), ("a.rhai".to_owned(), bad("y"))]);
    let diagnostics = Pack::compile(&files).unwrap_err();
    let places: Vec<_> = diagnostics.iter().map(|d| (d.file.as_str(), d.line)).collect();
    assert_eq!(places, [("a.rhai", 3), ("a.rhai", 4), ("b.rhai", 3), ("b.rhai", 4)]);
    assert!(diagnostics.iter().all(|d| d.level == Level::Error && !d.hint.is_empty()));
}

#[test]
fn two_rules_of_a_kind_with_one_id_are_refused_and_of_two_kinds_are_not() {
    let (cover, tank) =
        (common::rule("manhole", "incident(msg.water);"), common::rule("septic", "incident(msg.overflow);"));
    let files =
        |b: &str| BTreeMap::from([("a/r.rhai".to_owned(), cover.clone()), ("b/r.rhai".to_owned(), b.to_owned())]);
    let diagnostics = Pack::compile(&files(&cover)).unwrap_err();
    assert_eq!(diagnostics.len(), 1);
    assert_eq!(diagnostics[0].message, "rule id `r` is taken by a/r.rhai");
    assert!(Pack::compile(&files(&tank)).is_ok());
}

#[test]
fn limits_are_said() {
    let long = format!("// {}\n", "x".repeat(70_000));
    assert!(report("r.rhai", &long).contains("65536"));
    let deep = common::rule("manhole", &format!("incident({}msg.water{});", "!(".repeat(100), ")".repeat(100)));
    assert!(report("r.rhai", &deep).contains("error"), "{}", report("r.rhai", &deep));
    for long in [
        format!("incident({} > 1.0);", ["msg.tilt_deg"; 4_000].join(" + ")),
        format!("incident({});", ["msg.water"; 4_000].join(" && ")),
        format!("incident({}msg.water);", "!".repeat(20_000)),
        format!("incident(msg.tilt_deg{} > 1.0);", ".abs()".repeat(4_000)),
        ["if msg.water { clear(); }"; 1_500].join(" else "),
    ] {
        let said = report("r.rhai", &common::rule("manhole", &long));
        assert!(
            said.contains("expression exceeds maximum complexity"),
            "{}",
            said.chars().take(300).collect::<String>()
        );
    }
    // Each function calls the one before twice: what is copied in would grow without end.
    let doubling: String = (1..14).map(|n| format!("fn f{n}(x) {{ f{}(x) + f{}(x) }}\n", n - 1, n - 1)).collect();
    let text =
        format!("fn f0(x) {{ x + 1.0 }}\n{doubling}{}", common::rule("manhole", "incident(f13(msg.tilt_deg) > 1.0);"));
    assert!(report("r.rhai", &text).contains("more than"), "{}", report("r.rhai", &text));
    let locals: String = (0..70).map(|n| format!("let x{n} = msg.tilt_deg;\n")).collect();
    let text = common::rule("manhole", &format!("{locals}incident(x1 > 1.0);"));
    assert!(report("r.rhai", &text).contains("more than 64 variables"));
    let keys: String = (0..9).map(|n| format!("incident(msg.water, #{{ key: \"k{n}\" }});\n")).collect();
    assert!(report("r.rhai", &common::rule("manhole", &keys)).contains("at most 8 keys"));
}
