//! POST and GET over HTTP with a bound on time, certificates that the configuration names, and no detours.

use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::http::{StatusCode, Uri};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use super::channel::Outcome;

/// Bytes of an answer to a message that are read.
const MAX_ANSWER_BYTES: u64 = 16 * 1024;
/// Bytes of an answer that are kept for the receipt.
const MAX_SUMMARY_BYTES: usize = 512;

/// Why an address cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address is none.
    #[error("`{url}` is not an http or https address: {message}")]
    Url {
        /// What was given, without its query.
        url: String,
        /// What is wrong with it.
        message: String,
    },
    /// An https address without certificates to trust.
    #[error("`{url}` needs a PEM file with certificates to trust: {message}")]
    Roots {
        /// The address, without its query.
        url: String,
        /// What is wrong.
        message: String,
    },
}

/// One address and how it is reached. The address may hold a secret, so it is in no message.
pub struct Http {
    agent: Agent,
    url: String,
    headers: Vec<(String, String)>,
}

/// What the other side answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The body, cut to what is read of an answer.
    pub text: String,
}

impl Http {
    /// An address. Nothing is sent.
    ///
    /// # Errors
    /// [`HttpError`] names what is wrong.
    pub fn new(url: &str, roots_pem: &[u8], timeout: Duration) -> Result<Http, HttpError> {
        let shown = || url.split('?').next().unwrap_or_default().to_owned();
        let bad = |message: String| HttpError::Url { url: shown(), message };
        let uri: Uri = url.parse().map_err(|error: ureq::http::uri::InvalidUri| bad(error.to_string()))?;
        let https = match (uri.scheme_str(), uri.host()) {
            (Some("http"), Some(_)) => false,
            (Some("https"), Some(_)) => true,
            _ => return Err(bad("scheme or host is missing".to_owned())),
        };
        let no_roots = |message: String| HttpError::Roots { url: shown(), message };
        let roots = certificates(roots_pem).map_err(no_roots)?;
        if https && roots.is_empty() {
            return Err(no_roots("there is none".to_owned()));
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
        Ok(Http { agent: config.new_agent(), url: url.to_owned(), headers: Vec::new() })
    }

    /// The same with a header on every request.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Http {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Posts a JSON text; `query` is added to the address's own.
    ///
    /// # Errors
    /// Why nobody answered.
    pub fn post_json(&self, query: &str, body: &str) -> Result<Answer, String> {
        self.post(query, &[("Content-Type", "application/json; charset=utf-8")], body)
    }

    /// Posts a text with these headers beside the address's own.
    ///
    /// # Errors
    /// Why nobody answered.
    pub fn post(&self, query: &str, headers: &[(&str, &str)], body: &str) -> Result<Answer, String> {
        let mut request = self.agent.post(self.address(query));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.read(request.send(body), MAX_ANSWER_BYTES)
    }

    /// Gets what is there, at most `most` bytes of it.
    ///
    /// # Errors
    /// Why nobody answered.
    pub fn get(&self, query: &str, most: u64) -> Result<Answer, String> {
        let mut request = self.agent.get(self.address(query));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        self.read(request.call(), most)
    }

    fn read(&self, sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>, most: u64) -> Result<Answer, String> {
        let mut response = sent.map_err(|error| error.to_string())?;
        let status = response.status();
        let text = response.body_mut().with_config().limit(most).lossy_utf8(true).read_to_string();
        Ok(Answer { status, text: text.unwrap_or_default() })
    }

    fn address(&self, query: &str) -> String {
        match (query, self.url.contains('?')) {
            ("", _) => self.url.clone(),
            (query, true) => format!("{}&{query}", self.url),
            (query, false) => format!("{}?{query}", self.url),
        }
    }
}

impl Answer {
    /// Whether the status is a good one.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.status.is_success()
    }

    /// Status and the beginning of the body, for a receipt.
    #[must_use]
    pub fn summary(&self) -> String {
        let text = self.text.trim();
        let end = (0..=text.len().min(MAX_SUMMARY_BYTES)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        format!("{} {}", self.status.as_u16(), &text[..end]).trim().to_owned()
    }

    /// How the attempt ended, by the status alone: which are about the item, and which about the receiver as a
    /// whole (wrong address, wrong secret, too busy, a gateway in between). A plain 500 may be the item's doing.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let answer = self.summary();
        match self.status.as_u16() {
            200..=299 => Outcome::Delivered { answer },
            401 | 403 | 404 | 405 | 407 | 408 | 421 | 425 | 429 | 502 | 503 | 504 => Outcome::Unavailable { answer },
            400..=599 => Outcome::Refused { answer },
            _ => Outcome::Unavailable { answer },
        }
    }
}

/// A text as a value of a query: everything but letters, digits and `-_.~` as percent and two digits.
#[must_use]
pub fn percent_encode(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            write!(encoded, "%{byte:02X}").ok();
        }
    }
    encoded
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
    fn a_status_is_about_the_item_or_about_the_receiver() {
        let outcome = |code: u16| Answer { status: StatusCode::from_u16(code).unwrap(), text: String::new() }.outcome();
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

    #[test]
    fn queries_are_joined_and_encoded() {
        let make = |url: &str| Http::new(url, b"", Duration::from_secs(1)).unwrap();
        assert_eq!(make("http://x/send?key=1").address("sign=2"), "http://x/send?key=1&sign=2");
        assert_eq!(make("http://x/send").address("sign=2"), "http://x/send?sign=2");
        assert_eq!(percent_encode("a+b/c="), "a%2Bb%2Fc%3D");
        let Err(error) = Http::new("https://x/?key=secret", b"", Duration::from_secs(1)) else { panic!("no roots") };
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
