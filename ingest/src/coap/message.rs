//! What a datagram is. The codec is lenient, so version, empty messages, options and the payload
//! marker are checked here (RFC 7252, sections 3, 4.1 to 4.3 and 5.4).

use std::sync::Arc;

use coap_lite::{CoapOption, MessageType, Packet};

/// The only version there is.
const VERSION: u8 = 1;
/// The header's length.
const HEADER_BYTES: usize = 4;
/// The code of POST.
const POST: u8 = 0x02;
/// What ends the options and begins the payload.
const PAYLOAD_MARKER: u8 = 0xff;
/// The longest Uri-Path or Uri-Query segment (RFC 7252, 5.10).
const MAX_SEGMENT_BYTES: usize = 255;
/// The longest block option (RFC 7959, 2.2).
const MAX_BLOCK_BYTES: usize = 3;

const URI_HOST: u16 = 3;
const URI_PORT: u16 = 7;
const URI_PATH: u16 = 11;
const URI_QUERY: u16 = 15;
const ACCEPT: u16 = 17;
const BLOCK2: u16 = 23;
const BLOCK1: u16 = 27;
const PROXY_URI: u16 = 35;
const PROXY_SCHEME: u16 = 39;
/// Request-Tag (RFC 9175): elective, keeps bodies of one resource apart.
const REQUEST_TAG: u16 = 292;

/// What to do about a datagram.
#[derive(Debug)]
pub(super) enum Incoming {
    /// Nothing: no CoAP of our version, or nothing that concerns a server.
    Ignore,
    /// Send a reset for this message id: it cannot be processed.
    Reset(u16),
    /// A ping: answered by a reset, too, but nothing is wrong.
    Ping(u16),
    /// The peer has acknowledged or reset our message of this id.
    Closed(u16),
    /// A request.
    Request(Request),
}

/// A request as it came.
#[derive(Debug)]
pub(super) struct Request {
    /// Whether the peer wants an acknowledgement.
    pub(super) confirmable: bool,
    /// The peer's message id.
    pub(super) message_id: u16,
    /// What the answer must carry.
    pub(super) token: Arc<[u8]>,
    /// Whether the method is POST.
    pub(super) is_post: bool,
    packet: Packet,
}

/// Why a request's options do not allow to process it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadOption {
    /// A critical option that is not known, repeated, or malformed.
    Critical(u16),
    /// It asks for a proxy.
    Proxy,
}

/// Reads a datagram.
pub(super) fn read(datagram: &[u8]) -> Incoming {
    let [first, code, id_high, id_low, ..] = *datagram else { return Incoming::Ignore };
    if first >> 6 != VERSION {
        return Incoming::Ignore;
    }
    let message_id = u16::from_be_bytes([id_high, id_low]);
    let ty = match (first >> 4) & 3 {
        0 => MessageType::Confirmable,
        1 => MessageType::NonConfirmable,
        2 => MessageType::Acknowledgement,
        _ => MessageType::Reset,
    };
    // What cannot be processed is reset if it was confirmable, and silently ignored otherwise.
    let reject = if ty == MessageType::Confirmable { Incoming::Reset(message_id) } else { Incoming::Ignore };
    match (code >> 5, code & 0x1f, ty) {
        (0, 0, _) if datagram.len() != HEADER_BYTES || first & 0x0f != 0 => reject,
        (0, 0, MessageType::Confirmable) => Incoming::Ping(message_id),
        (0, 0, MessageType::NonConfirmable) => Incoming::Ignore,
        (_, _, MessageType::Acknowledgement | MessageType::Reset) => Incoming::Closed(message_id),
        (0, _, MessageType::Confirmable | MessageType::NonConfirmable) => match parse(datagram) {
            Some(packet) => Incoming::Request(Request {
                confirmable: ty == MessageType::Confirmable,
                message_id,
                token: Arc::from(packet.get_token()),
                is_post: code == POST,
                packet,
            }),
            None => reject,
        },
        // Answers (we ask for nothing) and reserved classes.
        _ => reject,
    }
}

fn parse(datagram: &[u8]) -> Option<Packet> {
    let packet = Packet::from_bytes(datagram).ok()?;
    // A payload marker with nothing behind it is an error that the codec lets pass. Options have one
    // encoding only, so the packet written again is shorter by the marker then.
    let may_end_in_marker = packet.payload.is_empty() && datagram.last() == Some(&PAYLOAD_MARKER);
    if may_end_in_marker && packet.to_bytes_unlimited().ok()?.len() != datagram.len() {
        return None;
    }
    Some(packet)
}

impl Request {
    /// Checks the critical options (those with odd numbers): each known, at most once unless it may
    /// be repeated, and of its form.
    pub(super) fn check_options(&self) -> Result<(), BadOption> {
        for (&number, values) in self.packet.options() {
            let may_repeat = matches!(number, URI_PATH | URI_QUERY);
            let longest = match number {
                URI_HOST | URI_PATH | URI_QUERY => MAX_SEGMENT_BYTES,
                URI_PORT | ACCEPT => 2,
                BLOCK1 => MAX_BLOCK_BYTES,
                // Answers are short; only a wish for their size, block 0, can be met.
                BLOCK2 if values.iter().all(|value| uint(value).is_some_and(|value| value >> 4 == 0)) => {
                    MAX_BLOCK_BYTES
                }
                PROXY_URI | PROXY_SCHEME => return Err(BadOption::Proxy),
                _ if number % 2 == 0 => continue,
                _ => return Err(BadOption::Critical(number)),
            };
            if values.len() > 1 && !may_repeat || values.iter().any(|value| value.len() > longest) {
                return Err(BadOption::Critical(number));
            }
        }
        Ok(())
    }

    /// The path's segments; `None` if one is no UTF-8.
    pub(super) fn path(&self) -> Option<Vec<&str>> {
        self.texts(CoapOption::UriPath)
    }

    /// The query's parts; `None` if one is no UTF-8.
    pub(super) fn query(&self) -> Option<Vec<&str>> {
        self.texts(CoapOption::UriQuery)
    }

    fn texts(&self, option: CoapOption) -> Option<Vec<&str>> {
        let values = self.packet.get_option(option).into_iter().flatten();
        values.map(|value| std::str::from_utf8(value).ok()).collect()
    }

    /// The number in an option, if it is there: `Err` if it is too long to be one.
    pub(super) fn number(&self, option: CoapOption) -> Result<Option<u32>, ()> {
        self.packet.get_first_option(option).map(|value| uint(value).ok_or(())).transpose()
    }

    /// What tells this body from others of the same peer: path, query, format and Request-Tag.
    pub(super) fn body_key(&self) -> Vec<u8> {
        let mut key = Vec::new();
        for (&number, values) in self.packet.options() {
            if matches!(number, URI_PATH | URI_QUERY | REQUEST_TAG) || number == u16::from(CoapOption::ContentFormat) {
                for value in values {
                    key.extend(number.to_be_bytes());
                    key.extend((value.len() as u64).to_be_bytes());
                    key.extend(value);
                }
            }
        }
        key
    }

    /// The payload.
    pub(super) fn payload(&self) -> &[u8] {
        &self.packet.payload
    }
}

/// A number in an option's value: up to four bytes, the highest first.
fn uint(value: &[u8]) -> Option<u32> {
    (value.len() <= 4).then(|| value.iter().fold(0, |number, &byte| number << 8 | u32::from(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(bytes: &[u8]) -> Request {
        match read(bytes) {
            Incoming::Request(request) => request,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn empty_messages_are_what_their_type_says() {
        assert!(matches!(read(&[0x40, 0, 0x12, 0x34]), Incoming::Ping(0x1234)));
        assert!(matches!(read(&[0x50, 0, 0, 1]), Incoming::Ignore));
        assert!(matches!(read(&[0x60, 0, 0, 1]), Incoming::Closed(1)));
        assert!(matches!(read(&[0x70, 0, 0, 1]), Incoming::Closed(1)));
        // A token or anything else makes an empty message malformed.
        assert!(matches!(read(&[0x41, 0, 0, 1, 9]), Incoming::Reset(1)));
        assert!(matches!(read(&[0x40, 0, 0, 1, 0xff, 1]), Incoming::Reset(1)));
        assert!(matches!(read(&[0x60, 0, 0, 1, 1]), Incoming::Ignore));
    }

    #[test]
    fn what_cannot_be_processed_is_reset_or_ignored() {
        for version in [0x00, 0x80, 0xc0] {
            assert!(matches!(read(&[version, 2, 0, 1]), Incoming::Ignore));
        }
        assert!(matches!(read(&[]), Incoming::Ignore));
        assert!(matches!(read(&[0x40, 2, 0]), Incoming::Ignore));
        // Token lengths 9 to 15, options that run over the end, a marker with no payload.
        for bytes in
            [&[0x49, 2, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9][..], &[0x40, 2, 0, 1, 0xb5, b'x'], &[0x40, 2, 0, 1, 0xff]]
        {
            assert!(matches!(read(bytes), Incoming::Reset(1)), "{bytes:?}");
            let mut non_confirmable = bytes.to_vec();
            non_confirmable[0] |= 0x10;
            assert!(matches!(read(&non_confirmable), Incoming::Ignore), "{bytes:?}");
        }
        // An answer, and the reserved classes 1, 6 and 7.
        for code in [0x45, 0x21, 0xc1, 0xe1] {
            assert!(matches!(read(&[0x40, code, 0, 1]), Incoming::Reset(1)), "{code}");
        }
        // The last byte of an option is no payload marker.
        assert!(matches!(read(&[0x40, 2, 0, 1, 0xb1, 0xff]), Incoming::Request(_)));
    }

    #[test]
    fn options_are_checked() {
        assert_eq!(request(&[0x40, 2, 0, 1, 0xb1, b'a', 0x01, b'b']).check_options(), Ok(()));
        assert_eq!(request(&[0x40, 2, 0, 1, 0xb1, b'a', 0x01, b'b']).path(), Some(vec!["a", "b"]));
        // Option 9 is critical, option 10 is not.
        assert_eq!(request(&[0x40, 2, 0, 1, 0x90]).check_options(), Err(BadOption::Critical(9)));
        assert_eq!(request(&[0x40, 2, 0, 1, 0xa0]).check_options(), Ok(()));
        // Accept twice; Block1 of four bytes; Block2 asking for block 1; a proxy.
        assert_eq!(request(&[0x40, 2, 0, 1, 0xd0, 4, 0x00]).check_options(), Err(BadOption::Critical(17)));
        assert_eq!(request(&[0x40, 2, 0, 1, 0xd4, 14, 0, 0, 0, 6]).check_options(), Err(BadOption::Critical(27)));
        assert_eq!(request(&[0x40, 2, 0, 1, 0xd1, 10, 0x16]).check_options(), Err(BadOption::Critical(23)));
        assert_eq!(request(&[0x40, 2, 0, 1, 0xd1, 10, 0x06]).check_options(), Ok(()));
        assert_eq!(request(&[0x40, 2, 0, 1, 0xd1, 22, b'x']).check_options(), Err(BadOption::Proxy));
        assert_eq!(request(&[0x40, 2, 0, 1, 0xb1, 0xff]).path(), None);
    }

    #[test]
    fn bodies_with_different_tags_are_different() {
        let tagged = |tag: u8| request(&[0x40, 2, 0, 1, 0xb1, b'a', 0xe1, 0, 12, tag]).body_key();
        assert_eq!(tagged(1), tagged(1));
        assert_ne!(tagged(1), tagged(2));
    }

    #[test]
    fn no_datagram_makes_it_panic() {
        // xorshift: any bytes will do, as long as a failure comes again.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[0]
        };
        let mut requests = 0;
        for round in 0..100_000 {
            let mut bytes: Vec<u8> = (0..usize::from(next()) % 64).map(|_| next()).collect();
            // Every other one begins like a request, so that the options are reached.
            if round % 2 == 0 && bytes.len() >= 4 {
                bytes[0] = 0x40 | bytes[0] & 0x13;
                bytes[1] = POST;
            }
            if let Incoming::Request(request) = read(&bytes) {
                requests += 1;
                let checked = request.check_options();
                if checked.is_ok() {
                    request.path();
                    request.query();
                    request.body_key();
                }
            }
        }
        assert!(requests > 1_000, "{requests}");
    }
}
