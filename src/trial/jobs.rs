//! Backtests that the API asked for: each on a thread of its own, a few at a time, with progress, and cancelled
//! when somebody says so or the gateway stops.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use gengfu_ingest::journal::{ReadLimit, RealDisk, SyncedEnd};
use gengfu_model::{DeviceId, Refusal, Timestamp};
use serde_json::{Value, json};

use super::TrialError;
use super::ask::Ask;
use super::backtest::{self, Source, Watch};
use super::past::{self, Past};
use super::priority;
use super::report::Report;
use super::store::Store;

/// How many run at the same time.
const MAX_RUNNING: usize = 2;
/// How many that did not bring a report are remembered.
const MAX_REMEMBERED: usize = 50;

/// The backtests of a running gateway.
pub struct Jobs {
    data: PathBuf,
    synced: Arc<SyncedEnd>,
    store: Store,
    jobs: Mutex<BTreeMap<String, Arc<Job>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    stopping: AtomicBool,
    /// Held while the past is looked at.
    looking_back: Mutex<()>,
}

/// One backtest that runs, or ended without a report.
struct Job {
    by: String,
    asked: Timestamp,
    permille: AtomicU32,
    messages: AtomicU64,
    cancelled: AtomicBool,
    /// Why it ended, if it has.
    ended: Mutex<Option<String>>,
}

impl Watch for Job {
    fn progress(&self, share: f64, messages: u64) {
        self.permille.store((share.clamp(0.0, 1.0) * 1_000.0) as u32, Ordering::Relaxed);
        self.messages.store(messages, Ordering::Relaxed);
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

impl Job {
    fn is_running(&self) -> bool {
        locked(&self.ended).is_none()
    }

    fn view(&self, id: &str) -> Value {
        let ended = locked(&self.ended).clone();
        let state = match &ended {
            None => "running",
            Some(_) if self.is_cancelled() => "cancelled",
            Some(_) => "failed",
        };
        json!({
            "id": id, "sort": "backtest", "state": state, "by": self.by, "asked": self.asked,
            "progress": f64::from(self.permille.load(Ordering::Relaxed)) / 1_000.0,
            "messages": self.messages.load(Ordering::Relaxed), "error": ended,
        })
    }
}

/// Whatever else reads the archive for a gateway gives up when it stops.
impl Watch for Jobs {
    fn progress(&self, _: f64, _: u64) {}

    fn is_cancelled(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }
}

impl Jobs {
    /// The backtests of a gateway, whose journal may be read as far as `synced`.
    #[must_use]
    pub fn new(data: &Path, synced: Arc<SyncedEnd>) -> Jobs {
        Jobs {
            data: data.to_owned(),
            synced,
            store: Store::new(data),
            jobs: Mutex::default(),
            threads: Mutex::default(),
            stopping: AtomicBool::new(false),
            looking_back: Mutex::default(),
        }
    }

    /// Where reports are kept.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Begins a backtest and gives its view.
    ///
    /// # Errors
    /// `busy` when as many run as may; `unavailable` when the gateway stops.
    pub fn begin(self: &Arc<Self>, ask: Ask, by: &str, asked: Timestamp) -> Result<Value, Refusal> {
        let mut jobs = locked(&self.jobs);
        if self.stopping.load(Ordering::SeqCst) {
            return Err(Refusal::new("unavailable", "the gateway is stopping"));
        }
        if jobs.values().filter(|job| job.is_running()).count() >= MAX_RUNNING {
            let message = format!("{MAX_RUNNING} backtests are running already");
            return Err(Refusal::new("busy", message).hint("wait for one of them, or cancel it"));
        }
        let version = ask.files.as_ref().and_then(|files| gengfu_rules::Pack::compile(files).ok());
        let version = version.map(|pack| pack.version().to_string()).unwrap_or_default();
        let mut id = self.store.name(asked, &version);
        while jobs.contains_key(&id) {
            id.push('x');
        }
        let job = Arc::new(Job {
            by: by.to_owned(),
            asked,
            permille: AtomicU32::new(0),
            messages: AtomicU64::new(0),
            cancelled: AtomicBool::new(false),
            ended: Mutex::default(),
        });
        let (all, own, name) = (Arc::clone(self), Arc::clone(&job), id.clone());
        let body = move || {
            priority::lower();
            let result = all.work(&own, &ask, &name);
            *locked(&own.ended) = Some(match &result {
                Ok(()) => String::new(),
                Err(error) => error.to_string(),
            });
            if result.is_ok() {
                // From now on its report speaks for it.
                locked(&all.jobs).remove(&name);
            }
        };
        let thread = std::thread::Builder::new().name("gengfu-backtest".to_owned()).stack_size(8 << 20).spawn(body);
        let thread = thread.map_err(|error| Refusal::new("unavailable", format!("no thread is left: {error}")))?;
        let mut threads = locked(&self.threads);
        threads.retain(|thread| !thread.is_finished());
        threads.push(thread);
        let view = job.view(&id);
        jobs.insert(id, job);
        while jobs.len() > MAX_REMEMBERED {
            let Some(oldest) = jobs.iter().find(|(_, job)| !job.is_running()).map(|(id, _)| id.clone()) else { break };
            jobs.remove(&oldest);
        }
        Ok(view)
    }

    fn work(&self, job: &Job, ask: &Ask, id: &str) -> Result<(), TrialError> {
        let folder = self.data.join("journal");
        let disk = RealDisk::open(&folder).map_err(|error| TrialError::File(folder.display().to_string(), error))?;
        let limit = ReadLimit::Synced(Arc::clone(&self.synced));
        let source = Source { data: &self.data, disk: Arc::new(disk), limit };
        let mut report = backtest::run(&source, ask, job.asked, job)?;
        id.clone_into(&mut report.id);
        report.by.clone_from(&job.by);
        self.store.keep(&report)
    }

    /// What a rule made of a device at a moment that is over. Blocks; one at a time, since each reads up to a day of
    /// the archive.
    ///
    /// # Errors
    /// `busy` while another one is looked for; `invalid` where the archive does not reach back so far.
    pub fn past(&self, device: &DeviceId, rule: &str, at: Timestamp) -> Result<Past, Refusal> {
        let Ok(_turn) = self.looking_back.try_lock() else {
            let refusal = Refusal::new("busy", "another evaluation of the past is under way");
            return Err(refusal.hint("try again in some seconds"));
        };
        let folder = self.data.join("journal");
        let look = || -> Result<Past, TrialError> {
            let disk =
                RealDisk::open(&folder).map_err(|error| TrialError::File(folder.display().to_string(), error))?;
            let limit = ReadLimit::Synced(Arc::clone(&self.synced));
            past::why(&Source { data: &self.data, disk: Arc::new(disk), limit }, device, rule, at, self)
        };
        look().map_err(|error| match error {
            TrialError::NoStart { .. } | TrialError::Ask(_) => Refusal::new("invalid", error.to_string()).field("at"),
            error => Refusal::new("unavailable", error.to_string()),
        })
    }

    /// A backtest that runs or failed, or a report; `None`: there is none of that id.
    ///
    /// # Errors
    /// When a report cannot be read.
    pub fn view(&self, id: &str) -> Result<Option<Value>, TrialError> {
        // The report first: a job that has just ended is in both places for a moment.
        if let Some(report) = self.store.read(id)? {
            return Ok(Some(done(&report, true)));
        }
        Ok(locked(&self.jobs).get(id).map(|job| job.view(id)))
    }

    /// What runs or failed, and every report without its details, the newest first.
    ///
    /// # Errors
    /// When reports cannot be read.
    pub fn list(&self) -> Result<Vec<Value>, TrialError> {
        let mut views: BTreeMap<String, Value> =
            locked(&self.jobs).iter().map(|(id, job)| (id.clone(), job.view(id))).collect();
        let ids = self.store.ids().map_err(|error| TrialError::File("trials".to_owned(), error))?;
        for id in ids {
            if let Some(report) = self.store.read(&id)? {
                views.insert(id, done(&report, false));
            }
        }
        Ok(views.into_values().rev().collect())
    }

    /// Cancels a backtest that runs; whether there was one.
    pub fn cancel(&self, id: &str) -> bool {
        let jobs = locked(&self.jobs);
        let job = jobs.get(id).filter(|job| job.is_running());
        job.inspect(|job| job.cancelled.store(true, Ordering::Relaxed)).is_some()
    }

    /// Cancels everything and waits until it has ended.
    pub fn stop(&self) {
        {
            let jobs = locked(&self.jobs);
            self.stopping.store(true, Ordering::SeqCst);
            jobs.values().for_each(|job| job.cancelled.store(true, Ordering::Relaxed));
        }
        for thread in std::mem::take(&mut *locked(&self.threads)) {
            if thread.join().is_err() {
                tracing::error!("a backtest had panicked");
            }
        }
    }
}

/// A report as the API gives it.
fn done(report: &Report, whole: bool) -> Value {
    let mut view = json!({
        "id": report.id, "sort": report.sort, "state": "done", "by": report.by, "asked": report.asked,
        "progress": 1.0, "messages": report.counts.messages, "summary": report.summary(),
        "draft": report.draft, "live": report.live,
    });
    if whole && let Some(fields) = view.as_object_mut() {
        fields.insert("report".to_owned(), serde_json::to_value(report).unwrap_or_default());
    }
    view
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
