//! The rules' parameters: what is declared, what is set where, and what a device gets with the chain that gave it.

use axum::extract::{Path, State};
use axum::{Extension, Json};
use gengfu_model::Value;
use gengfu_model::staff::Action;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::extract::device_id;
use crate::api::{Body, Params, devices};
use crate::auth::Session;
use crate::error::ApiError;
use crate::gateway::ParametersAsk;
use crate::state::AppState;
use crate::views::{DoneView, ParametersView};

/// Whose values are wanted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    device: Option<String>,
}

/// Where a setting applies.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scope {
    scope: Option<String>,
}

/// A setting.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSetting {
    /// Where it applies: `kind`, `district:NAME`, `group:NAME` (feeder, cabinet, catchment, grid or carrier cell) or
    /// `device:ID`.
    scope: String,
    /// The value: a number, a number of seconds for a length of time, or `true` or `false`.
    #[schema(value_type = Object)]
    value: serde_json::Value,
    /// Set it although no device is within the scope yet.
    #[serde(default)]
    ahead: bool,
}

/// The parameters of a rule, with their settings.
pub(crate) async fn list(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Path(rule): Path<String>,
    Params(query): Params<Query>,
) -> Result<Json<ParametersView>, ApiError> {
    let device = query.device.map(|device| device_id(&device)).transpose()?;
    if let Some(device) = &device {
        devices::visible(&state, &session, device).await?;
    }
    let asked = ParametersAsk { rule: rule.clone(), name: None, device };
    let found = state.gateway.rule_parameters(asked).await;
    let found = found.ok_or_else(|| ApiError::not_found("rule", &rule))?;
    serde_json::from_value(found)
        .map(|items| Json(ParametersView { items }))
        .map_err(|error| ApiError::internal(&error))
}

/// Sets a parameter for a scope. It counts from each device's next evaluation on; what the rule remembers stays.
pub(crate) async fn set(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Path((rule, name)): Path<(String, String)>,
    Body(body): Body<NewSetting>,
) -> Result<Json<DoneView>, ApiError> {
    may_set(&state, &session, &body.scope).await?;
    let value = value_of(&body.value)?;
    let within = state.gateway.devices_within(rule.clone(), body.scope.clone()).await;
    let within = within.ok_or_else(|| ApiError::not_found("rule", &rule))?;
    if within == 0 && !body.ahead {
        let message = format!("no device that `{rule}` judges is within `{}`", body.scope);
        let hint = "look for a misspelt name, or say `ahead: true` to set it before the devices are registered";
        return Err(ApiError::invalid("scope", message).hint(hint));
    }
    let (rule, name, scope) = (rule.into(), name.into(), body.scope.into());
    let action = Action::SetParameter { rule, name, scope, value: Some(value) };
    Ok(Json(state.gateway.request(session.request(action)).await?.into()))
}

/// Takes a setting away: the next wider one counts again.
pub(crate) async fn unset(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Path((rule, name)): Path<(String, String)>,
    Params(query): Params<Scope>,
) -> Result<Json<DoneView>, ApiError> {
    let scope = query.scope.ok_or_else(|| ApiError::invalid("scope", "name the scope").hint("?scope=district:east"))?;
    may_set(&state, &session, &scope).await?;
    let asked = ParametersAsk { rule: rule.clone(), name: Some(name.clone()), device: None };
    let found = state.gateway.rule_parameters(asked).await.unwrap_or_default();
    let settings = found.as_array().into_iter().flatten().filter_map(|view| view["settings"].as_array()).flatten();
    if !settings.into_iter().any(|setting| setting["scope"] == scope.as_str()) {
        return Err(ApiError::not_found("setting", &format!("{rule}.{name} for {scope}")));
    }
    let action = Action::SetParameter { rule: rule.into(), name: name.into(), scope: scope.into(), value: None };
    Ok(Json(state.gateway.request(session.request(action)).await?.into()))
}

/// An account that is limited to districts sets for these and their devices only: a group may reach beyond them.
async fn may_set(state: &AppState, session: &Session, scope: &str) -> Result<(), ApiError> {
    if session.districts.is_empty() {
        return Ok(());
    }
    if let Some(district) = scope.strip_prefix("district:") {
        if session.sees(district) {
            return Ok(());
        }
    } else if let Some(device) = scope.strip_prefix("device:") {
        return devices::visible(state, session, &device_id(device)?).await.map(drop);
    }
    let message = format!("this account is limited to its districts and sets nothing for `{scope}`");
    Err(ApiError::forbidden(message).field("scope"))
}

fn value_of(value: &serde_json::Value) -> Result<Value, ApiError> {
    match value {
        serde_json::Value::Bool(flag) => Ok(Value::Bool(*flag)),
        serde_json::Value::Number(number) => Ok(Value::Number(number.as_f64().unwrap_or(f64::NAN))),
        _ => Err(ApiError::invalid("value", "a parameter is a number, or true or false")
            .hint("a length of time is a number of seconds")),
    }
}
