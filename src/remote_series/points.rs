//! The points of a record, as the embedded series gets them.

use gengfu_model::record::OutcomeConfig;
use gengfu_model::{Action, Body, Control, Point, Quality, Record, StaffRequest};
use gengfu_rules::engine::acceptance::{Acceptance, accept};

/// Gives the points of a message: values of good quality, at their event time (or the received time
/// where the device's clock is a little ahead); nothing of a reading whose time cannot be.
pub(super) fn points_of(record: &Record, outcome: &OutcomeConfig, mut give: impl FnMut(&Point)) {
    let redecoded;
    let envelope = match &record.body {
        Body::Message(envelope) => envelope,
        Body::Control(Control::Request(StaffRequest { action: Action::Redecode { message }, .. })) => {
            redecoded = message.envelope();
            &redecoded
        }
        Body::Control(_) => return,
    };
    // What cannot be decoded is in quarantine, and no point.
    let Ok(decoded) = gengfu_codecs::decode(envelope) else { return };
    let received = envelope.received_at.min(record.time);
    for reading in decoded.readings {
        // Late or not makes no difference here, so the device's newest reading need not be known.
        let time = match accept(reading.event_time, received, None, outcome) {
            Acceptance::InTime(time) | Acceptance::LateNewest(time) | Acceptance::Late(time) => time,
            Acceptance::TooFarAhead | Acceptance::BadTime => continue,
        };
        for sample in reading.samples {
            if sample.quality == Quality::Ok {
                give(&Point {
                    device: envelope.device.clone(),
                    kind: envelope.kind,
                    field: sample.field,
                    time,
                    seq: record.seq,
                    value: sample.value,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use gengfu_model::{DeviceId, Envelope, Kind, MessageKey, PayloadFormat, Seq, Timestamp, Transport, Value};

    use super::*;

    const RECEIVED: i64 = 1_800_000_000_000;

    fn message(payload: &str) -> Record {
        Record {
            seq: Seq(9),
            time: Timestamp(RECEIVED + 5),
            body: Body::Message(Envelope {
                device: DeviceId::new("cover-1").unwrap(),
                kind: Kind::Manhole,
                model: "".into(),
                transport: Transport::Mqtt,
                format: PayloadFormat::Json,
                key: MessageKey::None,
                received_at: Timestamp(RECEIVED),
                payload: payload.as_bytes().into(),
            }),
        }
    }

    fn points(record: &Record) -> Vec<(i64, Value)> {
        let mut found = Vec::new();
        points_of(record, &OutcomeConfig::default(), |point| found.push((point.time.as_millis(), point.value.clone())));
        found
    }

    #[test]
    fn times_are_judged_as_the_engine_does() {
        let tilt = |ts: i64| points(&message(&format!(r#"{{"ts":{ts},"tilt_deg":1.5}}"#)));
        let at = |time: i64| vec![(time, Value::Number(1.5))];
        assert_eq!(points(&message(r#"{"tilt_deg":1.5}"#)), at(RECEIVED), "no time of its own");
        assert_eq!(tilt(RECEIVED - 86_400_000), at(RECEIVED - 86_400_000), "a day late");
        assert_eq!(tilt(RECEIVED + 120_000), at(RECEIVED), "as far ahead as may be");
        assert_eq!(tilt(RECEIVED + 120_001), [], "too far ahead");
        assert_eq!(tilt(RECEIVED / 1_000), [], "seconds instead of milliseconds");
    }

    #[test]
    fn what_is_no_reading_gives_no_point() {
        assert_eq!(points(&message("nonsense")), []);
        let tick = Record { seq: Seq(1), time: Timestamp(RECEIVED), body: Body::Control(Control::Tick) };
        assert_eq!(points(&tick), []);
        let half = points(&message(r#"[{"tilt_deg":"many","water":true},{"tilt_deg":2}]"#));
        assert_eq!(half, [(RECEIVED, Value::Bool(true)), (RECEIVED, Value::Number(2.0))]);
    }
}
