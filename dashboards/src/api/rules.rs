//! Rule packs: what is live, checking, publishing, rolling back. The texts come from the ledger; what
//! they mean is judged by the gateway.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use gengfu_connectors::ledger::ActivatedPack;
use gengfu_model::staff::Action;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::Body;
use crate::auth::Session;
use crate::error::ApiError;
use crate::rule_text;
use crate::state::AppState;
use crate::views::{CheckView, DoneView, PackView, RuleDetail, RuleView, RulesView, TestView};

/// The most files of a pack.
const MAX_FILES: usize = 1_000;

/// The files of a rule pack.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pack {
    /// Name and text of every file.
    files: BTreeMap<String, String>,
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
    /// The pack's version.
    version: String,
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

/// Puts a pack to work. A pack with a mistake is refused before anything is journaled.
pub(crate) async fn publish(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Body(pack): Body<Pack>,
) -> Result<Json<DoneView>, ApiError> {
    names_are_good(&pack.files)?;
    activate(&state, &session, pack.files).await
}

/// Puts an earlier pack back to work.
pub(crate) async fn rollback(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Body(body): Body<Rollback>,
) -> Result<Json<DoneView>, ApiError> {
    let packs = state.read(|ledger| ledger.packs()).await?;
    if packs.last().is_some_and(|pack| *pack.version == *body.version) {
        return Err(gengfu_model::Refusal::new("wrong_state", "this pack is live already").field("version").into());
    }
    let found = packs.into_iter().rev().find(|pack| *pack.version == *body.version);
    let pack = found.ok_or_else(|| ApiError::not_found("pack that was live", &body.version))?;
    activate(&state, &session, pack.files.as_ref().clone()).await
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

async fn activate(
    state: &AppState,
    session: &Session,
    files: BTreeMap<String, String>,
) -> Result<Json<DoneView>, ApiError> {
    let found = checked(state, files.clone()).await?;
    if !found.ok {
        return Err(first_error(&found));
    }
    Ok(Json(state.gateway.request(session.request(Action::ActivatePack { files })).await?.into()))
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

fn names_are_good(files: &BTreeMap<String, String>) -> Result<(), ApiError> {
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
        files: pack.files.keys().cloned().collect(),
    }
}
