//! What each rule costs and brings: the engine's counts beside the ledger's cases.

use axum::extract::State;
use axum::{Extension, Json};
use gengfu_connectors::ledger::MAX_PERIOD_MS;
use gengfu_model::time::DAY_MS;
use serde::Deserialize;

use crate::accounts::{Booked, accounts};
use crate::api::Params;
use crate::auth::Session;
use crate::error::ApiError;
use crate::state::AppState;
use crate::time_text::When;
use crate::views::RuleAccountsView;

/// Which period.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    from: Option<When>,
    to: Option<When>,
}

/// The accounts of all rules. Accounts that are limited to districts see incidents, cases and time of these.
pub(crate) async fn list(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Params(query): Params<Query>,
) -> Result<Json<RuleAccountsView>, ApiError> {
    let to = query.to.map_or_else(|| state.now(), |when| when.0);
    let from = query.from.map_or_else(|| to.plus_ms(-30 * DAY_MS), |when| when.0);
    if !(1..=MAX_PERIOD_MS).contains(&to.since_ms(from)) {
        return Err(ApiError::invalid("to", "`to` is after `from`, and at most 366 days after it"));
    }
    let districts = session.districts.iter().map(ToString::to_string).collect();
    let booked = state.read(move |ledger| Booked::read(ledger, from, to, districts)).await?;
    let now = state.gateway.rules_with_state().await;
    Ok(Json(accounts(now, booked, from, to)))
}
