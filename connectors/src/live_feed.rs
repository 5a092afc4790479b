//! The live feed: readings, incidents and cases over MQTT for engineers' tools, served by `rumqttd`
//! on a listener of its own.
//!
//! Promises: nobody connects without a login; nothing that a client publishes gets anywhere but to
//! other clients of the feed (the gateway holds a publishing link only and never reads); publishing
//! never waits, and what does not fit is dropped and counted. It is a view, not a record: QoS 0 from
//! the gateway, nothing retained, nothing kept over a restart.
//!
//! Limits of `rumqttd` 0.20: MQTT 3.1.1 only on this port; its threads cannot be stopped and end with
//! the process; a fault in it can end the feed for everybody, which [`LiveFeed::is_running`] tells
//! and which touches nothing else. Client ids are held to plain characters, since some others are
//! known to stop it.

use std::collections::HashMap;
use std::fmt;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use gengfu_model::{DeviceId, Kind, Severity};
use rumqttd::local::{LinkRx, LinkTx};
use rumqttd::{Broker, Config, ConnectionSettings, RouterConfig, ServerSettings};

/// The gateway's own client id; nobody else may use it.
const OWN_ID: &str = "gengfu-gateway";
/// Messages that wait for the broker at most; further ones are dropped.
const MAX_WAITING: usize = 10_000;
/// Clients at most.
const MAX_CONNECTIONS: usize = 1_000;
/// Bytes of a client's packet at most.
const MAX_PAYLOAD_BYTES: usize = 64 * 1024;
/// How long a client may take to log in, in milliseconds.
const LOGIN_TIMEOUT_MS: u16 = 10_000;
/// Bytes kept per subscription filter for slow clients: segments of this size, and how many.
const SEGMENT_BYTES: usize = 1024 * 1024;
const SEGMENTS: usize = 10;
/// How long the listener may take to come up.
const START_TIMEOUT: Duration = Duration::from_secs(5);

/// Says whether an account with this name and password may read the feed. May block (a password hash
/// takes its time): it is called on a blocking thread.
pub type FeedLogin = Arc<dyn Fn(&str, &str) -> bool + Send + Sync>;

/// Why the feed cannot start.
#[derive(Debug, thiserror::Error)]
pub enum LiveFeedError {
    /// The address is taken or not ours.
    #[error("live feed: cannot listen on `{address}`: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's words.
        source: std::io::Error,
    },
    /// The broker did not come up.
    #[error("live feed: the broker on `{address}` did not come up: {message}")]
    Broker {
        /// The address.
        address: SocketAddr,
        /// Why.
        message: String,
    },
}

/// The running feed. Dropping it stops publishing; the listener stays until the process ends.
pub struct LiveFeed {
    address: SocketAddr,
    link: Mutex<LinkTx>,
    /// Kept, or the broker would take the gateway for gone.
    _answers: LinkRx,
    thread: JoinHandle<()>,
    dropped: AtomicU64,
}

impl fmt::Debug for LiveFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveFeed").field("address", &self.address).finish_non_exhaustive()
    }
}

impl LiveFeed {
    /// Starts the broker on `address` (port 0 picks a free one) and returns once it accepts.
    ///
    /// # Errors
    /// [`LiveFeedError`] when it cannot listen there or does not come up.
    pub fn start(address: SocketAddr, login: FeedLogin) -> Result<LiveFeed, LiveFeedError> {
        let address = free(address).map_err(|source| LiveFeedError::Listen { address, source })?;
        let failed = |message: String| LiveFeedError::Broker { address, message };
        let mut broker = Broker::new(config(address, login));
        let (link, answers) = broker.link(OWN_ID).map_err(|error| failed(error.to_string()))?;
        let thread = thread::Builder::new()
            .name("live feed".to_owned())
            .spawn(move || {
                if let Err(error) = broker.start() {
                    tracing::error!(%error, "the live feed's broker ended");
                }
            })
            .map_err(|error| failed(error.to_string()))?;
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            if thread.is_finished() || begun.elapsed() > START_TIMEOUT {
                return Err(failed("it does not accept".to_owned()));
            }
            thread::sleep(Duration::from_millis(5));
        }
        let link = Mutex::new(link);
        Ok(LiveFeed { address, link, _answers: answers, thread, dropped: AtomicU64::new(0) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Publishes to whoever has subscribed. Never waits; says whether the broker took it.
    pub fn publish(&self, topic: &str, payload: impl Into<Bytes>) -> bool {
        // The link's queue is whole between two calls, so a panic elsewhere does not matter.
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        // The queue has no bound of its own. A full event channel is no failure: the message stands
        // in the queue, and the events before it make the broker take it.
        let waiting = link.buffer().len();
        let taken = waiting < MAX_WAITING && {
            let sent = link.try_publish(topic.as_bytes().to_vec(), payload);
            sent.is_ok() || link.buffer().len() > 1
        };
        if !taken {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        taken
    }

    /// Messages that were dropped since the start.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Whether the broker's listener still runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !self.thread.is_finished()
    }
}

/// The topic of a device's readings.
#[must_use]
pub fn readings_topic(kind: Kind, device: &DeviceId) -> String {
    format!("gengfu/readings/{kind}/{device}")
}

/// The topic of a district's incidents of one severity.
#[must_use]
pub fn incidents_topic(district: &str, severity: Severity) -> String {
    format!("gengfu/incidents/{}/{}", level(district), severity.name())
}

/// The topic of a district's cases.
#[must_use]
pub fn cases_topic(district: &str) -> String {
    format!("gengfu/cases/{}", level(district))
}

/// A text as one level of a topic: what has a meaning in topics becomes `_`, and so does nothing.
fn level(text: &str) -> String {
    if text.is_empty() {
        return "_".to_owned();
    }
    text.chars().map(|c| if matches!(c, '/' | '+' | '#' | '\0') { '_' } else { c }).collect()
}

/// The address itself, with a free port for port 0. `rumqttd` does not say which one it took, nor
/// that it could not, so both are found out here.
fn free(address: SocketAddr) -> std::io::Result<SocketAddr> {
    TcpListener::bind(address)?.local_addr()
}

fn config(address: SocketAddr, login: FeedLogin) -> Config {
    let mut server = ServerSettings {
        name: "live feed listener".to_owned(),
        listen: address,
        tls: None,
        next_connection_delay_ms: 1,
        connections: ConnectionSettings {
            connection_timeout_ms: LOGIN_TIMEOUT_MS,
            max_payload_size: MAX_PAYLOAD_BYTES,
            max_inflight_count: 100,
            auth: None,
            external_auth: None,
            dynamic_filters: true,
        },
    };
    server.set_auth_handler(move |client: String, user: String, password: String| {
        let login = login.clone();
        async move {
            if !acceptable(&client) {
                tracing::warn!(client, "live feed: client id refused");
                return false;
            }
            let checked = tokio::task::spawn_blocking(move || login(&user, &password)).await;
            checked.unwrap_or(false)
        }
    });
    let router = RouterConfig {
        max_connections: MAX_CONNECTIONS,
        max_outgoing_packet_count: 200,
        max_segment_size: SEGMENT_BYTES,
        max_segment_count: SEGMENTS,
        ..RouterConfig::default()
    };
    Config { router, v4: Some(HashMap::from([("1".to_owned(), server)])), ..Config::default() }
}

/// Client ids that do the broker no harm, and are not the gateway's.
fn acceptable(client: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
    client != OWN_ID && client.len() <= 64 && client.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rumqttc::{Client, Connection, Event, MqttOptions, Packet, QoS};

    const PATIENCE: Duration = Duration::from_secs(20);

    fn feed() -> LiveFeed {
        let login: FeedLogin = Arc::new(|user, password| user == "li" && password == "right");
        LiveFeed::start("127.0.0.1:0".parse().unwrap(), login).unwrap()
    }

    fn client(feed: &LiveFeed, id: &str, login: Option<(&str, &str)>) -> (Client, Connection) {
        let mut options = MqttOptions::new(id, "127.0.0.1", feed.address().port());
        if let Some((user, password)) = login {
            options.set_credentials(user, password);
        }
        Client::new(options, 10)
    }

    /// The next packet for which `wanted` gives something; a failed connection gives `None`.
    fn next<T>(connection: &mut Connection, wanted: impl Fn(Packet) -> Option<T>) -> Option<T> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            match connection.recv_timeout(PATIENCE) {
                Ok(Ok(Event::Incoming(packet))) => {
                    if let Some(found) = wanted(packet) {
                        return Some(found);
                    }
                }
                Ok(Ok(Event::Outgoing(_))) => {}
                Ok(Err(_)) | Err(_) => return None,
            }
        }
        None
    }

    fn subscribed(feed: &LiveFeed, id: &str, filter: &str) -> (Client, Connection) {
        let (client, mut connection) = client(feed, id, Some(("li", "right")));
        client.subscribe(filter, QoS::AtMostOnce).unwrap();
        next(&mut connection, |packet| matches!(packet, Packet::SubAck(_)).then_some(())).unwrap();
        (client, connection)
    }

    fn message(connection: &mut Connection) -> (String, Bytes) {
        next(connection, |packet| match packet {
            Packet::Publish(publish) => Some((publish.topic, publish.payload)),
            _ => None,
        })
        .unwrap()
    }

    #[test]
    fn a_subscriber_hears_what_is_published() {
        let feed = feed();
        let (_client, mut connection) = subscribed(&feed, "tool-1", "gengfu/incidents/+/critical");
        assert!(feed.publish("gengfu/incidents/x/minor", "no"));
        assert!(feed.publish(&incidents_topic("长宁区", Severity::Critical), "{\"id\":\"7-0\"}"));
        assert_eq!(
            message(&mut connection),
            ("gengfu/incidents/长宁区/critical".to_owned(), "{\"id\":\"7-0\"}".into())
        );
        assert!(feed.is_running());
        assert_eq!(feed.dropped(), 0);
    }

    #[test]
    fn what_a_client_publishes_reaches_other_clients_only_and_the_feed_goes_on() {
        let feed = feed();
        let (_reader, mut reading) = subscribed(&feed, "reader", "#");
        let (writer, mut writing) = subscribed(&feed, "writer", "nothing");
        writer.publish("gengfu/readings/bin/fake", QoS::AtMostOnce, false, "fake").unwrap();
        let sender = thread::spawn(move || next(&mut writing, |_| None::<()>));
        assert_eq!(message(&mut reading).0, "gengfu/readings/bin/fake");
        feed.publish("gengfu/cases/x", "true");
        assert_eq!(message(&mut reading).0, "gengfu/cases/x");
        writer.disconnect().unwrap();
        assert_eq!(sender.join().unwrap(), None);
    }

    #[test]
    fn without_a_login_or_with_a_harmful_id_nobody_gets_in() {
        let feed = feed();
        let refused = [
            ("a", None),
            ("a", Some(("li", "wrong"))),
            ("a/b", Some(("li", "right"))),
            (OWN_ID, Some(("li", "right"))),
        ];
        for (id, login) in refused {
            let (_client, mut connection) = client(&feed, id, login);
            let accepted = next(&mut connection, |packet| matches!(packet, Packet::ConnAck(_)).then_some(packet));
            assert_eq!(accepted, None, "{id} {login:?}");
        }
        let (_client, mut connection) = subscribed(&feed, "good", "gengfu/#");
        feed.publish("gengfu/cases/x", "still here");
        assert_eq!(message(&mut connection).1, "still here");
    }

    #[test]
    fn a_taken_address_is_said() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let refused = LiveFeed::start(taken.local_addr().unwrap(), Arc::new(|_, _| true));
        assert!(matches!(refused, Err(LiveFeedError::Listen { .. })));
    }

    #[test]
    fn a_text_is_one_level_of_a_topic() {
        assert_eq!(cases_topic("a/b+c#"), "gengfu/cases/a_b_c_");
        assert_eq!(cases_topic(""), "gengfu/cases/_");
        let device = DeviceId::new("bin-1").unwrap();
        assert_eq!(readings_topic(Kind::Bin, &device), "gengfu/readings/bin/bin-1");
    }
}
