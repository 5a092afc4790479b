//! `gengfu rules test`: the tests of a folder of rules, what they evaluated, and which number nobody tests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gengfu_cases::Profile;
use gengfu_cases::profile::YUNCHENG;
use gengfu_rules::testing::{self, Options, Report};

use super::{Failure, give, say};
use crate::handle::diagnostic_json;
use crate::packs;

/// What `gengfu rules test` is asked for.
#[derive(clap::Args)]
pub(super) struct Test {
    /// Folder of `.rhai` and `.test.toml` files; without a folder, the shipped library.
    folder: Option<PathBuf>,
    /// The report as JSON.
    #[arg(long)]
    json: bool,
    /// Only tests whose `FILE::NAME` holds this text; `--coverage` and `--mutate` look at their rules alone.
    #[arg(long, default_value = "")]
    filter: String,
    /// Show each rule with the lines and sides of conditions that the tests evaluated.
    #[arg(long)]
    coverage: bool,
    /// Change every number of the rules up and down a step, and tell which change no test notices.
    #[arg(long)]
    mutate: bool,
    /// The city's profile; without it, the example city's.
    #[arg(long)]
    profile: Option<PathBuf>,
}

impl Test {
    /// Runs the tests.
    ///
    /// # Errors
    /// Exit code 64 when the rules have mistakes, 1 when a test fails or a number is not tested.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let files = match &self.folder {
            Some(folder) => packs::read_folder_with_tests(folder).map_err(Failure::Failed)?,
            None => packs::shipped(),
        };
        let options = Options {
            profile: Arc::new(profile(self.profile.as_deref())?),
            filter: self.filter.clone(),
            coverage: self.coverage,
        };
        let report = testing::run(&files, &options).map_err(|found| self.mistakes(&found))?;
        if !report.is_green() || !self.mutate {
            self.show(&report, &files)?;
            let (failed, then) =
                (report.failed, if self.mutate { ": no number was changed, make them pass first" } else { "" });
            return if report.is_green() {
                Ok(())
            } else {
                Err(Failure::Failed(format!("{failed} tests failed{then}")))
            };
        }
        let report = testing::mutate(&files, &options).map_err(|found| self.mistakes(&found))?;
        if self.json {
            give(&serde_json::to_string(&report).map_err(Failure::failed)?);
        } else {
            give(&report.to_string());
        }
        let survived = report.survived;
        if survived == 0 { Ok(()) } else { Err(Failure::Failed(format!("{survived} changes that no test notices"))) }
    }

    fn show(&self, report: &Report, files: &BTreeMap<String, String>) -> Result<(), Failure> {
        if self.json {
            give(&serde_json::to_string(report).map_err(Failure::failed)?);
            return Ok(());
        }
        for test in &report.tests {
            give(&test.to_string());
        }
        for file in &report.coverage {
            give(&file.annotated(files.get(&file.file).map_or("", String::as_str)));
        }
        for file in &report.coverage {
            give(&file.summary());
        }
        give(&report.summary());
        Ok(())
    }

    fn mistakes(&self, found: &[gengfu_rules::Diagnostic]) -> Failure {
        for diagnostic in found {
            if self.json {
                give(&diagnostic_json(diagnostic).to_string());
            } else {
                say(&diagnostic.to_string());
            }
        }
        Failure::Configuration(format!("{} mistakes", found.len()))
    }
}

fn profile(path: Option<&Path>) -> Result<Profile, Failure> {
    let text = match path {
        Some(path) => {
            std::fs::read_to_string(path).map_err(|error| Failure::Failed(format!("{}: {error}", path.display())))?
        }
        None => YUNCHENG.to_owned(),
    };
    Profile::parse(&text).map_err(|mistakes| {
        let text: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        Failure::Configuration(text.join("\n"))
    })
}
