//! `gengfu journal inspect`: what is in the journal, and what it amounts to.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use gengfu_connectors::Ledger;
use gengfu_connectors::checkpoint::MemoryCheckpoints;
use gengfu_connectors::ledger::{LedgerOptions, MemoryLedger, SqliteLedger};
use gengfu_connectors::series::MemorySeries;
use gengfu_ingest::journal::inspect::{Filter, Style, print};
use gengfu_ingest::journal::{FolderLock, JournalReader, ReadLimit, RealDisk};
use gengfu_model::Seq;

use super::{ConfigArgument, Failure, ledger_file, say};
use crate::pipeline::recover::recover;

/// Look into the journal.
#[derive(clap::Args)]
pub(super) struct Journal {
    #[command(subcommand)]
    command: JournalCommand,
}

#[derive(clap::Subcommand)]
enum JournalCommand {
    /// Print records, or the ledger that they amount to.
    Inspect {
        #[command(flatten)]
        config: ConfigArgument,
        /// The first record to print.
        #[arg(long, default_value_t = 1)]
        from: u64,
        /// The last record to print.
        #[arg(long)]
        to: Option<u64>,
        /// Records as JSON, one a line.
        #[arg(long)]
        json: bool,
        /// Print the ledger instead, in a canonical form: equal journals give equal bytes.
        #[arg(long)]
        ledger: bool,
        /// With --ledger: replay the whole journal into an empty ledger in memory and print that one.
        #[arg(long, requires = "ledger")]
        replay: bool,
    },
}

impl Journal {
    /// Runs the command.
    ///
    /// # Errors
    /// When the data folder cannot be read.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let JournalCommand::Inspect { config, from, to, json, ledger, replay } = &self.command;
        let config = config.load()?;
        let data = config.data.folder;
        let options = config.journal.ledger_options();
        let mut output = BufWriter::new(std::io::stdout().lock());
        match (ledger, replay) {
            (false, _) => print_records(&data, Seq(*from), to.map(Seq), *json, &mut output)?,
            (true, false) => {
                let ledger = SqliteLedger::open_with(&ledger_file(&data), options).map_err(Failure::failed)?;
                ledger.dump(&mut output).map_err(Failure::failed)?;
            }
            (true, true) => replay_ledger(&data, options)?.dump(&mut output).map_err(Failure::failed)?,
        }
        output.flush().map_err(Failure::failed)
    }
}

/// The folder of the journal's files within a data folder.
pub(super) fn open_disk(data: &Path) -> Result<Arc<RealDisk>, Failure> {
    RealDisk::open(data.join("journal")).map(Arc::new).map_err(Failure::failed)
}

/// How far a reader may go: to the end if nobody writes, else as far as the files prove.
pub(super) fn limit(data: &Path) -> (ReadLimit, Option<FolderLock>) {
    match FolderLock::acquire(data) {
        Ok(lock) => (ReadLimit::Everything, Some(lock)),
        Err(_) => {
            say("a gateway is running: the newest commit may be left out");
            (ReadLimit::Verified, None)
        }
    }
}

fn print_records(data: &Path, from: Seq, to: Option<Seq>, json: bool, output: &mut dyn Write) -> Result<(), Failure> {
    let (limit, _lock) = limit(data);
    let mut reader = JournalReader::open(open_disk(data)?, from, limit).map_err(Failure::failed)?;
    let filter = Filter { from, to: to.unwrap_or(Seq(u64::MAX)), ..Filter::default() };
    let style = if json { Style::Json } else { Style::Text };
    print(&mut reader, &filter, style, output).map_err(Failure::failed)?;
    Ok(())
}

fn replay_ledger(data: &Path, options: LedgerOptions) -> Result<MemoryLedger, Failure> {
    let (limit, _lock) = limit(data);
    let disk = open_disk(data)?;
    let mut ledger = MemoryLedger::keeping_messages(options.keep_messages_ms);
    let open = |after: Seq| {
        let mut reader = JournalReader::open(disk, after.next(), limit).map_err(|error| error.to_string())?;
        Ok(std::iter::from_fn(move || reader.next_batch().map_err(|error| error.to_string()).transpose()))
    };
    recover(&mut ledger, &MemoryCheckpoints::default(), &mut MemorySeries::default(), Seq(u64::MAX), open)
        .map_err(Failure::failed)?;
    Ok(ledger)
}
