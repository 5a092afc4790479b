//! Milesight AT101, an outdoor asset tracker: a truck's position over LoRaWAN.
//!
//! The location has the latitude first (04 88), the stored samples the longitude first (20 ce). It
//! says nothing of speed or ignition. All bits set in a coordinate mean that there is no position.

use gengfu_model::{Decoded, Kind};

use super::milesight::{Fields, read};
use super::{CodecSample, ModelCodec};

pub(super) const CODEC: ModelCodec = ModelCodec {
    model: "AT101",
    maker: "Milesight",
    kinds: &[Kind::Truck],
    samples: &[
        CodecSample {
            kind: Kind::Truck,
            hex: "01756403671b01050000048836bf7701f000090722",
            readings: "battery_pct=100 temperature_c=28.3 latitude=24.62495 longitude=118.030576 unknown=1",
        },
        CodecSample { kind: Kind::Truck, hex: "0175640488ffffffffffffffff00", readings: "battery_pct=100 fix=false" },
        CodecSample {
            kind: Kind::Truck,
            hex: "20ce9e744663f000090736bf7701000000000000",
            readings: "@1665561758000 latitude=24.62495 longitude=118.030576",
        },
    ],
    decode,
};

fn decode(kind: Kind, bytes: &[u8]) -> Result<Decoded, String> {
    read(kind, bytes, |id, frame, output| {
        match id {
            [0x03, 0x67] => output.now().number("temperature_c", frame.temperature()?),
            [0x83, 0x67] => {
                output.now().number("temperature_c", frame.temperature()?);
                frame.u8()?;
            }
            [0x04 | 0x84, 0x88] => {
                let (latitude, longitude, _motion) = (frame.i32()?, frame.i32()?, frame.u8()?);
                position(output.now(), latitude, longitude);
            }
            // Normal or tilted; installed or taken off.
            [0x05 | 0x07, 0x00] => {
                frame.u8()?;
                output.now().unknown();
            }
            [0x06, 0xd9] => {
                frame.take::<9>()?;
                output.now().unknown();
            }
            [0x08, 0x9b] => {
                frame.take::<6>()?;
                output.now().unknown();
            }
            [0x20, 0xce] => {
                let time = frame.seconds()?;
                let (longitude, latitude, _angles) = (frame.i32()?, frame.i32()?, frame.take::<6>()?);
                output.stored(time, |fields| position(fields, latitude, longitude));
            }
            _ => return Ok(false),
        }
        Ok(true)
    })
}

fn position(fields: &mut Fields, latitude: i32, longitude: i32) {
    if latitude == -1 && longitude == -1 {
        fields.flag("fix", false);
        return;
    }
    fields.number("latitude", f64::from(latitude) / 1e6);
    fields.number("longitude", f64::from(longitude) / 1e6);
}
