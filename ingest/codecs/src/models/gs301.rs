//! Milesight GS301, the odour sensor of public toilets: ammonia and hydrogen sulphide.
//!
//! After power-up the cells polarise for hours: fffe. A broken cell says ffff. Neither is 655 ppm:
//! both give the field with the value 0 and the quality that keeps it from being judged. Hydrogen
//! sulphide comes in steps of 0.01 ppm (channel 5) or 0.001 ppm (channel 6) by the cell's version.

use gengfu_model::{Decoded, Kind, Quality};

use super::milesight::{Fields, read};
use super::{CodecSample, ModelCodec};

/// The cell is polarising.
const POLARISING: u16 = 0xfffe;
/// The cell is broken.
const BROKEN: u16 = 0xffff;

pub(super) const CODEC: ModelCodec = ModelCodec {
    model: "GS301",
    maker: "Milesight",
    kinds: &[Kind::Toilet],
    samples: &[
        CodecSample {
            kind: Kind::Toilet,
            hex: "01756402671c01036864047d0000057d0100",
            readings: "battery_pct=100 temperature_c=28.4 humidity_pct=50 nh3_ppm=0 h2s_ppm=0.01",
        },
        CodecSample { kind: Kind::Toilet, hex: "047d9600067d0700", readings: "nh3_ppm=1.5 h2s_ppm=0.007" },
        CodecSample { kind: Kind::Toilet, hex: "047dfeff057dffff", readings: "nh3_ppm=0!warming_up h2s_ppm=0!faulty" },
        CodecSample { kind: Kind::Toilet, hex: "067dfeff", readings: "h2s_ppm=0!warming_up" },
    ],
    decode,
};

fn decode(kind: Kind, bytes: &[u8]) -> Result<Decoded, String> {
    read(kind, bytes, |id, frame, output| {
        match id {
            [0x02, 0x67] => output.now().number("temperature_c", frame.temperature()?),
            [0x03, 0x68] => output.now().number("humidity_pct", frame.humidity()?),
            [0x04, 0x7d] => gas(output.now(), "nh3_ppm", frame.u16()?, 100.0),
            [0x05, 0x7d] => gas(output.now(), "h2s_ppm", frame.u16()?, 100.0),
            [0x06, 0x7d] => gas(output.now(), "h2s_ppm", frame.u16()?, 1_000.0),
            // The result of a calibration.
            [0x07, 0xea] => {
                frame.take::<5>()?;
                output.now().unknown();
            }
            _ => return Ok(false),
        }
        Ok(true)
    })
}

fn gas(fields: &mut Fields, name: &str, raw: u16, steps_per_ppm: f64) {
    match raw {
        POLARISING => fields.untrusted(name, 0.0, Quality::WarmingUp),
        BROKEN => fields.untrusted(name, 0.0, Quality::Faulty),
        _ => fields.number(name, f64::from(raw) / steps_per_ppm),
    }
}
