//! The sections of whom and what is told outside: webhooks, channels to people, case platforms.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::units::Span;

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
