//! `gengfu check`: configuration, rules, profile and places, without binding a port; all mistakes at once.

use std::path::Path;

use gengfu_cases::Profile;
use gengfu_model::places::Place;
use gengfu_rules::{Pack, Places};

use super::{ConfigArgument, Failure, say};
use crate::config::{Config, ConfigError};
use crate::{packs, places_file};

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
        let (config, wrong) = Config::examine(self.config.config.as_deref(), std::env::vars());
        let mut mistakes = Vec::new();
        if !wrong.is_empty() {
            mistakes.push(ConfigError(wrong).to_string());
        }
        let profile = check_profile(config.city.profile.as_deref()).map_err(|found| mistakes.push(found)).ok();
        let places = config.city.places.as_deref().map(|file| places_file::read(file, None)).transpose();
        let places = places.map_err(|found| mistakes.push(found)).unwrap_or_default();
        mistakes.extend(check_rules(config.city.rules.as_deref(), profile.as_ref(), places));
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
            say("configuration, rules, profile and places are good");
            return Ok(());
        }
        Err(Failure::Configuration(mistakes.join("\n")))
    }
}

/// `places`: those of the configuration, if it names a file.
fn check_rules(folder: Option<&Path>, profile: Option<&Profile>, places: Option<Vec<Place>>) -> Vec<String> {
    let files = match folder.map_or_else(|| Ok(packs::shipped()), packs::read_folder) {
        Ok(files) => files,
        Err(error) => return vec![error],
    };
    match Pack::compile(&files) {
        Ok(pack) => {
            let unmapped = profile.map(|profile| pack.unmapped(profile)).unwrap_or_default();
            let unknown = places.map(|places| pack.unknown_places(&Places::from(places))).unwrap_or_default();
            for warning in pack.warnings().iter().chain(&unmapped).chain(&unknown) {
                say(&warning.to_string());
            }
            Vec::new()
        }
        Err(mistakes) => mistakes.iter().map(ToString::to_string).collect(),
    }
}

/// The city profile; without a file, the shipped example.
fn check_profile(file: Option<&Path>) -> Result<Profile, String> {
    let (name, text) = match file {
        None => ("the shipped profile".to_owned(), gengfu_cases::profile::YUNCHENG.to_owned()),
        Some(file) => {
            let name = file.display().to_string();
            let text = std::fs::read_to_string(file).map_err(|error| format!("{name}: cannot be read: {error}"))?;
            (name, text)
        }
    };
    Profile::parse(&text)
        .map_err(|mistakes| mistakes.iter().map(|mistake| format!("{name}: {mistake}")).collect::<Vec<_>>().join("\n"))
}
