//! What people were told: the console's list with its read mark, and what became of it in each channel.

use axum::extract::{Path, State};
use axum::{Extension, Json};
use gengfu_model::duty::DutyAction;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::duty::{ask, is_read, may_see};
use crate::api::extract::{effect_id, list_error, page};
use crate::api::{Body, Params};
use crate::auth::Session;
use crate::error::ApiError;
use crate::state::AppState;
use crate::views::{DeliveryView, DoneView, NotificationView, NotificationsView};

/// Which notifications.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    user: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// Up to where somebody has read.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadMark {
    /// The id of the newest notification that was read.
    upto: String,
}

/// The deliveries of a notification.
#[derive(serde::Serialize, ToSchema)]
pub(crate) struct DeliveriesView {
    /// By channel, the console first.
    items: Vec<DeliveryView>,
}

/// Notifications, the newest first: the own, or anybody's for leaders.
pub(crate) async fn list(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Params(asked): Params<Asked>,
) -> Result<Json<NotificationsView>, ApiError> {
    let user = asked.user.filter(|user| !user.is_empty()).unwrap_or_else(|| session.user.to_string());
    may_see(&session, &user)?;
    let page = page(asked.limit, asked.cursor)?;
    let up_to = state.gateway.read_up_to(user.clone()).await;
    let listed = state.read(move |ledger| {
        let unread = ledger.unread(&user, up_to)?;
        Ok(ledger.notifications(&user, &page).map(|listed| (listed, unread)))
    });
    let (listed, unread) = listed.await?.map_err(list_error)?;
    let items = listed.items.into_iter().map(|item| {
        let read = is_read(item.id, up_to);
        NotificationView::new(item, read)
    });
    Ok(Json(NotificationsView { items: items.collect(), unread, cursor: listed.next }))
}

/// Marks the own notifications as read.
pub(crate) async fn read(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Body(mark): Body<ReadMark>,
) -> Result<Json<DoneView>, ApiError> {
    let upto = effect_id("notification", &mark.upto)?;
    ask(&state, &session, DutyAction::ReadNotifications { upto }).await
}

/// What became of a notification in each channel.
pub(crate) async fn deliveries(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
) -> Result<Json<DeliveriesView>, ApiError> {
    let id = effect_id("notification", &id)?;
    let rows = state.read(move |ledger| ledger.notification_rows(id)).await?;
    let missing = || ApiError::not_found("notification", &id.to_string());
    let first = rows.first().ok_or_else(missing)?;
    let body: serde_json::Value = serde_json::from_str(&first.body).unwrap_or_default();
    let user = body["user"].as_str().unwrap_or_default();
    may_see(&session, user)?;
    let read = is_read(id, state.gateway.read_up_to(user.to_owned()).await);
    let console = DeliveryView {
        channel: "console".to_owned(),
        state: if read { "read" } else { "sent" }.to_owned(),
        attempts: 0,
        last_try: None,
        next_try: None,
        answer: String::new(),
    };
    let mut items = vec![console];
    for row in rows.iter().skip(1) {
        let found = state.gateway.deliveries(row.id).await;
        if found.is_empty() {
            // The channel's worker has not come to it, or there is no such channel any more.
            let channel = row.topic.strip_prefix("notification.").unwrap_or_default().to_owned();
            items.push(DeliveryView { channel, state: "pending".to_owned(), ..items[0].clone() });
        }
        items.extend(found.into_iter().map(DeliveryView::from));
    }
    Ok(Json(DeliveriesView { items }))
}
