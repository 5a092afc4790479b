//! Rule packs: what is live, checking, publishing, rolling back. The texts come from the ledger; what
//! they mean is judged by the gateway.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use gengfu_connectors::ledger::ActivatedPack;
use gengfu_model::Refusal;
use gengfu_model::pack::{PackNote, RollbackLimits};
use gengfu_model::staff::Action;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::{Body, Params};
use crate::auth::Session;
use crate::error::ApiError;
use crate::gateway::PublishAsk;
use crate::state::AppState;
use crate::views::{CheckView, DiffView, DoneView, PackView, RuleDetail, RuleView, RulesView, TestView};
use crate::{rule_diff, rule_text};

/// The most files of a pack.
const MAX_FILES: usize = 1_000;
/// How long limits for a roll-back hold unless it is said.
const DEFAULT_LIMIT_HOURS: u32 = 24;

/// The files of a rule pack.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pack {
    /// Name and text of every file.
    files: BTreeMap<String, String>,
    /// Why: kept with the version.
    #[serde(default)]
    reason: String,
    /// The report of a backtest or shadow of this very pack, to be kept with it.
    #[serde(default)]
    after_trial: Option<String>,
    /// Put it to work although something stands against it; what that is, is kept with the version.
    #[serde(default)]
    force: bool,
    /// Roll back by itself above so many incidents an hour,
    #[serde(default)]
    limit_incidents_per_hour: Option<u32>,
    /// or failed evaluations,
    #[serde(default)]
    limit_faults: Option<u64>,
    /// for so many hours; 24 if nothing is said.
    #[serde(default)]
    limit_hours: Option<u32>,
}

/// Rule files whose tests are to run.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tests {
    /// Name and text of every file: `.rhai`, and `.test.toml` beside them.
    files: BTreeMap<String, String>,
    /// Only tests whose `FILE::NAME` holds this text.
    #[serde(default)]
    filter: String,
}

/// Which pack to put back to work.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rollback {
    /// The pack's version; without it, the one before the live one.
    #[serde(default)]
    version: Option<String>,
    /// Why: kept with the version.
    #[serde(default)]
    reason: String,
}

/// The live pack, its rules, and earlier packs.
pub(crate) async fn list(State(state): State<AppState>) -> Result<Json<RulesView>, ApiError> {
    let packs = state.read(|ledger| ledger.packs()).await?;
    let items = packs.last().map(|pack| with_accounts(&state, rules(pack))).unwrap_or_default();
    let packs: Vec<PackView> = packs.iter().rev().map(pack_view).collect();
    Ok(Json(RulesView { pack: packs.first().cloned(), items, packs }))
}

/// A rule of the live pack with its source.
pub(crate) async fn one(State(state): State<AppState>, Path(id): Path<String>) -> Result<Json<RuleDetail>, ApiError> {
    let packs = state.read(|ledger| ledger.packs()).await?;
    let found = packs.last().and_then(|pack| {
        let rule = with_accounts(&state, rules(pack)).into_iter().find(|rule| rule.id == id)?;
        let source = pack.files.get(&rule.file)?.clone();
        Some(RuleDetail { rule, pack: pack.version.to_string(), source })
    });
    found.map(Json).ok_or_else(|| ApiError::not_found("rule", &id))
}

/// Checks rule files and gives every mistake.
pub(crate) async fn check(State(state): State<AppState>, Body(pack): Body<Pack>) -> Result<Json<CheckView>, ApiError> {
    names_are_good(&pack.files)?;
    Ok(Json(checked(&state, pack.files).await?))
}

/// Runs the tests in and beside rule files, on a simulated clock; the gateway's own state is not touched.
pub(crate) async fn test(State(state): State<AppState>, Body(tests): Body<Tests>) -> Result<Json<TestView>, ApiError> {
    names_are_good(&tests.files)?;
    let _turn = state.checks.acquire().await.map_err(|closed| ApiError::internal(&closed))?;
    let gateway = Arc::clone(&state.gateway);
    let tested = tokio::task::spawn_blocking(move || gateway.test_rules(tests.files, &tests.filter))
        .await
        .map_err(|error| ApiError::internal(&error))?;
    Ok(Json(match tested {
        Ok(report) => {
            let failed = report.get("failed").and_then(serde_json::Value::as_u64);
            TestView { ok: failed == Some(0), mistakes: Vec::new(), report }
        }
        Err(mistakes) => TestView { ok: false, mistakes, report: serde_json::Value::Null },
    }))
}

/// Puts a pack to work. A pack with a mistake is refused before anything is journaled; a trial of another pack,
/// and red tests, need `force`.
pub(crate) async fn publish(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Body(pack): Body<Pack>,
) -> Result<Json<DoneView>, ApiError> {
    names_are_good(&pack.files)?;
    let found = checked(&state, pack.files.clone()).await?;
    if !found.ok {
        return Err(first_error(&found));
    }
    let limits = (pack.limit_incidents_per_hour.is_some() || pack.limit_faults.is_some()).then(|| RollbackLimits {
        incidents_per_hour: pack.limit_incidents_per_hour,
        faults: pack.limit_faults,
        hours: pack.limit_hours.unwrap_or(DEFAULT_LIMIT_HOURS),
    });
    let ask = PublishAsk { files: pack.files.clone(), after_trial: pack.after_trial.clone() };
    let gateway = Arc::clone(&state.gateway);
    let vetted = tokio::task::spawn_blocking(move || gateway.vet_publication(&ask))
        .await
        .map_err(|error| ApiError::internal(&error))??;
    if !vetted.against.is_empty() && !pack.force {
        let hint = "mend it, or say `force`: what stands against the pack is kept with the version";
        let first = vetted.against.first().cloned().unwrap_or_default();
        let message = match vetted.against.len() {
            0 | 1 => first,
            count => format!("{first}, and {} more", count - 1),
        };
        return Err(ApiError::blocked(message, vetted.against).hint(hint));
    }
    let note =
        PackNote { reason: pack.reason, tests: vetted.tests, trial: vetted.trial, forced: vetted.against, limits };
    put_to_work(&state, &session, pack.files, note).await
}

/// Why a rule is paused.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pause {
    /// For whoever finds it paused.
    reason: String,
}

/// Pauses a rule as a whole: it judges no device until it is resumed.
pub(crate) async fn pause(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
    Body(body): Body<Pause>,
) -> Result<Json<DoneView>, ApiError> {
    let action = Action::PauseRule { rule: id.into(), reason: body.reason };
    Ok(Json(state.gateway.request(session.request(action)).await?.into()))
}

/// Lets a paused rule judge again.
pub(crate) async fn resume(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
) -> Result<Json<DoneView>, ApiError> {
    let action = Action::ResumeRule { rule: id.into() };
    Ok(Json(state.gateway.request(session.request(action)).await?.into()))
}

/// Puts an earlier pack back to work. Memories of rules that both packs have are kept.
pub(crate) async fn rollback(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Body(body): Body<Rollback>,
) -> Result<Json<DoneView>, ApiError> {
    let packs = state.read(|ledger| ledger.packs()).await?;
    let live = packs.last().map(|pack| Arc::clone(&pack.version));
    if live.as_deref().is_some_and(|live| body.version.as_deref() == Some(live)) {
        return Err(Refusal::new("wrong_state", "this pack is live already").field("version").into());
    }
    let found = packs.into_iter().rev().find(|pack| match &body.version {
        Some(version) => *pack.version == **version,
        None => Some(&pack.version) != live.as_ref(),
    });
    let name = body.version.as_deref().unwrap_or("the one before");
    let pack = found.ok_or_else(|| ApiError::not_found("pack that was live", name))?;
    let reason = match body.reason.is_empty() {
        true => format!("roll-back to {}", pack.version),
        false => format!("roll-back to {}: {}", pack.version, body.reason),
    };
    let files = pack.files.as_ref().clone();
    let found = checked(&state, files.clone()).await?;
    if !found.ok {
        return Err(first_error(&found));
    }
    put_to_work(&state, &session, files, PackNote { reason, ..PackNote::default() }).await
}

async fn put_to_work(
    state: &AppState,
    session: &Session,
    files: BTreeMap<String, String>,
    note: PackNote,
) -> Result<Json<DoneView>, ApiError> {
    Ok(Json(state.gateway.request(session.request(Action::PublishPack { files, note })).await?.into()))
}

/// Two versions side by side: which one against which.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Versions {
    /// The version before; without it, the one before `to`.
    from: Option<String>,
    /// The version after; without it, the live one.
    to: Option<String>,
}

/// The difference between two versions, as lines.
pub(crate) async fn diff(
    State(state): State<AppState>,
    Params(versions): Params<Versions>,
) -> Result<Json<DiffView>, ApiError> {
    let packs = state.read(|ledger| ledger.packs()).await?;
    let place_of = |version: &str| {
        let place = packs.iter().rposition(|pack| *pack.version == *version);
        place.ok_or_else(|| ApiError::not_found("pack that was live", version))
    };
    let to = match &versions.to {
        Some(version) => place_of(version)?,
        None => packs.len().checked_sub(1).ok_or_else(|| ApiError::not_found("pack that was live", "any"))?,
    };
    let from = match &versions.from {
        Some(version) => Some(place_of(version)?),
        None => packs[..to].iter().rposition(|pack| pack.version != packs[to].version),
    };
    let nothing = BTreeMap::new();
    let before = from.map_or(&nothing, |from| packs[from].files.as_ref());
    let text = rule_diff::diff(before, &packs[to].files);
    Ok(Json(DiffView {
        from: from.map(|from| packs[from].version.to_string()),
        to: packs[to].version.to_string(),
        text,
    }))
}

async fn checked(state: &AppState, files: BTreeMap<String, String>) -> Result<CheckView, ApiError> {
    let _turn = state.checks.acquire().await.map_err(|closed| ApiError::internal(&closed))?;
    let gateway = Arc::clone(&state.gateway);
    let found = tokio::task::spawn_blocking(move || (gateway.check_rules(files.clone()), gateway.rule_tiers(files)));
    let (mistakes, tiers) = found.await.map_err(|error| ApiError::internal(&error))?;
    Ok(CheckView { ok: !mistakes.iter().any(is_error), mistakes, tiers })
}

/// Puts beside each rule how it runs and what it has cost. A pack may have rules of two kinds with one id.
fn with_accounts(state: &AppState, mut rules: Vec<RuleView>) -> Vec<RuleView> {
    let now = state.gateway.rules_now();
    for rule in &mut rules {
        let kind = rule.facts.get("kind").map(String::as_str);
        let found = now.iter().find(|now| now.id == rule.id && kind.is_none_or(|kind| kind == now.kind.name()));
        rule.now = found.and_then(|now| serde_json::to_value(now).ok());
    }
    rules
}

/// A mistake that says no severity is an error.
fn is_error(mistake: &serde_json::Value) -> bool {
    mistake.get("severity").and_then(|severity| severity.as_str()).is_none_or(|severity| severity == "error")
}

fn first_error(found: &CheckView) -> ApiError {
    let errors: Vec<_> = found.mistakes.iter().filter(|mistake| is_error(mistake)).collect();
    let text = |key: &str| errors.first().and_then(|mistake| mistake.get(key)).and_then(|value| value.as_str());
    let number = |key: &str| errors.first().and_then(|mistake| mistake.get(key)).and_then(serde_json::Value::as_u64);
    let place = format!(
        "{}:{}:{}",
        text("file").unwrap_or_default(),
        number("line").unwrap_or_default(),
        number("column").unwrap_or_default()
    );
    let more = match errors.len() {
        0 | 1 => String::new(),
        count => format!("; {} more, see POST /api/v1/rules/check", count - 1),
    };
    let hint = text("hint").unwrap_or("POST /api/v1/rules/check lists every mistake").to_owned();
    ApiError::invalid(&place, format!("{}{more}", text("message").unwrap_or("the pack has a mistake"))).hint(hint)
}

/// Whether a pack's files are so many, and so named, as can be written out.
pub(super) fn names_are_good(files: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if files.is_empty() || files.len() > MAX_FILES {
        return Err(ApiError::invalid("files", format!("a pack has 1 to {MAX_FILES} files")));
    }
    // Names become paths when a pack is written out: none may leave the folder.
    for name in files.keys() {
        let good_part = |part: &str| {
            !part.is_empty() && !part.starts_with('.') && part.chars().all(|c| c.is_alphanumeric() || "._-".contains(c))
        };
        if name.len() > 200 || !name.split('/').all(good_part) {
            return Err(ApiError::invalid("files", format!("`{name}` is no name for a file of a pack"))
                .hint("letters, digits and . _ - in parts separated by /"));
        }
    }
    Ok(())
}

fn rules(pack: &ActivatedPack) -> Vec<RuleView> {
    let is_rule = |file: &str| file.ends_with(".rhai");
    let files = pack.files.iter().filter(|(file, _)| is_rule(file));
    let mut rules: Vec<RuleView> = files.map(|(file, text)| rule_text::rule(file, text)).collect();
    rules.sort_by(|a, b| a.id.cmp(&b.id));
    rules
}

fn pack_view(pack: &ActivatedPack) -> PackView {
    PackView {
        id: pack.id.to_string(),
        version: pack.version.to_string(),
        by: pack.by.to_string(),
        time: pack.time.into(),
        reason: pack.note.reason.clone(),
        tests: pack.note.tests.clone(),
        trial: pack.note.trial.as_ref().map(|trial| trial.id.clone()),
        trial_summary: pack.note.trial.as_ref().map(|trial| trial.summary.clone()),
        forced: pack.note.forced.clone(),
        limit_incidents_per_hour: pack.note.limits.and_then(|limits| limits.incidents_per_hour),
        limit_faults: pack.note.limits.and_then(|limits| limits.faults),
        limit_hours: pack.note.limits.map(|limits| limits.hours),
        files: pack.files.keys().cloned().collect(),
    }
}
