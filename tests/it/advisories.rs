//! Promise: no dependency has a known weakness that nobody has looked at.
//!
//! `tests/advisories/snapshot.toml` holds what the RustSec database said of our crates on a day; it works
//! without a network. What stands in Cargo.lock and is affected must be named in deny.toml, with a reason;
//! `cargo deny` reads the same list and the database of today.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use semver::{Version, VersionReq};
use serde::Deserialize;

#[derive(Deserialize)]
struct Snapshot {
    looked_up: BTreeSet<String>,
    advisory: Vec<Advisory>,
}

#[derive(Deserialize)]
struct Advisory {
    id: String,
    #[serde(rename = "crate")]
    name: String,
    sort: String,
    patched: Vec<VersionReq>,
    unaffected: Vec<VersionReq>,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: Version,
    source: Option<String>,
}

#[derive(Deserialize)]
struct Deny {
    advisories: Advisories,
}

#[derive(Deserialize)]
struct Advisories {
    ignore: Vec<Ignored>,
}

#[derive(Deserialize)]
struct Ignored {
    id: String,
    reason: String,
}

fn read<T: for<'de> Deserialize<'de>>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The advisories that name one of the packages: id, and what it is about.
fn affected(snapshot: &Snapshot, packages: &[Package]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for package in packages {
        for advisory in snapshot.advisory.iter().filter(|advisory| advisory.name == package.name) {
            let mut safe = advisory.patched.iter().chain(&advisory.unaffected);
            if !safe.any(|versions| versions.matches(&package.version)) {
                let what = format!("{} {} ({})", package.name, package.version, advisory.sort);
                found.insert(advisory.id.clone(), what);
            }
        }
    }
    found
}

fn from_outside() -> Vec<Package> {
    let lock: Lock = read("Cargo.lock");
    lock.package.into_iter().filter(|package| package.source.is_some()).collect()
}

#[test]
fn every_advisory_of_a_dependency_is_looked_at() {
    let snapshot: Snapshot = read("tests/advisories/snapshot.toml");
    let deny: Deny = read("deny.toml");
    let affected = affected(&snapshot, &from_outside());
    let ignored: BTreeMap<&str, &str> =
        deny.advisories.ignore.iter().map(|entry| (entry.id.as_str(), entry.reason.as_str())).collect();
    for (id, what) in &affected {
        let reason = ignored.get(id.as_str());
        assert!(
            reason.is_some_and(|reason| reason.len() >= 20),
            "{id} is about {what}: update it, or say in deny.toml why it does no harm here"
        );
    }
    for id in ignored.keys() {
        assert!(affected.contains_key(*id), "deny.toml ignores {id}, which is about nothing in Cargo.lock any more");
    }
}

#[test]
fn every_dependency_was_looked_up() {
    let snapshot: Snapshot = read("tests/advisories/snapshot.toml");
    let missing: Vec<String> = from_outside()
        .into_iter()
        .map(|package| package.name)
        .filter(|name| !snapshot.looked_up.contains(name))
        .collect();
    assert!(missing.is_empty(), "not looked up yet: {missing:?}: run tests/advisories/snapshot.py");
}

#[test]
fn an_affected_version_is_noticed() {
    let snapshot: Snapshot = read("tests/advisories/snapshot.toml");
    let package = |name: &str, version: &str| {
        vec![Package { name: name.to_owned(), version: version.parse().unwrap(), source: None }]
    };
    let noticed = |name, version| affected(&snapshot, &package(name, version));
    assert!(noticed("tokio", "1.20.0").contains_key("RUSTSEC-2023-0001"));
    assert!(!noticed("tokio", "1.18.6").contains_key("RUSTSEC-2023-0001"), "a patched branch");
    assert!(!noticed("bytes", "1.1.0").contains_key("RUSTSEC-2026-0007"), "never affected");
    assert!(noticed("instant", "0.1.13").contains_key("RUSTSEC-2024-0384"), "never patched");
}
