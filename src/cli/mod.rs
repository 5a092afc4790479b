//! The command line: one file per command, exit codes 0 done, 1 failed, 2 wrong usage, 64 configuration.
//!
//! Messages for people go to standard error; what a program may read goes to standard output.

mod backtest;
mod backup;
mod check;
mod codecs;
mod contact;
mod demo;
mod demo_duty;
mod devices;
mod doctor;
mod duty;
mod history;
mod journal;
mod late;
mod manifest;
mod params;
mod places;
mod profile;
mod quarantine;
mod restore;
mod rules;
mod rules_accounts;
mod rules_new;
mod rules_pin;
mod rules_test;
mod rules_why;
mod series;
mod serve;
mod users;
mod versions;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono_tz::Tz;
use clap::{Parser, Subcommand};

use crate::config::Config;
use crate::local::{Local, LocalClient};
use crate::{Gateway, StartOptions};

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It failed (exit code 1).
    Failed(String),
    /// It was used wrongly (exit code 2).
    Usage(String),
    /// The configuration or the rules are wrong (exit code 64).
    Configuration(String),
}

impl Failure {
    /// A failure with exit code 1.
    pub(crate) fn failed(error: impl std::fmt::Display) -> Failure {
        Failure::Failed(error.to_string())
    }
}

/// IoT telemetry gateway and rules engine for a city-management bureau (城市管理局).
#[derive(Parser)]
#[command(name = "gengfu", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the gateway.
    Serve(serve::Serve),
    /// Run the gateway with a simulated city.
    Demo(demo::Demo),
    /// Check configuration and rules without binding a port; tells all mistakes at once.
    Check(check::Check),
    /// Rule packs: check, publish, list.
    Rules(rules::Rules),
    /// The city profile: show, check, set, and the city's table as CSV.
    Profile(profile::ProfileCommand),
    /// The city's places: show, check, put a GeoJSON file.
    Places(places::PlacesCommand),
    /// The register of devices.
    Devices(devices::Devices),
    /// Staff accounts.
    Users(users::Users),
    /// Duty: who watches now and next.
    Duty(duty::Duty),
    /// Look into the journal.
    Journal(journal::Journal),
    /// Messages that could not be decoded.
    Quarantine(quarantine::Quarantine),
    /// What the remote time series has missed.
    Series(series::Series),
    /// Codecs of device models.
    Codecs(codecs::Codecs),
    /// Copy the data folder, of a running gateway or a stopped one.
    Backup(backup::Backup),
    /// Put a backup into an empty data folder.
    Restore(restore::Restore),
    /// Look over configuration and data folder, and say in plain words what is wrong.
    Doctor(doctor::Doctor),
}

/// Where the configuration is.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct ConfigArgument {
    /// Configuration file; without it, the defaults.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

impl ConfigArgument {
    /// Reads and checks the configuration.
    ///
    /// # Errors
    /// [`Failure::Configuration`] with every mistake.
    pub(crate) fn load(&self) -> Result<Config, Failure> {
        Config::load(self.config.as_deref(), std::env::vars())
            .map_err(|error| Failure::Configuration(error.to_string()))
    }
}

/// Runs the command line of this process.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version go to standard output and are no failure.
            error.print().ok();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let result = match arguments.command {
        Command::Serve(command) => command.run(),
        Command::Demo(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Rules(command) => command.run(),
        Command::Profile(command) => command.run(),
        Command::Places(command) => command.run(),
        Command::Devices(command) => command.run(),
        Command::Users(command) => command.run(),
        Command::Duty(command) => command.run(),
        Command::Journal(command) => command.run(),
        Command::Quarantine(command) => command.run(),
        Command::Series(command) => command.run(),
        Command::Codecs(command) => command.run(),
        Command::Backup(command) => command.run(),
        Command::Restore(command) => command.run(),
        Command::Doctor(command) => command.run(),
    };
    let (code, message) = match result {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Failed(message)) => (1, message),
        Err(Failure::Usage(message)) => (2, message),
        Err(Failure::Configuration(message)) => (64, message),
    };
    say(&message);
    ExitCode::from(code)
}

/// The city's time zone, in which people say and read times.
fn city_zone(config: &Config) -> Result<Tz, Failure> {
    config.city.time_zone.parse().map_err(|_| Failure::Configuration("city.time_zone".to_owned()))
}

/// Says something to people.
#[expect(clippy::print_stderr, reason = "the command line talks to people on standard error")]
pub(crate) fn say(message: &str) {
    eprintln!("{message}");
}

/// Gives a program one line. One that has read enough, such as `head`, has no use for the rest: then this ends.
pub(crate) fn give(line: &str) {
    use std::io::Write;
    if let Err(error) = writeln!(std::io::stdout().lock(), "{line}") {
        if error.kind() != std::io::ErrorKind::BrokenPipe {
            say(&format!("standard output: {error}"));
        }
        std::process::exit(1);
    }
}

/// Sets logging up: to standard error, filtered by `GENGFU_LOG` (default `info`).
pub(crate) fn start_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("GENGFU_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
}

/// The runtime of a command.
///
/// # Errors
/// When the machine has no thread left.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::failed)
}

/// Reaches the gateway of a data folder: the running one through its socket, or the folder itself.
///
/// # Errors
/// When the folder cannot be opened.
pub(crate) fn reach(config: &Config) -> Result<Local, Failure> {
    let data = &config.data.folder;
    if let Some(client) = LocalClient::connect(data).map_err(Failure::failed)? {
        return Ok(Local::Running(client));
    }
    let runtime = runtime()?;
    let options = StartOptions { listeners: false, ..StartOptions::default() };
    let gateway = runtime.block_on(Gateway::start(config, options)).map_err(Failure::failed)?;
    Ok(Local::Opened(runtime, std::sync::Arc::new(gateway)))
}

/// Ends what [`reach`] began: a folder that was opened is closed with a checkpoint.
pub(crate) fn leave(local: Local) {
    if let Local::Opened(runtime, gateway) = local
        && let Ok(gateway) = std::sync::Arc::try_unwrap(gateway).map_err(drop)
    {
        runtime.block_on(gateway.stop());
    }
}

/// The ledger's file of a data folder, for commands that only read.
#[must_use]
pub(crate) fn ledger_file(data: &Path) -> PathBuf {
    data.join("ledger.db")
}

/// A random secret for people or machines: `bytes` random bytes as URL-safe text.
///
/// # Errors
/// When the system gives no randomness.
pub(crate) fn random_secret(bytes: usize) -> Result<String, Failure> {
    // 32 letters and digits that cannot be taken for each other.
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).map_err(Failure::failed)?;
    Ok(random.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect())
}
