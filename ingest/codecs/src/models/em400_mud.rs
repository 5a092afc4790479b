//! Milesight EM400-MUD, the ultrasonic fill sensor of bins, over LoRaWAN.
//!
//! Alarm frames (83 67, 84 82) carry only what alarms; what they do not carry is simply not in the
//! reading. The location of the NB-IoT variant is not taken: a bin has no such field.

use gengfu_model::{Decoded, Kind};

use super::milesight::read;
use super::{CodecSample, ModelCodec};

pub(super) const CODEC: ModelCodec = ModelCodec {
    model: "EM400-MUD",
    maker: "Milesight",
    kinds: &[Kind::Bin, Kind::Septic],
    samples: &[
        CodecSample {
            kind: Kind::Bin,
            hex: "01755c0367010104824408050001",
            readings: "battery_pct=92 temperature_c=25.7 distance_mm=2116 tipped=true",
        },
        CodecSample { kind: Kind::Bin, hex: "8367e800018482410601", readings: "temperature_c=23.2 distance_mm=1601" },
        // A distance that no such sensor can measure.
        CodecSample { kind: Kind::Bin, hex: "04827eff050000", readings: "tipped=false distance_mm?" },
        CodecSample {
            kind: Kind::Septic,
            hex: "01755c0367010104824408050001",
            readings: "battery_pct=92 temperature_c=25.7 distance_mm=2116 unknown=1",
        },
    ],
    decode,
};

/// Reads the items of a frame; the NB-IoT variant has the same.
pub(super) fn decode(kind: Kind, bytes: &[u8]) -> Result<Decoded, String> {
    read(kind, bytes, |id, frame, output| {
        match id {
            [0x03, 0x67] => output.now().number("temperature_c", frame.temperature()?),
            [0x04, 0x82] => output.now().number("distance_mm", f64::from(frame.u16()?)),
            [0x05, 0x00] => output.now().flag("tipped", frame.u8()? != 0),
            [0x06, 0x88] => {
                frame.take::<9>()?;
                output.now().unknown();
            }
            [0x83, 0x67] => {
                output.now().number("temperature_c", frame.temperature()?);
                frame.u8()?;
            }
            [0x84, 0x82] => {
                output.now().number("distance_mm", f64::from(frame.u16()?));
                frame.u8()?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    })
}
