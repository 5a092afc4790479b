//! Reading a configuration: file, environment, and every mistake at once.

use std::path::Path;

use gengfu_model::record::OutcomeConfig;
use serde::de;

use super::mistakes::{good, line_of};
use super::{Config, ConfigError, Mistake};

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
            "attachments" => self.attachments = read(section, value)?,
            "influx" => self.influx = Some(read(section, value)?),
            "webhook" => self.webhook = read(section, value)?,
            "channel" => self.channel = read(section, value)?,
            "platform" => self.platform = read(section, value)?,
            other => {
                let hint = "sections are data, city, mqtt, coap, http, feed, journal, engine, series, days, attachments, \
                     influx, [[webhook]], [[channel]] and [[platform]]";
                return Err((other.to_owned(), "there is no such section".to_owned(), hint.to_owned()));
            }
        }
        Ok(())
    }

    fn make_paths_relative_to(&mut self, folder: &Path) {
        let optional = [
            &mut self.city.rules,
            &mut self.city.profile,
            &mut self.city.places,
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
