//! Cases that people report: from a JSON body to a request.

use axum::extract::State;
use axum::{Extension, Json};
use gengfu_model::staff::Action;
use gengfu_model::{CaseReport, Severity};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::Body;
use crate::auth::Session;
use crate::error::ApiError;
use crate::state::AppState;
use crate::views::DoneView;

/// What somebody reports who is no sensor.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewReport {
    /// A source of the city profile, such as `public` or `collector`.
    source: String,
    /// Who reports it, as far as it is known.
    #[serde(default)]
    reporter: String,
    /// Id of a class of the city table, such as `01-02`.
    class: String,
    /// Id of a row of that class, which gives the limit.
    standard: Option<String>,
    /// `info`, `minor`, `major` or `critical`; `minor` if left out.
    severity: Option<String>,
    /// Code of the asset, if it is known.
    #[serde(default)]
    asset: String,
    /// What people call the asset or the place.
    #[serde(default)]
    asset_name: String,
    /// What is wrong, in the reporter's words.
    text: String,
    /// District.
    #[serde(default)]
    district: String,
    /// Grid cell.
    #[serde(default)]
    grid: String,
    /// Department that owns it, if it is known.
    #[serde(default)]
    department: String,
    /// Degrees, WGS-84.
    latitude: Option<f64>,
    /// Degrees, WGS-84.
    longitude: Option<f64>,
}

/// Takes in a report: a new case, or a line in the open one of the same class and asset.
pub(crate) async fn report(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Body(new): Body<NewReport>,
) -> Result<Json<DoneView>, ApiError> {
    let severity = new.severity.as_deref().map_or(Some(Severity::Minor), Severity::from_name);
    let severity =
        severity.ok_or_else(|| ApiError::invalid("severity", "it is info, minor, major or critical".to_owned()))?;
    if !session.sees(&new.district) {
        return Err(ApiError::invalid("district", "your account is limited to other districts".to_owned()));
    }
    let report = CaseReport {
        source: new.source.into(),
        reporter: new.reporter.into(),
        class: new.class.into(),
        standard: new.standard.map(Into::into),
        severity,
        asset: new.asset.into(),
        asset_name: new.asset_name.into(),
        text: new.text,
        district: new.district.into(),
        grid: new.grid.into(),
        department: new.department.into(),
        latitude: new.latitude,
        longitude: new.longitude,
    };
    let accepted = state.gateway.request(session.request(Action::ReportCase { report: Box::new(report) })).await?;
    Ok(Json(accepted.into()))
}
