//! The table of the standards' statements names tests that exist.

use std::collections::{BTreeMap, BTreeSet};

const TABLE: &str = include_str!("../../src/mqtt/CONFORMANCE.md");
const SOURCES: [(&str, &str); 15] = [
    ("acknowledge", include_str!("acknowledge.rs")),
    ("clients_mosquitto", include_str!("clients_mosquitto.rs")),
    ("clients_rumqttc", include_str!("clients_rumqttc.rs")),
    ("commands", include_str!("commands.rs")),
    ("connect", include_str!("connect.rs")),
    ("limits", include_str!("limits.rs")),
    ("malformed", include_str!("malformed.rs")),
    ("publish", include_str!("publish.rs")),
    ("qos2", include_str!("qos2.rs")),
    ("session", include_str!("session.rs")),
    ("stop", include_str!("stop.rs")),
    ("subscribe", include_str!("subscribe.rs")),
    ("takeover", include_str!("takeover.rs")),
    ("tls", include_str!("tls.rs")),
    ("will", include_str!("will.rs")),
];

/// The names of all tests, as `file::test`.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (file, source) in SOURCES {
        let mut lines = source.lines();
        while let Some(line) = lines.next() {
            if line.trim() == "#[tokio::test]" {
                let function = lines.next().unwrap().trim().trim_start_matches("async fn ");
                names.insert(format!("{file}::{}", function.split('(').next().unwrap()));
            }
        }
    }
    names
}

/// The table's rows: the section (a standard's version), the statement, and what stands for it.
fn rows() -> Vec<(String, String, String)> {
    let mut section = String::new();
    let mut rows = Vec::new();
    for line in TABLE.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            section = title.to_owned();
        }
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        if let [statement, _, proof] = cells[..]
            && statement.starts_with("[MQTT-")
        {
            rows.push((section.clone(), statement.to_owned(), proof.to_owned()));
        }
    }
    rows
}

#[test]
fn every_statement_has_a_test_or_a_reason() {
    let (tests, rows) = (tests(), rows());
    assert!(rows.len() > 200 && tests.len() > 80, "{} statements, {} tests", rows.len(), tests.len());
    let mut wrong = Vec::new();
    for (section, statement, proof) in &rows {
        let named: Vec<&str> = proof.split('`').skip(1).step_by(2).filter(|name| name.contains("::")).collect();
        let has_reason = proof.starts_with("not ours: ") && proof.len() > "not ours: ".len() + 5;
        let unknown: Vec<&&str> = named.iter().filter(|name| !tests.contains(**name)).collect();
        if (named.is_empty() && !has_reason) || !unknown.is_empty() {
            wrong.push(format!("{section} {statement}: {proof}"));
        }
    }
    assert!(wrong.is_empty(), "rows without a test that exists, or a reason:\n{}", wrong.join("\n"));
}

#[test]
fn no_statement_stands_twice() {
    let mut seen: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (section, statement, _) in rows() {
        *seen.entry((section, statement)).or_default() += 1;
    }
    let twice: Vec<_> = seen.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}
