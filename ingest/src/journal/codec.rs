//! The bytes of one record's body.
//!
//! The first byte is the layout's number, so old records stay readable when a layout changes:
//! 1 is an envelope (fixed order of fields, lengths as varints), 2 a control record as JSON.
//! `decode(encode(x)) = x`; bytes that are no record give an error and never a panic.

use std::sync::Arc;

use gengfu_model::{Body, Control, DeviceId, Envelope, Kind, MessageKey, PayloadFormat, Timestamp, Transport};

const LAYOUT_ENVELOPE_1: u8 = 1;
const LAYOUT_CONTROL_1: u8 = 2;

const KEY_NONE: u8 = 0;
const KEY_EXPLICIT: u8 = 1;
const KEY_PLATFORM: u8 = 2;
const KEY_COAP: u8 = 3;
const KEY_MQTT_DUP: u8 = 4;

/// The longest varint of 64 bits.
const MAX_VARINT_BYTES: usize = 10;

/// Why bytes are no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The bytes end within a field.
    #[error("the record ends within `{0}`")]
    Short(&'static str),
    /// A field has a value that it cannot have.
    #[error("the record's `{0}` is invalid")]
    Invalid(&'static str),
    /// The layout is not known here.
    #[error("the record has layout {0}, which this program does not know")]
    Layout(u8),
    /// The control record's JSON is not what is expected.
    #[error("the control record cannot be read: {0}")]
    Control(String),
    /// Bytes are left after the record's end.
    #[error("{0} bytes are left after the record's end")]
    Rest(usize),
}

/// Appends a body to `out`.
///
/// # Errors
/// When a control record cannot be written as JSON.
pub fn encode(body: &Body, out: &mut Vec<u8>) -> Result<(), CodecError> {
    match body {
        Body::Message(envelope) => encode_envelope(envelope, out),
        Body::Control(control) => return encode_control(control, out),
    }
    Ok(())
}

fn encode_control(control: &Control, out: &mut Vec<u8>) -> Result<(), CodecError> {
    out.push(LAYOUT_CONTROL_1);
    serde_json::to_writer(out, control).map_err(|error| CodecError::Control(error.to_string()))
}

fn encode_envelope(envelope: &Envelope, out: &mut Vec<u8>) {
    // Naming every field makes the compiler ask here when one is added.
    let Envelope { device, kind, model, transport, format, key, received_at, payload } = envelope;
    out.extend_from_slice(&[LAYOUT_ENVELOPE_1, *kind as u8, *transport as u8, *format as u8]);
    match key {
        MessageKey::None => out.push(KEY_NONE),
        MessageKey::Explicit(id) => {
            out.push(KEY_EXPLICIT);
            put_bytes(out, id.as_bytes());
        }
        MessageKey::PlatformSequence(sequence) => {
            out.push(KEY_PLATFORM);
            put_varint(out, *sequence);
        }
        MessageKey::Coap { token, message_id } => {
            out.push(KEY_COAP);
            put_bytes(out, token);
            out.extend_from_slice(&message_id.to_le_bytes());
        }
        MessageKey::MqttDup => out.push(KEY_MQTT_DUP),
    }
    put_bytes(out, device.as_str().as_bytes());
    put_bytes(out, model.as_bytes());
    put_varint(out, zigzag(received_at.as_millis()));
    put_bytes(out, payload);
}

/// At most how many bytes an envelope takes.
#[must_use]
pub fn max_envelope_bytes(envelope: &Envelope) -> usize {
    let key = match &envelope.key {
        MessageKey::None | MessageKey::MqttDup | MessageKey::PlatformSequence(_) => 0,
        MessageKey::Explicit(id) => id.len(),
        MessageKey::Coap { token, .. } => token.len(),
    };
    let fixed = 8 + 5 * MAX_VARINT_BYTES;
    fixed + key + envelope.device.as_str().len() + envelope.model.len() + envelope.payload.len()
}

/// Reads bodies. Keeps the last model's name, since neighbours mostly share it.
#[derive(Debug, Default)]
pub struct Decoder {
    model: Option<Arc<str>>,
}

impl Decoder {
    /// Reads one body from exactly these bytes.
    ///
    /// # Errors
    /// [`CodecError`] says what is wrong with the bytes.
    pub fn decode(&mut self, bytes: &[u8]) -> Result<Body, CodecError> {
        let (&layout, rest) = bytes.split_first().ok_or(CodecError::Short("layout"))?;
        match layout {
            LAYOUT_ENVELOPE_1 => self.envelope(rest).map(Body::Message),
            LAYOUT_CONTROL_1 => {
                serde_json::from_slice(rest).map(Body::Control).map_err(|error| CodecError::Control(error.to_string()))
            }
            other => Err(CodecError::Layout(other)),
        }
    }

    fn envelope(&mut self, bytes: &[u8]) -> Result<Envelope, CodecError> {
        let mut rest = bytes;
        let kind = Kind::from_number(take_byte(&mut rest, "kind")?).ok_or(CodecError::Invalid("kind"))?;
        let transport = transport(take_byte(&mut rest, "transport")?)?;
        let format = format(take_byte(&mut rest, "format")?)?;
        let key = take_key(&mut rest)?;
        let device = DeviceId::new(take_text(&mut rest, "device")?).map_err(|_| CodecError::Invalid("device"))?;
        let model = self.model(take_text(&mut rest, "model")?);
        let received_at = Timestamp(unzigzag(take_varint(&mut rest, "received_at")?));
        let payload = Arc::from(take_bytes(&mut rest, "payload")?);
        if !rest.is_empty() {
            return Err(CodecError::Rest(rest.len()));
        }
        Ok(Envelope { device, kind, model, transport, format, key, received_at, payload })
    }

    fn model(&mut self, name: &str) -> Arc<str> {
        match &self.model {
            Some(model) if model.as_ref() == name => Arc::clone(model),
            _ => Arc::clone(self.model.insert(Arc::from(name))),
        }
    }
}

fn transport(number: u8) -> Result<Transport, CodecError> {
    let all = [Transport::Mqtt, Transport::Coap, Transport::Http, Transport::File, Transport::Generated];
    all.into_iter().find(|transport| *transport as u8 == number).ok_or(CodecError::Invalid("transport"))
}

fn format(number: u8) -> Result<PayloadFormat, CodecError> {
    use PayloadFormat::{Bytes, Cbor, Event, Json, Reply};
    [Json, Cbor, Bytes, Event, Reply]
        .into_iter()
        .find(|format| *format as u8 == number)
        .ok_or(CodecError::Invalid("format"))
}

fn take_key(rest: &mut &[u8]) -> Result<MessageKey, CodecError> {
    Ok(match take_byte(rest, "key")? {
        KEY_NONE => MessageKey::None,
        KEY_EXPLICIT => MessageKey::Explicit(Arc::from(take_text(rest, "key")?)),
        KEY_PLATFORM => MessageKey::PlatformSequence(take_varint(rest, "key")?),
        KEY_COAP => {
            let token = Arc::from(take_bytes(rest, "key")?);
            let (id, after) = rest.split_first_chunk().ok_or(CodecError::Short("key"))?;
            *rest = after;
            MessageKey::Coap { token, message_id: u16::from_le_bytes(*id) }
        }
        KEY_MQTT_DUP => MessageKey::MqttDup,
        _ => return Err(CodecError::Invalid("key")),
    })
}

/// Appends a number, seven bits a byte, lowest first.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number as u8 & 0x7f) | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn take_byte(rest: &mut &[u8], field: &'static str) -> Result<u8, CodecError> {
    let (&byte, after) = rest.split_first().ok_or(CodecError::Short(field))?;
    *rest = after;
    Ok(byte)
}

/// Takes a number as [`put_varint`] writes it.
pub(crate) fn take_varint(rest: &mut &[u8], field: &'static str) -> Result<u64, CodecError> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = take_byte(rest, field)?;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return Err(CodecError::Invalid(field));
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(CodecError::Invalid(field))
}

/// Takes a length and as many bytes.
pub(crate) fn take_bytes<'a>(rest: &mut &'a [u8], field: &'static str) -> Result<&'a [u8], CodecError> {
    let length = usize::try_from(take_varint(rest, field)?).map_err(|_| CodecError::Invalid(field))?;
    let (bytes, after) = rest.split_at_checked(length).ok_or(CodecError::Short(field))?;
    *rest = after;
    Ok(bytes)
}

fn take_text<'a>(rest: &mut &'a [u8], field: &'static str) -> Result<&'a str, CodecError> {
    std::str::from_utf8(take_bytes(rest, field)?).map_err(|_| CodecError::Invalid(field))
}

/// Small numbers of either sign become small numbers without one.
const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

const fn unzigzag(number: u64) -> i64 {
    ((number >> 1) as i64) ^ -((number & 1) as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::journal::random_inputs::random;

    fn key() -> impl Strategy<Value = MessageKey> {
        prop_oneof![
            Just(MessageKey::None),
            Just(MessageKey::MqttDup),
            ".{0,40}".prop_map(|id| MessageKey::Explicit(id.into())),
            any::<u64>().prop_map(MessageKey::PlatformSequence),
            (prop::collection::vec(any::<u8>(), 0..9), any::<u16>())
                .prop_map(|(token, message_id)| MessageKey::Coap { token: token.into(), message_id }),
        ]
    }

    fn envelope() -> impl Strategy<Value = Envelope> {
        let name = "[a-zA-Z0-9._:-]{3,64}";
        let payload = prop::collection::vec(any::<u8>(), 0..300);
        (name, 0_u8..6, ".{0,20}", 0_u8..5, 0_u8..5, key(), any::<i64>(), payload).prop_map(
            |(device, kind, model, from, what, key, received_at, payload)| Envelope {
                device: DeviceId::new(&device).unwrap(),
                kind: Kind::from_number(kind).unwrap(),
                model: model.into(),
                transport: transport(from).unwrap(),
                format: format(what).unwrap(),
                key,
                received_at: Timestamp(received_at),
                payload: payload.into(),
            },
        )
    }

    proptest! {
        #![proptest_config(random(256))]

        #[test]
        fn an_envelope_reads_as_it_was_written(envelope in envelope()) {
            let body = Body::Message(envelope.clone());
            let mut bytes = Vec::new();
            encode(&body, &mut bytes).unwrap();
            prop_assert!(bytes.len() <= max_envelope_bytes(&envelope));
            prop_assert_eq!(Decoder::default().decode(&bytes).unwrap(), body);
            // No shorter piece is a record, and none with something behind it.
            for end in 0..bytes.len() {
                prop_assert!(Decoder::default().decode(&bytes[..end]).is_err());
            }
            bytes.push(0);
            prop_assert_eq!(Decoder::default().decode(&bytes), Err(CodecError::Rest(1)));
        }

        #[test]
        fn garbage_is_an_error_and_never_a_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), layout in 0_u8..4) {
            Decoder::default().decode(&bytes).ok();
            if let Some(first) = bytes.first_mut() {
                *first = layout;
            }
            if let Ok(body) = Decoder::default().decode(&bytes) {
                let mut again = Vec::new();
                encode(&body, &mut again).unwrap();
                prop_assert_eq!(Decoder::default().decode(&again).unwrap(), body);
            }
        }

        #[test]
        fn varints_read_as_they_were_written(number in any::<u64>(), signed in any::<i64>()) {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, number);
            prop_assert_eq!(take_varint(&mut bytes.as_slice(), "n").unwrap(), number);
            prop_assert_eq!(unzigzag(zigzag(signed)), signed);
        }
    }

    #[test]
    fn a_stored_envelope_stays_readable() {
        // Layout 1 as first written: if this fails, old journals can no longer be read.
        let bytes = b"\x01\x00\x00\x00\x01\x02ab\x07cover-1\x02m9\xd0\x0f\x02{}";
        let envelope = Envelope {
            device: DeviceId::new("cover-1").unwrap(),
            kind: Kind::Manhole,
            model: "m9".into(),
            transport: Transport::Mqtt,
            format: PayloadFormat::Json,
            key: MessageKey::Explicit("ab".into()),
            received_at: Timestamp(1_000),
            payload: (*b"{}").into(),
        };
        assert_eq!(Decoder::default().decode(bytes), Ok(Body::Message(envelope)));
    }

    #[test]
    fn control_records_read_as_they_were_written() {
        let controls = [
            Control::Tick,
            Control::Away { from: Timestamp(5), to: Timestamp(9) },
            Control::Started { version: "0.1.0".into(), config: Default::default() },
            Control::Refusals { counts: Vec::new() },
            Control::Session(gengfu_model::SessionChange { device: DeviceId::new("a").unwrap(), session: None }),
            Control::Session(gengfu_model::SessionChange {
                device: DeviceId::new("a").unwrap(),
                session: Some(gengfu_model::MqttSession { unreleased: vec![7], ..Default::default() }),
            }),
        ];
        for control in controls {
            let body = Body::Control(control);
            let mut bytes = Vec::new();
            encode(&body, &mut bytes).unwrap();
            assert_eq!(Decoder::default().decode(&bytes), Ok(body));
        }
        let unknown = b"\x02{\"control\":\"unknown\"}";
        assert!(matches!(Decoder::default().decode(unknown), Err(CodecError::Control(_))));
        assert_eq!(Decoder::default().decode(&[9, 9]), Err(CodecError::Layout(9)));
        assert_eq!(Decoder::default().decode(&[]), Err(CodecError::Short("layout")));
    }
}
