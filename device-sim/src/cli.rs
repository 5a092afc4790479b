//! The command line: one file per command, and what they share.

mod city;
mod history;
mod load;
mod output;
mod replay;
mod run;
mod score;
mod source;
mod storm;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use output::Failure;

/// The city that is not there: simulated devices for gengfu, over MQTT.
#[derive(Debug, Parser)]
#[command(name = "gengfu-sim", version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write the register of a generated city as CSV.
    City(city::Args),
    /// What a city would have said in the days before, as lines.
    History(history::Args),
    /// Play a city: devices report, break and recover.
    Run(run::Args),
    /// Play recorded truck traces.
    Replay(replay::Args),
    /// Publish as fast as the server acknowledges, or at a rate, and measure it.
    Load(load::Args),
    /// Play the thunderstorm: cabinets drop, covers flood and float, a cell falls silent.
    Storm(storm::Args),
    /// Compare incidents with the ground truth of a run.
    Score(score::Args),
}

/// Runs the command; the exit code is 0 (done), 1 (failed) or 2 (wrong usage).
#[must_use]
pub fn main() -> ExitCode {
    // Wrong usage ends the process here with code 2, help and version with 0.
    let cli = Cli::parse();
    let result = match cli.command {
        Command::City(args) => city::execute(&args),
        Command::History(args) => history::execute(&args),
        Command::Run(args) => run::execute(args),
        Command::Replay(args) => replay::execute(args),
        Command::Load(args) => load::execute(&args),
        Command::Storm(args) => storm::execute(&args),
        Command::Score(args) => score::execute(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::tell(&format!("gengfu-sim: {failure}"));
            ExitCode::from(failure.code())
        }
    }
}
