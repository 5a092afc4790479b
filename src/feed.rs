//! The live feed of the running gateway: readings, incidents and cases as MQTT messages for engineers' tools.
//!
//! It costs a message per reading, so it is off unless the configuration asks for it. It is a view: it may
//! drop what a slow reader does not take, and nothing waits for it.

use std::sync::Arc;

use argon2::password_hash::{PasswordHash, PasswordVerifier};
use gengfu_connectors::LedgerReader;
use gengfu_connectors::live_feed::{FeedLogin, LiveFeed, cases_topic, incidents_topic, readings_topic};
use gengfu_model::staff::Role;
use gengfu_model::{Effect, EffectId, Point};
use serde_json::{Map, Value, json};

use crate::config::Config;
use crate::gateway::{StartError, ledger_reader};

/// Roles whose accounts may read the feed.
const READERS: [Role; 3] = [Role::Engineer, Role::Administrator, Role::Evaluator];

/// The feed; cheap to clone.
#[derive(Clone)]
pub(crate) struct Feed(Arc<LiveFeed>);

/// Starts the feed if the configuration asks for it.
///
/// # Errors
/// When the address is taken, or the broker does not come up.
pub(crate) fn start(config: &Config) -> Result<Option<Feed>, StartError> {
    if !config.feed.enabled {
        return Ok(None);
    }
    let reader = ledger_reader(&config.data.folder)?;
    let login: FeedLogin = Arc::new(move |user, password| may_read(&reader, user, password));
    let feed = LiveFeed::start(config.feed.listen, login).map_err(|error| StartError::new("live feed", error))?;
    Ok(Some(Feed(Arc::new(feed))))
}

impl Feed {
    /// Where it listens.
    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.0.address()
    }

    /// Tells readings, one message for each device and time.
    pub(crate) fn readings(&self, points: &[Point]) {
        let same = |a: &Point, b: &Point| a.seq == b.seq && a.time == b.time;
        for reading in points.chunk_by(same) {
            let Some(first) = reading.first() else { continue };
            let field = |point: &Point| {
                let name = point.kind.field_def(point.field)?.name;
                Some((name.to_owned(), serde_json::to_value(&point.value).ok()?))
            };
            let fields: Map<String, Value> = reading.iter().filter_map(field).collect();
            let body = json!({ "device": first.device, "time": first.time, "fields": fields });
            self.0.publish(&readings_topic(first.kind, &first.device), body.to_string());
        }
    }

    /// Tells incidents and cases as they stand after their change.
    pub(crate) fn effects(&self, effects: &[(EffectId, Effect)]) {
        for (_, effect) in effects {
            let told = match effect {
                Effect::Incident(incident) => serde_json::to_string(incident)
                    .map(|body| (incidents_topic(&incident.district, incident.severity), body)),
                Effect::Case(case) => serde_json::to_string(case).map(|body| (cases_topic(&case.district), body)),
                _ => continue,
            };
            if let Ok((topic, body)) = told {
                self.0.publish(&topic, body);
            }
        }
    }
}

fn may_read(reader: &LedgerReader, user: &str, password: &str) -> bool {
    let Ok(Some(user)) = reader.user(user) else { return false };
    if user.disabled || !user.roles.iter().any(|role| READERS.contains(role)) {
        return false;
    }
    let Ok(hash) = PasswordHash::new(&user.password_hash) else { return false };
    argon2::Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
}
