//! Rule packs and their rules, as texts: what a rule means is the rules crate's business.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::time_text::Time;

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
    /// When.
    pub time: Time,
    /// Why.
    pub reason: String,
    /// What its tests said; empty: none were run.
    pub tests: String,
    /// The report of the trial that it was published after.
    pub trial: Option<String>,
    /// What that trial found, in a line.
    pub trial_summary: Option<String>,
    /// What stood against it, when it was published nevertheless.
    pub forced: Vec<String>,
    /// It is rolled back by itself above so many incidents an hour,
    pub limit_incidents_per_hour: Option<u32>,
    /// or failed evaluations,
    pub limit_faults: Option<u64>,
    /// for so many hours after its publication.
    pub limit_hours: Option<u32>,
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

/// Two versions side by side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DiffView {
    /// The version before; `null`: there was none.
    pub from: Option<String>,
    /// The version after.
    pub to: String,
    /// What differs, file by file: lines with `-` are gone, with `+` are new.
    pub text: String,
}

/// A backtest, a shadow or their report: `id, sort, state` (`running`, `done`, `failed`, `cancelled`), `by`, `asked`,
/// `progress` from 0 to 1, `messages`, `error`, and when it is done `summary` and `report`.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(transparent)]
pub struct TrialView(pub serde_json::Value);

/// Backtests and reports.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct TrialsView {
    /// The newest first; without the reports themselves.
    pub items: Vec<TrialView>,
}
