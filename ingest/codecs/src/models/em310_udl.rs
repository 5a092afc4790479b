//! Milesight EM310-UDL, a small ultrasonic distance sensor with a tilt switch.

use gengfu_model::{Decoded, Kind};

use super::milesight::read;
use super::{CodecSample, ModelCodec};

pub(super) const CODEC: ModelCodec = ModelCodec {
    model: "EM310-UDL",
    maker: "Milesight",
    kinds: &[Kind::Bin, Kind::Septic],
    samples: &[
        CodecSample {
            kind: Kind::Bin,
            hex: "01755c03824408040001",
            readings: "battery_pct=92 distance_mm=2116 tipped=true",
        },
        CodecSample {
            kind: Kind::Septic,
            hex: "01755c03824408040001",
            readings: "battery_pct=92 distance_mm=2116 unknown=1",
        },
    ],
    decode,
};

fn decode(kind: Kind, bytes: &[u8]) -> Result<Decoded, String> {
    read(kind, bytes, |id, frame, output| {
        match id {
            [0x03, 0x82] => output.now().number("distance_mm", f64::from(frame.u16()?)),
            [0x04, 0x00] => output.now().flag("tipped", frame.u8()? != 0),
            _ => return Ok(false),
        }
        Ok(true)
    })
}
