//! A device's day is written once, with its first message of a later day, whatever the city's zone does meanwhile.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::sync::Arc;

use common::{HOUR, MINUTE};
use gengfu_cases::Profile;
use gengfu_model::record::OutcomeConfig;
use gengfu_model::staff::{Action, Role, StaffRequest};
use gengfu_model::{
    Body, Control, Decoded, Effect, Envelope, Kind, MessageKey, PayloadFormat, Record, Seq, Timestamp, Transport,
};
use gengfu_rules::engine::{DecodedMessage, Engine, Output, Sheet};

/// 2026-12-02 00:30 in Shanghai, 2026-12-01 16:30 in London.
const HALF_PAST: i64 = 1_796_142_600_000;

struct Line {
    engine: Engine,
    output: Output,
    seq: u64,
}

impl Line {
    fn apply(&mut self, time: i64, body: Body, decoded: Option<&DecodedMessage>) {
        self.seq += 1;
        self.engine.apply(&Record { seq: Seq(self.seq), time: Timestamp(time), body }, decoded, &mut self.output);
    }

    fn start(&mut self, time: i64, zone: &str) {
        let config = OutcomeConfig { time_zone: zone.to_owned(), ..OutcomeConfig::default() };
        self.apply(time, Body::Control(Control::Started { version: "test".to_owned(), config }), None);
    }

    fn message(&mut self, time: i64) {
        let envelope = Envelope {
            device: common::device(Kind::Manhole).id,
            kind: Kind::Manhole,
            model: "".into(),
            transport: Transport::Mqtt,
            format: PayloadFormat::Json,
            key: MessageKey::Explicit(format!("m-{}", self.seq).into()),
            received_at: Timestamp(time),
            payload: b"{}".to_vec().into(),
        };
        let decoded = DecodedMessage { result: Ok(Decoded::default()), payload_hash: self.seq };
        self.apply(time, Body::Message(envelope), Some(&decoded));
    }

    /// The days that were written, with the messages of each.
    fn written(&mut self) -> Vec<(String, u64)> {
        let effects = self.output.effects.take();
        let written = effects.into_iter().filter_map(|(_, effect)| match effect {
            Effect::DaySheet { day, counts, .. } => {
                Some((day, serde_json::from_str::<Sheet>(&counts).unwrap().journaled))
            }
            _ => None,
        });
        written.collect()
    }
}

#[test]
fn a_zone_further_west_does_not_begin_the_day_before_once_more() {
    let profile = Arc::new(Profile::parse(gengfu_cases::profile::YUNCHENG).unwrap());
    let mut line = Line { engine: Engine::new(profile), output: Output::default(), seq: 0 };
    line.start(HALF_PAST - 2 * HOUR, "Asia/Shanghai");
    let action = Action::AddDevices { devices: vec![common::device(Kind::Manhole)], replace: false };
    let request = StaffRequest { user: "local".into(), roles: vec![Role::Administrator], action };
    line.apply(HALF_PAST - 2 * HOUR, Body::Control(Control::Request(request)), None);
    line.message(HALF_PAST - HOUR);
    line.message(HALF_PAST);
    assert_eq!(line.written(), [("2026-12-01".to_owned(), 1)]);
    line.start(HALF_PAST + MINUTE, "Europe/London");
    line.message(HALF_PAST + 2 * MINUTE);
    assert_eq!(line.written(), [], "it is the 1st in London, whose sheet is written");
    // 2026-12-02 and 2026-12-03, 01:30 in London.
    line.message(HALF_PAST + 9 * HOUR);
    assert_eq!(line.written(), []);
    line.message(HALF_PAST + 33 * HOUR);
    assert_eq!(line.written(), [("2026-12-02".to_owned(), 3)]);
}
