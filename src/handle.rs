//! The running gateway as the API, the command line and the tests see it.

mod day_sheets;
mod measure;
mod views;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;

use gengfu_connectors::attachments::AttachmentError;
use gengfu_connectors::{LedgerError, LedgerReader};
use gengfu_dashboards::gateway::{
    Answer, BacktestAsk, Balance, DayAsked, DaySheets, Delivery, DeviceNow, Gateway, ParametersAsk, PublishAsk,
    RuleNow, Status, StreamEvent, TurnedAwayAsk, TurnedAwayRow, Vetted,
};
use gengfu_ingest::journal::JournalHandle;
use gengfu_ingest::{Clock, Directory, Door};
use gengfu_model::duty::{Contact, EscalationChain, Roster};
use gengfu_model::staff::{StaffRequest, Verdict};
use gengfu_model::{Control, DeviceId, EffectId, Evidence, Refusal};
use gengfu_rules::engine::Engine;
use gengfu_rules::testing::{self, Options};
use gengfu_rules::{Pack, Places, explained_by};
use tokio::sync::{broadcast, oneshot};

use crate::downlink::Downlink;
use crate::gateway::StoresFull;
use crate::metrics::Samples;
use crate::pipeline::EngineInput;
use crate::pipeline::progress::Progress;
use crate::pipeline::verdicts::Verdicts;
use crate::trial::TrialError;
use crate::trial::ask::{Against, Ask, DEFAULT_EXAMPLES, MAX_EXAMPLES, Sweep, moment};
use crate::trial::jobs::Jobs;
use crate::trial::keeper::Wake;
use crate::trial::shadow::Shadows;
use crate::trial::vet::{profile_at_work, vet};

pub(crate) use views::balance_of;
use views::{device_now, rule_now};
pub use views::{diagnostic_json, tier_json};

/// How many devices are looked at to reckon the rules' memory: some milliseconds of the engine's thread.
const LOOKED_AT: usize = 10_000;

/// What all parts of the process share of the running gateway.
pub struct Handle {
    /// Backtests that the API asked for.
    pub(crate) jobs: Arc<Jobs>,
    /// The place of the shadow.
    pub(crate) shadows: Arc<Shadows>,
    /// Wakes the thread that keeps the rules' versions.
    pub(crate) versions: Arc<Wake>,
    /// The wall clock.
    pub(crate) clock: Arc<dyn Clock>,
    /// The city's time zone.
    pub(crate) zone: chrono_tz::Tz,
    pub(crate) journal: JournalHandle,
    /// Taken away when the gateway stops, so that the engine's input closes.
    pub(crate) engine: std::sync::RwLock<Option<SyncSender<EngineInput>>>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) verdicts: Arc<Verdicts>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) stream: broadcast::Sender<Arc<StreamEvent>>,
    /// Commands on their way to devices.
    pub(crate) downlink: Arc<Downlink>,
    pub(crate) ready: AtomicBool,
    pub(crate) no_room: Arc<StoresFull>,
    pub(crate) pack: Arc<std::sync::RwLock<Option<Arc<str>>>>,
    /// The pack that the engine judges by, for its counts.
    pub(crate) live_pack: Arc<std::sync::RwLock<Arc<Pack>>>,
    pub(crate) ledger: LedgerReader,
    /// Files of cases.
    pub(crate) files: crate::attachments::CaseFiles,
    /// What is known of telling others.
    pub(crate) told: Arc<std::sync::RwLock<crate::delivery::Told>>,
    /// Metrics of the listeners.
    pub(crate) listener_metrics: std::sync::RwLock<Vec<MetricsSource>>,
    /// Who was refused by the listeners.
    pub(crate) door: Arc<Door>,
}

/// Gives the values of metrics now, by name.
pub type MetricsSource = Box<dyn Fn() -> Vec<(&'static str, u64)> + Send + Sync>;

impl Handle {
    /// Asks the engine between two batches.
    async fn query<T: Send + 'static>(&self, question: impl FnOnce(&mut Engine) -> T + Send + 'static) -> Option<T> {
        let (sender, receiver) = oneshot::channel();
        let engine = self.engine.read().ok()?.clone()?;
        let query = EngineInput::Query(Box::new(move |engine| {
            // The asker may have gone away meanwhile.
            sender.send(question(engine)).ok();
        }));
        // The engine's queue may be full of batches: wait for a place off the async threads.
        tokio::task::spawn_blocking(move || engine.send(query)).await.ok()?.ok()?;
        receiver.await.ok()
    }

    /// Evaluates explanations again, each with the pack that made it.
    fn replays(&self, rule: &str, evidence: &[Evidence]) -> Vec<String> {
        let mut packs: BTreeMap<Arc<str>, Arc<Pack>> = BTreeMap::new();
        if let Ok(live) = self.live_pack.read() {
            packs.insert(Arc::clone(live.version()), Arc::clone(&live));
        }
        evidence.iter().map(|evidence| replay_with(&self.ledger, &mut packs, rule, evidence)).collect()
    }

    async fn judge(self: Arc<Self>, request: StaffRequest) -> Verdict {
        let unavailable = |what: String| {
            Err(Refusal::new("unavailable", what)
                .hint("the request may or may not have been taken: look before you repeat it"))
        };
        match self.journal.control(Control::Request(request)).await {
            Ok(seq) => match self.verdicts.ask(seq).await {
                Ok(verdict) => verdict,
                Err(_) => unavailable("the gateway is stopping".to_owned()),
            },
            Err(error) => unavailable(error.to_string()),
        }
    }
}

/// The handle as the API takes it; a newtype, since answers must own what they need.
#[derive(Clone)]
pub struct Shared(pub Arc<Handle>);

impl Gateway for Shared {
    fn request(&self, request: StaffRequest) -> Answer<Verdict> {
        Box::pin(Arc::clone(&self.0).judge(request))
    }

    fn keep_file(&self, bytes: &[u8]) -> Result<String, Refusal> {
        self.0.files.keep(bytes)
    }

    fn file(&self, sha256: &str) -> Result<Vec<u8>, AttachmentError> {
        self.0.files.read(sha256)
    }

    fn device_now(&self, device: DeviceId) -> Answer<Option<DeviceNow>> {
        let handle = Arc::clone(&self.0);
        Box::pin(async move {
            handle.query(move |engine| engine.device(device.as_str())).await.flatten().map(|view| device_now(&view))
        })
    }

    fn devices_now(&self, after: Option<DeviceId>, limit: usize) -> Answer<Vec<DeviceNow>> {
        let handle = Arc::clone(&self.0);
        Box::pin(async move {
            let views = handle.query(move |engine| engine.devices_after(after.as_ref(), limit)).await;
            views.unwrap_or_default().iter().map(device_now).collect()
        })
    }

    fn why(&self, device: DeviceId, rule: String) -> Answer<Option<serde_json::Value>> {
        let handle = Arc::clone(&self.0);
        Box::pin(async move {
            let why = handle.query(move |engine| engine.why(device.as_str(), &rule)).await.flatten()?;
            serde_json::to_value(why).ok()
        })
    }

    fn why_at(
        &self,
        device: DeviceId,
        rule: String,
        at: gengfu_model::Timestamp,
    ) -> Answer<Result<serde_json::Value, Refusal>> {
        let jobs = Arc::clone(&self.0.jobs);
        Box::pin(async move {
            let look = move || {
                crate::trial::priority::lower();
                jobs.past(&device, &rule, at)
            };
            let unavailable = |error: &dyn std::fmt::Display| Refusal::new("unavailable", error.to_string());
            // A thread of its own, since its priority stays low.
            let (sender, receiver) = oneshot::channel();
            let thread = std::thread::Builder::new().name("gengfu-past".to_owned()).stack_size(8 << 20);
            // Whoever asked may have gone away meanwhile.
            let body = move || drop(sender.send(look()));
            thread.spawn(body).map_err(|error| unavailable(&error))?;
            let found = receiver.await.map_err(|error| unavailable(&error))??;
            serde_json::to_value(found).map_err(|error| unavailable(&error))
        })
    }

    fn rule_parameters(&self, asked: ParametersAsk) -> Answer<Option<serde_json::Value>> {
        let handle = Arc::clone(&self.0);
        Box::pin(async move {
            let ParametersAsk { rule, name, device } = asked;
            let device = device.map(|device| device.to_string());
            let found = handle.query(move |engine| engine.parameters_of(&rule, name.as_deref(), device.as_deref()));
            serde_json::to_value(found.await.flatten()?).ok()
        })
    }

    fn devices_within(&self, rule: String, scope: String) -> Answer<Option<usize>> {
        let handle = Arc::clone(&self.0);
        Box::pin(async move { handle.query(move |engine| engine.devices_within(&rule, &scope)).await.flatten() })
    }

    fn replays(&self, rule: String, evidence: Vec<Evidence>) -> Answer<Vec<String>> {
        let handle = Arc::clone(&self.0);
        Box::pin(async move {
            let count = evidence.len();
            let replayed = tokio::task::spawn_blocking(move || handle.replays(&rule, &evidence)).await;
            replayed.unwrap_or_else(|_| vec!["not evaluated".to_owned(); count])
        })
    }

    fn balance(&self, device: Option<DeviceId>) -> Answer<Balance> {
        let handle = Arc::clone(&self.0);
        Box::pin(async move {
            let sheets = handle.query(move |engine| match device {
                Some(device) => (engine.device(device.as_str()).map(|view| view.total).unwrap_or_default(), 0),
                None => engine.balance(),
            });
            let (sheet, refused) = sheets.await.unwrap_or_default();
            balance_of(&sheet, refused)
        })
    }

    fn day_sheets(&self, asked: DayAsked) -> Answer<Result<DaySheets, LedgerError>> {
        Box::pin(day_sheets::of_day(Arc::clone(&self.0), asked))
    }

    fn turned_away(&self, asked: &TurnedAwayAsk) -> Vec<TurnedAwayRow> {
        let rows = self.0.door.rows(|row| {
            asked.device.as_deref().is_none_or(|device| row.name.as_ref().is_some_and(|name| name.as_str() == device))
                && asked.listener.is_none_or(|listener| listener == row.transport)
                && asked.reason.as_deref().is_none_or(|reason| reason == row.reason)
        });
        rows.into_iter().map(|row| views::turned_away(row, &self.0.directory)).collect()
    }

    fn command_delivery(&self, command: EffectId) -> Option<Delivery> {
        self.0.downlink.delivery(command)
    }

    fn duty_now(&self, district: String) -> Answer<Option<gengfu_cases::DutyNow>> {
        let handle = Arc::clone(&self.0);
        Box::pin(async move {
            // The engine's own time stands still while nothing comes; people look at the clock.
            let now = handle.journal.metrics().last_time;
            handle.query(move |engine| engine.reducer().duty_now(&district, engine.now().max(now))).await.flatten()
        })
    }

    fn rosters(&self) -> Answer<Vec<Roster>> {
        let handle = Arc::clone(&self.0);
        Box::pin(async move {
            handle.query(|engine| engine.reducer().rosters().cloned().collect()).await.unwrap_or_default()
        })
    }

    fn chains(&self) -> Answer<(Vec<EscalationChain>, bool)> {
        let handle = Arc::clone(&self.0);
        Box::pin(async move { handle.query(|engine| engine.reducer().chains()).await.unwrap_or_default() })
    }

    fn contact(&self, user: String) -> Answer<Option<Contact>> {
        let handle = Arc::clone(&self.0);
        Box::pin(async move { handle.query(move |engine| engine.reducer().contact(&user).cloned()).await.flatten() })
    }

    fn read_up_to(&self, user: String) -> Answer<Option<EffectId>> {
        let handle = Arc::clone(&self.0);
        Box::pin(async move { handle.query(move |engine| engine.reducer().read_up_to(&user)).await.flatten() })
    }

    fn channels(&self) -> Vec<String> {
        self.0.told.read().map(|told| told.channels.clone()).unwrap_or_default()
    }

    fn deliveries(&self, item: EffectId) -> Answer<Vec<gengfu_connectors::delivery::Delivery>> {
        let receipts = self.0.told.read().ok().and_then(|told| told.receipts.clone());
        Box::pin(async move {
            let Some(receipts) = receipts else { return Vec::new() };
            let read = tokio::task::spawn_blocking(move || receipts.of_item(item)).await;
            read.ok().and_then(Result::ok).unwrap_or_default()
        })
    }

    fn platform(&self, name: &str) -> Option<Arc<gengfu_dashboards::gateway::PlatformDoor>> {
        self.0.told.read().ok()?.doors.get(name).cloned()
    }

    fn begin_backtest(&self, ask: BacktestAsk) -> Result<serde_json::Value, Refusal> {
        let now = self.0.clock.now();
        let invalid = |field: &'static str| move |message: String| Refusal::new("invalid", message).field(field);
        let at = |field, text: &str| moment(text, self.0.zone, now).map_err(invalid(field));
        let own = Ask {
            from: at("from", &ask.from)?,
            to: at("to", ask.to.as_deref().unwrap_or("now"))?,
            sweep: ask.sweep.as_deref().map(Sweep::parse).transpose().map_err(invalid("sweep"))?,
            against: if ask.history { Against::History } else { Against::Live },
            examples: ask.examples.unwrap_or(DEFAULT_EXAMPLES).min(MAX_EXAMPLES),
            files: ask.files,
        };
        self.0.jobs.begin(own, &ask.by, now)
    }

    fn trials(&self) -> Result<Vec<serde_json::Value>, Refusal> {
        self.0.jobs.list().map_err(|error| unreadable(&error))
    }

    fn trial(&self, id: &str) -> Result<Option<serde_json::Value>, Refusal> {
        self.0.jobs.view(id).map_err(|error| unreadable(&error))
    }

    fn cancel_trial(&self, id: &str) -> bool {
        self.0.jobs.cancel(id)
    }

    fn shadow(&self) -> Option<serde_json::Value> {
        self.0.shadows.view()
    }

    fn vet_publication(&self, ask: &PublishAsk) -> Result<Vetted, Refusal> {
        let profile = profile_at_work(Some(&self.0.ledger));
        vet(self.0.jobs.store(), &ask.files, &ask.files, profile, ask.after_trial.as_deref())
            .map_err(|error| Refusal::new("invalid", error.to_string()))
    }

    fn subscribe(&self) -> broadcast::Receiver<Arc<StreamEvent>> {
        self.0.stream.subscribe()
    }

    fn status(&self) -> Status {
        let positions = self.0.progress.get();
        let journal = self.0.journal.metrics();
        let mut faults = Vec::new();
        if journal.full {
            faults.push("disk full: devices are refused, timers run and staff can work".to_owned());
        }
        for (full, store) in [(&self.0.no_room.ledger, "ledger"), (&self.0.no_room.series, "series")] {
            if full.load(Ordering::Relaxed) {
                faults.push(format!("disk full: the {store} has no room, so devices are refused"));
            }
        }
        if journal.clock_fault.is_some() {
            faults.push("the machine's clock jumped and is not followed".to_owned());
        }
        for rule in self.rules_now().iter().filter(|rule| rule.paused) {
            faults.push(format!("rule `{}` is paused and judges nobody: see the audit, then resume it", rule.id));
        }
        Status {
            version: env!("CARGO_PKG_VERSION"),
            ready: self.0.ready.load(Ordering::Relaxed),
            journal: journal.last_seq,
            applied: positions.applied,
            ledger: positions.ledger,
            time: journal.last_time,
            devices: self.0.directory.len(),
            pack: self.0.pack.read().map(|pack| pack.clone()).unwrap_or_default(),
            faults,
        }
    }

    fn metrics(&self) -> String {
        let status = self.status();
        let mut samples = Samples::default();
        samples.add("gengfu_gateway_ready", u64::from(status.ready));
        samples.add("gengfu_gateway_faults", status.faults.len() as u64);
        samples.add("gengfu_register_devices", status.devices as u64);
        self.0.measure_journal(&mut samples);
        self.0.measure_engine(&mut samples);
        self.0.measure_stores(&mut samples);
        samples.add("gengfu_door_rows_forgotten_total", self.0.door.forgotten());
        if let Ok(sources) = self.0.listener_metrics.read() {
            for source in sources.iter() {
                source().into_iter().for_each(|(name, value)| samples.add(name, value));
            }
        }
        samples.text()
    }

    fn hash_token(&self, token: &str) -> [u8; 32] {
        self.0.directory.hash_token(token.as_bytes())
    }

    fn test_rules(
        &self,
        files: BTreeMap<String, String>,
        filter: &str,
    ) -> Result<serde_json::Value, Vec<serde_json::Value>> {
        // Tests are about a rule, not about today's profile: they run before the example city.
        let profile = gengfu_cases::Profile::parse(gengfu_cases::profile::YUNCHENG).map_err(|_| Vec::new())?;
        let options = Options { profile: Arc::new(profile), filter: filter.to_owned(), coverage: true };
        let told = |found: Vec<gengfu_rules::Diagnostic>| found.iter().map(diagnostic_json).collect::<Vec<_>>();
        let report = testing::run(&files, &options).map_err(told)?;
        Ok(serde_json::to_value(report).unwrap_or_default())
    }

    fn check_rules(&self, files: BTreeMap<String, String>) -> Vec<serde_json::Value> {
        let mistakes = match Pack::compile(&files) {
            Ok(pack) => {
                // Against the places in force; a ledger that cannot be read says nothing against a rule.
                let row = self.0.ledger.places().ok().flatten().map(|(_, row)| row.places);
                let places = Places::from(row.map(|places| places.to_vec()).unwrap_or_default());
                let mut found = pack.warnings().to_vec();
                found.extend(pack.unknown_places(&places));
                found
            }
            Err(mistakes) => mistakes,
        };
        mistakes.iter().map(diagnostic_json).collect()
    }

    fn rule_tiers(&self, files: BTreeMap<String, String>) -> Vec<serde_json::Value> {
        Pack::compile(&files).map(|pack| pack.rules().iter().map(tier_json).collect()).unwrap_or_default()
    }

    fn rules_with_state(&self) -> Answer<Vec<RuleNow>> {
        let shared = self.clone();
        Box::pin(async move {
            let bytes = shared.0.query(|engine| engine.state_bytes(LOOKED_AT)).await.unwrap_or_default();
            let now = shared.rules_now().into_iter().zip(bytes);
            now.map(|(rule, bytes)| RuleNow { state_bytes: Some(bytes), ..rule }).collect()
        })
    }

    fn rules_now(&self) -> Vec<RuleNow> {
        let Ok(pack) = self.0.live_pack.read().map(|pack| Arc::clone(&pack)) else { return Vec::new() };
        pack.rules().iter().zip(pack.counts()).map(|(info, counts)| rule_now(info, counts)).collect()
    }
}

/// Whether an explanation evaluates again to the values that it shows: `same`, `different`, or why that
/// cannot be told. Packs that are not in `packs` come from the ledger.
pub(crate) fn replay_with(
    ledger: &LedgerReader,
    packs: &mut BTreeMap<Arc<str>, Arc<Pack>>,
    rule: &str,
    evidence: &Evidence,
) -> String {
    let Some(version) = explained_by(evidence) else { return "no inputs were kept: nothing was evaluated".to_owned() };
    if !packs.contains_key(&version) {
        let files = ledger.packs().ok().and_then(|all| all.into_iter().find(|pack| pack.version == version));
        if let Some(pack) = files.and_then(|pack| Pack::compile(&pack.files).ok()) {
            packs.insert(Arc::clone(&version), Arc::new(pack));
        }
    }
    match packs.get(&version).map(|pack| pack.replays(rule, evidence)) {
        Some(Ok(true)) => "same".to_owned(),
        Some(Ok(false)) => "different".to_owned(),
        Some(Err(why)) => why,
        None => format!("pack {version} does not load with this program"),
    }
}

fn unreadable(error: &TrialError) -> Refusal {
    Refusal::new("unavailable", error.to_string())
}
