//! Where the remote store is and how it is spoken to, checked before anything is sent.
//!
//! The client library panics on an address that is none, and silently drops a path; both are refused
//! here with words that say what to write instead.

use std::fmt;
use std::time::Duration;

use reqwest::Url;

/// Which write API the store has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Api {
    /// `/api/v2/write`: InfluxDB 2, VictoriaMetrics and others.
    #[default]
    V2,
    /// `/write` alone: InfluxDB 1.x. The bucket is the database, and the token is `USER:PASSWORD`.
    V1,
}

/// Where the remote store is and how it is spoken to.
#[derive(Clone)]
pub struct InfluxSettings {
    /// `http://` or `https://` address without a path.
    pub url: String,
    /// Which write API it has.
    pub api: Api,
    /// The organisation; of no meaning to VictoriaMetrics and InfluxDB 1.x.
    pub org: String,
    /// The bucket, or the database of InfluxDB 1.x; of no meaning to VictoriaMetrics' version 2 API.
    pub bucket: String,
    /// The access token; empty: none is sent. Never printed.
    pub token: String,
    /// For `https`: the certificates to trust, as PEM.
    pub roots_pem: Vec<u8>,
    /// How long one call may take in all.
    pub timeout: Duration,
    /// How long the store must have been seen alive after an acknowledgement.
    pub confirm_after: Duration,
    /// The wait after the first failed write; it doubles from there.
    pub retry_first: Duration,
    /// The longest wait.
    pub retry_most: Duration,
}

impl InfluxSettings {
    /// Settings for the store at `url`, without token and certificates; 10 s a call, 15 s until a write
    /// is confirmed, waits from 0.5 s to 10 s.
    #[must_use]
    pub fn new(url: impl Into<String>, org: impl Into<String>, bucket: impl Into<String>) -> InfluxSettings {
        InfluxSettings {
            url: url.into(),
            api: Api::V2,
            org: org.into(),
            bucket: bucket.into(),
            token: String::new(),
            roots_pem: Vec::new(),
            timeout: Duration::from_secs(10),
            confirm_after: Duration::from_secs(15),
            retry_first: Duration::from_millis(500),
            retry_most: Duration::from_secs(10),
        }
    }

    /// Checks everything that can be checked without the store; gives its address without a path.
    ///
    /// # Errors
    /// [`InfluxError`] says what is wrong and what to write instead.
    pub fn check(&self) -> Result<Url, InfluxError> {
        let url = self.check_url()?;
        if !self.token.chars().all(|c| c.is_ascii_graphic()) {
            return Err(InfluxError::Token);
        }
        if self.api == Api::V1 && !self.token.is_empty() && !self.token.contains(':') {
            return Err(InfluxError::Token);
        }
        if self.bucket.is_empty() {
            return Err(InfluxError::Bucket);
        }
        if url.scheme() == "https" && self.roots_pem.is_empty() {
            return Err(InfluxError::Roots("there is none".to_owned()));
        }
        Ok(url)
    }

    /// Checks the address alone.
    ///
    /// # Errors
    /// [`InfluxError::Url`] says what is wrong with it.
    pub fn check_url(&self) -> Result<Url, InfluxError> {
        let bad = |message: &str| InfluxError::Url { url: without_login(&self.url), message: message.to_owned() };
        let url = Url::parse(&self.url).map_err(|error| bad(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            return Err(bad("it must be http://HOST:PORT or https://HOST:PORT"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad("a login does not belong into an address; put it into the token file"));
        }
        if !matches!(url.path(), "" | "/") {
            return Err(bad("a path would be dropped, since writes go to a fixed path at the root; \
                 give the store an address of its own without a path"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad("nothing may follow host and port; organisation and bucket are keys of their own"));
        }
        Ok(url)
    }
}

/// The address as it may be printed: a login within it is cut out.
fn without_login(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme + 3 <= at => format!("{}{}", &url[..scheme + 3], &url[at + 1..]),
        _ => url.to_owned(),
    }
}

impl fmt::Debug for InfluxSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InfluxSettings")
            .field("url", &without_login(&self.url))
            .field("api", &self.api)
            .field("org", &self.org)
            .field("bucket", &self.bucket)
            .field("timeout", &self.timeout)
            .field("confirm_after", &self.confirm_after)
            .finish_non_exhaustive()
    }
}

/// Why a writer cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum InfluxError {
    /// The address is none, or one that cannot be used.
    #[error("remote series: address `{url}`: {message}")]
    Url {
        /// What was given, without a login.
        url: String,
        /// What is wrong with it.
        message: String,
    },
    /// The token cannot be sent.
    #[error(
        "remote series: the token must be one line of printable ASCII without blanks, and `USER:PASSWORD` for the \
         version 1 API"
    )]
    Token,
    /// There is no bucket.
    #[error("remote series: the bucket is empty; name the bucket (InfluxDB 1.x: the database) to write to")]
    Bucket,
    /// An https address without certificates to trust.
    #[error("remote series: an https address needs a PEM file with certificates to trust: {0}")]
    Roots(String),
    /// The HTTP client cannot be made.
    #[error("remote series: no client: {0}")]
    Client(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut InfluxSettings)) -> Result<Url, String> {
        let mut settings = InfluxSettings::new("http://127.0.0.1:8086", "city", "telemetry");
        change(&mut settings);
        settings.check().map_err(|error| error.to_string())
    }

    #[test]
    fn an_address_that_would_panic_or_lose_its_path_is_refused_with_words() {
        for (url, words) in [
            ("", "relative URL"),
            ("nowhere", "relative URL"),
            ("/3242/23", "relative URL"),
            ("http://", "empty host"),
            ("127.0.0.1:8086", "relative URL"),
            ("localhost:8086", "it must be http://"),
            ("ftp://x", "it must be http://"),
            ("http://x:99999", "invalid port"),
            ("http://x/influx", "a path would be dropped"),
            ("http://x/api/v2/write", "a path would be dropped"),
            ("http://x/?org=a", "nothing may follow"),
            ("http://x#a", "nothing may follow"),
            ("http://user:pass@x", "token file"),
        ] {
            let error = check(|settings| settings.url = url.to_owned()).unwrap_err();
            assert!(error.contains(words), "{url}: {error}");
        }
        for url in ["http://x", "http://x/", "http://[::1]:8428", "http://10.0.0.1:8086"] {
            assert!(check(|settings| settings.url = url.to_owned()).is_ok(), "{url}");
        }
    }

    #[test]
    fn a_login_in_an_address_and_a_token_are_never_printed() {
        let error = check(|settings| settings.url = "http://user:hunter2@x".to_owned()).unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
        let mut settings = InfluxSettings::new("http://user:hunter2@x", "o", "b");
        settings.token = "hunter3".to_owned();
        let printed = format!("{settings:?}");
        assert!(!printed.contains("hunter"), "{printed}");
    }

    #[test]
    fn tokens_buckets_and_certificates_are_checked() {
        for token in ["two words", "line\nbreak", "令牌"] {
            assert!(check(|settings| settings.token = token.to_owned()).unwrap_err().contains("token"), "{token}");
        }
        assert!(check(|settings| settings.token = "abc==".to_owned()).is_ok());
        let v1 = |token: &str| {
            check(|settings| {
                settings.api = Api::V1;
                settings.token = token.to_owned();
            })
        };
        assert!(v1("alone").is_err() && v1("user:password").is_ok() && v1("").is_ok());
        assert!(check(|settings| settings.bucket.clear()).unwrap_err().contains("bucket"));
        assert!(check(|settings| settings.url = "https://x".to_owned()).unwrap_err().contains("PEM"));
    }
}
