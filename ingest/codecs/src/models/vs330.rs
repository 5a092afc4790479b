//! Milesight VS330, the occupancy sensor of a toilet's stall.
//!
//! Its distance to whoever stands before it is no field of a toilet.

use gengfu_model::{Decoded, Kind};

use super::milesight::read;
use super::{CodecSample, ModelCodec};

pub(super) const CODEC: ModelCodec = ModelCodec {
    model: "VS330",
    maker: "Milesight",
    kinds: &[Kind::Toilet],
    samples: &[
        CodecSample {
            kind: Kind::Toilet,
            hex: "01756202820f00038e01048e01",
            readings: "battery_pct=98 occupied=true unknown=2",
        },
        CodecSample { kind: Kind::Toilet, hex: "038e00", readings: "occupied=false" },
    ],
    decode,
};

fn decode(kind: Kind, bytes: &[u8]) -> Result<Decoded, String> {
    read(kind, bytes, |id, frame, output| {
        match id {
            [0x02, 0x82] => {
                frame.u16()?;
                output.now().unknown();
            }
            [0x03, 0x8e] => output.now().flag("occupied", frame.u8()? != 0),
            // Whether a calibration went well.
            [0x04, 0x8e] => {
                frame.u8()?;
                output.now().unknown();
            }
            _ => return Ok(false),
        }
        Ok(true)
    })
}
