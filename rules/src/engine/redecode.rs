//! A quarantined message, decoded again at somebody's request.
//!
//! The request is the message: it is judged like one, with three differences. Its clock was judged when
//! it came, its age is judged as of now, so what it brings is late by the usual rules. It is no sign of
//! life of the device. And it puts nothing into quarantine: the rows that are there say what came of it.

use gengfu_cases::At;
use gengfu_model::staff::{Accepted, Verdict};
use gengfu_model::{Effect, QuarantineReason, Quarantined, Record, Redecoded, Refusal};

use super::message::{Dispositions, count};
use super::{DecodedMessage, Engine, Output};

impl Engine {
    /// Judges a message out of the quarantine; the verdict's rows are the values that could be used.
    pub(super) fn redecode(
        &mut self,
        record: &Record,
        message: &Quarantined,
        decoded: Option<&DecodedMessage>,
        out: &mut Output,
    ) -> Verdict {
        let id = &message.device;
        let Some(index) = self.find(id.as_str()) else {
            return Err(Refusal::new("not_found", format!("there is no device `{id}`")).field("device"));
        };
        let state = &self.devices[index as usize];
        if state.device.kind != message.kind {
            let text = format!("device `{id}` is a {}, the request says {}", state.device.kind, message.kind);
            return Err(Refusal::new("conflict", text).hint("the register has changed: ask again"));
        }
        if state.past >= record.seq {
            return Ok(Accepted::default());
        }
        let decoded = decoded.expect("the request comes with what the codec made of its message");
        let envelope = message.envelope();
        let (live, said) = (self.is_live(record.seq), out.effects.ordinal());
        let mut dispositions = Dispositions { record, envelope: &envelope, live, out };
        self.roll_day(index, record.time, &mut dispositions);
        count(&mut self.devices[index as usize], |sheet| {
            sheet.journaled += 1;
            sheet.redecoded += 1;
        });
        let tried = self.try_again(index, record, decoded, &mut dispositions);
        if live {
            let (is_decoded, detail) = match &tried {
                Ok((values, left)) if left.is_empty() => (true, format!("{values} values")),
                Ok((values, left)) => (true, format!("{values} values; {}", left.join("; "))),
                Err(why) => (false, why.clone()),
            };
            let outcome = Redecoded { by: record.seq, time: record.time, decoded: is_decoded, detail };
            out.effects.push(Effect::Redecoded { message: message.seq, outcome });
        }
        self.count_along(out.effects.ordinal() - said);
        self.settle(index, At { seq: record.seq, now: self.now }, out);
        let in_quarantine = |why: String| Refusal::new("quarantined", why);
        Ok(match tried {
            Ok((values, left)) => Accepted {
                rows: u32::try_from(values).unwrap_or(u32::MAX),
                refused: left.into_iter().map(in_quarantine).collect(),
                ..Accepted::default()
            },
            Err(why) => Accepted { refused: vec![in_quarantine(why)], ..Accepted::default() },
        })
    }

    /// Gives how many values could be used and which elements could not, or why nothing could.
    fn try_again(
        &mut self,
        index: u32,
        record: &Record,
        decoded: &DecodedMessage,
        dispositions: &mut Dispositions<'_>,
    ) -> Result<(usize, Vec<String>), String> {
        let state = &mut self.devices[index as usize];
        let payload_hash = decoded.payload_hash;
        let decoded = match &decoded.result {
            Ok(decoded) => decoded,
            Err((reason, detail)) => {
                count(state, |sheet| sheet.quarantined += 1);
                return Err(in_words(*reason, detail));
            }
        };
        // Remembered only now: what cannot be decoded today may be decodable by the next release.
        if state.spoken().seen.check(&dispositions.envelope.key, None, None, payload_hash, record.time) {
            count(state, |sheet| sheet.duplicate += 1);
            return Err("it was decoded again a moment ago".to_owned());
        }
        if decoded.readings.is_empty() && decoded.rejected.is_empty() {
            // The device's own notice: kept, and no reading.
            count(state, |sheet| sheet.decoded += 1);
            return Ok((0, Vec::new()));
        }
        let left: Vec<String> = decoded.rejected.iter().map(|(reason, detail)| in_words(*reason, detail)).collect();
        let (readings, mut accepted) = (decoded.readings.as_slice(), Vec::new());
        self.sort_out(index, record.time, readings, &mut accepted, dispositions);
        let usable = !accepted.is_empty();
        count(
            &mut self.devices[index as usize],
            |sheet| {
                if usable { sheet.decoded += 1 } else { sheet.quarantined += 1 }
            },
        );
        if !usable {
            return Err("it decodes, but no reading of it has a time that can be used".to_owned());
        }
        let values = accepted.iter().map(|accepted| readings[accepted.place].samples.len()).sum();
        self.judge(index, record, readings, &accepted, dispositions.out);
        Ok((values, left))
    }
}

fn in_words(reason: QuarantineReason, detail: &str) -> String {
    let name = serde_json::to_value(reason).expect("a reason is a plain name");
    format!("{}: {detail}", name.as_str().unwrap_or_default())
}
