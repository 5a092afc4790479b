//! The city's platform tells how far a case is: one message a request, taken once however often it comes.

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use gengfu_model::staff::{Action, StaffRequest};
use serde_json::Value;

use crate::api::extract;
use crate::error::ApiError;
use crate::state::AppState;
use crate::views::DoneView;

/// Takes a message. `rows` is 0 when it was taken before.
pub(crate) async fn status(
    State(state): State<AppState>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Json<DoneView>, ApiError> {
    let bearer = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = bearer.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default().to_owned();
    let door = state.gateway.platform(&name).filter(|door| door.opens_to(&token));
    let Some(door) = door else {
        return Err(ApiError::new(StatusCode::UNAUTHORIZED, "unauthenticated", "this is not a platform's token"));
    };
    let bytes = extract::bytes(request, &state).await?;
    let body: Value = serde_json::from_slice(&bytes).map_err(|error| {
        ApiError::new(StatusCode::BAD_REQUEST, "malformed", format!("the JSON body cannot be read: {error}"))
    })?;
    let said = door.mapping.read(&body).map_err(|message| ApiError::invalid("body", message))?;
    let action = Action::Platform {
        platform: name.as_str().into(),
        message: said.message.into(),
        case: said.case.into(),
        reached: said.reached,
        note: said.note,
    };
    let request = StaffRequest { user: format!("platform:{name}").into(), roles: Vec::new(), action };
    Ok(Json(state.gateway.request(request).await?.into()))
}
