//! The configuration: one TOML file, every key with a default that works on a laptop.
//!
//! Unknown keys are errors. `GENGFU_SECTION_KEY` environment variables override the file (such as
//! `GENGFU_MQTT_LISTEN`). Secrets stand in files of their own. All mistakes are reported at once.

mod check;
mod influx;
mod load;
mod mistakes;
mod outside;
mod sections;
mod units;

use serde::{Deserialize, Serialize};

pub use influx::{InfluxApi, InfluxConfig};
pub use mistakes::{ConfigError, Mistake};
pub use outside::{ChannelConfig, ChannelKind, ChannelTls, PlatformConfig, PlatformForm, WebhookConfig};
pub use sections::{
    CityConfig, CoapConfig, DataConfig, DaysConfig, EngineConfig, FeedConfig, HttpConfig, JournalConfig, MqttConfig,
    SeriesConfig,
};
pub use units::{Size, Span};

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
    /// The remote time series beside it; none: there is none.
    pub influx: Option<InfluxConfig>,
    /// Who is told outside.
    pub webhook: Vec<WebhookConfig>,
    /// Channels to people: robots of their messengers, mail, SMS.
    pub channel: Vec<ChannelConfig>,
    /// The city's case platforms.
    pub platform: Vec<PlatformConfig>,
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
