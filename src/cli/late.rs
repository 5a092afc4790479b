//! `gengfu rules late`: what late readings would have raised, over any stretch; the gateway does it every night.

use std::sync::Arc;

use gengfu_dashboards::time_text::to_local_text;
use gengfu_ingest::journal::{FolderLock, ReadLimit, RealDisk};
use gengfu_ingest::{Clock, SystemClock};
use gengfu_model::finding::MAX_FINDINGS;
use gengfu_model::staff::Action;

use super::{ConfigArgument, Failure, city_zone, give, leave, reach, say};
use crate::trial::ask::moment;
use crate::trial::backtest::{Source, Unwatched};
use crate::trial::{late, priority};

/// Look for what late readings would have raised, had they come in time, and write it down.
#[derive(clap::Args)]
pub(super) struct Late {
    /// Readings that came from this moment on: a date, a time, `yesterday`, or `7d` for seven days ago.
    #[arg(long, default_value = "yesterday")]
    from: String,
    /// And before this one.
    #[arg(long, default_value = "now")]
    to: String,
    /// Only tell what is found.
    #[arg(long)]
    dry_run: bool,
    /// As JSON, one finding a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArgument,
}

impl Late {
    /// Runs the command.
    ///
    /// # Errors
    /// Why it cannot be done.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let config = self.config.load()?;
        let data = &config.data.folder;
        let zone = city_zone(&config)?;
        let at = |text: &str| moment(text, zone, SystemClock.now()).map_err(Failure::Usage);
        let (from, to) = (at(&self.from)?, at(&self.to)?);
        let disk = RealDisk::open(data.join("journal")).map_err(|error| Failure::Failed(error.to_string()))?;
        let is_running = FolderLock::acquire(data).is_err();
        let limit = if is_running { ReadLimit::Verified } else { ReadLimit::Everything };
        priority::lower();
        let source = Source { data, disk: Arc::new(disk), limit };
        let found = late::find(&source, from, to, &Unwatched).map_err(Failure::failed)?;
        for finding in &found.findings {
            if self.json {
                give(&serde_json::to_string(finding).map_err(Failure::failed)?);
            } else {
                let (rule, key, device, opened) = (&finding.rule, &finding.key, &finding.device, finding.opened);
                give(&format!(
                    "{} {rule}.{key} {device}: {} {}",
                    to_local_text(opened, zone),
                    finding.text_zh,
                    finding.text_en
                ));
            }
        }
        say(&format!("{} devices had late readings, {} findings", found.devices, found.findings.len()));
        if found.left_out > 0 {
            say(&format!("{} readings were too many to be looked at: take a shorter stretch", found.left_out));
        }
        if self.dry_run || found.findings.is_empty() {
            return Ok(());
        }
        let mut local = reach(&config)?;
        let mut written = Ok(());
        for findings in found.findings.chunks(MAX_FINDINGS) {
            let verdict = local.act(Action::RecordFindings { findings: findings.to_vec() });
            written = verdict
                .map_err(Failure::failed)
                .and_then(|verdict| verdict.map(drop).map_err(|refusal| Failure::Failed(refusal.message)));
            if written.is_err() {
                break;
            }
        }
        leave(local);
        written
    }
}
