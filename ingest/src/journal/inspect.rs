//! Prints records for people and for programs, without credentials: hashes of tokens and passwords
//! are replaced, wherever in a control record they stand.

use std::io::{self, Write};

use chrono::DateTime;
use gengfu_model::{Body, Control, Envelope, MessageKey, Record, Seq, Timestamp};
use serde_json::{Value, json};

use super::error::JournalError;
use super::reader::JournalReader;

/// How a record is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// One line of text.
    Text,
    /// One line of JSON.
    Json,
}

/// Which records are printed.
#[derive(Clone, Debug)]
pub struct Filter {
    /// The first sequence; the reader should begin there.
    pub from: Seq,
    /// The last sequence.
    pub to: Seq,
    /// Only messages of this device.
    pub device: Option<String>,
    /// At most this many records.
    pub limit: u64,
}

impl Default for Filter {
    fn default() -> Self {
        Filter { from: Seq(1), to: Seq(u64::MAX), device: None, limit: u64::MAX }
    }
}

/// Why printing ended early.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The journal could not be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The output could not be written.
    #[error("cannot print: {0}")]
    Output(#[from] io::Error),
}

/// Names of fields that hold credentials or what stands for them.
const HIDDEN: [&str; 5] = ["password_hash", "token_hash", "password", "token", "secret"];
const HIDDEN_TEXT: &str = "(hidden)";

/// Prints what the reader gives, as far as the filter lets it. Gives how many records were printed.
///
/// # Errors
/// [`InspectError`] of the journal or of the output.
pub fn print(
    reader: &mut JournalReader,
    filter: &Filter,
    style: Style,
    out: &mut dyn Write,
) -> Result<u64, InspectError> {
    let mut printed = 0;
    for record in reader {
        let record = record?;
        if record.seq > filter.to || printed >= filter.limit {
            break;
        }
        if record.seq >= filter.from && of_device(&record, filter.device.as_deref()) {
            print_record(&record, style, out)?;
            printed += 1;
        }
    }
    Ok(printed)
}

fn of_device(record: &Record, device: Option<&str>) -> bool {
    match (device, &record.body) {
        (None, _) => true,
        (Some(device), Body::Message(envelope)) => envelope.device.as_str() == device,
        (Some(_), Body::Control(_)) => false,
    }
}

/// Prints one record as one line.
///
/// # Errors
/// When the output cannot be written.
pub fn print_record(record: &Record, style: Style, out: &mut dyn Write) -> io::Result<()> {
    match style {
        Style::Json => writeln!(out, "{}", record_json(record)),
        Style::Text => print_text(record, out),
    }
}

/// A record as JSON: `{"seq", "time", "message": {..}}` or `{"seq", "time", "control": {..}}`. Times
/// are epoch milliseconds; a payload is `payload` if it is UTF-8, else `payload_hex`.
#[must_use]
pub fn record_json(record: &Record) -> Value {
    let mut line = json!({ "seq": record.seq.0, "time": record.time.as_millis() });
    match &record.body {
        Body::Message(envelope) => line["message"] = envelope_json(envelope),
        Body::Control(control) => line["control"] = control_json(control),
    }
    line
}

fn envelope_json(envelope: &Envelope) -> Value {
    let mut message = json!({
        "device": envelope.device.as_str(),
        "kind": envelope.kind.name(),
        "model": envelope.model.as_ref(),
        "transport": envelope.transport,
        "format": envelope.format,
        "key": key_json(&envelope.key),
        "received_at": envelope.received_at.as_millis(),
    });
    match std::str::from_utf8(&envelope.payload) {
        Ok(text) => message["payload"] = text.into(),
        Err(_) => message["payload_hex"] = hex(&envelope.payload).into(),
    }
    message
}

fn key_json(key: &MessageKey) -> Value {
    match key {
        MessageKey::None => Value::Null,
        MessageKey::Explicit(id) => json!({ "id": id.as_ref() }),
        MessageKey::PlatformSequence(sequence) => json!({ "platform_sequence": sequence }),
        // The request's token tells answers apart; it is hidden all the same, for its name's sake.
        MessageKey::Coap { message_id, .. } => json!({ "coap_message_id": message_id }),
        MessageKey::MqttDup => json!({ "mqtt_dup": true }),
    }
}

fn control_json(control: &Control) -> Value {
    let mut value = serde_json::to_value(control).unwrap_or_else(|error| json!({ "unprintable": error.to_string() }));
    hide(&mut value);
    value
}

fn hide(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if HIDDEN.contains(&name.as_str()) && !field.is_null() {
                    *field = HIDDEN_TEXT.into();
                } else {
                    hide(field);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn print_text(record: &Record, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{:>12}  {}  ", record.seq.0, time_text(record.time))?;
    match &record.body {
        Body::Message(envelope) => {
            write!(out, "{} {}", envelope.device, envelope.kind)?;
            if !envelope.model.is_empty() {
                write!(out, " {}", envelope.model)?;
            }
            write!(out, " {:?} {:?} ", envelope.transport, envelope.format)?;
            match std::str::from_utf8(&envelope.payload) {
                Ok(text) => writeln!(out, "{}", one_line(text)),
                Err(_) => writeln!(out, "0x{}", hex(&envelope.payload)),
            }
        }
        Body::Control(control) => writeln!(out, "{}", control_json(control)),
    }
}

/// A text without control characters, which could move a terminal's cursor.
fn one_line(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

fn time_text(time: Timestamp) -> String {
    match DateTime::from_timestamp_millis(time.as_millis()) {
        Some(moment) => moment.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        None => format!("{} ms", time.as_millis()),
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a text cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}

#[cfg(test)]
mod tests {
    use gengfu_model::staff::User;
    use gengfu_model::{Action, DeviceId, Kind, PayloadFormat, Role, StaffRequest, Transport};

    use super::super::{Log, LogOptions, ModelDisk, ReadLimit};
    use super::*;

    fn message(payload: &[u8]) -> Record {
        let envelope = Envelope {
            device: DeviceId::new("lamp-7").unwrap(),
            kind: Kind::Streetlight,
            model: "".into(),
            transport: Transport::Mqtt,
            format: PayloadFormat::Json,
            key: MessageKey::Explicit("k1".into()),
            received_at: Timestamp(1_764_000_000_000),
            payload: payload.into(),
        };
        Record { seq: Seq(5), time: Timestamp(1_764_000_000_123), body: Body::Message(envelope) }
    }

    fn text(record: &Record, style: Style) -> String {
        let mut out = Vec::new();
        print_record(record, style, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_message_is_printed_as_text_and_as_json() {
        let record = message(b"{\"on\":true}");
        assert_eq!(
            text(&record, Style::Text),
            "           5  2025-11-24T16:00:00.123Z  lamp-7 streetlight Mqtt Json {\"on\":true}\n"
        );
        let json: Value = serde_json::from_str(&text(&record, Style::Json)).unwrap();
        assert_eq!(json["seq"], 5);
        assert_eq!(json["message"]["payload"], "{\"on\":true}");
        assert_eq!(json["message"]["key"]["id"], "k1");
    }

    #[test]
    fn bytes_that_are_no_text_are_printed_as_hexadecimal_digits() {
        let record = message(&[0xff, 0x00]);
        assert!(text(&record, Style::Text).ends_with("0xff00\n"));
        assert!(text(&record, Style::Json).contains("\"payload_hex\":\"ff00\""));
    }

    #[test]
    fn only_what_the_filter_lets_through_is_printed() {
        let disk = ModelDisk::new();
        let (mut log, _) =
            Log::open(disk.disk(), LogOptions { segment_bytes: 16 << 10, ..Default::default() }).unwrap();
        for device in ["lamp-7", "lamp-8", "lamp-7", "lamp-7"] {
            let Body::Message(mut envelope) = message(b"{}").body else { continue };
            envelope.device = DeviceId::new(device).unwrap();
            log.append(vec![Body::Message(envelope), Body::Control(Control::Tick)], Timestamp(0)).unwrap();
        }
        let printed = |filter: &Filter| {
            let mut reader = JournalReader::open(disk.disk(), filter.from, ReadLimit::Everything).unwrap();
            let mut out = Vec::new();
            let count = print(&mut reader, filter, Style::Json, &mut out).unwrap();
            let lines = String::from_utf8(out).unwrap();
            assert_eq!(lines.lines().count() as u64, count);
            let seq = |line: &str| serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64().unwrap();
            lines.lines().map(seq).collect::<Vec<u64>>()
        };
        assert_eq!(printed(&Filter::default()), (1..=8).collect::<Vec<u64>>());
        assert_eq!(printed(&Filter { from: Seq(3), to: Seq(5), ..Filter::default() }), vec![3, 4, 5]);
        let device = Some("lamp-7".to_owned());
        assert_eq!(printed(&Filter { device: device.clone(), ..Filter::default() }), vec![1, 5, 7]);
        assert_eq!(printed(&Filter { device, limit: 2, ..Filter::default() }), vec![1, 5]);
    }

    #[test]
    fn no_credential_is_printed() {
        let user = User {
            name: "li".into(),
            password_hash: "$argon2id$secret".into(),
            roles: vec![Role::DutyOfficer],
            districts: Vec::new(),
            epoch: 0,
            disabled: false,
        };
        let actions = [
            Action::PutUser { user },
            Action::RotateKey { device: DeviceId::new("lamp-7").unwrap(), token_hash: [0xab; 32] },
        ];
        for action in actions {
            let request = StaffRequest { user: "chen".into(), roles: vec![Role::Administrator], action };
            let record = Record { seq: Seq(1), time: Timestamp(0), body: Body::Control(Control::Request(request)) };
            for style in [Style::Text, Style::Json] {
                let line = text(&record, style);
                assert!(!line.contains("argon2id") && !line.contains("abab"), "{line}");
                assert!(line.contains(HIDDEN_TEXT), "{line}");
            }
        }
    }
}
