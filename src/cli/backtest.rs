//! `gengfu rules backtest` and `trials`: a draft over the archive, in a process of its own.
//!
//! Nothing is asked of a running gateway: its files are opened for reading, so it is not disturbed.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gengfu_dashboards::time_text::to_local_text;
use gengfu_ingest::journal::{FolderLock, ReadLimit, RealDisk};
use gengfu_ingest::{Clock, SystemClock};

use super::{ConfigArgument, Failure, city_zone, give, say};
use crate::local::LOCAL_USER;
use crate::packs;
use crate::trial::ask::{Against, Ask, DEFAULT_EXAMPLES, MAX_EXAMPLES, Sweep, moment};
use crate::trial::backtest::{self, Source, Watch};
use crate::trial::store::Store;
use crate::trial::{TrialError, priority};

/// Run a draft over the archive and tell what it would have changed.
#[derive(clap::Args)]
pub(super) struct Backtest {
    /// Folder of `.rhai` files; without it, the pack that is live.
    folder: Option<PathBuf>,
    /// The first moment: a date, a time, `yesterday`, or `7d` for seven days ago.
    #[arg(long, default_value = "1d")]
    from: String,
    /// The first moment after the stretch.
    #[arg(long, default_value = "now")]
    to: String,
    /// Try a parameter with several values: RULE.NAME=FIRST:LAST:STEP or RULE.NAME=A,B,C.
    #[arg(long, value_name = "SWEEP")]
    sweep: Option<String>,
    /// Compare with what was live at each moment, not with the pack that is live now.
    #[arg(long)]
    history: bool,
    /// Examples of each sort of change.
    #[arg(long, default_value_t = DEFAULT_EXAMPLES)]
    examples: usize,
    /// The whole report as JSON on standard output.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArgument,
}

impl Backtest {
    /// Runs the command.
    ///
    /// # Errors
    /// Why it cannot be done.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let config = self.config.load()?;
        let data = &config.data.folder;
        let now = SystemClock.now();
        let zone = city_zone(&config)?;
        let at = |text: &str| moment(text, zone, now).map_err(Failure::Usage);
        let ask = Ask {
            files: self.folder.as_deref().map(packs::read_folder).transpose().map_err(Failure::Failed)?,
            from: at(&self.from)?,
            to: at(&self.to)?,
            sweep: self.sweep.as_deref().map(Sweep::parse).transpose().map_err(Failure::Usage)?,
            against: if self.history { Against::History } else { Against::Live },
            examples: self.examples.min(MAX_EXAMPLES),
        };
        let disk = RealDisk::open(data.join("journal")).map_err(|error| Failure::Failed(error.to_string()))?;
        let is_running = FolderLock::acquire(data).is_err();
        let limit = if is_running { ReadLimit::Verified } else { ReadLimit::Everything };
        let source = Source { data, disk: Arc::new(disk), limit };
        priority::lower();
        let mut report = backtest::run(&source, &ask, now, &Told::default()).map_err(failure)?;
        let store = Store::new(data);
        report.id = store.name(now, &report.draft);
        LOCAL_USER.clone_into(&mut report.by);
        store.keep(&report).map_err(failure)?;
        if self.json {
            give(&serde_json::to_string(&report).map_err(Failure::failed)?);
        } else {
            give(report.text(zone).trim_end());
        }
        Ok(())
    }
}

/// The reports that are kept, newest last; or one of them.
#[derive(clap::Args)]
pub(super) struct Trials {
    /// The report to show.
    id: Option<String>,
    /// As JSON, one report a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArgument,
}

impl Trials {
    /// Runs the command.
    ///
    /// # Errors
    /// When the reports cannot be read.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let config = self.config.load()?;
        let (store, zone) = (Store::new(&config.data.folder), city_zone(&config)?);
        let ids = match &self.id {
            Some(id) => vec![id.clone()],
            None => store.ids().map_err(Failure::failed)?,
        };
        for id in ids {
            let found = store.read(&id).map_err(failure)?;
            let report = found.ok_or_else(|| Failure::Failed(format!("there is no report `{id}`")))?;
            if self.json {
                give(&serde_json::to_string(&report).map_err(Failure::failed)?);
            } else if self.id.is_some() {
                give(report.text(zone).trim_end());
            } else {
                let (asked, summary) = (to_local_text(report.asked, zone), report.summary());
                give(&format!("{id} {} {asked} by {} pack {}: {summary}", report.sort, report.by, report.draft));
            }
        }
        Ok(())
    }
}

fn failure(error: TrialError) -> Failure {
    match error {
        TrialError::Draft(error) => Failure::Configuration(error.to_string()),
        TrialError::Ask(message) => Failure::Usage(message),
        error => Failure::failed(error),
    }
}

/// Tells people how far it is, every two seconds.
struct Told {
    begun: Instant,
    told: AtomicU64,
}

impl Default for Told {
    fn default() -> Self {
        Told { begun: Instant::now(), told: AtomicU64::new(0) }
    }
}

impl Watch for Told {
    fn progress(&self, share: f64, messages: u64) {
        const EVERY: Duration = Duration::from_secs(2);
        let turn = self.begun.elapsed().as_secs() / EVERY.as_secs();
        if self.told.swap(turn, Ordering::Relaxed) < turn {
            say(&format!("{:.0} %, {messages} messages", share * 100.0));
        }
    }

    fn is_cancelled(&self) -> bool {
        false
    }
}
