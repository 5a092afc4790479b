//! A signed webhook: POST of the item's JSON body.
//!
//! Headers: `X-Gengfu-Id` (idempotency key: the same item always carries the same), `X-Gengfu-Topic`,
//! `X-Gengfu-Timestamp` (milliseconds of the Unix epoch at the attempt) and `X-Gengfu-Signature`:
//! `sha256=` and the hexadecimal HMAC-SHA-256, under the shared secret, of timestamp, a full stop and
//! the body. A receiver checks the signature, refuses old timestamps and forgets repeated ids.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use gengfu_model::{OutboxItem, Timestamp};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use ureq::Agent;
use ureq::http::{StatusCode, Uri};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use super::channel::{Channel, Outcome};

/// Bytes of a refusing answer that are kept for the receipt.
const MAX_ANSWER_BYTES: u64 = 512;

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
    /// The address is none.
    #[error("webhook address `{url}` is not an http or https address: {message}")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        message: String,
    },
    /// The secret is too short to keep anybody out.
    #[error("webhook `{url}` has a secret of {found} bytes, it must have at least 16")]
    Secret {
        /// The address.
        url: String,
        /// The secret's length.
        found: usize,
    },
    /// An https address without certificates to trust.
    #[error("webhook `{url}` needs a PEM file with certificates to trust: {message}")]
    Roots {
        /// The address.
        url: String,
        /// What is wrong.
        message: String,
    },
}

/// A signed webhook.
pub struct Webhook {
    agent: Agent,
    url: String,
    secret: Vec<u8>,
}

impl Webhook {
    /// A webhook by its configuration. Nothing is sent.
    ///
    /// # Errors
    /// [`WebhookError`] names what is wrong with the configuration.
    pub fn new(config: WebhookConfig) -> Result<Webhook, WebhookError> {
        let WebhookConfig { url, secret, timeout, roots_pem } = config;
        let scheme = scheme(&url)?;
        if secret.len() < 16 {
            return Err(WebhookError::Secret { url, found: secret.len() });
        }
        let roots = certificates(&roots_pem).map_err(|message| WebhookError::Roots { url: url.clone(), message })?;
        if scheme == Scheme::Https && roots.is_empty() {
            return Err(WebhookError::Roots { url, message: "there is none".to_owned() });
        }
        // The provider is given explicitly: there is no process-wide default to rely on.
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .root_certs(RootCerts::new_with_certs(&roots))
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            // Only what stands in the configuration decides where things go.
            .proxy(None)
            .user_agent("gengfu")
            .build();
        Ok(Webhook { agent: config.new_agent(), url, secret })
    }
}

impl Channel for Webhook {
    fn deliver(&mut self, item: &OutboxItem, now: Timestamp) -> Outcome {
        let sent = self
            .agent
            .post(&self.url)
            .header("Content-Type", "application/json")
            .header("X-Gengfu-Id", item.id.to_string())
            .header("X-Gengfu-Topic", &*item.topic)
            .header("X-Gengfu-Timestamp", now.0.to_string())
            .header("X-Gengfu-Signature", signature(&self.secret, now, &item.body))
            .send(item.body.as_str());
        let mut response = match sent {
            Ok(response) => response,
            Err(error) => return Outcome::Unavailable { answer: error.to_string() },
        };
        let status = response.status();
        // What cannot be read of the answer is of no interest: the status decides.
        let text = response.body_mut().with_config().limit(MAX_ANSWER_BYTES).lossy_utf8(true).read_to_string();
        let answer = format!("{} {}", status.as_u16(), text.unwrap_or_default().trim()).trim().to_owned();
        judge(status, answer)
    }
}

/// Which statuses are about the item, and which about the receiver as a whole: wrong address, wrong
/// secret, too busy, a gateway in between. A plain 500 may be the item's doing.
fn judge(status: StatusCode, answer: String) -> Outcome {
    match status.as_u16() {
        200..=299 => Outcome::Delivered { answer },
        401 | 403 | 404 | 405 | 407 | 408 | 421 | 425 | 429 | 502 | 503 | 504 => Outcome::Unavailable { answer },
        400..=599 => Outcome::Refused { answer },
        _ => Outcome::Unavailable { answer },
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

#[derive(PartialEq)]
enum Scheme {
    Http,
    Https,
}

fn scheme(url: &str) -> Result<Scheme, WebhookError> {
    let bad = |message: String| WebhookError::Url { url: url.to_owned(), message };
    let uri: Uri = url.parse().map_err(|error: ureq::http::uri::InvalidUri| bad(error.to_string()))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http"), Some(_)) => Ok(Scheme::Http),
        (Some("https"), Some(_)) => Ok(Scheme::Https),
        _ => Err(bad("scheme or host is missing".to_owned())),
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<Certificate<'static>>, String> {
    let mut found = Vec::new();
    for item in parse_pem(pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| error.to_string())? {
            found.push(certificate);
        }
    }
    Ok(found)
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
            assert!(matches!(make(url, secret, b""), Err(WebhookError::Url { .. })), "{url}");
        }
        assert!(matches!(make("http://x/", b"short", b""), Err(WebhookError::Secret { found: 5, .. })));
        assert!(matches!(make("https://x/", secret, b""), Err(WebhookError::Roots { .. })));
    }

    #[test]
    fn a_status_is_about_the_item_or_about_the_receiver() {
        let outcome = |code: u16| judge(StatusCode::from_u16(code).unwrap(), String::new());
        for code in [200, 201, 204] {
            assert!(matches!(outcome(code), Outcome::Delivered { .. }), "{code}");
        }
        for code in [400, 409, 413, 422, 500] {
            assert!(matches!(outcome(code), Outcome::Refused { .. }), "{code}");
        }
        for code in [301, 308, 401, 404, 429, 502, 503] {
            assert!(matches!(outcome(code), Outcome::Unavailable { .. }), "{code}");
        }
    }
}
