//! Starts the parts of the gateway against the flow of data, and stops them with it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use gengfu_connectors::checkpoint::SqliteCheckpoints;
use gengfu_connectors::delivery::Deliverer;
use gengfu_connectors::ledger::{LedgerReader, SqliteLedger};
use gengfu_connectors::series::{SeriesReader, SqliteSeries};
use gengfu_dashboards::Gateway as _;
use gengfu_dashboards::gateway::StreamEvent;
use gengfu_ingest::journal::{
    Archive, ArchiveOptions, FolderLock, JournalHandle, JournalReader, JournalWriter, Log, LogOptions, Opened,
    ReadLimit, RealDisk, WriterOptions, append_start, start_records,
};
use gengfu_ingest::{Clock, Directory, Intake, SystemClock};
use gengfu_model::staff::{Action, Role, StaffRequest};
use gengfu_model::{Control, Effect, EffectId, Point, Seq, Timestamp};
use gengfu_rules::engine::Engine;
use serde::Serialize;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::attachments::CaseFiles;
use crate::config::Config;
use crate::delivery;
use crate::downlink::Downlink;
use crate::feed::{self, Feed};
use crate::handle::{Handle, Shared};
use crate::listeners;
use crate::local;
use crate::packs;
use crate::pipeline::engine::{CheckpointOptions, EngineThread, Outputs};
use crate::pipeline::ledger::Listeners;
use crate::pipeline::progress::Progress;
use crate::pipeline::recover::{Report, recover};
use crate::pipeline::verdicts::Verdicts;
use crate::pipeline::{EngineInput, QUEUE_BATCHES, checkpoint, decode, ledger, series};
use crate::platform_poll;
use crate::remote_series::{self, RemoteSeries};
use crate::secret;
use crate::supervise::Supervisor;
use crate::trial::backtest::Source;
use crate::trial::jobs::Jobs;
use crate::trial::keeper::{Keeper, Wake};
use crate::trial::shadow::Shadows;
use crate::trial::{days, late};

/// How many events the live stream keeps for a reader that is slow.
const STREAM_CAPACITY: usize = 4_096;

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
            tokio::task::spawn_blocking(move || open(&stores_config, options, clock.as_ref()))
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
        let handle = start_pipeline(
            config,
            opened,
            &mut supervisor,
            &directory,
            feed.as_ref(),
            &clock,
            |batches, log, archive| {
                let refusals = intake.refusals();
                JournalWriter::start(log, Arc::clone(&clock), messages, refusals, batches, Some(archive), writer)
            },
        )?;
        let days = if options.listeners { Some(start_days(config, &mut supervisor, &clock, &handle)?) } else { None };
        if options.listeners {
            start_versions(config, &mut supervisor, &handle)?;
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
        let Gateway { handle, supervisor, deliverer, remote_series, days, _lock, .. } = self;
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
        for (what, action) in
            [("city profile", Action::SetProfile { text: profile }), ("rules", Action::ActivatePack { files })]
        {
            let verdict = self.shared().request(local::local_request(action)).await;
            verdict.map_err(|refusal| StartError::new(what, refusal.message))?;
        }
        Ok(())
    }
}

/// What recovery hands to the pipeline.
struct Recovered {
    log: Log,
    archive: Archive,
    engine: Engine,
    ledger: SqliteLedger,
    checkpoints: SqliteCheckpoints,
    series: SqliteSeries,
    report: Report,
    /// The last moment that the journal knew of before this start.
    went_down: Timestamp,
    /// No rule pack was ever activated.
    is_new: bool,
}

fn open(config: &Config, options: StartOptions, clock: &dyn Clock) -> Result<Recovered, StartError> {
    let data = &config.data.folder;
    let journal_folder = data.join("journal");
    std::fs::create_dir_all(&journal_folder).map_err(|error| StartError::new("journal", error))?;
    let disk = Arc::new(RealDisk::open(&journal_folder).map_err(|error| StartError::new("journal", error))?);
    let log_options = LogOptions { segment_bytes: config.journal.segment.0, ..LogOptions::default() };
    let (mut log, Opened { last_time, cut, .. }) =
        Log::open(disk.clone(), log_options).map_err(|error| StartError::new("journal", error))?;
    if let Some((file, offset)) = cut {
        tracing::info!(file, offset, "cut off a torn end of the journal; nothing of it had been acknowledged");
    }
    let version = env!("CARGO_PKG_VERSION");
    let went_down = last_time.unwrap_or(clock.now());
    let records = start_records(last_time, clock.now(), options.accept_clock, version, config.outcome())
        .map_err(|error| StartError::new("clock", error))?;
    append_start(&mut log, records).map_err(|error| StartError::new("journal", error))?;

    let mut ledger = SqliteLedger::open(&data.join("ledger.db")).map_err(|error| StartError::new("ledger", error))?;
    let checkpoints =
        SqliteCheckpoints::open(&data.join("checkpoint.db")).map_err(|error| StartError::new("checkpoints", error))?;
    let mut series = SqliteSeries::open(&data.join("series")).map_err(|error| StartError::new("series", error))?;
    let end = log.last_seq();
    let open_reader = |after: Seq| {
        let mut reader =
            JournalReader::open(disk.clone(), after.next(), ReadLimit::Seq(end)).map_err(|error| error.to_string())?;
        Ok(std::iter::from_fn(move || reader.next_batch().map_err(|error| error.to_string()).transpose()))
    };
    let (engine, report) = recover(&mut ledger, &checkpoints, &mut series, end, open_reader)
        .map_err(|error| StartError::new("recovery", error))?;
    tracing::info!(
        devices = report.devices,
        checkpoint = report.checkpoint.0,
        ledger = report.ledger.0,
        replayed = report.replayed,
        "recovered"
    );
    let archive_options = ArchiveOptions {
        keep_ms: config.journal.keep.0,
        budget_bytes: Some(config.journal.keep_size.0),
        ..ArchiveOptions::default()
    };
    let archive = Archive::open(disk, archive_options).map_err(|error| StartError::new("archive", error))?;
    let is_new = engine.pack().rules().is_empty();
    Ok(Recovered { log, archive, engine, ledger, checkpoints, series, report, went_down, is_new })
}

/// Starts the stages from the last to the first, and the journal's writer at the end.
fn start_pipeline(
    config: &Config,
    opened: Recovered,
    supervisor: &mut Supervisor,
    directory: &Arc<Directory>,
    feed: Option<&Feed>,
    clock: &Arc<dyn Clock>,
    start_journal: impl FnOnce(SyncSender<Arc<Vec<gengfu_model::Record>>>, Log, Archive) -> std::io::Result<JournalHandle>,
) -> Result<Arc<Handle>, StartError> {
    let thread = |error: std::io::Error| StartError::new("threads", error);
    let feed = feed.cloned();
    let Recovered { log, archive, engine, mut ledger, mut checkpoints, mut series, .. } = opened;
    let progress = Arc::new(Progress::default());
    progress.update(|positions| {
        positions.applied = engine.applied();
        positions.ledger = engine.applied();
        positions.series = engine.applied();
    });
    let verdicts = Arc::new(Verdicts::default());
    let pack = Arc::new(RwLock::new((!engine.pack().rules().is_empty()).then(|| Arc::clone(engine.pack().version()))));
    let (stream, _) = broadcast::channel(STREAM_CAPACITY);
    let downlink = Arc::new(Downlink::new(engine.open_commands()));
    let versions = Arc::new(Wake::default());

    let (batches, decode_input) = sync_channel(QUEUE_BATCHES);
    let (engine_input, engine_queue) = sync_channel::<EngineInput>(QUEUE_BATCHES);
    let (ledger_jobs, ledger_queue) = sync_channel(QUEUE_BATCHES);
    let (series_jobs, series_queue) = sync_channel(QUEUE_BATCHES);
    let (checkpoint_jobs, checkpoint_queue) = sync_channel(QUEUE_BATCHES);

    let journal = start_journal(batches, log, archive).map_err(thread)?;

    let no_room = NoRoom { journal: journal.clone(), stores: Arc::default() };
    let told = Listeners {
        progress: Arc::clone(&progress),
        verdicts: Arc::clone(&verdicts),
        directory: Arc::clone(directory),
        publish: {
            let (stream, pack, reader) = (stream.clone(), Arc::clone(&pack), ledger_reader(&config.data.folder)?);
            let (feed, downlink, versions) = (feed.clone(), Arc::clone(&downlink), Arc::clone(&versions));
            Box::new(move |effects| {
                downlink.committed(effects);
                versions.committed(effects);
                publish(effects, &stream, &pack, &reader);
                if let Some(feed) = &feed {
                    feed.effects(effects);
                }
            })
        },
        full: Box::new(no_room.clone().setter(|no_room| &no_room.ledger)),
    };
    let close = |progress: &Arc<Progress>| {
        let progress = Arc::clone(progress);
        move || progress.update(|positions| positions.closed = true)
    };
    let closed = close(&progress);
    supervisor
        .spawn("ledger", move || {
            let result = ledger::run(&mut ledger, &ledger_queue, &told);
            if result.is_err() {
                closed();
            }
            result
        })
        .map_err(thread)?;
    let (closed, series_progress, keep_ms) = (close(&progress), Arc::clone(&progress), config.series.keep.0);
    let readings_feed = feed.clone();
    let written = move |points: &[Point]| {
        if let Some(feed) = &readings_feed {
            feed.readings(points);
        }
    };
    let series_full = no_room.clone().setter(|no_room| &no_room.series);
    supervisor
        .spawn("series", move || {
            let result = series::run(&mut series, &series_queue, &series_progress, keep_ms, &written, &series_full);
            if result.is_err() {
                closed();
            }
            result
        })
        .map_err(thread)?;
    let (checkpoint_progress, release) = (Arc::clone(&progress), journal.clone());
    supervisor
        .spawn("checkpoint", move || {
            checkpoint::run(&mut checkpoints, &checkpoint_queue, &checkpoint_progress, &|seq| release.release(seq))
        })
        .map_err(thread)?;
    let (due, decisions) = (journal.clone(), journal.clone());
    let live_pack = Arc::new(RwLock::new(Arc::clone(engine.pack())));
    let outputs = Outputs {
        ledger: ledger_jobs,
        series: series_jobs,
        checkpoints: checkpoint_jobs,
        next_due: Box::new(move |next| due.set_next_due(next)),
        decide: Box::new(move |action| {
            let name = action.name();
            let request = StaffRequest { user: "system".into(), roles: vec![Role::Engineer], action };
            if decisions.control_detached(Control::Request(request)) {
                tracing::warn!(action = name, "the gateway decided something about a rule: see the audit");
            }
        }),
        progress: Arc::clone(&progress),
        live_pack: Arc::clone(&live_pack),
    };
    let options =
        CheckpointOptions { records: config.engine.checkpoint_records, every_ms: config.engine.checkpoint_every.0 };
    let engine = EngineThread::new(engine, options, outputs);
    supervisor.spawn("engine", move || engine.run(&engine_queue)).map_err(thread)?;
    decode::start(supervisor, config.engine.decoders, decode_input, engine_input.clone()).map_err(thread)?;
    let (data, synced) = (&config.data.folder, journal.synced_end());
    Ok(Arc::new(Handle {
        jobs: Arc::new(Jobs::new(data, Arc::clone(&synced))),
        shadows: Arc::new(Shadows::new(data, synced, Arc::clone(clock))),
        versions,
        clock: Arc::clone(clock),
        zone: config.city.time_zone.parse().map_err(|_| StartError::new("city.time_zone", "no IANA time zone"))?,
        journal,
        engine: RwLock::new(Some(engine_input)),
        progress,
        verdicts,
        directory: Arc::clone(directory),
        stream,
        downlink,
        ready: AtomicBool::new(false),
        no_room: no_room.stores,
        pack,
        live_pack,
        ledger: ledger_reader(&config.data.folder)?,
        told: Arc::default(),
        files: CaseFiles::open(config),
        listener_metrics: RwLock::default(),
    }))
}

/// Starts the thread that keeps a copy of each day's start, and looks for late findings of the day that has ended. It
/// ends when what it gives is dropped.
fn start_days(
    config: &Config,
    supervisor: &mut Supervisor,
    clock: &Arc<dyn Clock>,
    handle: &Arc<Handle>,
) -> Result<SyncSender<()>, StartError> {
    let (stop, stopped) = sync_channel(1);
    let (data, options, clock) = (config.data.folder.clone(), config.days.clone(), Arc::clone(clock));
    let zone = config.city.time_zone.parse().map_err(|_| StartError::new("city.time_zone", "no IANA time zone"))?;
    let (journal, watch) = (handle.journal.clone(), Arc::clone(&handle.jobs));
    supervisor
        .spawn("days", move || {
            let after = |from, to| {
                if let Err(error) = late_findings(&data, &journal, watch.as_ref(), from, to) {
                    tracing::warn!(error, "late findings: left out, see `gengfu rules late`");
                }
            };
            days::run(&data, &options, zone, clock.as_ref(), &stopped, &after);
            Ok(())
        })
        .map_err(|error| StartError::new("threads", error))?;
    Ok(stop)
}

/// Looks for what the late readings of a day would have raised, and journals it.
fn late_findings(
    data: &std::path::Path,
    journal: &JournalHandle,
    watch: &Jobs,
    from: Timestamp,
    to: Timestamp,
) -> Result<(), String> {
    let disk = RealDisk::open(data.join("journal")).map_err(|error| error.to_string())?;
    let limit = ReadLimit::Synced(journal.synced_end());
    let source = Source { data, disk: Arc::new(disk), limit };
    let found = late::find(&source, from, to, watch).map_err(|error| error.to_string())?;
    for request in late::requests(&found.findings) {
        journal.control_blocking(request).map_err(|error| error.to_string())?;
    }
    if found.devices > 0 {
        tracing::info!(devices = found.devices, findings = found.findings.len(), "looked at late readings");
    }
    Ok(())
}

/// Starts the thread that keeps the rules' versions: the shadow, and packs with limits. It ends when the handle's
/// end is closed.
fn start_versions(config: &Config, supervisor: &mut Supervisor, handle: &Arc<Handle>) -> Result<(), StartError> {
    let woken = handle.versions.open();
    let (journal, live_pack) = (handle.journal.clone(), Arc::clone(&handle.live_pack));
    let now = {
        let journal = journal.clone();
        move || {
            let pack = live_pack.read().map(|pack| Arc::clone(&pack)).ok();
            let faults = pack.map_or(0, |pack| pack.counts().iter().map(|counts| counts.faults).sum());
            (journal.metrics().last_time, faults)
        }
    };
    let keeper = Keeper {
        reader: ledger_reader(&config.data.folder)?,
        shadows: Arc::clone(&handle.shadows),
        now: Box::new(now),
        ask: Box::new(move |control| journal.control_blocking(control).map_err(|error| error.to_string())),
    };
    supervisor
        .spawn("versions", move || {
            keeper.run(&woken);
            Ok(())
        })
        .map_err(|error| StartError::new("threads", error))
}

/// Stores behind the journal that wait for room on a full disk. While one does, messages are held back.
#[derive(Debug, Default)]
pub(crate) struct StoresFull {
    pub(crate) ledger: AtomicBool,
    pub(crate) series: AtomicBool,
    /// Held while one of them changes, so that the journal is told in the same order.
    turn: Mutex<()>,
}

#[derive(Clone)]
struct NoRoom {
    journal: JournalHandle,
    stores: Arc<StoresFull>,
}

impl NoRoom {
    /// What one store calls when its disk is full, and when it has room again.
    fn setter(self, which: fn(&StoresFull) -> &AtomicBool) -> impl Fn(bool) + Send {
        move |full| {
            let _turn = self.stores.turn.lock().unwrap_or_else(PoisonError::into_inner);
            which(&self.stores).store(full, Ordering::SeqCst);
            let any = self.stores.ledger.load(Ordering::SeqCst) || self.stores.series.load(Ordering::SeqCst);
            self.journal.hold_messages(any);
        }
    }
}

/// Notes which pack is live, and tells the live stream what was committed.
fn publish(
    effects: &[(EffectId, Effect)],
    stream: &broadcast::Sender<Arc<StreamEvent>>,
    pack: &RwLock<Option<Arc<str>>>,
    reader: &LedgerReader,
) {
    let mut has_events = false;
    for (_, effect) in effects {
        has_events |= matches!(effect, Effect::Incident(_) | Effect::Case(_) | Effect::Outbox(_));
        if let Effect::Pack { version, .. } = effect
            && let Ok(mut live) = pack.write()
        {
            *live = Some(Arc::clone(version));
        }
    }
    let Some((first, _)) = effects.first().filter(|_| has_events && stream.receiver_count() > 0) else { return };
    // The ledger has named the events in the same transaction; a stream that resumes reads the same rows.
    let before = match first.ordinal.checked_sub(1) {
        Some(ordinal) => EffectId { seq: first.seq, ordinal },
        None => EffectId { seq: Seq(first.seq.0 - 1), ordinal: u32::MAX },
    };
    match reader.stream_after(Some(before), effects.len()) {
        Ok(events) => {
            for (id, name, data) in events {
                // Nobody listening any more is no error.
                stream.send(Arc::new(StreamEvent { id, name: name.into(), data: data.into() })).ok();
            }
        }
        Err(error) => tracing::warn!(%error, "live stream: cannot read the ledger"),
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
