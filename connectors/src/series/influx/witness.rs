//! One connection that is kept open beside the writes, to notice that the store was restarted.
//!
//! A store that dies and comes back between two writes answers the next one as if nothing had been,
//! and the client library silently opens a new connection. Here every opening is counted: as long as
//! the same connection answers, the same process has been there all the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::Url;
use ureq::Agent;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{ConnectionDetails, Connector, RustlsConnector, TcpConnector, Transport};

use super::settings::{Api, InfluxError, InfluxSettings};

/// Bytes of the answer that are read; it says `OK` or holds a few lines.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;
/// A connection that is idle for longer is not trusted; it is looked at far more often than that.
const MAX_IDLE: Duration = Duration::from_secs(3_600);

/// What a look at the store showed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// The same connection as the last time: the store has been there in between.
    Same,
    /// The first connection, or one that the store itself had announced to be the next.
    New,
    /// The connection of the last time is gone: the store may have been restarted in between.
    Changed,
    /// There is no store.
    Gone(String),
}

/// The connection that is watched.
#[derive(Debug)]
pub(super) struct Witness {
    agent: Agent,
    url: String,
    opened: Arc<AtomicU64>,
    known: bool,
    warned: bool,
}

struct Answer {
    opened: bool,
    closes: bool,
}

impl Witness {
    pub(super) fn new(settings: &InfluxSettings, base: &Url) -> Result<Witness, InfluxError> {
        let opened = Arc::new(AtomicU64::new(0));
        let agent = agent(settings, Some(Arc::clone(&opened)))?;
        let mut url = base.clone();
        // `/health` is not there on VictoriaMetrics; InfluxDB 1.x has neither.
        url.set_path(match settings.api {
            Api::V2 => "/ready",
            Api::V1 => "/ping",
        });
        Ok(Witness { agent, url: url.into(), opened, known: false, warned: false })
    }

    /// Asks the store for a sign of life.
    pub(super) fn look(&mut self) -> Sight {
        let answer = match self.ask() {
            Ok(answer) => answer,
            Err(message) => {
                self.known = false;
                return Sight::Gone(message);
            }
        };
        let sight = match (self.known, answer.opened) {
            (false, _) => Sight::New,
            (true, true) => Sight::Changed,
            (true, false) => Sight::Same,
        };
        self.known = true;
        if answer.closes && !self.follow() {
            self.known = false;
            return Sight::Gone("the store closed the connection and took no other".to_owned());
        }
        sight
    }

    /// The store said that it closes this connection. It is there right now, so the next one opened at
    /// once leads to the same process.
    fn follow(&mut self) -> bool {
        let Ok(next) = self.ask() else { return false };
        if next.closes && !self.warned {
            self.warned = true;
            tracing::warn!(
                url = self.url,
                "the remote series closes every connection: that it was restarted shows only when a write fails"
            );
        }
        // Such a connection is gone before the next look, which must not call that a restart.
        self.known = !next.closes;
        true
    }

    fn ask(&self) -> Result<Answer, String> {
        let before = self.opened.load(Ordering::Relaxed);
        let mut response = self.agent.get(&self.url).call().map_err(|error| error.to_string())?;
        let status = response.status();
        let connection = response.headers().get("connection").and_then(|value| value.to_str().ok());
        let closes = connection.is_some_and(|value| value.to_ascii_lowercase().contains("close"));
        // Read to its end: only then can the connection be used again.
        let body = response.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec();
        body.map_err(|error| error.to_string())?;
        if status.is_server_error() {
            return Err(format!("{} answers {}", self.url, status.as_u16()));
        }
        Ok(Answer { opened: self.opened.load(Ordering::Relaxed) > before, closes })
    }
}

/// Counts connections as they are opened.
#[derive(Debug)]
struct Count(Arc<AtomicU64>);

impl<T: Transport> Connector<T> for Count {
    type Out = T;

    fn connect(&self, _: &ConnectionDetails<'_>, chained: Option<T>) -> Result<Option<T>, ureq::Error> {
        if chained.is_some() {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        Ok(chained)
    }
}

/// A client that sends to this store alone: no proxy, no redirect, only the given certificates.
pub(super) fn agent(settings: &InfluxSettings, count: Option<Arc<AtomicU64>>) -> Result<Agent, InfluxError> {
    let roots = certificates(&settings.roots_pem).map_err(InfluxError::Roots)?;
    // The provider is given explicitly: there is no process-wide default to rely on.
    let tls = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::new_with_certs(&roots))
        .build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .timeout_global(Some(settings.timeout))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .max_idle_connections_per_host(1)
        .max_idle_age(MAX_IDLE)
        .user_agent("gengfu")
        .build();
    Ok(match count {
        None => config.new_agent(),
        Some(opened) => {
            let connector = ().chain(TcpConnector::default()).chain(Count(opened)).chain(RustlsConnector::default());
            Agent::with_parts(config, connector, DefaultResolver::default())
        }
    })
}

fn certificates(pem: &[u8]) -> Result<Vec<Certificate<'static>>, String> {
    let mut found = Vec::new();
    for item in parse_pem(pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| error.to_string())? {
            found.push(certificate);
        }
    }
    Ok(found)
}
