//! One frame per group commit: a header, then the records of that commit, under one checksum.
//!
//! A frame names its segment and its first sequence, so bytes left over from anything else are not
//! taken for it. It also says up to where the segment was known to be synced when it was written:
//! everything before that was on the disk, and a reader that meets a bad frame there knows that it
//! is damage and not the torn end of the log.
//!
//! Layout, little-endian: length of the records u32, CRC-32 u32 (over the header without itself, and
//! the records), segment u64, first sequence u64, time i64, count u32, synced offset u32; then for
//! each record its length as a varint and its bytes.

use std::io::{self, ErrorKind, Read};

use gengfu_model::{Record, Seq, Timestamp};

use super::codec::{self, CodecError, Decoder};

/// Bytes of a frame's header.
pub const FRAME_HEADER_BYTES: usize = 40;

/// No frame is longer than this, header and all: it bounds what a reader allocates.
pub const MAX_FRAME_BYTES: usize = 64 << 20;

/// What a frame says before its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Bytes of the records, without this header.
    pub body_bytes: u32,
    /// The segment that the frame belongs to.
    pub segment: u64,
    /// The sequence of its first record; the others follow one by one.
    pub first_seq: Seq,
    /// The journal's time of all its records.
    pub time: Timestamp,
    /// How many records; at least one.
    pub records: u32,
    /// The segment was synced up to this offset when the frame was written.
    pub synced: u32,
}

impl FrameHeader {
    /// The sequence of the last record.
    #[must_use]
    pub fn last_seq(&self) -> Seq {
        Seq(self.first_seq.0 + u64::from(self.records).saturating_sub(1))
    }

    /// Bytes of the whole frame.
    #[must_use]
    pub fn frame_bytes(&self) -> u64 {
        FRAME_HEADER_BYTES as u64 + u64::from(self.body_bytes)
    }

    fn write(&self, crc: u32, to: &mut [u8]) {
        to[0..4].copy_from_slice(&self.body_bytes.to_le_bytes());
        to[4..8].copy_from_slice(&crc.to_le_bytes());
        to[8..16].copy_from_slice(&self.segment.to_le_bytes());
        to[16..24].copy_from_slice(&self.first_seq.0.to_le_bytes());
        to[24..32].copy_from_slice(&self.time.as_millis().to_le_bytes());
        to[32..36].copy_from_slice(&self.records.to_le_bytes());
        to[36..40].copy_from_slice(&self.synced.to_le_bytes());
    }

    fn parse(bytes: &[u8; FRAME_HEADER_BYTES]) -> (FrameHeader, u32) {
        let u32_at = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let u64_at = |at: usize| u64::from(u32_at(at)) | (u64::from(u32_at(at + 4)) << 32);
        let header = FrameHeader {
            body_bytes: u32_at(0),
            segment: u64_at(8),
            first_seq: Seq(u64_at(16)),
            time: Timestamp(u64_at(24) as i64),
            records: u32_at(32),
            synced: u32_at(36),
        };
        (header, u32_at(4))
    }
}

/// Writes the header into the first bytes of `frame`, whose records already stand behind it.
pub(crate) fn seal(frame: &mut [u8], header: &FrameHeader) {
    header.write(0, frame);
    let crc = checksum(&frame[..FRAME_HEADER_BYTES], &frame[FRAME_HEADER_BYTES..]);
    frame[4..8].copy_from_slice(&crc.to_le_bytes());
}

fn checksum(header: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&header[..4]);
    hasher.update(&header[8..FRAME_HEADER_BYTES]);
    hasher.update(body);
    hasher.finalize()
}

/// What the next frame of a segment must continue.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    /// The segment.
    pub segment: u64,
    /// The sequence of its first record.
    pub seq: Seq,
    /// The time of the frame before; time never decreases.
    pub not_before: Timestamp,
}

/// What stood where a frame may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameRead {
    /// A whole, valid frame.
    Frame(FrameHeader),
    /// No frame: the end of the log, a torn write, or damage; the caller knows which.
    End(FrameFault),
}

/// Why there is no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameFault {
    /// Nothing was ever written here.
    #[error("there is no frame")]
    Blank,
    /// The file ends within the frame.
    #[error("the frame is cut off")]
    Short,
    /// The length or the count cannot be.
    #[error("the frame's length is impossible")]
    Length,
    /// The frame does not continue the one before it.
    #[error("the frame does not continue the one before it")]
    Foreign,
    /// The checksum does not match.
    #[error("the frame's checksum does not match")]
    Checksum,
}

/// Reads the next frame; its records' bytes go to `body`.
///
/// # Errors
/// When the source cannot be read.
pub fn read_frame(source: &mut dyn Read, expected: &Expected, body: &mut Vec<u8>) -> io::Result<FrameRead> {
    let mut bytes = [0; FRAME_HEADER_BYTES];
    match read_full(source, &mut bytes)? {
        0 => return Ok(FrameRead::End(FrameFault::Blank)),
        FRAME_HEADER_BYTES => {}
        read if bytes[..read].iter().all(|byte| *byte == 0) => return Ok(FrameRead::End(FrameFault::Blank)),
        _ => return Ok(FrameRead::End(FrameFault::Short)),
    }
    if bytes == [0; FRAME_HEADER_BYTES] {
        return Ok(FrameRead::End(FrameFault::Blank));
    }
    let (header, crc) = FrameHeader::parse(&bytes);
    if header.records == 0 || header.body_bytes < header.records || header.frame_bytes() > MAX_FRAME_BYTES as u64 {
        return Ok(FrameRead::End(FrameFault::Length));
    }
    let continues = header.segment == expected.segment && header.first_seq == expected.seq;
    if !continues || header.time < expected.not_before {
        return Ok(FrameRead::End(FrameFault::Foreign));
    }
    body.resize(header.body_bytes as usize, 0);
    if read_full(source, body)? < body.len() {
        return Ok(FrameRead::End(FrameFault::Short));
    }
    if checksum(&bytes, body) != crc {
        return Ok(FrameRead::End(FrameFault::Checksum));
    }
    Ok(FrameRead::Frame(header))
}

/// Fills `buf` as far as the source goes; gives how far that was.
fn read_full(source: &mut dyn Read, buf: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buf.len() {
        match source.read(&mut buf[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Decodes a frame's records and adds those between `from` and `to`, both included, to `out`.
///
/// # Errors
/// [`CodecError`] when a record cannot be read, which a valid checksum makes a newer version's doing.
pub fn decode_records(
    header: &FrameHeader,
    body: &[u8],
    range: (Seq, Seq),
    decoder: &mut Decoder,
    out: &mut Vec<Record>,
) -> Result<(), CodecError> {
    let mut rest = body;
    let mut seq = header.first_seq;
    for _ in 0..header.records {
        let bytes = codec::take_bytes(&mut rest, "length")?;
        if seq >= range.0 && seq <= range.1 {
            out.push(Record { seq, time: header.time, body: decoder.decode(bytes)? });
        }
        seq = seq.next();
    }
    if rest.is_empty() { Ok(()) } else { Err(CodecError::Rest(rest.len())) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::journal::random_inputs::random;

    fn sample() -> (Vec<u8>, FrameHeader) {
        let mut frame = vec![0; FRAME_HEADER_BYTES];
        frame.extend_from_slice(b"\x01a\x02bc");
        let header = FrameHeader {
            body_bytes: 5,
            segment: 3,
            first_seq: Seq(70),
            time: Timestamp(1_000),
            records: 2,
            synced: 4_096,
        };
        seal(&mut frame, &header);
        (frame, header)
    }

    const EXPECTED: Expected = Expected { segment: 3, seq: Seq(70), not_before: Timestamp(999) };

    fn read(bytes: &[u8], expected: &Expected) -> FrameRead {
        read_frame(&mut &*bytes, expected, &mut Vec::new()).unwrap()
    }

    #[test]
    fn a_frame_reads_as_it_was_written() {
        let (frame, header) = sample();
        assert_eq!(read(&frame, &EXPECTED), FrameRead::Frame(header));
        assert_eq!(header.last_seq(), Seq(71));
    }

    #[test]
    fn no_changed_bit_goes_unnoticed() {
        let (frame, _) = sample();
        for bit in 0..frame.len() * 8 {
            let mut changed = frame.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(read(&changed, &EXPECTED), FrameRead::End(_)), "bit {bit}");
        }
        for end in 1..frame.len() {
            assert!(matches!(read(&frame[..end], &EXPECTED), FrameRead::End(_)), "cut at {end}");
        }
    }

    #[test]
    fn a_frame_of_another_place_is_not_taken() {
        let (frame, _) = sample();
        let foreign = FrameRead::End(FrameFault::Foreign);
        assert_eq!(read(&frame, &Expected { segment: 4, ..EXPECTED }), foreign);
        assert_eq!(read(&frame, &Expected { seq: Seq(69), ..EXPECTED }), foreign);
        assert_eq!(read(&frame, &Expected { not_before: Timestamp(1_001), ..EXPECTED }), foreign);
        assert_eq!(read(&[0; 100], &EXPECTED), FrameRead::End(FrameFault::Blank));
        assert_eq!(read(&[], &EXPECTED), FrameRead::End(FrameFault::Blank));
    }

    proptest! {
        #![proptest_config(random(256))]

        #[test]
        fn garbage_is_never_a_frame_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(matches!(read(&bytes, &EXPECTED), FrameRead::End(_)));
        }
    }
}
