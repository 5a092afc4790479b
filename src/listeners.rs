//! Everything that listens: bound first, run when the pipeline stands, stopped before it.

use std::path::PathBuf;
use std::sync::Arc;

use gengfu_dashboards::auth::TokenKey;
use gengfu_dashboards::{ApiState, Options};
use gengfu_ingest::journal::JournalHandle;
use gengfu_ingest::mqtt::{self, Commands, MemorySessions, MqttOptions};
use gengfu_ingest::{Clock, Directory, Intake, coap, push};
use gengfu_model::Timestamp;
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::gateway::{Addresses, StartError, ledger_reader, series_reader};
use crate::handle::Shared;
use crate::local;
use crate::secret::Secret;

/// Reports of commands that wait for whoever reads them.
const COMMAND_REPORTS: usize = 1_024;
/// Commands that wait in a device's session: as many as the engine lets be open.
const MAX_QUEUED_COMMANDS: usize = gengfu_model::command::MAX_OPEN_COMMANDS;

/// Sockets that are bound, and where.
#[derive(Default)]
pub(crate) struct Bound {
    pub(crate) addresses: Addresses,
    mqtt: Vec<mqtt::Listener>,
    coap: Option<coap::Listener>,
    http: Option<TcpListener>,
    local: Option<UnixListener>,
}

/// What listeners need of the gateway.
pub(crate) struct Parts {
    pub(crate) shared: Shared,
    pub(crate) intake: Intake,
    pub(crate) directory: Arc<Directory>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) secret: Secret,
    pub(crate) data: PathBuf,
    /// The last moment that the journal knew of before this start.
    pub(crate) went_down: Timestamp,
}

/// Binds every listener of the configuration.
pub(crate) async fn bind(config: &Config) -> Result<Bound, StartError> {
    let mut bound = Bound::default();
    let cannot = |what: &str, key: &str, address: std::net::SocketAddr| {
        let (what, key) = (what.to_owned(), key.to_owned());
        move |error: std::io::Error| {
            StartError::new(
                format!("{what} on {address}"),
                format!("{error}; set `{key}` to another address or stop what uses it"),
            )
        }
    };
    if config.mqtt.enabled {
        let address = config.mqtt.listen;
        let listener = mqtt::Listener::bind(mqtt_options(config), address, None).await;
        let listener = listener.map_err(cannot("MQTT", "mqtt.listen", address))?;
        bound.addresses.mqtt = Some(listener.local_addr());
        bound.mqtt.push(listener);
        if let Some(address) = config.mqtt.listen_tls {
            let tls = tls_config(config)?;
            let listener = mqtt::Listener::bind(mqtt_options(config), address, Some(tls)).await;
            let listener = listener.map_err(cannot("MQTT over TLS", "mqtt.listen_tls", address))?;
            bound.addresses.mqtt_tls = Some(listener.local_addr());
            bound.mqtt.push(listener);
        }
    }
    if config.coap.enabled {
        let address = config.coap.listen;
        let listener = coap::Listener::bind(coap::Options::default(), address).await;
        let listener = listener.map_err(cannot("CoAP", "coap.listen", address))?;
        bound.addresses.coap = listener.local_addr().ok();
        bound.coap = Some(listener);
    }
    let address = config.http.listen;
    let listener = TcpListener::bind(address).await.map_err(cannot("HTTP", "http.listen", address))?;
    bound.addresses.http = listener.local_addr().ok();
    bound.http = Some(listener);
    bound.local = Some(local::bind(&config.data.folder).map_err(|error| StartError::new("local socket", error))?);
    write_addresses(config, &bound.addresses).map_err(|error| StartError::new("run/addresses.json", error))?;
    Ok(bound)
}

fn write_addresses(config: &Config, addresses: &Addresses) -> std::io::Result<()> {
    let folder = config.data.folder.join("run");
    std::fs::create_dir_all(&folder)?;
    let beside = folder.join("addresses.new");
    std::fs::write(&beside, serde_json::to_string_pretty(addresses)?)?;
    std::fs::rename(beside, folder.join("addresses.json"))
}

fn mqtt_options(config: &Config) -> MqttOptions {
    let mut options = MqttOptions {
        max_packet_bytes: usize::try_from(config.mqtt.max_packet.0).unwrap_or(usize::MAX),
        max_connections: config.mqtt.max_connections,
        ..MqttOptions::default()
    };
    options.rate.messages_per_s = f64::from(config.mqtt.rate);
    options.rate.burst = options.rate.burst.max(2.0 * options.rate.messages_per_s);
    options
}

fn tls_config(config: &Config) -> Result<Arc<rustls::ServerConfig>, StartError> {
    let read = |path: &Option<PathBuf>| match path {
        Some(path) => std::fs::read(path).map_err(|error| StartError::new(format!("TLS: {}", path.display()), error)),
        None => Err(StartError::new("TLS", "`mqtt.tls_certificate` and `mqtt.tls_key` are missing")),
    };
    let (certificate, key) = (read(&config.mqtt.tls_certificate)?, read(&config.mqtt.tls_key)?);
    let authority = config.mqtt.tls_client_ca.is_some().then(|| read(&config.mqtt.tls_client_ca)).transpose()?;
    mqtt::server_config(&certificate, &key, authority.as_deref()).map_err(|error| StartError::new("TLS", error))
}

/// The clock by which messages are received: the machine's, or the journal's while the machine's is not
/// believed. Else a clock that was set back would make every live reading an old one.
struct BelievedClock {
    wall: Arc<dyn Clock>,
    journal: JournalHandle,
}

impl Clock for BelievedClock {
    fn now(&self) -> Timestamp {
        self.journal.believed(self.wall.now())
    }
}

/// Runs what was bound, as tasks that end when told to stop.
pub(crate) fn run(
    config: &Config,
    bound: Bound,
    parts: Parts,
    tasks: &mut JoinSet<()>,
    stop: &CancellationToken,
) -> Result<(), StartError> {
    let Parts { shared, intake, directory, clock: wall, secret, data, went_down } = parts;
    let clock: Arc<dyn Clock> = Arc::new(BelievedClock { wall: Arc::clone(&wall), journal: shared.0.journal.clone() });
    let downlink = Arc::clone(&shared.0.downlink);
    let sessions = Arc::new(MemorySessions::new(MAX_QUEUED_COMMANDS));
    let kept = shared.0.ledger.mqtt_sessions().map_err(|error| StartError::new("MQTT sessions", error))?;
    for (device, session) in kept {
        let sent = downlink.resume(&session, clock.now());
        sessions.restore(device, session, sent, went_down);
    }
    let (commands, reports) = Commands::new(sessions, COMMAND_REPORTS);
    tasks.spawn(downlink.run(commands.clone(), reports, Arc::clone(&clock), stop.clone()));
    for listener in bound.mqtt {
        let metrics = listener.metrics();
        add_metrics(&shared, move || metrics.snapshot());
        let (intake, directory, clock) = (intake.clone(), Arc::clone(&directory), Arc::clone(&clock));
        tasks.spawn(listener.run(intake, directory, clock, commands.clone(), stop.clone()));
    }
    if let Some(listener) = bound.coap {
        let metrics = listener.metrics();
        add_metrics(&shared, move || metrics.snapshot());
        let (intake, directory, clock) = (intake.clone(), Arc::clone(&directory), Arc::clone(&clock));
        tasks.spawn(listener.run(intake, directory, clock, stop.clone()));
    }
    if let Some(socket) = bound.local {
        tasks.spawn(local::serve(socket, shared.clone(), stop.clone()));
    }
    if let Some(listener) = bound.http {
        let api = gengfu_dashboards::router(ApiState {
            gateway: Arc::new(shared.clone()),
            ledger: ledger_reader(&data)?,
            series: series_reader(&data)?,
            tokens: TokenKey::new(secret.for_sessions()).map_err(|error| StartError::new("sessions", error))?,
            clock: Arc::new(move || wall.now()),
            options: Options {
                metrics_open_to: config.http.metrics_from.clone(),
                attachment_bytes: usize::try_from(config.attachments.max_size.0).unwrap_or(usize::MAX),
                time_zone: config.city.time_zone.parse().unwrap_or(chrono_tz::Asia::Shanghai),
                ..Options::default()
            },
        });
        let state = push::State::new(push::Options::default(), intake, directory, clock);
        let metrics = state.metrics();
        add_metrics(&shared, move || metrics.snapshot());
        let router = push::router(state).merge(api);
        let stopped = stop.clone();
        tasks.spawn(async move {
            let service = router.into_make_service_with_connect_info::<std::net::SocketAddr>();
            let server = axum::serve(listener, service).with_graceful_shutdown(stopped.cancelled_owned());
            if let Err(error) = server.await {
                tracing::error!(%error, "HTTP ended");
            }
        });
    }
    Ok(())
}

/// Has the numbers that `snapshot` gives shown with the gateway's metrics.
pub(crate) fn add_metrics(shared: &Shared, snapshot: impl Fn() -> Vec<(&'static str, u64)> + Send + Sync + 'static) {
    if let Ok(mut sources) = shared.0.listener_metrics.write() {
        sources.push(Box::new(snapshot));
    }
}
