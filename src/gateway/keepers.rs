//! Starts what works beside the pipeline: the days' copies with their late findings, and the rules' versions.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use gengfu_ingest::Clock;
use gengfu_ingest::journal::{JournalHandle, ReadLimit, RealDisk};
use gengfu_model::Timestamp;

use crate::config::Config;
use crate::handle::Handle;
use crate::supervise::Supervisor;
use crate::trial::backtest::Source;
use crate::trial::jobs::Jobs;
use crate::trial::keeper::Keeper;
use crate::trial::{days, late};

use super::{StartError, ledger_reader};

/// Starts the thread that keeps a copy of each day's start, and looks for late findings of the day that has ended. It
/// ends when what it gives is dropped.
pub(super) fn start_days(
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
pub(super) fn start_versions(
    config: &Config,
    supervisor: &mut Supervisor,
    handle: &Arc<Handle>,
) -> Result<(), StartError> {
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
