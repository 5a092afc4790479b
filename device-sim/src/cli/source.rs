//! Arguments that several commands share: where the server is, which city, how long.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::Failure;
use crate::city::{City, read_file};
use crate::faults::parse_duration_ms;

/// Which city: a register, or a seed and a size.
#[derive(Debug, Args)]
pub(super) struct CityArgs {
    /// Register CSV, as `gengfu-sim city` writes it (with tokens).
    #[arg(long, value_name = "FILE", conflicts_with = "devices")]
    city: Option<PathBuf>,
    /// Seed of the city, its physics and its script.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// Number of devices of a generated city.
    #[arg(long, value_name = "N")]
    devices: Option<usize>,
}

/// Devices of a generated city, if nothing is said.
const DEFAULT_DEVICES: usize = 200;

impl CityArgs {
    pub(super) fn load(&self) -> Result<City, Failure> {
        let city = match &self.city {
            Some(path) => read_file(path).map_err(Failure::failed)?,
            None => City::generate(self.seed, self.devices.unwrap_or(DEFAULT_DEVICES)),
        };
        if city.devices.is_empty() { Err(Failure::Usage("the city has no devices".to_owned())) } else { Ok(city) }
    }
}

/// The first address of `HOST:PORT`.
pub(super) fn resolve(broker: &str) -> Result<SocketAddr, Failure> {
    let found = broker.to_socket_addrs().map_err(|error| {
        let text = format!("broker `{broker}`: {error}; give HOST:PORT, such as 127.0.0.1:1883");
        if error.kind() == std::io::ErrorKind::InvalidInput { Failure::Usage(text) } else { Failure::Failed(text) }
    })?;
    found.into_iter().next().ok_or_else(|| Failure::Failed(format!("broker `{broker}` has no address")))
}

/// Waits for Ctrl-C or a polite kill.
pub(super) async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    // Without a handler for it, SIGTERM ends the process as it always did.
    let Ok(mut terminated) = signal(SignalKind::terminate()) else {
        drop(tokio::signal::ctrl_c().await);
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}

/// Reads `90`, `90s`, `1.5m`, `2h` for clap.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let ms = parse_duration_ms(text).ok_or("not a time such as 90s, 1.5m or 2h")?;
    Ok(Duration::from_millis(ms.unsigned_abs()))
}

/// Reads a number above 0 for clap.
pub(super) fn positive(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number")?;
    if number.is_finite() && number > 0.0 { Ok(number) } else { Err("must be above 0".to_owned()) }
}
