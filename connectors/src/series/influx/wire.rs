//! One call to the store: lines out, and what its answer means.
//!
//! Version 2 goes through the crate `influxdb2`; version 1 is a POST of our own. Only 204 is success.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use influxdb2::api::write::TimestampPrecision;
use influxdb2::{Client, ClientBuilder, RequestError};
use reqwest::Url;
use tokio::runtime::Runtime;
use ureq::Agent;

use super::settings::{Api, InfluxError, InfluxSettings};
use super::witness::agent;

/// Characters of an answer that are kept for the log.
const MAX_ANSWER_CHARS: usize = 300;
/// Bytes of a version 1 answer that are read.
const MAX_ANSWER_BYTES: u64 = 4_096;
/// A connection idle for longer is not used again: stores close them after a minute or more.
const MAX_IDLE: Duration = Duration::from_secs(20);

/// Why lines were not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SendError {
    /// It is the lines' doing (400, 413, 422): the same lines will be refused again.
    Refused(String),
    /// The store is busy or broken (429, 500 and above); it may have said how long to wait.
    Busy(String, Option<Duration>),
    /// It is the configuration's doing (wrong token, no such bucket, not a store at all).
    Denied(String),
    /// No answer: the connection is lost or the time is over.
    Lost(String),
}

/// The client of one store.
pub(super) enum Wire {
    V2 { client: Client, runtime: Runtime, org: Arc<str>, bucket: Arc<str>, timeout: Duration },
    V1 { agent: Agent, url: String, authorization: Option<String> },
}

impl Wire {
    pub(super) fn new(settings: &InfluxSettings, base: &Url) -> Result<Wire, InfluxError> {
        match settings.api {
            Api::V2 => Wire::version_2(settings, base),
            Api::V1 => Wire::version_1(settings, base),
        }
    }

    fn version_2(settings: &InfluxSettings, base: &Url) -> Result<Wire, InfluxError> {
        let client = |error: &dyn std::fmt::Display| InfluxError::Client(error.to_string());
        let mut builder = reqwest::Client::builder()
            .timeout(settings.timeout)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(MAX_IDLE)
            .user_agent("gengfu");
        if base.scheme() == "https" {
            let roots = reqwest::Certificate::from_pem_bundle(&settings.roots_pem);
            for root in roots.map_err(|error| InfluxError::Roots(error.to_string()))? {
                builder = builder.add_root_certificate(root);
            }
        }
        let builder = ClientBuilder::with_builder(builder, base.as_str(), &settings.org, &settings.token);
        Ok(Wire::V2 {
            client: builder.build().map_err(|error| client(&error))?,
            // The library is async; its calls are made one at a time, from the writer's own thread.
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| client(&e))?,
            org: settings.org.as_str().into(),
            bucket: settings.bucket.as_str().into(),
            timeout: settings.timeout,
        })
    }

    fn version_1(settings: &InfluxSettings, base: &Url) -> Result<Wire, InfluxError> {
        let mut url = base.clone();
        url.set_path("/write");
        url.query_pairs_mut().append_pair("db", &settings.bucket).append_pair("precision", "ms");
        let authorization =
            (!settings.token.is_empty()).then(|| format!("Basic {}", BASE64_STANDARD.encode(&settings.token)));
        Ok(Wire::V1 { agent: agent(settings, None)?, url: url.into(), authorization })
    }

    /// Sends lines and waits for the answer, no longer than the timeout.
    pub(super) fn send(&self, body: Bytes) -> Result<(), SendError> {
        match self {
            Wire::V2 { client, runtime, org, bucket, timeout } => {
                let write =
                    client.write_line_protocol_with_precision(org, bucket, body, TimestampPrecision::Milliseconds);
                // The library has no timeout of its own; this one also covers an answer without an end.
                let answer = runtime.block_on(async { tokio::time::timeout(*timeout, write).await });
                match answer {
                    Err(_) => Err(SendError::Lost(format!("no answer within {timeout:?}"))),
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(RequestError::Http { status, text })) => Err(judge(status.as_u16(), &text, None)),
                    Ok(Err(RequestError::ReqwestProcessing { source })) => Err(SendError::Lost(with_causes(&source))),
                    Ok(Err(error)) => Err(SendError::Denied(error.to_string())),
                }
            }
            Wire::V1 { agent, url, authorization } => {
                let mut request = agent.post(url).header("Content-Type", "text/plain; charset=utf-8");
                if let Some(authorization) = authorization {
                    request = request.header("Authorization", authorization);
                }
                let mut response = request.send(&*body).map_err(|error| SendError::Lost(error.to_string()))?;
                let status = response.status().as_u16();
                let header = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
                let retry_after = header.and_then(|value| value.trim().parse().ok()).map(Duration::from_secs);
                // What cannot be read of the answer is of no interest: the status decides.
                let text = response.body_mut().with_config().limit(MAX_ANSWER_BYTES).lossy_utf8(true).read_to_string();
                if status == 204 { Ok(()) } else { Err(judge(status, &text.unwrap_or_default(), retry_after)) }
            }
        }
    }
}

/// What an answer other than 204 means.
fn judge(status: u16, text: &str, retry_after: Option<Duration>) -> SendError {
    let text: String = text.trim().chars().take(MAX_ANSWER_CHARS).collect();
    let answer = format!("{status} {text}").trim().to_owned();
    match status {
        400 | 413 | 422 => SendError::Refused(answer),
        429 | 500..=599 => SendError::Busy(answer, retry_after),
        401 | 403 => SendError::Denied(format!("{answer} (check the token and what it may write)")),
        404 => SendError::Denied(format!(
            "{answer} (check organisation and bucket; a store that has only `/write` needs the version 1 API)"
        )),
        _ => SendError::Denied(format!("{answer} (only 204 is success: check the address)")),
    }
}

/// The error and what caused it: the outermost one says no more than that sending failed.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_is_about_the_lines_the_store_or_the_configuration() {
        for status in [400, 413, 422] {
            assert!(matches!(judge(status, "", None), SendError::Refused(_)), "{status}");
        }
        for status in [429, 500, 502, 503, 504] {
            assert!(matches!(judge(status, "", None), SendError::Busy(..)), "{status}");
        }
        for status in [200, 202, 301, 308, 401, 403, 404, 405] {
            assert!(matches!(judge(status, "", None), SendError::Denied(_)), "{status}");
        }
        let SendError::Denied(text) = judge(404, "404 page not found", None) else { panic!("not denied") };
        assert!(text.contains("version 1 API"), "{text}");
        let SendError::Refused(text) = judge(400, &"井".repeat(1_000), None) else { panic!("not refused") };
        assert_eq!(text.chars().count(), MAX_ANSWER_CHARS + 4);
    }
}
