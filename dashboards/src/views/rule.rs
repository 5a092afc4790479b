//! Rule packs and their rules, as texts: what a rule means is the rules crate's business.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

/// The live pack, its rules, and earlier packs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RulesView {
    /// The live pack; `null` before the first.
    pub pack: Option<PackView>,
    /// Its rules, by id.
    pub items: Vec<RuleView>,
    /// Every pack that was live, the newest first.
    pub packs: Vec<PackView>,
}

/// A pack that was put to work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PackView {
    /// The record that activated it.
    pub id: String,
    /// Its hash.
    pub version: String,
    /// Who activated it.
    pub by: String,
    /// The names of its files.
    pub files: Vec<String>,
}

/// A rule of the live pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RuleView {
    /// Its id.
    pub id: String,
    /// Its file.
    pub file: String,
    /// The `///` lines at its top.
    pub doc: String,
    /// The plain texts of its `RULE` map: `kind`, `severity`, `condition` and so on.
    pub facts: BTreeMap<String, String>,
    /// How it runs and what it has cost: `tier, evaluations, operations, faults, skipped, signals,
    /// last_fault`; `null` until the engine has the pack.
    pub now: Option<serde_json::Value>,
}

/// A rule with its source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RuleDetail {
    /// The rule.
    #[serde(flatten)]
    pub rule: RuleView,
    /// The live pack's version.
    pub pack: String,
    /// The file's text.
    pub source: String,
}

/// What the tests of a pack gave.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct TestView {
    /// The pack has no mistake and no test failed.
    pub ok: bool,
    /// Mistakes of the pack; with any, no test ran.
    pub mistakes: Vec<serde_json::Value>,
    /// The report: `passed, failed, untested, tests: [{file, rule, name, line, failure}], coverage`.
    pub report: serde_json::Value,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct CheckView {
    /// No mistake of severity `error`.
    pub ok: bool,
    /// Every mistake: `file, line, column, end_column, severity, message, hint, source`.
    pub mistakes: Vec<serde_json::Value>,
    /// How each rule would run, if there is no error: `rule, kind, file, tier` (`lowered` or
    /// `interpreter`), `reason` (`line, column, message`: what keeps it from being lowered).
    pub tiers: Vec<serde_json::Value>,
}
