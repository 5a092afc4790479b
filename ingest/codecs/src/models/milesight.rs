//! What Milesight's LoRaWAN payloads share: a row of items, each channel id, type and data.
//!
//! The length of an item is known by its channel alone, so after an unknown channel nothing can be
//! read any more: the whole frame is bad. Numbers are little-endian. Source of the channel tables:
//! the maker's published README files; the code is ours.

use gengfu_model::{Decoded, Kind, Quality, Reading, Timestamp};

use crate::Undecodable;
use crate::builder::ReadingBuilder;
use crate::check::Scalar;

/// A frame being read from its start.
pub(super) struct Frame<'f> {
    bytes: &'f [u8],
    at: usize,
}

impl Frame<'_> {
    /// The next `N` bytes.
    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let found = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<N>());
        let found = found.ok_or_else(|| format!("frame of {} bytes ends within an item", self.bytes.len()))?;
        self.at += N;
        Ok(*found)
    }

    pub(super) fn u8(&mut self) -> Result<u8, String> {
        self.take::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, String> {
        self.take().map(u16::from_le_bytes)
    }

    pub(super) fn i16(&mut self) -> Result<i16, String> {
        self.take().map(i16::from_le_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, String> {
        self.take().map(i32::from_le_bytes)
    }

    /// A temperature: a tenth of a degree Celsius.
    pub(super) fn temperature(&mut self) -> Result<f64, String> {
        Ok(f64::from(self.i16()?) / 10.0)
    }

    /// A relative humidity: half a percent.
    pub(super) fn humidity(&mut self) -> Result<f64, String> {
        Ok(f64::from(self.u8()?) / 2.0)
    }

    /// The epoch seconds in front of a stored sample.
    pub(super) fn seconds(&mut self) -> Result<Timestamp, String> {
        self.take().map(|bytes| Timestamp(i64::from(u32::from_le_bytes(bytes)) * 1_000))
    }
}

/// The readings of a frame: what was measured now, and stored samples with times of their own.
pub(super) struct Output {
    kind: Kind,
    now: Fields,
    stored: Vec<Result<Reading, Undecodable>>,
}

/// The fields of one reading.
pub(super) struct Fields(ReadingBuilder);

impl Fields {
    pub(super) fn new(kind: Kind) -> Fields {
        Fields(ReadingBuilder::new(kind))
    }

    /// Takes a number; one that the kind has no field for is counted as unknown.
    pub(super) fn number(&mut self, name: &str, value: f64) {
        self.0.named(name, &Scalar::Number(value), Quality::Ok);
    }

    /// Takes a yes or no.
    pub(super) fn flag(&mut self, name: &str, value: bool) {
        self.0.named(name, &Scalar::Bool(value), Quality::Ok);
    }

    /// Takes a number that must not be judged.
    pub(super) fn untrusted(&mut self, name: &str, value: f64, quality: Quality) {
        self.0.named(name, &Scalar::Number(value), quality);
    }

    /// Counts a value that no kind has a field for.
    pub(super) fn unknown(&mut self) {
        self.0.unknown();
    }

    /// The reading, if there is anything in it.
    pub(super) fn into_decoded(self) -> Decoded {
        let mut decoded = Decoded::default();
        // A frame with nothing but the device's own notices (its serial number, a reset) has no reading.
        if !self.0.is_empty() {
            place(&mut decoded, self.0.finish());
        }
        decoded
    }
}

impl Output {
    /// The fields measured now.
    pub(super) fn now(&mut self) -> &mut Fields {
        &mut self.now
    }

    /// Adds a stored sample of an earlier time.
    pub(super) fn stored(&mut self, time: Timestamp, fill: impl FnOnce(&mut Fields)) {
        let mut fields = Fields::new(self.kind);
        fields.0.time_at(time);
        fill(&mut fields);
        self.stored.push(fields.0.finish());
    }

    fn finish(self) -> Decoded {
        let mut decoded = self.now.into_decoded();
        for stored in self.stored {
            place(&mut decoded, stored);
        }
        decoded
    }
}

fn place(decoded: &mut Decoded, reading: Result<Reading, Undecodable>) {
    match reading {
        Ok(reading) => decoded.readings.push(reading),
        Err(refused) => decoded.rejected.push(refused),
    }
}

/// Reads a frame: `channel` takes the data of the model's own channels and says whether it knew the
/// channel; battery (01 75) and the device's notices (ff ..) are read here.
pub(super) fn read(
    kind: Kind,
    bytes: &[u8],
    channel: impl Fn([u8; 2], &mut Frame<'_>, &mut Output) -> Result<bool, String>,
) -> Result<Decoded, String> {
    if bytes.is_empty() {
        return Err("an empty frame".to_owned());
    }
    let mut frame = Frame { bytes, at: 0 };
    let mut output = Output { kind, now: Fields::new(kind), stored: Vec::new() };
    while frame.at < bytes.len() {
        let start = frame.at;
        let id = frame.take::<2>()?;
        let known = channel(id, &mut frame, &mut output)? || shared_channel(id, &mut frame, &mut output)?;
        if !known {
            return Err(format!("unknown channel {:02x} {:02x} at byte {start}", id[0], id[1]));
        }
    }
    Ok(output.finish())
}

fn shared_channel(id: [u8; 2], frame: &mut Frame<'_>, output: &mut Output) -> Result<bool, String> {
    match id {
        [0x01, 0x75] => output.now().number("battery_pct", f64::from(frame.u8()?)),
        // Protocol version, LoRaWAN class, reset, power: notices of one byte.
        [0xff, 0x01 | 0x0b | 0x0f | 0xfe] => _ = frame.u8()?,
        // Hardware, firmware, table version.
        [0xff, 0x09 | 0x0a | 0xff] => _ = frame.take::<2>()?,
        // Serial numbers, short and long.
        [0xff, 0x08] => _ = frame.take::<6>()?,
        [0xff, 0x16] => _ = frame.take::<8>()?,
        _ => return Ok(false),
    }
    Ok(true)
}
