//! `gengfu series`: what the remote time series has missed, and filling it from the embedded one.

use super::{ConfigArgument, Failure, give, say};
use crate::remote_series::backfill;

/// The remote time series.
#[derive(clap::Args)]
pub(super) struct Series {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(subcommand)]
    command: SeriesCommand,
}

#[derive(clap::Subcommand)]
enum SeriesCommand {
    /// The records that the remote store was not given, since the archive did not have them any more.
    Gaps,
    /// Fill these gaps from the embedded series; a running gateway need not be stopped.
    Backfill,
}

impl Series {
    /// Runs the command.
    ///
    /// # Errors
    /// Why the gaps cannot be read or filled.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let config = self.config.load()?;
        let none = || Failure::Configuration("the configuration has no `[influx]`: no remote store".to_owned());
        let influx = config.influx.as_ref().ok_or_else(none)?;
        let gaps = backfill::gaps(&config, influx).map_err(Failure::Failed)?;
        for gap in &gaps {
            match self.command {
                SeriesCommand::Gaps => {
                    give(&format!("{} to {}, noticed {} ms", gap.first, gap.last, gap.noticed.as_millis()));
                }
                SeriesCommand::Backfill => {
                    let points = backfill::fill(&config, influx, gap).map_err(Failure::Failed)?;
                    give(&format!("{} to {}: {points} points", gap.first, gap.last));
                }
            }
        }
        say(&format!("{} gaps", gaps.len()));
        Ok(())
    }
}
