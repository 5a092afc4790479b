//! The files of a pack that was live, and what a draft changes in them: what an editor begins with.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::{Body, rules};
use crate::error::ApiError;
use crate::rule_diff;
use crate::state::AppState;
use crate::views::DiffView;

/// The word for the pack that is live, in the place of a version.
const LIVE: &str = "live";

/// A pack with the texts of its files.
#[derive(Serialize, ToSchema)]
pub(crate) struct PackFilesView {
    /// The pack's version.
    version: String,
    /// Name and text of every file.
    files: BTreeMap<String, String>,
}

/// A draft to be compared.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Draft {
    /// Name and text of every file of the draft.
    files: BTreeMap<String, String>,
    /// The version to compare with; without it, the live one.
    #[serde(default)]
    from: Option<String>,
}

/// The files of a pack: the newest of that version, or `live`.
pub(crate) async fn files(
    State(state): State<AppState>,
    Path(version): Path<String>,
) -> Result<Json<PackFilesView>, ApiError> {
    find(&state, &version).await.map(Json)
}

/// What a draft changes, as lines.
pub(crate) async fn diff(State(state): State<AppState>, Body(draft): Body<Draft>) -> Result<Json<DiffView>, ApiError> {
    rules::names_are_good(&draft.files)?;
    let before = find(&state, draft.from.as_deref().unwrap_or(LIVE)).await?;
    let compare = move || (rule_diff::diff(&before.files, &draft.files), before.version);
    let (text, from) = tokio::task::spawn_blocking(compare).await.map_err(|error| ApiError::internal(&error))?;
    Ok(Json(DiffView { from: Some(from), to: "draft".to_owned(), text }))
}

async fn find(state: &AppState, version: &str) -> Result<PackFilesView, ApiError> {
    let packs = state.read(|ledger| ledger.packs()).await?;
    let found = packs.iter().rfind(|pack| version == LIVE || *pack.version == *version);
    let pack = found.ok_or_else(|| ApiError::not_found("pack that was live", version))?;
    Ok(PackFilesView { version: pack.version.to_string(), files: pack.files.as_ref().clone() })
}
