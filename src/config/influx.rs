//! The section of a remote time series.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::units::Span;

/// A remote time series that is fed from the journal: InfluxDB 2, or what speaks its write API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InfluxConfig {
    /// `http://HOST:PORT` or `https://HOST:PORT`, without a path.
    pub url: String,
    /// Which write API it has.
    #[serde(default)]
    pub api: InfluxApi,
    /// The organisation; of no meaning to VictoriaMetrics and InfluxDB 1.x.
    #[serde(default = "default_org")]
    pub org: String,
    /// The bucket; InfluxDB 1.x: the database.
    #[serde(default = "default_bucket")]
    pub bucket: String,
    /// File with the access token; InfluxDB 1.x: with `USER:PASSWORD`.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
    /// PEM file of the certificates to trust, for an `https` address.
    #[serde(default)]
    pub roots_file: Option<PathBuf>,
    /// Whether texts are sent too; VictoriaMetrics would store each of them as 0.
    #[serde(default)]
    pub text: bool,
    /// Whether yes and no are sent as 1 and 0; to change it later gives type conflicts in InfluxDB.
    #[serde(default)]
    pub booleans_as_numbers: bool,
    /// How long one call may take in all.
    #[serde(default = "default_influx_timeout")]
    pub timeout: Span,
    /// How long the store must have been seen alive after an acknowledgement until it is trusted;
    /// VictoriaMetrics acknowledges some 5 s before it is durable.
    #[serde(default = "default_confirm_after")]
    pub confirm_after: Span,
}

/// Which write API a remote time series has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InfluxApi {
    /// `/api/v2/write`: InfluxDB 2, VictoriaMetrics and others.
    #[default]
    V2,
    /// `/write` alone: InfluxDB 1.x.
    V1,
}

fn default_org() -> String {
    "gengfu".to_owned()
}

fn default_bucket() -> String {
    "telemetry".to_owned()
}

const fn default_influx_timeout() -> Span {
    Span(10_000)
}

const fn default_confirm_after() -> Span {
    Span(15_000)
}
