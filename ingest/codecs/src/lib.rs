//! From a payload to readings: canonical JSON and CBOR, and the byte codecs of device models.
//!
//! Promises: [`decode`] is a pure function of the envelope, never panics on any bytes, and gives the
//! same answer at every replay. One bad value loses that field alone, one bad element of an array
//! that element alone. Must not know: transports, stores, rules, the clock, the register.
//!
//! The shapes of canonical telemetry, in JSON and in CBOR alike:
//! - an object with fields, optionally `ts` (epoch milliseconds or RFC 3339 text) and `id`;
//! - `{"ts": .., "id": .., "values": {fields}}`; fields beside `values` are taken as well;
//! - an array of either, at most [`MAX_ELEMENTS`] long.
//!
//! Of a name that comes twice in an object the last one counts. `null` is as good as absent.
//! Yes or no may also be 0 or 1; numbers in text are no numbers.

mod builder;
mod cbor;
mod check;
mod json;
pub mod models;
mod time;

use gengfu_model::{Decoded, Envelope, PayloadFormat, QuarantineReason};

pub use models::{CodecSample, MODELS, ModelCodec};
pub use time::{EARLIEST_EVENT_TIME, LATEST_EVENT_TIME};

/// The longest payload that is decoded, in bytes; a longer one is [`QuarantineReason::TooComplex`].
pub const MAX_PAYLOAD_BYTES: usize = 512 * 1024;
/// The most elements of a telemetry array.
pub const MAX_ELEMENTS: usize = 1_000;
/// The most names of one telemetry object, those inside `values` included.
pub const MAX_NAMES: usize = 1_000;
/// How deep objects and arrays may be nested, the outermost counted as one.
pub const MAX_DEPTH: usize = 16;
/// The longest explicit id, in bytes; a longer one is as good as absent.
pub const MAX_ID_BYTES: usize = 64;
/// How many bytes of a refused value are kept.
pub const MAX_RAW_BYTES: usize = 64;

/// Why a message cannot be decoded: the reason and a short text for people.
pub type Undecodable = (QuarantineReason, String);

/// Decodes a message, by its format, kind and model.
///
/// Events and replies have no readings. A reading whose values are all refused is still a reading
/// (its problems are what it tells); one without any known name is [`QuarantineReason::NothingKnown`].
///
/// # Errors
/// The reason for quarantine, when nothing of the message can be used.
pub fn decode(envelope: &Envelope) -> Result<Decoded, Undecodable> {
    let payload = &*envelope.payload;
    if payload.len() > MAX_PAYLOAD_BYTES {
        let text = format!("{} bytes, at most {MAX_PAYLOAD_BYTES} are decoded", payload.len());
        return Err((QuarantineReason::TooComplex, text));
    }
    match envelope.format {
        PayloadFormat::Json => json::decode(envelope.kind, payload),
        PayloadFormat::Cbor => cbor::decode(envelope.kind, payload),
        PayloadFormat::Bytes => models::decode(envelope.kind, &envelope.model, payload),
        PayloadFormat::Event | PayloadFormat::Reply => Ok(Decoded::default()),
    }
}
