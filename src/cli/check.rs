//! `gengfu check`: configuration, rules and profile, without binding a port; all mistakes at once.

use std::path::Path;

use gengfu_cases::Profile;
use gengfu_rules::Pack;

use super::{ConfigArgument, Failure, say};
use crate::config::Config;
use crate::packs;

/// Check configuration and rules without binding a port.
#[derive(clap::Args)]
pub(super) struct Check {
    #[command(flatten)]
    config: ConfigArgument,
}

impl Check {
    /// Runs the command.
    ///
    /// # Errors
    /// Every mistake that was found.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut mistakes = Vec::new();
        let config = match Config::load(self.config.config.as_deref(), std::env::vars()) {
            Ok(config) => config,
            Err(error) => {
                mistakes.push(error.to_string());
                Config::default()
            }
        };
        mistakes.extend(check_rules(config.city.rules.as_deref()));
        mistakes.extend(config.city.profile.as_deref().and_then(check_profile));
        for hook in &config.webhook {
            if let Err(error) = std::fs::read(&hook.secret_file) {
                mistakes.push(format!(
                    "{}: secret of webhook `{}`: {error}\n  hint: put the secret into that file",
                    hook.secret_file.display(),
                    hook.name
                ));
            }
        }
        mistakes.extend(crate::delivery::check(&config));
        if mistakes.is_empty() {
            say("configuration, rules and profile are good");
            return Ok(());
        }
        Err(Failure::Configuration(mistakes.join("\n")))
    }
}

fn check_rules(folder: Option<&Path>) -> Vec<String> {
    let files = match folder.map_or_else(|| Ok(packs::shipped()), packs::read_folder) {
        Ok(files) => files,
        Err(error) => return vec![error],
    };
    match Pack::compile(&files) {
        Ok(pack) => {
            for warning in pack.warnings() {
                say(&warning.to_string());
            }
            Vec::new()
        }
        Err(mistakes) => mistakes.iter().map(ToString::to_string).collect(),
    }
}

fn check_profile(file: &Path) -> Option<String> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => return Some(format!("{}: cannot be read: {error}", file.display())),
    };
    let mistakes = Profile::parse(&text).err()?;
    Some(mistakes.iter().map(|mistake| format!("{}: {mistake}", file.display())).collect::<Vec<_>>().join("\n"))
}
