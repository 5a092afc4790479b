//! Accepts sockets and owns their tasks.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use gengfu_model::{DeviceId, Transport};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::commands::Commands;
use super::handshake::serve_socket;
use super::metrics::{MqttMetrics, count};
use super::options::MqttOptions;
use super::refusal::Refused;
use crate::admission::Directory;
use crate::clock::Clock;
use crate::door::{Claimed, TurnedAway};
use crate::intake::{AckSink, Arrival, Intake, Settled, Submission};

/// Sessions that ended, in one submission.
const SWEPT_AT_ONCE: usize = 100;
/// How often expired sessions are looked for.
const SESSION_SWEEP: Duration = Duration::from_secs(60);
/// How long connections may take to end when the listener stops, beyond the time that their messages get.
const STOP_PATIENCE: Duration = Duration::from_secs(5);
/// The shortest and longest wait after a failed accept (such as "too many open files").
const ACCEPT_RETRY: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// Whose packet was refused.
pub(super) struct Who<'a> {
    /// The device, where its credential says who it is.
    pub(super) device: Option<&'a DeviceId>,
    /// What the client calls itself, where nothing proves it.
    pub(super) claimed: Option<Claimed>,
    /// Its address, until it is let in.
    pub(super) from: Option<IpAddr>,
}

/// What all connections of a listener share.
pub(super) struct Shared {
    pub(super) options: MqttOptions,
    pub(super) intake: Intake,
    pub(super) directory: Arc<Directory>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) commands: Commands,
    pub(super) metrics: Arc<MqttMetrics>,
    pub(super) backoff: Backoff,
    /// Places of connected devices.
    pub(super) connections: Arc<Semaphore>,
    /// Places of refusals that wait to be answered.
    pub(super) waiting: Semaphore,
    pub(super) cancel: CancellationToken,
}

impl Shared {
    /// Counts what was refused at the door.
    pub(super) fn refuse(&self, refused: Refused, who: Who<'_>) {
        let Who { device, claimed, from } = who;
        let away = TurnedAway::new(Transport::Mqtt, refused.as_str(), self.clock.now());
        self.intake.refuse(&TurnedAway { device, claimed, from, ..away });
    }

    /// A session expiry as it is granted, in seconds.
    pub(super) fn capped_expiry_s(&self, asked_s: u32) -> u32 {
        asked_s.min(whole_seconds(self.options.max_session_expiry))
    }

    /// The session expiry of a 3.1.1 client that keeps its session, in seconds.
    pub(super) fn expiry_v3_s(&self) -> u32 {
        whole_seconds(self.options.session_expiry_v3)
    }
}

// The largest number means "never" in MQTT 5, so it is not granted by accident.
fn whole_seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX - 1)
}

/// A bound MQTT port.
pub struct Listener {
    options: MqttOptions,
    socket: TcpListener,
    local_addr: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
    metrics: Arc<MqttMetrics>,
}

impl Listener {
    /// Binds a port; with `tls` (see [`super::server_config`]) every connection on it is TLS.
    ///
    /// # Errors
    /// When the address cannot be bound, or with [`io::ErrorKind::InvalidInput`] when the options are not
    /// usable ([`MqttOptions::problems`]).
    pub async fn bind(options: MqttOptions, addr: SocketAddr, tls: Option<Arc<ServerConfig>>) -> io::Result<Listener> {
        let problems = options.problems();
        if !problems.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, problems.join("; ")));
        }
        let socket = TcpListener::bind(addr).await?;
        let local_addr = socket.local_addr()?;
        Ok(Listener { options, socket, local_addr, tls, metrics: Arc::default() })
    }

    /// The address that was bound, with the port that was chosen for port 0.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The listener's counters.
    #[must_use]
    pub fn metrics(&self) -> Arc<MqttMetrics> {
        Arc::clone(&self.metrics)
    }

    /// Serves devices until `cancel`; then stops accepting, lets every connection end, and returns.
    pub async fn run(
        self,
        intake: Intake,
        directory: Arc<Directory>,
        clock: Arc<dyn Clock>,
        commands: Commands,
        cancel: CancellationToken,
    ) {
        let handshakes = Arc::new(Semaphore::new(self.options.max_handshakes));
        let shared = Arc::new(Shared {
            backoff: Backoff::new(self.options.backoff),
            connections: Arc::new(Semaphore::new(self.options.max_connections)),
            waiting: Semaphore::new(self.options.backoff.max_waiting),
            options: self.options,
            intake,
            directory,
            clock,
            commands,
            metrics: self.metrics,
            cancel,
        });
        tracing::debug!(addr = %self.local_addr, tls = self.tls.is_some(), "mqtt listener runs");
        let mut tasks = JoinSet::new();
        tasks.spawn(sweep_sessions(Arc::clone(&shared)));
        loop {
            tokio::select! {
                biased;
                () = shared.cancel.cancelled() => break,
                Some(ended) = tasks.join_next() => note_end(&shared, ended),
                (tcp, peer, place) = accept(&self.socket, &handshakes) => {
                    count(&shared.metrics.connections_accepted);
                    tasks.spawn(serve_socket(Arc::clone(&shared), tcp, peer, self.tls.clone(), place));
                }
            }
        }
        drop(self.socket);
        let patience = shared.options.handover_timeout + shared.options.linger + STOP_PATIENCE;
        let all_ended = timeout(patience, async {
            while let Some(ended) = tasks.join_next().await {
                note_end(&shared, ended);
            }
        });
        if all_ended.await.is_err() {
            tracing::warn!(left = tasks.len(), "mqtt connections did not end in time and were cut");
        }
    }
}

/// Ends sessions that have expired, until the listener stops.
async fn sweep_sessions(shared: Arc<Shared>) {
    let sweeps = async {
        let mut sweep = interval(SESSION_SWEEP);
        loop {
            sweep.tick().await;
            let ended = shared.commands.expire_sessions(shared.clock.now()).await;
            for changes in ended.chunks(SWEPT_AT_ONCE) {
                let records = changes.iter().map(|change| (Arrival::Session(Box::new(change.clone())), 0));
                let submission = Submission { messages: records.collect(), sink: Arc::new(NobodyWaits) };
                // A journal that has stopped will see them expired at the next start.
                shared.intake.submit(submission).await.ok();
            }
        }
    };
    shared.cancel.run_until_cancelled(sweeps).await;
}

/// For records that nobody is answered for.
struct NobodyWaits;

impl AckSink for NobodyWaits {
    fn settle(&self, _ticket: u64, _outcome: Settled) {}

    fn wake(&self) {}
}

/// The next socket, with its place among the handshakes. Without a free place nothing is accepted.
async fn accept(socket: &TcpListener, handshakes: &Arc<Semaphore>) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let mut retry = ACCEPT_RETRY.0;
    loop {
        let Ok(place) = Arc::clone(handshakes).acquire_owned().await else {
            // The semaphore is never closed.
            return std::future::pending().await;
        };
        match socket.accept().await {
            Ok((tcp, peer)) => return (tcp, peer, place),
            Err(error) => {
                tracing::warn!(%error, "mqtt accept failed");
                sleep(retry).await;
                retry = (retry * 2).min(ACCEPT_RETRY.1);
            }
        }
    }
}

fn note_end(shared: &Shared, ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        count(&shared.metrics.tasks_panicked);
        tracing::error!(%error, "an mqtt connection's task panicked");
    }
}
