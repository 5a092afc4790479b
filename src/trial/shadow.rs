//! A shadow: a draft beside the live rules, over the records as they come, without side effects.
//!
//! It begins with a copy of the live state's files and follows the journal with a reader of its own, as a backtest
//! whose end moves on. The live line hands it nothing and never waits for it: what a shadow costs is its thread,
//! which has a low priority. One that falls too far behind drops out and says so.
//!
//! Which draft is in the shadow is a row of the ledger, put there by a journaled request. After a restart the
//! shadow begins anew, with new counts, and says that too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gengfu_connectors::files;
use gengfu_connectors::ledger::ShadowRow;
use gengfu_ingest::Clock;
use gengfu_ingest::journal::{JournalReader, ReadLimit, RealDisk, SyncedEnd};
use gengfu_model::{Seq, Timestamp};
use gengfu_rules::trial::{Draft, Stretch, Trial};
use serde_json::{Value, json};

use super::ask::{Against, DEFAULT_EXAMPLES};
use super::backtest::decode_and_apply;
use super::jobs::locked;
use super::report::{Heading, Report};
use super::start::{Start, Started};
use super::store::Store;
use super::{TrialError, priority};

/// A shadow that is so many records behind the journal, once it had caught up, drops out.
pub const MAX_LAG_RECORDS: u64 = 2_000_000;
/// It has caught up when it is no further behind than this.
const CAUGHT_UP_RECORDS: u64 = 1_000;
/// How long it waits for new records before it looks again.
const POLL: Duration = Duration::from_millis(20);
/// How long whoever asks waits for a report.
const ANSWER: Duration = Duration::from_secs(5);

/// The place of the one shadow of a gateway.
pub struct Shadows {
    data: PathBuf,
    synced: Arc<SyncedEnd>,
    clock: Arc<dyn Clock>,
    store: Store,
    running: Mutex<Option<(Arc<Shadow>, JoinHandle<()>)>>,
}

/// A shadow that runs, or ended by itself.
struct Shadow {
    row: ShadowRow,
    /// It began anew at a start of the gateway.
    anew: bool,
    stop: AtomicBool,
    wanted: AtomicBool,
    told: Mutex<Told>,
    news: Condvar,
}

#[derive(Default)]
struct Told {
    state: &'static str,
    note: String,
    behind: u64,
    report: Option<Report>,
    /// Counts the reports, so that one asked for is known from one before.
    turn: u64,
}

impl Shadows {
    /// The shadow's place in a gateway, with none in it.
    #[must_use]
    pub fn new(data: &Path, synced: Arc<SyncedEnd>, clock: Arc<dyn Clock>) -> Shadows {
        Shadows { data: data.to_owned(), synced, clock, store: Store::new(data), running: Mutex::default() }
    }

    /// Puts into the shadow what the ledger says, a draft or none, unless it is in it already. `anew`: at a start
    /// of the gateway.
    pub fn follow_ledger(self: &Arc<Self>, row: Option<ShadowRow>, anew: bool) {
        let running = locked(&self.running).as_ref().map(|(shadow, _)| shadow.row.id);
        if running == row.as_ref().map(|row| row.id) {
            return;
        }
        self.end();
        let Some(row) = row else { return };
        let shadow = Arc::new(Shadow {
            row,
            anew,
            stop: AtomicBool::new(false),
            wanted: AtomicBool::new(false),
            told: Mutex::new(Told { state: "starting", ..Told::default() }),
            news: Condvar::new(),
        });
        let (place, own) = (Arc::clone(self), Arc::clone(&shadow));
        let body = move || {
            priority::lower();
            let ended = place.follow(&own);
            let mut told = locked(&own.told);
            match ended {
                Ok(()) => {}
                Err(Ended::Behind(records)) => {
                    told.state = "dropped_out";
                    told.note =
                        format!("it fell {records} records behind the journal, and stopped so as to harm nobody");
                    tracing::warn!(behind = records, "the shadow dropped out");
                }
                Err(Ended::Failed(error)) => {
                    told.state = "failed";
                    told.note = error.to_string();
                    tracing::warn!(%error, "the shadow failed");
                }
            }
            own.news.notify_all();
        };
        match std::thread::Builder::new().name("gengfu-shadow".to_owned()).stack_size(8 << 20).spawn(body) {
            Ok(thread) => *locked(&self.running) = Some((shadow, thread)),
            Err(error) => tracing::warn!(%error, "no thread is left for the shadow"),
        }
    }

    /// Ends the shadow and keeps its last report; gives the report's id.
    pub fn end(&self) -> Option<String> {
        let (shadow, thread) = locked(&self.running).take()?;
        shadow.stop.store(true, Ordering::SeqCst);
        if thread.join().is_err() {
            tracing::error!("the shadow had panicked");
        }
        let mut report = locked(&shadow.told).report.take()?;
        report.id = self.store.name(self.clock.now(), &report.draft);
        report.by = shadow.row.by.to_string();
        match self.store.keep(&report) {
            Ok(()) => Some(report.id),
            Err(error) => {
                tracing::warn!(%error, "the shadow's report cannot be kept");
                None
            }
        }
    }

    /// What the shadow has found by now; `None`: there is none. Waits some seconds at most.
    #[must_use]
    pub fn view(&self) -> Option<Value> {
        let shadow = locked(&self.running).as_ref().map(|(shadow, _)| Arc::clone(shadow))?;
        let mut told = locked(&shadow.told);
        let turn = told.turn;
        shadow.wanted.store(true, Ordering::SeqCst);
        let until = Instant::now() + ANSWER;
        while told.state == "running" && told.turn == turn {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            told = match shadow.news.wait_timeout(told, left) {
                Ok((told, _)) => told,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        Some(json!({
            "version": shadow.row.version, "by": shadow.row.by, "reason": shadow.row.reason, "since": shadow.row.time,
            "state": told.state, "note": told.note, "anew": shadow.anew, "behind": told.behind,
            "summary": told.report.as_ref().map(Report::summary), "report": told.report,
        }))
    }

    fn follow(&self, shadow: &Shadow) -> Result<(), Ended> {
        let started = self.copy_state()?;
        let Started { engine, after, whole } = started;
        let folder = self.data.join("journal");
        let disk = RealDisk::open(&folder).map_err(|error| TrialError::File(folder.display().to_string(), error))?;
        let limit = ReadLimit::Synced(Arc::clone(&self.synced));
        let mut reader = JournalReader::open(Arc::new(disk), after.next(), limit).map_err(TrialError::from)?;
        let mut trial = Trial::new(engine, Stretch { from: Timestamp(i64::MAX), to: Timestamp(i64::MAX) });
        let (mut busy_ns, begun) = (0, Instant::now());
        locked(&shadow.told).state = "catching_up";
        while !shadow.stop.load(Ordering::SeqCst) {
            let batch = reader.next_batch().map_err(TrialError::from)?;
            let behind = self.synced.get().0.saturating_sub(reader.position().0.saturating_sub(1));
            if trial.drafts().is_empty() {
                if behind <= CAUGHT_UP_RECORDS && Seq(reader.position().0 - 1) >= whole {
                    if let Some(records) = &batch {
                        decode_and_apply(&mut trial, records, &mut busy_ns);
                    }
                    self.fork(shadow, &mut trial, reader.position())?;
                    busy_ns = 0;
                    locked(&shadow.told).state = "running";
                    continue;
                }
            } else if behind > MAX_LAG_RECORDS {
                return Err(Ended::Behind(behind));
            }
            match batch {
                Some(records) => decode_and_apply(&mut trial, &records, &mut busy_ns),
                None => std::thread::park_timeout(POLL),
            }
            locked(&shadow.told).behind = behind;
            if !trial.drafts().is_empty() && shadow.wanted.swap(false, Ordering::SeqCst) {
                self.tell(shadow, &mut trial, busy_ns, begun);
            }
        }
        if !trial.drafts().is_empty() {
            self.tell(shadow, &mut trial, busy_ns, begun);
        }
        Ok(())
    }

    /// The live state by a copy of its files, which is gone again when the engine stands.
    fn copy_state(&self) -> Result<Started, TrialError> {
        let folder = self.data.join("run").join("shadow");
        let failed = |error| TrialError::File(folder.display().to_string(), error);
        let clean = || match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(()),
        };
        clean()?;
        std::fs::create_dir_all(&folder).map_err(failed)?;
        let copy = |name: &str| files::copy(&self.data.join(name), &folder.join(name));
        // Device rows must not be ahead of the ledger: the checkpoint first.
        let started = copy("checkpoint.db")
            .and_then(|()| copy("ledger.db"))
            .map_err(TrialError::from)
            .and_then(|()| Start::Now(folder.clone()).open());
        clean()?;
        started
    }

    fn fork(&self, shadow: &Shadow, trial: &mut Trial, next: Seq) -> Result<(), TrialError> {
        let from = trial.engine().now();
        trial.set_stretch(Stretch { from, to: Timestamp(i64::MAX) });
        let files: BTreeMap<String, String> = shadow.row.files.as_ref().clone();
        trial.fork(next, &Draft { name: "shadow".to_owned(), files, parameters: Vec::new() })?;
        Ok(())
    }

    fn tell(&self, shadow: &Shadow, trial: &mut Trial, busy_ns: u64, begun: Instant) {
        let now = trial.engine().now();
        let stretch = trial.stretch();
        trial.set_stretch(Stretch { to: now.plus_ms(1), ..stretch });
        let heading = Heading {
            sort: "shadow",
            asked: self.clock.now(),
            against: Against::History,
            start: Start::Now(PathBuf::new()).describe(),
            sweep: None,
            examples: DEFAULT_EXAMPLES,
            busy_ns,
            elapsed_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        };
        let report = Report::of(trial, heading);
        trial.set_stretch(stretch);
        let mut told = locked(&shadow.told);
        told.report = Some(report);
        told.turn += 1;
        shadow.news.notify_all();
    }
}

/// Why a shadow ended by itself.
enum Ended {
    Behind(u64),
    Failed(TrialError),
}

impl From<TrialError> for Ended {
    fn from(error: TrialError) -> Ended {
        Ended::Failed(error)
    }
}
