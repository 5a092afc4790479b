//! The running gateway as the API, the command line and the tests see it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;

use gengfu_dashboards::gateway::{Answer, Balance, DeviceNow, Gateway, LatestField, Status, StreamEvent};
use gengfu_ingest::Directory;
use gengfu_ingest::journal::JournalHandle;
use gengfu_model::staff::{StaffRequest, Verdict};
use gengfu_model::{Control, DeviceId, Refusal};
use gengfu_rules::engine::{DeviceView, Engine, Sheet};
use gengfu_rules::{Level, Pack};
use tokio::sync::{broadcast, oneshot};

use crate::gateway::StoresFull;
use crate::pipeline::EngineInput;
use crate::pipeline::progress::Progress;
use crate::pipeline::verdicts::Verdicts;

/// What all parts of the process share of the running gateway.
pub struct Handle {
    pub(crate) journal: JournalHandle,
    /// Taken away when the gateway stops, so that the engine's input closes.
    pub(crate) engine: std::sync::RwLock<Option<SyncSender<EngineInput>>>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) verdicts: Arc<Verdicts>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) stream: broadcast::Sender<Arc<StreamEvent>>,
    pub(crate) ready: AtomicBool,
    pub(crate) no_room: Arc<StoresFull>,
    pub(crate) pack: Arc<std::sync::RwLock<Option<Arc<str>>>>,
    /// Metrics of the listeners, each as lines in Prometheus' text format.
    pub(crate) listener_metrics: std::sync::RwLock<Vec<MetricsSource>>,
}

/// Gives metrics as lines in Prometheus' text format.
pub type MetricsSource = Box<dyn Fn(&mut String) + Send + Sync>;

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

    fn balance(&self, device: Option<DeviceId>) -> Answer<Balance> {
        let handle = Arc::clone(&self.0);
        Box::pin(async move {
            let sheets = handle.query(move |engine| match device {
                Some(device) => (engine.device(device.as_str()).map(|view| view.total).unwrap_or_default(), 0),
                None => engine.balance(),
            });
            let (sheet, refused) = sheets.await.unwrap_or_default();
            balance(&sheet, refused)
        })
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
        let mut text = String::new();
        let mut gauge = |name: &str, help: &str, value: u64| {
            // Writing to a text cannot fail.
            write!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}\n").ok();
        };
        gauge("gengfu_journal_synced_sequence", "Newest record that is synced.", status.journal.0);
        gauge("gengfu_engine_applied_sequence", "Newest record that the engine has applied.", status.applied.0);
        gauge("gengfu_ledger_committed_sequence", "Newest record whose effects are in the ledger.", status.ledger.0);
        gauge("gengfu_register_devices", "Devices in the register.", status.devices as u64);
        gauge("gengfu_gateway_faults", "Things that are wrong with the gateway itself.", status.faults.len() as u64);
        if let Ok(sources) = self.0.listener_metrics.read() {
            for source in sources.iter() {
                source(&mut text);
            }
        }
        text
    }

    fn hash_token(&self, token: &str) -> [u8; 32] {
        self.0.directory.hash_token(token.as_bytes())
    }

    fn check_rules(&self, files: BTreeMap<String, String>) -> Vec<serde_json::Value> {
        let mistakes = match Pack::compile(&files) {
            Ok(pack) => pack.warnings().to_vec(),
            Err(mistakes) => mistakes,
        };
        mistakes.iter().map(diagnostic_json).collect()
    }
}

/// A diagnostic as editors read it.
pub fn diagnostic_json(diagnostic: &gengfu_rules::Diagnostic) -> serde_json::Value {
    serde_json::json!({
        "severity": match diagnostic.level { Level::Error => "error", Level::Warning => "warning" },
        "file": diagnostic.file,
        "line": diagnostic.line,
        "column": diagnostic.column,
        "source": diagnostic.source_line,
        "message": diagnostic.message,
        "hint": diagnostic.hint,
    })
}

fn device_now(view: &DeviceView) -> DeviceNow {
    let fields = view.latest.iter().filter_map(|(field, latest)| {
        let name = view.device.kind.field_def(field)?.name;
        Some((name, LatestField { value: latest.value.clone(), time: latest.event_time, quality: latest.quality }))
    });
    DeviceNow {
        device: view.device.id.clone(),
        kind: view.device.kind,
        life: view.device.life,
        heard: view.heard,
        fields: fields.collect(),
    }
}

fn balance(sheet: &Sheet, refused: u64) -> Balance {
    Balance {
        journaled: sheet.journaled,
        decoded: sheet.decoded,
        duplicate: sheet.duplicate,
        quarantined: sheet.quarantined,
        values_decoded: sheet.values_decoded,
        values_stored: sheet.values_stored,
        values_late: sheet.values_late,
        values_duplicate: sheet.values_duplicate,
        values_replaced: sheet.values_replaced,
        values_out_of_range: sheet.values_out_of_range,
        values_too_far_ahead: sheet.values_too_far_ahead,
        refused,
    }
}
