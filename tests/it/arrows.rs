//! The arrows of ARCHITECTURE.md hold: which crate may see which, and who must see no runtime and no store.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// For each crate of the workspace, the crates of the workspace that it may depend on.
const ARROWS: [(&str, &[&str]); 9] = [
    ("gengfu-model", &[]),
    ("gengfu-codecs", &["gengfu-model"]),
    ("gengfu-ingest", &["gengfu-model", "gengfu-codecs"]),
    ("gengfu-cases", &["gengfu-model"]),
    ("gengfu-rules", &["gengfu-model", "gengfu-cases"]),
    ("gengfu-connectors", &["gengfu-model", "gengfu-cases"]),
    ("gengfu-dashboards", &["gengfu-model", "gengfu-cases", "gengfu-connectors"]),
    ("gengfu-sim", &["gengfu-model"]),
    (
        "gengfu",
        &[
            "gengfu-model",
            "gengfu-codecs",
            "gengfu-ingest",
            "gengfu-cases",
            "gengfu-rules",
            "gengfu-connectors",
            "gengfu-dashboards",
        ],
    ),
];

/// Crates whose outcome must depend on their input alone, and what they must therefore not see.
const PURE: [&str; 4] = ["gengfu-model", "gengfu-codecs", "gengfu-cases", "gengfu-rules"];
const IMPURE: [&str; 8] = ["tokio", "rusqlite", "ureq", "axum", "rumqttc", "rumqttd", "getrandom", "rand"];

/// Licences that a dependency may have (one of its alternatives must be among them).
const PERMISSIVE: [&str; 12] = [
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
    "Unicode-3.0",
    "CC0-1.0",
    "Unlicense",
    "CDLA-Permissive-2.0",
];

/// `smartstring` (MPL-2.0 or later, file-level copyleft, used unchanged) comes with rhai, the rule language.
const EXCEPTIONS: [&str; 1] = ["smartstring"];

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON")
}

fn normal_dependencies(package: &Value) -> BTreeSet<&str> {
    let dependencies = package["dependencies"].as_array().expect("a list");
    dependencies.iter().filter(|d| d["kind"].is_null()).filter_map(|d| d["name"].as_str()).collect()
}

#[test]
fn crates_see_only_what_they_may() {
    let metadata = metadata();
    let members: BTreeMap<&str, &Value> = metadata["packages"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|package| package["source"].is_null())
        .map(|package| (package["name"].as_str().expect("a name"), package))
        .collect();
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.into_iter().collect();
    assert_eq!(members.keys().collect::<Vec<_>>(), arrows.keys().collect::<Vec<_>>(), "every crate has its arrows");
    for (name, package) in &members {
        let seen = normal_dependencies(package);
        for dependency in seen.iter().filter(|dependency| members.contains_key(*dependency)) {
            assert!(arrows[name].contains(dependency), "{name} must not see {dependency}");
        }
        if PURE.contains(name) {
            for impure in IMPURE {
                assert!(!seen.contains(impure), "{name} is pure and must not see {impure}");
            }
        }
    }
}

#[test]
fn every_dependency_has_a_permissive_licence() {
    let metadata = metadata();
    for package in metadata["packages"].as_array().expect("a list") {
        let name = package["name"].as_str().expect("a name");
        if EXCEPTIONS.contains(&name) {
            continue;
        }
        let licence = package["license"].as_str().unwrap_or_else(|| panic!("{name} names no licence"));
        assert!(is_permissive(licence), "{name}: licence `{licence}` is not on the list");
    }
}

/// Whether an SPDX expression can be met by the list: every part joined by AND has an alternative in it.
fn is_permissive(expression: &str) -> bool {
    let plain = expression.replace('/', " OR ");
    let alternatives =
        |part: &str| part.split(" OR ").any(|licence| PERMISSIVE.contains(&licence.trim_matches([' ', '(', ')'])));
    plain.split(" AND ").all(alternatives)
}
