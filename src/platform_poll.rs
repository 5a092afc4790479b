//! Asks city platforms that cannot call for their news, and hands each message on as if it had been posted.
//!
//! At least once: every round asks for a stretch that overlaps the one before, and a message that was taken
//! already is told by its id. Nothing is remembered over a restart; the first round asks for a day.

use std::sync::Arc;
use std::time::Duration;

use gengfu_connectors::city::StatusMapping;
use gengfu_connectors::city::mapping::at;
use gengfu_connectors::delivery::http::Http;
use gengfu_dashboards::Gateway as _;
use gengfu_ingest::Clock;
use gengfu_model::Timestamp;
use gengfu_model::staff::{Action, StaffRequest};
use gengfu_model::time::{DAY_MS, MINUTE_MS};
use serde_json::Value;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, PlatformConfig};
use crate::delivery::{TIMEOUT, platform_file, secret};
use crate::gateway::StartError;
use crate::handle::Shared;

/// Bytes of an answer that are read.
const MAX_ANSWER_BYTES: u64 = 4 << 20;
/// Messages of one answer that are taken; further ones come with the next round.
const MAX_MESSAGES: usize = 1_000;
/// How far a round reaches into the one before.
const OVERLAP_MS: i64 = 10 * MINUTE_MS;

/// One platform that is asked.
struct Poll {
    name: String,
    http: Arc<Http>,
    items: String,
    every: Duration,
    mapping: StatusMapping,
}

/// Starts a task for each platform that has a `poll_url`.
///
/// # Errors
/// When one cannot be asked as configured.
pub(crate) fn start(
    config: &Config,
    shared: &Shared,
    clock: &Arc<dyn Clock>,
    tasks: &mut JoinSet<()>,
    stop: &CancellationToken,
) -> Result<(), StartError> {
    for settings in &config.platform {
        if let Some(url) = &settings.poll_url {
            let poll = poll_of(settings, url)?;
            tasks.spawn(run(poll, shared.clone(), Arc::clone(clock), stop.clone()));
        }
    }
    Ok(())
}

fn poll_of(settings: &PlatformConfig, url: &str) -> Result<Poll, StartError> {
    let what = format!("platform `{}`", settings.name);
    let token = secret(&what, &settings.token_file)?;
    let roots = match &settings.roots_file {
        Some(file) => std::fs::read(file).map_err(|error| StartError::new(&what, error))?,
        None => Vec::new(),
    };
    let http = Http::new(url, &roots, TIMEOUT).map_err(|error| StartError::new(&what, error))?;
    Ok(Poll {
        name: settings.name.clone(),
        http: Arc::new(http.with_header("Authorization", &format!("Bearer {token}"))),
        items: settings.poll_items.clone(),
        every: Duration::from_millis(u64::try_from(settings.poll_every.0).unwrap_or(1_000)),
        mapping: platform_file(settings)?.status,
    })
}

async fn run(poll: Poll, shared: Shared, clock: Arc<dyn Clock>, stop: CancellationToken) {
    let mut since = clock.now().plus_ms(-DAY_MS);
    loop {
        let began = clock.now();
        match round(&poll, &shared, since).await {
            Ok(()) => since = began.plus_ms(-OVERLAP_MS),
            Err(error) => tracing::warn!(platform = poll.name, error, "the platform was asked in vain"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(poll.every) => {}
        }
    }
}

/// One question, and what came of it.
async fn round(poll: &Poll, shared: &Shared, since: Timestamp) -> Result<(), String> {
    let http = Arc::clone(&poll.http);
    let query = format!("since={}", since.0);
    let asked = tokio::task::spawn_blocking(move || http.get(&query, MAX_ANSWER_BYTES)).await;
    let answer = asked.map_err(|error| error.to_string())??;
    if !answer.is_ok() {
        return Err(answer.summary());
    }
    let body: Value = serde_json::from_str(&answer.text).map_err(|error| format!("the answer is no JSON: {error}"))?;
    let items = if poll.items.is_empty() { Some(&body) } else { at(&body, &poll.items) };
    let items = items.and_then(Value::as_array).ok_or_else(|| format!("`{}` is no list", poll.items))?;
    for item in items.iter().take(MAX_MESSAGES) {
        let said = match poll.mapping.read(item) {
            Ok(said) => said,
            Err(error) => {
                tracing::warn!(platform = poll.name, error, "a message of the platform cannot be read");
                continue;
            }
        };
        let action = Action::Platform {
            platform: poll.name.as_str().into(),
            message: said.message.as_str().into(),
            case: said.case.into(),
            reached: said.reached,
            note: said.note,
        };
        let user = format!("platform:{}", poll.name).into();
        // A refusal is audited; it must not keep the messages behind it.
        if let Err(refusal) = shared.request(StaffRequest { user, roles: Vec::new(), action }).await {
            tracing::warn!(platform = poll.name, message = said.message, why = refusal.message, "not taken");
        }
    }
    Ok(())
}
