//! Mail over SMTP (RFC 5321), by the `lettre` crate: plain text in UTF-8, one recipient a message.
//!
//! The message's id is made of the outbox row's, so that a mail that goes out twice is told by it.

use std::time::Duration;

use gengfu_model::duty::Language;
use gengfu_model::{OutboxItem, Timestamp};
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{SmtpTransport, Transport};

use super::NotifyError;
use super::notice::{Notice, cut};
use crate::delivery::{Channel, Outcome};

const MAX_TEXT_BYTES: usize = 20_000;
const MAX_SUBJECT_BYTES: usize = 200;

/// How mail is sent.
#[derive(Clone, Debug)]
pub struct SmtpSettings {
    /// The sender's address.
    pub from: String,
    /// Account and password at the mail server, if it asks for them.
    pub account: Option<(String, String)>,
    /// Whether the connection is encrypted.
    pub tls: SmtpTls,
}

/// Whether the connection is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SmtpTls {
    /// By STARTTLS, or not at all.
    #[default]
    Starttls,
    /// From the first byte on.
    Tls,
    /// No: only within the machine or a network of its own.
    None,
}

pub(super) struct Smtp {
    transport: SmtpTransport,
    from: Mailbox,
    domain: String,
}

impl Smtp {
    pub(super) fn new(
        server: &str,
        roots_pem: &[u8],
        timeout: Duration,
        settings: SmtpSettings,
    ) -> Result<Smtp, NotifyError> {
        let wrong = |message: String| NotifyError::Settings(message);
        let (host, port) = server
            .rsplit_once(':')
            .and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)))
            .ok_or_else(|| wrong(format!("`{server}` is no mail server: write it as mail.example.cn:587")))?;
        let from: Mailbox =
            settings.from.parse().map_err(|error| wrong(format!("sender `{}`: {error}", settings.from)))?;
        if settings.tls == SmtpTls::None && settings.account.is_some() {
            return Err(wrong("a password is not sent over a connection that is not encrypted".to_owned()));
        }
        let tls = || {
            if roots_pem.is_empty() {
                return Err(wrong(format!("mail server `{server}` needs a PEM file with certificates to trust")));
            }
            let bad = |error| wrong(format!("mail server `{server}`: {error}"));
            let roots = Certificate::from_pem(roots_pem).map_err(bad)?;
            let builder = TlsParameters::builder(host.to_owned()).certificate_store(CertificateStore::None);
            let builder = builder.add_root_certificate(roots);
            builder.build_rustls().map_err(|error| wrong(format!("mail server `{server}`: {error}")))
        };
        let tls = match settings.tls {
            SmtpTls::None => Tls::None,
            SmtpTls::Starttls => Tls::Required(tls()?),
            SmtpTls::Tls => Tls::Wrapper(tls()?),
        };
        let domain = from.email.domain().to_owned();
        let mut builder = SmtpTransport::builder_dangerous(host)
            .port(port)
            .timeout(Some(timeout))
            .hello_name(ClientId::Domain(domain.clone()))
            .tls(tls);
        if let Some((user, password)) = settings.account {
            builder = builder.credentials(Credentials::new(user, password));
        }
        Ok(Smtp { transport: builder.build(), from, domain })
    }

    fn message(&self, item: &OutboxItem, notice: &Notice, to: Mailbox) -> Result<Message, String> {
        let subject = match (notice.language, notice.number.as_str()) {
            (Language::Zh, "") => "城管物联值班通知".to_owned(),
            (Language::En, "") => "gengfu: duty notification".to_owned(),
            (Language::Zh, number) => format!("案卷 {number}：{}", notice.text(80)),
            (Language::En, number) => format!("case {number}: {}", notice.text(80)),
        };
        Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(cut(&subject.replace(['\r', '\n'], " "), MAX_SUBJECT_BYTES))
            .message_id(Some(format!("<{}@{}>", item.id, self.domain)))
            .header(ContentType::TEXT_PLAIN)
            .body(notice.text(MAX_TEXT_BYTES))
            .map_err(|error| error.to_string())
    }
}

impl Channel for Smtp {
    fn deliver(&mut self, item: &OutboxItem, _now: Timestamp) -> Outcome {
        let message = Notice::read(&item.body).and_then(|notice| {
            let to = notice.address.parse().map_err(|error| format!("`{}`: {error}", notice.address))?;
            self.message(item, &notice, to)
        });
        let message = match message {
            Ok(message) => message,
            Err(answer) => return Outcome::Refused { answer },
        };
        match self.transport.send(&message) {
            Ok(response) => {
                let answer = response.message().collect::<Vec<_>>().join(" ");
                Outcome::Delivered { answer: format!("{} {answer}", response.code()) }
            }
            // 5xx: this recipient or this text; 535 and the like are about the account.
            Err(error) if error.is_permanent() => {
                let code = error.status().map(|code| code.to_string()).unwrap_or_default();
                let locked_out = matches!(code.as_str(), "530" | "534" | "535" | "538");
                let answer = error.to_string();
                if locked_out { Outcome::Unavailable { answer } } else { Outcome::Refused { answer } }
            }
            Err(error) => Outcome::Unavailable { answer: error.to_string() },
        }
    }
}
