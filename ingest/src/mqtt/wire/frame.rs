//! The fixed header: which packet comes, how long it is, and whether it may come at all.

use bytes::BytesMut;

use super::{Fault, Reason, Version};

/// The packet types that a client may send to this listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PacketKind {
    Connect,
    Publish,
    PubAck,
    PubRel,
    Subscribe,
    Unsubscribe,
    PingReq,
    Disconnect,
}

const WRONG_FLAGS: &str = "reserved flags of the fixed header";

/// The kind of the packet that begins with this byte, if it is one that may come.
fn peek_kind(first: u8) -> Result<PacketKind, Fault> {
    let flags = first & 0x0F;
    let kind = match first >> 4 {
        1 => PacketKind::Connect,
        3 => PacketKind::Publish,
        4 => PacketKind::PubAck,
        6 => PacketKind::PubRel,
        8 => PacketKind::Subscribe,
        10 => PacketKind::Unsubscribe,
        12 => PacketKind::PingReq,
        14 => PacketKind::Disconnect,
        5 | 7 | 15 if flags != 0 => return Err(Fault::malformed(WRONG_FLAGS)),
        // We send commands with QoS 0 or 1 only, so there is nothing for a client to answer with these.
        5 | 7 => return Err(Fault::protocol("PUBREC or PUBCOMP for nothing that was sent")),
        15 => return Err(Fault::protocol("AUTH without an authentication method")),
        0 => return Err(Fault::malformed("packet type 0")),
        _ => return Err(Fault::protocol("a packet type that only servers send")),
    };
    let flags_are_right = match kind {
        PacketKind::Publish => true,
        PacketKind::PubRel | PacketKind::Subscribe | PacketKind::Unsubscribe => flags == 2,
        _ => flags == 0,
    };
    if flags_are_right { Ok(kind) } else { Err(Fault::malformed(WRONG_FLAGS)) }
}

/// A whole packet, with where its body begins.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: PacketKind,
    /// The packet, fixed header included.
    pub(crate) bytes: BytesMut,
    pub(crate) header_len: usize,
}

impl Frame {
    pub(crate) fn body(&self) -> &[u8] {
        &self.bytes[self.header_len..]
    }

    /// The flags of the fixed header.
    pub(crate) fn flags(&self) -> u8 {
        self.bytes[0] & 0x0F
    }
}

/// The next packet's header, when the whole packet is in the buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) kind: PacketKind,
    header_len: usize,
    total: usize,
}

/// Looks at the next packet; `None` when it is not complete yet. Type, flags and size are judged as soon as
/// their bytes are there, before the body is waited for.
pub(crate) fn peek_frame(buffer: &[u8], max_bytes: usize, version: Option<Version>) -> Result<Option<Header>, Fault> {
    let Some(&first) = buffer.first() else { return Ok(None) };
    let kind = peek_kind(first)?;
    let Some((body_len, length_len)) = remaining_length(&buffer[1..], version)? else { return Ok(None) };
    let header_len = 1 + length_len;
    let total = header_len + body_len;
    if total > max_bytes {
        return Err(Fault { reason: Reason::PacketTooLarge, what: "packet is larger than allowed" });
    }
    Ok((buffer.len() >= total).then_some(Header { kind, header_len, total }))
}

/// Takes the packet that [`peek_frame`] has seen off the buffer.
pub(crate) fn take_frame(buffer: &mut BytesMut, header: Header) -> Frame {
    Frame { kind: header.kind, bytes: buffer.split_to(header.total), header_len: header.header_len }
}

fn remaining_length(bytes: &[u8], version: Option<Version>) -> Result<Option<(usize, usize)>, Fault> {
    let mut length = 0_usize;
    for (i, byte) in bytes.iter().take(4).enumerate() {
        length |= usize::from(byte & 0x7F) << (7 * i);
        if byte & 0x80 == 0 {
            if version == Some(Version::V5) && i > 0 && *byte == 0 {
                return Err(Fault::malformed("remaining length is not in its shortest form"));
            }
            return Ok(Some((length, i + 1)));
        }
    }
    if bytes.len() >= 4 { Err(Fault::malformed("remaining length has more than four bytes")) } else { Ok(None) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(bytes: &[u8], max: usize) -> Result<Option<Frame>, Fault> {
        let header = peek_frame(bytes, max, Some(Version::V5))?;
        Ok(header.map(|header| take_frame(&mut BytesMut::from(bytes), header)))
    }

    #[test]
    fn waits_for_the_whole_packet_and_takes_exactly_it() {
        assert!(frame(&[], 10).unwrap().is_none());
        assert!(frame(&[0xC0], 10).unwrap().is_none());
        assert!(frame(&[0x30, 3, 0, 1], 10).unwrap().is_none());
        let mut buffer = BytesMut::from(&[0xC0, 0, 0xC0][..]);
        let header = peek_frame(&buffer, 10, None).unwrap().unwrap();
        assert_eq!(take_frame(&mut buffer, header).kind, PacketKind::PingReq);
        assert_eq!(&buffer[..], [0xC0]);
    }

    #[test]
    fn size_is_judged_before_the_body_comes() {
        assert_eq!(frame(&[0x30, 0x80, 0x80, 0x01], 1024).unwrap_err().reason, Reason::PacketTooLarge);
        assert!(frame(&[0x30, 0x80, 0x80, 0x80, 0x80], 1024).is_err());
        assert!(frame(&[0xC0, 0x80, 0x00], 1024).is_err());
    }

    #[test]
    fn wrong_flags_are_malformed_whatever_the_packet() {
        for first in [0x11, 0x41, 0x51, 0x60, 0x7F, 0x80, 0xA0, 0xC1, 0xE1, 0xF1] {
            assert_eq!(peek_kind(first).unwrap_err().reason, Reason::Malformed, "{first:#x}");
        }
        assert_eq!(peek_kind(0xF0).unwrap_err().reason, Reason::ProtocolError);
    }

    #[test]
    fn only_what_a_client_may_send_passes() {
        for first in [0x00, 0x20, 0x50, 0x70, 0x90, 0xB0, 0xD0, 0xF0, 0x11, 0x60, 0x80, 0xA0, 0xC1, 0xE1, 0x42] {
            assert!(peek_kind(first).is_err(), "{first:#x}");
        }
        for first in [0x10, 0x30, 0x3D, 0x40, 0x62, 0x82, 0xA2, 0xC0, 0xE0] {
            assert!(peek_kind(first).is_ok(), "{first:#x}");
        }
    }
}
