//! `gengfu-sim city`: the register of a generated city.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use gengfu_model::crs::Crs;
use gengfu_model::places::geojson::to_geojson;

use super::{Failure, output};
use crate::city::{City, CityError, write_register};

/// Arguments of `gengfu-sim city`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Seed: the same seed and number give the same city and the same tokens.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of devices.
    #[arg(long, value_name = "N", default_value_t = 200)]
    devices: usize,
    /// Where to write the CSV; `-` is stdout.
    #[arg(long, value_name = "FILE", default_value = "-")]
    out: PathBuf,
    /// Where to write the city's places as GeoJSON: working areas, depots, routes, streets.
    #[arg(long, value_name = "FILE")]
    places: Option<PathBuf>,
}

pub(super) fn execute(args: &Args) -> Result<(), Failure> {
    let city = City::generate(args.seed, args.devices);
    write(&city, &args.out)?;
    if let Some(file) = &args.places {
        let text = to_geojson(&city.places(), Crs::Wgs84).to_string();
        std::fs::write(file, text).map_err(|error| Failure::Failed(format!("`{}`: {error}", file.display())))?;
    }
    if args.out.as_os_str() != "-" {
        output::tell(&format!("{} devices written to {}", city.devices.len(), args.out.display()));
    }
    Ok(())
}

/// Writes a register to a file, or to stdout for `-`.
pub(super) fn write(city: &City, out: &Path) -> Result<(), Failure> {
    if out.as_os_str() == "-" {
        return match write_register(city, std::io::stdout().lock()) {
            // Whoever reads has seen enough.
            Err(CityError::Write(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            written => written.map_err(Failure::failed),
        };
    }
    let named = |error: std::io::Error| Failure::Failed(format!("`{}`: {error}", out.display()));
    let mut file = BufWriter::new(File::create(out).map_err(named)?);
    write_register(city, &mut file).map_err(Failure::failed)?;
    file.flush().map_err(named)
}
