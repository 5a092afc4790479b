//! `gengfu rules`: check drafts, put them to work, see what is live.

use std::path::PathBuf;

use gengfu_rules::Pack;

use super::{Failure, give, say};
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
    Publish(super::versions::Publish),
    /// Put an earlier pack back to work.
    Rollback(super::versions::Rollback),
    /// A draft in the shadow of the live pack.
    Shadow(super::versions::Shadow),
    /// What differs between two versions.
    Diff(super::versions::Diff),
    /// Run a draft over the archive and tell what it would have changed.
    Backtest(super::backtest::Backtest),
    /// Look for what late readings would have raised, and write it down.
    Late(super::late::Late),
    /// Reports of backtests and shadows.
    Trials(super::backtest::Trials),
    /// The packs that were activated, newest last.
    List(super::versions::List),
}

impl Rules {
    /// Runs the command.
    ///
    /// # Errors
    /// The rules' mistakes, or why the gateway cannot be asked.
    pub(super) fn run(&self) -> Result<(), Failure> {
        match &self.command {
            RulesCommand::Check { folder, json } => check(folder.as_ref(), *json),
            RulesCommand::Publish(command) => command.run(),
            RulesCommand::Rollback(command) => command.run(),
            RulesCommand::Shadow(command) => command.run(),
            RulesCommand::Diff(command) => command.run(),
            RulesCommand::Backtest(command) => command.run(),
            RulesCommand::Late(command) => command.run(),
            RulesCommand::Trials(command) => command.run(),
            RulesCommand::List(command) => command.run(),
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
