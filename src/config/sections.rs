//! The sections that are always there, with their defaults.

use std::net::SocketAddr;
use std::path::PathBuf;

use gengfu_model::record::OutcomeConfig;
use serde::{Deserialize, Serialize};

use super::units::{Size, Span};

/// Where everything is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataConfig {
    /// The data folder; relative to the configuration file.
    pub folder: PathBuf,
}

/// What can change an outcome; journaled at every start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CityConfig {
    /// IANA name of the city's time zone.
    pub time_zone: String,
    /// Event time up to this far ahead of received time is taken as received.
    pub max_ahead: Span,
    /// A reading older than the device's newest by more than this is late.
    pub late_after: Span,
    /// A reading received longer than this after its event time is late.
    pub late_received: Span,
    /// Folder of rule files to activate at the first start instead of the shipped library.
    pub rules: Option<PathBuf>,
    /// City profile (classes, limits, calendar) to use from the first start instead of the shipped example.
    pub profile: Option<PathBuf>,
    /// The city's places (fences, speed zones, roads, routes) as a GeoJSON file, put at the first start.
    pub places: Option<PathBuf>,
}

/// The MQTT listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MqttConfig {
    /// Whether it listens at all.
    pub enabled: bool,
    /// Plain listener. Port 0 picks a free one.
    pub listen: SocketAddr,
    /// TLS listener; needs `tls_certificate` and `tls_key`.
    pub listen_tls: Option<SocketAddr>,
    /// PEM file of the server's certificate chain.
    pub tls_certificate: Option<PathBuf>,
    /// PEM file of the server's private key.
    pub tls_key: Option<PathBuf>,
    /// PEM file of the authority whose client certificates log devices in (common name = device id).
    pub tls_client_ca: Option<PathBuf>,
    /// The largest packet, in bytes.
    pub max_packet: Size,
    /// The most connections.
    pub max_connections: usize,
    /// Messages a second that one device may send in the long run.
    pub rate: u32,
}

/// The CoAP listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CoapConfig {
    /// Whether it listens at all.
    pub enabled: bool,
    /// UDP address. Port 0 picks a free one.
    pub listen: SocketAddr,
}

/// The HTTP listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// TCP address. Port 0 picks a free one.
    pub listen: SocketAddr,
    /// Addresses that may read `/metrics` without a token.
    pub metrics_from: Vec<std::net::IpAddr>,
}

/// The live feed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FeedConfig {
    /// Whether it runs.
    pub enabled: bool,
    /// TCP address; keep it private.
    pub listen: SocketAddr,
}

/// The journal and its archive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JournalConfig {
    /// Size of a segment.
    pub segment: Size,
    /// How long the archive is kept.
    pub keep: Span,
    /// How large the archive may grow.
    pub keep_size: Size,
    /// How long the ledger lists what became of messages: repeats, late and refused values, what was quarantined (with
    /// its bytes), and the counts of each device and day. Counted back from the newest.
    pub keep_messages: Span,
    /// How many submissions wait for the journal before listeners stop reading.
    pub queue: usize,
}

/// The way of a message through the engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineConfig {
    /// Decoder threads; outcomes do not depend on it.
    pub decoders: usize,
    /// A checkpoint after this many records at the latest.
    pub checkpoint_records: u64,
    /// A checkpoint after this long at the latest.
    pub checkpoint_every: Span,
}

/// The embedded time series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SeriesConfig {
    /// How long points are kept.
    pub keep: Span,
}

/// A copy of each day's start, from which trials of rules begin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DaysConfig {
    /// The hour of the city's day at which the copy is made, 0 to 23.
    pub hour: u32,
    /// How long copies are kept; none is kept longer than the archive reaches back.
    pub keep: Span,
    /// How large all copies together may grow; the newest is kept in any case.
    pub keep_size: Size,
}

/// Files of cases: photos, voice notes, documents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AttachmentsConfig {
    /// The largest file that is taken.
    pub max_size: Size,
    /// How much room on the disk files leave to the journal and the stores; with less, none is taken.
    pub keep_free: Size,
}

const LOOPBACK_ANY: [u8; 4] = [0, 0, 0, 0];

impl Default for DataConfig {
    fn default() -> Self {
        DataConfig { folder: PathBuf::from("gengfu-data") }
    }
}

impl Default for CityConfig {
    fn default() -> Self {
        let outcome = OutcomeConfig::default();
        CityConfig {
            time_zone: outcome.time_zone,
            max_ahead: Span(outcome.max_ahead_ms),
            late_after: Span(outcome.late_after_ms),
            late_received: Span(outcome.late_received_ms),
            rules: None,
            profile: None,
            places: None,
        }
    }
}

impl Default for MqttConfig {
    fn default() -> Self {
        MqttConfig {
            enabled: true,
            listen: SocketAddr::from((LOOPBACK_ANY, 1883)),
            listen_tls: None,
            tls_certificate: None,
            tls_key: None,
            tls_client_ca: None,
            max_packet: Size(256 * 1024),
            max_connections: 200_000,
            rate: 100,
        }
    }
}

impl Default for CoapConfig {
    fn default() -> Self {
        CoapConfig { enabled: true, listen: SocketAddr::from((LOOPBACK_ANY, 5683)) }
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        HttpConfig { listen: SocketAddr::from((LOOPBACK_ANY, 8080)), metrics_from: Vec::new() }
    }
}

impl Default for FeedConfig {
    fn default() -> Self {
        FeedConfig { enabled: false, listen: SocketAddr::from(([127, 0, 0, 1], 1884)) }
    }
}

impl JournalConfig {
    /// How the ledger is opened, and what a replay leaves out as well.
    #[must_use]
    pub fn ledger_options(&self) -> gengfu_connectors::ledger::LedgerOptions {
        gengfu_connectors::ledger::LedgerOptions { keep_messages_ms: self.keep_messages.0, ..Default::default() }
    }
}

impl Default for JournalConfig {
    fn default() -> Self {
        JournalConfig {
            segment: Size(64 << 20),
            keep: Span(35 * gengfu_model::time::DAY_MS),
            keep_size: Size(50 << 30),
            keep_messages: Span(gengfu_connectors::ledger::MESSAGES_KEPT_MS),
            queue: 4_096,
        }
    }
}

impl Default for EngineConfig {
    fn default() -> Self {
        // Half a million records are replayed in some nine seconds on two slow cores.
        EngineConfig { decoders: 1, checkpoint_records: 500_000, checkpoint_every: Span(60_000) }
    }
}

impl Default for SeriesConfig {
    fn default() -> Self {
        SeriesConfig { keep: Span(400 * gengfu_model::time::DAY_MS) }
    }
}

impl Default for DaysConfig {
    fn default() -> Self {
        DaysConfig { hour: 0, keep: Span(35 * gengfu_model::time::DAY_MS), keep_size: Size(10 << 30) }
    }
}

impl Default for AttachmentsConfig {
    fn default() -> Self {
        AttachmentsConfig { max_size: Size(10 << 20), keep_free: Size(256 << 20) }
    }
}
