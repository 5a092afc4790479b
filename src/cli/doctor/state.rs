//! Journal, positions, clock, the live rules, and the two sheets.
//!
//! Of a stopped gateway the sheets are those of a recovery in memory, which is also the proof that it
//! would start; a running one is asked.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use gengfu_cases::Profile;
use gengfu_connectors::series::MemorySeries;
use gengfu_connectors::{CheckpointStore, Ledger, LedgerError, LedgerReader, LedgerState, SqliteCheckpoints};
use gengfu_dashboards::gateway::Balance;
use gengfu_ingest::journal::check::{Report, check};
use gengfu_ingest::journal::start::MAX_AWAY_MS;
use gengfu_ingest::journal::{JournalReader, ReadLimit, RealDisk};
use gengfu_ingest::{Clock, SystemClock};
use gengfu_model::{Effect, EffectId, Seq, Timestamp};
use gengfu_rules::Pack;

use super::Findings;
use crate::handle::balance_of;
use crate::local::{LocalClient, Question, Reply};
use crate::pipeline::recover::recover;

pub(super) fn look(data: &Path, running: bool, found: &mut Findings) {
    // Read before the journal, which only grows: so neither can be ahead of it by running on.
    let stores = Stores::open(data);
    if let Err(error) = &stores {
        found.wrong("positions", error.clone());
    }
    let disk = match RealDisk::open(data.join("journal")) {
        Ok(disk) => Arc::new(disk),
        Err(error) => return found.wrong("journal", format!("{}: {error}", data.join("journal").display())),
    };
    let report = match check(disk.as_ref(), running) {
        Ok(report) => report,
        Err(error) => return found.wrong("journal", error.to_string()),
    };
    look_at_journal(&report, found);
    look_at_clock(&report, found);
    let Ok(stores) = stores else { return };
    look_at_positions(&stores, &report, found);
    look_at_live_rules(&stores.ledger, found);
    if running {
        ask_for_sheets(data, found);
    } else if report.problems.is_empty() {
        recover_in_memory(stores, &disk, report.last, found);
    }
}

/// The stores, opened for reading, and how far they are.
struct Stores {
    ledger: LedgerReader,
    ledger_at: Seq,
    checkpoints: SqliteCheckpoints,
    checkpoint_at: Seq,
}

impl Stores {
    fn open(data: &Path) -> Result<Stores, String> {
        let text = |error: LedgerError| error.to_string();
        // The checkpoint first: read later, a running gateway could have moved it past the ledger's position.
        let checkpoints = SqliteCheckpoints::open_reader(&data.join("checkpoint.db")).map_err(text)?;
        let checkpoint_at = checkpoints.position().map_err(text)?.map_or(Seq(0), |(position, _)| position);
        let ledger = LedgerReader::open(&data.join("ledger.db")).map_err(text)?;
        let (ledger_at, _) = ledger.position().map_err(text)?;
        Ok(Stores { ledger, ledger_at, checkpoints, checkpoint_at })
    }
}

fn look_at_journal(report: &Report, found: &mut Findings) {
    for problem in &report.problems {
        found.wrong("journal", problem.to_string());
    }
    if let Some((file, offset)) = &report.torn {
        let told = "the next start cuts it off; nothing of it was acknowledged";
        found.warn("journal", format!("`{file}` has a torn end at byte {offset}: {told}"));
    }
    let first = report.first.unwrap_or_default();
    let told = format!("{} files, {} commits, {} records", report.files, report.frames, report.records);
    found.good("journal", format!("{told} read, from {first} to {}", report.last));
}

fn look_at_clock(report: &Report, found: &mut Findings) {
    let Some(last) = report.last_time else { return };
    let away_ms = SystemClock.now().since_ms(last);
    if away_ms < 0 {
        found.wrong("clock", format!("it is {} ms behind the journal's last record: set the clock", -away_ms));
    } else if away_ms > MAX_AWAY_MS {
        let days = away_ms / gengfu_model::time::DAY_MS;
        found.wrong("clock", format!("it is {days} days ahead of the journal's last record: is it set right?"));
    } else {
        found.good("clock", format!("{} s after the journal's last record", away_ms / 1_000));
    }
}

fn look_at_positions(stores: &Stores, report: &Report, found: &mut Findings) {
    let Stores { ledger_at, checkpoint_at, .. } = stores;
    let told = format!("checkpoint at {checkpoint_at}, ledger at {ledger_at}, journal at {}", report.last);
    if checkpoint_at > ledger_at {
        found.wrong("positions", format!("{told}: the checkpoint is ahead of the ledger; restore a backup"));
    } else if *ledger_at > report.last {
        found.wrong("positions", format!("{told}: journal files are missing; put them back, or restore a backup"));
    } else if report.first.is_some_and(|first| first > checkpoint_at.next()) {
        found.wrong("positions", format!("{told}: the records after the checkpoint are not there any more"));
    } else {
        found.good("positions", told);
    }
}

/// The pack and the profile that are live, with the rule language of this program.
fn look_at_live_rules(ledger: &LedgerReader, found: &mut Findings) {
    match ledger.packs().map(|packs| packs.into_iter().next_back()) {
        Ok(Some(live)) => match Pack::compile(&live.files) {
            Ok(pack) => {
                found.good("rules", format!("the live pack {} compiles: {} rules", live.version, pack.rules().len()));
            }
            Err(mistakes) => {
                let mistakes: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
                found.wrong("rules", format!("the live pack does not compile:\n{}", mistakes.join("\n")));
            }
        },
        Ok(None) => found.warn("rules", "no pack is live yet"),
        Err(error) => found.wrong("rules", error.to_string()),
    }
    if let Ok(Some(profile)) = ledger.profile()
        && let Err(mistakes) = Profile::parse(&profile)
    {
        let mistakes: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        found.wrong("profile", format!("the live city profile cannot be read:\n{}", mistakes.join("\n")));
    }
}

fn ask_for_sheets(data: &Path, found: &mut Findings) {
    let asked = LocalClient::connect(data).and_then(|client| match client {
        Some(mut client) => client.ask(&Question::Balance).map(Some),
        None => Ok(None),
    });
    match asked {
        Ok(Some(Reply::Balance(balance))) => look_at_sheets(&balance, found),
        Ok(Some(other)) => found.wrong("sheets", format!("unexpected answer of the gateway: {other:?}")),
        Ok(None) => found.warn("sheets", "the gateway does not answer yet: it starts, stops, or serves a command"),
        Err(error) => found.wrong("sheets", format!("the gateway cannot be asked: {error}")),
    }
}

fn look_at_sheets(balance: &Balance, found: &mut Findings) {
    let Balance { journaled, decoded, duplicate, quarantined, values_decoded, .. } = balance;
    let messages = decoded + duplicate + quarantined;
    let values = balance.values_stored
        + balance.values_late
        + balance.values_duplicate
        + balance.values_replaced
        + balance.values_out_of_range
        + balance.values_too_far_ahead;
    if *journaled == messages && *values_decoded == values {
        found.good("sheets", format!("{journaled} messages and {values_decoded} values add up"));
    } else {
        let told = format!("{journaled} messages against {messages}, {values_decoded} values against {values}");
        found.wrong("sheets", format!("they do not add up: {told}; this is a mistake of the program"));
    }
}

fn recover_in_memory(stores: Stores, disk: &Arc<RealDisk>, end: Seq, found: &mut Findings) {
    let disk = Arc::clone(disk);
    let open = |after: Seq| {
        let mut reader =
            JournalReader::open(disk, after.next(), ReadLimit::Seq(end)).map_err(|error| error.to_string())?;
        Ok(std::iter::from_fn(move || reader.next_batch().map_err(|error| error.to_string()).transpose()))
    };
    let mut ledger = Looking(stores.ledger);
    match recover(&mut ledger, &stores.checkpoints, &mut MemorySeries::default(), end, open) {
        Ok((engine, report)) => {
            found.good(
                "recovery",
                format!("a start replays {} records for {} devices", report.replayed, report.devices),
            );
            let (sheet, refused) = engine.balance();
            look_at_sheets(&balance_of(&sheet, refused), found);
        }
        Err(error) => found.wrong("recovery", error.to_string()),
    }
}

/// A ledger that recovery reads, and whose commits go nowhere: the folder is only looked at.
struct Looking(LedgerReader);

impl Ledger for Looking {
    fn commit(&mut self, _: &[(EffectId, Effect)], _: Seq, _: Timestamp) -> Result<(), LedgerError> {
        Ok(())
    }

    fn load(&self) -> Result<LedgerState, LedgerError> {
        self.0.state()
    }

    /// Nothing was committed here, so there is nothing to dump.
    fn dump(&self, _: &mut dyn Write) -> Result<(), LedgerError> {
        Ok(())
    }
}
