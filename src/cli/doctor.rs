//! `gengfu doctor`: looks over configuration and data folder, of a running gateway or a stopped one, and
//! says in plain words what is good and what is wrong.
//!
//! Promises: changes nothing; one thing that is wrong does not keep the rest from being looked at; exit
//! code 1 if anything is wrong. It reads the whole journal and every page of the stores, which takes its time
//! on a large folder.

mod files;
mod folder;
mod state;
mod stores;

pub(super) use self::files::missing_files;

use gengfu_cases::Profile;
use gengfu_ingest::journal::{FolderLock, LockError};
use gengfu_rules::Pack;
use serde::Serialize;

use super::{ConfigArgument, Failure, give, say};
use crate::config::Config;
use crate::packs;
use crate::places_file;

/// Look over configuration and data folder, and say in plain words what is wrong.
#[derive(clap::Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    config: ConfigArgument,
    /// Everything found as one JSON object.
    #[arg(long)]
    json: bool,
}

/// How good what was found is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Level {
    /// As it should be.
    Good,
    /// It works, and should be looked at.
    Warning,
    /// It does not work, or data is lost.
    Wrong,
}

/// One thing that was found.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    level: Level,
    text: String,
}

/// Everything that was found so far.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn good(&mut self, check: &'static str, text: impl Into<String>) {
        self.0.push(Finding { check, level: Level::Good, text: text.into() });
    }

    fn warn(&mut self, check: &'static str, text: impl Into<String>) {
        self.0.push(Finding { check, level: Level::Warning, text: text.into() });
    }

    fn wrong(&mut self, check: &'static str, text: impl Into<String>) {
        self.0.push(Finding { check, level: Level::Wrong, text: text.into() });
    }
}

impl Doctor {
    /// Runs the command.
    ///
    /// # Errors
    /// When something is wrong.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut found = Findings::default();
        match Config::load(self.config.config.as_deref(), std::env::vars()) {
            Ok(config) => {
                let name = self.config.config.as_ref().map(|file| file.display().to_string());
                found.good("configuration", format!("{} can be read", name.as_deref().unwrap_or("the defaults")));
                look(&config, &mut found);
            }
            Err(error) => found.wrong("configuration", error.to_string()),
        }
        self.tell(&found)
    }

    fn tell(&self, found: &Findings) -> Result<(), Failure> {
        let wrong = found.0.iter().filter(|finding| finding.level == Level::Wrong).count();
        if self.json {
            give(&serde_json::json!({ "ok": wrong == 0, "findings": found.0 }).to_string());
        } else {
            for finding in &found.0 {
                let mark = match finding.level {
                    Level::Good => "good   ",
                    Level::Warning => "WARNING",
                    Level::Wrong => "WRONG  ",
                };
                say(&format!("{mark} {}: {}", finding.check, finding.text));
            }
        }
        match wrong {
            0 => Ok(()),
            1 => Err(Failure::Failed("1 thing is wrong".to_owned())),
            many => Err(Failure::Failed(format!("{many} things are wrong"))),
        }
    }
}

fn look(config: &Config, found: &mut Findings) {
    look_at_rules(config, found);
    let data = &config.data.folder;
    if !data.is_dir() {
        found.good("folder", format!("{} is not there yet; the first start makes it", data.display()));
        folder::look_at_ports(config, false, found);
        return;
    }
    // Held to the end, so that no gateway starts to mend a folder that is being looked at.
    let lock = match FolderLock::acquire(data) {
        Ok(lock) => Some(lock),
        Err(LockError::Held { pid, .. }) => {
            found.good("gateway", format!("runs as process {pid}"));
            None
        }
        Err(error) => {
            found.wrong("folder", error.to_string());
            return;
        }
    };
    let running = lock.is_none();
    if !running {
        found.good("gateway", "is stopped");
    }
    folder::look_at_permissions(data, found);
    folder::look_at_room(config, found);
    folder::look_at_ports(config, running, found);
    let ledger = data.join("ledger.db");
    if !matches!(ledger.try_exists(), Ok(true)) && !matches!(data.join("journal").try_exists(), Ok(true)) {
        found.good("journal", "there is none yet; the first start makes it");
        return;
    }
    stores::look_at_files(data, found);
    files::look_at_files(data, found);
    state::look(data, running, found);
}

/// The rules and the profile of the configuration, if it names any: a first start would use them.
fn look_at_rules(config: &Config, found: &mut Findings) {
    if let Some(folder) = &config.city.rules {
        match packs::read_folder(folder).map(|files| Pack::compile(&files)) {
            Ok(Ok(pack)) => found.good("rules", format!("{}: {} rules compile", folder.display(), pack.rules().len())),
            Ok(Err(mistakes)) => {
                found.wrong("rules", mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
            }
            Err(error) => found.wrong("rules", error),
        }
    }
    if let Some(file) = &config.city.places {
        match places_file::read(file, None) {
            Ok(read) => found.good("places", format!("{}: {}", file.display(), places_file::summary(&read))),
            Err(mistakes) => found.wrong("places", mistakes),
        }
    }
    if let Some(file) = &config.city.profile {
        let text = std::fs::read_to_string(file).map_err(|error| error.to_string());
        let parsed = text.and_then(|text| {
            Profile::parse(&text)
                .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        });
        match parsed {
            Ok(_) => found.good("profile", format!("{} can be read", file.display())),
            Err(error) => found.wrong("profile", format!("{}: {error}", file.display())),
        }
    }
}
