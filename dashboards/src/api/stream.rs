//! The live stream as server-sent events, resumable by `Last-Event-ID`.
//!
//! Promises: after `Last-Event-ID` nothing kept is left out and nothing comes twice; a reader that is too
//! slow for the live feed is carried on from the ledger; the number of streams is bounded; a stream ends
//! with its session. When the asked-for part is not kept any more, the event `reset` tells the client to
//! load its lists again.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use gengfu_model::{Case, Device, EffectId, Incident};
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::auth::Session;
use crate::auth::session;
use crate::error::ApiError;
use crate::gateway::StreamEvent;
use crate::state::AppState;
use crate::views::{CaseView, DeviceView, IncidentView};

/// Rows that are read from the ledger at one go while a reader catches up.
const CATCH_UP_ROWS: usize = 500;

/// One reader of the live stream.
struct Reader {
    state: AppState,
    session: Session,
    live: Receiver<Arc<StreamEvent>>,
    /// Read from the ledger, not sent yet.
    backlog: VecDeque<(EffectId, String, String)>,
    /// The ledger may have rows after `last`.
    catching_up: bool,
    /// The newest event that was sent or skipped; before the first, where the stream began.
    last: EffectId,
    /// Whether events up to `last` have been given to this client, by this stream or an earlier one.
    resumed: bool,
    greeting: Option<Event>,
    _place: OwnedSemaphorePermit,
}

/// Opens a live stream.
pub(crate) async fn stream(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let place = Arc::clone(&state.streams)
        .try_acquire_owned()
        .map_err(|_| ApiError::busy("too many live streams are open", 30))?;
    let asked = match headers.get("last-event-id") {
        Some(value) => Some(last_event_id(value.to_str().unwrap_or_default())?),
        None => None,
    };
    // First listen, then look where the ledger is: nothing falls between the two.
    let live = state.gateway.subscribe();
    let start = EffectId { seq: state.gateway.status().ledger, ordinal: u32::MAX };
    let greeting = match asked {
        Some(after) if is_gone(&state, after).await? => Event::default().event("reset").data("{}"),
        _ => Event::default().comment("listening"),
    };
    let reader = Reader {
        state,
        session,
        live,
        backlog: VecDeque::new(),
        catching_up: asked.is_some(),
        last: asked.unwrap_or(start),
        resumed: asked.is_some(),
        greeting: Some(greeting),
        _place: place,
    };
    let events = stream::unfold(reader, |mut reader| async move {
        let event = reader.next_event().await?;
        Some((Ok::<_, Infallible>(event), reader))
    });
    let headers = [("x-accel-buffering", "no"), ("cache-control", "no-store")];
    Ok((headers, Sse::new(events)).into_response())
}

fn last_event_id(text: &str) -> Result<EffectId, ApiError> {
    text.parse().map_err(|message: String| ApiError::invalid("Last-Event-ID", message))
}

/// Whether rows after `after` may have been dropped from the ledger. `0-N` asks for all that is kept.
async fn is_gone(state: &AppState, after: EffectId) -> Result<bool, ApiError> {
    let bounds = state.read(|ledger| ledger.stream_bounds()).await?;
    Ok(after.seq.0 > 0 && bounds.is_some_and(|(oldest, _)| after < oldest))
}

impl Reader {
    /// The next event or keep-alive comment; `None` ends the stream.
    async fn next_event(&mut self) -> Option<Event> {
        if let Some(greeting) = self.greeting.take() {
            return Some(greeting);
        }
        loop {
            while let Some((id, name, data)) = self.backlog.pop_front() {
                self.last = id;
                self.resumed = true;
                if let Some(event) = self.event(Some(id), &name, &data) {
                    return Some(event);
                }
            }
            if self.catching_up {
                self.read_ledger().await?;
                continue;
            }
            let wait = self.state.options.stream_keep_alive;
            match tokio::time::timeout(wait, self.live.recv()).await {
                Ok(Ok(event)) => {
                    if let Some(event) = self.live_event(&event) {
                        return Some(event);
                    }
                }
                Ok(Err(RecvError::Lagged(_))) => self.catching_up = true,
                Ok(Err(RecvError::Closed)) => return None,
                Err(_) => {
                    // Quiet: a moment to see whether the session still stands.
                    session::open(&self.state, &self.session.token).await.ok()?;
                    return Some(Event::default().comment("still here"));
                }
            }
        }
    }

    /// Reads on from the ledger; `None` when it cannot be read (the client comes back and resumes).
    async fn read_ledger(&mut self) -> Option<()> {
        let after = self.last;
        let rows = self.state.read(move |ledger| ledger.stream_after(Some(after), CATCH_UP_ROWS)).await.ok()?;
        self.catching_up = !rows.is_empty();
        self.backlog.extend(rows);
        Some(())
    }

    fn live_event(&mut self, event: &StreamEvent) -> Option<Event> {
        if !is_kept(&event.name) {
            return self.event(None, &event.name, &event.data);
        }
        if self.resumed && event.id <= self.last {
            return None;
        }
        self.last = event.id;
        self.resumed = true;
        self.event(Some(event.id), &event.name, &event.data)
    }

    /// The event as this account may see it.
    fn event(&self, id: Option<EffectId>, name: &str, data: &str) -> Option<Event> {
        if name == NOTIFICATION && !is_for(data, &self.session.user) {
            return None;
        }
        let (district, body) = view(name, data);
        if !district.is_none_or(|district| self.session.sees(&district)) {
            return None;
        }
        // A carriage return would end the line; in JSON text it never stands bare.
        let event = Event::default().event(name).data(body.replace('\r', " "));
        Some(match id {
            Some(id) => event.id(id.to_string()),
            None => event,
        })
    }
}

/// The event of a notification: only for whom it is.
const NOTIFICATION: &str = "notification";

fn is_for(data: &str, user: &str) -> bool {
    let body: Option<serde_json::Value> = serde_json::from_str(data).ok();
    body.as_ref().and_then(|body| body.get("user")?.as_str()) == Some(user)
}

/// Whether events of that name are rows of the ledger. Others (balances, device states) are of the
/// moment: they carry no id and are not repeated.
fn is_kept(name: &str) -> bool {
    name.starts_with("incident.") || name.starts_with("case.") || name == NOTIFICATION
}

/// The district and the body of an event: stored entities in the API's shape, anything else as it is.
fn view(name: &str, data: &str) -> (Option<String>, String) {
    fn shaped<T: serde::de::DeserializeOwned, V: Serialize>(
        data: &str,
        district: impl Fn(&T) -> String,
        shape: impl Fn(T) -> V,
    ) -> Option<(Option<String>, String)> {
        let entity: T = serde_json::from_str(data).ok()?;
        let district = district(&entity);
        Some((Some(district), serde_json::to_string(&shape(entity)).ok()?))
    }
    let found = match name.split('.').next() {
        Some("incident") => shaped(data, |incident: &Incident| incident.district.to_string(), IncidentView::from),
        Some("case") => shaped(data, |case: &Case| case.district.to_string(), CaseView::from),
        Some("device") => shaped(data, |device: &Device| device.district.to_string(), DeviceView::from),
        _ => None,
    };
    found.unwrap_or_else(|| {
        let body: Option<serde_json::Value> = serde_json::from_str(data).ok();
        let district = body.as_ref().and_then(|body| body.get("district")?.as_str()).map(str::to_owned);
        (district, data.to_owned())
    })
}
