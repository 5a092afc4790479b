//! Canonical telemetry in CBOR: the shapes of JSON, read with `ciborium`.
//!
//! Beside JSON's it has its own ways to say things, and these are taken: undefined is null, tag 1
//! before `ts` means epoch seconds and tag 0 RFC 3339 text, NaN and infinity are out of range.
//! Names that are no text are unknown names.

use ciborium::Value;
use gengfu_model::{Decoded, Kind, QuarantineReason, Reading};

use crate::builder::{Elements, ReadingBuilder};
use crate::check::{Scalar, raw, shorten};
use crate::{MAX_DEPTH, MAX_ELEMENTS, MAX_NAMES, Undecodable};

/// CBOR's tag for a time as RFC 3339 text.
const TAG_TIME_TEXT: u64 = 0;
/// CBOR's tag for a time as seconds since the epoch.
const TAG_TIME_SECONDS: u64 = 1;
/// CBOR's tags for integers beyond 64 bits.
const TAGS_BIG_INTEGER: [u64; 2] = [2, 3];

/// Decodes a CBOR payload.
pub(crate) fn decode(kind: Kind, payload: &[u8]) -> Result<Decoded, Undecodable> {
    match parse(payload)? {
        Value::Map(entries) => {
            let reading = read_object(kind, &entries)?;
            Ok(Decoded { readings: vec![reading], rejected: Vec::new() })
        }
        Value::Array(values) if values.len() > MAX_ELEMENTS => Err(too_complex("array", "elements", MAX_ELEMENTS)),
        Value::Array(values) => {
            let mut elements = Elements::default();
            for value in &values {
                elements.push(match value {
                    Value::Map(entries) => read_object(kind, entries),
                    _ => Err((QuarantineReason::Malformed, "not an object".to_owned())),
                });
            }
            elements.finish()
        }
        other => {
            let text = format!("{} is no telemetry, which is an object or an array of objects", render(&other));
            Err((QuarantineReason::Malformed, text))
        }
    }
}

fn too_complex(what: &str, of: &str, limit: usize) -> Undecodable {
    (QuarantineReason::TooComplex, format!("an {what} of more than {limit} {of}"))
}

fn parse(payload: &[u8]) -> Result<Value, Undecodable> {
    let malformed = |text: String| (QuarantineReason::Malformed, text);
    let mut rest = payload;
    let value = ciborium::de::from_reader_with_recursion_limit(&mut rest, MAX_DEPTH).map_err(|error| match error {
        ciborium::de::Error::RecursionLimitExceeded => {
            (QuarantineReason::TooComplex, format!("nested more than {MAX_DEPTH} deep"))
        }
        ciborium::de::Error::Io(_) => malformed(format!("cbor ends too early, after {} bytes", payload.len())),
        ciborium::de::Error::Syntax(at) => malformed(format!("no cbor at byte {at}")),
        ciborium::de::Error::Semantic(Some(at), text) => malformed(format!("no cbor at byte {at}: {text}")),
        ciborium::de::Error::Semantic(None, text) => malformed(format!("no cbor: {text}")),
    })?;
    if rest.is_empty() {
        return Ok(value);
    }
    Err(malformed(format!("more bytes after the cbor item, at byte {}", payload.len() - rest.len())))
}

fn read_object(kind: Kind, entries: &[(Value, Value)]) -> Result<Reading, Undecodable> {
    let inside = |entry: &(Value, Value)| if is_values(entry) { entry.1.as_map().map_or(0, Vec::len) } else { 0 };
    if entries.len() + entries.iter().map(inside).sum::<usize>() > MAX_NAMES {
        return Err(too_complex("object", "names", MAX_NAMES));
    }
    let mut builder = ReadingBuilder::new(kind);
    for (name, value) in entries {
        match (name.as_text(), value) {
            (Some("ts"), _) => read_time(&mut builder, value),
            (Some("id"), _) => builder.id(&scalar(value)),
            (Some("crs"), _) => builder.crs(&scalar(value)),
            (Some("values"), Value::Map(fields)) => {
                for (name, value) in fields {
                    read_field(kind, &mut builder, name, value);
                }
            }
            (Some("values"), Value::Null) => {}
            (Some("values"), _) => builder.refuse(QuarantineReason::Malformed, "`values` is no object".to_owned()),
            _ => read_field(kind, &mut builder, name, value),
        }
    }
    builder.finish()
}

fn is_values((name, _): &(Value, Value)) -> bool {
    name.as_text() == Some("values")
}

fn read_field(kind: Kind, builder: &mut ReadingBuilder, name: &Value, value: &Value) {
    match name.as_text().and_then(|name| kind.field(name)) {
        Some(field) => builder.field(field, &scalar(value)),
        None => builder.unknown(),
    }
}

fn read_time(builder: &mut ReadingBuilder, value: &Value) {
    match value {
        Value::Tag(TAG_TIME_TEXT, text) => builder.time(&scalar(text)),
        Value::Tag(TAG_TIME_SECONDS, seconds) => match scalar(seconds) {
            Scalar::Integer(seconds) => builder.time(&Scalar::Integer(seconds.saturating_mul(1_000))),
            Scalar::Number(seconds) => builder.time(&Scalar::Number(seconds * 1_000.0)),
            other => builder.time(&Scalar::Other(raw(&other))),
        },
        _ => builder.time(&scalar(value)),
    }
}

fn scalar(value: &Value) -> Scalar<'_> {
    match value {
        Value::Null => Scalar::Null,
        Value::Bool(flag) => Scalar::Bool(*flag),
        #[expect(clippy::cast_precision_loss, reason = "no range of the catalogue reaches up there")]
        Value::Integer(number) => {
            let number = i128::from(*number);
            i64::try_from(number).map_or(Scalar::Number(number as f64), Scalar::Integer)
        }
        Value::Float(number) => Scalar::Number(*number),
        Value::Text(text) => Scalar::Text(text),
        Value::Tag(tag, _) if TAGS_BIG_INTEGER.contains(tag) => Scalar::Huge("an integer beyond 64 bits"),
        _ => Scalar::Other(render(value)),
    }
}

/// The beginning of a value as text; nested values are only named, since this is for people.
fn render(value: &Value) -> String {
    match value {
        Value::Bytes(bytes) => {
            let start = bytes.iter().take(24).map(|byte| format!("{byte:02x}"));
            format!("h'{}'", start.collect::<String>())
        }
        Value::Array(values) => format!("[{} elements]", values.len()),
        Value::Map(entries) => format!("{{{} names}}", entries.len()),
        Value::Tag(tag, inner) => {
            let inner = render(inner);
            format!("{tag}({})", shorten(&inner))
        }
        Value::Text(text) => format!("\"{}\"", shorten(text)),
        Value::Integer(number) => i128::from(*number).to_string(),
        Value::Float(number) => format!("{number:?}"),
        Value::Bool(flag) => flag.to_string(),
        _ => "null".to_owned(),
    }
}
