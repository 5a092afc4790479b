//! `gengfu rules`: check drafts, put them to work, see what is live.

use std::collections::BTreeMap;
use std::path::PathBuf;

use gengfu_connectors::ledger::LedgerReader;
use gengfu_model::EffectId;
use gengfu_model::staff::Action;
use gengfu_rules::Pack;

use super::{ConfigArgument, Failure, give, leave, ledger_file, reach, say};
use crate::handle::{diagnostic_json, replay_with, tier_json};
use crate::packs;

/// Rule packs.
#[derive(clap::Args)]
pub(super) struct Rules {
    #[command(subcommand)]
    command: RulesCommand,
}

#[derive(clap::Subcommand)]
enum RulesCommand {
    /// Write a first rule to change, with its tests.
    New(super::rules_new::New),
    /// Check a folder of rule files; without a folder, the shipped library.
    Check {
        /// Folder of `.rhai` files.
        folder: Option<PathBuf>,
        /// Rules with their tier, and mistakes, as JSON, one a line.
        #[arg(long)]
        json: bool,
    },
    /// Run the tests in and beside the rules, on a simulated clock.
    Test(super::rules_test::Test),
    /// Make a test of an incident, or of one that was missed.
    Pin(super::rules_pin::PinCommand),
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
    /// What decided an incident, change by change, and whether it evaluates again to the same values.
    Explain {
        /// The incident's id.
        incident: EffectId,
        #[command(flatten)]
        config: ConfigArgument,
    },
    /// Why a rule says what it says of a device, or does not: every sub-expression with its value. With `--at`,
    /// as of a moment that is over, with the rules and parameters of that time.
    Why {
        /// The device's id.
        #[arg(long)]
        device: String,
        /// The rule's id.
        #[arg(long)]
        rule: String,
        /// A moment that is over: 2026-11-27T08:00:00+08:00, yesterday, 3h, 7d.
        #[arg(long)]
        at: Option<String>,
        /// As JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        config: ConfigArgument,
    },
    /// A rule's parameters: what is declared, what is set where, and what a device gets.
    #[command(subcommand)]
    Params(super::params::Params),
    /// What each rule costs and brings: evaluations, time, memory, incidents, cases, time of staff, false alarms.
    Accounts(super::rules_accounts::Accounts),
    /// Pause a rule: it judges no device until it is resumed. What it has open stays open.
    Pause {
        /// The rule's id.
        rule: String,
        /// Why, for whoever finds it paused.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        config: ConfigArgument,
    },
    /// Let a paused rule judge again.
    Resume {
        /// The rule's id.
        rule: String,
        #[command(flatten)]
        config: ConfigArgument,
    },
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
            RulesCommand::New(command) => command.run(),
            RulesCommand::Test(test) => test.run(),
            RulesCommand::Pin(pin) => pin.run(),
            RulesCommand::Explain { incident, config } => explain(*incident, config),
            RulesCommand::Why { device, rule, at, json, config } => {
                super::rules_why::run(device, rule, at.as_deref(), *json, config)
            }
            RulesCommand::Pause { rule, reason, config } => {
                let action = Action::PauseRule { rule: rule.as_str().into(), reason: reason.clone() };
                carry_out(action, &format!("rule {rule} is paused"), config)
            }
            RulesCommand::Resume { rule, config } => {
                let action = Action::ResumeRule { rule: rule.as_str().into() };
                carry_out(action, &format!("rule {rule} judges again"), config)
            }
            RulesCommand::Accounts(command) => command.run(),
            RulesCommand::Params(command) => command.run(),
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
                    let tier = rule.tier_reason.as_ref().map_or_else(
                        || "lowered".to_owned(),
                        |reason| format!("interpreter ({}:{}: {})", reason.line, reason.column, reason.message),
                    );
                    let keys = (!rule.keys.is_empty()).then(|| format!("keys {}", rule.keys.join(", ")));
                    let group = rule.group.as_ref().map(|group| format!("group {}", group.condition));
                    let says = keys.into_iter().chain(group).collect::<Vec<_>>().join(", ");
                    say(&format!("{}: {} ({}), {says}, {tier}", rule.file, rule.id, rule.kind));
                }
                say(&format!("pack {}: {} rules", pack.version(), pack.rules().len()));
            }
            if json {
                pack.rules().iter().for_each(|rule| give(&tier_json(rule).to_string()));
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

fn explain(incident: EffectId, config: &ConfigArgument) -> Result<(), Failure> {
    let reader = LedgerReader::open(&ledger_file(&config.load()?.data.folder)).map_err(Failure::failed)?;
    let found = reader.incident(incident).map_err(Failure::failed)?;
    let found = found.ok_or_else(|| Failure::Failed(format!("there is no incident {incident}")))?;
    let mut packs = BTreeMap::new();
    for (_, change, evidence) in reader.explanations(incident).map_err(Failure::failed)? {
        let replay = replay_with(&reader, &mut packs, &found.rule, &evidence);
        give(&format!(
            "{change} by {}:{}:{} ({}), evaluated again: {replay}",
            evidence.file, evidence.line, evidence.column, evidence.trigger
        ));
        give(&format!("  {}", evidence.source));
        for step in &evidence.steps {
            give(&format!("  {:>7}  {} = {}", format!("{}:{}", step.line, step.column), step.text, step.value));
        }
        for slot in &evidence.slots {
            give(&format!("  memory {}: {}, before: {}", slot.id, slot.after, slot.before));
        }
    }
    Ok(())
}

fn carry_out(action: Action, done: &str, config: &ConfigArgument) -> Result<(), Failure> {
    let mut local = reach(&config.load()?)?;
    let verdict = local.act(action).map_err(Failure::failed);
    leave(local);
    match verdict? {
        Ok(_) => {
            say(done);
            Ok(())
        }
        Err(refusal) => Err(Failure::Failed(refusal.message)),
    }
}
