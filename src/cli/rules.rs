//! `gengfu rules`: check drafts, put them to work, see what is live.

use std::path::PathBuf;

use gengfu_connectors::ledger::LedgerReader;
use gengfu_model::staff::Action;
use gengfu_rules::Pack;

use super::{ConfigArgument, Failure, give, leave, ledger_file, reach, say};
use crate::handle::diagnostic_json;
use crate::packs;

/// Rule packs.
#[derive(clap::Args)]
pub(super) struct Rules {
    #[command(subcommand)]
    command: RulesCommand,
}

#[derive(clap::Subcommand)]
enum RulesCommand {
    /// Check a folder of rule files; without a folder, the shipped library.
    Check {
        /// Folder of `.rhai` files.
        folder: Option<PathBuf>,
        /// Mistakes as JSON, one a line.
        #[arg(long)]
        json: bool,
    },
    /// Put a folder of rule files to work, as a whole; the pack that is live is replaced.
    Publish {
        /// Folder of `.rhai` files.
        folder: PathBuf,
        #[command(flatten)]
        config: ConfigArgument,
    },
    /// Run a draft over the archive and tell what it would have changed.
    Backtest(super::backtest::Backtest),
    /// Reports of backtests and shadows.
    Trials(super::backtest::Trials),
    /// The packs that were activated, newest last.
    List {
        #[command(flatten)]
        config: ConfigArgument,
    },
}

impl Rules {
    /// Runs the command.
    ///
    /// # Errors
    /// The rules' mistakes, or why the gateway cannot be asked.
    pub(super) fn run(&self) -> Result<(), Failure> {
        match &self.command {
            RulesCommand::Check { folder, json } => check(folder.as_ref(), *json),
            RulesCommand::Publish { folder, config } => publish(folder, config),
            RulesCommand::Backtest(command) => command.run(),
            RulesCommand::Trials(command) => command.run(),
            RulesCommand::List { config } => list(config),
        }
    }
}

fn check(folder: Option<&PathBuf>, json: bool) -> Result<(), Failure> {
    let files = folder.map_or_else(|| Ok(packs::shipped()), |folder| packs::read_folder(folder));
    let files = files.map_err(Failure::Failed)?;
    let (found, good) = match Pack::compile(&files) {
        Ok(pack) => {
            if !json {
                for rule in pack.rules() {
                    say(&format!("{}: {} ({}), keys {}", rule.file, rule.id, rule.kind, rule.keys.join(", ")));
                }
                say(&format!("pack {}: {} rules", pack.version(), pack.rules().len()));
            }
            (pack.warnings().to_vec(), true)
        }
        Err(mistakes) => (mistakes, false),
    };
    for diagnostic in &found {
        if json {
            give(&diagnostic_json(diagnostic).to_string());
        } else {
            say(&diagnostic.to_string());
        }
    }
    if good { Ok(()) } else { Err(Failure::Configuration(format!("{} mistakes", found.len()))) }
}

fn publish(folder: &std::path::Path, config: &ConfigArgument) -> Result<(), Failure> {
    let files = packs::read_folder(folder).map_err(Failure::Failed)?;
    let mut local = reach(&config.load()?)?;
    let verdict = local.act(Action::ActivatePack { files }).map_err(Failure::failed);
    leave(local);
    match verdict? {
        Ok(accepted) => {
            say(&format!("{} rule files are live", accepted.rows));
            Ok(())
        }
        Err(refusal) => Err(Failure::Configuration(refusal.message)),
    }
}

fn list(config: &ConfigArgument) -> Result<(), Failure> {
    let config = config.load()?;
    let reader = LedgerReader::open(&ledger_file(&config.data.folder)).map_err(Failure::failed)?;
    for pack in reader.packs().map_err(Failure::failed)? {
        give(&format!("{} {} {} files by {}", pack.id, pack.version, pack.files.len(), pack.by));
    }
    Ok(())
}
