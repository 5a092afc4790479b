//! Milesight EM310-TILT, the angles of a manhole cover.
//!
//! The sensor gives the angle of each of its axes over the horizontal plane, so the sines of the three
//! are the parts of gravity along the axes: lying flat it says 0, 0, 90 (the maker's sample). It is
//! mounted flat under the cover, so its Z axis is the cover's normal, and the tilt from upright is the
//! angle between that axis and the vertical, from all three parts (the sine of Z alone would be
//! blunt near upright): 0 at rest, 90 on edge, 180 face down.
//!
//! The parts of gravity make 1 together. When they are far from it, the angles are none of this sort
//! (a sensor zeroed to its initial surface, a broken one), and the tilt is marked faulty. The alarm bits
//! of the axes compare with thresholds set in the sensor; the rules judge `tilt_deg` instead.

use gengfu_model::{Decoded, Kind, Quality};

use super::milesight::{Fields, read};
use super::{CodecSample, ModelCodec};

/// How far the square of gravity's parts may be from 1; noise and rounding stay far below.
const MAX_GRAVITY_ERROR: f64 = 0.2;

pub(super) const CODEC: ModelCodec = ModelCodec {
    model: "EM310-TILT",
    maker: "Milesight",
    kinds: &[Kind::Manhole],
    samples: &[
        CodecSample { kind: Kind::Manhole, hex: "03cf00000000282307", readings: "tilt_deg=0" },
        // On edge: Z level, X upright.
        CodecSample { kind: Kind::Manhole, hex: "03cf28230000000000", readings: "tilt_deg=90" },
        // Face down.
        CodecSample { kind: Kind::Manhole, hex: "01756403cf00000000d8dc04", readings: "battery_pct=100 tilt_deg=180" },
        // 30 degrees about Y.
        CodecSample { kind: Kind::Manhole, hex: "03cfb80b0000701700", readings: "tilt_deg=30" },
        CodecSample { kind: Kind::Manhole, hex: "03cf00000000000000", readings: "tilt_deg=0!faulty" },
    ],
    decode,
};

fn decode(kind: Kind, bytes: &[u8]) -> Result<Decoded, String> {
    read(kind, bytes, |id, frame, output| {
        let [0x03, 0xcf] = id else { return Ok(false) };
        let angles = [frame.i16()?, frame.i16()?, frame.i16()?];
        let _alarm_bits = frame.u8()?;
        tilt(output.now(), angles);
        Ok(true)
    })
}

fn tilt(fields: &mut Fields, angles_centidegrees: [i16; 3]) {
    let [x, y, z] = angles_centidegrees.map(|angle| libm::sin((f64::from(angle) / 100.0).to_radians()));
    let off_gravity = (x * x + y * y + z * z - 1.0).abs();
    if off_gravity > MAX_GRAVITY_ERROR {
        fields.untrusted("tilt_deg", 0.0, Quality::Faulty);
        return;
    }
    let degrees = libm::atan2(libm::hypot(x, y), z).to_degrees();
    // The sensor's own step.
    fields.number("tilt_deg", (degrees * 100.0).round() / 100.0);
}
