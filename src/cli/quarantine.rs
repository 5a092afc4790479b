//! `gengfu quarantine`: what could not be decoded, and decoding it again.

use std::collections::BTreeSet;

use gengfu_connectors::ledger::{DispositionFilter, LedgerReader, Page};
use gengfu_dashboards::quarantine::{self, TriedView, Wanted};
use gengfu_model::{DeviceId, Seq};

use super::{ConfigArgument, Failure, give, leave, ledger_file, reach, say};
use crate::local::Local;

/// How many rows are read from the ledger at once.
const PAGE: usize = 500;

/// Messages that could not be decoded.
#[derive(clap::Args)]
pub(super) struct Quarantine {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(subcommand)]
    command: QuarantineCommand,
}

#[derive(clap::Subcommand)]
enum QuarantineCommand {
    /// What waits in quarantine, the newest first: record, device, reason, bytes.
    List {
        /// Of this device only.
        #[arg(long)]
        device: Option<String>,
        /// As JSON, one a line.
        #[arg(long)]
        json: bool,
    },
    /// Decode what waits again, with the codecs of this program and the register's models of today.
    Redecode {
        /// Records, as `list` shows them; without any, all that wait.
        records: Vec<u64>,
        /// Of this device only.
        #[arg(long)]
        device: Option<String>,
        /// What came of each as JSON, one a line.
        #[arg(long)]
        json: bool,
    },
}

impl Quarantine {
    /// Runs the command.
    ///
    /// # Errors
    /// Why the gateway or its ledger cannot be reached.
    pub(super) fn run(&self) -> Result<(), Failure> {
        match &self.command {
            QuarantineCommand::List { device, json } => self.list(id_of(device.as_deref())?, *json),
            QuarantineCommand::Redecode { records, device, json } => {
                let records = records.iter().copied().map(Seq).collect();
                self.redecode(Wanted { day: None, device: id_of(device.as_deref())?, records }, *json)
            }
        }
    }

    fn list(&self, device: Option<DeviceId>, json: bool) -> Result<(), Failure> {
        let ledger = self.ledger()?;
        let filter = DispositionFilter { device, waits: true, ..DispositionFilter::default() };
        let mut page = Page { limit: PAGE, cursor: None };
        loop {
            let listed = ledger.dispositions(&filter, &page).map_err(Failure::failed)?;
            for row in listed.items {
                let bytes = row.payload.as_ref().map_or(0, |payload| payload.len());
                give(&if json {
                    let (seq, device, time) = (row.seq.0, row.device.as_str(), row.time.as_millis());
                    serde_json::json!({ "seq": seq, "device": device, "time": time, "detail": row.detail, "bytes": bytes })
                        .to_string()
                } else {
                    format!("{} {} {bytes} bytes: {}", row.seq, row.device, row.detail)
                });
            }
            if listed.next.is_none() {
                return Ok(());
            }
            page.cursor = listed.next;
        }
    }

    fn redecode(&self, wanted: Wanted, json: bool) -> Result<(), Failure> {
        if wanted.records.len() > quarantine::MAX_MESSAGES {
            return Err(Failure::Usage(format!("at most {} records at once", quarantine::MAX_MESSAGES)));
        }
        let mut local = reach(&self.config.load()?)?;
        let tried = self.try_all(&wanted, &mut local);
        leave(local);
        let tried = tried?;
        for item in &tried {
            give(&if json {
                serde_json::to_string(item).map_err(Failure::failed)?
            } else {
                let left = if item.left.is_empty() { String::new() } else { format!("; {}", item.left.join("; ")) };
                format!("{} {}: {} values{left}", item.seq, item.device, item.values)
            });
        }
        let decoded = tried.iter().filter(|item| item.decoded).count();
        say(&format!("{decoded} of {} messages decoded", tried.len()));
        Ok(())
    }

    /// Goes on until nothing waits that was not tried in this run.
    fn try_all(&self, wanted: &Wanted, local: &mut Local) -> Result<Vec<TriedView>, Failure> {
        let ledger = self.ledger()?;
        let mut tried: Vec<TriedView> = Vec::new();
        let mut seen = BTreeSet::new();
        loop {
            let (waiting, more) = quarantine::find(&ledger, wanted).map_err(Failure::failed)?;
            let mut decoded = 0;
            for message in waiting.into_iter().filter(|message| seen.insert(message.seq)) {
                let verdict = message.request().map(|action| local.act(action)).transpose().map_err(Failure::failed)?;
                let item = message.tried(verdict);
                decoded += usize::from(item.decoded);
                tried.push(item);
            }
            // What stays in quarantine is found again: without progress it is all that is found.
            if !more || decoded == 0 {
                return Ok(tried);
            }
        }
    }

    fn ledger(&self) -> Result<LedgerReader, Failure> {
        let config = self.config.load()?;
        LedgerReader::open(&ledger_file(&config.data.folder)).map_err(Failure::failed)
    }
}

fn id_of(device: Option<&str>) -> Result<Option<DeviceId>, Failure> {
    let id = device.map(DeviceId::new).transpose();
    id.map_err(|error| Failure::Usage(format!("device: {error}")))
}
