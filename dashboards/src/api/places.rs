//! The city's places: fences, speed zones, roads and routes, as GeoJSON in and out.

use axum::extract::{Request, State};
use axum::{Extension, Json};
use gengfu_model::crs::Crs;
use gengfu_model::places::geojson::{from_geojson, to_geojson};
use gengfu_model::places::{Place, PlaceMistake};
use gengfu_model::staff::Action;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::Params;
use crate::api::extract::bytes;
use crate::api::route::Param;
use crate::auth::Session;
use crate::error::ApiError;
use crate::state::AppState;
use crate::time_text::to_text;
use crate::views::DoneView;

/// The coordinate system of a request or answer.
pub(crate) const CRS: Param =
    Param { name: "crs", doc: "coordinate system: wgs84 (default), gcj02 or bd09", example: "gcj02" };
/// Narrows a list of places.
pub(crate) const NAME_OR_KIND: Param =
    Param { name: "name", doc: "only places of that name or kind", example: "depot" };

/// What is asked of the places.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlacesQuery {
    crs: Option<String>,
    name: Option<String>,
}

impl PlacesQuery {
    fn crs(&self) -> Result<Option<Crs>, ApiError> {
        let Some(name) = &self.crs else { return Ok(None) };
        let known = Crs::from_name(name).map(Some);
        known.ok_or_else(|| {
            ApiError::invalid("crs", format!("`{name}` is no coordinate system")).hint("wgs84, gcj02 or bd09")
        })
    }
}

/// A GeoJSON `FeatureCollection`: each feature with `name` and `kind` in its properties.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "the body is read by the model's own reader, this is its shape for the documentation")]
pub(crate) struct FeatureCollection {
    /// `FeatureCollection`.
    r#type: String,
    /// Polygons, lines and points.
    features: Vec<serde_json::Value>,
}

/// The places in force.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlacesView {
    /// `FeatureCollection`.
    r#type: &'static str,
    /// Each with `name`, `kind` and what else it has in its properties.
    features: Vec<serde_json::Value>,
    /// The coordinate system.
    crs: &'static str,
    /// Who put them; empty where none were ever put.
    by: String,
    /// When, RFC 3339.
    time: Option<String>,
}

/// What is wrong with a file.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlacesCheckView {
    /// Nothing is.
    ok: bool,
    /// How many places there are; 0 where something is wrong.
    places: usize,
    /// Everything that is wrong.
    mistakes: Vec<PlaceMistakeView>,
}

/// A mistake in a file of places.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlaceMistakeView {
    /// The feature's number in the file, from 1.
    feature: Option<usize>,
    /// Its name, where it has one.
    name: String,
    /// The ring's or line's number in the feature, from 1.
    ring: Option<usize>,
    /// What is wrong.
    message: String,
}

impl From<PlaceMistake> for PlaceMistakeView {
    fn from(mistake: PlaceMistake) -> PlaceMistakeView {
        let PlaceMistake { feature, name, ring, message } = mistake;
        PlaceMistakeView { feature, name, ring, message }
    }
}

/// The places in force.
pub(crate) async fn all(
    State(state): State<AppState>,
    Params(query): Params<PlacesQuery>,
) -> Result<Json<PlacesView>, ApiError> {
    let crs = query.crs()?.unwrap_or_default();
    let row = state.read(|ledger| ledger.places()).await?.map(|(_, row)| row);
    let wanted = |place: &&Place| match &query.name {
        Some(word) => *place.name == **word || *place.kind == **word,
        None => true,
    };
    let places: Vec<Place> = row.iter().flat_map(|row| row.places.iter()).filter(wanted).cloned().collect();
    let mut collection = to_geojson(&places, crs);
    let features = match collection["features"].take() {
        serde_json::Value::Array(features) => features,
        _ => Vec::new(),
    };
    Ok(Json(PlacesView {
        r#type: "FeatureCollection",
        features,
        crs: crs.name(),
        by: row.as_ref().map(|row| row.by.to_string()).unwrap_or_default(),
        time: row.map(|row| to_text(row.time)),
    }))
}

/// Replaces the places; a file with a mistake changes nothing.
pub(crate) async fn put_all(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Params(query): Params<PlacesQuery>,
    request: Request,
) -> Result<Json<DoneView>, ApiError> {
    let places = read(&state, &query, request).await?.map_err(|mistakes| {
        let shown: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        ApiError::invalid("features", shown.join("\n")).hint("the places in force stay")
    })?;
    Ok(Json(state.gateway.request(session.request(Action::PutPlaces { places })).await?.into()))
}

/// Checks a file and gives every mistake.
pub(crate) async fn check(
    State(state): State<AppState>,
    Params(query): Params<PlacesQuery>,
    request: Request,
) -> Result<Json<PlacesCheckView>, ApiError> {
    let (places, mistakes) = match read(&state, &query, request).await? {
        Ok(places) => (places.len(), Vec::new()),
        Err(mistakes) => (0, mistakes),
    };
    let mistakes: Vec<PlaceMistakeView> = mistakes.into_iter().map(PlaceMistakeView::from).collect();
    Ok(Json(PlacesCheckView { ok: mistakes.is_empty(), places, mistakes }))
}

async fn read(
    state: &AppState,
    query: &PlacesQuery,
    request: Request,
) -> Result<Result<Vec<Place>, Vec<PlaceMistake>>, ApiError> {
    let crs = query.crs()?;
    let file = bytes(request, state).await?;
    // Some megabytes of text: not on the threads that answer everybody.
    let read = tokio::task::spawn_blocking(move || match std::str::from_utf8(&file) {
        Ok(text) => from_geojson(text, crs),
        Err(error) => Err(vec![PlaceMistake::whole(format!("this is no UTF-8: {error}"))]),
    });
    read.await.map_err(|error| ApiError::internal(&error))
}
