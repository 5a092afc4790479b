//! The table of the standards' statements is whole, and what it names exists.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const TABLE: &str = include_str!("../../src/mqtt/CONFORMANCE.md");

/// The numbers of MQTT 3.1.1 (appendix B): section, first and last statement.
const MQTT_3_1_1: &[(&str, u16, u16)] = &[
    ("1.5.3", 1, 3),
    ("2.2.2", 1, 2),
    ("2.3.1", 1, 7),
    ("3.1.0", 1, 2),
    ("3.1.2", 1, 24),
    ("3.1.3", 1, 11),
    ("3.1.4", 1, 5),
    ("3.2.0", 1, 1),
    ("3.2.2", 1, 6),
    ("3.3.1", 1, 12),
    ("3.3.2", 1, 3),
    ("3.3.4", 1, 1),
    ("3.3.5", 1, 2),
    ("3.6.1", 1, 1),
    ("3.8.1", 1, 1),
    // The last one is printed as 3-8.3-4.
    ("3.8.3", 1, 4),
    ("3.8.4", 1, 6),
    ("3.9.3", 1, 2),
    ("3.10.1", 1, 1),
    ("3.10.3", 1, 2),
    ("3.10.4", 1, 6),
    ("3.12.4", 1, 1),
    ("3.14.1", 1, 1),
    ("3.14.4", 1, 3),
    ("4.1.0", 1, 2),
    ("4.3.1", 1, 1),
    ("4.3.2", 1, 2),
    ("4.3.3", 1, 2),
    ("4.4.0", 1, 1),
    ("4.5.0", 1, 2),
    ("4.6.0", 1, 6),
    ("4.7.1", 1, 3),
    ("4.7.2", 1, 1),
    ("4.7.3", 1, 4),
    ("4.8.0", 1, 2),
    ("6.0.0", 1, 4),
    ("7.0.0", 1, 2),
    ("7.1.1", 1, 2),
    ("7.1.2", 1, 2),
];

/// The numbers of MQTT 5.0 (appendix B).
const MQTT_5_0: &[(&str, u16, u16)] = &[
    ("1.5.4", 1, 3),
    ("1.5.5", 1, 1),
    ("1.5.7", 1, 1),
    ("2.1.3", 1, 1),
    // There is no first one.
    ("2.2.1", 2, 6),
    ("2.2.2", 1, 1),
    ("3.1.0", 1, 2),
    ("3.1.2", 1, 30),
    ("3.1.3", 1, 12),
    ("3.1.4", 1, 6),
    ("3.2.0", 1, 2),
    ("3.2.2", 1, 22),
    ("3.3.1", 1, 13),
    ("3.3.2", 1, 20),
    ("3.3.4", 1, 10),
    ("3.4.2", 1, 3),
    ("3.5.2", 1, 3),
    ("3.6.1", 1, 1),
    ("3.6.2", 1, 3),
    ("3.7.2", 1, 3),
    ("3.8.1", 1, 1),
    ("3.8.3", 1, 5),
    ("3.8.4", 1, 8),
    ("3.9.2", 1, 2),
    ("3.9.3", 1, 2),
    ("3.10.1", 1, 1),
    ("3.10.3", 1, 2),
    ("3.10.4", 1, 6),
    ("3.11.2", 1, 2),
    ("3.11.3", 1, 2),
    ("3.12.4", 1, 1),
    ("3.14.0", 1, 1),
    ("3.14.1", 1, 1),
    ("3.14.2", 1, 4),
    ("3.14.4", 1, 3),
    ("3.15.1", 1, 1),
    ("3.15.2", 1, 3),
    ("4.1.0", 1, 2),
    // Printed as 4.2-1 in the body.
    ("4.2.0", 1, 1),
    ("4.3.1", 1, 1),
    ("4.3.2", 1, 5),
    ("4.3.3", 1, 13),
    ("4.4.0", 1, 2),
    ("4.5.0", 1, 2),
    ("4.6.0", 1, 6),
    ("4.7.0", 1, 1),
    ("4.7.1", 1, 2),
    ("4.7.2", 1, 1),
    ("4.7.3", 1, 4),
    ("4.8.2", 1, 6),
    ("4.9.0", 1, 3),
    ("4.12.0", 1, 7),
    ("4.12.1", 1, 2),
    ("4.13.1", 1, 1),
    ("4.13.2", 1, 1),
    ("6.0.0", 1, 4),
];

/// The names of all tests of this folder, as `file::test`.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mqtt");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let source = std::fs::read_to_string(&path).unwrap();
        let file = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let mut lines = source.lines().map(str::trim);
        while let Some(line) = lines.next() {
            if line == "#[tokio::test]" {
                let function = lines.next().unwrap().trim_start_matches("async fn ");
                names.insert(format!("{file}::{}", function.split('(').next().unwrap()));
            }
        }
    }
    names
}

struct Row {
    /// The version of the standard.
    standard: String,
    /// Such as `3.1.2-24`.
    number: String,
    /// The tests that show it, or the reason why none does.
    proof: String,
}

fn rows() -> Vec<Row> {
    let mut standard = String::new();
    let mut rows = Vec::new();
    for line in TABLE.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            standard = title.to_owned();
        }
        if let Some(row) = line.strip_prefix("| [MQTT-") {
            let cells: Vec<&str> = row.trim_end_matches('|').split('|').map(str::trim).collect();
            let [number, what, proof] = cells[..] else { panic!("a row of three cells: {line}") };
            assert!(!what.is_empty(), "{line}");
            let number = number.strip_suffix(']').expect("a number in brackets").to_owned();
            rows.push(Row { standard: standard.clone(), number, proof: proof.to_owned() });
        }
    }
    rows
}

#[test]
fn every_statement_of_both_standards_has_one_row() {
    let numbers = |sections: &[(&str, u16, u16)]| -> Vec<String> {
        let of_section = |&(section, first, last): &(&str, u16, u16)| {
            (first..=last).map(move |number| format!("{section}-{number}")).collect::<Vec<_>>()
        };
        sections.iter().flat_map(of_section).collect()
    };
    let mut in_table: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in rows() {
        in_table.entry(row.standard).or_default().push(row.number);
    }
    // In the standard's order, each once, none left out and none made up.
    assert_eq!(in_table.remove("MQTT 3.1.1").unwrap(), numbers(MQTT_3_1_1));
    assert_eq!(in_table.remove("MQTT 5.0").unwrap(), numbers(MQTT_5_0));
    assert!(in_table.is_empty(), "{in_table:?}");
    assert_eq!((numbers(MQTT_3_1_1).len(), numbers(MQTT_5_0).len()), (143, 251));
}

#[test]
fn every_row_has_a_test_or_a_reason() {
    let tests = tests();
    let mut wrong = Vec::new();
    for Row { standard, number, proof } in rows() {
        let named: Vec<&str> = proof.split('`').skip(1).step_by(2).filter(|name| name.contains("::")).collect();
        let reason = ["not ours: ", "departs: "].iter().find_map(|word| proof.strip_prefix(word));
        let has_reason = reason.is_some_and(|reason| reason.len() > 5);
        if (named.is_empty() && !has_reason) || named.iter().any(|name| !tests.contains(*name)) {
            wrong.push(format!("{standard} {number}: {proof}"));
        }
    }
    assert!(wrong.is_empty(), "rows without a test that exists, or a reason:\n{}", wrong.join("\n"));
}
