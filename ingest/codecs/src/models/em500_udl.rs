//! Milesight EM500-UDL, the ultrasonic level sensor of tanks and bins.
//!
//! An ultrasonic head cannot measure what is right before it. An echo from 30 mm or nearer (the
//! maker's own sample) is dirt on the head or the end of its ringing, so it is marked faulty: it must
//! not read as a full tank.

use gengfu_model::{Decoded, Kind, Quality};

use super::milesight::{Fields, read};
use super::{CodecSample, ModelCodec};

/// The nearest echo that is no measurement, in millimetres.
const BLIND_ZONE_MM: u16 = 30;

pub(super) const CODEC: ModelCodec = ModelCodec {
    model: "EM500-UDL",
    maker: "Milesight",
    kinds: &[Kind::Septic, Kind::Bin],
    samples: &[
        CodecSample { kind: Kind::Septic, hex: "01756403821e00", readings: "battery_pct=100 distance_mm=30!faulty" },
        CodecSample { kind: Kind::Bin, hex: "0382dc05", readings: "distance_mm=1500" },
        // The alarm: distance, the jump that set it off, which alarm.
        CodecSample { kind: Kind::Septic, hex: "83e9dc05640002", readings: "distance_mm=1500" },
        CodecSample { kind: Kind::Septic, hex: "20ce9e744663dc05", readings: "@1665561758000 distance_mm=1500" },
    ],
    decode,
};

fn decode(kind: Kind, bytes: &[u8]) -> Result<Decoded, String> {
    read(kind, bytes, |id, frame, output| {
        match id {
            [0x03, 0x82] => distance(output.now(), frame.u16()?),
            [0x83, 0xe9] => {
                let (now, _jump, _alarm) = (frame.u16()?, frame.u16()?, frame.u8()?);
                distance(output.now(), now);
            }
            [0x20, 0xce] => {
                let (time, then) = (frame.seconds()?, frame.u16()?);
                output.stored(time, |fields| distance(fields, then));
            }
            _ => return Ok(false),
        }
        Ok(true)
    })
}

fn distance(fields: &mut Fields, millimetres: u16) {
    let quality = if millimetres <= BLIND_ZONE_MM { Quality::Faulty } else { Quality::Ok };
    fields.untrusted("distance_mm", f64::from(millimetres), quality);
}
