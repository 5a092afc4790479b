//! The byte codecs of device models: one file each, all in one visible list.
//!
//! To add a model, write a file beside the others with its channel table and its samples, and add one
//! line to [`MODELS`]. The samples are facts (bytes and what the maker says they mean); they are
//! checked by the tests and by `gengfu codecs check`.

mod at101;
mod dl_mbx;
mod em300_zld;
mod em310_tilt;
mod em310_udl;
mod em400_mud;
mod em400_mud_nb;
mod em500_udl;
mod gs301;
mod milesight;
mod vs330;
mod ws101;

use std::fmt::Write;

use gengfu_model::{Decoded, Kind, Quality, QuarantineReason, Reading, Value};

use crate::Undecodable;

/// Every model that has a codec of its own.
pub static MODELS: &[ModelCodec] = &[
    at101::CODEC,
    dl_mbx::CODEC,
    em300_zld::CODEC,
    em310_tilt::CODEC,
    em310_udl::CODEC,
    em400_mud::CODEC,
    em400_mud_nb::CODEC,
    em500_udl::CODEC,
    gs301::CODEC,
    vs330::CODEC,
    ws101::CODEC,
];

/// The codec of one model.
#[derive(Debug)]
pub struct ModelCodec {
    /// The model's name as the register has it; upper and lower case are the same.
    pub model: &'static str,
    /// Who makes it.
    pub maker: &'static str,
    /// The kinds of device it may be used as.
    pub kinds: &'static [Kind],
    /// Payloads and what they mean.
    pub samples: &'static [CodecSample],
    /// From bytes to readings; an error text says what of the frame is bad.
    decode: fn(Kind, &[u8]) -> Result<Decoded, String>,
}

/// A payload of a model and what it means.
#[derive(Clone, Copy, Debug)]
pub struct CodecSample {
    /// The device's kind.
    pub kind: Kind,
    /// The payload in hexadecimal digits.
    pub hex: &'static str,
    /// What [`describe`] writes of it.
    pub readings: &'static str,
}

/// The codec of a model, if there is one.
#[must_use]
pub fn find(model: &str) -> Option<&'static ModelCodec> {
    MODELS.iter().find(|codec| codec.model.eq_ignore_ascii_case(model))
}

/// Decodes a payload by the model's own codec.
pub(crate) fn decode(kind: Kind, model: &str, payload: &[u8]) -> Result<Decoded, Undecodable> {
    let codec =
        find(model).ok_or_else(|| (QuarantineReason::NoCodec, format!("model `{model}` has no codec for bytes")))?;
    if !codec.kinds.contains(&kind) {
        return Err((QuarantineReason::NoCodec, format!("model `{}` is no {kind}", codec.model)));
    }
    let decoded = (codec.decode)(kind, payload).map_err(|text| (QuarantineReason::BadFrame, text))?;
    match decoded.rejected.first() {
        Some(refused) if decoded.readings.is_empty() => Err(refused.clone()),
        _ => Ok(decoded),
    }
}

/// Decodes every sample of every model and compares; gives how many there are.
///
/// # Errors
/// A line for each sample that decodes to something else.
pub fn check_samples() -> Result<usize, Vec<String>> {
    let mut count = 0;
    let mut wrong = Vec::new();
    for codec in MODELS {
        for sample in codec.samples {
            count += 1;
            let found = match unhex(sample.hex).map(|bytes| decode(sample.kind, codec.model, &bytes)) {
                Some(Ok(decoded)) => describe(sample.kind, &decoded),
                Some(Err((_, text))) => text,
                None => "not hexadecimal".to_owned(),
            };
            if found != sample.readings {
                wrong.push(format!("{} {}: found `{found}`, expected `{}`", codec.model, sample.hex, sample.readings));
            }
        }
    }
    if wrong.is_empty() { Ok(count) } else { Err(wrong) }
}

/// Writes readings as one line: `name=value` in the payload's order, with `!warming_up` or `!faulty`
/// behind a value that must not be judged, `name?` for a refused one, `unknown=N`, `@TIME` in front of
/// a reading with a time of its own; readings are parted by ` | `.
#[must_use]
pub fn describe(kind: Kind, decoded: &Decoded) -> String {
    decoded.readings.iter().map(|reading| describe_reading(kind, reading)).collect::<Vec<_>>().join(" | ")
}

fn describe_reading(kind: Kind, reading: &Reading) -> String {
    let mut words = Vec::new();
    if let Some(time) = reading.event_time {
        words.push(format!("@{}", time.as_millis()));
    }
    for sample in &reading.samples {
        let name = kind.field_def(sample.field).map_or("?", |def| def.name);
        let mut word = match &sample.value {
            Value::Bool(flag) => format!("{name}={flag}"),
            Value::Number(number) => format!("{name}={number}"),
            Value::Text(text) => format!("{name}={text:?}"),
        };
        match sample.quality {
            Quality::Ok => {}
            Quality::WarmingUp => word.push_str("!warming_up"),
            Quality::Faulty => word.push_str("!faulty"),
        }
        words.push(word);
    }
    words.extend(reading.problems.iter().map(|problem| format!("{}?", problem.field)));
    let mut line = words.join(" ");
    if reading.unknown_fields > 0 {
        // Writing into a string cannot fail.
        write!(line, " unknown={}", reading.unknown_fields).ok();
    }
    line
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pair = |at: usize| text.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    (0..text.len()).step_by(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_decodes_to_what_it_means() {
        let count = check_samples().unwrap_or_else(|wrong| panic!("{}", wrong.join("\n")));
        assert!(count >= 2 * MODELS.len(), "{count} samples, each model needs two");
    }

    #[test]
    fn names_are_sorted_and_each_model_has_samples_of_each_kind() {
        assert!(MODELS.is_sorted_by_key(|codec| codec.model));
        for codec in MODELS {
            for kind in codec.kinds {
                assert!(codec.samples.iter().any(|sample| sample.kind == *kind), "{} {kind}", codec.model);
            }
        }
    }

    #[test]
    fn a_model_is_found_in_any_case_and_only_for_its_kinds() {
        assert_eq!(find("gs301").map(|codec| codec.model), Some("GS301"));
        assert_eq!(decode(Kind::Bin, "GS301", &[1, 0x75, 5]).unwrap_err().0, QuarantineReason::NoCodec);
        assert_eq!(decode(Kind::Bin, "", &[]).unwrap_err().0, QuarantineReason::NoCodec);
    }

    #[test]
    fn a_frame_that_ends_early_or_has_an_unknown_channel_is_bad() {
        for codec in MODELS {
            for sample in codec.samples {
                let bytes = unhex(sample.hex).unwrap();
                // Cut inside the last item, whatever it is.
                let cut = decode(sample.kind, codec.model, &bytes[..bytes.len() - 1]);
                assert_eq!(cut.unwrap_err().0, QuarantineReason::BadFrame, "{} {}", codec.model, sample.hex);
                let mut longer = bytes.clone();
                longer.extend([0x7f, 0x7f, 0x00]);
                let longer = decode(sample.kind, codec.model, &longer);
                assert_eq!(longer.unwrap_err().0, QuarantineReason::BadFrame, "{} {}", codec.model, sample.hex);
            }
        }
    }
}
