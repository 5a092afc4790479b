//! Channels to people: one file each, and one line in [`ChannelKind`].
//!
//! A channel is the target of the outbox rows `notification.NAME`, one for each person. It makes one attempt at
//! a time and keeps no queue; order, repeats and receipts are the deliverer's. Secrets come from files. What a
//! vendor limits by the minute is kept here, so that the vendor does not have to.

mod dingtalk;
mod feishu;
mod notice;
mod pace;
mod reply;
mod sign;
mod sms;
mod smtp;
mod wecom;

#[cfg(test)]
mod smtp_tls_tests;
#[cfg(test)]
mod tests;

pub use notice::Notice;
pub use smtp::{SmtpSettings, SmtpTls};

use std::time::Duration;

use crate::delivery::Channel;
use crate::delivery::http::{Http, HttpError};

/// The channels that there are.
#[derive(Clone, Debug)]
pub enum ChannelKind {
    /// A WeCom group robot.
    Wecom,
    /// A DingTalk group robot.
    Dingtalk {
        /// The robot's secret, if it asks for signatures.
        secret: Option<String>,
        /// The word that the robot asks for, if it does.
        keyword: Option<String>,
    },
    /// A Feishu group robot.
    Feishu {
        /// The robot's secret, if it asks for signatures.
        secret: Option<String>,
        /// The word that the robot asks for, if it does.
        keyword: Option<String>,
    },
    /// An SMS gateway's HTTP interface.
    Sms(SmsTemplate),
    /// Mail.
    Smtp(SmtpSettings),
}

/// How an SMS gateway wants to be asked.
#[derive(Clone, Debug)]
pub struct SmsTemplate {
    /// The body; `{phone}`, `{text}`, `{id}` and `{secret}` are filled, escaped for JSON.
    pub body: String,
    /// Where in the answer it says whether it took the message, such as `code`; empty: the status alone.
    pub ok_field: String,
    /// What it says then.
    pub ok_value: String,
    /// What `{secret}` stands for.
    pub secret: String,
}

/// Why a channel cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// The address or the certificates.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// Something else of its settings.
    #[error("{0}")]
    Settings(String),
}

/// The channel of that kind.
///
/// # Errors
/// [`NotifyError`] names what is wrong with the settings.
pub fn channel(
    kind: ChannelKind,
    url: &str,
    roots_pem: &[u8],
    timeout: Duration,
) -> Result<Box<dyn Channel>, NotifyError> {
    let http = || Http::new(url, roots_pem, timeout);
    Ok(match kind {
        ChannelKind::Wecom => Box::new(wecom::Wecom::new(http()?)),
        ChannelKind::Dingtalk { secret, keyword } => Box::new(dingtalk::Dingtalk::new(http()?, secret, keyword)),
        ChannelKind::Feishu { secret, keyword } => Box::new(feishu::Feishu::new(http()?, secret, keyword)),
        ChannelKind::Sms(template) => Box::new(sms::Sms::new(http()?, template)?),
        ChannelKind::Smtp(settings) => Box::new(smtp::Smtp::new(url, roots_pem, timeout, settings)?),
    })
}
