//! `gengfu places`: the city's places that are in force, checking and putting a GeoJSON file.

use std::path::{Path, PathBuf};

use gengfu_connectors::ledger::LedgerReader;
use gengfu_model::crs::Crs;
use gengfu_model::places::geojson::to_geojson;
use gengfu_model::staff::Action;

use super::{ConfigArgument, Failure, give, leave, ledger_file, reach, say};
use crate::places_file;

/// The city's places: fences, speed zones, roads, routes.
#[derive(clap::Args)]
pub(super) struct PlacesCommand {
    #[command(subcommand)]
    command: Commands,
}

#[derive(clap::Subcommand)]
enum Commands {
    /// Print the places in force as GeoJSON.
    Show {
        /// Coordinate system to print: wgs84, gcj02 or bd09.
        #[arg(long, default_value = "wgs84", value_parser = crs)]
        crs: Crs,
        #[command(flatten)]
        config: ConfigArgument,
    },
    /// Check a GeoJSON file; tells every mistake with its feature and ring.
    Check {
        /// A FeatureCollection, each feature with `name` and `kind` in its properties.
        file: PathBuf,
        /// Coordinate system of the file, if it does not say: wgs84, gcj02 or bd09.
        #[arg(long, value_parser = crs)]
        crs: Option<Crs>,
    },
    /// Replace the places by those of a GeoJSON file. Rules see them from the next message on.
    Put {
        /// A FeatureCollection, each feature with `name` and `kind` in its properties.
        file: PathBuf,
        /// Coordinate system of the file, if it does not say: wgs84, gcj02 or bd09.
        #[arg(long, value_parser = crs)]
        crs: Option<Crs>,
        #[command(flatten)]
        config: ConfigArgument,
    },
}

fn crs(name: &str) -> Result<Crs, String> {
    Crs::from_name(name).ok_or_else(|| format!("`{name}` is not wgs84, gcj02 or bd09"))
}

impl PlacesCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// The file's mistakes, or why the gateway refused or cannot be asked.
    pub(super) fn run(&self) -> Result<(), Failure> {
        match &self.command {
            Commands::Show { crs, config } => show(*crs, config),
            Commands::Check { file, crs } => {
                let places = places_file::read(file, *crs).map_err(Failure::Configuration)?;
                say(&format!("{}: {}", file.display(), places_file::summary(&places)));
                Ok(())
            }
            Commands::Put { file, crs, config } => put(file, *crs, config),
        }
    }
}

fn show(crs: Crs, config: &ConfigArgument) -> Result<(), Failure> {
    let config = config.load()?;
    let reader = LedgerReader::open(&ledger_file(&config.data.folder)).map_err(Failure::failed)?;
    let row = reader.places().map_err(Failure::failed)?;
    let (_, row) = row.ok_or_else(|| {
        Failure::Failed("no places were ever put: write a GeoJSON file and give it to `gengfu places put`".to_owned())
    })?;
    say(&format!("put by {}: {}", row.by, places_file::summary(&row.places)));
    give(&to_geojson(&row.places, crs).to_string());
    Ok(())
}

fn put(file: &Path, crs: Option<Crs>, config: &ConfigArgument) -> Result<(), Failure> {
    let places = places_file::read(file, crs).map_err(Failure::Configuration)?;
    let summary = places_file::summary(&places);
    let mut local = reach(&config.load()?)?;
    let verdict = local.act(Action::PutPlaces { places }).map_err(Failure::failed);
    leave(local);
    match verdict? {
        Ok(_) => {
            say(&format!("{summary} are in force"));
            Ok(())
        }
        Err(refusal) => Err(Failure::Configuration(refusal.message)),
    }
}
