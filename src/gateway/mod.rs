//! Starts the parts of the gateway against the flow of data, and stops them with it.

mod keepers;
mod recovered;
mod room;
mod stages;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;

use gengfu_connectors::delivery::Deliverer;
use gengfu_connectors::ledger::LedgerReader;
use gengfu_connectors::series::SeriesReader;
use gengfu_dashboards::Gateway as _;
use gengfu_ingest::journal::{FolderLock, JournalWriter, WriterOptions};
use gengfu_ingest::{Clock, Directory, Intake, SystemClock};
use gengfu_model::staff::Action;
use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::delivery;
use crate::feed::{self, Feed};
use crate::handle::{Handle, Shared};
use crate::listeners;
use crate::local;
use crate::packs;
use crate::pipeline::recover::Report;
use crate::places_file;
use crate::platform_poll;
use crate::remote_series::{self, RemoteSeries};
use crate::secret;
use crate::supervise::Supervisor;

pub(crate) use room::StoresFull;

/// How a gateway is started.
#[derive(Clone, Copy, Debug, Default)]
pub struct StartOptions {
    /// Whether anything listens; without, the data folder is opened for a command only.
    pub listeners: bool,
    /// Start although the clock is behind the journal or over 400 days ahead of it.
    pub accept_clock: bool,
}

/// Why a gateway cannot start: what, where, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {why}")]
pub struct StartError {
    /// The part.
    what: String,
    /// Why it cannot start.
    why: String,
}

impl StartError {
    pub(crate) fn new(what: impl Into<String>, why: impl ToString) -> StartError {
        StartError { what: what.into(), why: why.to_string() }
    }
}

/// Where the gateway listens. Written to `DATA/run/addresses.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Addresses {
    /// MQTT.
    pub mqtt: Option<SocketAddr>,
    /// MQTT over TLS.
    pub mqtt_tls: Option<SocketAddr>,
    /// CoAP.
    pub coap: Option<SocketAddr>,
    /// HTTP: devices, API and console.
    pub http: Option<SocketAddr>,
    /// The live feed.
    pub feed: Option<SocketAddr>,
}

impl Addresses {
    /// One line for people per listener.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let named = [
            ("MQTT", self.mqtt),
            ("MQTT over TLS", self.mqtt_tls),
            ("CoAP", self.coap),
            ("HTTP and console", self.http),
            ("live feed", self.feed),
        ];
        named.iter().filter_map(|(name, address)| Some(format!("{name}: {}", (*address)?))).collect()
    }
}

/// A running gateway.
pub struct Gateway {
    handle: Arc<Handle>,
    supervisor: Supervisor,
    tasks: JoinSet<()>,
    stop_listeners: CancellationToken,
    addresses: Addresses,
    report: Report,
    deliverer: Option<Deliverer>,
    remote_series: Option<RemoteSeries>,
    /// Closed to end the thread that keeps the days' copies.
    days: Option<SyncSender<()>>,
    data: std::path::PathBuf,
    _lock: FolderLock,
}

impl Gateway {
    /// Opens the data folder, recovers, and starts every part.
    ///
    /// # Errors
    /// [`StartError`] names the part that cannot start, and why.
    pub async fn start(config: &Config, options: StartOptions) -> Result<Gateway, StartError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        Gateway::start_with_clock(config, options, clock, WriterOptions::default()).await
    }

    /// As [`Gateway::start`] with another clock, for tests that move time by hand.
    ///
    /// # Errors
    /// As [`Gateway::start`].
    pub async fn start_with_clock(
        config: &Config,
        options: StartOptions,
        clock: Arc<dyn Clock>,
        writer: WriterOptions,
    ) -> Result<Gateway, StartError> {
        let data = config.data.folder.clone();
        std::fs::create_dir_all(&data).map_err(|error| StartError::new(data.display().to_string(), error))?;
        let lock = FolderLock::acquire(&data).map_err(|error| StartError::new("data folder", error))?;
        let secret = secret::load_or_create(&data).map_err(|error| StartError::new("secret", error))?;
        // Listeners are bound before anything is changed: a port in use must not cost a recovery.
        let bound = if options.listeners { listeners::bind(config).await? } else { listeners::Bound::default() };
        let stores_config = config.clone();
        let opened = {
            let clock = Arc::clone(&clock);
            tokio::task::spawn_blocking(move || recovered::open(&stores_config, options, clock.as_ref()))
                .await
                .map_err(|error| StartError::new("recovery", error))??
        };
        let directory = Arc::new(Directory::new(secret.for_tokens()));
        opened.engine.register().for_each(|device| directory.put(device));
        let (report, went_down) = (opened.report, opened.went_down);
        let is_new = opened.is_new;
        let feed = if options.listeners { feed::start(config)? } else { None };
        let (intake, messages) = Intake::new(config.journal.queue);
        let mut supervisor = Supervisor::default();
        let handle = stages::start_pipeline(
            config,
            opened,
            &mut supervisor,
            stages::Around { directory: &directory, feed: feed.as_ref(), clock: &clock, door: intake.door() },
            |batches, log, archive| {
                let refusals = intake.refusals();
                JournalWriter::start(log, Arc::clone(&clock), messages, refusals, batches, Some(archive), writer)
            },
        )?;
        let days =
            if options.listeners { Some(keepers::start_days(config, &mut supervisor, &clock, &handle)?) } else { None };
        if options.listeners {
            keepers::start_versions(config, &mut supervisor, &handle)?;
        }
        let mut gateway = Gateway {
            handle,
            supervisor,
            tasks: JoinSet::new(),
            stop_listeners: CancellationToken::new(),
            addresses: Addresses { feed: feed.as_ref().map(Feed::address), ..bound.addresses.clone() },
            report,
            deliverer: None,
            remote_series: None,
            days,
            data: config.data.folder.clone(),
            _lock: lock,
        };
        gateway.watch_journal();
        if is_new && let Err(error) = gateway.first_start(config).await {
            gateway.stop().await;
            return Err(error);
        }
        if options.listeners {
            gateway.deliverer = match delivery::start(config, &clock, &gateway.handle.told) {
                Ok(deliverer) => deliverer,
                Err(error) => {
                    gateway.stop().await;
                    return Err(error);
                }
            };
            gateway.remote_series = match remote_series::start(config, &gateway.shared(), &clock) {
                Ok(remote_series) => remote_series,
                Err(error) => {
                    gateway.stop().await;
                    return Err(error);
                }
            };
            let (shared, stop) = (gateway.shared(), gateway.stop_listeners.clone());
            if let Err(error) = platform_poll::start(config, &shared, &clock, &mut gateway.tasks, &stop) {
                gateway.stop().await;
                return Err(error);
            }
            let shared = gateway.shared();
            let parts = listeners::Parts { shared, intake, directory, clock, secret, data, went_down };
            if let Err(error) = listeners::run(config, bound, parts, &mut gateway.tasks, &gateway.stop_listeners) {
                gateway.stop().await;
                return Err(error);
            }
        }
        gateway.handle.ready.store(true, Ordering::Relaxed);
        Ok(gateway)
    }

    /// The handle that API, command line and tests use.
    #[must_use]
    pub fn shared(&self) -> Shared {
        Shared(Arc::clone(&self.handle))
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// What recovery did at the start.
    #[must_use]
    pub fn report(&self) -> Report {
        self.report
    }

    /// The first failure of a part, when there is one.
    #[must_use]
    pub fn failures(&self) -> watch::Receiver<Option<String>> {
        self.supervisor.failures()
    }

    /// Stops in the order in which data flows: listeners, journal, engine, stores. What was
    /// acknowledged is durable all along; a last checkpoint makes the next start quick.
    pub async fn stop(mut self) {
        self.handle.ready.store(false, Ordering::Relaxed);
        self.stop_listeners.cancel();
        while self.tasks.join_next().await.is_some() {}
        let Gateway { handle, supervisor, deliverer, remote_series, days, data, _lock, .. } = self;
        drop(days);
        handle.progress.update(|positions| positions.stopping = true);
        let stopping = tokio::task::spawn_blocking(move || {
            let panicked = deliverer.map(Deliverer::stop).unwrap_or_default();
            for target in panicked {
                tracing::error!(target, "delivery had panicked; what is left goes out after the next start");
            }
            // What it has not sent, it reads from the journal after the next start.
            if remote_series.is_some_and(|remote_series| !remote_series.stop()) {
                tracing::error!("feeding the remote series had panicked; it goes on after the next start");
            }
            handle.jobs.stop();
            handle.versions.close();
            let state = handle.journal.stop();
            tracing::debug!(?state, "journal stopped");
            // The journal's end closes the decoder's input, and so on down the line; the engine also
            // listens to the handle, whoever still has it.
            if let Ok(mut engine) = handle.engine.write() {
                engine.take();
            }
            supervisor.join();
            put_wals_away(&data);
        });
        if let Err(error) = stopping.await {
            tracing::error!(%error, "the pipeline could not be joined");
        }
    }

    /// A failed sync ends the journal's writer; the process must end with it.
    fn watch_journal(&mut self) {
        let mut state = self.handle.journal.state();
        let failed = self.supervisor.failure_sender();
        let stop = self.stop_listeners.clone();
        self.tasks.spawn(async move {
            use gengfu_ingest::journal::WriterState;
            loop {
                if let WriterState::Failed(why) = &*state.borrow_and_update() {
                    failed.send_if_modified(|first| {
                        first.is_none().then(|| *first = Some(format!("journal: {why}"))).is_some()
                    });
                    return;
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    changed = state.changed() => if changed.is_err() { return },
                }
            }
        });
    }

    /// Journals the rules and the city profile that a new data folder begins with.
    async fn first_start(&self, config: &Config) -> Result<(), StartError> {
        let files = match &config.city.rules {
            Some(folder) => packs::read_folder(folder).map_err(|error| StartError::new("rules", error))?,
            None => packs::shipped(),
        };
        let profile = match &config.city.profile {
            Some(file) => {
                std::fs::read_to_string(file).map_err(|error| StartError::new(file.display().to_string(), error))?
            }
            None => gengfu_cases::profile::YUNCHENG.to_owned(),
        };
        let mut actions =
            vec![("city profile", Action::SetProfile { text: profile }), ("rules", Action::ActivatePack { files })];
        if let Some(file) = &config.city.places {
            let places = places_file::read(file, None).map_err(|error| StartError::new("places", error))?;
            actions.push(("places", Action::PutPlaces { places }));
        }
        for (what, action) in actions {
            let verdict = self.shared().request(local::local_request(action)).await;
            verdict.map_err(|refusal| StartError::new(what, refusal.message))?;
        }
        Ok(())
    }
}

fn put_wals_away(data: &std::path::Path) {
    match gengfu_connectors::wal::put_wals_away(data) {
        Ok(left) => {
            for (wal, why) in left {
                tracing::warn!(wal = %wal.display(), why, "left for the next start to read back");
            }
        }
        Err(error) => tracing::warn!(%error, "the stores' WAL files are left for the next start to read back"),
    }
}

/// The read side of the ledger of a data folder.
pub(crate) fn ledger_reader(data: &std::path::Path) -> Result<LedgerReader, StartError> {
    LedgerReader::open(&data.join("ledger.db")).map_err(|error| StartError::new("ledger", error))
}

/// The read side of the series of a data folder.
pub(crate) fn series_reader(data: &std::path::Path) -> Result<SeriesReader, StartError> {
    let folder: PathBuf = data.join("series");
    SeriesReader::open(&folder).map_err(|error| StartError::new("series", error))
}
