//! What every handler gets: the gateway, the read side of the stores, keys, clock and limits.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use gengfu_connectors::ledger::LedgerReader;
use gengfu_connectors::series::SeriesReader;
use gengfu_connectors::{LedgerError, SeriesError};
use gengfu_model::Timestamp;
use gengfu_model::time::HOUR_MS;
use tokio::sync::Semaphore;

use crate::auth::attempts::Attempts;
use crate::auth::session::Revoked;
use crate::auth::{Passwords, TokenKey};
use crate::error::ApiError;
use crate::gateway::Gateway;

/// Checks of rule packs at the same time; one more waits.
const CONCURRENT_CHECKS: usize = 2;

/// Tells the time; tests move it by hand.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What the API is made of.
#[derive(Clone)]
pub struct ApiState {
    /// The running gateway.
    pub gateway: Arc<dyn Gateway>,
    /// The ledger's read side.
    pub ledger: LedgerReader,
    /// The series store's read side.
    pub series: SeriesReader,
    /// The secret that session tokens are signed with.
    pub tokens: TokenKey,
    /// The wall clock.
    pub clock: Clock,
    /// Limits and settings.
    pub options: Options,
}

/// Limits and settings of the API.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// How long a session lasts, in milliseconds.
    pub session_ms: i64,
    /// Cookies are sent over TLS only; set it when there is a TLS proxy in front.
    pub secure_cookies: bool,
    /// Addresses that may read `/metrics` without a login.
    pub metrics_open_to: Vec<IpAddr>,
    /// The city's time zone: what a `day` of the dispositions is.
    pub time_zone: chrono_tz::Tz,
    /// The largest request body, in bytes.
    pub body_bytes: usize,
    /// The largest register file in an import, in bytes.
    pub import_bytes: usize,
    /// The largest file of a case, in bytes.
    pub attachment_bytes: usize,
    /// Files of cases that come in at the same time, each held in memory; one more is answered 503.
    pub uploads: usize,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// How long an import may take.
    pub import_timeout: Duration,
    /// Requests that are worked on at the same time; one more is answered 503.
    pub requests_in_flight: usize,
    /// Reads of the stores at the same time; one more waits.
    pub store_reads: usize,
    /// Live streams at the same time; one more is answered 503.
    pub streams: usize,
    /// How long a live stream is silent before a comment keeps it alive and its session is looked at again.
    pub stream_keep_alive: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            session_ms: 12 * HOUR_MS,
            secure_cookies: false,
            metrics_open_to: Vec::new(),
            time_zone: chrono_tz::Asia::Shanghai,
            body_bytes: 1_048_576,
            import_bytes: 64 * 1_048_576,
            attachment_bytes: 10 * 1_048_576,
            uploads: 16,
            request_timeout: Duration::from_secs(30),
            import_timeout: Duration::from_secs(600),
            requests_in_flight: 512,
            store_reads: 16,
            streams: 200,
            stream_keep_alive: Duration::from_secs(15),
        }
    }
}

/// The state behind the router: [`ApiState`] and what only the API itself keeps.
pub(crate) struct Shared {
    pub(crate) gateway: Arc<dyn Gateway>,
    pub(crate) tokens: TokenKey,
    pub(crate) clock: Clock,
    pub(crate) options: Options,
    pub(crate) passwords: Passwords,
    pub(crate) attempts: Attempts,
    pub(crate) revoked: Revoked,
    pub(crate) in_flight: Arc<Semaphore>,
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) uploads: Semaphore,
    /// Checks of rule packs at the same time: each takes a core.
    pub(crate) checks: Semaphore,
    ledger: LedgerReader,
    series: SeriesReader,
    reads: Semaphore,
}

/// How handlers hold the state.
pub(crate) type AppState = Arc<Shared>;

impl Shared {
    pub(crate) fn new(state: ApiState) -> AppState {
        let options = state.options;
        Arc::new(Shared {
            gateway: state.gateway,
            tokens: state.tokens,
            clock: state.clock,
            passwords: Passwords::default(),
            attempts: Attempts::default(),
            revoked: Revoked::default(),
            in_flight: Arc::new(Semaphore::new(options.requests_in_flight)),
            streams: Arc::new(Semaphore::new(options.streams)),
            uploads: Semaphore::new(options.uploads),
            checks: Semaphore::new(CONCURRENT_CHECKS),
            ledger: state.ledger,
            series: state.series,
            reads: Semaphore::new(options.store_reads),
            options,
        })
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Reads the ledger off the async threads, in its turn.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&LedgerReader) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let _turn = self.reads.acquire().await.map_err(|closed| ApiError::internal(&closed))?;
        let ledger = self.ledger.clone();
        let result = tokio::task::spawn_blocking(move || work(&ledger)).await;
        Ok(result.map_err(|error| ApiError::internal(&error))??)
    }

    /// Reads the series store off the async threads, in its turn.
    pub(crate) async fn read_series<T: Send + 'static>(
        &self,
        work: impl FnOnce(&SeriesReader) -> Result<T, SeriesError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let _turn = self.reads.acquire().await.map_err(|closed| ApiError::internal(&closed))?;
        let series = self.series.clone();
        let result = tokio::task::spawn_blocking(move || work(&series)).await;
        Ok(result.map_err(|error| ApiError::internal(&error))??)
    }
}
