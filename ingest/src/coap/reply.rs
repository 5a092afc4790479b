//! Answers as bytes.

use coap_lite::{CoapOption, MessageClass, MessageType, Packet, ResponseType};

use super::blocks::Block;

/// The content format of JSON.
const JSON: u32 = 50;

/// What to answer, whatever message carries it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answer {
    /// The code.
    pub(super) code: ResponseType,
    /// The block that this answers, for a body in blocks.
    pub(super) block1: Option<Block>,
    /// Max-Age in seconds: when to try again.
    pub(super) max_age_s: Option<u32>,
    /// Size1 in bytes: how much would be taken.
    pub(super) size1: Option<u32>,
    /// A text for people, or JSON where `is_json`.
    pub(super) payload: String,
    /// Whether the payload is JSON and marked so; a diagnostic text has no content format.
    pub(super) is_json: bool,
}

impl Answer {
    /// An answer with a diagnostic text (empty for none).
    pub(super) fn new(code: ResponseType, text: &str) -> Answer {
        Answer { code, block1: None, max_age_s: None, size1: None, payload: text.to_owned(), is_json: false }
    }

    /// The bytes of the message that carries it; none if the codec cannot write it.
    pub(super) fn write(&self, ty: MessageType, message_id: u16, token: &[u8]) -> Vec<u8> {
        let mut packet = Packet::new();
        packet.header.set_version(1);
        packet.header.set_type(ty);
        packet.header.code = MessageClass::Response(self.code);
        packet.header.message_id = message_id;
        packet.set_token(token.to_vec());
        let numbers = [
            (CoapOption::ContentFormat, self.is_json.then_some(JSON)),
            (CoapOption::MaxAge, self.max_age_s),
            (CoapOption::Block1, self.block1.map(Block::to_number)),
            (CoapOption::Size1, self.size1),
        ];
        for (option, number) in numbers {
            if let Some(number) = number {
                packet.add_option(option, uint(number));
            }
        }
        packet.payload = self.payload.as_bytes().to_vec();
        packet.to_bytes_unlimited().unwrap_or_default()
    }
}

/// An acknowledgement or a reset without content.
pub(super) fn empty(ty: MessageType, message_id: u16) -> Vec<u8> {
    let mut packet = Packet::new();
    packet.header.set_version(1);
    packet.header.set_type(ty);
    packet.header.code = MessageClass::Empty;
    packet.header.message_id = message_id;
    packet.set_token(Vec::new());
    packet.to_bytes_unlimited().unwrap_or_default()
}

/// A number as an option's value: without leading zeros, nothing for 0.
fn uint(number: u32) -> Vec<u8> {
    number.to_be_bytes().into_iter().skip_while(|&byte| byte == 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_written_as_the_standard_has_them() {
        assert_eq!(empty(MessageType::Acknowledgement, 0x1234), [0x60, 0, 0x12, 0x34]);
        assert_eq!(empty(MessageType::Reset, 1), [0x70, 0, 0, 1]);
        let changed = Answer::new(ResponseType::Changed, "");
        assert_eq!(changed.write(MessageType::Acknowledgement, 7, &[0xaa]), [0x61, 0x44, 0, 7, 0xaa]);
        let busy = Answer { max_age_s: Some(5), ..Answer::new(ResponseType::ServiceUnavailable, "x") };
        assert_eq!(busy.write(MessageType::NonConfirmable, 7, &[]), [0x50, 0xa3, 0, 7, 0xd1, 1, 5, 0xff, b'x']);
    }
}
