//! Milesight EM300-ZLD, a leak rope or spot sensor: water in a manhole, a leak in a toilet.

use gengfu_model::{Decoded, Kind};

use super::milesight::{Fields, read};
use super::{CodecSample, ModelCodec};

pub(super) const CODEC: ModelCodec = ModelCodec {
    model: "EM300-ZLD",
    maker: "Milesight",
    kinds: &[Kind::Manhole, Kind::Toilet],
    samples: &[
        CodecSample {
            kind: Kind::Manhole,
            hex: "01755c03673401046865050000",
            readings: "battery_pct=92 temperature_c=30.8 water=false unknown=1",
        },
        CodecSample {
            kind: Kind::Toilet,
            hex: "01755c03673401046865050001",
            readings: "battery_pct=92 temperature_c=30.8 humidity_pct=50.5 leak=true",
        },
        CodecSample {
            kind: Kind::Toilet,
            hex: "20ce9e74466310015d01",
            readings: "@1665561758000 temperature_c=27.2 humidity_pct=46.5 leak=true",
        },
    ],
    decode,
};

fn decode(kind: Kind, bytes: &[u8]) -> Result<Decoded, String> {
    read(kind, bytes, |id, frame, output| {
        match id {
            [0x03, 0x67] => output.now().number("temperature_c", frame.temperature()?),
            [0x04, 0x68] => output.now().number("humidity_pct", frame.humidity()?),
            [0x05, 0x00] => wet(kind, output.now(), frame.u8()?),
            [0x20, 0xce] => {
                let time = frame.seconds()?;
                let (temperature, humidity, status) = (frame.temperature()?, frame.humidity()?, frame.u8()?);
                output.stored(time, |fields| {
                    fields.number("temperature_c", temperature);
                    fields.number("humidity_pct", humidity);
                    wet(kind, fields, status);
                });
            }
            _ => return Ok(false),
        }
        Ok(true)
    })
}

fn wet(kind: Kind, fields: &mut Fields, status: u8) {
    fields.flag(if kind == Kind::Toilet { "leak" } else { "water" }, status != 0);
}
