//! Decentlab DL-MBX, an ultrasonic level sensor, big-endian, with a word that says what is in the frame.
//!
//! No valid sample means that the head heard no echo: the distance is there, but faulty.

use gengfu_model::{Decoded, Kind, Quality};

use super::milesight::Fields;
use super::{CodecSample, ModelCodec};

/// The protocol version that this layout is of.
const VERSION: u8 = 2;
/// Distance and number of valid samples are in the frame.
const HAS_DISTANCE: u16 = 1;
/// The battery's voltage is in the frame.
const HAS_BATTERY: u16 = 2;

pub(super) const CODEC: ModelCodec = ModelCodec {
    model: "DL-MBX",
    maker: "Decentlab",
    kinds: &[Kind::Septic, Kind::Bin],
    samples: &[
        CodecSample { kind: Kind::Septic, hex: "02012f000304d200010bb1", readings: "distance_mm=1234 battery_v=2.993" },
        CodecSample { kind: Kind::Bin, hex: "02012f00020bb1", readings: "battery_v=2.993" },
        CodecSample { kind: Kind::Septic, hex: "02012f0001000a0000", readings: "distance_mm=10!faulty" },
    ],
    decode,
};

fn decode(kind: Kind, bytes: &[u8]) -> Result<Decoded, String> {
    let mut words = words_after_version(bytes)?;
    let mut next = move || words.next().ok_or_else(|| format!("frame of {} bytes ends too early", bytes.len()));
    let _serial = next()?;
    let content = next()?;
    let expected_bytes =
        5 + if content & HAS_DISTANCE == 0 { 0 } else { 4 } + if content & HAS_BATTERY == 0 { 0 } else { 2 };
    if content & !(HAS_DISTANCE | HAS_BATTERY) != 0 || bytes.len() != expected_bytes {
        return Err(format!("frame of {} bytes with contents {content:04x}", bytes.len()));
    }
    let mut fields = Fields::new(kind);
    if content & HAS_DISTANCE != 0 {
        let (distance, valid_samples) = (f64::from(next()?), next()?);
        let quality = if valid_samples == 0 { Quality::Faulty } else { Quality::Ok };
        fields.untrusted("distance_mm", distance, quality);
    }
    if content & HAS_BATTERY != 0 {
        fields.number("battery_v", f64::from(next()?) / 1_000.0);
    }
    Ok(fields.into_decoded())
}

fn words_after_version(bytes: &[u8]) -> Result<impl Iterator<Item = u16>, String> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => Ok(rest.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]))),
        Some((version, _)) => Err(format!("protocol version {version}, only {VERSION} is known")),
        None => Err("an empty frame".to_owned()),
    }
}
