//! Who is told outside, from the configuration: webhooks, people's channels and city platforms, all fed from the
//! ledger's outbox; and the doors by which platforms answer.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use gengfu_connectors::city::{Authorization, Platform, PlatformBody, StatusMapping};
use gengfu_connectors::delivery::WebhookConfig as Settings;
use gengfu_connectors::delivery::{BodyForm, Deliverer, DeliveryConfig, DeliveryReader, StartAt, Target, Webhook};
use gengfu_connectors::notify::{self, ChannelKind as Kind, SmsTemplate, SmtpSettings, SmtpTls};
use gengfu_dashboards::gateway::PlatformDoor;
use gengfu_ingest::Clock;
use sha2::Digest as _;

use crate::config::{ChannelConfig, ChannelKind, ChannelTls, Config, PlatformConfig, PlatformForm, WebhookConfig};
use crate::gateway::{StartError, ledger_reader};
use crate::platform_file::PlatformFile;

/// How long one attempt may take in all.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);

/// What the API knows of telling: filled when delivery starts.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// The channels to people beside the console.
    pub(crate) channels: Vec<String>,
    /// The doors of city platforms, by name.
    pub(crate) doors: BTreeMap<String, Arc<PlatformDoor>>,
    /// The record of deliveries.
    pub(crate) receipts: Option<DeliveryReader>,
}

/// Starts a deliverer for everybody whom the configuration names; `None` if it names nobody.
///
/// # Errors
/// When somebody cannot be told as configured, or the record of deliveries cannot be opened.
pub(crate) fn start(
    config: &Config,
    clock: &Arc<dyn Clock>,
    told: &RwLock<Told>,
) -> Result<Option<Deliverer>, StartError> {
    let data = &config.data.folder;
    let mut targets = config.webhook.iter().map(webhook).collect::<Result<Vec<_>, _>>()?;
    for channel in &config.channel {
        targets.push(person_channel(channel)?);
    }
    let mut doors = BTreeMap::new();
    for settings in &config.platform {
        let file = platform_file(settings)?;
        let token = secret(&format!("platform `{}`", settings.name), &settings.token_file)?;
        targets.extend(platform(config, settings, &file, &token)?);
        let token_hash = <[u8; 32]>::from(sha2::Sha256::digest(token.as_bytes()));
        let door = PlatformDoor { token_hash, mapping: file.status };
        doors.insert(settings.name.clone(), Arc::new(door));
    }
    let mut known =
        Told { channels: config.channel.iter().map(|channel| channel.name.clone()).collect(), doors, receipts: None };
    let deliverer = if targets.is_empty() {
        None
    } else {
        let clock = Arc::clone(clock);
        let clock: gengfu_connectors::delivery::Clock = Arc::new(move || clock.now());
        let record = data.join("delivery.db");
        let started = Deliverer::start(&ledger_reader(data)?, &record, targets, DeliveryConfig::default(), &clock);
        let deliverer = started.map_err(|error| StartError::new("delivery", error))?;
        known.receipts = Some(deliverer.receipts());
        Some(deliverer)
    };
    if let Ok(mut told) = told.write() {
        *told = known;
    }
    Ok(deliverer)
}

/// Reads the mapping of a platform; without a file, the bodies are our own.
pub(crate) fn platform_file(settings: &PlatformConfig) -> Result<PlatformFile, StartError> {
    let what = format!("platform `{}`", settings.name);
    match &settings.mapping_file {
        None => Ok(PlatformFile { field: Vec::new(), codes: BTreeMap::new(), status: StatusMapping::default() }),
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| StartError::new(&what, format!("{}: {error}", path.display())))?;
            PlatformFile::parse(&text)
                .map_err(|message| StartError::new(&what, format!("{}: {message}", path.display())))
        }
    }
}

/// What is wrong with the files of channels and platforms; nothing is sent.
pub(crate) fn check(config: &Config) -> Vec<String> {
    let channels = config.channel.iter().filter_map(|channel| person_channel(channel).err());
    let platforms = config.platform.iter().filter_map(|settings| {
        let made = platform_file(settings).and_then(|file| {
            let token = secret(&format!("platform `{}`", settings.name), &settings.token_file)?;
            platform(config, settings, &file, &token)
        });
        made.err()
    });
    channels.chain(platforms).map(|error| error.to_string()).collect()
}

fn read(what: &str, file: &Path) -> Result<Vec<u8>, StartError> {
    std::fs::read(file).map_err(|error| StartError::new(what, format!("{}: {error}", file.display())))
}

/// The text of a secret's file, without the space around it.
pub(crate) fn secret(what: &str, file: &Path) -> Result<String, StartError> {
    let text = String::from_utf8(read(what, file)?.trim_ascii().to_vec());
    let text = text.map_err(|_| StartError::new(what, format!("{}: is no text in UTF-8", file.display())))?;
    if text.is_empty() {
        return Err(StartError::new(what, format!("{}: is empty", file.display())));
    }
    Ok(text)
}

fn webhook(hook: &WebhookConfig) -> Result<Target, StartError> {
    let what = format!("webhook `{}`", hook.name);
    let secret = read(&what, &hook.secret_file)?.trim_ascii().to_vec();
    let roots_pem = hook.roots_file.as_deref().map(|file| read(&what, file)).transpose()?.unwrap_or_default();
    let settings = Settings { url: hook.url.clone(), secret, timeout: TIMEOUT, roots_pem };
    let webhook = Webhook::new(settings).map_err(|error| StartError::new(&what, error))?;
    let form = match &hook.cloudevents_source {
        Some(source) => BodyForm::CloudEvent { source: source.clone() },
        None => BodyForm::Plain,
    };
    Ok(Target {
        name: hook.name.clone(),
        topics: hook.topics.clone(),
        start: StartAt::Newest,
        channel: Box::new(webhook.in_form(form)),
        keep_trying: false,
    })
}

/// The target of a channel to people.
fn person_channel(settings: &ChannelConfig) -> Result<Target, StartError> {
    let what = format!("channel `{}`", settings.name);
    let own = settings.secret_file.as_deref().map(|file| secret(&what, file)).transpose()?;
    let roots_pem = settings.roots_file.as_deref().map(|file| read(&what, file)).transpose()?.unwrap_or_default();
    // A robot's address is its secret, so it may stand in a file as well.
    let url = match &settings.url_file {
        Some(file) => secret(&what, file)?,
        None => settings.url.clone(),
    };
    let keyword = settings.keyword.clone();
    let kind = match settings.kind {
        ChannelKind::Wecom => Kind::Wecom,
        ChannelKind::Dingtalk => Kind::Dingtalk { secret: own, keyword },
        ChannelKind::Feishu => Kind::Feishu { secret: own, keyword },
        ChannelKind::Sms => Kind::Sms(SmsTemplate {
            body: settings.body.clone(),
            ok_field: settings.ok_field.clone(),
            ok_value: settings.ok_value.clone(),
            secret: own.unwrap_or_default(),
        }),
        ChannelKind::Smtp => Kind::Smtp(SmtpSettings {
            from: settings.from.clone(),
            account: own.map(|password| (settings.account.clone(), password)),
            tls: match settings.tls {
                ChannelTls::Starttls => SmtpTls::Starttls,
                ChannelTls::Tls => SmtpTls::Tls,
                ChannelTls::None => SmtpTls::None,
            },
        }),
    };
    let channel = notify::channel(kind, &url, &roots_pem, TIMEOUT).map_err(|error| StartError::new(&what, error))?;
    Ok(Target {
        name: settings.name.clone(),
        topics: vec![format!("notification.{}", settings.name)],
        start: StartAt::Newest,
        channel,
        keep_trying: false,
    })
}

/// The target of a city platform, if it takes cases.
fn platform(
    config: &Config,
    settings: &PlatformConfig,
    file: &PlatformFile,
    token: &str,
) -> Result<Option<Target>, StartError> {
    let what = format!("platform `{}`", settings.name);
    let Some(url) = &settings.url else { return Ok(None) };
    let roots_pem = settings.roots_file.as_deref().map(|file| read(&what, file)).transpose()?.unwrap_or_default();
    let body = match settings.form {
        PlatformForm::Cloudevents => PlatformBody::CloudEvent { source: settings.source.clone() },
        PlatformForm::Mapped => {
            PlatformBody::Mapped(file.mapping(&config.city.time_zone).map_err(|error| StartError::new(&what, error))?)
        }
    };
    let authorization = Authorization::Bearer(token.to_owned());
    let channel =
        Platform::new(url, &roots_pem, TIMEOUT, authorization, body).map_err(|error| StartError::new(&what, error))?;
    Ok(Some(Target {
        name: format!("platform:{}", settings.name),
        topics: settings.topics.clone(),
        start: StartAt::Newest,
        channel: Box::new(channel),
        keep_trying: true,
    }))
}
