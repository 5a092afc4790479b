//! Cases to the platform: one POST a row, under the row's id.

use std::time::Duration;

use gengfu_model::{OutboxItem, Timestamp};
use serde_json::Value;

use super::cloudevents;
use super::mapping::Mapping;
use crate::delivery::http::{Http, HttpError};
use crate::delivery::webhook::signature;
use crate::delivery::{Channel, Outcome};

/// How the gateway shows who it is.
#[derive(Clone)]
pub enum Authorization {
    /// `Authorization: Bearer TOKEN`.
    Bearer(String),
    /// The webhook's signature headers.
    Signature(Vec<u8>),
}

/// In which form a case goes out.
#[derive(Clone, Debug, PartialEq)]
pub enum PlatformBody {
    /// What the mapping makes of it.
    Mapped(Mapping),
    /// A CloudEvent from that source, with our own body as its data.
    CloudEvent {
        /// The event's `source`.
        source: String,
    },
}

/// A city platform, as the target of the outbox's case topics.
pub struct Platform {
    http: Http,
    authorization: Authorization,
    body: PlatformBody,
}

impl Platform {
    /// A platform by its settings. Nothing is sent.
    ///
    /// # Errors
    /// [`HttpError`] names what is wrong with the address or the certificates.
    pub fn new(
        url: &str,
        roots_pem: &[u8],
        timeout: Duration,
        authorization: Authorization,
        body: PlatformBody,
    ) -> Result<Platform, HttpError> {
        Ok(Platform { http: Http::new(url, roots_pem, timeout)?, authorization, body })
    }

    fn body(&self, item: &OutboxItem) -> Result<(String, &'static str), String> {
        match &self.body {
            PlatformBody::CloudEvent { source } => {
                Ok((cloudevents::structured(item, source)?, cloudevents::MEDIA_TYPE))
            }
            PlatformBody::Mapped(mapping) => {
                let mut ours: Value =
                    serde_json::from_str(&item.body).map_err(|error| format!("the row is no JSON: {error}"))?;
                ours["id"] = Value::from(item.id.to_string());
                Ok((mapping.apply(&ours).to_string(), "application/json; charset=utf-8"))
            }
        }
    }
}

impl Channel for Platform {
    fn deliver(&mut self, item: &OutboxItem, now: Timestamp) -> Outcome {
        let (body, media_type) = match self.body(item) {
            Ok(made) => made,
            Err(answer) => return Outcome::Refused { answer },
        };
        let (id, time) = (item.id.to_string(), now.0.to_string());
        let proof = match &self.authorization {
            Authorization::Bearer(token) => ("Authorization", format!("Bearer {token}")),
            Authorization::Signature(secret) => ("X-Gengfu-Signature", signature(secret, now, &body)),
        };
        let headers = [
            ("Content-Type", media_type),
            ("Idempotency-Key", id.as_str()),
            ("X-Gengfu-Id", id.as_str()),
            ("X-Gengfu-Topic", &*item.topic),
            ("X-Gengfu-Timestamp", time.as_str()),
            (proof.0, proof.1.as_str()),
        ];
        match self.http.post("", &headers, &body) {
            // The platform knows the key already: it has the case.
            Ok(answer) if answer.status.as_u16() == 409 => Outcome::Delivered { answer: answer.summary() },
            // A firewall or a proxy answers with a page and a good status where the platform says nothing.
            Ok(answer) if answer.is_ok() && is_page(&answer.text) => {
                Outcome::Unavailable { answer: format!("a page instead of an answer: {}", answer.summary()) }
            }
            Ok(answer) => answer.outcome(),
            Err(answer) => Outcome::Unavailable { answer },
        }
    }
}

/// Whether a text is markup, which no platform answers with.
fn is_page(text: &str) -> bool {
    text.trim_start().starts_with('<')
}
