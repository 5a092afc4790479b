//! `gengfu rules publish`, `rollback`, `list`, `diff` and `shadow`: the life of a version.

use std::path::PathBuf;

use gengfu_connectors::ledger::{ActivatedPack, LedgerReader};
use gengfu_dashboards::rule_diff;
use gengfu_dashboards::time_text::to_local_text;
use gengfu_model::pack::{PackNote, RollbackLimits};
use gengfu_model::staff::Action;
use serde_json::{Value, json};

use super::{ConfigArgument, Failure, city_zone, give, leave, ledger_file, reach, say};
use crate::config::Config;
use crate::local::{Question, Reply};
use crate::packs;
use crate::trial::TrialError;
use crate::trial::report::Report;
use crate::trial::store::Store;
use crate::trial::vet::{profile_at_work, vet};

/// Put a folder of rule files to work, as a whole; the pack that is live is replaced.
#[derive(clap::Args)]
pub(super) struct Publish {
    /// Folder of `.rhai` files.
    folder: PathBuf,
    /// Why: kept with the version.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Report of the backtest or shadow of this very pack, to be kept with it.
    #[arg(long, value_name = "ID")]
    after_backtest: Option<String>,
    /// Publish although something stands against it; what that is, is kept with the version.
    #[arg(long)]
    force: bool,
    /// Roll back by itself when more incidents than this open within an hour.
    #[arg(long, value_name = "COUNT")]
    max_incidents_per_hour: Option<u32>,
    /// Roll back by itself when more evaluations than this fail.
    #[arg(long, value_name = "COUNT")]
    max_faults: Option<u64>,
    /// For how many hours after the publication these limits hold.
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    limits_for: u32,
    #[command(flatten)]
    config: ConfigArgument,
}

impl Publish {
    /// Runs the command.
    ///
    /// # Errors
    /// The rules' mistakes, what stands against the pack, or why the gateway cannot be asked.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let files = packs::read_folder(&self.folder).map_err(Failure::Failed)?;
        let config = self.config.load()?;
        let store = Store::new(&config.data.folder);
        let with_tests = packs::read_folder_with_tests(&self.folder).map_err(Failure::Failed)?;
        let ledger = LedgerReader::open(&ledger_file(&config.data.folder)).ok();
        let profile = profile_at_work(ledger.as_ref());
        let vetted = vet(&store, &files, &with_tests, profile, self.after_backtest.as_deref()).map_err(failure)?;
        if !vetted.against.is_empty() && !self.force {
            let text = vetted.against.join("\n  ");
            return Err(Failure::Failed(format!(
                "not published:\n  {text}\n  hint: mend it, or publish it with --force"
            )));
        }
        let limits = (self.max_incidents_per_hour.is_some() || self.max_faults.is_some()).then_some(RollbackLimits {
            incidents_per_hour: self.max_incidents_per_hour,
            faults: self.max_faults,
            hours: self.limits_for,
        });
        let note = PackNote {
            reason: self.reason.clone(),
            tests: vetted.tests,
            trial: vetted.trial,
            forced: vetted.against,
            limits,
        };
        put_to_work(&config, files, note)
    }
}

/// Put an earlier pack back to work.
#[derive(clap::Args)]
pub(super) struct Rollback {
    /// The version, or its first digits; without it, the one before the live one.
    version: Option<String>,
    /// Why: kept with the version.
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    #[command(flatten)]
    config: ConfigArgument,
}

impl Rollback {
    /// Runs the command.
    ///
    /// # Errors
    /// When there is no such version, or the gateway cannot be asked.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let config = self.config.load()?;
        let all = versions(&config)?;
        let live = all.last().ok_or_else(|| Failure::Failed("no pack was ever live".to_owned()))?;
        let pack = match &self.version {
            Some(version) => find(&all, version)?,
            None => before(&all, live)
                .ok_or_else(|| Failure::Failed("there is no version before the live one".to_owned()))?,
        };
        if pack.version == live.version {
            return Err(Failure::Failed(format!("pack {} is live already", pack.version)));
        }
        let mut reason = format!("roll-back to {}", pack.version);
        if !self.reason.is_empty() {
            reason = format!("{reason}: {}", self.reason);
        }
        put_to_work(&config, pack.files.as_ref().clone(), PackNote { reason, ..PackNote::default() })
    }
}

/// What differs between two versions.
#[derive(clap::Args)]
pub(super) struct Diff {
    /// The version before, or its first digits; without it, the one before the other.
    from: Option<String>,
    /// The version after; without it, the live one.
    to: Option<String>,
    #[command(flatten)]
    config: ConfigArgument,
}

impl Diff {
    /// Runs the command.
    ///
    /// # Errors
    /// When there is no such version.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let all = versions(&self.config.load()?)?;
        let to = match &self.to {
            Some(version) => find(&all, version)?,
            None => all.last().ok_or_else(|| Failure::Failed("no pack was ever live".to_owned()))?,
        };
        let from = match &self.from {
            Some(version) => Some(find(&all, version)?),
            None => before(&all, to),
        };
        let nothing = std::collections::BTreeMap::new();
        let files = from.map_or(&nothing, |pack| pack.files.as_ref());
        say(&format!("{} -> {}", from.map_or("nothing", |pack| &pack.version), to.version));
        give(rule_diff::diff(files, &to.files).trim_end());
        Ok(())
    }
}

/// The packs that were activated, newest last.
#[derive(clap::Args)]
pub(super) struct List {
    /// As JSON, one a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArgument,
}

impl List {
    /// Runs the command.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let config = self.config.load()?;
        let zone = city_zone(&config)?;
        for pack in versions(&config)? {
            let ActivatedPack { id, version, files, by, time, note } = &pack;
            if self.json {
                let names: Vec<&String> = files.keys().collect();
                let row = json!({ "id": id, "version": version, "files": names, "by": by, "time": time, "note": note });
                give(&row.to_string());
                continue;
            }
            let at = to_local_text(*time, zone);
            give(&format!("{id} {version} {} files by {by} at {at}: {}", files.len(), note.reason));
            if let Some(trial) = &note.trial {
                give(&format!("    after {}: {}", trial.id, trial.summary));
            }
            if !note.tests.is_empty() {
                give(&format!("    tests: {}", note.tests));
            }
            for reason in &note.forced {
                give(&format!("    forced against: {reason}"));
            }
            if let Some(limits) = &note.limits {
                give(&format!("    rolled back by itself: {}", limits_in_words(limits)));
            }
        }
        Ok(())
    }
}

/// A draft in the shadow of the live pack.
#[derive(clap::Args)]
pub(super) struct Shadow {
    #[command(subcommand)]
    command: ShadowCommand,
}

#[derive(clap::Subcommand)]
enum ShadowCommand {
    /// Run a folder of rule files on live traffic, without side effects.
    Start {
        /// Folder of `.rhai` files.
        folder: PathBuf,
        /// Why: kept with it.
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
        #[command(flatten)]
        config: ConfigArgument,
    },
    /// End the shadow; its last report is kept, see `gengfu rules trials`.
    Stop {
        #[command(flatten)]
        config: ConfigArgument,
    },
    /// What it has found by now, and what it costs.
    Show {
        /// As JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        config: ConfigArgument,
    },
    /// Put the draft in the shadow to work, with what it had found, and end the shadow.
    Promote {
        /// Why: kept with the version.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        config: ConfigArgument,
    },
}

impl Shadow {
    /// Runs the command.
    ///
    /// # Errors
    /// The rules' mistakes, or why the gateway cannot be asked.
    pub(super) fn run(&self) -> Result<(), Failure> {
        match &self.command {
            ShadowCommand::Start { folder, reason, config } => {
                let files = packs::read_folder(folder).map_err(Failure::Failed)?;
                act(&config.load()?, Action::StartShadow { files, reason: reason.clone() })?;
                say("the draft is in the shadow; `gengfu rules shadow show` tells what it finds");
                Ok(())
            }
            ShadowCommand::Stop { config } => act(&config.load()?, Action::StopShadow),
            ShadowCommand::Show { json, config } => show(&config.load()?, *json),
            ShadowCommand::Promote { reason, config } => promote(&config.load()?, reason),
        }
    }
}

fn show(config: &Config, json: bool) -> Result<(), Failure> {
    let found = shadow_of(config)?;
    if json {
        give(&found.to_string());
        return Ok(());
    }
    if found.is_null() {
        give("there is no shadow");
        return Ok(());
    }
    let text = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
    let begun = if found["anew"] == true { ", begun anew at the gateway's last start" } else { "" };
    give(&format!("pack {} in the shadow by {}: {}{begun}", text("version"), text("by"), text("state")));
    for line in [text("reason"), text("note")].iter().filter(|line| !line.is_empty()) {
        give(&format!("  {line}"));
    }
    give(&format!("  {} records behind the journal", found["behind"]));
    if let Ok(report) = serde_json::from_value::<Report>(found["report"].clone()) {
        give(report.text(city_zone(config)?).trim_end());
    }
    Ok(())
}

fn promote(config: &Config, reason: &str) -> Result<(), Failure> {
    let reader = LedgerReader::open(&ledger_file(&config.data.folder)).map_err(Failure::failed)?;
    let row = reader.shadow().map_err(Failure::failed)?;
    let row = row.ok_or_else(|| Failure::Failed("there is no draft in the shadow".to_owned()))?;
    let found = shadow_of(config)?;
    let summary = found["summary"].as_str().unwrap_or("nothing was compared yet").to_owned();
    // Its last report is kept when the shadow ends, which the publication cannot wait for.
    let trial = Some(gengfu_model::pack::TrialNote { id: format!("shadow-{}", row.id), summary });
    let note = PackNote { reason: reason.to_owned(), trial, ..PackNote::default() };
    put_to_work(config, row.files.as_ref().clone(), note)?;
    act(config, Action::StopShadow)
}

fn shadow_of(config: &Config) -> Result<Value, Failure> {
    let mut local = reach(config)?;
    let reply = local.ask(Question::Shadow).map_err(Failure::failed);
    leave(local);
    match reply? {
        Reply::Shadow(found) => Ok(found),
        other => Err(Failure::Failed(format!("unexpected answer: {other:?}"))),
    }
}

fn put_to_work(
    config: &Config,
    files: std::collections::BTreeMap<String, String>,
    note: PackNote,
) -> Result<(), Failure> {
    let count = files.len();
    act(config, Action::PublishPack { files, note })?;
    say(&format!("{count} rule files are live"));
    Ok(())
}

fn act(config: &Config, action: Action) -> Result<(), Failure> {
    let mut local = reach(config)?;
    let verdict = local.act(action).map_err(Failure::failed);
    leave(local);
    verdict?.map(drop).map_err(|refusal| Failure::Configuration(refusal.message))
}

fn versions(config: &Config) -> Result<Vec<ActivatedPack>, Failure> {
    let reader = LedgerReader::open(&ledger_file(&config.data.folder)).map_err(Failure::failed)?;
    reader.packs().map_err(Failure::failed)
}

/// The newest activation of a version that begins like this.
fn find<'a>(all: &'a [ActivatedPack], version: &str) -> Result<&'a ActivatedPack, Failure> {
    let found: Vec<_> = all.iter().filter(|pack| pack.version.starts_with(version)).collect();
    match found.last() {
        None => Err(Failure::Failed(format!("there is no version `{version}`; `gengfu rules list` shows them"))),
        Some(last) if found.iter().any(|pack| pack.version != last.version) => {
            Err(Failure::Failed(format!("several versions begin with `{version}`")))
        }
        Some(last) => Ok(last),
    }
}

/// The version that was live before this one.
fn before<'a>(all: &'a [ActivatedPack], pack: &ActivatedPack) -> Option<&'a ActivatedPack> {
    let place = all.iter().rposition(|other| other.id == pack.id)?;
    all[..place].iter().rev().find(|other| other.version != pack.version)
}

fn limits_in_words(limits: &RollbackLimits) -> String {
    let incidents = limits.incidents_per_hour.map(|most| format!("above {most} incidents an hour"));
    let faults = limits.faults.map(|most| format!("above {most} failed evaluations"));
    let parts: Vec<String> = incidents.into_iter().chain(faults).collect();
    format!("{} for {} h", parts.join(" or "), limits.hours)
}

fn failure(error: TrialError) -> Failure {
    match error {
        TrialError::Draft(error) => Failure::Configuration(error.to_string()),
        error => Failure::failed(error),
    }
}
