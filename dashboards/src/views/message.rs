//! What became of messages that were not simply stored.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gengfu_model::Disposition;
use serde::Serialize;
use utoipa::ToSchema;

use crate::time_text::Time;
use crate::views::name_of;

/// What became of a message or value that was not simply stored in time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DispositionView {
    /// The message's record.
    pub seq: u64,
    /// The device.
    pub device: String,
    /// When the gateway journaled the message.
    pub time: Time,
    /// `duplicate`, `quarantined`, `stored_late`, `replaced`, `out_of_range`, `too_far_ahead`.
    pub disposition: String,
    /// Why, for people.
    pub detail: String,
}

/// A message, or an element of one, that could not be decoded, with its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct QuarantineView {
    /// The message's record.
    pub seq: u64,
    /// The device.
    pub device: String,
    /// When the gateway journaled the message.
    pub time: Time,
    /// Why, for people.
    pub detail: String,
    /// How many bytes there are.
    pub bytes: usize,
    /// The bytes as text, if they are UTF-8.
    pub payload_text: Option<String>,
    /// The bytes in base64.
    pub payload_base64: Option<String>,
    /// What came of decoding it again, if that was tried.
    pub redecoded: Option<SecondTryView>,
}

/// What came of decoding a quarantined message again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SecondTryView {
    /// The record that asked for it.
    pub record: u64,
    /// When.
    pub time: Time,
    /// Something of it could be used; `false`: it stays in quarantine.
    pub decoded: bool,
    /// How many values, or why not.
    pub detail: String,
}

impl From<Disposition> for DispositionView {
    fn from(disposition: Disposition) -> DispositionView {
        DispositionView {
            seq: disposition.seq.0,
            device: disposition.device.to_string(),
            time: disposition.time.into(),
            disposition: name_of(&disposition.kind),
            detail: disposition.detail,
        }
    }
}

impl From<Disposition> for QuarantineView {
    fn from(disposition: Disposition) -> QuarantineView {
        let payload = disposition.payload;
        QuarantineView {
            seq: disposition.seq.0,
            device: disposition.device.to_string(),
            time: disposition.time.into(),
            detail: disposition.detail,
            bytes: payload.as_ref().map_or(0, |bytes| bytes.len()),
            payload_text: payload.as_ref().and_then(|bytes| std::str::from_utf8(bytes).ok()).map(str::to_owned),
            payload_base64: payload.as_ref().map(|bytes| STANDARD.encode(bytes)),
            redecoded: disposition.redecoded.map(|outcome| SecondTryView {
                record: outcome.by.0,
                time: outcome.time.into(),
                decoded: outcome.decoded,
                detail: outcome.detail,
            }),
        }
    }
}
