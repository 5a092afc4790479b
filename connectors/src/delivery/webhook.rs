//! A signed webhook: POST of the item's JSON body, or of a CloudEvent with it.
//!
//! Headers: `X-Gengfu-Id` (idempotency key: the same item always carries the same), `X-Gengfu-Topic`,
//! `X-Gengfu-Timestamp` (milliseconds of the Unix epoch at the attempt) and `X-Gengfu-Signature`:
//! `sha256=` and the hexadecimal HMAC-SHA-256, under the shared secret, of timestamp, a full stop and
//! the body. A receiver checks the signature, refuses old timestamps and forgets repeated ids.

use std::fmt;
use std::time::Duration;

use gengfu_model::{OutboxItem, Timestamp};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::channel::{Channel, Outcome};
use super::http::{Http, HttpError};
use crate::city::cloudevents;

/// Where a webhook goes and how.
#[derive(Clone)]
pub struct WebhookConfig {
    /// `http://` or `https://` address.
    pub url: String,
    /// The secret that signatures are made with, shared with the receiver. At least 16 bytes.
    pub secret: Vec<u8>,
    /// How long one attempt may take in all.
    pub timeout: Duration,
    /// For `https`: the certificates to trust, as PEM (such as the system's bundle, or the city's own).
    pub roots_pem: Vec<u8>,
}

impl fmt::Debug for WebhookConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookConfig").field("url", &self.url).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// Why a webhook cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The address or the certificates.
    #[error("webhook: {0}")]
    Http(#[from] HttpError),
    /// The secret is too short to keep anybody out.
    #[error("webhook `{url}` has a secret of {found} bytes, it must have at least 16")]
    Secret {
        /// The address.
        url: String,
        /// The secret's length.
        found: usize,
    },
}

/// In which form a webhook's body is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyForm {
    /// The outbox row's own JSON.
    Plain,
    /// A CloudEvent in structured JSON mode from that source.
    CloudEvent {
        /// The event's `source`.
        source: String,
    },
}

/// A signed webhook.
pub struct Webhook {
    http: Http,
    secret: Vec<u8>,
    form: BodyForm,
}

impl Webhook {
    /// A webhook by its configuration. Nothing is sent.
    ///
    /// # Errors
    /// [`WebhookError`] names what is wrong with the configuration.
    pub fn new(config: WebhookConfig) -> Result<Webhook, WebhookError> {
        let WebhookConfig { url, secret, timeout, roots_pem } = config;
        let http = Http::new(&url, &roots_pem, timeout)?;
        if secret.len() < 16 {
            return Err(WebhookError::Secret { url, found: secret.len() });
        }
        Ok(Webhook { http, secret, form: BodyForm::Plain })
    }

    /// The same with its bodies in another form.
    #[must_use]
    pub fn in_form(mut self, form: BodyForm) -> Webhook {
        self.form = form;
        self
    }
}

impl Channel for Webhook {
    fn deliver(&mut self, item: &OutboxItem, now: Timestamp) -> Outcome {
        let (body, media_type) = match &self.form {
            BodyForm::Plain => (item.body.clone(), "application/json"),
            BodyForm::CloudEvent { source } => match cloudevents::structured(item, source) {
                Ok(event) => (event, cloudevents::MEDIA_TYPE),
                Err(answer) => return Outcome::Refused { answer },
            },
        };
        let (id, time) = (item.id.to_string(), now.0.to_string());
        let proof = signature(&self.secret, now, &body);
        let headers = [
            ("Content-Type", media_type),
            ("X-Gengfu-Id", id.as_str()),
            ("X-Gengfu-Topic", &*item.topic),
            ("X-Gengfu-Timestamp", time.as_str()),
            ("X-Gengfu-Signature", proof.as_str()),
        ];
        match self.http.post("", &headers, &body) {
            Ok(answer) => answer.outcome(),
            Err(answer) => Outcome::Unavailable { answer },
        }
    }
}

/// The value of the signature header.
#[must_use]
pub fn signature(secret: &[u8], now: Timestamp, body: &str) -> String {
    use fmt::Write as _;
    let mut text = "sha256=".to_owned();
    // A key of any length is taken by HMAC; the error type is shared with other constructions.
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) {
        mac.update(now.0.to_string().as_bytes());
        mac.update(b".");
        mac.update(body.as_bytes());
        for byte in mac.finalize().into_bytes() {
            if write!(text, "{byte:02x}").is_err() {
                break;
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_documented_one() {
        // Computed with: printf '1783900800000.{"id":"7-0"}' | openssl dgst -sha256 -hmac 0123456789abcdef
        assert_eq!(signature(b"0123456789abcdef", Timestamp(1_783_900_800_000), r#"{"id":"7-0"}"#), EXPECTED);
    }
    const EXPECTED: &str = "sha256=40c98abb41f2e2980afe270b3d8c8053e8bb64a7c427b75994537a3b365bbb2f";

    #[test]
    fn what_is_wrong_with_a_configuration_is_said() {
        let make = |url: &str, secret: &[u8], roots: &[u8]| {
            let config = WebhookConfig {
                url: url.to_owned(),
                secret: secret.to_vec(),
                timeout: Duration::from_secs(1),
                roots_pem: roots.to_vec(),
            };
            Webhook::new(config).map(|_| ())
        };
        let secret = b"0123456789abcdef";
        assert!(make("http://127.0.0.1:9/x", secret, b"").is_ok());
        for url in ["", "127.0.0.1", "ftp://x/", "/path", "http://"] {
            assert!(matches!(make(url, secret, b""), Err(WebhookError::Http(HttpError::Url { .. }))), "{url}");
        }
        assert!(matches!(make("http://x/", b"short", b""), Err(WebhookError::Secret { found: 5, .. })));
        assert!(matches!(make("https://x/", secret, b""), Err(WebhookError::Http(HttpError::Roots { .. }))));
    }
}
