//! What comes in while the power is on: messages of devices, and what staff ask for.

use gengfu_ingest::journal::model_disk::SplitMix64;
use gengfu_model::staff::{Action, CaseStep};
use gengfu_model::{
    Attachment, AttachmentPurpose, AttachmentType, Case, CaseState, Control, DeviceId, Disposition, DispositionKind,
    EffectId, Envelope, Kind, Matcher, MessageKey, NewSilence, PayloadFormat, Quarantined, Transport,
};

use super::life::Life;
use super::world::{DEVICES, World, device, request};

/// One message with its own number in it, sometimes tilted, sometimes garbage, sometimes late.
pub(super) fn message(world: &mut World, random: &mut SplitMix64) -> Envelope {
    let number = world.next_message;
    world.next_message += 1;
    let tilt = if random.chance(1, 6) { random.below(60) } else { random.below(9) };
    let at = world.clock.plus_ms(if random.chance(1, 12) { -900_000 } else { -(random.below(2_000) as i64) });
    let payload = match random.below(20) {
        0 => format!("garbage {number}"),
        1 => format!(r#"{{"ts":{},"tilt_deg":999,"n":{number}}}"#, at.as_millis()),
        _ => format!(r#"{{"ts":{},"tilt_deg":{tilt},"battery_pct":80,"n":{number}}}"#, at.as_millis()),
    };
    Envelope {
        device: DeviceId::new(&format!("cover-{}", random.below(DEVICES))).unwrap(),
        kind: Kind::Manhole,
        model: "".into(),
        transport: Transport::Mqtt,
        format: PayloadFormat::Json,
        key: MessageKey::None,
        received_at: world.clock,
        payload: payload.into_bytes().into(),
    }
}

/// The number that [`message`] put into a payload.
pub(super) fn number_of(envelope: &Envelope) -> u64 {
    let text = std::str::from_utf8(&envelope.payload).unwrap();
    let digits: String =
        text.chars().rev().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.chars().rev().collect::<String>().parse().unwrap()
}

/// A command that mostly expires within the seed.
pub(super) fn command(random: &mut SplitMix64) -> Control {
    let device = DeviceId::new(&format!("cover-{}", random.below(DEVICES))).unwrap();
    let expires_s = 1 + u32::try_from(random.below(300)).unwrap();
    request(Action::SendCommand { device, name: "ping".into(), args: Default::default(), expires_s })
}

/// What staff do about an open case: mostly the next step of its life, so that many are handled and verified.
pub(super) fn case_step(life: &Life, random: &mut SplitMix64) -> Option<Control> {
    let cases: Vec<&Case> = life.engine.reducer().cases().collect();
    let case = cases.get(usize::try_from(random.below(cases.len().max(1) as u64)).unwrap())?;
    let next = match case.state {
        CaseState::Reported | CaseState::PendingVerify => CaseStep::File,
        CaseState::Filed | CaseState::Returned => CaseStep::Dispatch { department: "市政处".into() },
        CaseState::Dispatched => CaseStep::Receive,
        CaseState::Handling => CaseStep::Handle,
        CaseState::Suspended => CaseStep::Resume,
        // The sensors' turn; a person is only sometimes faster.
        CaseState::PendingCheck if random.chance(1, 10) => CaseStep::Rework,
        CaseState::PendingCheck => CaseStep::Comment,
        CaseState::CheckPassed
        | CaseState::Rejected
        | CaseState::Closed
        | CaseState::ForceClosed
        | CaseState::Cancelled
        | CaseState::Merged => CaseStep::Close { feedback: Some("real".into()) },
    };
    let step = match random.below(12) {
        0 => CaseStep::Suspend,
        1 => CaseStep::ForceClose,
        2 => CaseStep::Attach { attachment: Box::new(photo(random.below(4))) },
        _ => next,
    };
    Some(request(Action::Case { case: case.id, step, note: "因断电演练".to_owned() }))
}

pub(super) fn photo(number: u64) -> Attachment {
    Attachment {
        sha256: format!("{number:064x}").into(),
        media: AttachmentType::Jpeg,
        bytes: number,
        purpose: AttachmentPurpose::Handling,
        name: "".into(),
    }
}

/// A silence of a cover for some minutes or until it is closed, or the end of one before its time.
pub(super) fn silence(world: &World, life: &Life, random: &mut SplitMix64) -> Control {
    let running: Vec<EffectId> = life.engine.reducer().silences().map(|silence| silence.id).collect();
    if let Some(id) = running.get(usize::try_from(random.below(3)).unwrap()) {
        return request(Action::EndSilence { silence: Some(*id), work_order: None });
    }
    let asked = NewSilence {
        matches: Matcher { asset: Some(device(random.below(DEVICES)).asset_code), ..Matcher::default() },
        from: random.chance(1, 4).then(|| world.clock.plus_ms(random.below(200_000) as i64)),
        to: world.clock.plus_ms(300_000 + random.below(600_000) as i64),
        weekly: None,
        until_clear: random.chance(1, 2),
        work_order: None,
        reason: "检修".into(),
        comment: String::new(),
    };
    request(Action::PutSilence { silence: Box::new(asked) })
}

/// A message of the quarantine with what the codec of another day reads in it; sometimes one that was
/// decoded before.
pub(super) fn second_try(world: &World, random: &mut SplitMix64) -> Option<Control> {
    let waiting: Vec<Disposition> =
        world.ledger.dispositions().into_iter().filter(|row| row.kind == DispositionKind::Quarantined).collect();
    let row = waiting.get(usize::try_from(random.below(waiting.len().max(1) as u64)).unwrap())?;
    let message = Quarantined {
        seq: row.seq,
        device: row.device.clone(),
        kind: Kind::Manhole,
        model: "".into(),
        source: row.source?,
        payload: format!(r#"{{"tilt_deg":{}}}"#, random.below(60)).into_bytes().into(),
    };
    Some(request(Action::Redecode { message: Box::new(message) }))
}
