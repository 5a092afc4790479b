//! Promise: the generated pages of `docs` say what the program does.
//!
//! Each is made from the source that the program itself uses. A page that differs is written anew and its
//! test fails once: look at the change, and commit it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use gengfu::config::Config;
use gengfu::metrics::{METRICS, kind_of};
use gengfu_cases::profile::Route;
use gengfu_model::catalogue::KINDS;
use gengfu_model::{FieldDef, FieldType};
use gengfu_rules::Language;

use crate::harness::TestGateway;

/// What stands at the top of each page.
const GENERATED: &str = "<!-- Written by `tests/it/docs.rs`: change the source that it names, not this page. -->";

fn keep(name: &str, text: &str) {
    keep_all(&[(name, text.to_owned())]);
}

fn keep_all(pages: &[(&str, String)]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let mut stale = Vec::new();
    for (name, text) in pages {
        let path = folder.join(name);
        if std::fs::read_to_string(&path).is_ok_and(|found| found == *text) {
            continue;
        }
        std::fs::write(&path, text).unwrap();
        stale.push(*name);
    }
    assert!(stale.is_empty(), "docs/{stale:?} was not up to date; it is now: look at the change and commit it");
}

/// A struct of the configuration's source.
struct Section {
    name: String,
    fields: Vec<Key>,
}

/// A field of it.
struct Key {
    name: String,
    ty: String,
    doc: String,
    /// It may be left out of a struct that has no defaults as a whole.
    has_default: bool,
}

/// Every public struct of the source whose fields are keys, with their doc comments.
fn sections() -> Vec<Section> {
    let source = concat!(
        include_str!("../../src/config/mod.rs"),
        include_str!("../../src/config/sections.rs"),
        include_str!("../../src/config/influx.rs"),
        include_str!("../../src/config/outside.rs"),
    );
    let mut sections: Vec<Section> = Vec::new();
    let (mut doc, mut has_default, mut is_open) = (String::new(), false, false);
    for line in source.lines().map(str::trim_end) {
        let text = line.trim_start();
        if let Some(more) = text.strip_prefix("/// ") {
            doc += if doc.is_empty() { "" } else { " " };
            doc += more;
        } else if let Some(attribute) = text.strip_prefix("#[serde(") {
            has_default |= attribute.starts_with("default");
        } else if let Some(name) = line.strip_prefix("pub struct ").and_then(|rest| rest.strip_suffix(" {")) {
            sections.push(Section { name: name.to_owned(), fields: Vec::new() });
            (doc, has_default, is_open) = (String::new(), false, true);
        } else if line == "}" {
            is_open = false;
        } else if is_open && let Some((name, ty)) = text.strip_prefix("pub ").and_then(|rest| rest.split_once(": ")) {
            let ty = ty.trim_end_matches(',').to_owned();
            let key = Key { name: name.to_owned(), ty, doc: std::mem::take(&mut doc), has_default };
            sections.last_mut().unwrap().fields.push(key);
            has_default = false;
        } else if !text.starts_with("#[") {
            (doc, has_default) = (String::new(), false);
        }
    }
    sections
}

/// A type as somebody who writes the file needs to know it.
fn type_in_words(ty: &str) -> String {
    let inner = |prefix: &str| ty.strip_prefix(prefix).and_then(|rest| rest.strip_suffix('>'));
    if let Some(item) = inner("Option<") {
        return type_in_words(item);
    }
    if let Some(item) = inner("Vec<") {
        return format!("list of {}", type_in_words(item));
    }
    let words = match ty {
        "PathBuf" => "path",
        "SocketAddr" => "address:port",
        "std::net::IpAddr" => "IP address",
        "Span" => "length of time",
        "Size" => "size",
        "String" => "text",
        "InfluxApi" => "`v2` or `v1`",
        "ChannelKind" => "`wecom`, `dingtalk`, `feishu`, `sms` or `smtp`",
        "ChannelTls" => "`starttls`, `tls` or `none`",
        "PlatformForm" => "`cloudevents` or `mapped`",
        "bool" => "true or false",
        "u32" | "u64" | "usize" => "whole number",
        other => panic!("say in words what a `{other}` is"),
    };
    words.to_owned()
}

#[test]
fn the_configuration_is_documented() {
    let sections = sections();
    let defaults = toml::Table::try_from(Config::default()).unwrap();
    let mut text = format!(
        "{GENERATED}\n\n# Configuration\n\n\
         One TOML file, given by `--config FILE`; source: `src/config/`. Every key may be left out unless it is required. A key that is\n\
         not here is a mistake; `gengfu check --config FILE` tells all mistakes at once. Relative paths count from the\n\
         file's folder. An environment variable `GENGFU_SECTION_KEY` (such as `GENGFU_MQTT_LISTEN`) goes before the\n\
         file; `GENGFU_LOG` (such as `debug`) sets what is logged.\n\n\
         Lengths of time are texts with a unit (`\"500ms\"`, `\"10s\"`, `\"5m\"`, `\"2h\"`, `\"35d\"`), and so are sizes\n\
         (`\"64KiB\"`, `\"64MiB\"`, `\"2GiB\"`, or bytes without a unit).\n"
    );
    let mut documented = BTreeSet::new();
    let root = sections.iter().find(|section| section.name == "Config").unwrap();
    for section in &root.fields {
        let (ty, heading) = match section.ty.strip_prefix("Vec<").and_then(|rest| rest.strip_suffix('>')) {
            Some(item) => (item, format!("[[{}]], as many as there are", section.name)),
            None => {
                let inner = section.ty.strip_prefix("Option<").and_then(|rest| rest.strip_suffix('>'));
                (inner.unwrap_or(&section.ty), format!("[{}]", section.name))
            }
        };
        write!(text, "\n## {heading}\n\n{}\n\n| key | type | default | |\n|---|---|---|---|\n", section.doc).unwrap();
        let fields = &sections.iter().find(|found| found.name == ty).unwrap().fields;
        let default = defaults.get(&section.name).and_then(toml::Value::as_table);
        for Key { name, ty, doc, has_default } in fields {
            assert!(!doc.is_empty(), "{}.{name} has no doc comment", section.name);
            let default = match (default, default.and_then(|table| table.get(name))) {
                (_, Some(value)) => format!("`{value}`"),
                (None, None) if !has_default => "required".to_owned(),
                (_, None) => "none".to_owned(),
            };
            writeln!(text, "| `{name}` | {} | {default} | {} |", type_in_words(ty), doc.replace('|', "\\|")).unwrap();
            documented.insert(format!("{}.{name}", section.name));
        }
    }
    // What the program itself writes of its defaults is all here, however the source is written.
    for (section, keys) in defaults.iter().filter_map(|(name, value)| Some((name, value.as_table()?))) {
        for key in keys.keys() {
            assert!(documented.contains(&format!("{section}.{key}")), "{section}.{key} was not found in the source");
        }
    }
    keep("configuration.md", &text);
}

fn range(ty: &FieldType) -> String {
    match ty {
        FieldType::Number { min, max } => format!("number, {min} to {max}"),
        FieldType::Integer { min, max } => format!("whole number, {min} to {max}"),
        FieldType::Bool => "true or false".to_owned(),
        FieldType::Text { max_bytes } => format!("text, at most {max_bytes} bytes"),
    }
}

fn field_table(text: &mut String, fields: &[FieldDef]) {
    text.push_str("| 名称 name | 类型与范围 type and range | 单位 unit | 含义 | meaning |\n|---|---|---|---|---|\n");
    for FieldDef { name, ty, unit, zh, en } in fields {
        writeln!(text, "| `{name}` | {} | {unit} | {zh} | {en} |", range(ty)).unwrap();
    }
}

#[test]
fn the_catalogue_is_documented() {
    let mut text = format!(
        "{GENERATED}\n\n# 设备类型与字段 Kinds and fields\n\n\
         来源 source: `ingest/model/src/catalogue.rs`。消息可只含部分字段；超出范围或类型不符的值只舍弃该字段。\n\
         A message carries any of its kind's fields; a value of the wrong type or out of range loses that field alone.\n"
    );
    for kind in &KINDS {
        let (name, zh, en, interval_s, asset_type) = (kind.name, kind.zh, kind.en, kind.interval_s, kind.asset_type);
        write!(
            text,
            "\n## {zh} `{name}` ({en})\n\n\
             默认上报间隔 reports every {interval_s} s unless registered otherwise; 默认部件类别 asset type {asset_type}。\n\n"
        )
        .unwrap();
        field_table(&mut text, kind.fields);
        text.push_str("\n登记属性 Attributes of the register (rules read them as `dev.NAME`):\n\n");
        field_table(&mut text, kind.attributes);
        text.push_str("\n命令 Commands that rules may give (`command(dev, ..)`):\n\n");
        text.push_str("| 命令 command | 参数 arguments | 含义 | meaning |\n|---|---|---|---|\n");
        for command in kind.commands {
            let args: Vec<String> =
                command.args.iter().map(|arg| format!("`{}` {}", arg.name, range(&arg.ty))).collect();
            writeln!(text, "| `{}` | {} | {} | {} |", command.name, args.join(", "), command.zh, command.en).unwrap();
        }
    }
    keep("catalogue.md", &text);
}

#[test]
fn the_metrics_are_documented() {
    let mut text = format!(
        "{GENERATED}\n\n# Metrics\n\n\
         `GET /metrics` gives these in Prometheus' text format, to a token with the right or to the addresses in\n\
         `http.metrics_from`; source: `src/metrics.rs`. Counters begin at 0 with the process.\n"
    );
    let mut part = "";
    for (name, help) in METRICS {
        let its = name.split('_').nth(1).unwrap();
        if its != part {
            write!(text, "\n## {its}\n\n| metric | type | |\n|---|---|---|\n").unwrap();
            part = its;
        }
        writeln!(text, "| `{name}` | {} | {help} |", kind_of(name)).unwrap();
    }
    keep("metrics.md", &text);
}

#[test]
fn every_metric_is_listed_and_has_its_help_and_type() {
    let gateway = TestGateway::start();
    gateway.add_device("cover-1", gengfu_model::Kind::Manhole);
    gateway.mqtt("cover-1").publish(r#"{"tilt_deg":50}"#);
    let (status, body) = gateway.login("admin").get("/metrics");
    let text = body.as_str().unwrap_or_else(|| panic!("{status}: {body}"));
    let names: BTreeSet<&str> =
        text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split(['{', ' ']).next().unwrap()).collect();
    let listed: BTreeSet<&str> = METRICS.iter().map(|(name, _)| *name).collect();
    assert_eq!(listed.len(), METRICS.len(), "no name is listed twice");
    assert_eq!(names, listed);
    for name in names {
        for about in ["HELP", "TYPE"] {
            assert_eq!(text.matches(&format!("# {about} {name} ")).count(), 1, "{about} of {name}");
        }
    }
    let series: Vec<&str> = text.lines().filter_map(|line| line.rsplit_once(' ')).map(|(series, _)| series).collect();
    assert_eq!(series.iter().collect::<BTreeSet<_>>().len(), series.len(), "each series has one value:\n{text}");
    let value = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()
    };
    assert!(value("gengfu_journal_commits_total") > 0 && value("gengfu_journal_sync_microseconds_total") > 0);
    assert!(value("gengfu_engine_rules") > 0, "the shipped pack is live");
    assert_eq!(value("gengfu_journal_messages_total"), 1);
}

#[test]
fn the_shipped_rules_are_documented() {
    let profile = gengfu_cases::Profile::parse(gengfu_cases::profile::YUNCHENG).unwrap();
    let pages = [("rules.md", Language::English), ("rules.zh.md", Language::Chinese)].map(|(name, language)| {
        let standard = |rule: &str, asset_type: &str, condition: &str| match profile.route(rule, asset_type, condition)
        {
            Route::Case(target) => {
                let row = target.standard.as_deref().unwrap_or(&target.class);
                format!("{} {row}", language.of("case of row", "立案，条目"))
            }
            Route::IncidentOnly => language.of("an incident, no case", "只记事件，不立案").to_owned(),
            Route::Unmapped => {
                language.of("a case without a row, for the acceptor", "立案但无条目，由受理员处理").to_owned()
            }
        };
        let page = format!("{GENERATED}\n\n{}", gengfu_rules::library::page(language, &standard));
        (name, page)
    });
    keep_all(&pages);
}
