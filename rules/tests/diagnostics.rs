//! What a rule engineer reads when something is wrong: every file of `golden/` gives the text beside it.
//!
//! With `GENGFU_UPDATE_GOLDEN=1` the texts are written anew; look at the difference before committing.

mod common;

use std::collections::{BTreeMap, BTreeSet};
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

/// Every rule of `golden/` in the order of the pages: its name, what it shows in English and in Chinese.
const PAGES: [(&str, &str, &str); 33] = [
    ("unknown-field", "A misspelt field", "字段名写错：给出最接近的字段"),
    ("wrong-types", "Wrong types", "类型不符：比较、运算、参数、分支"),
    ("never-clears", "A missing clear", "缺少解除：报警永远不会解除，或条件恒真"),
    ("endless-loop", "An endless loop", "死循环"),
    ("thresholds", "A threshold out of the field's range", "阈值超出字段取值范围，条件恒真或恒假"),
    ("two-severities", "One key with two severities", "同一个键在可能同时成立的路径上有两个级别"),
    ("exclusive-paths", "Two severities on paths that exclude each other", "互斥路径上的两个级别：允许"),
    ("judged-twice", "A key judged twice", "同一个键被判定两次"),
    ("unknown-function", "A misspelt word", "函数名写错"),
    ("unknown-name", "A name that is not there", "名称不存在"),
    ("unknown-attribute", "An attribute or parameter that is not there", "登记属性或参数不存在"),
    ("syntax", "Syntax", "语法错误"),
    ("no-rule", "A file without RULE", "文件没有 RULE"),
    ("metadata", "Mistakes in RULE", "RULE 中的错误"),
    ("metadata-kind", "More mistakes in RULE", "RULE 中的更多错误"),
    ("parameters", "Parameters", "参数声明"),
    ("entries", "Functions that never run, and more", "永不运行的函数及其他"),
    ("silent", "Silence", "静默与文本占位符"),
    ("same-slot", "Two memories that would be one", "两处记忆同名"),
    ("memory-in-loop", "Memory in a loop", "循环中使用带记忆的词"),
    ("list-types", "Lists and maps", "列表与映射的类型"),
    ("recursion", "Recursion without an end", "没有终点的递归"),
    ("recursion-types", "Recursion with other types", "递归参数类型不符"),
    ("refused", "What a rule cannot have", "规则中不允许的语句"),
    ("refused-more", "What a rule cannot have, too", "规则中不允许的更多写法"),
    ("group-column", "A group that is not there", "分组列不存在"),
    ("group-enough", "When a group is enough", "成组条件不完整"),
    ("group-text", "The text of a group", "成组提示的占位符"),
    ("group-without-member", "A group without `member`", "有 `group` 而无 `member`"),
    ("member-without-group", "`member` without a group", "有 `member` 而无 `group`"),
    ("member-constant", "A `member` that is always the same", "`member` 对所有设备结果相同"),
    ("member-raises", "A `member` that raises", "`member` 中报警"),
    ("warnings", "Warnings", "警告：可以加载，但应当看一看"),
];

const HEAD_EN: &str = "\
# What a rule engineer reads when something is wrong

[中文](rule-errors.zh.md). Every mistake of every file is reported at load, with file, line, column, the line itself and a
hint. Nothing is half loaded: the pack that is live stays. `gengfu rules check FOLDER` shows it; with `--json` and by
`POST /api/v1/rules/check` it comes as data for editors.
";
const HEAD_ZH: &str = "\
# 规则写错时看到什么

[English](rule-errors.md)。加载时一次报告所有文件的全部错误：文件、行、列、该行原文、提示（`did you mean` 为最接近的名称）。
有错误时不会加载一半，线上规则包保持不变。`gengfu rules check FOLDER` 显示这些信息；加 `--json`，或用
`POST /api/v1/rules/check`，得到供编辑器使用的数据。`error` 为错误，`warning` 为警告，`=` 之后是提示。
";

/// `docs/rule-errors.md` and `docs/rule-errors.zh.md`: every rule of `golden/` with what its author reads.
#[test]
fn the_pages_of_mistakes_are_current() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let on_disk = fs::read_dir(&folder)
        .unwrap()
        .filter_map(|entry| Some(entry.unwrap().file_name().to_str()?.strip_suffix(".rhai")?.to_owned()));
    let listed: BTreeSet<String> = PAGES.iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(on_disk.collect::<BTreeSet<_>>(), listed, "every rule of golden/ has its titles here");
    let mut stale = Vec::new();
    for (file, head) in [("rule-errors.md", HEAD_EN), ("rule-errors.zh.md", HEAD_ZH)] {
        let mut page = format!(
            "<!-- Written by `rules/tests/diagnostics.rs` from `rules/tests/golden`: change a rule there, not this page. -->\n{head}"
        );
        for (name, en, zh) in PAGES {
            let rule = fs::read_to_string(folder.join(format!("{name}.rhai"))).unwrap();
            let said = fs::read_to_string(folder.join(format!("{name}.txt"))).unwrap();
            let title = if head == HEAD_EN { en } else { zh };
            page += &format!("\n## {title}\n```rhai\n{}\n```\n```text\n{}\n```\n", rule.trim_end(), said.trim_end());
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(file);
        if fs::read_to_string(&path).unwrap_or_default() != page {
            fs::write(&path, page).unwrap();
            stale.push(file);
        }
    }
    assert!(stale.is_empty(), "docs/{stale:?} was not up to date; it is now: look at the change and commit it");
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
