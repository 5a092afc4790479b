//! Milesight WS101, the call button of a toilet. However it is pressed (short, long, twice), it is a
//! call for help; the button has no way to take it back, so `sos` is never false here.

use gengfu_model::{Decoded, Kind};

use super::milesight::read;
use super::{CodecSample, ModelCodec};

pub(super) const CODEC: ModelCodec = ModelCodec {
    model: "WS101",
    maker: "Milesight",
    kinds: &[Kind::Toilet],
    samples: &[
        CodecSample { kind: Kind::Toilet, hex: "017510ff2e01", readings: "battery_pct=16 sos=true" },
        CodecSample { kind: Kind::Toilet, hex: "ff2e03", readings: "sos=true" },
        CodecSample { kind: Kind::Toilet, hex: "017510", readings: "battery_pct=16" },
    ],
    decode,
};

fn decode(kind: Kind, bytes: &[u8]) -> Result<Decoded, String> {
    read(kind, bytes, |id, frame, output| {
        let [0xff, 0x2e] = id else { return Ok(false) };
        match frame.u8()? {
            1..=3 => output.now().flag("sos", true),
            press => return Err(format!("unknown press {press}")),
        }
        Ok(true)
    })
}
