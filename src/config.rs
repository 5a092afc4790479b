//! The configuration: one TOML file, every key with a default that works on a laptop.
//!
//! Unknown keys are errors. `GENGFU_SECTION_KEY` environment variables override the file (such as
//! `GENGFU_MQTT_LISTEN`). Secrets stand in files of their own. All mistakes are reported at once.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use gengfu_model::record::OutcomeConfig;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where everything is kept.
    pub data: DataConfig,
    /// What can change an outcome.
    pub city: CityConfig,
    /// The MQTT listener.
    pub mqtt: MqttConfig,
    /// The CoAP listener.
    pub coap: CoapConfig,
    /// The HTTP listener: devices, API and console.
    pub http: HttpConfig,
    /// The live feed over MQTT for engineers' tools.
    pub feed: FeedConfig,
    /// The journal and its archive.
    pub journal: JournalConfig,
    /// The way of a message through the engine.
    pub engine: EngineConfig,
    /// The embedded time series.
    pub series: SeriesConfig,
    /// A copy of each day's start, from which trials of rules begin.
    pub days: DaysConfig,
    /// Files of cases: photos, voice notes, documents.
    pub attachments: AttachmentsConfig,
    /// The remote time series beside it; none: there is none.
    pub influx: Option<InfluxConfig>,
    /// Who is told outside.
    pub webhook: Vec<WebhookConfig>,
    /// Channels to people: robots of their messengers, mail, SMS.
    pub channel: Vec<ChannelConfig>,
    /// The city's case platforms.
    pub platform: Vec<PlatformConfig>,
}

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

/// A receiver of signed notices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Name in receipts.
    pub name: String,
    /// Where notices are posted.
    pub url: String,
    /// File with the secret that signs them, at least 16 bytes.
    pub secret_file: PathBuf,
    /// PEM file of the certificates to trust, for an `https` address.
    #[serde(default)]
    pub roots_file: Option<PathBuf>,
    /// Topics that it is told of: names, or prefixes that end in a full stop (`case.`); none: all.
    #[serde(default)]
    pub topics: Vec<String>,
    /// The `source` of CloudEvents, such as `/gengfu/yuncheng`; none: the body is the row's own JSON.
    #[serde(default)]
    pub cloudevents_source: Option<String>,
}

/// A channel to people. Which keys are needed depends on `kind`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelConfig {
    /// Name in contacts and receipts, without spaces; not `console`.
    pub name: String,
    /// What it is.
    pub kind: ChannelKind,
    /// Address of the robot or the SMS gateway; of mail `HOST:PORT`.
    #[serde(default)]
    pub url: String,
    /// File with the address instead: whoever knows a robot's address may use it.
    #[serde(default)]
    pub url_file: Option<PathBuf>,
    /// File with the robot's secret for signatures, the SMS gateway's secret or the mail account's password.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
    /// PEM file of the certificates to trust, for `https` and encrypted mail.
    #[serde(default)]
    pub roots_file: Option<PathBuf>,
    /// The word that a DingTalk or Feishu robot asks for.
    #[serde(default)]
    pub keyword: Option<String>,
    /// SMS: the JSON body with `{phone}`, `{text}`, `{id}` and `{secret}`.
    #[serde(default)]
    pub body: String,
    /// SMS: where the answer says whether it took the message, such as `data.code`; empty: the status alone.
    #[serde(default)]
    pub ok_field: String,
    /// SMS: what it says then.
    #[serde(default)]
    pub ok_value: String,
    /// Mail: the sender, such as `duty@city.example.cn`.
    #[serde(default)]
    pub from: String,
    /// Mail: the account whose password `secret_file` holds.
    #[serde(default)]
    pub account: String,
    /// Mail: how the connection is encrypted.
    #[serde(default)]
    pub tls: ChannelTls,
}

/// What a channel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelKind {
    /// A WeCom group robot.
    Wecom,
    /// A DingTalk group robot.
    Dingtalk,
    /// A Feishu group robot.
    Feishu,
    /// An SMS gateway.
    Sms,
    /// Mail.
    Smtp,
}

/// How a mail connection is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelTls {
    /// By STARTTLS, or not at all.
    #[default]
    Starttls,
    /// From the first byte on.
    Tls,
    /// Not, which is possible only without a password.
    None,
}

/// The city's case platform.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlatformConfig {
    /// Name in receipts, in histories (`platform:NAME`) and in its own path `/api/v1/platforms/NAME/status`.
    pub name: String,
    /// Where cases are posted; none: it only answers.
    #[serde(default)]
    pub url: Option<String>,
    /// File with the token that both sides show, as a bearer; at least 16 characters.
    pub token_file: PathBuf,
    /// PEM file of the certificates to trust, for an `https` address.
    #[serde(default)]
    pub roots_file: Option<PathBuf>,
    /// In which form cases go out.
    #[serde(default)]
    pub form: PlatformForm,
    /// The `source` of CloudEvents.
    #[serde(default = "default_source")]
    pub source: String,
    /// TOML file with `[[field]]` lines, `[codes.NAME]` tables and `[status]`.
    #[serde(default)]
    pub mapping_file: Option<PathBuf>,
    /// Topics that it is told of.
    #[serde(default = "case_topics")]
    pub topics: Vec<String>,
    /// Where it is asked for news, with `since` in milliseconds; none: it calls by itself.
    #[serde(default)]
    pub poll_url: Option<String>,
    /// How often it is asked.
    #[serde(default = "default_poll_every")]
    pub poll_every: Span,
    /// Path of the list in its answer; empty: the answer is the list.
    #[serde(default)]
    pub poll_items: String,
}

/// In which form cases go to a platform.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlatformForm {
    /// CloudEvents 1.0, with our own body as the data.
    #[default]
    Cloudevents,
    /// What the mapping file makes of it.
    Mapped,
}

fn default_source() -> String {
    "/gengfu".to_owned()
}

fn case_topics() -> Vec<String> {
    vec!["case.".to_owned()]
}

const fn default_poll_every() -> Span {
    Span(60_000)
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

impl Default for JournalConfig {
    fn default() -> Self {
        JournalConfig {
            segment: Size(64 << 20),
            keep: Span(35 * gengfu_model::time::DAY_MS),
            keep_size: Size(50 << 30),
            queue: 4_096,
        }
    }
}

impl Default for EngineConfig {
    fn default() -> Self {
        EngineConfig { decoders: 1, checkpoint_records: 1_000_000, checkpoint_every: Span(60_000) }
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

impl Config {
    /// The part that can change an outcome.
    #[must_use]
    pub fn outcome(&self) -> OutcomeConfig {
        OutcomeConfig {
            time_zone: self.city.time_zone.clone(),
            max_ahead_ms: self.city.max_ahead.0,
            late_after_ms: self.city.late_after.0,
            late_received_ms: self.city.late_received.0,
        }
    }

    /// Reads, overrides and checks a configuration file; `None` gives the defaults with overrides.
    ///
    /// # Errors
    /// Every mistake at once, each with its place and a hint.
    pub fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Config, ConfigError> {
        good(Config::examine(file, environment))
    }

    /// As [`Config::load`], but gives what could be read beside the mistakes, so that the files that the
    /// configuration names can be looked at as well.
    #[must_use]
    pub fn examine(file: Option<&Path>, environment: impl Iterator<Item = (String, String)>) -> (Config, Vec<Mistake>) {
        let text = match file.map_or_else(|| Ok(String::new()), std::fs::read_to_string) {
            Ok(text) => text,
            Err(error) => {
                let mistake = Mistake {
                    place: file.unwrap_or(Path::new("")).display().to_string(),
                    message: format!("cannot be read: {error}"),
                    hint: "`gengfu check --config FILE` tells what a file may hold".to_owned(),
                };
                return (Config::default(), vec![mistake]);
            }
        };
        let name = file.map_or_else(|| "defaults".to_owned(), |file| file.display().to_string());
        let (mut config, mistakes) = Config::examine_text(&text, &name, environment);
        if let Some(folder) = file.and_then(Path::parent) {
            config.make_paths_relative_to(folder);
        }
        (config, mistakes)
    }

    /// Parses a configuration text; `name` stands for the file in messages.
    ///
    /// # Errors
    /// Every mistake at once, each with its place and a hint.
    pub fn parse(
        text: &str,
        name: &str,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Config, ConfigError> {
        good(Config::examine_text(text, name, environment))
    }

    fn examine_text(
        text: &str,
        name: &str,
        environment: impl Iterator<Item = (String, String)>,
    ) -> (Config, Vec<Mistake>) {
        let mut table: toml::Table = match text.parse::<toml::Table>() {
            Ok(table) => table,
            Err(error) => {
                let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
                let mistake = Mistake {
                    place: format!("{name}:{line}"),
                    message: error.message().to_owned(),
                    hint: "this is no TOML".to_owned(),
                };
                return (Config::default(), vec![mistake]);
            }
        };
        let mut mistakes = override_from(&mut table, environment);
        let mut config = Config::default();
        for (section, mut value) in table {
            // Key by key, so that a wrong one does not hide the mistakes of the others.
            while let Err((key, message, hint)) = config.set_section(&section, value.clone()) {
                let last = key.rsplit('.').next().unwrap_or(&key);
                let line = line_of(text, &section, last);
                let place = format!("{name}:{line}");
                mistakes.push(Mistake { place, message: format!("`{key}`: {message}"), hint });
                let wrong = key.split('.').nth(1).unwrap_or_default();
                if value.as_table_mut().and_then(|keys| keys.remove(wrong)).is_none() {
                    break;
                }
            }
        }
        mistakes.extend(config.check().into_iter().map(|(key, message, hint)| {
            let (section, last) = key.split_once('.').unwrap_or((&key, &key));
            Mistake {
                place: format!("{name}:{}", line_of(text, section, last)),
                message: format!("`{key}`: {message}"),
                hint,
            }
        }));
        (config, mistakes)
    }

    fn set_section(&mut self, section: &str, value: toml::Value) -> Result<(), (String, String, String)> {
        fn read<T: de::DeserializeOwned>(section: &str, value: toml::Value) -> Result<T, (String, String, String)> {
            serde_path_to_error::deserialize(value).map_err(|error| {
                let path = error.path().to_string();
                let key = if path == "." { section.to_owned() } else { format!("{section}.{path}") };
                let message = error.into_inner().to_string();
                (key, message.lines().next().unwrap_or_default().to_owned(), String::new())
            })
        }
        match section {
            "data" => self.data = read(section, value)?,
            "city" => self.city = read(section, value)?,
            "mqtt" => self.mqtt = read(section, value)?,
            "coap" => self.coap = read(section, value)?,
            "http" => self.http = read(section, value)?,
            "feed" => self.feed = read(section, value)?,
            "journal" => self.journal = read(section, value)?,
            "engine" => self.engine = read(section, value)?,
            "series" => self.series = read(section, value)?,
            "days" => self.days = read(section, value)?,
            "influx" => self.influx = Some(read(section, value)?),
            "webhook" => self.webhook = read(section, value)?,
            "channel" => self.channel = read(section, value)?,
            "platform" => self.platform = read(section, value)?,
            other => {
                let hint = "sections are data, city, mqtt, coap, http, feed, journal, engine, series, days, influx, \
                     [[webhook]], [[channel]] and [[platform]]";
                return Err((other.to_owned(), "there is no such section".to_owned(), hint.to_owned()));
            }
        }
        Ok(())
    }

    /// What is wrong though each key by itself can be read: (key, message, hint).
    fn check(&self) -> Vec<(String, String, String)> {
        let mut wrong = Vec::new();
        let mut must = |good: bool, key: &str, message: &str, hint: &str| {
            if !good {
                wrong.push((key.to_owned(), message.to_owned(), hint.to_owned()));
            }
        };
        let zone: Result<chrono_tz::Tz, _> = self.city.time_zone.parse();
        must(zone.is_ok(), "city.time_zone", "no IANA time zone", "such as \"Asia/Shanghai\"");
        let tls = (self.mqtt.tls_certificate.is_some(), self.mqtt.tls_key.is_some());
        must(
            self.mqtt.listen_tls.is_none() || tls == (true, true),
            "mqtt.listen_tls",
            "needs `tls_certificate` and `tls_key`",
            "name two PEM files",
        );
        must((1..=64).contains(&self.engine.decoders), "engine.decoders", "must be 1 to 64", "1 does on two cores");
        must(self.engine.checkpoint_records >= 1_000, "engine.checkpoint_records", "must be at least 1000", "");
        must(self.engine.checkpoint_every.0 >= 1_000, "engine.checkpoint_every", "must be at least 1s", "");
        let segment = self.journal.segment.0;
        must((1 << 20..=1 << 30).contains(&segment), "journal.segment", "must be 1MiB to 1GiB", "");
        must(self.journal.queue >= 16, "journal.queue", "must be at least 16", "");
        let packet = self.mqtt.max_packet.0;
        must((1_024..=1 << 20).contains(&packet), "mqtt.max_packet", "must be 1KiB to 1MiB", "");
        must(packet * 2 <= segment, "mqtt.max_packet", "must be at most half of `journal.segment`", "");
        must((1..=100_000).contains(&self.mqtt.rate), "mqtt.rate", "must be 1 to 100000", "");
        let file = self.attachments.max_size.0;
        must((1 << 10..=256 << 20).contains(&file), "attachments.max_size", "must be 1KiB to 256MiB", "10MiB is usual");
        must(self.days.hour < 24, "days.hour", "must be 0 to 23", "0 is midnight");
        if let Some(influx) = &self.influx {
            let url = crate::remote_series::address(influx);
            must(url.is_ok(), "influx.url", &url.err().unwrap_or_default(), "such as \"http://127.0.0.1:8086\"");
            must(!influx.bucket.is_empty(), "influx.bucket", "is empty", "name the bucket to write to");
            let roots = !influx.url.starts_with("https") || influx.roots_file.is_some();
            must(roots, "influx.roots_file", "is missing", "an https address needs the certificates to trust");
            must((100..=300_000).contains(&influx.timeout.0), "influx.timeout", "must be 100ms to 5m", "");
            let confirm = (1_000..=600_000).contains(&influx.confirm_after.0);
            must(confirm, "influx.confirm_after", "must be 1s to 10m", "");
        }
        for hook in &self.webhook {
            let http = hook.url.starts_with("http://") || hook.url.starts_with("https://");
            must(http, "webhook.url", "must begin with http:// or https://", "");
            must(!hook.name.is_empty(), "webhook.name", "is empty", "it stands in receipts");
            let source = hook.cloudevents_source.as_deref().is_none_or(gengfu_connectors::city::cloudevents::is_source);
            must(source, "webhook.cloudevents_source", "is no URI reference", "such as \"/gengfu/yuncheng\"");
        }
        for channel in &self.channel {
            let name = &channel.name;
            let good = !name.is_empty() && name != "console" && !name.contains(char::is_whitespace);
            must(good, "channel.name", "is empty, has spaces or is `console`", "contacts name the channel by it");
            let address = channel.url.is_empty() == channel.url_file.is_some();
            must(address, "channel.url", "either `url` or `url_file`", "");
            let mail = channel.kind == ChannelKind::Smtp;
            must(!mail || !channel.from.is_empty(), "channel.from", "is missing", "mail needs its sender");
            let body = channel.kind != ChannelKind::Sms || !channel.body.is_empty();
            must(body, "channel.body", "is missing", "such as '{\"mobile\":\"{phone}\",\"content\":\"{text}\"}'");
        }
        for platform in &self.platform {
            let name = &platform.name;
            let good =
                !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
            must(good, "platform.name", "is no word of letters, digits, `-` and `_`", "it stands in a path");
            let mapped = platform.form != PlatformForm::Mapped || platform.mapping_file.is_some();
            must(mapped, "platform.mapping_file", "is missing", "the form `mapped` needs it");
            let source = gengfu_connectors::city::cloudevents::is_source(&platform.source);
            must(source, "platform.source", "is no URI reference", "such as \"/gengfu/yuncheng\"");
            must((1_000..=86_400_000).contains(&platform.poll_every.0), "platform.poll_every", "must be 1s to 1d", "");
        }
        wrong
    }

    fn make_paths_relative_to(&mut self, folder: &Path) {
        let optional = [
            &mut self.city.rules,
            &mut self.city.profile,
            &mut self.mqtt.tls_certificate,
            &mut self.mqtt.tls_key,
            &mut self.mqtt.tls_client_ca,
        ];
        let remote = self.influx.iter_mut().flat_map(|influx| [&mut influx.token_file, &mut influx.roots_file]);
        let hooks = self.webhook.iter_mut();
        let files = hooks.flat_map(|hook| hook.roots_file.as_mut().into_iter().chain([&mut hook.secret_file]));
        let channels = self
            .channel
            .iter_mut()
            .flat_map(|channel| [&mut channel.url_file, &mut channel.secret_file, &mut channel.roots_file]);
        let platforms = self.platform.iter_mut();
        let platforms = platforms.flat_map(|platform| {
            let files = [&mut platform.roots_file, &mut platform.mapping_file];
            files.into_iter().flatten().chain([&mut platform.token_file])
        });
        let files = files.chain(channels.flatten()).chain(platforms);
        let paths =
            optional.into_iter().chain(remote).flatten().chain(files).chain(std::iter::once(&mut self.data.folder));
        for path in paths {
            *path = folder.join(&*path);
        }
    }
}

fn good((config, mistakes): (Config, Vec<Mistake>)) -> Result<Config, ConfigError> {
    if mistakes.is_empty() { Ok(config) } else { Err(ConfigError(mistakes)) }
}

/// Puts `GENGFU_SECTION_KEY=value` variables into the table.
fn override_from(table: &mut toml::Table, environment: impl Iterator<Item = (String, String)>) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (variable, value) in environment {
        let Some(rest) = variable.strip_prefix("GENGFU_") else { continue };
        let rest = rest.to_lowercase();
        // Variables that are not settings: the log filter is the command line's, the other one the build's.
        if rest == "log" || rest == "without_console" {
            continue;
        }
        let Some((section, key)) = rest.split_once('_') else {
            mistakes.push(Mistake {
                place: format!("environment variable {variable}"),
                message: "names no section and key".to_owned(),
                hint: "such as GENGFU_MQTT_LISTEN".to_owned(),
            });
            continue;
        };
        // A bare word is a text; numbers, booleans and lists are TOML.
        let value = value.parse::<toml::Value>().unwrap_or(toml::Value::String(value));
        let section = table.entry(section).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        if let Some(section) = section.as_table_mut() {
            section.insert(key.to_owned(), value);
        }
    }
    mistakes
}

/// The line of a key within its section, from 1; of the section if the key is not there.
fn line_of(text: &str, section: &str, key: &str) -> usize {
    let mut in_section = false;
    let mut section_line = 1;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            in_section = line.trim_matches(['[', ']']) == section;
            if in_section {
                section_line = number + 1;
            }
        } else if in_section && line.split('=').next().is_some_and(|name| name.trim() == key) {
            return number + 1;
        }
    }
    section_line
}

/// One mistake of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// File and line, or the environment variable.
    pub place: String,
    /// What is wrong.
    pub message: String,
    /// What to do; may be empty.
    pub hint: String,
}

/// Every mistake of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError(pub Vec<Mistake>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, mistake) in self.0.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            write!(f, "{}: {}", mistake.place, mistake.message)?;
            if !mistake.hint.is_empty() {
                write!(f, "\n  hint: {}", mistake.hint)?;
            }
        }
        Ok(())
    }
}

/// A length of time as text with a unit: `500ms`, `10s`, `5m`, `2h`, `35d`. Kept in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub i64);

/// A size as text with a unit: `512`, `64KiB`, `64MiB`, `2GiB`. Kept in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

const SPAN_UNITS: [(&str, i64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const SIZE_UNITS: [(&str, u64); 4] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("", 1)];

fn split_unit(text: &str) -> Option<(i64, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..digits].parse().ok()?, text[digits..].trim()))
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parse = || {
            let (number, unit) = split_unit(&text)?;
            let factor = SPAN_UNITS.iter().find(|(name, _)| *name == unit)?.1;
            number.checked_mul(factor).map(Span)
        };
        parse().ok_or_else(|| {
            de::Error::custom(format!("`{text}` is no length of time, such as \"10s\", \"5m\" or \"35d\""))
        })
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fits = |unit: &&(&str, i64)| self.0 % unit.1 == 0;
        let (name, factor) = SPAN_UNITS.iter().rev().find(fits).unwrap_or(&SPAN_UNITS[0]);
        serializer.collect_str(&format_args!("{}{name}", self.0 / factor))
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Size, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parse = || {
            let (number, unit) = split_unit(&text)?;
            let factor = SIZE_UNITS.iter().find(|(name, _)| *name == unit)?.1;
            u64::try_from(number).ok()?.checked_mul(factor).map(Size)
        };
        parse()
            .ok_or_else(|| de::Error::custom(format!("`{text}` is no size, such as \"64KiB\", \"64MiB\" or \"2GiB\"")))
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fits = |unit: &&(&str, u64)| self.0.is_multiple_of(unit.1);
        let (name, factor) = SIZE_UNITS[..3].iter().rev().find(fits).unwrap_or(&SIZE_UNITS[3]);
        serializer.collect_str(&format_args!("{}{name}", self.0 / factor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, "gengfu.toml", std::iter::empty()).map_err(|error| error.to_string())
    }

    #[test]
    fn an_empty_file_gives_the_defaults_and_they_read_what_they_write() {
        let config = parse("").unwrap();
        assert_eq!(config, Config::default());
        let text = toml::to_string(&config).unwrap();
        assert_eq!(parse(&text).unwrap(), config);
    }

    #[test]
    fn all_mistakes_are_told_at_once_with_their_places() {
        let text = "[mqtt]\nlisten = \"nowhere\"\n\n[city]\ntime_zone = \"Mars/Base\"\n\n[journal]\nsegmant = \"64MiB\"\n\n[engine]\ncheckpoint_every = \"soon\"\n\n[lorawan]\n";
        let message = parse(text).unwrap_err();
        for part in [
            "gengfu.toml:2: `mqtt.listen`: invalid socket address syntax",
            "gengfu.toml:5: `city.time_zone`: no IANA time zone",
            "gengfu.toml:8: `journal.segmant`: unknown field `segmant`",
            "gengfu.toml:11: `engine.checkpoint_every`: `soon` is no length of time",
            "`lorawan`: there is no such section",
        ] {
            assert!(message.contains(part), "`{part}` is missing in:\n{message}");
        }
    }

    #[test]
    fn a_remote_series_is_there_when_its_section_is_and_its_mistakes_are_told() {
        assert_eq!(parse("").unwrap().influx, None);
        let influx = parse("[influx]\nurl = \"http://127.0.0.1:8428\"\n").unwrap().influx.unwrap();
        assert_eq!((influx.api, influx.text, influx.confirm_after), (InfluxApi::V2, false, Span(15_000)));
        let config = parse("[influx]\nurl = \"http://h\"\napi = \"v1\"\ntoken_file = \"t\"\n").unwrap();
        assert_eq!(parse(&toml::to_string(&config).unwrap()).unwrap(), config);
        for (text, part) in [
            ("[influx]\n", "missing field `url`"),
            ("[influx]\nurl = \"http://h/path\"\n", "gengfu.toml:2: `influx.url`: remote series: address"),
            ("[influx]\nurl = \"nowhere\"\n", "`influx.url`"),
            ("[influx]\nurl = \"https://h\"\n", "`influx.roots_file`: is missing"),
            ("[influx]\nurl = \"http://h\"\nbucket = \"\"\n", "gengfu.toml:3: `influx.bucket`"),
            ("[influx]\nurl = \"http://h\"\napi = \"v3\"\n", "unknown variant `v3`"),
            ("[influx]\nurl = \"http://h\"\nconfirm_after = \"1ms\"\n", "`influx.confirm_after`: must be"),
        ] {
            let message = parse(text).unwrap_err();
            assert!(message.contains(part), "`{part}` is missing in:\n{message}");
        }
    }

    #[test]
    fn environment_variables_override_the_file() {
        let environment = [("GENGFU_MQTT_LISTEN", "127.0.0.1:0"), ("GENGFU_ENGINE_DECODERS", "4"), ("HOME", "/")];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let config = Config::parse("[engine]\ndecoders = 2\n", "x", environment.into_iter()).unwrap();
        assert_eq!(config.mqtt.listen.port(), 0);
        assert_eq!(config.engine.decoders, 4);
    }

    #[test]
    fn a_broken_file_names_the_line() {
        assert!(parse("[mqtt]\nlisten = \n").unwrap_err().contains("gengfu.toml:2"));
    }
}
